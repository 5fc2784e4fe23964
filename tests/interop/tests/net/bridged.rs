//! Bridges: ours between hosts of Linux, and ours in a ring with Linux's own, which its spanning tree breaks.

use crate::namespace::Namespace;
use crate::site::content;
use interop::{Check, context};
use rumpkit::net::{Bridge, Interface, MemberState, NetworkDevice};
use rumpkit::virtif::VirtIf;
use rumpkit::{Kernel, PosixHost, tun};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Times of the spanning tree: the shortest that the standard allows, in seconds.
const HELLO: u64 = 1;
const MAX_AGE: u64 = 6;
const DELAY: u64 = 4;
/// Longer than any change takes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(MAX_AGE + 2 * DELAY + 10);
const PORT: u16 = 7000;
const STREAM: usize = 8 << 20;

/// A kernel of ours with a bridge of taps, `if0` and so on, which is the host 192.0.2.9 itself.
pub struct Switch {
    pub bridge: Bridge,
    pub kernel: Kernel,
}

pub fn tap(place: &Namespace, options: &tun::Options) -> Check<Arc<dyn NetworkDevice>> {
    let io = place.enter(|| tun::open(options).map_err(|error| error.what))?;
    place.ip(&format!("link set {} up", io.info().name))?;
    Ok(VirtIf::new(PosixHost::new(), io))
}

impl Switch {
    fn new(devices: Vec<Arc<dyn NetworkDevice>>) -> Check<Self> {
        let kernel = context(rumpkit::kernel(PosixHost::new()), "boot")?;
        let bridge = context(Bridge::create(&kernel, "bridge0"), "a bridge")?;
        for (number, device) in devices.into_iter().enumerate() {
            let name = format!("if{number}");
            context(Interface::attach(&kernel, &name, device), &name)?;
            context(bridge.add(&name), &name)?;
        }
        let address = context("192.0.2.9/24".parse(), "an address")?;
        context(bridge.interface().add_address(address), "an address")?;
        context(bridge.interface().up(), "up")?;
        Ok(Self { bridge, kernel })
    }

    fn states(&self) -> Check<Vec<MemberState>> {
        let members = context(self.bridge.members(), "members")?;
        Ok(members.into_iter().map(|member| member.state).collect())
    }
}

fn ping(from: &Namespace, to: &str) -> Check {
    from.run_ok("ping", &["-n", "-c", "3", "-i", "0.2", "-W", "5", to]).map(drop)
}

/// A stream from a host of Linux to another arrives as it was.
fn stream(from: &Namespace, to: &Namespace, address: &str) -> Check<Duration> {
    let sent = content(3, STREAM);
    let listener = to.enter(|| context(TcpListener::bind((address, PORT)), "listening"))?;
    thread::scope(|scope| {
        let received = scope.spawn(move || {
            let (mut stream, _) = context(listener.accept(), "accept")?;
            let mut all = Vec::new();
            context(stream.read_to_end(&mut all), "reading")?;
            Ok::<_, String>(all)
        });
        let mut stream = from.enter(|| context(TcpStream::connect((address, PORT)), "connecting"))?;
        let began = Instant::now();
        context(stream.write_all(&sent), "writing")?;
        drop(stream);
        let all = received.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        if all == sent { Ok(began.elapsed()) } else { Err("other bytes arrived".into()) }
    })
}

/// Hosts on two taps, one of which leaves nothing to anybody.
pub fn hosts() -> Check {
    let places = [Namespace::new()?, Namespace::new()?];
    let [able, plain] = [tun::Options::tap("tap0"), tun::Options::tap("tap0").without_offload()];
    let devices = vec![tap(&places[0], &able)?, tap(&places[1], &plain)?];
    let addresses = ["192.0.2.1", "192.0.2.2"];
    for (place, address) in places.iter().zip(addresses) {
        place.ip(&format!("addr add {address}/24 dev tap0"))?;
    }
    let switch = Switch::new(devices)?;
    for (place, other) in places.iter().zip(["192.0.2.2", "192.0.2.1"]) {
        ping(place, other)?;
        ping(place, "192.0.2.9")?;
    }
    stream(&places[0], &places[1], addresses[1])?;
    stream(&places[1], &places[0], addresses[0])?;
    let stations = context(switch.bridge.addresses(), "addresses")?;
    let members: Vec<&str> = stations.iter().map(|station| &*station.member).collect();
    if stations.len() != 2 || !members.contains(&"if0") || !members.contains(&"if1") {
        return Err(format!("two hosts, and the table is {stations:?}"));
    }
    let statistics = context(switch.bridge.statistics(), "statistics")?;
    if statistics.too_long > 0 || statistics.forwarded == 0 {
        return Err(format!("{statistics:?}"));
    }
    Ok(())
}

/// What `ip` says of a link.
fn link(place: &Namespace, name: &str) -> Check<Value> {
    let printed = place.run_ok("ip", &["-j", "-d", "link", "show", "dev", name])?;
    let mut all: Vec<Value> = context(serde_json::from_str(&printed), "the output of ip")?;
    all.pop().ok_or_else(|| format!("ip shows no {name}"))
}

