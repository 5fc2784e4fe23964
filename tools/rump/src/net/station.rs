//! A kernel with one interface, for the time of a command.

use super::link::LinkArgs;
use crate::session::Failure;
use clap::Args as ClapArgs;
use rumpkit::net::{self, AddressInfo, AddressState, Interface, InterfaceAddress, NetworkDevice};
use rumpkit::{Fd, KResult, Kernel, OpenFlags, PollEvents, PollFd, PosixHost, Process};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The options that describe a station.
#[derive(ClapArgs)]
pub struct StationArgs {
    #[command(flatten)]
    link: LinkArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Its addresses and routes.
#[derive(ClapArgs, Default)]
pub struct NetworkArgs {
    /// An address of our own, with the length of its network's prefix; may be repeated
    #[arg(long, value_name = "ADDRESS/LENGTH", required = true)]
    pub address: Vec<InterfaceAddress>,
    /// The router for everything that is not on the link
    #[arg(long, value_name = "ADDRESS")]
    pub gateway: Option<IpAddr>,
}

/// See the module.
pub struct Station {
    process: Process,
    /// Its one interface.
    pub interface: Interface,
}

impl StationArgs {
    /// Boots it. Errors: usage, those of the device, addresses that cannot be ours, a gateway on no link.
    pub fn boot(&self, host: &Arc<PosixHost>) -> Result<Station, Failure> {
        Station::boot(host, self.link.open(host)?, &self.network)
    }
}

impl Station {
    /// Boots one on a device. Errors: as of [`StationArgs::boot`].
    pub fn boot(
        host: &Arc<PosixHost>,
        device: Arc<dyn NetworkDevice>,
        args: &NetworkArgs,
    ) -> Result<Self, Failure> {
        let kernel = rumpkit::kernel(host.clone());
        let kernel = kernel.map_err(|error| Failure::Network(format!("boot: {error}")))?;
        let interface = configure(&kernel, device, args)?;
        Ok(Self { process: kernel.process(), interface })
    }

    /// Waits until the addresses can be used to talk to one of IPv6; somebody else may have them, and then they never can.
    /// Errors: those of the interface.
    pub fn settle(&self) -> Result<(), Failure> {
        /// Longer than the questions whether somebody has them take (RFC 4862).
        const PATIENCE: Duration = Duration::from_secs(4);
        let failed = |error: io::Error| Failure::Network(format!("the interface: {error}"));
        let end = Instant::now() + PATIENCE;
        let is_asking = |info: &AddressInfo| info.state == AddressState::Tentative;
        while Instant::now() < end && self.interface.addresses().map_err(failed)?.iter().any(is_asking) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The address that a text means. One of a link is one of the station's, whose name or number may follow: fe80::1%if0.
    /// Errors: usage.
    pub fn resolve(&self, target: &Target) -> Result<SocketAddr, Failure> {
        let number = self.interface.number();
        let zone = target.zone.as_deref();
        if zone.is_some_and(|zone| zone != INTERFACE && zone.parse() != Ok(number)) {
            let name = zone.unwrap_or_default();
            return Err(Failure::Usage(format!("there is no interface {name}, but {INTERFACE}")));
        }
        Ok(match target.address {
            IpAddr::V4(address) => (address, 0).into(),
            IpAddr::V6(address) => {
                let scope = if is_of_link(address) { number } else { 0 };
                SocketAddrV6::new(address, 0, 0, scope).into()
            }
        })
    }

    /// A process of it, the superuser.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// An address, with the interface on whose link it is if it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    zone: Option<String>,
}

impl From<IpAddr> for Target {
    fn from(address: IpAddr) -> Self {
        Self { address, zone: None }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, zone) =
            text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
        let wrong = || format!("{text:?} is no address (names are not resolved)");
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        match (address, zone) {
            (_, None) => {}
            (IpAddr::V6(address), Some(zone)) if is_of_link(address) && !zone.is_empty() => {}
            _ => return Err(wrong()),
        }
        Ok(Self { address, zone: zone.map(Into::into) })
    }
}

/// Whether an address means something on one link alone.
fn is_of_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || (address.is_multicast() && address.segments()[0] & 0xf == 2)
}

/// The name of a station's interface.
pub const INTERFACE: &str = "if0";

fn configure(
    kernel: &Kernel,
    device: Arc<dyn NetworkDevice>,
    args: &NetworkArgs,
) -> Result<Interface, Failure> {
    let failed = |what: String| move |error: io::Error| Failure::Network(format!("{what}: {error}"));
    let interface = Interface::attach(kernel, INTERFACE, device).map_err(failed("the interface".into()))?;
    interface.up().map_err(failed("the interface".into()))?;
    for address in &args.address {
        interface.add_address(*address).map_err(failed(address.to_string()))?;
    }
    if let Some(router) = args.gateway {
        net::add_default_route(kernel, router).map_err(failed(format!("the gateway {router}")))?;
    }
    Ok(interface)
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The descriptor is ready.
    Ready,
    /// The bell was rung.
    Rung,
    /// It took too long.
    TimedOut,
}

/// A pipe in the kernel that wakes whoever polls its end once it is rung, and stays rung.
#[derive(Clone)]
pub struct Bell {
    process: Process,
    ends: [Fd; 2],
}

impl Bell {
    /// Errors: EMFILE.
    pub fn new(process: &Process) -> KResult<Self> {
        Ok(Self { process: process.clone(), ends: process.pipe2(OpenFlags::NONBLOCK)? })
    }

    /// Rings it.
    pub fn ring(&self) {
        // A full pipe was rung before, and a kernel that was halted wakes everybody itself.
        let _ = self.process.write(self.ends[1], b"!");
    }

    /// Waits until a descriptor is ready for `events`, for `timeout` at most, or until the bell is rung, which comes first.
    /// Errors: those of polling.
    pub fn wait(&self, fd: Fd, events: PollEvents, timeout: Option<Duration>) -> KResult<Waited> {
        let mut fds = [PollFd::new(fd, events), PollFd::new(self.fd(), PollEvents::IN)];
        self.process.poll(&mut fds, timeout)?;
        Ok(match fds.map(|entry| entry.revents.is_empty()) {
            [_, false] => Waited::Rung,
            [false, _] => Waited::Ready,
            _ => Waited::TimedOut,
        })
    }

    /// What can be read from once it was rung.
    pub fn fd(&self) -> Fd {
        self.ends[0]
    }
}
