//! The device: a bus in one of its formats, and the thread that receives.

use crate::compatible::{self, Compatible};
use crate::lanes::{self, Lanes};
use crate::lock::BusLock;
use crate::{MTU, host_error};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_hyper::{Hypervisor, SharedMemory};
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, KError, KResult};

/// How a new file is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As NetBSD's rump kernels have it.
    #[default]
    Compatible,
    /// Ours: faster, and for kernels of ours alone.
    Lanes,
}

/// What is received first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// What comes from now on.
    #[default]
    Now,
    /// What the bus still holds. Of the compatible format only; a file of the other one begins now.
    Oldest,
}

/// What may be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The format of a new file; an old one keeps its own.
    pub format: Format,
    /// What is received first.
    pub begin: Begin,
    /// The hardware address; by chance if there is none.
    pub address: Option<[u8; 6]>,
}

/// A file in one of the formats. Nothing is asked of the receiving side by two threads at once.
pub(crate) trait Wire: Send + Sync {
    /// What it carries that others would have to cut or sum up.
    fn offloads(&self) -> Offloads;
    /// From here on it is received.
    fn begin(&self);
    /// Sends packets, and removes what was sent.
    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()>;
    /// The next packets of others, in order; none if there are none.
    fn receive(&self) -> Vec<Packet>;
    /// Waits until there may be packets, not at all once `stopped`. It may return early.
    fn wait(&self, stopped: &AtomicBool);
    /// Ends the wait of whoever has set `stopped`.
    fn interrupt(&self);
}

/// A device on a bus. It is off the bus when it is dropped.
pub struct Bus {
    host: Arc<dyn Hypervisor>,
    wire: Arc<dyn Wire>,
    address: [u8; 6],
    running: Mutex<Option<Arc<Running>>>,
}

impl Bus {
    /// Opens a file of the host, or makes it. Errors: those of the host, EINVAL (neither new nor a bus, or of a size
    /// that is none), EBUSY (its lock is held for too long; all lanes are taken), ENOTSUP (the host cannot tell which
    /// lane is free).
    pub fn open(host: Arc<dyn Hypervisor>, path: &[u8], options: &Options) -> KResult<Arc<Self>> {
        let size = match options.format {
            Format::Compatible => compatible::FILE_BYTES,
            Format::Lanes => lanes::FILE_BYTES,
        };
        let memory = host.shared_memory(path, size).map_err(host_error)?;
        let wire = wire(&host, memory, options).map_err(|error| {
            let what = if error.what.is_empty() { error.errno.text() } else { &error.what };
            KError::new(error.errno, format!("{}: {what}", String::from_utf8_lossy(path)))
        })?;
        let address = match options.address {
            Some(address) => address,
            None => random_address(&*host)?,
        };
        Ok(Arc::new(Self { host, wire, address, running: Mutex::new(None) }))
    }

    /// Gives the receiver what has come. For hosts without threads of kernels (`RUMP_THREADS` is 0), where nobody else
    /// does.
    pub fn poll(&self) {
        let running = self.running.lock().clone();
        if let Some(running) = running {
            running.deliver();
        }
    }
}

/// Bytes of any magic, and where it is.
const MAGIC: u64 = 0;
/// The shortest file that has a header.
const LEAST_BYTES: u64 = 4096;

fn wire(
    host: &Arc<dyn Hypervisor>,
    memory: Arc<dyn SharedMemory>,
    options: &Options,
) -> KResult<Arc<dyn Wire>> {
    if memory.size_bytes() < LEAST_BYTES {
        return Err(KError::new(Errno::EINVAL, "too short for a bus"));
    }
    let lock = BusLock::new(host.clone(), memory.clone())?;
    if memory.load_u32(MAGIC) == 0 {
        let held = lock.acquire_patiently().ok_or(KError::new(Errno::EBUSY, "its lock is held"))?;
        if memory.load_u32(MAGIC) == 0 {
            match options.format {
                Format::Compatible => compatible::format(&*memory)?,
                Format::Lanes => lanes::format(&*memory)?,
            }
        }
        drop(held);
    }
    match memory.load_u32(MAGIC) {
        compatible::MAGIC => Ok(Arc::new(Compatible::attach(host.clone(), memory, lock, options.begin)?)),
        lanes::MAGIC => Ok(Arc::new(Lanes::attach(memory)?)),
        _ => Err(KError::new(Errno::EINVAL, "not a bus")),
    }
}

/// Addresses on a bus begin with b2:a0.
fn random_address(host: &dyn Hypervisor) -> KResult<[u8; 6]> {
    let mut address = [0xb2, 0xa0, 0, 0, 0, 0];
    host.fill(&mut address[2..]).map_err(host_error)?;
    Ok(address)
}

impl NetworkDevice for Bus {
    fn info(&self) -> DeviceInfo {
        let medium = Medium::Ethernet { address: self.address };
        DeviceInfo { medium, mtu: MTU, offloads: self.wire.offloads() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.wire.send(packets)
    }

    /// Errors: EBUSY (it has a receiver), EAGAIN (no thread).
    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        let mut running = self.running.lock();
        if running.is_some() {
            return Err(Errno::EBUSY.into());
        }
        self.wire.begin();
        let wire = self.wire.clone();
        let (stopped, delivering) = (AtomicBool::new(false), Mutex::new(()));
        let new = Arc::new(Running { wire, receiver, stopped, delivering });
        if self.host.find("RUMP_THREADS").is_none_or(|value| value.trim() != "0") {
            let thread = new.clone();
            self.host.spawn("shmif", Box::new(move || thread.run())).map_err(host_error)?;
        }
        *running = Some(new);
        Ok(())
    }

    fn poll(&self) -> Option<Duration> {
        Self::poll(self);
        None
    }

    fn stop(&self) {
        if let Some(running) = self.end() {
            // Whoever delivers has ended once this is had.
            drop(running.delivering.lock());
        }
    }
}

impl Bus {
    /// Nothing more is received, but for what is being delivered.
    fn end(&self) -> Option<Arc<Running>> {
        let running = self.running.lock().take()?;
        running.stopped.store(true, Ordering::SeqCst);
        self.wire.interrupt();
        Some(running)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may be the receiver that drops it, so nobody is waited for.
        self.end();
    }
}

/// A receiver, and who gives it what comes.
struct Running {
    wire: Arc<dyn Wire>,
    receiver: Arc<dyn Receiver>,
    stopped: AtomicBool,
    delivering: Mutex<()>,
}

impl Running {
    fn run(&self) {
        while !self.stopped.load(Ordering::SeqCst) {
            self.deliver();
            self.wire.wait(&self.stopped);
        }
    }

    fn deliver(&self) {
        loop {
            let _delivering = self.delivering.lock();
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let packets = self.wire.receive();
            if packets.is_empty() {
                return;
            }
            self.receiver.receive(packets);
        }
    }
}
