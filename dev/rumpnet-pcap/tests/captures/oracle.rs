//! Wireshark's programs make files, and read ours.

use crate::build::{File, classic};
use crate::{datagram, frames, packet};
use core::time::Duration;
use rump_kpi::port::Direction;
use rumpnet_pcap::{Frame, LinkType, write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder that is removed in the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rump-pcap-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether there are the programs; else the test says that it was skipped.
pub fn has_judges() -> bool {
    let is_there = |program: &str| {
        Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let missing = ["tshark", "editcap", "mergecap"].into_iter().find(|program| !is_there(program));
    if let Some(program) = missing {
        eprintln!("skipped: there is no {program}");
    }
    missing.is_none()
}

pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Time, length, bytes kept and interface of every frame, as tshark tells them.
fn told(path: &Path) -> Vec<String> {
    let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_id"];
    let fields: Vec<&str> = fields.iter().flat_map(|field| ["-e", *field]).collect();
    let path = path.to_str().unwrap();
    let output =
        run("tshark", &[&["-n", "-T", "fields", "-E", "separator=,", "-r", path][..], &fields].concat());
    output.lines().map(String::from).collect()
}

/// The same of ours. tshark counts interfaces through all sections, and has one for files without any.
fn as_told(frame: &Frame) -> String {
    let time = frame
        .time
        .map_or("0.000000000".into(), |time| format!("{}.{:09}", time.as_secs(), time.subsec_nanos()));
    format!("{time},{},{},{}", frame.length, frame.bytes.len(), frame.interface)
}

fn sample() -> Vec<(Duration, Vec<u8>)> {
    let time = |number: u32| Duration::new(1_795_651_201 + u64::from(number), number * 1_001_000);
    (0..40).map(|number| (time(number), datagram(&vec![number as u8; 1 + 31 * number as usize]))).collect()
}

fn ours(frames: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    write::section(&mut file);
    write::interface(&mut file, "virt0", LinkType::ETHERNET);
    for (number, (time, bytes)) in frames.iter().enumerate() {
        let direction = [None, Some(Direction::In), Some(Direction::Out)][number % 3];
        write::frame(&mut file, 0, *time, direction, &packet(bytes));
    }
    file
}

#[test]
fn files_that_wireshark_makes_are_read() {
    if !has_judges() {
        return;
    }
    let (folder, sample) = (Folder::new("formats"), sample());
    let origin = folder.put("origin.pcapng", &ours(&sample));
    let origin = origin.to_str().unwrap();
    for format in ["pcap", "nsecpcap", "modpcap", "pcapng"] {
        let path = folder.0.join(format);
        run("editcap", &["-F", format, origin, path.to_str().unwrap()]);
        let all = frames(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(all.len(), sample.len(), "{format}");
        for (frame, (time, bytes)) in all.iter().zip(&sample) {
            assert_eq!((frame.time, &frame.bytes[..]), (Some(*time), &bytes[..]), "{format}");
        }
    }
    // Cut to 60 bytes, and two kinds of links in one file.
    let cut = folder.0.join("cut");
    run("editcap", &["-s", "60", origin, cut.to_str().unwrap()]);
    assert_eq!(
        frames(&std::fs::read(&cut).unwrap()).unwrap().iter().map(as_told).collect::<Vec<_>>(),
        told(&cut)
    );
    let raw = classic(0xa1b2_3c4d, true, 101, &[(1_795_651_202, 5, &datagram(b"raw")[14..])]);
    let (raw, merged) = (folder.put("raw.pcap", &raw), folder.0.join("merged"));
    run("mergecap", &["-w", merged.to_str().unwrap(), origin, raw.to_str().unwrap(), cut.to_str().unwrap()]);
    let all = frames(&std::fs::read(&merged).unwrap()).unwrap();
    assert_eq!(all.len(), 2 * sample.len() + 1);
    assert_eq!(all.iter().filter(|frame| frame.link == LinkType::RAW).count(), 1);
    assert_eq!(all.iter().map(as_told).collect::<Vec<_>>(), told(&merged));
}

/// Orders of bytes, resolutions, older and simple frames: what tshark tells of a file is what we tell.
#[test]
fn strange_files_are_read_as_tshark_reads_them() {
    if !has_judges() {
        return;
    }
    let folder = Folder::new("strange");
    let bytes = datagram(b"strange");
    for is_big in [false, true] {
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] {
            let file = classic(magic, is_big, 1, &[(1_795_651_201, 999_999, &bytes), (7, 0, &bytes[..14])]);
            let told: Vec<String> =
                told(&folder.put("classic", &file)).iter().map(|line| numbered(line)).collect();
            assert_eq!(
                frames(&file).unwrap().iter().map(as_told).collect::<Vec<_>>(),
                told,
                "{magic:#x} {is_big}"
            );
        }
        for resolution in [0, 3, 6, 9, 0x8a, 0xa0] {
            let mut file = File::new(is_big);
            let offset = if is_big { 3600_i64.to_be_bytes() } else { 3600_i64.to_le_bytes() };
            file.interface(1, 0, &[(2, b"one".to_vec()), (9, vec![resolution]), (14, offset.to_vec())]);
            file.interface(1, 0, &[(9, vec![resolution])]);
            let flags = file.option(2, &file.u32(1));
            for ticks in [1, 1000, 1_000_000_007] {
                file.frame(6, 0, ticks, 99, &bytes, &flags);
                file.frame(6, 1, ticks, 51, &bytes, &[]);
                file.frame(2, 1, ticks, 51, &bytes, &[]);
            }
            file.block(0x8000_0001, b"of nobody...");
            let told = told(&folder.put("next", &file.bytes));
            let ours: Vec<String> = frames(&file.bytes).unwrap().iter().map(as_told).collect();
            assert_eq!(ours, told, "{resolution:#x} {is_big}");
        }
        let mut file = File::new(is_big);
        file.interface(1, 40, &[]);
        file.simple(51, &bytes[..40]);
        file.simple(20, &bytes[..20]);
        let told = told(&folder.put("simple", &file.bytes));
        let lengths = |line: &String| line.split(',').skip(1).take(2).map(String::from).collect::<Vec<_>>();
        let ours: Vec<String> = frames(&file.bytes).unwrap().iter().map(as_told).collect();
        assert_eq!(
            ours.iter().map(lengths).collect::<Vec<_>>(),
            told.iter().map(lengths).collect::<Vec<_>>()
        );
    }
}

/// tshark has an interface for files that have none.
fn numbered(line: &str) -> String {
    if line.ends_with(',') { format!("{line}0") } else { line.into() }
}

#[test]
fn what_we_write_is_read_by_tshark() {
    if !has_judges() {
        return;
    }
    let (folder, sample) = (Folder::new("ours"), sample());
    let mut file = ours(&sample);
    write::statistics(&mut file, 0, sample[3].0, 40, 0);
    let path = folder.put("ours.pcapng", &file);
    assert_eq!(frames(&file).unwrap().iter().map(as_told).collect::<Vec<_>>(), told(&path));
    let path = path.to_str().unwrap();
    let directions = run(
        "tshark",
        &[
            "-n",
            "-T",
            "fields",
            "-e",
            "frame.interface_name",
            "-e",
            "frame.packet_flags_direction",
            "-r",
            path,
        ],
    );
    let lines: Vec<&str> = directions.lines().collect();
    assert_eq!(lines[..3], ["virt0\t", "virt0\t0x00000001", "virt0\t0x00000002"]);
    assert_eq!(run("tshark", &["-n", "-q", "-z", "expert", "-r", path]).trim(), "");
    let mut file = Vec::new();
    write::classic_header(&mut file, LinkType::ETHERNET);
    sample.iter().for_each(|(time, bytes)| write::classic_frame(&mut file, *time, &packet(bytes)));
    let told: Vec<String> = told(&folder.put("ours.pcap", &file)).iter().map(|line| numbered(line)).collect();
    assert_eq!(frames(&file).unwrap().iter().map(as_told).collect::<Vec<_>>(), told);
}
