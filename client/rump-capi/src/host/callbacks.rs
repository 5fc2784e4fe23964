//! The table of `rump_host.h`, as C has it.

use crate::layout::layout;
use libc::{c_char, c_int, c_void, size_t};
use rump_abi::Errno;
use rump_kpi::{KError, KResult};
use std::mem::offset_of;

/// The version of the table.
const VERSION: u32 = 1;

type Arg = *mut c_void;

/// `struct rump_host`. Each callback gets `arg` first.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct RumpHost {
    size: u32,
    version: u32,
    pub(super) arg: Pointer,
    pub(super) console: Option<unsafe extern "C" fn(Arg, *const c_char, size_t)>,
    pub(super) realtime: Option<unsafe extern "C" fn(Arg, *mut i64, *mut u32)>,
    pub(super) monotonic: Option<unsafe extern "C" fn(Arg) -> u64>,
    pub(super) random: Option<unsafe extern "C" fn(Arg, *mut c_void, size_t) -> c_int>,
    pub(super) parameter: Option<unsafe extern "C" fn(Arg, *const c_char, *mut c_char, size_t) -> c_int>,
    pub(super) block_open:
        Option<unsafe extern "C" fn(Arg, *const c_char, c_int, *mut *mut c_void, *mut u64) -> c_int>,
    pub(super) block_read: Option<unsafe extern "C" fn(Arg, *mut c_void, u64, *mut c_void, size_t) -> c_int>,
    pub(super) block_write:
        Option<unsafe extern "C" fn(Arg, *mut c_void, u64, *const c_void, size_t) -> c_int>,
    pub(super) block_flush: Option<unsafe extern "C" fn(Arg, *mut c_void) -> c_int>,
    pub(super) block_close: Option<unsafe extern "C" fn(Arg, *mut c_void)>,
    pub(super) packet_open:
        Option<unsafe extern "C" fn(Arg, *const c_char, *mut u8, *mut u32, *mut *mut c_void) -> c_int>,
    pub(super) packet_receive:
        Option<unsafe extern "C" fn(Arg, *mut c_void, *mut c_void, size_t, *mut size_t, i64) -> c_int>,
    pub(super) packet_send: Option<unsafe extern "C" fn(Arg, *mut c_void, *const c_void, size_t) -> c_int>,
    pub(super) packet_wake: Option<unsafe extern "C" fn(Arg, *mut c_void)>,
    pub(super) packet_close: Option<unsafe extern "C" fn(Arg, *mut c_void)>,
    pub(super) sleep: Option<unsafe extern "C" fn(Arg, u64)>,
    pub(super) thread_start: Option<
        unsafe extern "C" fn(Arg, *const c_char, unsafe extern "C" fn(*mut c_void), *mut c_void) -> c_int,
    >,
    pub(super) event_create: Option<unsafe extern "C" fn(Arg) -> *mut c_void>,
    pub(super) event_set: Option<unsafe extern "C" fn(Arg, *mut c_void)>,
    pub(super) event_wait: Option<unsafe extern "C" fn(Arg, *mut c_void, i64) -> c_int>,
    pub(super) event_destroy: Option<unsafe extern "C" fn(Arg, *mut c_void)>,
}

layout!(
    RumpHost,
    184,
    size = 0,
    version = 4,
    arg = 8,
    console = 16,
    realtime = 24,
    monotonic = 32,
    random = 40,
    parameter = 48,
    block_open = 56,
    block_read = 64,
    block_write = 72,
    block_flush = 80,
    block_close = 88,
    packet_open = 96,
    packet_receive = 104,
    packet_send = 112,
    packet_wake = 120,
    packet_close = 128,
    sleep = 136,
    thread_start = 144,
    event_create = 152,
    event_set = 160,
    event_wait = 168,
    event_destroy = 176
);

/// What belongs to the host alone.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Pointer(pub(super) *mut c_void);

impl Default for Pointer {
    fn default() -> Self {
        Self(std::ptr::null_mut())
    }
}

// SAFETY: it is handed back to the host and never followed; the host says that its callbacks take it on any thread.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}

impl RumpHost {
    /// A copy of a table; what it is too short for is not there. Errors: EINVAL (another version, no clock, a callback that
    /// is not there although another is).
    ///
    /// # Safety
    /// It is as long as it says.
    pub(super) unsafe fn read(table: *const Self) -> KResult<Self> {
        let wrong = |what: &str| KError::new(Errno::EINVAL, format!("the table of the host: {what}"));
        // SAFETY: each table has its length and its version.
        let (size, version) = unsafe { ((*table).size as usize, (*table).version) };
        if version != VERSION {
            return Err(wrong("another version"));
        }
        if size < offset_of!(Self, console) {
            return Err(wrong("no callbacks"));
        }
        let mut copy = Self::default();
        // SAFETY: both are so long; bytes beyond a shorter table stay zero, which is no callback.
        unsafe {
            std::ptr::copy_nonoverlapping(
                table.cast::<u8>(),
                (&raw mut copy).cast::<u8>(),
                size.min(size_of::<Self>()),
            );
        }
        copy.check().map_err(wrong)?;
        Ok(copy)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.realtime.is_none() || self.monotonic.is_none() {
            return Err("no clock");
        }
        let are_alike = |callbacks: &[bool]| callbacks.iter().all(|&is_there| is_there == callbacks[0]);
        let blocks = [self.block_open.is_some(), self.block_read.is_some(), self.block_close.is_some()];
        let packets = [
            self.packet_open.is_some(),
            self.packet_receive.is_some(),
            self.packet_send.is_some(),
            self.packet_wake.is_some(),
            self.packet_close.is_some(),
        ];
        let threads = [
            self.thread_start.is_some(),
            self.event_create.is_some(),
            self.event_set.is_some(),
            self.event_wait.is_some(),
            self.event_destroy.is_some(),
        ];
        if !are_alike(&blocks) {
            return Err("block_open, block_read and block_close belong together");
        }
        if !are_alike(&packets) {
            return Err("the callbacks of packets belong together");
        }
        if !are_alike(&threads) {
            return Err("thread_start and the callbacks of events belong together");
        }
        Ok(())
    }
}
