//! A kernel: what is linked into it, its file systems and its first process.

use crate::Process;
use crate::aio::Pool;
use crate::clock::WallClock;
use crate::devices::Devices;
use crate::locks::Locks;
use crate::network::Network;
use crate::parameters::{BootMessages, Parameters};
use crate::pipe::Fifos;
use crate::processes::Processes;
use crate::rights::Rights;
use crate::semaphore::Semaphores;
use crate::signal::{SignalModel, Signals};
use crate::sysctl::Facts;
use crate::timer::Timers;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use rump_abi::{AddressFamily, Errno, MountFlags};
use rump_hyper::Hypervisor;
use rump_kpi::character::CharacterDriver;
use rump_kpi::link::{InterfaceKind, LinkedInterfaces};
use rump_kpi::socket::{Domain, ProtocolFamily};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{
    BlockDevice, Component, Environment, FileSystem, FileSystemInfo, FileSystemType, KError, KResult, Memory,
    PartitionScheme,
};
use rump_vfs::{EmptyFileSystem, Etfs, EtfsKind, MountInfo, MountRequest, Vfs};

/// The type whose file system is the root, if it is linked.
const ROOT_TYPE: &str = "tmpfs";

/// What processes share.
pub(crate) struct Shared {
    pub(crate) vfs: Vfs,
    pub(crate) host: Arc<dyn Hypervisor>,
    pub(crate) environment: Environment,
    pub(crate) clock: Arc<WallClock>,
    pub(crate) signals: Signals,
    pub(crate) timers: Timers,
    pub(crate) semaphores: Semaphores,
    pub(crate) aio: Pool,
    pub(crate) facts: Facts,
    /// A leaf, and so are the schemes.
    types: RwLock<Vec<&'static dyn FileSystemType>>,
    schemes: RwLock<Vec<&'static dyn PartitionScheme>>,
    pub(crate) network: Arc<Network>,
    pub(crate) devices: Devices,
    pub(crate) fifos: Fifos,
    pub(crate) rights: Arc<Rights>,
    pub(crate) locks: Arc<Locks>,
    pub(crate) processes: Processes,
    /// Of what no file system numbers.
    next_number: AtomicU64,
    pub(crate) cpus: u32,
    /// In bytes, if there is one.
    pub(crate) memory_limit: Option<u64>,
    halted: AtomicBool,
    /// What is to be done then.
    at_halt: Mutex<Vec<Box<AtHalt>>>,
}

/// What is to be done when a kernel was halted.
type AtHalt = dyn FnOnce() + Send;

impl Shared {
    /// A process ended: what it began at a time or gave a name goes.
    pub(crate) fn forget_process(&self, pid: u32) {
        self.timers.forget(pid);
        self.semaphores.forget(pid);
    }

    pub(crate) fn new_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Errors: ENXIO (halted).
    pub(crate) fn check_running(&self) -> KResult<()> {
        // As strong as registering to be woken is: see `rump_kpi::WaitQueue`.
        if self.halted.load(Ordering::SeqCst) {
            return Err(KError::new(Errno::ENXIO, "the kernel was halted"));
        }
        Ok(())
    }

    /// Lets all calls that block answer ENXIO and unmounts everything, once. Errors: ENXIO (halted), EIO, ENOSPC.
    pub(crate) fn halt(&self) -> KResult<()> {
        if self.halted.swap(true, Ordering::SeqCst) {
            return Err(KError::new(Errno::ENXIO, "the kernel was halted"));
        }
        self.wake_sleepers();
        self.timers.stop();
        self.aio.stop();
        self.devices.stop();
        self.network.stop();
        let written = self.vfs.shutdown();
        let at_halt = core::mem::take(&mut *self.at_halt.lock());
        at_halt.into_iter().for_each(|run| run());
        written
    }

    /// Lets all calls that block look again.
    pub(crate) fn wake_sleepers(&self) {
        self.processes.sleepers().iter().for_each(|queue| queue.wake());
    }

