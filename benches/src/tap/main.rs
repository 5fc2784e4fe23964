//! One stream of TCP between Linux and us, through a tap, a shared interface and passt: beside smoltcp and netstack3 on a
//! tap of the same kind, and slirp4netns; the median of five. See README.md.
#![forbid(unsafe_code)]

mod netstack3;
mod ours;
mod peer;
mod streams;

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use rump_benches::Outcome;
use rump_benches::namespace::Namespace;
use rump_benches::table::{self, Target};
use rumpkit::tun;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Linux.
const THEIRS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The stack that is measured.
const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PORT: u16 = 5001;
/// The name of the tap in its namespace.
const TAP: &str = "tap0";
/// Bytes that are sent without offload, and with.
const PLAIN: usize = 256 << 20;
const OFFLOADED: usize = 1 << 30;
/// Bytes of a call.
const CHUNK: usize = 256 << 10;

/// Which way the stream goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    FromLinux,
    ToLinux,
}

impl Way {
    /// Its name for a program.
    fn word(self) -> &'static str {
        match self {
            Self::FromLinux => "from",
            Self::ToLinux => "to",
        }
    }
}

fn main() -> Outcome {
    let (mut table, wanted) = table::chosen();
    let built = netstack3::built();
    if built.is_none() {
        table.skip("netstack3", "benches/netstack3 is not built");
    }
    for (way, title) in [(Way::FromLinux, "from Linux"), (Way::ToLinux, "to Linux")] {
        let (plain, offloaded) =
            (format!("tap, 256 MiB {title}"), format!("tap, 1 GiB {title}, with offload"));
        if wanted(&plain) {
            let run = || ours::run(&tun::Options::tap(TAP).without_offload(), way, PLAIN);
            table.beside(&plain, Target::Speed(1.0), run, ("smoltcp", || peer::run(way, PLAIN)))?;
            if let Some(program) = &built {
                let peer = ("netstack3", || netstack3::run(program, way, PLAIN));
                table.beside(&plain, Target::Speed(1.0), run, peer)?;
            }
        }
        if wanted(&offloaded) {
            let within = Duration::from_secs_f64(OFFLOADED as f64 * 8.0 / 10e9);
            let run = || ours::run(&tun::Options::tap(TAP), way, OFFLOADED);
            table.alone(&offloaded, Target::Within(within), run)?;
        }
        let packet = format!("packet on a veth, 1 GiB {title}");
        if wanted(&packet) {
            table.alone(&packet, Target::Context, || ours::run_packet(way, OFFLOADED))?;
        }
        let passt = format!("passt, 256 MiB {title}");
        if wanted(&passt) {
            let peer = ("slirp4netns", || streams::through_slirp(way, PLAIN));
            table.beside(&passt, Target::Speed(1.0), || streams::through_passt(way, PLAIN), peer)?;
        }
    }
    for mtu in [1500, 65_520] {
        let title = format!("stream between kernels, 256 MiB, MTU {mtu}");
        if wanted(&title) {
            table.alone(&title, Target::Context, || streams::between_kernels(mtu, PLAIN))?;
        }
    }
    table.finish();
    Ok(())
}

/// How Linux's end finds its rate, whatever the host's default: not by pacing, which on a machine with few cores measures
/// when threads run.
const CONGESTION_CONTROL: (&str, &str) = ("/proc/sys/net/ipv4/tcp_congestion_control", "reno");

/// Gives Linux its side of the tap.
fn configure(linux: &Namespace) -> Outcome {
    let (path, name) = CONGESTION_CONTROL;
    linux.enter(|| Ok(std::fs::write(path, name)?))?;
    linux.ip(&format!("addr add {THEIRS}/24 dev {TAP}"))?;
    linux.ip(&format!("link set {TAP} up"))
}

/// Linux's end: connects, and sends or receives so many bytes. Answers how long that took, to the end of the stream.
fn linux_end(linux: &Namespace, way: Way, bytes: usize) -> Outcome<Duration> {
    linux.enter(|| {
        let address = SocketAddr::V4(SocketAddrV4::new(OURS, PORT));
        let patience = Instant::now() + Duration::from_secs(5);
        let mut stream = loop {
            match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
                Ok(stream) => break stream,
                // It may not listen yet.
                Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error.into()),
            }
        };
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut buffer = vec![0; CHUNK];
        let begin = Instant::now();
        if way == Way::FromLinux {
            for _ in 0..bytes / CHUNK {
                stream.write_all(&buffer)?;
            }
            stream.shutdown(std::net::Shutdown::Write)?;
            // One byte says that all have come.
            stream.read_exact(&mut buffer[..1])?;
        } else {
            let mut came = 0;
            while came < bytes {
                match stream.read(&mut buffer)? {
                    0 => return Err(format!("the end after {came} bytes").into()),
                    count => came += count,
                }
            }
        }
        Ok(begin.elapsed())
    })
}
