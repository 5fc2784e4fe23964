//! Virtual networks: two kernels of ours with a bridge of Linux between them, which passes tags and does not know them. What
//! passes is read by tshark.

use crate::bridged::tap;
use crate::namespace::Namespace;
use crate::site::content;
use crate::trace::{Capture, Trace};
use interop::{Check, context};
use rumpkit::net::{Interface, NetworkDevice, TcpListener, TcpStream, Vlan};
use rumpkit::{Kernel, PosixHost, tun};
use std::io::{Read, Write};
use std::sync::Arc;
use std::thread;

const STREAM: usize = 4 << 20;
const NETWORK: u16 = 7;

/// A kernel with the networks 7, and 8 within it, over a device.
fn kernel(device: Arc<dyn NetworkDevice>, host: u8) -> Check<Kernel> {
    let kernel = context(rumpkit::kernel(PosixHost::new()), "boot")?;
    context(Interface::attach(&kernel, "if0", device), "if0")?;
    let outer = context(Vlan::create(&kernel, "vlan0", "if0", NETWORK), "vlan0")?;
    let inner = context(Vlan::create(&kernel, "vlan1", "vlan0", NETWORK + 1), "vlan1")?;
    for (vlan, net) in [(&outer, 7), (&inner, 8)] {
        let address = context(format!("10.0.{net}.{host}/24").parse(), "an address")?;
        context(vlan.interface().add_address(address), "an address")?;
        context(vlan.interface().up(), "up")?;
    }
    Ok(kernel)
}

/// A stream between the kernels arrives as it was.
fn stream(from: &Kernel, to: &Kernel, address: &str) -> Check {
    let sent = content(5, STREAM);
    let listener = context(TcpListener::bind(&to.process(), address), "listening")?;
    thread::scope(|scope| {
        let received = scope.spawn(move || {
            let (mut stream, _) = context(listener.accept(), "accept")?;
            let mut all = Vec::new();
            context(stream.read_to_end(&mut all), "reading")?;
            Ok::<_, String>(all)
        });
        let mut stream = context(TcpStream::connect(&from.process(), address), "connecting")?;
        context(stream.write_all(&sent), "writing")?;
        drop(stream);
        let all = received.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        if all == sent { Ok(()) } else { Err("other bytes arrived".into()) }
    })
}

fn through_linux(options: [tun::Options; 2], is_captured: bool) -> Check {
    let linux = Namespace::new()?;
    linux.ip("link add br0 type bridge mcast_snooping 0")?;
    let [left, right] = &options;
    let mut devices = [tap(&linux, left)?, tap(&linux, right)?];
    let mut trace: Option<Trace> = None;
    if is_captured {
        let capture = Capture::new(devices[0].clone(), left)?;
        trace = Some(capture.trace());
        devices[0] = capture;
    }
    for name in ["tap0", "tap1"] {
        linux.ip(&format!("link set {name} master br0"))?;
    }
    linux.ip("link set br0 up")?;
    let kernels = [kernel(devices[0].clone(), 1)?, kernel(devices[1].clone(), 2)?];
    stream(&kernels[0], &kernels[1], "10.0.7.2:80")?;
    stream(&kernels[1], &kernels[0], "10.0.8.1:80")?;
    drop(kernels);
    let Some(trace) = trace else { return Ok(()) };
    trace.check()?;
    for (what, expected) in [
        ("ip && !(vlan.id == 7)", false),
        ("ip.addr == 10.0.7.2 && vlan.id == 8", false),
        ("ip.addr == 10.0.8.1 && !(vlan.id == 8)", false),
        ("vlan.priority != 0", false),
        ("tcp && vlan.id == 7 && !(vlan.id == 8)", true),
        ("tcp && vlan.id == 8", true),
    ] {
        let found = trace.find(what)?;
        if found.is_empty() == expected {
            let first: Vec<&str> = found.lines().take(5).collect();
            return Err(format!("tshark finds frames that are {what}: {}\n{}", !expected, first.join("\n")));
        }
    }
    Ok(())
}

/// All frames have the tags that they should, and right checksums.
pub fn plain() -> Check {
    let options = ["tap0", "tap1"].map(|name| tun::Options::tap(name).without_offload());
    through_linux(options, true)
}

/// The same where checksums and cutting are left to Linux, and where they are to one side only.
pub fn offloaded() -> Check {
    through_linux(["tap0", "tap1"].map(tun::Options::tap), false)?;
    through_linux([tun::Options::tap("tap0"), tun::Options::tap("tap1").without_offload()], false)
}
