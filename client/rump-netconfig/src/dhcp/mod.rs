//! A client of DHCP for an interface of a kernel.
//!
//! ```
//! use rumpkit::net::{Interface, dhcp, wire::Wire};
//! # use rumpkit::PosixHost;
//! use std::time::Duration;
//!
//! # fn main() -> std::io::Result<()> {
//! # let kernel = rumpkit::kernel(PosixHost::new())?;
//! let interface = Interface::attach(&kernel, "eth0", Wire::new().end())?;
//! interface.up()?;
//! let client = dhcp::Client::start(&kernel, &interface, dhcp::Options::default())?;
//! // Nobody gives addresses on this wire.
//! assert!(client.wait(Duration::from_millis(10)).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! It gets an address, asks others whether they have it (RFC 5227), and gives it to the interface with what else the
//! server tells: routes, the MTU, name servers, which are in [`/etc/resolv.conf`](super::resolv_conf) of the kernel. It
//! renews the lease in the background, and takes all of it away when the lease ends, or when the client is dropped. A lease
//! can be [kept](Options::lease) for the next start.

mod apply;
mod driver;
mod file;

use super::Interface;
use super::task::{EventWaker, Task};
use crate::{KError, Kernel};
pub use apply::wanted_routes;
use driver::Driver;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

pub use rumpnet_dhcp::{ClientIdentifier, Information, Kind, Lease, Phase, Route, Told};

/// Metric of routes that come with a lease, to which the number of the interface is added: what an administrator says
/// counts more.
pub const METRIC: u32 = 200;
/// How long somebody who waits on a host without threads sleeps, when nothing is due before.
const NAP: Duration = Duration::from_millis(10);

/// Whether an address that a server gives is asked for on the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Others are asked, which takes four to seven seconds (RFC 5227), and what they have is declined.
    #[default]
    Ask,
    /// The server is believed.
    Trust,
}

/// Hears what a client does. It may not use the client.
pub type Observer = Arc<dyn Fn(&Told) + Send + Sync>;

/// What may be chosen.
#[derive(Clone, Default)]
pub struct Options {
    /// What the host wants to be called.
    pub host_name: Option<String>,
    /// Who the client is; of the hardware address and the interface (RFC 4361) if that is not said.
    pub identifier: Option<ClientIdentifier>,
    /// An address that it had before, and asks for first.
    pub remembered: Option<Ipv4Addr>,
    /// A file of the host that keeps the lease for the next start, which asks for it again, and uses it for its rest where
    /// no server answers. What is of no use in it is ignored, and the console is told why. Who asks for information alone
    /// has none.
    pub lease: Option<PathBuf>,
    /// Whether an address is asked for on the link.
    pub check: Check,
    /// Metric of the routes, if it is to be another than 200 and the number of the interface.
    pub metric: Option<u32>,
    /// Who hears what it does.
    pub observer: Option<Observer>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host_name, identifier, remembered, lease, check, metric, observer } = self;
        let known = (host_name, identifier, remembered, lease, check, metric);
        write!(f, "Options {known:?} observed: {}", observer.is_some())
    }
}

/// See the module. On a host without threads it is [polled](Self::poll).
pub struct Client {
    kernel: Kernel,
    task: Task<Driver>,
}

impl Client {
    /// Begins to get an address for an interface, which is to be up. Errors: EINVAL (it is none of Ethernet), AddrInUse
    /// (somebody has the port of clients for himself), WouldBlock (no thread can be had).
    pub fn start(kernel: &Kernel, interface: &Interface, options: Options) -> io::Result<Self> {
        Self::begin(kernel, |waker| Driver::new(kernel, interface, options, waker))
    }

    fn begin(kernel: &Kernel, make: impl FnOnce(Waker) -> io::Result<Driver>) -> io::Result<Self> {
        let task = Task::begin(kernel.host(), "dhcp", make)?;
        Ok(Self { kernel: kernel.clone(), task })
    }

    /// Does what is due; answers when to come again, by the monotonic clock of the host. For hosts without threads.
    pub fn poll(&self) -> Option<Duration> {
        self.task.poll()
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.task.work().client().phase()
    }

    /// The lease that is used.
    pub fn lease(&self) -> Option<Lease> {
        self.task.work().client().lease().cloned()
    }

    /// How long it is until a moment that a lease names.
    pub fn left(&self, moment: Duration) -> Duration {
        moment.saturating_sub(self.kernel.host().monotonic())
    }

    /// Waits until there is a lease. Errors: TimedOut, ENXIO (the interface is gone, or the kernel was halted).
    pub fn wait(&self, timeout: Duration) -> io::Result<Lease> {
        self.wait_for(timeout, |driver| driver.client().lease().cloned())
    }

    fn wait_for<T>(&self, timeout: Duration, find: impl Fn(&Driver) -> Option<T>) -> io::Result<T> {
        let host = self.kernel.host();
        let event = host.event();
        let waker = Waker::from(Arc::new(EventWaker(event.clone())));
        let progress = self.task.work().progress().clone();
        let _registration = progress.register(&waker);
        let end = host.monotonic().saturating_add(timeout);
        loop {
            let due = if self.task.has_thread() { None } else { self.drive() };
            let driver = self.task.work();
            if let Some(found) = find(&driver) {
                return Ok(found);
            }
            if let Some(error) = driver.failure() {
                return Err(error.into());
            }
            drop(driver);
            let left = end.saturating_sub(host.monotonic());
            if left.is_zero() {
                return Err(KError::new(crate::Errno::ETIMEDOUT, "no server of DHCP answered in time").into());
            }
            match self.task.has_thread() {
                true => drop(event.wait(Some(left))),
                false => host.sleep(due.unwrap_or(NAP).clamp(Duration::from_micros(1), NAP).min(left)),
            }
        }
    }

    /// Does what threads would do; answers how long nothing is due.
    fn drive(&self) -> Option<Duration> {
        let due = [self.task.poll(), self.kernel.poll_network()].into_iter().flatten().min()?;
        Some(due.saturating_sub(self.kernel.host().monotonic()))
    }

    /// Gives the lease back, and takes all away that came with it. It does nothing afterwards.
    pub fn release(&self) {
        self.task.work().end(rumpnet_dhcp::Client::release);
    }

    /// Takes all away that came with the lease, which the server keeps for us. It does nothing afterwards.
    pub fn stop(&self) {
        self.task.work().end(rumpnet_dhcp::Client::stop);
    }

    /// Ends, and leaves what it configured: nobody renews the lease.
    pub fn leave(self) {
        self.task.work().leave();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Asks for what there is to know besides an address, which the interface has (INFORM); name servers go to
/// [`/etc/resolv.conf`](super::resolv_conf). Errors: as of [`Client::start`] and [`Client::wait`], AddrNotAvailable (the
/// interface has no address of IPv4).
pub fn inform(
    kernel: &Kernel,
    interface: &Interface,
    options: Options,
    timeout: Duration,
) -> io::Result<Information> {
    let client = Client::begin(kernel, |waker| Driver::informing(kernel, interface, options, waker))?;
    client.wait_for(timeout, |driver| driver.information().cloned())
}
