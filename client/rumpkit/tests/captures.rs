//! Captures of kernels on a wire: complete for tshark, equal for all who listen, and good to be replayed.
#![forbid(unsafe_code)]

mod wired;

use rumpkit::hyper::Hypervisor;
use rumpkit::net::wire::Wire;
use rumpkit::net::{Interface, Medium, Offloads, TcpListener, TcpStream, UdpSocket, bpf};
use rumpkit::pcap::{Begin, Options, Reader, Recorder, Recording, replay, sink, source};
use rumpkit::{Kernel, PosixHost};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use wired::{kernel, on_wire};

/// A file that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("rump-captures-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn host() -> std::sync::Arc<dyn Hypervisor> {
    PosixHost::new()
}

/// The name of the interface that is no loopback.
fn name_of_interface(kernel: &Kernel) -> String {
    rumpkit::net::interfaces(kernel).unwrap()[1].name.clone()
}

fn frames(path: &Path) -> Vec<Vec<u8>> {
    let reader = Reader::new(source(File::open(path).unwrap())).unwrap();
    reader.map(|frame| frame.unwrap().bytes.to_vec()).collect()
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(_) => {
            eprintln!("skipped: there is no {program}");
            return None;
        }
    };
    assert!(output.status.success(), "{program} {arguments:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A stream over a wire that takes what is to be cut and completed: the file has what a wire would.
#[test]
fn a_recording_is_what_listeners_heard_and_tshark_finds_nothing_wrong() {
    let wire = Wire::with(1500, Offloads::all());
    let (one, other) = (on_wire(&wire, "10.0.0.1/24"), on_wire(&wire, "10.0.0.2/24"));
    let name = name_of_interface(&one);
    let path = Scratch::new("stream.pcapng");
    let mut recording = Recording::create(host(), &path.0).unwrap();
    recording.listen(&one, &name).unwrap();
    assert_eq!(recording.listen(&one, "none0").unwrap_err().kind(), ErrorKind::Other);
    let mut capture = bpf::Capture::with_buffer(&one.process(), &name, 8 << 20).unwrap();
    capture.set_immediate(false).unwrap();
    capture.set_nonblocking(true).unwrap();
    let content: Vec<u8> = (0..1_500_000_u32).map(|at| (at >> 3) as u8).collect();
    let listener = TcpListener::bind(&one.process(), "10.0.0.1:7").unwrap();
    let mut client = TcpStream::connect(&other.process(), "10.0.0.1:7").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let (sent, mut back) = (content.clone(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            server.write_all(&sent).unwrap();
            drop(server);
        });
        client.read_to_end(&mut back).unwrap();
    });
    assert!(back == content);
    drop(client);
    let totals = recording.finish().unwrap();
    assert_eq!(totals.dropped, 0);
    let recorded = frames(&path.0);
    assert_eq!(totals.recorded, recorded.len() as u64);
    assert!(recorded.iter().all(|frame| frame.len() <= 1514) && recorded.len() > 1000);
    // The filter heard the same, and perhaps more since. Threads that send at once may be heard in either order.
    assert_eq!(capture.statistics().unwrap().dropped, 0);
    let mut heard = HashMap::<Vec<u8>, usize>::new();
    while let Ok(more) = capture.read() {
        more.for_each(|record| *heard.entry(record.bytes.to_vec()).or_default() += 1);
    }
    for frame in &recorded {
        let left =
            heard.get_mut(frame).filter(|left| **left > 0).expect("a frame that the filter did not hear");
        *left -= 1;
    }
    let checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];
    let file = ["-n", "-r", path.0.to_str().unwrap()];
    let malformed = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || \
                     tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment";
    let Some(wrong) = run("tshark", &[&checks[..], &file, &["-Y", malformed]].concat()) else { return };
    assert_eq!(wrong, "");
    let expert = run("tshark", &[&checks[..], &file, &["-q", "-z", "expert,warn"]].concat()).unwrap();
    assert!(!expert.contains("Errors") && !expert.contains("Malformed"), "{expert}");
    // The content, as tshark puts it together.
    let followed = run("tshark", &[&file[..], &["-q", "-z", "follow,tcp,raw,0"]].concat()).unwrap();
    let text: String = followed
        .lines()
        .filter(|line| !line.contains(|c: char| !c.is_ascii_hexdigit() && c != '\t'))
        .map(str::trim)
        .collect();
    let bytes: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    assert!(bytes == content, "{} bytes in the file", bytes.len());
}

