//! A router between two buses, each a file that kernels of any processes share; nobody needs a privilege.
//!
//! ```console
//! $ cargo run -p rumpkit --example router                  # with a host on each bus, one of which pings the other
//! $ cargo run -p rumpkit --example router -- shmif:/tmp/left 10.1.0.254/24 shmif:/tmp/right 10.2.0.254/24
//! ```
//!
//! The second one routes until its standard input ends. Hosts are then, for example,
//! `rump net nc --if shmif:/tmp/right --address 10.2.0.1/24 --gateway 10.2.0.254 -l 7` and
//! `rump net ping --if shmif:/tmp/left --address 10.1.0.1/24 --gateway 10.1.0.254 10.2.0.1`.

use rumpkit::net::config::{Applied, InterfaceConfig, RouteConfig, Way};
use rumpkit::net::{Config, InterfaceAddress, Link, counters};
use rumpkit::{
    AddressFamily, Kernel, MessageFlags, OpenFlags, PosixHost, SocketAddress, SocketType,
    kpi::socket::OptionValue, sockopt,
};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::ExitCode;
use std::time::Duration;

const ICMP: u8 = 1;
const ECHO_REPLY: u8 = 0;
const PATIENCE: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &words[..] {
        [] => demonstrate(),
        [left, left_address, right, right_address] => serve([(left, left_address), (right, right_address)]),
        _ => Err("usage: router [LINK ADDRESS/LENGTH LINK ADDRESS/LENGTH]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("router: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A kernel with interfaces; what belongs to them goes on as long as the second value is there.
fn boot(ends: &[(&str, &str)], config: Config) -> Outcome<(Kernel, Applied)> {
    let mut config = config;
    for (number, (link, address)) in ends.iter().enumerate() {
        let link = link.parse::<Link>()?;
        let address = address.parse::<InterfaceAddress>().map_err(|error| format!("{address}: {error}"))?;
        let interface = InterfaceConfig::new(format!("eth{number}"));
        config.interfaces.push(InterfaceConfig { link: Some(link), addresses: vec![address], ..interface });
    }
    let kernel = rumpkit::kernel(PosixHost::new())?;
    let applied = config.apply(&kernel)?;
    Ok((kernel, applied))
}

fn router(ends: &[(&str, &str)]) -> Outcome<(Kernel, Applied)> {
    let settings = ["net.inet.ip.forwarding", "net.inet6.ip6.forwarding"].map(|name| (name.into(), 1));
    boot(ends, Config { settings: settings.into(), ..Config::default() })
}

fn host(link: &str, address: &str, router: Ipv4Addr) -> Outcome<(Kernel, Applied)> {
    let way = Way::Router(router.into());
    let route = RouteConfig { destination: "0.0.0.0/0".parse()?, way, metric: 0 };
    boot(&[(link, address)], Config { routes: vec![route], ..Config::default() })
}

fn serve(ends: [(&String, &String); 2]) -> Outcome<()> {
    let (kernel, _applied) = router(&ends.map(|(link, address)| (link.as_str(), address.as_str())))?;
    println!("routing until the input ends");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    tell(&kernel)
}

fn demonstrate() -> Outcome<()> {
    let folder = std::env::temp_dir().join(format!("router-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let bus = |name: &str| format!("shmif:{}", folder.join(name).display());
    let outcome = between(&bus("left"), &bus("right"));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn between(left: &str, right: &str) -> Outcome<()> {
    let (kernel, _router) = router(&[(left, "10.1.0.254/24"), (right, "10.2.0.254/24")])?;
    let (one, _one) = host(left, "10.1.0.1/24", Ipv4Addr::new(10, 1, 0, 254))?;
    let (_two, _applied) = host(right, "10.2.0.1/24", Ipv4Addr::new(10, 2, 0, 254))?;
    for sequence in 1..=3 {
        let hops = ping(&one, Ipv4Addr::new(10, 2, 0, 1), sequence)?;
        println!("answer from 10.2.0.1: number {sequence}, over {hops} router");
    }
    tell(&kernel)
}

fn tell(kernel: &Kernel) -> Outcome<()> {
    for it in counters(kernel)?.iter().filter(|it| it.protocol == "ip") {
        println!("{} {}", it.count, it.what);
    }
    Ok(())
}

/// Sends an echo request, and waits for the answer; tells how many routers passed that on.
fn ping(kernel: &Kernel, to: Ipv4Addr, sequence: u16) -> Outcome<u8> {
    let process = kernel.process();
    let fd = process.socket(AddressFamily::Inet, SocketType::Raw, ICMP, OpenFlags::empty())?;
    process.setsockopt(fd, sockopt::SOL_SOCKET, sockopt::SO_RCVTIMEO, &OptionValue::Time(Some(PATIENCE)))?;
    let [high, low] = sequence.to_be_bytes();
    let mut request = [8, 0, 0, 0, 0, 7, high, low];
    // The sum of all words, with the carry added, is to be all ones.
    let sum = 0x0800 + 7 + u32::from(sequence);
    request[2..4].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    process.sendto(fd, &request, MessageFlags::empty(), &SocketAddress::Inet(SocketAddrV4::new(to, 0)))?;
    let mut buffer = [0; 100];
    loop {
        // An answer comes with the header of IP.
        let length = process.recv(fd, &mut buffer, MessageFlags::empty())?;
        let reply = &buffer[usize::from(buffer[0] & 0xf) * 4..length];
        if reply[0] == ECHO_REPLY && reply[4..8] == request[4..8] {
            process.close(fd)?;
            // Hosts send with 64.
            return Ok(64 - buffer[8]);
        }
    }
}
