//! Datagrams over loopback: one by one, in batches, and as segments of long messages. See README.md.
#![forbid(unsafe_code)]

use nix::sys::socket::{self, MsgFlags, MultiHeaders, SockaddrIn, setsockopt, sockopt};
use rump_benches::Outcome;
use rump_benches::table::{Format, Table, Target};
use rumpkit::kpi::socket::OptionValue;
use rumpkit::sockopt::{IPPROTO_UDP, SO_RCVBUF, SOL_SOCKET, UDP_GRO, UDP_SEGMENT};
use rumpkit::{
    AddressFamily, Fd, Kernel, MessageFlags, OpenFlags, PosixHost, Process, SendMessage, SocketAddress,
    SocketType,
};
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Messages of a batch.
const BATCH: usize = 32;
const BYTES: usize = 64;
const DATAGRAMS: usize = 320_000;
/// A long message: so many segments of this length.
const SEGMENT: usize = 1400;
const SEGMENTS: usize = 46;
const LONG_MESSAGES: usize = 5_000;
const NONE: MessageFlags = MessageFlags::empty();

/// Two sockets of a rump kernel, the one connected to the other.
struct Rump {
    _kernel: Kernel,
    process: Process,
    from: Fd,
    to: Fd,
}

impl Rump {
    fn boot() -> Outcome<Self> {
        let kernel = Kernel::builder(PosixHost::new()).component(rumpnet_inet::component()).boot()?;
        let process = kernel.process();
        let at = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7));
        let udp = || process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::empty());
        let (from, to) = (udp()?, udp()?);
        process.setsockopt(to, SOL_SOCKET, SO_RCVBUF, &OptionValue::Number(1 << 20))?;
        process.bind(to, &at)?;
        process.connect(from, &at)?;
        Ok(Self { _kernel: kernel, process, from, to })
    }

    fn one_by_one() -> Outcome<Duration> {
        let rump = Self::boot()?;
        let (content, mut buffer) = ([7; BYTES], [0; BYTES]);
        let begin = Instant::now();
        for _ in 0..DATAGRAMS / BATCH {
            for _ in 0..BATCH {
                rump.process.send(rump.from, &content, NONE)?;
            }
            for _ in 0..BATCH {
                rump.process.recv(rump.to, &mut buffer, NONE)?;
            }
        }
        Ok(begin.elapsed())
    }

    fn batches() -> Outcome<Duration> {
        let rump = Self::boot()?;
        let (content, mut buffers) = ([7; BYTES], [[0; BYTES]; BATCH]);
        let parts = [&content[..]];
        let messages = [SendMessage { parts: &parts, ..SendMessage::default() }; BATCH];
        let begin = Instant::now();
        for _ in 0..DATAGRAMS / BATCH {
            let sent = rump.process.sendmmsg(rump.from, &messages, NONE)?;
            let mut parts: Vec<&mut [u8]> = buffers.iter_mut().map(|buffer| &mut buffer[..]).collect();
            let came = rump.process.recvmmsg(rump.to, &mut parts, 0, MessageFlags::WAITFORONE, None)?;
            if sent != BATCH || came.len() != BATCH {
                return Err("a batch is not whole".into());
            }
        }
        Ok(begin.elapsed())
    }

    fn segments() -> Outcome<Duration> {
        let rump = Self::boot()?;
        let process = &rump.process;
        process.setsockopt(rump.from, IPPROTO_UDP, UDP_SEGMENT, &OptionValue::Number(SEGMENT as i64))?;
        process.setsockopt(rump.to, IPPROTO_UDP, UDP_GRO, &OptionValue::Number(1))?;
        let (content, mut buffer) = (vec![7; SEGMENT * SEGMENTS], vec![0; 65_536]);
        let begin = Instant::now();
        for _ in 0..LONG_MESSAGES {
            process.send(rump.from, &content, NONE)?;
            if process.recv(rump.to, &mut buffer, NONE)? != content.len() {
                return Err("segments were not received together".into());
            }
        }
        Ok(begin.elapsed())
    }
}

/// The same of the host.
struct Host {
    from: UdpSocket,
    to: UdpSocket,
}

impl Host {
    fn new() -> Outcome<Self> {
        let udp = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let (from, to) = (udp()?, udp()?);
        from.connect(to.local_addr()?)?;
        Ok(Self { from, to })
    }

    fn one_by_one() -> Outcome<Duration> {
        let host = Self::new()?;
        let (content, mut buffer) = ([7; BYTES], [0; BYTES]);
        let begin = Instant::now();
        for _ in 0..DATAGRAMS / BATCH {
            for _ in 0..BATCH {
                host.from.send(&content)?;
            }
            for _ in 0..BATCH {
                host.to.recv(&mut buffer)?;
            }
        }
        Ok(begin.elapsed())
    }

    fn batches() -> Outcome<Duration> {
        let host = Self::new()?;
        let (content, mut buffers) = ([7; BYTES], [[0; BYTES]; BATCH]);
        let begin = Instant::now();
        let nobody = vec![None::<SockaddrIn>; BATCH];
        let (from, to) = (host.from.as_raw_fd(), host.to.as_raw_fd());
        for _ in 0..DATAGRAMS / BATCH {
            let slices = [[IoSlice::new(&content)]; BATCH];
            let mut headers = MultiHeaders::preallocate(BATCH, None);
            let sent = socket::sendmmsg(from, &mut headers, &slices, &nobody, [], MsgFlags::empty())?.count();
            let mut parts: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
            let flags = MsgFlags::MSG_WAITFORONE;
            let came = socket::recvmmsg(to, &mut headers, parts.iter_mut(), flags, None)?.count();
            if sent != BATCH || came != BATCH {
                return Err("a batch is not whole".into());
            }
        }
        Ok(begin.elapsed())
    }

    fn segments() -> Outcome<Duration> {
        let host = Self::new()?;
        setsockopt(&host.from, sockopt::UdpGsoSegment, &(SEGMENT as i32))?;
        setsockopt(&host.to, sockopt::UdpGroSegment, &true)?;
        let (content, mut buffer) = (vec![7; SEGMENT * SEGMENTS], vec![0; 65_536]);
        let begin = Instant::now();
        for _ in 0..LONG_MESSAGES {
            host.from.send(&content)?;
            if host.to.recv(&mut buffer)? != content.len() {
                return Err("segments were not received together".into());
            }
        }
        Ok(begin.elapsed())
    }
}

fn main() -> Outcome {
    let is_json = std::env::args().any(|word| word == "--json");
    let mut table = Table::new(if is_json { Format::Json } else { Format::Text });
    let host = |run: fn() -> Outcome<Duration>| ("Linux loopback", run);
    table.beside(
        "320,000 of 64 bytes, one by one",
        Target::Context,
        Rump::one_by_one,
        host(Host::one_by_one),
    )?;
    table.beside("the same in batches of 32", Target::Context, Rump::batches, host(Host::batches))?;
    table.beside("230,000 segments, 46 at once", Target::Context, Rump::segments, host(Host::segments))?;
    table.finish();
    Ok(())
}
