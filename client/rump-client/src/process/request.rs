//! A call on its way: its arguments in slots, and the memory that they name.

use super::RemoteProcess;
use crate::connection::malformed;
use crate::memory::Region;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::fcntl::AT_FDCWD;
use rump_abi::netbsd::message::Iovec;
use rump_abi::netbsd::time::Timespec;
use rump_abi::{AtFlags, Errno, FileFlags, MessageFlags, Mode, OpenFlags, SyncFlags, TimeSpec};
use rump_kern::{Fd, Whence};
use rump_kpi::KResult;
use std::time::Duration;

/// What has a slot of 64 bits.
pub(super) trait Slot {
    fn slot(self) -> u64;
}

macro_rules! slots {
    ($($kind:ty: $value:ident => $slot:expr,)*) => {$(
        impl Slot for $kind {
            fn slot(self) -> u64 {
                let $value = self;
                $slot
            }
        }
    )*};
}

slots! {
    u64: value => value,
    usize: value => value as u64,
    u32: value => value.into(),
    i64: value => value as u64,
    i32: value => i64::from(value) as u64,
    i16: value => i64::from(value) as u64,
    Fd: fd => fd.0.into(),
    Option<Fd>: dir => dir.map_or(i64::from(AT_FDCWD) as u64, Slot::slot),
    // No owner and no group has this number: it stays as it is.
    Option<u32>: id => id.unwrap_or(u32::MAX).into(),
    Mode: mode => mode.bits().into(),
    AtFlags: flags => flags.bits().into(),
    OpenFlags: flags => flags.bits().into(),
    FileFlags: flags => flags.bits().into(),
    MessageFlags: flags => flags.bits().into(),
    SyncFlags: flags => flags.bits().into(),
}

/// A call.
pub(super) struct Request<'a> {
    number: u32,
    slots: Vec<u64>,
    regions: Vec<Region<'a>>,
}

/// The call of a number, without arguments.
pub(super) fn request<'a>(number: u32) -> Request<'a> {
    Request { number, slots: Vec::new(), regions: Vec::new() }
}

impl<'a> Request<'a> {
    /// An argument.
    pub(super) fn with(mut self, value: impl Slot) -> Self {
        self.slots.push(value.slot());
        self
    }

    /// A slot of padding, or a null pointer.
    pub(super) fn null(self) -> Self {
        self.with(0u64)
    }

    /// An argument that points to what is read.
    pub(super) fn read(self, bytes: &'a [u8]) -> Self {
        self.region(Region::read(bytes))
    }

    /// An argument that points to what may be changed.
    pub(super) fn write(self, bytes: &'a mut [u8]) -> Self {
        self.region(Region::write(bytes))
    }

    /// As [`Request::read`]; null, if there is nothing.
    pub(super) fn read_if(self, bytes: Option<&'a Vec<u8>>) -> Self {
        match bytes {
            Some(bytes) => self.read(bytes),
            None => self.null(),
        }
    }

    fn region(mut self, region: Region<'a>) -> Self {
        self.slots.push(region.address());
        self.regions.push(region);
        self
    }

    /// Memory that no argument names, but structures that arguments name.
    pub(super) fn lend(mut self, regions: impl IntoIterator<Item = Region<'a>>) -> Self {
        self.regions.extend(regions);
        self
    }
}

impl RemoteProcess {
    /// Makes a call; answers both registers. Errors: ENOTCONN, EAGAIN (too many are in flight), those of the call.
    pub(super) fn registers(&self, request: Request<'_>) -> KResult<[i64; 2]> {
        self.connection.call(request.number, &request.slots, &request.regions)
    }

    /// As [`RemoteProcess::registers`], of which the first tells something.
    pub(super) fn ask(&self, request: Request<'_>) -> KResult<i64> {
        self.registers(request).map(|[value, _]| value)
    }

    /// A call that tells nothing.
    pub(super) fn run(&self, request: Request<'_>) -> KResult<()> {
        self.ask(request).map(drop)
    }

    /// A call whose error is its answer.
    pub(super) fn run_by_value(&self, request: Request<'_>) -> KResult<()> {
        let errno = self.ask(request)?;
        crate::connection::check(i32::try_from(errno).map_err(|_| malformed())?)
    }

    /// A call that answers a number of 32 bits.
    pub(super) fn number(&self, request: Request<'_>) -> KResult<u32> {
        u32::try_from(self.ask(request)?).map_err(|_| malformed())
    }

    /// A call that answers a descriptor.
    pub(super) fn descriptor(&self, request: Request<'_>) -> KResult<Fd> {
        self.number(request).map(Fd)
    }

    /// A call that puts bytes, `most` at the most, to where its next two arguments say, and answers how many.
    pub(super) fn bytes(&self, request: Request<'_>, most: usize) -> KResult<Vec<u8>> {
        let mut bytes = vec![0; most];
        let count = self.count(request.write(&mut bytes).with(most), most)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// A call that answers how much of something there was, which `most` is the most of.
    pub(super) fn count(&self, request: Request<'_>, most: usize) -> KResult<usize> {
        let count = usize::try_from(self.ask(request)?).ok();
        count.filter(|count| *count <= most).ok_or_else(malformed)
    }
}

/// A string, with its end. Errors: EINVAL (one with an end within).
pub(super) fn text(bytes: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
    let bytes = bytes.as_ref();
    if bytes.contains(&0) {
        return Err(Errno::EINVAL.into());
    }
    Ok([bytes, &[0]].concat())
}

/// The structure that was put into some bytes. Errors: EIO.
pub(super) fn told<T: Layout>(bytes: &[u8]) -> KResult<T> {
    T::read(bytes).ok_or_else(malformed)
}

/// Room for a structure.
pub(super) fn room<T: Layout>() -> Vec<u8> {
    vec![0; T::SIZE]
}

/// From where an offset counts. Errors: EINVAL (from data or a hole, which is a request of ioctl(2) at NetBSD).
pub(super) fn number_of(whence: Whence) -> KResult<i16> {
    match whence {
        Whence::Set => Ok(0),
        Whence::Cur => Ok(1),
        Whence::End => Ok(2),
        Whence::Data | Whence::Hole => Err(Errno::EINVAL.into()),
    }
}

/// A length of time as calls take it.
pub(super) fn length(time: Duration) -> Vec<u8> {
    let sec = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timespec::from(TimeSpec { sec, nsec: time.subsec_nanos() }).to_bytes()
}

/// A list of parts.
pub(super) fn list(regions: &[Region<'_>]) -> Vec<u8> {
    let part = |region: &Region<'_>| Iovec { base: region.address(), length: region.length() as u64 };
    regions.iter().flat_map(|region| part(region).to_bytes()).collect()
}
