//! QEMU at the other side of streams of frames: without a guest it is a hub, whose ports are sockets, and a tap of Linux's.

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
    /// With a port that waits at `waits`, one that connects to `connects`, where somebody has to be already, one that
    /// waits at [`TCP_PORT`], and one that is the tap.
    fn new(linux: &Namespace, waits: &str, connects: &str) -> Check<Self> {
        let ports = [
            format!("stream,server=on,addr.type=unix,addr.path={waits}"),
            format!("stream,server=off,addr.type=unix,addr.path={connects}"),
            format!("stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={TCP_PORT}"),
            "tap,ifname=tap0,script=no,downscript=no".into(),
        ];
        let mut words: Vec<String> = ["-M", "none", "-nodefaults", "-display", "none"].map(Into::into).into();
        for (number, port) in ports.iter().enumerate() {
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

pub fn hub() -> Check {
    let linux = Namespace::new()?;
    linux.ip("tuntap add dev tap0 mode tap")?;
    linux.ip("addr add 10.0.0.9/24 dev tap0")?;
    let scratch = Scratch::new("net-qemu")?;
    let [waits, connects] = ["waits", "connects"].map(|name| scratch.path(name).display().to_string());
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
        let hub = Hub::new(&linux, &waits, &connects)?;
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