/// Linux's bridge and ours with two taps between them.
struct Ring {
    linux: Namespace,
    switch: Switch,
}

impl Ring {
    /// `priority` is ours; Linux has 0x8000.
    fn new(priority: u16) -> Check<Self> {
        let linux = Namespace::new()?;
        let times = format!("stp_state 1 hello_time {HELLO}00 max_age {MAX_AGE}00 forward_delay {DELAY}00");
        linux.ip(&format!("link add br0 type bridge {times}"))?;
        linux.ip("addr add 192.0.2.1/24 dev br0")?;
        let mut devices = Vec::new();
        for name in ["tap0", "tap1"] {
            devices.push(tap(&linux, &tun::Options::tap(name))?);
        }
        let switch = Switch::new(devices)?;
        let chosen = switch.bridge.change(|settings| {
            settings.spans = true;
            settings.priority = priority;
            [settings.hello_time, settings.max_age, settings.forward_delay] =
                [HELLO, MAX_AGE, DELAY].map(Duration::from_secs);
        });
        context(chosen, "the times")?;
        for name in ["tap0", "tap1"] {
            linux.ip(&format!("link set {name} master br0"))?;
        }
        linux.ip("link set br0 up")?;
        Ok(Self { linux, switch })
    }

    /// What Linux's ports do.
    fn their_states(&self) -> Check<Vec<String>> {
        let state = |name| {
            let link = link(&self.linux, name)?;
            let state = link["linkinfo"]["info_slave_data"]["state"].as_str();
            Ok(state.unwrap_or_default().to_owned())
        };
        ["tap0", "tap1"].into_iter().map(state).collect()
    }

    /// Until so many ports forward, and so many block; others may be down.
    fn wait(&self, forwarding: usize, blocking: usize) -> Check {
        let patience = Instant::now() + PATIENCE;
        loop {
            let (ours, theirs) = (self.switch.states()?, self.their_states()?);
            let count = |state: MemberState, name: &str| {
                ours.iter().filter(|own| **own == state).count()
                    + theirs.iter().filter(|other| **other == name).count()
            };
            let now =
                (count(MemberState::Forwarding, "forwarding"), count(MemberState::Blocking, "blocking"));
            if now == (forwarding, blocking) {
                return Ok(());
            }
            if Instant::now() > patience {
                return Err(format!("not {forwarding} and {blocking}: ours {ours:?}, Linux's {theirs:?}"));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Both name the same root, which is ours or not. Linux is asked at its ports: ip shows the bridge's own identifier as the
    /// root of a bridge.
    fn check_root(&self, is_ours: bool) -> Check {
        let tree = context(self.switch.bridge.tree(), "the tree")?;
        let [high, low, a, b, c, d, e, f] = tree.root.to_be_bytes();
        let mac = [a, b, c, d, e, f].map(|byte| format!("{byte:x}")).join(":");
        let ours = format!("{:x}.{mac}", u16::from_be_bytes([high, low]));
        for name in ["tap0", "tap1"] {
            let port = &link(&self.linux, name)?["linkinfo"]["info_slave_data"];
            let is_down = port["state"] == "disabled";
            if !is_down && port["root_id"] != *ours || (tree.root == tree.identifier) != is_ours {
                return Err(format!(
                    "our root is {ours}, we are {:x}; of {name} ip says {port}",
                    tree.identifier
                ));
            }
        }
        Ok(())
    }
}

fn ring(priority: u16, is_root: bool) -> Check {
    let ring = Ring::new(priority)?;
    ring.wait(3, 1)?;
    context(ring.check_root(is_root), "at first")?;
    ping(&ring.linux, "192.0.2.9")?;
    let blocking = |state: &MemberState| *state == MemberState::Blocking;
    let is_ours_blocking = ring.switch.states()?.iter().any(blocking);
    if is_ours_blocking == is_root {
        return Err("the root blocks a port".into());
    }
    // The cable that is used fails.
    let theirs = ring.their_states()?;
    let used = match ring.switch.states()?.iter().position(|state| !blocking(state)) {
        Some(at) if !is_root => at,
        _ => theirs.iter().position(|state| state == "forwarding").ok_or("no port of Linux forwards")?,
    };
    ring.linux.ip(&format!("link set tap{used} down"))?;
    let patience = Instant::now() + PATIENCE;
    while ring.linux.run("ping", &["-n", "-c", "1", "-W", "1", "192.0.2.9"])?.status != Some(0) {
        if Instant::now() > patience {
            return Err(format!("no way around tap{used}: {:?}", ring.switch.states()?));
        }
    }
    ping(&ring.linux, "192.0.2.9")?;
    context(ring.check_root(is_root), "after the cut")?;
    drop(ring.switch.kernel);
    Ok(())
}

/// In a ring with Linux as the root one of our ports blocks.
pub fn ring_of_linux() -> Check {
    ring(0x9000, false)
}

/// In one where we are the root one of Linux's does.
pub fn ring_of_ours() -> Check {
    ring(0x1000, true)
}
