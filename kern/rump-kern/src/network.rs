//! Families of protocols: attached when a socket of theirs is first asked for, and driven by one thread of the kernel,
//! which is begun when one of them first asks for it.
//!
//! Lock order: `families`, then `domains` or `devices`, which are leaves; neither is held while a family is polled.

use crate::Process;
use crate::clock::WallClock;
use crate::worker::{Work, Worker};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;
use rump_abi::{AddressFamily, Errno};
use rump_hyper::Hypervisor;
use rump_kpi::device::NetworkDevice;
use rump_kpi::link::{InterfaceKind, LinkedInterfaces};
use rump_kpi::socket::{Domain, NetEnvironment, ProtocolFamily};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{KError, KResult};

/// A family, and what it is attached as.
type Linked = (Arc<dyn ProtocolFamily>, Option<Arc<dyn Domain>>);

/// The families of a kernel. Dropping it ends the thread.
pub(crate) struct Network {
    families: Mutex<Vec<Linked>>,
    /// A leaf.
    kinds: RwLock<Vec<&'static dyn InterfaceKind>>,
    /// Who has interfaces whose cables are named later. A leaf.
    linked: RwLock<Option<Weak<dyn LinkedInterfaces>>>,
    driver: Arc<Driver>,
}

impl Network {
    pub(crate) fn new(
        host: &Arc<dyn Hypervisor>,
        clock: &Arc<WallClock>,
        families: Vec<Arc<dyn ProtocolFamily>>,
        kinds: Vec<&'static dyn InterfaceKind>,
    ) -> Self {
        let families = Mutex::new(families.into_iter().map(|family| (family, None)).collect());
        let driver = Arc::new(Driver::new(host, clock));
        Self { families, kinds: RwLock::new(kinds), linked: RwLock::new(None), driver }
    }

    pub(crate) fn add_family(&self, family: Arc<dyn ProtocolFamily>) {
        self.families.lock().push((family, None));
    }

    pub(crate) fn add_kind(&self, kind: &'static dyn InterfaceKind) {
        self.kinds.write().push(kind);
    }

    pub(crate) fn set_linked_interfaces(&self, linked: Weak<dyn LinkedInterfaces>) {
        *self.linked.write() = Some(linked);
    }

    fn linked_interfaces(&self) -> Option<Arc<dyn LinkedInterfaces>> {
        self.linked.read().as_ref().and_then(Weak::upgrade)
    }

    /// Names of the families that are linked.
    pub(crate) fn families(&self) -> Vec<String> {
        let families = self.families.lock();
        let all = families.iter().flat_map(|(family, _)| family.families());
        all.map(|family| alloc::format!("{family:?}").to_ascii_lowercase()).collect()
    }

    /// Names of the kinds of interfaces that are linked.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.kinds.read().iter().map(|kind| kind.name()).collect()
    }

    /// What components of the kernel get of the host.
    pub(crate) fn environment(&self) -> NetEnvironment {
        self.driver.environment()
    }

    /// Makes an interface by its name: of a kind that is linked, or of those that protocols have themselves.
    ///
    /// Errors: EEXIST, EINVAL (no such kind), EAFNOSUPPORT, ENXIO (halted), those of the kind.
    pub(crate) fn create_interface(&self, name: &str) -> KResult<u32> {
        let domain = self.domain(AddressFamily::Inet)?;
        let network = domain.network().ok_or(Errno::EAFNOSUPPORT)?;
        let of_kind = |kind: &&'static dyn InterfaceKind| unit_of(name, kind.name()).is_some();
        let kind = self.kinds.read().iter().copied().find(of_kind);
        let Some(kind) = kind else { return network.create(name) };
        let device = kind.create(&self.driver.environment(), unit_of(name, kind.name()).unwrap_or(0))?;
        let number = network.attach(name, device.clone())?;
        self.driver.add_device(&device);
        Ok(number)
    }

    /// The family, which is attached if it was not. Errors: EAFNOSUPPORT (not linked), ENXIO (halted), those of
    /// attaching.
    pub(crate) fn domain(&self, family: AddressFamily) -> KResult<Arc<dyn Domain>> {
        let mut families = self.families.lock();
        let index = index_of(&families, family)?;
        let index = families[index].0.within().map_or(Ok(index), |other| index_of(&families, other))?;
        let (protocols, attached) = &mut families[index];
        if let Some(domain) = attached {
            return Ok(domain.clone());
        }
        let domain = protocols.attach(&self.driver.environment())?;
        self.driver.add(domain.clone())?;
        Ok(attached.insert(domain).clone())
    }

    /// Does what is due; answers when to come again, by the monotonic clock.
    pub(crate) fn poll(&self) -> Option<Duration> {
        self.driver.poll()
    }

    /// Ends the thread, and lets go of the families.
    pub(crate) fn stop(&self) {
        self.driver.stop();
        let attached: Vec<_> = self.families.lock().iter_mut().map(|(_, domain)| domain.take()).collect();
        drop(attached);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.driver.stop();
    }
}

