//! QEMU at the other side of streams of frames, and of datagrams: without a guest it is a hub, whose ports are sockets, and a
//! tap of Linux's.

use crate::datagrams;
use crate::joined::{converse, open_as_another};
use crate::namespace::Namespace;
use crate::station::{Lines, Station, exchange};
use interop::image::Scratch;
use interop::{Check, context};
use rumpkit::hyper::packet::PacketIo;
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub const PROGRAM: &str = "qemu-system-x86_64";
const PATIENCE: Duration = Duration::from_secs(20);
/// Number of the port that speaks by TCP.
const TCP_PORT: u16 = 4000;
const LENGTH: usize = 4 << 20;
/// QEMU 7.2 does not survive a frame that comes before all of its ports know that they wait: until then nobody sends.
const READY: Duration = Duration::from_secs(1);

/// A hub, which ends with this.
struct Hub(Child);

impl Hub {
    /// With these ports, and one that is the tap.
    fn new(linux: &Namespace, ports: &[String]) -> Check<Self> {
        let tap = "tap,ifname=tap0,script=no,downscript=no".into();
        let mut words: Vec<String> = ["-M", "none", "-nodefaults", "-display", "none"].map(Into::into).into();
        for (number, port) in ports.iter().chain([&tap]).enumerate() {
            words.extend(["-netdev".into(), format!("{port},id=port{number}")]);
            words.extend(["-netdev".into(), format!("hubport,hubid=0,id=hub{number},netdev=port{number}")]);
        }
        linux.spawn(PROGRAM, &words.iter().map(String::as_str).collect::<Vec<_>>()).map(Self)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A namespace with a tap, which is down.
fn linux_at_a_tap() -> Check<Namespace> {
    let linux = Namespace::new()?;
    linux.ip("tuntap add dev tap0 mode tap")?;
    linux.ip("addr add 10.0.0.9/24 dev tap0")?;
    Ok(linux)
}

pub fn hub() -> Check {
    let linux = linux_at_a_tap()?;
    let scratch = Scratch::new("net-qemu")?;
    let [waits, connects] = ["waits", "connects"].map(|name| scratch.path(name).display().to_string());
    // One waits, one connects to where somebody has to be already, and one waits for TCP.
    let ports = [
        format!("stream,server=on,addr.type=unix,addr.path={waits}"),
        format!("stream,server=off,addr.type=unix,addr.path={connects}"),
        format!("stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={TCP_PORT}"),
    ];
    let lines = Arc::new(Lines::default());
    let server = open_as_another(&lines, &format!("listen:unix:{connects}"))?;
    let server = Station::new(server, &["10.0.0.1/24", "fd00::1/64"])?;
    let client = open_as_another(&lines, &format!("reconnect:unix:{waits}"))?;
    let client = Station::new(client, &["10.0.0.2/24", "fd00::2/64"])?;
    // QEMU ends, and another one comes.
    for round in ["at first", "again"] {
        let stations = [&server, &client];
        stations.iter().try_for_each(|station| context(station.interface.down(), "down"))?;
        linux.ip("link set tap0 down")?;
        let hub = Hub::new(&linux, &ports)?;
        let third = by_tcp(&linux, &lines)?;
        stations.iter().try_for_each(|station| station.wait_for_carrier(true))?;
        thread::sleep(READY);
        linux.ip("link set tap0 up")?;
        stations.iter().try_for_each(|station| context(station.interface.up(), "up"))?;
        let third = Station::new(third, &["10.0.0.3/24", "fd00::3/64"])?;
        for (name, other) in [("who is waited for", &client), ("who speaks by TCP", &third)] {
            converse(&server, other).map_err(|why| format!("{round}, {name}: {why}"))?;
        }
        for (address, station) in [("10.0.0.1", &server), ("10.0.0.2", &client), ("10.0.0.3", &third)] {
            with_linux(&linux, station, address).map_err(|why| format!("{round}, {address}: {why}"))?;
            let statistics = station.device.statistics();
            if statistics.malformed > 0 {
                return Err(format!("{round}, {address}: {statistics:?}"));
            }
        }
        drop((hub, third));
        stations.iter().try_for_each(|station| station.wait_for_carrier(false))?;
    }
    Ok(())
}

pub fn hub_of_datagrams() -> Check {
    let linux = linux_at_a_tap()?;
    let scratch = Scratch::new("net-qemu-datagrams")?;
    let [ours, theirs] = ["ours", "theirs"].map(|name| scratch.path(name).display().to_string());
    let ports = [
        format!("dgram,local.type=unix,local.path={theirs},remote.type=unix,remote.path={ours}"),
        "dgram,local.type=inet,local.host=127.0.0.1,local.port=4001,remote.type=inet,remote.host=127.0.0.1,remote.port=4002".into(),
    ];
    let by_unix = datagrams::open(&format!("unix:{ours},{theirs}"))?;
    let by_unix = Station::new(by_unix, &["10.0.0.1/24", "fd00::1/64"])?;
    let by_udp = linux.enter(|| datagrams::open("udp:127.0.0.1:4002,127.0.0.1:4001"))?;
    let by_udp = Station::new(by_udp, &["10.0.0.2/24", "fd00::2/64"])?;
    // QEMU ends, and another one comes.
    for round in ["at first", "again"] {
        let stations = [&by_unix, &by_udp];
        stations.iter().try_for_each(|station| context(station.interface.down(), "down"))?;
        linux.ip("link set tap0 down")?;
        let _hub = Hub::new(&linux, &ports)?;
        let begin = Instant::now();
        while !scratch.path("theirs").exists() {
            if begin.elapsed() > PATIENCE {
                return Err("QEMU makes no socket".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(READY);
        linux.ip("link set tap0 up")?;
        stations.iter().try_for_each(|station| context(station.interface.up(), "up"))?;
        converse(&by_unix, &by_udp).map_err(|why| format!("{round}: {why}"))?;
        for (address, station) in [("10.0.0.1", &by_unix), ("10.0.0.2", &by_udp)] {
            with_linux(&linux, station, address).map_err(|why| format!("{round}, {address}: {why}"))?;
        }
        // One that was killed leaves its socket; the next one makes it anew.
        context(std::fs::remove_file(&theirs), "the socket of QEMU")?;
    }
    Ok(())
}

/// An end at the port of TCP, once that is there.
fn by_tcp(linux: &Namespace, lines: &Arc<Lines>) -> Check<Arc<dyn PacketIo>> {
    let begin = Instant::now();
    loop {
        match linux.enter(|| open_as_another(lines, &format!("tcp:127.0.0.1:{TCP_PORT}"))) {
            Err(_) if begin.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

/// Linux pings, and there are streams both ways.
fn with_linux(linux: &Namespace, station: &Station, address: &str) -> Check {
    for size in ["0", "56", "1472", "1473", "20001"] {
        let printed = linux.run_ok("ping", &["-n", "-c", "1", "-W", "5", "-s", size, address])?;
        if !printed.contains("1 received") || printed.contains("wrong data") {
            return Err(printed);
        }
    }
    let (ours, theirs) = (format!("{address}:82"), "10.0.0.9:83");
    let listener = station.listen(&ours)?;
    let client = linux.enter(|| context(TcpStream::connect(&ours), &ours))?;
    let (server, _) = context(listener.accept(), "accept")?;
    exchange(&client, &server, LENGTH)?;
    let listener = linux.enter(|| context(TcpListener::bind(theirs), theirs))?;
    let client = station.connect(theirs)?;
    let (server, _) = context(listener.accept(), "accept")?;
    exchange(&client, &server, LENGTH)
}
