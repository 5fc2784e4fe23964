//! System calls by their numbers, as NetBSD has them on amd64.
//!
//! Arguments are in slots of 64 bits, whatever their type; a narrower one is in the low bits of its slot. An offset has a slot
//! of padding before it where NetBSD's prototypes say so.

use crate::memory::ClientMemory;
use rump_abi::Errno;
use rump_kern::Process;
use rump_kpi::KResult;

/// Most arguments of a call, `syscall` and its padding included.
const SLOTS_MAX: usize = 10;

/// The arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a>(&'a [u8]);

impl<'a> Args<'a> {
    /// The body of a message. Errors: EINVAL (more than any call has).
    pub fn new(body: &'a [u8]) -> KResult<Self> {
        if body.len() > SLOTS_MAX * 8 {
            return Err(Errno::EINVAL.into());
        }
        Ok(Self(body))
    }

    /// One of them. Errors: EINVAL (the message is shorter).
    pub fn slot(&self, index: usize) -> KResult<u64> {
        let slot = self.0.chunks_exact(8).nth(index).ok_or(Errno::EINVAL)?;
        Ok(u64::from_ne_bytes(std::array::from_fn(|byte| slot[byte])))
    }
}

/// What the registers have after a call.
pub type Values = [i64; 2];

/// Whether a call may have to wait for somebody else: for what comes from a network, a lock, a time.
pub fn may_wait(process: &Process, number: u32, args: Args<'_>) -> bool {
    let _ = (process, number, args);
    true
}

/// The number of the call that halts the kernel.
pub const REBOOT: u32 = 208;

/// Makes a call for a process. Errors: ENOSYS (no call has the number), those of the call.
pub fn call(
    process: &Process,
    number: u32,
    args: Args<'_>,
    memory: &mut dyn ClientMemory,
) -> KResult<Values> {
    let _ = (args, memory);
    match number {
        // getpid
        20 => Ok([process.pid().into(), 0]),
        _ => Err(Errno::ENOSYS.into()),
    }
}
