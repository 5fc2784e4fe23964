//! Programs that libpcap compiles, run by our machine: what it wants is what tcpdump shows.

use crate::frames::{Random, frame};
use rump_kpi::packet::Packet;
use rumpdev_bpf::{Instruction, Invalid, Program};
use rumpnet_pcap::{LinkType, Reader, write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const EXPRESSIONS: &[&str] = &[
    "",
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "sctp",
    "igmp",
    "not ip",
    "host 10.0.0.1",
    "src host 10.0.0.1 and not dst host 10.0.1.2",
    "net 10.0.0.0/24",
    "src net 10.0.2.0/23",
    "ip6 host fd00::1",
    "net fd00::/127",
    "port 53",
    "tcp dst port 80 or udp src port 53",
    "portrange 20-90",
    "tcp portrange 80-8080",
    "ip proto 47",
    "ip6 proto 44",
    "ether multicast",
    "ether broadcast",
    "ether host 02:00:00:00:00:01",
    "vlan",
    "vlan 2 and ip",
    "vlan and vlan 3",
    "vlan or tcp port 22",
    "len > 80",
    "less 60",
    "greater 100 and udp",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[13] = 18",
    "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "ip[6:2] & 0x1fff = 0 and udp",
    "ip[8] < 5",
    "icmp[icmptype] = icmp-echo or icmp[0] = 3",
    "icmp6[0] == 135",
    "ether[0] & 1 = 1",
    "ether[12:2] > 0x0800",
    "len % 7 = 3",
    "(len ^ 5) & 3 = 1",
    "len * 3 / 2 - 1 > 99 | 4",
    "ip[1] << 2 >= 100 and ip[1] >> 1 != 0x33",
    "link[100000] = 0 or ip",
    "ether[len - 1] = 0",
    "ether[(len - 4):4] & 0xff00 != 0",
    "tcp and port (22 or 443) or (udp and not port 1234) or arp",
    "ip and (src host 10.0.0.0 or 10.0.0.1 or 10.0.0.2 or 10.0.1.0 or 10.0.1.1) and (tcp or icmp)",
];

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn has(program: &str) -> bool {
    let is_there =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        eprintln!("skipped: there is no {program}");
    }
    is_there
}

/// The program that tcpdump makes of an expression, for the links of a file.
fn compile(file: &Path, expression: &str) -> Result<Program, Invalid> {
    let output = Command::new("tcpdump").arg("-r").arg(file).args(["-ddd", expression]).output().unwrap();
    assert!(output.status.success(), "{expression}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let count: usize = lines.next().unwrap().parse().unwrap();
    let instructions: Vec<Instruction> = lines
        .map(|line| {
            let numbers: Vec<u32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let [code, jt, jf, k] = numbers[..] else { panic!("{line}") };
            Instruction { code: code as u16, jt: jt as u8, jf: jf as u8, k }
        })
        .collect();
    assert_eq!(instructions.len(), count);
    Program::new(&instructions)
}

/// The numbers of the frames that tcpdump shows: they are in the times.
fn shown(file: &Path, expression: &str) -> Vec<u64> {
    let mut tcpdump = Command::new("tcpdump");
    let output = tcpdump.args(["-n", "-w", "-", "-r"]).arg(file).arg(expression).output().unwrap();
    assert!(output.status.success(), "{expression}: {}", String::from_utf8_lossy(&output.stderr));
    let frames = Reader::new(&output.stdout[..]).unwrap();
    frames.map(|frame| frame.unwrap().time.unwrap().as_secs()).collect()
}

pub fn capture(frames: &[Vec<u8>], link: LinkType) -> Vec<u8> {
    let mut file = Vec::new();
    write::classic_header(&mut file, link);
    for (number, bytes) in frames.iter().enumerate() {
        let packet = Packet::received(bytes.clone().into());
        write::classic_frame(&mut file, Duration::from_secs(number as u64), &packet);
    }
    file
}

fn judge(path: &Path, expressions: &[&str]) {
    let file = std::fs::read(path).unwrap();
    let frames: Vec<_> = Reader::new(&file[..]).unwrap().map(Result::unwrap).collect();
    let mut wanted_at_all = 0;
    for expression in expressions {
        let program = compile(path, expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let is_wanted = |number: usize| {
            let frame = &frames[number];
            let answer = program.run(&frame.bytes[..], frame.length);
            // In parts, wherever they are divided.
            let at = number % (frame.bytes.len() + 1);
            let parts = [frame.bytes.slice(..at), frame.bytes.slice(at..)];
            assert_eq!(program.run(&Packet::with_content(parts), frame.length), answer);
            answer != 0
        };
        let ours: Vec<u64> =
            (0..frames.len()).filter(|number| is_wanted(*number)).map(|number| number as u64).collect();
        wanted_at_all += ours.len();
        assert_eq!(ours, shown(path, expression), "{expression}");
    }
    assert!(wanted_at_all > frames.len(), "the frames are too dull");
}

#[test]
fn libpcaps_programs_want_what_tcpdump_shows() {
    if !has("tcpdump") || !has("editcap") {
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("rump-bpf-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let mut random = Random(7);
    let frames: Vec<Vec<u8>> = (0..3000).map(|_| frame(&mut random)).collect();
    let whole = folder.0.join("whole.pcap");
    std::fs::write(&whole, capture(&frames, LinkType::ETHERNET)).unwrap();
    judge(&whole, EXPRESSIONS);
    // This loops, which kernels do not allow.
    assert!(matches!(compile(&whole, "ip6 protochain 6"), Err(Invalid::Jump(_))));
    // Frames of which not all was kept.
    let cut = folder.0.join("cut.pcap");
    let mut editcap = Command::new("editcap");
    assert!(editcap.args(["-F", "nsecpcap", "-s", "44"]).arg(&whole).arg(&cut).status().unwrap().success());
    judge(&cut, EXPRESSIONS);
    // Packets of IP.
    let packets: Vec<Vec<u8>> = frames.iter().map(|frame| frame[14.min(frame.len())..].to_vec()).collect();
    let raw = folder.0.join("raw.pcap");
    std::fs::write(&raw, capture(&packets, LinkType::RAW)).unwrap();
    let of_ethernet =
        |expression: &str| ["ether", "vlan", "arp"].iter().any(|word| expression.contains(word));
    let expressions: Vec<&str> = EXPRESSIONS.iter().copied().filter(|it| !of_ethernet(it)).collect();
    judge(&raw, &expressions);
}
