//! Character devices: attached when one of their nodes is first opened.
//!
//! Only nodes of the root file system of the kernel itself stand for devices: what is mounted comes from images, which
//! are not trusted. Lock order: `drivers`, then those of the families of protocols.

use crate::network::Network;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use rump_abi::{AddressFamily, DevNumber, Errno, FileType, Mode};
use rump_kpi::character::{CharacterDevice, CharacterDriver, DeviceEnvironment, DeviceFile, Interfaces};
use rump_kpi::device::{InterfaceInfo, NetworkDevice};
use rump_kpi::port::Port;
use rump_kpi::socket::{Caller, Domain};
use rump_kpi::sync::Mutex;
use rump_kpi::{KError, KResult, NewNode};
use rump_vfs::{Credentials, Vfs, Vnode, ops};

/// The folder of the nodes.
const FOLDER: &[u8] = b"dev";

/// A driver, and what it is attached as.
type Driver = (&'static dyn CharacterDriver, Option<Arc<dyn CharacterDevice>>);

/// The devices of a kernel.
pub(crate) struct Devices {
    drivers: Mutex<Vec<Driver>>,
    /// The root can have nodes.
    has_nodes: bool,
    environment: DeviceEnvironment,
}

impl Devices {
    pub(crate) fn new(network: &Arc<Network>, has_nodes: bool) -> Self {
        let services = network.environment();
        let network = Arc::downgrade(network);
        let environment = DeviceEnvironment {
            now: services.now,
            monotonic: services.monotonic,
            random: services.random,
            log: services.log,
            interfaces: Arc::new(OfNetwork(network)),
        };
        Self { drivers: Mutex::default(), has_nodes, environment }
    }

    /// Names of the drivers: those of their first nodes.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let drivers = self.drivers.lock();
        drivers.iter().filter_map(|(driver, _)| driver.nodes().first()).map(|node| node.name).collect()
    }

    /// Whether a node stands for a device.
    pub(crate) fn has(&self, vfs: &Vfs, vnode: &Vnode) -> KResult<bool> {
        if vnode.file_type() != FileType::CharDevice || !vfs.is_in_root(vnode) {
            return Ok(false);
        }
        let major = vnode.node()?.attr()?.rdev.major;
        Ok(self.drivers.lock().iter().any(|(driver, _)| driver.major() == major))
    }

    /// Opens what a number stands for. Errors: ENXIO, those of the driver.
    pub(crate) fn open(&self, number: DevNumber, caller: Caller) -> KResult<Arc<dyn DeviceFile>> {
        let device = {
            let mut drivers = self.drivers.lock();
            let found = drivers.iter_mut().find(|(driver, _)| driver.major() == number.major);
            let (driver, attached) = found.ok_or(Errno::ENXIO)?;
            match attached {
                Some(device) => device.clone(),
                None => attached.insert(driver.attach(&self.environment)?).clone(),
            }
        };
        device.open(number.minor, caller)
    }

    /// Links a driver, and makes its nodes in the root file system. Errors: those of the root's driver.
    pub(crate) fn add(&self, vfs: &Vfs, driver: &'static dyn CharacterDriver) -> KResult<()> {
        if self.has_nodes {
            make_nodes(vfs, driver)?;
        }
        self.drivers.lock().push((driver, None));
        Ok(())
    }

    /// Lets go of all devices; those that are open stay until they are closed.
    pub(crate) fn stop(&self) {
        let attached: Vec<_> = self.drivers.lock().iter_mut().map(|(_, device)| device.take()).collect();
        drop(attached);
    }
}

fn make_nodes(vfs: &Vfs, driver: &'static dyn CharacterDriver) -> KResult<()> {
    let root = Credentials::root();
    let new = |file_type, mode, rdev| {
        let mode = Mode::new(mode);
        NewNode { file_type, mode, uid: 0, gid: 0, rdev, target: b"" }
    };
    let top = vfs.root()?;
    let folder = match ops::lookup(&top, FOLDER)? {
        Some(folder) => folder,
        None => {
            let folder = new(FileType::Directory, 0o755, DevNumber::default());
            ops::create(&root, &top, FOLDER, folder)?
        }
    };
    for node in driver.nodes() {
        let rdev = DevNumber { major: driver.major(), minor: node.minor };
        ops::create(&root, &folder, node.name.as_bytes(), new(FileType::CharDevice, node.mode, rdev))?;
    }
    Ok(())
}

/// The interfaces of a kernel as its devices see them.
struct OfNetwork(Weak<Network>);

impl OfNetwork {
    /// Errors: ENXIO (halted), EAFNOSUPPORT.
    fn domain(&self) -> KResult<Arc<dyn Domain>> {
        self.0.upgrade().ok_or(Errno::ENXIO)?.domain(AddressFamily::Inet)
    }
}

impl Interfaces for OfNetwork {
    fn find(&self, name: &str) -> KResult<InterfaceInfo> {
        let all = self.domain()?.network().ok_or(Errno::EAFNOSUPPORT)?.interfaces();
        let found = all.into_iter().find(|info| info.name == name);
        found.ok_or_else(|| KError::new(Errno::ENXIO, String::from("no interface ") + name))
    }

    fn port(&self, name: &str) -> KResult<Arc<Port>> {
        let number = self.find(name)?.number;
        self.domain()?.network().ok_or(Errno::EAFNOSUPPORT)?.port(number)
    }

    fn attach(&self, name: &str, device: Arc<dyn NetworkDevice>) -> KResult<u32> {
        self.domain()?.network().ok_or(Errno::EAFNOSUPPORT)?.attach(name, device)
    }

    fn detach(&self, number: u32) -> KResult<()> {
        self.domain()?.network().ok_or(Errno::EAFNOSUPPORT)?.detach(number)
    }
}
