//! System calls by their numbers, as NetBSD has them on amd64.
//!
//! Arguments are in slots of 64 bits, whatever their type; a narrower one is in the low bits of its slot. An offset has a slot
//! of padding before it where NetBSD's prototypes say so.
//!
//! | module | calls |
//! |---|---|
//! | `table` | which number is which call |
//! | `call` | arguments, and what they point to |
//! | `area` | parts of memory that are read into or written from, piece by piece |
//! | `option` | values of socket options |
//! | `waiting` | which calls may have to wait |
//! | the others | a group of calls each |
//!
//! No length that a client says is believed: what one call keeps in memory is a piece (`area::PIECE`) and some lists, each of
//! which has a bound where it is read.

mod area;
mod attr;
mod bridge;
mod call;
mod clock;
mod control;
mod dirents;
mod extattr;
mod fcntl;
mod handle;
mod ids;
mod interface;
mod interface_address;
mod interface_link;
mod ioctl;
mod kqueue;
mod limit;
mod message;
mod mount;
mod names;
mod open;
pub mod option;
mod poll;
mod rw;
mod semaphore;
mod socket;
mod sockopt;
mod stat;
mod statvfs;
mod sysctl;
mod sysctl_tree;
mod table;
mod timer;
mod waiting;
mod xattr;

use crate::memory::ClientMemory;
use rump_abi::Errno;
use rump_kern::Process;
use rump_kpi::KResult;

pub use table::SERVED;
pub use waiting::may_wait;

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

/// Makes a call for a process. Errors: ENOSYS (no call has the number), those of the call.
pub fn call(
    process: &Process,
    number: u32,
    args: Args<'_>,
    memory: &mut dyn ClientMemory,
) -> KResult<Values> {
    let function = table::find(number).ok_or(Errno::ENOSYS)?;
    function(&mut call::Call { process, args, memory })
}
