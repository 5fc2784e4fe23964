//! The hypercalls over a table of callbacks.
//!
//! On a host without threads, whoever waits drives the kernel meanwhile: that is what a waiting call does here, and
//! `rump_host_poll` for a program that waits for nothing.

use super::callbacks::{Pointer, RumpHost};
use super::files::HostFile;
use super::{Missing, check};
use crate::instance::Instance;
use libc::{c_char, c_void};
use rump_abi::{FileType, Mode, TimeSpec};
use rump_hyper::{
    Access, BlockIo, Clock, Console, Entropy, Event, HostError, HostFolder, HostFs, HostMemory, HostResult,
    HostStat, Lock, Params, SharedMemory, Threads,
};
use rump_kpi::KResult;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How long a thread that waits sleeps at most before it drives the kernel again.
const SLICE: Duration = Duration::from_millis(1);
/// Bytes of the value of a parameter.
const MOST_VALUE: usize = 256;

/// A host of callbacks.
pub(super) struct CallbackHost {
    pub(super) table: RumpHost,
    carried: Arc<Carried>,
}

/// The kernel that a host carries. A leaf.
#[derive(Default)]
struct Carried(Mutex<Weak<Instance>>);

impl Carried {
    /// Does what is due in the kernel; answers how long there is nothing.
    fn drive(&self) -> Option<Duration> {
        let instance = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        instance?.poll()
    }
}

impl CallbackHost {
    /// Errors: EINVAL (the table is none).
    ///
    /// # Safety
    /// As `rump_host.h` says: the table is as long as it says, and each callback does what is said of it, on any thread.
    pub(super) unsafe fn new(table: *const RumpHost) -> KResult<Arc<Self>> {
        // SAFETY: the caller's promise.
        let table = unsafe { RumpHost::read(table) }?;
        Ok(Arc::new(Self { table, carried: Arc::default() }))
    }

    pub(super) fn carry(&self, instance: &Arc<Instance>) {
        *self.carried.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(instance);
    }

    pub(super) fn arg(&self) -> *mut c_void {
        self.table.arg.0
    }
}

/// A path as C has it. Errors: EINVAL (a zero in it).
pub(super) fn c_string(bytes: &[u8]) -> HostResult<CString> {
    CString::new(bytes).map_err(|_| rump_abi::Errno::EINVAL.into())
}

impl Clock for CallbackHost {
    fn realtime(&self) -> TimeSpec {
        let (mut sec, mut nsec) = (0, 0);
        if let Some(realtime) = self.table.realtime {
            // SAFETY: both are places of this call.
            unsafe { realtime(self.arg(), &raw mut sec, &raw mut nsec) };
        }
        TimeSpec { sec, nsec: nsec.min(999_999_999) }
    }

    fn monotonic(&self) -> Duration {
        // SAFETY: nothing but the host's own is handed over.
        Duration::from_nanos(self.table.monotonic.map_or(0, |monotonic| unsafe { monotonic(self.arg()) }))
    }
}

impl Console for CallbackHost {
    fn write_line(&self, line: &str) {
        if let Some(console) = self.table.console {
            // SAFETY: the line is so long.
            unsafe { console(self.arg(), line.as_ptr().cast(), line.len()) };
        }
    }
}

impl Entropy for CallbackHost {
    fn fill(&self, buf: &mut [u8]) -> HostResult<()> {
        let random = self.table.random.ok_or(Missing("random bytes"))?;
        // SAFETY: the buffer is so long.
        check(unsafe { random(self.arg(), buf.as_mut_ptr().cast(), buf.len()) }, || "random bytes".into())
    }
}

impl Params for CallbackHost {
    fn find(&self, name: &str) -> Option<String> {
        if name == "RUMP_THREADS" && self.table.thread_start.is_none() {
            return Some("0".into());
        }
        let name = CString::new(name).ok()?;
        let mut value = [0_u8; MOST_VALUE];
        // SAFETY: the name ends with a zero, the value has so much room.
        let answer = unsafe {
            self.table.parameter?(self.arg(), name.as_ptr(), value.as_mut_ptr().cast::<c_char>(), MOST_VALUE)
        };
        let length = value.iter().position(|&byte| byte == 0).filter(|_| answer == 0)?;
        String::from_utf8(value[..length].to_vec()).ok()
    }
}