    pub(crate) fn types(&self) -> Vec<&'static dyn FileSystemType> {
        self.types.read().clone()
    }

    pub(crate) fn schemes(&self) -> Vec<&'static dyn PartitionScheme> {
        self.schemes.read().clone()
    }

    /// Errors: ENODEV.
    pub(crate) fn find_type(&self, name: &str) -> KResult<&'static dyn FileSystemType> {
        let types = self.types.read();
        let found = types.iter().find(|fs_type| fs_type.name() == name);
        found.copied().ok_or_else(|| {
            let known: Vec<&str> = types.iter().map(|fs_type| fs_type.name()).collect();
            let text = alloc::format!("no file system type {name} (there are: {})", known.join(", "));
            KError::new(Errno::ENODEV, text)
        })
    }
}

struct Inner {
    shared: Arc<Shared>,
    init: Process,
}

/// A rump kernel. Clones are the same kernel; two kernels that were booted share nothing.
///
/// When the last handle and the last process are gone, everything is written out and unmounted;
/// [`Process::reboot`] does the same and tells of errors.
#[derive(Clone)]
pub struct Kernel {
    inner: Arc<Inner>,
}

impl Kernel {
    /// Begins a kernel on `host`.
    pub fn builder(host: Arc<dyn Hypervisor>) -> Builder {
        let (types, schemes, families) = (Vec::new(), Vec::new(), Vec::new());
        Builder {
            host,
            root: None,
            types,
            schemes,
            families,
            kinds: Vec::new(),
            drivers: Vec::new(),
            signals: SignalModel::default(),
            messages: BootMessages::default(),
        }
    }

    /// A new process: the superuser, at `/`, umask 022, without descriptors.
    pub fn process(&self) -> Process {
        self.inner.init.sibling()
    }

    /// Whether it takes calls. Errors: ENXIO (halted).
    pub fn check_running(&self) -> KResult<()> {
        self.inner.shared.check_running()
    }

    /// How many processors programs are told of: parameter `RUMP_NCPU`, or as many as the host says.
    pub fn cpus(&self) -> u32 {
        self.inner.shared.cpus
    }

    /// Its host.
    pub fn host(&self) -> &Arc<dyn Hypervisor> {
        &self.inner.shared.host
    }

    /// The process with this number. Errors: ESRCH (there is none, or it ended).
    pub fn find_process(&self, pid: u32) -> KResult<Process> {
        self.inner.init.find(pid)
    }

    /// The first process.
    pub fn init(&self) -> Process {
        self.inner.init.clone()
    }

    /// Makes a device known at the path `key`, e.g. `/dev/disk0`: a node that `mount` takes. Errors: ENXIO
    /// (halted), EINVAL (no absolute path), EEXIST.
    pub fn attach_block(&self, key: &str, device: Arc<dyn BlockDevice>) -> KResult<()> {
        self.inner.shared.check_running()?;
        self.inner.shared.vfs.etfs().attach(key, device)
    }

    /// Makes a host file known at the path `key`. `range` is the part of it: begin and size in bytes. Errors:
    /// ENXIO (halted), EINVAL (no absolute path), EEXIST, those of the host.
    pub fn etfs_register(
        &self,
        key: &str,
        host_path: &[u8],
        kind: EtfsKind,
        range: Option<(u64, u64)>,
    ) -> KResult<()> {
        self.inner.shared.check_running()?;
        self.inner.shared.vfs.etfs().register(key, host_path, kind, range)
    }

    /// Takes back what `attach_block` or `etfs_register` made known. Errors: ENXIO (halted), ENOENT.
    pub fn etfs_remove(&self, key: &str) -> KResult<()> {
        self.inner.shared.check_running()?;
        self.inner.shared.vfs.etfs().remove(key)
    }

    /// Links a component to a kernel that runs: what it has can be mounted, opened and made from now on. Nodes in `/dev` are
    /// made, if the root has any. Errors: ENXIO (halted), those of making nodes.
    pub fn add_component(&self, component: Component) -> KResult<()> {
        let shared = &self.inner.shared;
        shared.check_running()?;
        match component {
            Component::FileSystem(fs_type) => shared.types.write().push(fs_type),
            Component::Partitions(scheme) => shared.schemes.write().push(scheme),
            Component::Protocols(family) => shared.network.add_family(family),
            Component::Interfaces(kind) => shared.network.add_kind(kind),
            Component::Character(driver) => shared.devices.add(&shared.vfs, driver)?,
        }
        Ok(())
    }