impl Process {
    /// A family of protocols of its kernel, as [`Kernel::protocols`](crate::Kernel::protocols).
    pub fn protocols(&self, family: AddressFamily) -> KResult<Arc<dyn Domain>> {
        self.shared().check_running()?;
        self.shared().network.domain(family)
    }

    /// Who has interfaces whose cables are named later, if somebody does.
    pub fn linked_interfaces(&self) -> Option<Arc<dyn LinkedInterfaces>> {
        self.shared().network.linked_interfaces()
    }

    /// Names of the kinds of interfaces that can be made, but for loopbacks.
    pub fn interface_kinds(&self) -> Vec<&'static str> {
        let mut kinds = self.shared().network.kinds();
        kinds.extend(self.linked_interfaces().map(|linked| linked.kinds()).unwrap_or_default());
        kinds
    }

    /// Makes an interface, as [`Kernel::create_interface`](crate::Kernel::create_interface). Errors: EPERM (not the
    /// superuser), as there.
    pub fn create_interface(&self, name: &str) -> KResult<u32> {
        self.shared().check_running()?;
        if !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        self.shared().network.create_interface(name)
    }
}

/// Where the one that serves a family is. Errors: EAFNOSUPPORT (not linked).
fn index_of(families: &[Linked], family: AddressFamily) -> KResult<usize> {
    families.iter().position(|(protocols, _)| protocols.families().contains(&family)).ok_or_else(|| {
        let text = alloc::format!("no protocols of the family {family:?} are linked");
        KError::new(Errno::EAFNOSUPPORT, text)
    })
}

/// The number in a name of an interface, which has no zeros before it.
fn unit_of(name: &str, kind: &str) -> Option<u16> {
    let digits = name.strip_prefix(kind)?;
    let unit: u16 = digits.parse().ok()?;
    (digits == alloc::format!("{unit}")).then_some(unit)
}

struct Driver {
    worker: Worker,
    wall: Arc<WallClock>,
    /// None once it was stopped.
    domains: Mutex<Option<Vec<Arc<dyn Domain>>>>,
    /// Interfaces that were made by name. A leaf.
    devices: Mutex<Vec<Weak<dyn NetworkDevice>>>,
}

impl Driver {
    fn new(host: &Arc<dyn Hypervisor>, clock: &Arc<WallClock>) -> Self {
        let (worker, wall) = (Worker::new("network", host), clock.clone());
        Self { worker, wall, domains: Mutex::new(Some(Vec::new())), devices: Mutex::default() }
    }

    fn environment(self: &Arc<Self>) -> NetEnvironment {
        let wall = self.wall.clone();
        let [clock, source, console] = [(); 3].map(|()| self.worker.host.clone());
        let driver: Weak<Self> = Arc::downgrade(self);
        NetEnvironment {
            now: Arc::new(move || wall.now()),
            monotonic: Arc::new(move || clock.monotonic()),
            random: Arc::new(move |bytes: &mut [u8]| fill(&*source, bytes)),
            log: Arc::new(move |line: &str| console.write_line(line)),
            poll_soon: Arc::new(move || {
                if let Some(driver) = driver.upgrade() {
                    driver.ask();
                }
            }),
        }
    }

    /// Errors: ENXIO (stopped).
    fn add(&self, domain: Arc<dyn Domain>) -> KResult<()> {
        self.domains.lock().as_mut().ok_or(Errno::ENXIO)?.push(domain);
        // What it asked for while it was attached.
        self.worker.wake();
        Ok(())
    }

    fn add_device(&self, device: &Arc<dyn NetworkDevice>) {
        let mut devices = self.devices.lock();
        devices.retain(|device| device.strong_count() > 0);
        devices.push(Arc::downgrade(device));
        drop(devices);
        self.worker.wake();
    }

    fn stop(&self) {
        let domains = self.domains.lock().take();
        drop(domains);
        self.worker.wake();
    }
}

impl Work for Driver {
    fn worker(&self) -> &Worker {
        &self.worker
    }

    fn is_over(&self) -> bool {
        self.domains.lock().is_none()
    }

    fn poll(&self) -> Option<Duration> {
        let domains = self.domains.lock().clone().unwrap_or_default();
        let devices: Vec<_> = self.devices.lock().iter().filter_map(Weak::upgrade).collect();
        // Devices first: what they bring makes work for the protocols.
        let of_devices: Vec<_> = devices.iter().filter_map(|device| device.poll()).collect();
        domains.iter().filter_map(|domain| domain.poll()).chain(of_devices).min()
    }
}

/// A host without random bytes has a clock at least; it is told of once for each time that it failed.
fn fill(host: &dyn Hypervisor, bytes: &mut [u8]) {
    if let Err(error) = host.fill(bytes) {
        host.write_line(&(String::from("no random bytes: ") + &error.what));
        let seed = host.monotonic().as_nanos().to_le_bytes();
        bytes.iter_mut().zip(seed.iter().cycle()).for_each(|(byte, seed)| *byte ^= seed);
    }
}
