//! Frames of all sorts, and what is said of them; tshark has the last word on files.

use super::*;
use etherparse::PacketBuilder;
use std::process::{Command, Stdio};

/// 2026-11-26 00:00:01.000002003 UTC.
const TIME: Duration = Duration::new(1_795_651_201, 2003);

fn frame(bytes: Vec<u8>) -> Frame {
    Frame { time: TIME, length: bytes.len(), bytes }
}

fn line(bytes: Vec<u8>) -> String {
    Description::of(&frame(bytes)).to_string()
}

fn ether() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

fn tcp() -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = ether().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1234, 80, 7, 512).syn().ack(9);
    packet.write(&mut bytes, b"hello").unwrap();
    bytes
}

fn udp6() -> Vec<u8> {
    let mut bytes = Vec::new();
    let ends = ["fd00::1", "fd00::2"].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
    ether().ipv6(ends[0], ends[1], 64).udp(5, 9999).write(&mut bytes, b"question").unwrap();
    bytes
}

fn echo() -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = ether().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).icmpv4_echo_request(3, 4);
    packet.write(&mut bytes, &[0; 56]).unwrap();
    bytes
}

fn arp() -> Vec<u8> {
    let mut bytes = [[0xff; 6], [2, 0, 0, 0, 0, 1]].concat();
    bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
    bytes.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    bytes
}

#[test]
fn lines_are_brief() {
    for (bytes, text) in [
        (tcp(), "IP 10.0.0.1:1234 > 10.0.0.2:80: Flags [S.], seq 7, ack 9, win 512, length 5"),
        (udp6(), "IP6 [fd00::1]:5 > [fd00::2]:9999: UDP, length 8"),
        (echo(), "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 3, seq 4, length 64"),
        (arp(), "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"),
        (
            [&[2; 12][..], &[0x88, 0xcc], &[0; 46]].concat(),
            "02:02:02:02:02:02 > 02:02:02:02:02:02, ethertype 0x88cc, length 60",
        ),
    ] {
        assert_eq!(line(bytes), format!("00:00:01.000002 {text}"));
    }
}

#[test]
fn records_have_what_the_lines_have() {
    let record = serde_json::to_value(Description::of(&frame(tcp()))).unwrap();
    assert_eq!(record["time"], "1795651201.000002003");
    assert_eq!((&record["network"], &record["protocol"]), (&"IP".into(), &"TCP".into()));
    assert_eq!((&record["source"], &record["destination"]), (&"10.0.0.1:1234".into(), &"10.0.0.2:80".into()));
    assert_eq!((&record["ether_source"], &record["length"]), (&"02:00:00:00:00:01".into(), &59.into()));
}

/// Every frame cut at every length, and with each byte changed in every bit.
#[test]
fn no_frame_is_too_malformed_for_a_line() {
    for whole in [tcp(), udp6(), echo(), arp()] {
        for length in 0..whole.len() {
            let text = line(whole[..length].to_vec());
            assert!(text.contains("length") && text.is_ascii(), "{text}");
        }
        assert!(line(whole[..20].to_vec()).ends_with("[malformed]"));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                assert!(line(damaged).bytes().all(|byte| matches!(byte, b' '..=b'~')));
            }
        }
    }
    let mut state = 1_u64;
    for length in (0..3000).chain([65_535, 300_000]) {
        let bytes = (0..length).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        let mut bytes: Vec<u8> = bytes.collect();
        if let Some(place) = bytes.get_mut(12..14) {
            place.copy_from_slice(
                [[0x08, 0x00], [0x86, 0xdd], [0x08, 0x06], [0x81, 0x00]][length % 4].as_slice(),
            );
        }
        assert!(line(bytes).is_ascii());
    }
}

#[test]
fn the_count_and_a_signal_end_it() {
    let (sender, events) = sync_channel(10);
    for _ in 0..4 {
        sender.send(Event::Frame(frame(echo()))).unwrap();
    }
    sender.send(Event::Signal).unwrap();
    let mut out = Vec::new();
    assert_eq!(show_all(&events, Some(3), &mut Shown::Lines(&mut out)).unwrap(), 3);
    assert_eq!(show_all(&events, None, &mut Shown::Json(&mut out)).unwrap(), 1);
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 4);
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: there is no {program}");
    }
    found
}

/// A file that is removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("rump-dump-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn samples() -> Vec<Frame> {
    [tcp(), udp6(), echo(), arp(), vec![0; 5], vec![]].map(frame).to_vec()
}

/// A file of either format with the samples.
fn written(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let file = File::create(&scratch.0).unwrap();
    let format = if name.ends_with("pcapng") { Format::Pcapng } else { Format::Pcap };
    let mut file = Shown::File(Writer::new(file, format).unwrap());
    samples().iter().for_each(|frame| file.show(frame).unwrap());
    file.flush().unwrap();
    scratch
}

fn read_all(bytes: &[u8]) -> io::Result<Vec<Frame>> {
    let mut reader = Frames::new(io::Cursor::new(bytes.to_vec()))?;
    let mut all = Vec::new();
    while let Some(frame) = reader.next()? {
        all.push(frame);
    }
    Ok(all)
}

