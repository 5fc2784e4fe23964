//! A kernel of ours and Linux, with a wire between them.

use crate::namespace::Namespace;
use crate::trace::{Capture, Trace};
use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use interop::{Check, context};
use rumpkit::hyper::Hypervisor;
use rumpkit::kpi::device::NetworkDevice;
use rumpkit::kpi::socket::{Domain, OptionValue};
use rumpkit::lossy::{Both, Impairment, Lossy};
use rumpkit::virtif::VirtIf;
use rumpkit::{
    AddressFamily, Fd, Kernel, MessageFlags, OpenFlags, PosixHost, Process, SocketAddress, SocketType,
    sockopt, tun,
};
use std::sync::Arc;
use std::time::Duration;

/// Linux.
pub const THEIRS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// We.
pub const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// No call waits longer.
const PATIENCE: Duration = Duration::from_secs(60);
pub const NONE: MessageFlags = MessageFlags::empty();

/// What the wire is.
pub struct Wiring {
    pub options: tun::Options,
    /// What is wrong with it, and the seed.
    pub impairments: Option<(u64, Both<Impairment>)>,
    /// Whether what passes is complete, and so is captured.
    pub is_captured: bool,
}

impl Wiring {
    /// A good tap without offload.
    pub fn plain() -> Self {
        let options = tun::Options::tap("tap0").without_offload();
        Self { options, impairments: None, is_captured: true }
    }

    /// A good tap with all that Linux does.
    pub fn offloaded() -> Self {
        Self { options: tun::Options::tap("tap0"), impairments: None, is_captured: false }
    }

    pub fn impaired(seed: u64, impairments: Both<Impairment>) -> Self {
        Self { impairments: Some((seed, impairments)), ..Self::plain() }
    }
}

/// See the module.
pub struct Site {
    pub process: Process,
    pub device: Arc<VirtIf>,
    pub lossy: Option<Arc<Lossy>>,
    trace: Option<Trace>,
    pub kernel: Kernel,
    pub linux: Namespace,
}

impl Site {
    pub fn new(wiring: Wiring) -> Check<Self> {
        let linux = Namespace::new()?;
        let io = linux.enter(|| tun::open(&wiring.options).map_err(|error| error.what))?;
        let name = &io.info().name;
        linux.ip(&format!("addr add {THEIRS}/24 dev {name}"))?;
        linux.ip(&format!("link set {name} up"))?;
        let host: Arc<dyn Hypervisor> = PosixHost::new();
        let device = VirtIf::new(host.clone(), io);
        let mut outer: Arc<dyn NetworkDevice> = device.clone();
        let mut trace = None;
        if wiring.is_captured {
            let capture = Capture::new(outer, &wiring.options)?;
            trace = Some(capture.trace());
            outer = capture;
        }
        let mut lossy = None;
        if let Some((seed, impairments)) = wiring.impairments {
            let wire = Lossy::new(host.clone(), outer, seed, impairments);
            lossy = Some(wire.clone());
            outer = wire;
        }
        let kernel = context(rumpkit::kernel(host), "boot")?;
        let domain = context(kernel.protocols(AddressFamily::Inet), "TCP/IP")?;
        let network = domain.network().ok_or("TCP/IP has no interfaces")?;
        let configured = network
            .attach("virt0", outer)
            .and_then(|number| network.set_up(number, true).map(|()| number))
            .and_then(|number| network.add_address(number, IpAddr::V4(OURS), 24));
        context(configured, "configuration")?;
        Ok(Self { process: kernel.process(), device, lossy, trace, kernel, linux })
    }

    /// Ends it; what passed is looked at.
    pub fn finish(self) -> Check {
        let Self { process, trace, kernel, linux, .. } = self;
        drop((process, kernel));
        drop(linux);
        trace.map_or(Ok(()), |trace| trace.check().map(drop))
    }

    /// Our TCP/IP, to be configured.
    pub fn domain(&self) -> Check<Arc<dyn Domain>> {
        context(self.kernel.protocols(AddressFamily::Inet), "TCP/IP")
    }

    /// A socket of ours whose calls end.
    pub fn socket(&self, kind: SocketType, protocol: u8) -> Check<Fd> {
        socket(&self.process, kind, protocol)
    }

    /// A socket of ours that others connect to.
    pub fn listener(&self, port: u16) -> Check<Fd> {
        let fd = self.socket(SocketType::Stream, 0)?;
        context(self.process.bind(fd, &at(OURS, port)), "bind")?;
        context(self.process.listen(fd, 128), "listen")?;
        Ok(fd)
    }

    /// A connection that came to us.
    pub fn accept(&self, listener: Fd) -> Check<Fd> {
        let (fd, from) = context(self.process.accept(listener), "accept")?;
        match from {
            SocketAddress::Inet(from) if *from.ip() == THEIRS => Ok(fd),
            from => Err(format!("a connection of {from:?}")),
        }
    }

    /// A connection of ours to Linux.
    pub fn connect(&self, port: u16) -> Check<Fd> {
        let fd = self.socket(SocketType::Stream, 0)?;
        context(self.process.connect(fd, &at(THEIRS, port)), "connect")?;
        Ok(fd)
    }

    pub fn send_all(&self, fd: Fd, bytes: &[u8]) -> Check {
        let mut sent = 0;
        while sent < bytes.len() {
            sent += context(self.process.send(fd, &bytes[sent..], NONE), "send")?;
        }
        Ok(())
    }

    /// All that comes, to the end of the stream.
    pub fn receive_all(&self, fd: Fd) -> Check<Vec<u8>> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 100_000]);
        loop {
            match context(self.process.recv(fd, &mut buffer, NONE), "recv")? {
                0 => return Ok(all),
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

/// A socket whose calls end.
pub fn socket(process: &Process, kind: SocketType, protocol: u8) -> Check<Fd> {
    let fd = context(process.socket(AddressFamily::Inet, kind, protocol, OpenFlags::empty()), "socket")?;
    for option in [sockopt::SO_RCVTIMEO, sockopt::SO_SNDTIMEO] {
        let limit = OptionValue::Time(Some(PATIENCE));
        context(process.setsockopt(fd, sockopt::SOL_SOCKET, option, &limit), "a limit of time")?;
    }
    Ok(fd)
}

/// An address of ours, as we call it.
pub fn at(address: Ipv4Addr, port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(address, port))
}

/// An address, as Linux's side calls it.
pub fn there(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(address, port))
}

/// Bytes that follow from a seed.
pub fn content(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    core::iter::repeat_with(next).take(length).collect()
}
