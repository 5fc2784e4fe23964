//! Streams of frames: between two kernels of ours, and to passt, by which Linux is reached; and Linux beyond slirp4netns, which
//! does the same for a namespace.

use crate::{OURS, PORT, Way};
use core::net::Ipv4Addr;
use rump_benches::Outcome;
use rump_benches::namespace::Namespace;
use rump_benches::program::Running;
use rump_benches::transfer;
use rumpkit::hyper::packet::PacketIo;
use rumpkit::net::{Interface, TcpListener, TcpStream, add_default_route};
use rumpkit::stream::{self, Options};
use rumpkit::virtif::VirtIf;
use rumpkit::{Kernel, PosixHost};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of IP that passt and slirp4netns take.
const MTU: u32 = 65_520;
/// The world beyond passt, in its namespace.
const WORLD: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A kernel with this address.
fn kernel(io: Arc<dyn PacketIo>, address: &str) -> Outcome<Kernel> {
    let host = PosixHost::new();
    let kernel = rumpkit::kernel(host.clone())?;
    let interface = Interface::attach(&kernel, "eth0", VirtIf::new(host, io))?;
    interface.add_address(address.parse()?)?;
    interface.up()?;
    Ok(kernel)
}

/// How long so many bytes take from one kernel to another, over a pair of sockets.
pub fn between_kernels(mtu: u32, bytes: usize) -> Outcome<Duration> {
    let (one, other) = UnixStream::pair()?;
    let over =
        |socket| Ok::<_, Box<dyn std::error::Error>>(stream::over(PosixHost::new(), socket, "pair", mtu)?);
    let server = kernel(over(one)?, &format!("{OURS}/24"))?;
    let client = kernel(over(other)?, "192.0.2.3/24")?;
    let listener = TcpListener::bind(&server.process(), (OURS, PORT))?;
    let stream = TcpStream::connect(&client.process(), (OURS, PORT))?;
    let (accepted, _) = listener.accept()?;
    transfer::stream(&stream, &accepted, bytes)
}

/// A namespace that has an address and a way, as passt and slirp4netns want it.
fn world() -> Outcome<Namespace> {
    let linux = Namespace::new()?;
    linux.ip("link add world type veth peer name beyond")?;
    linux.ip("link set beyond up")?;
    linux.ip("link set world up")?;
    linux.ip("link set lo up")?;
    linux.ip(&format!("addr add {WORLD}/24 dev world"))?;
    linux.ip("route add default via 198.51.100.254")?;
    Ok(linux)
}

/// How long so many bytes take from us through passt to Linux, or back.
pub fn through_passt(way: Way, bytes: usize) -> Outcome<Duration> {
    let linux = world()?;
    // passt goes on as nobody.
    let path = std::env::temp_dir().join(format!("rump-bench-{}.passt", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let words =
        ["--foreground", "--quiet", "--one-off", "-a", "10.9.0.2", "-n", "24", "-g", "10.9.0.1", "--socket"];
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", linux.path())).arg("passt").args(words).arg(&path);
    let _passt = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let text = format!("mtu={MTU}:unix:{}", path.display());
    let begin = Instant::now();
    let io = loop {
        match stream::open(PosixHost::new(), &Options::parse(text.as_bytes())?) {
            Ok(io) => break io,
            Err(_) if begin.elapsed() < Duration::from_secs(5) => thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.into()),
        }
    };
    let ours = kernel(io, "10.9.0.2/24")?;
    add_default_route(&ours, IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1)))?;
    let listener = linux.enter(|| Ok(std::net::TcpListener::bind((WORLD, PORT))?))?;
    let stream = TcpStream::connect(&ours.process(), (WORLD, PORT))?;
    let (accepted, _) = listener.accept()?;
    match way {
        Way::ToLinux => transfer::stream(&stream, &accepted, bytes),
        Way::FromLinux => transfer::stream(&accepted, &stream, bytes),
    }
}

/// How long they take from a namespace through slirp4netns to Linux, or back.
pub fn through_slirp(way: Way, bytes: usize) -> Outcome<Duration> {
    let (linux, inner) = (world()?, Namespace::new()?);
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", linux.path())).arg("slirp4netns");
    command.args(["--configure", &format!("--mtu={MTU}"), &inner.id().to_string(), "tap0"]);
    let _slirp = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let listener = linux.enter(|| Ok(std::net::TcpListener::bind((WORLD, PORT))?))?;
    let stream = inner.enter(|| {
        let begin = Instant::now();
        loop {
            match std::net::TcpStream::connect((WORLD, PORT)) {
                Ok(stream) => return Ok(stream),
                // It is not configured yet.
                Err(_) if begin.elapsed() < Duration::from_secs(5) => thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error.into()),
            }
        }
    })?;
    let (accepted, _) = listener.accept()?;
    match way {
        Way::ToLinux => transfer::stream(&stream, &accepted, bytes),
        Way::FromLinux => transfer::stream(&accepted, &stream, bytes),
    }
}