#[test]
fn tshark_reads_the_files() {
    if !is_there("tshark") {
        return;
    }
    let fields =
        ["frame.time_epoch", "frame.len", "_ws.col.Protocol", "tcp.checksum.status", "udp.checksum.status"];
    for name in ["tshark.pcap", "tshark.pcapng"] {
        let file = written(name);
        let fields = fields.iter().flat_map(|field| ["-e", field]);
        let checks =
            ["tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"].into_iter().flat_map(|on| ["-o", on]);
        let mut tshark = Command::new("tshark");
        tshark.args(["-n", "-T", "fields", "-E", "separator=;"]).args(checks).args(fields);
        let output = tshark.arg("-r").arg(&file.0).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1795651201.000002003;59;TCP;1;", "{text}");
        assert_eq!(lines[1], "1795651201.000002003;70;UDP;;1", "{text}");
        assert!(lines[2].ends_with(";98;ICMP;;") && lines[3].ends_with(";42;ARP;;"), "{text}");
        assert_eq!(lines.len(), 6, "{text}");
    }
}

#[test]
fn what_was_written_is_read() {
    for name in ["own.pcap", "own.pcapng"] {
        let bytes = std::fs::read(&written(name).0).unwrap();
        assert_eq!(read_all(&bytes).unwrap(), samples(), "{name}");
    }
}

/// Wireshark's own program writes the files: with times in microseconds or nanoseconds, and cut packets.
#[test]
fn files_of_others_are_read() {
    if !is_there("editcap") {
        return;
    }
    let (ours, theirs) = (written("ours.pcap"), Scratch::new("theirs"));
    for (format, unit) in [("pcap", 1000), ("nsecpcap", 1), ("pcapng", 1)] {
        for cut in [50, 65_535] {
            let mut editcap = Command::new("editcap");
            editcap.args(["-F", format, "-s", &cut.to_string()]).arg(&ours.0).arg(&theirs.0);
            assert!(editcap.status().unwrap().success());
            let frames = read_all(&std::fs::read(&theirs.0).unwrap()).unwrap();
            let expected = samples().into_iter().map(|mut frame| {
                frame.bytes.truncate(cut);
                frame.time -= Duration::from_nanos(frame.time.as_nanos() as u64 % unit);
                frame
            });
            assert_eq!(frames, expected.collect::<Vec<_>>(), "{format}, {cut}");
        }
    }
}

/// Types of blocks (draft-ietf-opsawg-pcapng, section 11.1), and what says the order of bytes.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// The order of bytes of other machines, an unknown block, a unit of two to a power, an offset, a simple packet.
#[test]
fn files_of_other_machines_are_read() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let pcap = [words(&[0xa1b2_c3d4, 0x0002_0004, 0, 0, 65_535, 1, 7, 9, 4, 60]), b"abcd".to_vec()].concat();
    let time = Duration::new(7, 9000);
    assert_eq!(read_all(&pcap).unwrap(), [Frame { time, bytes: b"abcd".to_vec(), length: 60 }]);
    let mut pcapng = words(&[SECTION, 28, BYTE_ORDER, 0x0001_0000, u32::MAX, u32::MAX, 28]);
    pcapng.extend(words(&[0x0bad, 16, 0xffff_ffff, 16]));
    // Units of a 1024th of a second, which begin at second 100.
    let options = [0x0009_0001, 0x8a00_0000, 0x000e_0008, 0, 100, 0];
    pcapng.extend(words(&[INTERFACE, 44, 0x0001_0000, 65_535]));
    pcapng.extend(words(&options));
    pcapng.extend(words(&[44]));
    pcapng.extend(words(&[PACKET, 36, 0, 0, 1024 * 3 + 512, 3, 3]));
    pcapng.extend(b"abc\0");
    pcapng.extend(words(&[36, SIMPLE_PACKET, 20, 2]));
    pcapng.extend(b"xy\0\0");
    pcapng.extend(words(&[20]));
    let first = Frame { time: Duration::from_millis(103_500), bytes: b"abc".to_vec(), length: 3 };
    let second = Frame { time: Duration::ZERO, bytes: b"xy".to_vec(), length: 2 };
    assert_eq!(read_all(&pcapng).unwrap(), [first, second]);
}

#[test]
fn damaged_files_are_refused_or_read() {
    for name in ["damaged.pcap", "damaged.pcapng"] {
        let whole = std::fs::read(&written(name).0).unwrap();
        for length in 0..whole.len() {
            let frames = read_all(&whole[..length]);
            assert!(frames.is_err() || frames.unwrap().len() < samples().len());
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                // Nothing panics, nor takes memory for what is not there.
                let _ = read_all(&damaged);
            }
        }
    }
    assert!(read_all(b"").is_err() && read_all(&[0; 100]).is_err());
    // Whoever repairs a file is told the place.
    let whole = std::fs::read(&written("cut.pcap").0).unwrap();
    let error = read_all(&whole[..whole.len() - 20]).unwrap_err().to_string();
    assert!(error.starts_with("capture, before byte ") && error.ends_with(": it ends too early"), "{error}");
    // A tunnel's.
    let mut other = whole;
    other[20] = 101;
    assert_eq!(read_all(&other).unwrap_err().to_string(), "its packets are not of Ethernet");
}
