//! Virtual networks of a Linux that has them: user-mode Linux, whose kernel speaks 802.1Q, which this host's may not.
//!
//! The machine and a kernel of ours are on one cable. Both have network 7 on it, and network 8 within that. Linux has network
//! 9 as well, which we do not, and sends frames with a priority alone to our interface itself. All that it sends with tags has
//! priorities.

use crate::namespace::Namespace;
use crate::ping;
use crate::site::content;
use crate::station::{Station, converse};
use interop::uml::Machine;
use interop::{Check, context};
use rumpkit::hyper::packet::{Medium, PacketIo};
use rumpkit::net::Vlan;
use rumpkit::{packet, tun};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of IP in a packet.
const MTU: u32 = 1500;
/// Bytes of a stream each way.
const LENGTH: usize = 2 << 20;
/// Sizes of echo requests, around what one frame holds.
const SIZES: &[usize] = &[0, 56, 1472, 1473, 20_001];
/// Longest time that a machine takes to boot.
const PATIENCE: Duration = Duration::from_secs(40);

/// What Linux does. The hardware address of our interface stands before it, as `ours`, and the MTU of network 8.
const SCRIPT: &str = r#"
set -e
vlan() { # interface, number, its own name, address
    ip link add link "$1" name "$3" type vlan id "$2" egress-qos-map 0:5
    ip addr add "$4" dev "$3"
    ip link set "$3" up
}
ip link set vec0 up
ip addr add 10.0.0.1/24 dev vec0
vlan vec0 7 seven 10.0.7.1/24
ip addr add fd00:7::1/64 dev seven nodad
vlan seven 8 eight 10.0.8.1/24
ip link set eight mtu "$inner_mtu"
vlan vec0 9 nine 10.0.9.1/24
vlan vec0 0 priority 10.0.10.1/24
# Answers of ours come without a tag, and so to the interface below: there is nobody to ask here.
ip neigh add 10.0.9.2 lladdr "$ours" dev nine
ip neigh add 10.0.10.2 lladdr "$ours" dev priority
python3 streams.py serve 10.0.7.1 10.0.8.1 fd00:7::1
for address in 10.0.0.2 10.0.7.2 10.0.8.2 10.0.10.2; do
    for size in 0 56 1472 1473 20001; do
        ping -n -c 1 -W 10 -s $size $address
    done
done
if ping -n -c 2 -W 1 10.0.9.2; then
    echo "a network that is not theirs was answered" >&2
    exit 1
fi
python3 streams.py connect 10.0.7.2 10.0.8.2 fd00:7::2
cat /proc/net/vlan/priority
"#;

/// Streams of Linux: one to each address, both ways at once.
const STREAMS: &str = r#"
import socket, sys, threading
socket.setdefaulttimeout(40)
theirs, ours = (open(name, "rb").read() for name in ("linux.bytes", "rump.bytes"))
def exchange(stream, address):
    def send():
        stream.sendall(theirs)
        stream.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    came = bytearray()
    while chunk := stream.recv(65536):
        came += chunk
    sender.join()
    if came != ours:
        sys.exit(f"{address}: {len(came)} bytes came, or others")
verb, addresses = sys.argv[1], sys.argv[2:]
family = lambda address: socket.AF_INET6 if ":" in address else socket.AF_INET
if verb == "serve":
    listeners = [socket.create_server((address, 7000), family=family(address)) for address in addresses]
    open("listening", "w").close()
    for address, listener in zip(addresses, listeners):
        exchange(listener.accept()[0], address)
else:
    for address in addresses:
        exchange(socket.create_connection((address, 7001)), address)
"#;

/// A machine at a tap that is a member of a bridge with ours.
pub fn over_a_bridge() -> Check {
    for options in [tun::Options::tap("tap0"), tun::Options::tap("tap0").without_offload()] {
        let linux = Namespace::new()?;
        linux.ip("link add br0 type bridge mcast_snooping 0")?;
        linux.ip("tuntap add dev uml0 mode tap")?;
        let io = linux.enter(|| tun::open(&options).map_err(|error| error.what))?;
        for name in ["uml0", "tap0"] {
            linux.ip(&format!("link set {name} master br0 up"))?;
        }
        linux.ip("link set br0 up")?;
        meet(&linux, io, MTU).map_err(|why| format!("{:?}: {why}", options.offload))?;
    }
    Ok(())
}

