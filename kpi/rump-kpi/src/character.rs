//! Character devices: what a driver of one offers, and what the kernel asks of an open one.
//!
//! Nothing here blocks: what cannot be done now answers EAGAIN, and the kernel waits at [`DeviceFile::waiters`], as with
//! sockets. Descriptors, permissions, blocking and timeouts are the kernel's.

use crate::device::{InterfaceInfo, NetworkDevice};
use crate::port::Port;
use crate::socket::{Amounts, Caller, FillRandom};
use crate::wait::WaitQueue;
use crate::{KError, KResult};
use alloc::sync::Arc;
use core::time::Duration;
use rump_abi::{Errno, PollEvents, TimeSpec};

/// A driver of character devices that can be linked.
pub trait CharacterDriver: Send + Sync {
    /// The number that its nodes have in common.
    fn major(&self) -> u32;

    /// What is to be found of it in `/dev`.
    fn nodes(&self) -> &'static [DeviceNode];

    /// Begins it in a kernel; called when one of its nodes is first opened. Errors: ENOMEM.
    fn attach(&self, environment: &DeviceEnvironment) -> KResult<Arc<dyn CharacterDevice>>;
}

/// A node in `/dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNode {
    /// Its name there.
    pub name: &'static str,
    /// The unit that it stands for.
    pub minor: u32,
    /// Who may open it: bits of permission. It belongs to the superuser.
    pub mode: u32,
}

/// What the kernel hands to a driver.
#[derive(Clone)]
pub struct DeviceEnvironment {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> TimeSpec + Send + Sync>,
    /// Time since an arbitrary point; never goes back.
    pub monotonic: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Fills a buffer with unpredictable bytes.
    pub random: Arc<FillRandom>,
    /// Takes one line for the log.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
    /// The kernel's interfaces.
    pub interfaces: Arc<dyn Interfaces>,
}

/// The interfaces of a kernel, for its devices.
///
/// All answer EAFNOSUPPORT if no protocols with interfaces are linked, and ENXIO once the kernel was halted.
pub trait Interfaces: Send + Sync {
    /// What there is to know of an interface. Errors: ENXIO (no such interface).
    fn find(&self, name: &str) -> KResult<InterfaceInfo>;

    /// Where others join it. Errors: ENXIO, EOPNOTSUPP (it has no device).
    fn port(&self, name: &str) -> KResult<Arc<Port>>;

    /// Makes an interface of a device, which is down; answers its number. Errors: EEXIST, those of the device.
    fn attach(&self, name: &str, device: Arc<dyn NetworkDevice>) -> KResult<u32>;

    /// Takes an interface away, by its number. Errors: ENXIO.
    fn detach(&self, number: u32) -> KResult<()>;
}

/// The devices of a driver in one kernel.
pub trait CharacterDevice: Send + Sync {
    /// Opens a unit: each opening is a file of its own. Errors: ENXIO (no such unit), EBUSY (it is one's alone).
    fn open(&self, minor: u32, caller: Caller) -> KResult<Arc<dyn DeviceFile>>;
}

/// Whether a read may say that there is nothing as yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// The reader waits for as much as the device likes to give at once.
    Some,
    /// The reader takes what there is, and does not wait (any longer).
    None,
}

/// An open device. When it is dropped, nobody has it open any more.
pub trait DeviceFile: Send + Sync {
    /// Reads into `parts`; answers how many bytes. Errors: EAGAIN, those of the device.
    fn read(&self, parts: &mut [&mut [u8]], patience: Patience) -> KResult<usize>;

    /// Writes `parts`; answers how many bytes. Errors: EAGAIN, those of the device.
    fn write(&self, parts: &[&[u8]]) -> KResult<usize>;

    /// Does a request by its number, with a structure of NetBSD's on amd64 as the argument, which holds the answer then. What
    /// the structure points to stands behind it, in the order of the pointers; the pointers themselves say nothing.
    ///
    /// Errors: ENOTTY (no such request), EINVAL (the argument is too short), those of the request.
    fn ioctl(&self, request: u32, argument: &mut [u8]) -> KResult<()> {
        let _ = (request, argument);
        Err(Errno::ENOTTY.into())
    }

    /// How long a read waits; `None`: for ever. After it, a read answers what there is, be it nothing.
    fn read_timeout(&self) -> Option<Duration> {
        None
    }

    /// What can be done now.
    fn ready(&self) -> PollEvents {
        PollEvents::IN | PollEvents::OUT
    }

    /// How much of it.
    fn amounts(&self) -> Amounts {
        Amounts::default()
    }

    /// When what can be done changes without anybody's doing, by the monotonic clock.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Those who wait for that to change; `None`: nothing ever blocks.
    fn waiters(&self) -> Option<&Arc<WaitQueue>> {
        None
    }
}

/// Numbers of requests, as `<sys/ioccom.h>` makes them: a direction, the length of the argument, a group and a number.
pub mod request {
    /// `_IO`: without an argument.
    pub const fn plain(group: u8, number: u8) -> u32 {
        0x2000_0000 | (group as u32) << 8 | number as u32
    }

    /// `_IOR`: answers so many bytes.
    pub const fn reads(group: u8, number: u8, bytes: u32) -> u32 {
        0x4000_0000 | (bytes & 0x1fff) << 16 | (group as u32) << 8 | number as u32
    }

    /// `_IOW`: takes so many bytes.
    pub const fn writes(group: u8, number: u8, bytes: u32) -> u32 {
        0x8000_0000 | (bytes & 0x1fff) << 16 | (group as u32) << 8 | number as u32
    }

    /// `_IOWR`: takes and answers so many bytes.
    pub const fn exchanges(group: u8, number: u8, bytes: u32) -> u32 {
        reads(group, number, bytes) | writes(group, number, bytes)
    }

    /// Bytes that the argument has.
    pub const fn length(request: u32) -> usize {
        (request >> 16 & 0x1fff) as usize
    }
}

/// The argument of a request, piece by piece.
///
/// Errors of all: EINVAL (it is too short).
pub struct Argument<'a>(pub &'a mut [u8]);

impl Argument<'_> {
    /// Bytes from `at` on.
    pub fn bytes<const COUNT: usize>(&self, at: usize) -> KResult<[u8; COUNT]> {
        let found = self.0.get(at..).and_then(|rest| rest.first_chunk());
        found.copied().ok_or_else(too_short)
    }

    /// A number of 32 bits at `at`.
    pub fn u32(&self, at: usize) -> KResult<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    /// Puts bytes at `at`.
    pub fn put(&mut self, at: usize, bytes: &[u8]) -> KResult<()> {
        let place = self.0.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.ok_or_else(too_short)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Puts a number of 32 bits at `at`.
    pub fn put_u32(&mut self, at: usize, number: u32) -> KResult<()> {
        self.put(at, &number.to_le_bytes())
    }
}

fn too_short() -> KError {
    KError::new(Errno::EINVAL, "the argument of the request is too short")
}
