//! A call while it is served: its arguments as the types that they have, and what they point to.

use super::{Args, Requests, Values};
use crate::memory::ClientMemory;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::fcntl::AT_FDCWD;
use rump_abi::netbsd::time::{Timespec, Timespec50, Timeval, Timeval50};
use rump_abi::{AtFlags, Errno, Mode, TimeSpec};
use rump_kern::{Fd, Process};
use rump_kpi::KResult;
use std::time::Duration;

/// Bytes of a path, with the NUL that ends it.
const PATH_MAX: usize = 1024;

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) process: &'a Process,
    pub(crate) requests: &'a Requests,
    pub(crate) args: Args<'a>,
    pub(crate) memory: &'a mut dyn ClientMemory,
}

impl Call<'_> {
    /// Errors: EINVAL (the message has no such argument).
    pub(crate) fn slot(&self, index: usize) -> KResult<u64> {
        self.args.slot(index)
    }

    /// An `int`. Errors: EINVAL.
    pub(crate) fn int(&self, index: usize) -> KResult<i32> {
        Ok(self.slot(index)? as i32)
    }

    /// An `unsigned int`. Errors: EINVAL.
    pub(crate) fn uint(&self, index: usize) -> KResult<u32> {
        Ok(self.slot(index)? as u32)
    }

    /// A `size_t`, which no more than half of all addresses can be. Errors: EINVAL.
    pub(crate) fn size(&self, index: usize) -> KResult<u64> {
        let size = self.slot(index)?;
        if size > i64::MAX as u64 { Err(Errno::EINVAL.into()) } else { Ok(size) }
    }

    /// A descriptor; a negative one is so large that none is. Errors: EINVAL.
    pub(crate) fn fd(&self, index: usize) -> KResult<Fd> {
        self.uint(index).map(Fd)
    }

    /// The directory of an at-call. Errors: EINVAL.
    pub(crate) fn dir(&self, index: usize) -> KResult<Option<Fd>> {
        Ok(match self.int(index)? {
            AT_FDCWD => None,
            number => Some(Fd(number as u32)),
        })
    }

    /// Flags of an at-call, of which it knows `known`. Errors: EINVAL.
    pub(crate) fn at_flags(&self, index: usize, known: AtFlags) -> KResult<AtFlags> {
        let flags = AtFlags::from_bits(self.uint(index)?).filter(|flags| known.contains(*flags));
        flags.ok_or_else(|| Errno::EINVAL.into())
    }

    /// Permission bits. Errors: EINVAL.
    pub(crate) fn mode(&self, index: usize) -> KResult<Mode> {
        self.uint(index).map(Mode::new)
    }

    /// A user or a group; none, where all bits are set. Errors: EINVAL.
    pub(crate) fn id(&self, index: usize) -> KResult<Option<u32>> {
        Ok(Some(self.uint(index)?).filter(|id| *id != u32::MAX))
    }

    /// A path. Errors: EFAULT, ENAMETOOLONG.
    pub(crate) fn path(&mut self, index: usize) -> KResult<Vec<u8>> {
        let address = self.slot(index)?;
        self.text_at(address, PATH_MAX)
    }

    /// A string with room for `most` bytes. Errors: EFAULT, ENAMETOOLONG.
    pub(crate) fn text(&mut self, index: usize, most: usize) -> KResult<Vec<u8>> {
        let address = self.slot(index)?;
        self.text_at(address, most)
    }

    /// The same for a name that has less than `room` bytes: of one that has not, there is enough for the kernel to say so, in the
    /// order of its checks. Errors: EFAULT.
    pub(crate) fn name(&mut self, index: usize, room: usize) -> KResult<Vec<u8>> {
        match self.text(index, room) {
            Err(error) if error.errno == Errno::ENAMETOOLONG => Ok(vec![b'.'; room]),
            name => name,
        }
    }

    /// The path at an address. Errors: EFAULT, ENAMETOOLONG.
    pub(crate) fn path_at(&mut self, address: u64) -> KResult<Vec<u8>> {
        self.text_at(address, PATH_MAX)
    }

    fn text_at(&mut self, address: u64, most: usize) -> KResult<Vec<u8>> {
        self.memory.copyinstr(not_null(address)?, most)
    }

    /// So many bytes at an address; the caller knows that they are few. Errors: EFAULT.
    pub(crate) fn bytes(&mut self, address: u64, length: usize) -> KResult<Vec<u8>> {
        let mut bytes = vec![0; length];
        if length > 0 {
            self.memory.copyin(not_null(address)?, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// A structure at an address. Errors: EFAULT.
    pub(crate) fn read_at<T: Layout>(&mut self, address: u64) -> KResult<T> {
        let bytes = self.bytes(address, T::SIZE)?;
        T::read(&bytes).ok_or_else(|| Errno::EFAULT.into())
    }

    /// The structure that an argument points to. Errors: EFAULT.
    pub(crate) fn read<T: Layout>(&mut self, index: usize) -> KResult<T> {
        let address = self.slot(index)?;
        self.read_at(address)
    }

    /// As [`Call::read`]; nothing, if it is null.
    pub(crate) fn read_if<T: Layout>(&mut self, index: usize) -> KResult<Option<T>> {
        match self.slot(index)? {
            0 => Ok(None),
            address => self.read_at(address).map(Some),
        }
    }

    /// Structures behind one another; the caller knows that they are few. Errors: EFAULT.
    pub(crate) fn read_all<T: Layout>(&mut self, address: u64, count: usize) -> KResult<Vec<T>> {
        let bytes = self.bytes(address, count * T::SIZE)?;
        Ok(bytes.chunks_exact(T::SIZE).filter_map(T::read).collect())
    }

    /// How long a call may wait; null: for ever. Errors: EFAULT, EINVAL (no length of time).
    pub(crate) fn timeout<T: Time>(&mut self, index: usize) -> KResult<Option<Duration>> {
        self.read_if::<T>(index)?.map(|time| time.length()).transpose()
    }

    /// Puts bytes to an address. Errors: EFAULT.
    pub(crate) fn put_bytes(&mut self, address: u64, bytes: &[u8]) -> KResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.memory.copyout(not_null(address)?, bytes)
    }

    /// Puts a structure to an address. Errors: EFAULT.
    pub(crate) fn put_at<T: Layout>(&mut self, address: u64, value: &T) -> KResult<()> {
        self.put_bytes(address, &value.to_bytes())
    }

    /// Puts a structure to where an argument points. Errors: EFAULT.
    pub(crate) fn put<T: Layout>(&mut self, index: usize, value: &T) -> KResult<()> {
        let address = self.slot(index)?;
        self.put_at(address, value)
    }

    /// As [`Call::put`], unless the argument is null.
    pub(crate) fn put_if<T: Layout>(&mut self, index: usize, value: &T) -> KResult<()> {
        match self.slot(index)? {
            0 => Ok(()),
            address => self.put_at(address, value),
        }
    }
}

/// Errors: EFAULT.
fn not_null(address: u64) -> KResult<u64> {
    if address == 0 { Err(Errno::EFAULT.into()) } else { Ok(address) }
}

/// A structure that is a time; calls have been with several, as the years went by.
pub(crate) trait Time: Layout + From<TimeSpec> + Copy {
    /// The time; none, if its parts are not of one second.
    fn parts(&self) -> Option<TimeSpec>;

    /// The time. Errors: EINVAL (parts that are not of one second).
    fn moment(&self) -> KResult<TimeSpec> {
        self.parts().ok_or_else(|| Errno::EINVAL.into())
    }

    /// A length of time. Errors: EINVAL (negative, or as [`Time::moment`]).
    fn length(&self) -> KResult<Duration> {
        let time = self.moment()?;
        let seconds = u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?;
        Ok(Duration::new(seconds, time.nsec))
    }
}

macro_rules! times {
    ($($name:ident)*) => {$(
        impl Time for $name {
            fn parts(&self) -> Option<TimeSpec> {
                self.time()
            }
        }
    )*};
}

times! { Timespec Timespec50 Timeval Timeval50 }

/// What a call answers.
pub(crate) type Answer = KResult<Values>;

/// What the first register may have.
pub(crate) trait Value {
    fn number(self) -> i64;
}

impl Value for () {
    fn number(self) -> i64 {
        0
    }
}

impl Value for Fd {
    fn number(self) -> i64 {
        self.0.into()
    }
}

impl Value for i32 {
    fn number(self) -> i64 {
        self.into()
    }
}

impl Value for u32 {
    fn number(self) -> i64 {
        self.into()
    }
}

impl Value for u64 {
    fn number(self) -> i64 {
        self as i64
    }
}

impl Value for usize {
    fn number(self) -> i64 {
        self as i64
    }
}

/// The answer of a call that has one number to tell, or none.
pub(crate) fn answer<T: Value>(result: KResult<T>) -> Answer {
    result.map(|value| [value.number(), 0])
}

/// The answer of a call whose error is its number: it never fails.
pub(crate) fn error_as_value(result: KResult<()>) -> Answer {
    Ok([result.err().map_or(0, |error| error.errno as i64), 0])
}