/// What a socket got while it was recorded, it gets from the file again.
#[test]
fn a_recording_is_replayed_into_another_kernel() {
    let wire = Wire::new();
    let (one, other) = (on_wire(&wire, "10.0.0.1/24"), on_wire(&wire, "10.0.0.2/24"));
    let name = name_of_interface(&one);
    let path = Scratch::new("datagrams.pcapng");
    let mut recording = Recording::create(host(), &path.0).unwrap();
    recording.listen(&one, &name).unwrap();
    let socket = UdpSocket::bind(&one.process(), "10.0.0.1:9").unwrap();
    let sender = UdpSocket::bind(&other.process(), "10.0.0.2:99").unwrap();
    let receive = |socket: &UdpSocket| {
        let mut buffer = [0; 65_536];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        (buffer[..length].to_vec(), from)
    };
    // Some are longer than a frame.
    let all: Vec<_> = (0..30_usize)
        .map(|number| {
            sender.send_to(&vec![number as u8; number * 200], "10.0.0.1:9").unwrap();
            receive(&socket)
        })
        .collect();
    recording.finish().unwrap();
    let Medium::Ethernet { address } = Interface::find(&one, &name).unwrap().info().unwrap().device.medium
    else {
        panic!("no Ethernet")
    };
    let fresh = kernel();
    let socket = UdpSocket::bind(&fresh.process(), "0.0.0.0:9").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let sent = Scratch::new("sent.pcapng");
    let output = Recorder::new(host(), sink(File::create(&sent.0).unwrap()));
    // It has its address before the first frame comes.
    let options = Options { address, begin: Begin::WhenTold, ..Options::default() };
    let device = replay(host(), &path.0, options, Some(output.unwrap())).unwrap();
    let interface = Interface::attach(&fresh, "replay0", device.clone()).unwrap();
    interface.up().unwrap();
    interface.add_address("10.0.0.1/24".parse().unwrap()).unwrap();
    device.begin();
    for expected in &all {
        assert_eq!(receive(&socket), *expected);
    }
    // What it sends goes into the other file: an announcement of its address, at least.
    interface.detach().unwrap();
    drop((device, fresh, socket));
    assert!(!frames(&sent.0).is_empty());
}

#[test]
fn what_a_kernel_says_to_itself_is_recorded_once() {
    let kernel = kernel();
    let file = Scratch::new("lo0.pcapng");
    let mut recording = Recording::create(host(), &file.0).unwrap();
    recording.listen(&kernel, "lo0").unwrap();
    let socket = UdpSocket::bind(&kernel.process(), "127.0.0.1:1000").unwrap();
    for number in 0..100_u8 {
        socket.send_to(&[number; 9], "127.0.0.1:1000").unwrap();
    }
    assert_eq!(recording.finish().unwrap().dropped, 0);
    let recorded = frames(&file.0);
    assert_eq!(recorded.len(), 100);
    for (frame, number) in recorded.iter().zip(0..100_u8) {
        assert!(frame[0] == 0x45 && frame[28..] == [number; 9], "{frame:?}");
    }
    let Some(told) =
        run("tshark", &["-r", file.0.to_str().unwrap(), "-Y", "udp.dstport == 1000 && data.len == 9"])
    else {
        return;
    };
    assert_eq!(told.lines().count(), 100);
}