    /// The types of file systems that are linked.
    pub fn file_system_types(&self) -> Vec<&'static dyn FileSystemType> {
        self.inner.shared.types()
    }

    /// The partition tables that are understood.
    pub fn partition_schemes(&self) -> Vec<&'static dyn PartitionScheme> {
        self.inner.shared.schemes()
    }

    /// Asks every type what it finds on a device. A type that finds its own signature on a damaged volume
    /// counts as an error only if no other type claims the device. Errors: EIO, EFTYPE.
    pub fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Vec<(&'static str, FileSystemInfo)>> {
        let mut found = Vec::new();
        let mut failure = None;
        for fs_type in self.file_system_types() {
            match fs_type.probe(device) {
                Ok(Some(info)) => found.push((fs_type.name(), info)),
                Ok(None) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    /// Does what the kernel's own threads do: file systems bring what is old or much to their devices. For hosts
    /// without threads (parameter `RUMP_THREADS`), now and then.
    pub fn write_behind(&self) {
        self.inner.shared.vfs.write_behind();
    }

    /// A family of protocols, which is attached if it was not. Errors: ENXIO (halted), EAFNOSUPPORT (not linked), those
    /// of the family.
    pub fn protocols(&self, family: AddressFamily) -> KResult<Arc<dyn Domain>> {
        self.inner.shared.check_running()?;
        self.inner.shared.network.domain(family)
    }

    /// Makes an interface by its name, such as `bridge0` or `lo1`, which is down; answers its number in
    /// [`Domain::network`] of the family [`AddressFamily::Inet`], which takes it away again.
    ///
    /// Errors: ENXIO (halted), EAFNOSUPPORT (no protocols with interfaces are linked), EINVAL (no such kind), EEXIST, those of
    /// the kind.
    pub fn create_interface(&self, name: &str) -> KResult<u32> {
        self.inner.shared.check_running()?;
        self.inner.shared.network.create_interface(name)
    }

    /// Says who has interfaces whose cables are named after they were made, as programs ask for that by requests of `ioctl`. The
    /// kernel does not keep it.
    pub fn set_linked_interfaces(&self, linked: Weak<dyn LinkedInterfaces>) {
        self.inner.shared.network.set_linked_interfaces(linked);
    }

    /// Does what the thread of the network does; answers when to come again, by the monotonic clock. For hosts without
    /// threads (parameter `RUMP_THREADS`).
    pub fn poll_network(&self) -> Option<Duration> {
        self.inner.shared.network.poll()
    }

    /// Does what the thread of the timers does: signals what is due; answers when to come again, by the monotonic clock. For
    /// hosts without threads (parameter `RUMP_THREADS`).
    pub fn poll_timers(&self) -> Option<Duration> {
        self.inner.shared.timers.poll()
    }

    /// Changes what becomes of signals.
    pub fn set_signal_model(&self, model: SignalModel) {
        self.inner.shared.signals.set_model(model);
    }

    /// Does something once the kernel was halted, on the thread that halted it, with no lock held. Errors: ENXIO (it was).
    pub fn at_halt(&self, run: impl FnOnce() + Send + 'static) -> KResult<()> {
        let shared = &self.inner.shared;
        let mut at_halt = shared.at_halt.lock();
        // Who halts says so before it looks here.
        shared.check_running()?;
        at_halt.push(Box::new(run));
        Ok(())
    }

    /// What is mounted, the root first.
    pub fn mounts(&self) -> Vec<MountInfo> {
        self.inner.shared.vfs.mounts().iter().map(|mount| mount.info().clone()).collect()
    }
}

/// Collects what a kernel is made of.
pub struct Builder {
    host: Arc<dyn Hypervisor>,
    root: Option<&'static dyn FileSystemType>,
    types: Vec<&'static dyn FileSystemType>,
    schemes: Vec<&'static dyn PartitionScheme>,
    families: Vec<Arc<dyn ProtocolFamily>>,
    kinds: Vec<&'static dyn InterfaceKind>,
    drivers: Vec<&'static dyn CharacterDriver>,
    signals: SignalModel,
    messages: BootMessages,
}

impl Builder {
    /// Links a component.
    pub fn component(mut self, component: Component) -> Self {
        match component {
            Component::FileSystem(fs_type) => self.types.push(fs_type),
            Component::Partitions(scheme) => self.schemes.push(scheme),
            Component::Protocols(family) => self.families.push(family),
            Component::Interfaces(kind) => self.kinds.push(kind),
            Component::Character(driver) => self.drivers.push(driver),
        }
        self
    }

    /// Says what the root is, which needs no device. It can be mounted only if it is linked besides.
    pub fn root(mut self, fs_type: &'static dyn FileSystemType) -> Self {
        self.root = Some(fs_type);
        self
    }

    /// Says what becomes of signals, which are ignored otherwise.
    pub fn signals(mut self, model: SignalModel) -> Self {
        self.signals = model;
        self
    }

    /// Says what the kernel tells on its console while it boots.
    pub fn messages(mut self, messages: BootMessages) -> Self {
        self.messages = messages;
        self
    }

    /// The names of what is linked, by kinds of components.
    fn parts(&self) -> [(&'static str, Vec<String>); 4] {
        let families = self.families.iter().flat_map(|family| family.families());
        [
            ("file systems", self.types.iter().map(|fs_type| fs_type.name().into()).collect()),
            ("partition tables", self.schemes.iter().map(|scheme| scheme.name().into()).collect()),
            ("protocols", families.map(|family| format!("{family:?}")).collect()),
            ("interfaces", self.kinds.iter().map(|kind| kind.name().into()).collect()),
        ]
    }

    /// Boots: the root is what was said, else a tmpfs if that is linked, else an empty directory. One that can be written
    /// has `/dev`. Errors: EINVAL (a parameter that is none), those of the root's type.
    pub fn boot(self) -> KResult<Kernel> {
        let clock = Arc::new(WallClock::new(&self.host));
        let parameters = Parameters::read(&*self.host)?;
        parameters.tell(self.messages, &*self.host, &self.parts());
        let memory = Arc::new(Memory::new(parameters.memory_limit));
        let environment = Environment { memory, ..environment(&self.host, &clock) };
        let linked = || self.types.iter().copied().find(|fs_type| fs_type.name() == ROOT_TYPE);
        let root = self.root.or_else(linked);
        let etfs = Etfs::new(self.host.clone())?;
        let vfs = Vfs::new(root_file_system(root, &environment)?, etfs, parameters.vnodes)?;
        let network = Arc::new(Network::new(&self.host, &clock, self.families, self.kinds));
        let devices = Devices::new(&network, root.is_some());
        for driver in self.drivers {
            devices.add(&vfs, driver)?;
        }
        let shared = Arc::new(Shared {
            vfs,
            network,
            devices,
            fifos: Fifos::default(),
            rights: Arc::default(),
            signals: Signals::new(self.signals),
            timers: Timers::new(&clock, &self.host),
            semaphores: Semaphores::default(),
            aio: Pool::new(&self.host),
            clock,
            facts: Facts::new(&environment.host_name),
            locks: Arc::default(),
            host: self.host,
            environment,
            types: RwLock::new(self.types),
            schemes: RwLock::new(self.schemes),
            processes: Processes::default(),
            next_number: AtomicU64::new(1),
            cpus: parameters.cpus,
            memory_limit: parameters.memory_limit,
            halted: AtomicBool::new(false),
            at_halt: Mutex::default(),
        });
        let init = Process::first(shared.clone())?;
        Ok(Kernel { inner: Arc::new(Inner { shared, init }) })
    }
}

fn environment(host: &Arc<dyn Hypervisor>, clock: &Arc<WallClock>) -> Environment {
    let (clock, console) = (clock.clone(), host.clone());
    Environment::new(move || clock.now(), move |line| console.write_line(line))
}

fn root_file_system(
    fs_type: Option<&'static dyn FileSystemType>,
    environment: &Environment,
) -> KResult<MountRequest> {
    let (fs, name, flags): (Arc<dyn FileSystem>, _, _) = match fs_type {
        Some(root) => (root.mount(None, false, "", environment)?, root.name(), MountFlags::empty()),
        None => (Arc::new(EmptyFileSystem), "empty", MountFlags::RDONLY),
    };
    let source = name.as_bytes().to_vec();
    Ok(MountRequest { fs, behind: None, fs_type: name, source, target: b"/".to_vec(), flags })
}