/// We share the machine's tap with the host.
pub fn over_a_shared_interface() -> Check {
    let linux = Namespace::new()?;
    linux.ip("tuntap add dev uml0 mode tap")?;
    linux.ip("link set uml0 up")?;
    let options = packet::Options { reception: packet::Reception::All, ..packet::Options::new("uml0") };
    let io = linux.enter(|| packet::open(&options).map_err(|error| error.what))?;
    // Linux takes a frame of ours with one tag more than its interface's MTU leaves room for, not with two (packet(7)).
    meet(&linux, io, MTU - 4)
}

/// Our kernel, with its networks.
fn station(io: Arc<dyn PacketIo>, inner_mtu: u32) -> Check<Station> {
    // It has an address of network 9 without being in it: who answers there takes frames that are not his.
    let station = Station::new(io, &["10.0.0.2/24", "10.0.9.2/24", "10.0.10.2/24"])?;
    for (name, parent, network, mtu, addresses) in [
        ("vlan0", "eth0", 7, MTU, &["10.0.7.2/24", "fd00:7::2/64"][..]),
        ("vlan1", "vlan0", 8, inner_mtu, &["10.0.8.2/24"]),
    ] {
        let vlan = context(Vlan::create(station.kernel(), name, parent, network), name)?;
        context(vlan.interface().set_mtu(mtu), name)?;
        context(vlan.interface().up(), name)?;
        for address in addresses {
            context(vlan.interface().add_address(context(address.parse(), address)?), address)?;
        }
    }
    Ok(station)
}

/// All that both may have to say, with packets of `inner_mtu` bytes in the network within the other.
fn meet(linux: &Namespace, io: Arc<dyn PacketIo>, inner_mtu: u32) -> Check {
    let Medium::Ethernet { address } = io.info().medium else { return Err("no Ethernet".into()) };
    let hardware = address.map(|byte| format!("{byte:02x}")).join(":");
    let station = station(io, inner_mtu)?;
    let [ours, theirs] = [1, 2].map(|seed| content(seed, LENGTH));
    let mut machine = Machine::new(&["8021q", "ipv6"])?;
    machine.plug(linux.path(), "uml0");
    machine.give("streams.py", STREAMS.as_bytes())?;
    machine.give("rump.bytes", &ours)?;
    machine.give("linux.bytes", &theirs)?;
    let step = machine.step(&format!("ours={hardware} inner_mtu={inner_mtu}\n{SCRIPT}"))?;
    let listening = machine.path("listening");
    thread::scope(|scope| {
        let running = scope.spawn(|| machine.run());
        let outcome = wait(|| listening.exists() || running.is_finished())
            .and_then(|()| speak(&station, &ours, &theirs));
        let answers = running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let printed = answers.output(step).map_err(|why| format!("{outcome:?}; {why}"))?;
        outcome?;
        sent_with_priority(&String::from_utf8_lossy(&printed))
    })
}

fn wait(is_over: impl Fn() -> bool) -> Check {
    let begin = Instant::now();
    while !is_over() {
        if begin.elapsed() > PATIENCE {
            return Err("Linux does not listen".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Our side of all.
fn speak(station: &Station, ours: &[u8], theirs: &[u8]) -> Check {
    let bound = ["10.0.7.2:7001", "10.0.8.2:7001", "[fd00:7::2]:7001"];
    let listeners = bound.map(|address| station.listen(address));
    for network in [0, 7, 8] {
        let address = Ipv4Addr::new(10, 0, network, 1);
        ping::ask(&station.process(), address, SIZES).map_err(|why| format!("{address}: {why}"))?;
    }
    for address in ["10.0.7.1:7000", "10.0.8.1:7000", "[fd00:7::1]:7000"] {
        let stream = station.connect(address)?;
        converse(&stream, ours, theirs).map_err(|why| format!("to {address}: {why}"))?;
    }
    for (listener, address) in listeners.into_iter().zip(bound) {
        let (stream, _) = context(listener?.accept(), "accept")?;
        context(stream.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
        converse(&stream, ours, theirs).map_err(|why| format!("at {address}: {why}"))?;
    }
    Ok(())
}

/// Whether Linux says that it sent the echo requests with a priority and no network.
fn sent_with_priority(counters: &str) -> Check {
    let line = counters.lines().find(|line| line.contains("total frames transmitted"));
    let count = line.and_then(|line| line.split_whitespace().last()?.parse::<usize>().ok());
    match count {
        Some(count) if count >= SIZES.len() => Ok(()),
        _ => Err(format!("frames with a priority alone: {count:?}\n{counters}")),
    }
}
