//! What tcpdump captures of a tap is what we record of it, and comes to a socket again when it is replayed.

use crate::site::{NONE, OURS, Site, Wiring, at, content};
use interop::image::Scratch;
use interop::{Check, context};
use rumpkit::kpi::device::{Medium, NetworkDevice};
use rumpkit::net::{Interface, UdpSocket};
use rumpkit::pcap::{Begin, Options, Reader, Recording, replay, source};
use rumpkit::{PosixHost, SocketType};
use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const PORT: u16 = 9;
/// Bytes of the datagrams; the last do not fit into one packet.
const SIZES: &[usize] = &[0, 1, 2, 17, 100, 1471, 1472, 1473, 4000, 20_000];
const PATIENCE: Duration = Duration::from_secs(20);

/// Frames of IPv4 that go to us, as far as the file can be read: it may be growing.
fn to_us(path: &Path) -> Vec<Vec<u8>> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let Ok(reader) = Reader::new(source(file)) else { return Vec::new() };
    let frames = reader.map_while(Result::ok).map(|frame| frame.bytes.to_vec());
    frames
        .filter(|frame| frame.get(12..14) == Some(&[8, 0]) && frame.get(30..34) == Some(&OURS.octets()))
        .collect()
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Check {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > PATIENCE {
            return Err(format!("{what} does not come"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

pub fn by_tcpdump() -> Check {
    let site = Site::new(Wiring::plain())?;
    let scratch = Scratch::in_memory("captured")?;
    let (theirs, ours) = (scratch.path("theirs.pcap"), scratch.path("ours.pcapng"));
    let file = theirs.to_str().ok_or("a strange path")?;
    let mut tcpdump = site.linux.spawn("tcpdump", &["-i", "tap0", "-U", "-Z", "root", "-w", file])?;
    until("the header of tcpdump's file", || theirs.metadata().is_ok_and(|it| it.len() >= 24))?;
    let mut recording = context(Recording::create(PosixHost::new(), &ours), "our file")?;
    context(recording.listen(&site.kernel, "virt0"), "listening")?;
    let socket = site.socket(SocketType::Datagram, 0)?;
    context(site.process.bind(socket, &at(OURS, PORT)), "bind")?;
    let all: Vec<Vec<u8>> = SIZES.iter().map(|size| content(1, *size)).collect();
    site.linux.enter(|| {
        let linux = context(std::net::UdpSocket::bind("0.0.0.0:0"), "a socket of Linux")?;
        for datagram in &all {
            context(linux.send_to(datagram, (OURS, PORT)), "sending")?;
        }
        Ok(())
    })?;
    for datagram in &all {
        let mut buffer = vec![0; 65_536];
        let length = context(site.process.recv(socket, &mut buffer, NONE), "recv")?;
        if buffer[..length] != datagram[..] {
            return Err(format!("{length} bytes in place of {}", datagram.len()));
        }
    }
    context(recording.finish(), "our file")?;
    let recorded = to_us(&ours);
    let captured = until("what we recorded", || to_us(&theirs).len() >= recorded.len());
    let _ = tcpdump.kill();
    let _ = tcpdump.wait();
    captured?;
    if recorded.len() < SIZES.len() || to_us(&theirs) != recorded {
        return Err(format!("{} frames of ours, {} of tcpdump's", recorded.len(), to_us(&theirs).len()));
    }
    let Medium::Ethernet { address } = site.device.info().medium else { return Err("no Ethernet".into()) };
    site.finish()?;
    replayed(&theirs, address, &all)
}

fn replayed(path: &Path, address: [u8; 6], all: &[Vec<u8>]) -> Check {
    let kernel = context(rumpkit::kernel(PosixHost::new()), "boot")?;
    let options = Options { address, begin: Begin::WhenTold, ..Options::default() };
    let device = context(replay(PosixHost::new(), path, options, None), "the replay")?;
    let interface = context(Interface::attach(&kernel, "replay0", device.clone()), "the interface")?;
    context(interface.up(), "the interface")?;
    context(interface.add_address(context(format!("{OURS}/24").parse(), "address")?), "address")?;
    let socket = context(UdpSocket::bind(&kernel.process(), (OURS, PORT)), "bind")?;
    context(socket.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    device.begin();
    for datagram in all {
        let mut buffer = vec![0; 65_536];
        let (length, _) = context(socket.recv_from(&mut buffer), "a datagram that is replayed")?;
        if buffer[..length] != datagram[..] {
            return Err(format!("{length} bytes came again in place of {}", datagram.len()));
        }
    }
    Ok(())
}
