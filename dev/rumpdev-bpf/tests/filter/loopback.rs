//! The filter at `lo0`: what a kernel says to itself is heard once, whole, behind its family.

use crate::kernel::{FIONBIO, Rig, SIZE};
use crate::oracle::{capture, has};
use core::net::SocketAddr;
use rump_abi::{AddressFamily, Errno, MessageFlags, OpenFlags, SocketAddress, SocketType};
use rump_kern::Fd;
use rump_kpi::KResult;
use rumpdev_bpf::records;
use rumpdev_bpf::request::*;
use rumpnet_pcap::LinkType;
use std::process::Command;

const BUFFER: usize = 16 * SIZE;

fn name(text: &str) -> SocketAddress {
    match text.parse().unwrap() {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

fn socket(rig: &Rig, kind: SocketType, at: &str) -> Fd {
    let family = if at.starts_with('[') { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let fd = rig.process.socket(family, kind, 0, OpenFlags::empty()).unwrap();
    rig.process.bind(fd, &name(at)).unwrap();
    fd
}

fn listening(rig: &Rig) -> Fd {
    let fd = rig.open();
    rig.set(fd, BIOCSBLEN, BUFFER as u32);
    rig.set_interface(fd, "lo0").unwrap();
    rig.set(fd, BIOCIMMEDIATE, 1);
    rig.try_set(fd, FIONBIO, 1).unwrap();
    fd
}

/// All frames that were heard.
fn heard(rig: &Rig, fd: Fd) -> Vec<Vec<u8>> {
    let (mut frames, mut buffer) = (Vec::new(), vec![0; BUFFER]);
    while let Ok(count @ 1..) = rig.process.read(fd, &mut buffer) {
        frames.extend(records(&buffer[..count]).map(|record| {
            assert_eq!(record.length, record.bytes.len());
            record.bytes.to_vec()
        }));
    }
    frames
}

/// What tcpdump says of frames, a line for each; nothing without it.
fn told(frames: &[Vec<u8>], file: &str) -> Option<Vec<String>> {
    if !has("tcpdump") {
        return None;
    }
    let path = std::env::temp_dir().join(format!("rump-bpf-{}-{file}", std::process::id()));
    std::fs::write(&path, capture(frames, LinkType(0))).unwrap();
    let output = Command::new("tcpdump").args(["-n", "-t", "-vv", "-r"]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // What is told of one packet goes on in lines that are indented.
    Some(text.replace("\n    ", " ").lines().map(String::from).collect())
}

#[test]
fn datagrams_are_heard_once_whole_and_behind_their_family() {
    let rig = Rig::new();
    let fd = listening(&rig);
    assert_eq!((rig.value(fd, BIOCGDLT), DLT_NULL), (0, 0));
    for (address, family, header) in [("127.0.0.1", 2_u32, 20), ("[::1]", 24, 40)] {
        let from = socket(&rig, SocketType::Datagram, &format!("{address}:1000"));
        let at = format!("{address}:1001");
        let to = socket(&rig, SocketType::Datagram, &at);
        rig.process.sendto(from, b"hello", MessageFlags::empty(), &name(&at)).unwrap();
        let frames = heard(&rig, fd);
        assert_eq!(frames.len(), 1, "{address}");
        assert_eq!(frames[0][..4], family.to_ne_bytes());
        assert_eq!((frames[0].len(), &frames[0][4 + header + 8..]), (4 + header + 13, &b"hello"[..]));
        if let Some(lines) = told(&frames, "udp.pcap") {
            let is_right = lines.len() == 1 && lines[0].contains("[udp sum ok] UDP, length 5");
            assert!(is_right, "{lines:?}");
        }
        // What is written comes in, and is heard as well.
        rig.process.recv(to, &mut [0; 9], MessageFlags::empty()).unwrap();
        rig.process.write(fd, &frames[0]).unwrap();
        let mut content = [0; 9];
        assert_eq!(rig.process.recv(to, &mut content, MessageFlags::DONTWAIT).unwrap(), 5);
        assert_eq!(content[..5], *b"hello");
        assert_eq!(heard(&rig, fd), frames);
        // Nothing comes from elsewhere.
        rig.set(fd, BIOCSDIRECTION, 0);
        rig.process.sendto(from, b"hello", MessageFlags::empty(), &name(&at)).unwrap();
        assert!(heard(&rig, fd).is_empty());
        rig.set(fd, BIOCSDIRECTION, 1);
        let mut strange = frames[0].clone();
        strange[..4].copy_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(errno(rig.process.write(fd, &strange)), Some(Errno::EAFNOSUPPORT));
        assert_eq!(errno(rig.process.write(fd, &strange[..3])), Some(Errno::EMSGSIZE));
    }
}

#[test]
fn a_connection_is_heard_in_order() {
    let rig = Rig::new();
    let fd = listening(&rig);
    let listener = socket(&rig, SocketType::Stream, "127.0.0.1:80");
    rig.process.listen(listener, 1).unwrap();
    let client = socket(&rig, SocketType::Stream, "127.0.0.1:1000");
    rig.process.connect(client, &name("127.0.0.1:80")).unwrap();
    let (server, _) = rig.process.accept(listener).unwrap();
    rig.process.write(client, &[7; 3000]).unwrap();
    assert_eq!(rig.process.recv(server, &mut [0; 3000], MessageFlags::WAITALL).unwrap(), 3000);
    rig.process.close(client).unwrap();
    assert_eq!(rig.process.recv(server, &mut [0; 1], MessageFlags::empty()).unwrap(), 0);
    let frames = heard(&rig, fd);
    let Some(lines) = told(&frames, "tcp.pcap") else { return };
    let place = |what: &str| {
        let places: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(what)).collect();
        assert_eq!(places.len(), 1, "{what}: {lines:#?}");
        places[0]
    };
    assert!(lines.iter().all(|line| line.contains("(correct)")), "{lines:#?}");
    let [syn, answer] = [place("Flags [S],"), place("Flags [S.],")];
    assert!((syn, answer) == (0, 1) && place("length 3000") > answer, "{lines:#?}");
    assert!(place("127.0.0.1.1000 > 127.0.0.1.80: Flags [F.]") > place("length 3000"), "{lines:#?}");
}

fn errno<T>(result: KResult<T>) -> Option<Errno> {
    result.err().map(|error| error.errno)
}
