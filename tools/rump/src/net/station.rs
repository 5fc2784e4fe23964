//! A kernel with one interface, for the time of a command.

use super::link::LinkArgs;
use crate::session::Failure;
use clap::Args as ClapArgs;
use rumpkit::net::{self, Interface, InterfaceAddress, NetworkDevice, TcpStream};
use rumpkit::{
    AddressFamily, Errno, Fd, KError, KResult, Kernel, OpenFlags, PollEvents, PollFd, PosixHost, Process,
    SocketAddress, SocketType,
};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

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
    /// An address of our own, with the length of its network's prefix; may be repeated. Not with sockin
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub address: Vec<InterfaceAddress>,
    /// The router for everything that is not on the link
    #[arg(long, value_name = "ADDRESS")]
    pub gateway: Option<IpAddr>,
}

/// See the module.
pub struct Station {
    kernel: Kernel,
    process: Process,
    is_on_host: bool,
}

impl StationArgs {
    /// Boots it. Errors: usage, those of the device, addresses that cannot be ours, a gateway on no link.
    pub fn boot(&self, host: &Arc<PosixHost>) -> Result<Station, Failure> {
        let has_network = self.network.gateway.is_some() || !self.network.address.is_empty();
        if !self.link.is_sockin() {
            if self.network.address.is_empty() {
                return Err(Failure::Usage("--address: an address of our own is needed".into()));
            }
            return Station::boot(host, self.link.open(host)?, &self.network);
        }
        if has_network {
            return Err(Failure::Usage("--if sockin: addresses and routes are the host's".into()));
        }
        let kernel = rumpkit::kernel_with_sockin(host.clone());
        Ok(Station::of(kernel.map_err(|error| Failure::Network(format!("boot: {error}")))?, true))
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
        configure(&kernel, device, args)?;
        Ok(Self::of(kernel, false))
    }

    fn of(kernel: Kernel, is_on_host: bool) -> Self {
        Self { process: kernel.process(), kernel, is_on_host }
    }

    /// Its kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Whether its sockets are the host's.
    pub fn is_on_host(&self) -> bool {
        self.is_on_host
    }

    /// A process of it, the superuser.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn configure(kernel: &Kernel, device: Arc<dyn NetworkDevice>, args: &NetworkArgs) -> Result<(), Failure> {
    let failed = |what: String| move |error: io::Error| Failure::Network(format!("{what}: {error}"));
    let interface = Interface::attach(kernel, "if0", device).map_err(failed("the interface".into()))?;
    interface.up().map_err(failed("the interface".into()))?;
    for address in &args.address {
        interface.add_address(*address).map_err(failed(address.to_string()))?;
    }
    match args.gateway {
        Some(router) => {
            net::add_default_route(kernel, router).map_err(failed(format!("the gateway {router}")))
        }
        None => Ok(()),
    }
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

/// A connection of TCP, which does not block; none if the bell was rung before. Errors: those of connecting, TimedOut.
pub fn connect(
    process: &Process,
    at: SocketAddr,
    timeout: Option<Duration>,
    bell: &Bell,
) -> io::Result<Option<TcpStream>> {
    let (family, address) = match at {
        SocketAddr::V4(at) => (AddressFamily::Inet, SocketAddress::Inet(at)),
        SocketAddr::V6(at) => (AddressFamily::Inet6, SocketAddress::Inet6(at)),
    };
    let fd = process.socket(family, SocketType::Stream, 0, OpenFlags::NONBLOCK)?;
    let stream = TcpStream::from_fd(process, fd);
    match process.connect(fd, &address) {
        Err(error) if error.errno == Errno::EINPROGRESS => {}
        done => return done.map(|()| Some(stream)).map_err(io::Error::from),
    }
    match bell.wait(fd, PollEvents::OUT, timeout)? {
        Waited::Rung => Ok(None),
        Waited::TimedOut => Err(KError::from(Errno::ETIMEDOUT).into()),
        Waited::Ready => stream.take_error()?.map_or(Ok(Some(stream)), Err),
    }
}
