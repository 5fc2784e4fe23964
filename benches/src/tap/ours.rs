//! A kernel of ours.

use crate::{CHUNK, OURS, PORT, TAP, Way, configure, linux_end};
use core::net::{IpAddr, SocketAddrV4};
use rump_benches::Outcome;
use rump_benches::namespace::Namespace;
use rumpkit::hyper::packet::PacketIo;
use rumpkit::kpi::socket::OptionValue;
use rumpkit::virtif::VirtIf;
use rumpkit::{
    AddressFamily, Fd, MessageFlags, OpenFlags, PosixHost, Process, SocketAddress, SocketType, packet,
    sockopt, tun,
};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const BUFFER: i64 = 4 << 20;
const NONE: MessageFlags = MessageFlags::empty();

/// How long so many bytes take through a tap.
pub fn run(options: &tun::Options, way: Way, bytes: usize) -> Outcome<Duration> {
    let linux = Namespace::new()?;
    let io = linux.enter(|| Ok(tun::open(options)?))?;
    configure(&linux)?;
    between(&linux, io, way, bytes)
}

/// How long they take through one end of a veth that we share with Linux, which has the other.
pub fn run_packet(way: Way, bytes: usize) -> Outcome<Duration> {
    let linux = Namespace::new()?;
    linux.ip(&format!("link add {TAP} type veth peer name ours"))?;
    linux.ip("link set ours up")?;
    configure(&linux)?;
    let io = linux.enter(|| Ok(packet::open(&packet::Options::new("ours"))?))?;
    between(&linux, io, way, bytes)
}

fn between(linux: &Namespace, io: Arc<dyn PacketIo>, way: Way, bytes: usize) -> Outcome<Duration> {
    let host = PosixHost::new();
    let kernel = rumpkit::kernel(host.clone())?;
    let domain = kernel.protocols(AddressFamily::Inet)?;
    let network = domain.network().ok_or("no network")?;
    let number = network.attach("virt0", VirtIf::new(host, io))?;
    network.set_up(number, true)?;
    network.add_address(number, IpAddr::V4(OURS), 24)?;
    let process = kernel.process();
    let listener = process.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty())?;
    for option in [sockopt::SO_RCVBUF, sockopt::SO_SNDBUF] {
        process.setsockopt(listener, sockopt::SOL_SOCKET, option, &OptionValue::Number(BUFFER))?;
    }
    process.bind(listener, &SocketAddress::Inet(SocketAddrV4::new(OURS, PORT)))?;
    process.listen(listener, 1)?;
    thread::scope(|scope| {
        let linux_end = scope.spawn(|| linux_end(linux, way, bytes).map_err(|error| error.to_string()));
        let (fd, _) = process.accept(listener)?;
        match way {
            Way::FromLinux => receive(&process, fd)?,
            Way::ToLinux => send(&process, fd, bytes)?,
        }
        Ok(linux_end.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })
}

fn receive(process: &Process, fd: Fd) -> Outcome {
    let mut buffer = vec![0; CHUNK];
    while process.recv(fd, &mut buffer, NONE)? > 0 {}
    process.send(fd, b".", NONE)?;
    Ok(())
}

fn send(process: &Process, fd: Fd, bytes: usize) -> Outcome {
    let (buffer, mut sent) = (vec![0; CHUNK], 0);
    while sent < bytes {
        sent += process.send(fd, &buffer[..CHUNK.min(bytes - sent)], NONE)?;
    }
    Ok(())
}
