//! A host for work that gives the same each time: its wall clock stands still, and kernels have no threads of their
//! own.

use rump_abi::TimeSpec;
use rump_hyper::{
    Access, BlockIo, Clock, Console, Entropy, Event, HostFolder, HostFs, HostMemory, HostResult, HostStat,
    Hypervisor, Lock, Params, SharedMemory, Threads,
};
use std::sync::Arc;
use std::time::Duration;

/// Another host, but for its wall clock and the threads that kernels may have.
pub struct FixedClock {
    host: Arc<dyn Hypervisor>,
    time: TimeSpec,
}

impl FixedClock {
    /// `host` at `time`, for ever.
    pub fn new(host: Arc<dyn Hypervisor>, time: TimeSpec) -> Arc<Self> {
        Arc::new(Self { host, time })
    }
}

impl Clock for FixedClock {
    fn realtime(&self) -> TimeSpec {
        self.time
    }

    fn monotonic(&self) -> Duration {
        self.host.monotonic()
    }
}

impl Console for FixedClock {
    fn write_line(&self, line: &str) {
        self.host.write_line(line);
    }
}

impl Entropy for FixedClock {
    fn fill(&self, buf: &mut [u8]) -> HostResult<()> {
        self.host.fill(buf)
    }
}

impl Params for FixedClock {
    fn find(&self, name: &str) -> Option<String> {
        if name == "RUMP_THREADS" { Some("0".into()) } else { self.host.find(name) }
    }
}

impl Threads for FixedClock {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> HostResult<()> {
        self.host.spawn(name, body)
    }

    fn sleep(&self, duration: Duration) {
        self.host.sleep(duration);
    }

    fn event(&self) -> Arc<dyn Event> {
        self.host.event()
    }
}

impl HostFs for FixedClock {
    fn open(&self, path: &[u8], access: Access, lock: Lock) -> HostResult<Arc<dyn BlockIo>> {
        self.host.open(path, access, lock)
    }

    fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
        self.host.stat(path)
    }

    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        self.host.read_dir(path)
    }

    fn folder(&self, path: &[u8]) -> HostResult<Arc<dyn HostFolder>> {
        self.host.folder(path)
    }
}

impl HostMemory for FixedClock {
    fn shared_memory(&self, path: &[u8], size_if_new: u64) -> HostResult<Arc<dyn SharedMemory>> {
        self.host.shared_memory(path, size_if_new)
    }
}
