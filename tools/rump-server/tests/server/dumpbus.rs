//! What is on a bus: of files that the genuine implementation wrote, judged by tcpdump, and of damaged ones.
//!
//! The samples are not part of the project: `RUMP_SAMPLES` names their folder, `../shared/specs/samples` beside the project
//! otherwise. Where they are missing, that is said; with `RUMP_NO_SKIPS` it is an error.

use crate::SERVER;
use crate::tests;
use rump_server_rig::{Said, Scratch, Server, client};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

tests!(
    genuine_buses_are_printed,
    genuine_buses_are_captures,
    a_bus_in_use_is_printed,
    what_is_no_bus_is_named,
    damage_ends_the_packets,
);

const DUMPBUS: &str = env!("CARGO_BIN_EXE_shmif_dumpbus");

/// Each sample, with its header and how many packets it has.
const SAMPLES: [(&str, &str, usize); 2] = [
    ("shmif-few.bus", "generation: 0, firstoff: 0xfffe0, lastoff: 0x1210e\n", 95),
    ("shmif-wrapped.bus", "generation: 141, ", 10_149),
];

/// Puts a sample into a folder, if it is there.
fn sample(scratch: &Scratch, name: &str) -> bool {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/samples");
    let folder = std::env::var_os("RUMP_SAMPLES").map_or_else(beside, PathBuf::from);
    let Ok(packed) = std::fs::File::open(folder.join(format!("{name}.xz"))) else {
        let message = format!("{name}: skipped for want of the samples (RUMP_SAMPLES)");
        assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "{message}");
        eprintln!("{message}");
        return false;
    };
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    std::fs::write(scratch.path(name), bytes).unwrap();
    true
}

fn dump(scratch: &Scratch, words: &[&str]) -> Said {
    let said = scratch.run(DUMPBUS, words);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{words:?}");
    said
}

fn genuine_buses_are_printed() {
    let scratch = Scratch::new();
    for (name, header, count) in SAMPLES {
        if !sample(&scratch, name) {
            return;
        }
        let said = dump(&scratch, &["-h", name]).out;
        assert!(said.starts_with("bus version 3, lock: 0, ") && said.contains(header), "{said}");
        let all = dump(&scratch, &[name]).out;
        let lines: Vec<&str> = all.strip_prefix(&said).unwrap().lines().collect();
        assert_eq!(lines.len(), count);
        assert!(
            lines[0].starts_with("packet 0, offset 0x") && lines[0].contains(", length 0x"),
            "{}",
            lines[0]
        );
        // Packets follow one another, and the last one is where the header says.
        let field = |line: &str, name: &str| {
            let rest = line.split(name).nth(1).unwrap().trim_start_matches("0x");
            u64::from_str_radix(rest.split(',').next().unwrap(), 16).unwrap()
        };
        let size = std::fs::metadata(scratch.path(name)).unwrap().len() - 32;
        for pair in lines.windows(2) {
            let next = (field(pair[0], "offset ") + field(pair[0], "length ") + 24) % size;
            assert_eq!(next, field(pair[1], "offset "), "{pair:?}");
        }
        let last = format!("lastoff: 0x{:04x}\n", field(lines[count - 1], "offset "));
        assert!(said.ends_with(&last), "{said}");
    }
}

fn genuine_buses_are_captures() {
    let scratch = Scratch::new();
    for (name, _, count) in SAMPLES {
        if !sample(&scratch, name) {
            return;
        }
        let lines = dump(&scratch, &["-p", "file.pcap", name]).out;
        assert_eq!(lines.lines().count(), count + 1);
        let path = scratch.path("file.pcap");
        let Ok(output) = Command::new("tcpdump").args(["-n", "-tt", "-r"]).arg(&path).output() else {
            assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "tcpdump is missing");
            return;
        };
        assert!(output.status.success());
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let packets: Vec<&str> = shown.lines().filter(|line| !line.starts_with(['\t', ' '])).collect();
        assert_eq!(packets.len(), count);
        assert!(packets.iter().all(|line| ["IP ", "IP6 ", "ARP"].iter().any(|kind| line.contains(kind))));
        // Times are those of the lines.
        for (line, packet) in lines.lines().skip(1).zip(packets) {
            let (seconds, microseconds) = line.rsplit("ts ").next().unwrap().split_once('/').unwrap();
            assert!(packet.starts_with(&format!("{seconds}.{microseconds}")), "{line}: {packet}");
        }
        // To the output, the capture is alone.
        let mut command = scratch.command(DUMPBUS, &["-p", "-", name]);
        let piped = command.output().unwrap();
        assert_eq!(piped.stdout, std::fs::read(path).unwrap());
        assert_eq!(String::from_utf8_lossy(&piped.stderr), lines);
    }
}

fn a_bus_in_use_is_printed() {
    let scratch = Scratch::new();
    let text = "[[interface]]\nname = 'eth0'\nlink = 'shmif:bus'\naddresses = ['10.1.2.3/24']\n";
    std::fs::write(scratch.path("net.toml"), text).unwrap();
    let said = scratch.run(SERVER, &["-l", "rumpnet_netinet", "--net", "net.toml", "unix://sock"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let server = Server::at(&scratch.path("sock"));
    assert!(client(&server.url).pid().is_ok());
    let said = dump(&scratch, &["bus"]).out;
    assert!(said.starts_with("bus version 3, lock: "), "{said}");
}

fn what_is_no_bus_is_named() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("short"), "text").unwrap();
    std::fs::write(scratch.path("other"), [7; 4096]).unwrap();
    std::fs::File::create(scratch.path("long")).unwrap().set_len(1 << 40).unwrap();
    for (name, expected) in [
        ("missing", "No such file"),
        (".", "Is a directory"),
        ("short", "too short"),
        ("other", "not a bus"),
        ("long", "longer than any bus"),
    ] {
        let said = scratch.run(DUMPBUS, &[name]);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{name}");
        assert!(said.err.starts_with(&format!("shmif_dumpbus: {name}: {expected}")), "{}", said.err);
    }
    assert_eq!(scratch.run(DUMPBUS, &[]).code, Some(2));
}

/// A bus of these words of the header.
fn bus(first: u32, last: u32) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    for (at, word) in [(0, 0xca11_d054), (4, 3), (16, first), (20, last)] {
        bytes[at..at + 4].copy_from_slice(&u32::to_ne_bytes(word));
    }
    bytes
}

fn damage_ends_the_packets() {
    let scratch = Scratch::new();
    let run = |bytes: &[u8]| {
        std::fs::write(scratch.path("bus"), bytes).unwrap();
        scratch.run(DUMPBUS, &["bus"])
    };
    let ring = (1 << 20) - 32;
    // A fresh one has nothing.
    let said = run(&bus(ring, 0));
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 1), "{}", said.err);
    for (first, last) in [(ring + 1, 0), (0, ring), (u32::MAX, u32::MAX)] {
        assert_eq!(run(&bus(first, last)).code, Some(1), "{first} {last}");
    }
    // The first of two is good, the second reaches beyond the newest.
    let mut bytes = bus(0, 200);
    bytes[32..36].copy_from_slice(&60u32.to_ne_bytes());
    bytes[32 + 84..32 + 88].copy_from_slice(&u32::MAX.to_ne_bytes());
    let said = run(&bytes);
    assert_eq!((said.code, said.out.lines().count()), (Some(1), 2), "{}", said.out);
    assert!(said.err.contains("bus: a packet that reaches beyond"), "{}", said.err);
}