/// What a thread does.
type Body = Box<dyn FnOnce() + Send>;

/// # Safety
/// The argument is a body that was leaked for this call alone.
unsafe extern "C" fn run(body: *mut c_void) {
    // SAFETY: the caller's promise.
    let body: Box<Body> = unsafe { Box::from_raw(body.cast()) };
    body();
}

impl Threads for CallbackHost {
    fn spawn(&self, name: &str, body: Body) -> HostResult<()> {
        let start = self.table.thread_start.ok_or(Missing("threads"))?;
        let c_name = c_string(name.as_bytes())?;
        let body = Box::into_raw(Box::new(body)).cast();
        // SAFETY: the host runs it once, on a thread of its own.
        let answer = unsafe { start(self.arg(), c_name.as_ptr(), run, body) };
        check(answer, || format!("thread {name}")).inspect_err(|_| {
            // SAFETY: a host that failed does not run it.
            drop(unsafe { Box::from_raw(body.cast::<Body>()) });
        })
    }

    fn sleep(&self, duration: Duration) {
        if let Some(sleep) = self.table.sleep {
            // SAFETY: nothing but the host's own is handed over.
            unsafe { sleep(self.arg(), u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)) };
        }
    }

    fn event(&self) -> Arc<dyn Event> {
        let host = Arc::new(Self { table: self.table, carried: self.carried.clone() });
        match self.table.event_create {
            // SAFETY: nothing but the host's own is handed over.
            Some(create) => Arc::new(HostEvent { event: Pointer(unsafe { create(self.arg()) }), host }),
            None => Arc::new(Flag { host, is_set: AtomicBool::new(false) }),
        }
    }
}

/// An event of the host.
struct HostEvent {
    host: Arc<CallbackHost>,
    event: Pointer,
}

impl Event for HostEvent {
    fn set(&self) {
        if let Some(set) = self.host.table.event_set {
            // SAFETY: it is one that the host made.
            unsafe { set(self.host.arg(), self.event.0) };
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        let nanoseconds = timeout.map_or(-1, |timeout| i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX));
        // SAFETY: it is one that the host made.
        self.host
            .table
            .event_wait
            .is_some_and(|wait| unsafe { wait(self.host.arg(), self.event.0, nanoseconds) } != 0)
    }
}

impl Drop for HostEvent {
    fn drop(&mut self) {
        if let Some(destroy) = self.host.table.event_destroy {
            // SAFETY: it is one that the host made, and nobody has it any more.
            unsafe { destroy(self.host.arg(), self.event.0) };
        }
    }
}

/// An event where there are no threads.
struct Flag {
    host: Arc<CallbackHost>,
    is_set: AtomicBool,
}

impl Event for Flag {
    fn set(&self) {
        self.is_set.store(true, Ordering::Release);
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        let end = timeout.map(|timeout| self.host.monotonic().saturating_add(timeout));
        loop {
            if self.is_set.swap(false, Ordering::AcqRel) {
                return true;
            }
            let left = end.map(|end| end.saturating_sub(self.host.monotonic()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            let due = self.host.carried.drive();
            if !self.is_set.load(Ordering::Acquire) {
                let pause = due.into_iter().chain(left).min().map_or(SLICE, |pause| pause.min(SLICE));
                self.host.sleep(pause);
            }
        }
    }
}

impl HostFs for CallbackHost {
    fn open(&self, path: &[u8], access: Access, _lock: Lock) -> HostResult<Arc<dyn BlockIo>> {
        Ok(Arc::new(HostFile::open(&self.table, path, access)?))
    }

    fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
        let file = HostFile::open(&self.table, path, Access::Read)?;
        let (mode, mtime) = (Mode::new(0o600), TimeSpec::default());
        Ok(HostStat {
            file_type: FileType::Regular,
            mode,
            size_bytes: file.size_bytes(),
            mtime,
            identity: None,
        })
    }

    fn read_dir(&self, _path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        Err(Missing("directories").into())
    }

    fn folder(&self, _path: &[u8]) -> HostResult<Arc<dyn HostFolder>> {
        Err(Missing("directories").into())
    }
}

impl HostMemory for CallbackHost {
    fn shared_memory(&self, _path: &[u8], _size_if_new: u64) -> HostResult<Arc<dyn SharedMemory>> {
        Err(HostError::from(Missing("memory that processes share")))
    }
}
