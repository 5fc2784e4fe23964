//! Parts of a client's memory that a call reads into or writes from, as one.

use super::call::Call;
use crate::memory::ClientMemory;
use rump_abi::Errno;
use rump_abi::netbsd::message::{IOV_MAX, Iovec};
use rump_kpi::KResult;

/// Bytes that go at once.
pub(crate) const PIECE: usize = 1 << 20;

/// Parts, of which none is empty.
pub(crate) struct Area {
    parts: Vec<Iovec>,
    length: u64,
}

impl Area {
    /// The parts in a list. Errors: EINVAL (more than half of all addresses together), EFAULT (one reaches beyond the last
    /// address).
    fn new(parts: Vec<Iovec>) -> KResult<Self> {
        let mut length = 0_u64;
        for part in &parts {
            let sum = length.checked_add(part.length).filter(|sum| *sum <= i64::MAX as u64);
            length = sum.ok_or(Errno::EINVAL)?;
            part.base.checked_add(part.length).ok_or(Errno::EFAULT)?;
        }
        Ok(Self { parts: parts.into_iter().filter(|part| part.length > 0).collect(), length })
    }

    /// The one without parts.
    pub(crate) fn empty() -> Self {
        Self { parts: Vec::new(), length: 0 }
    }

    /// The one of an address and a length. Errors: EINVAL, EFAULT.
    pub(crate) fn one(call: &Call<'_>, address: usize, length: usize) -> KResult<Self> {
        Self::new(vec![Iovec { base: call.slot(address)?, length: call.slot(length)? }])
    }

    /// The one of a list with so many entries. Errors: EINVAL (no entries, too many), EFAULT.
    pub(crate) fn list(call: &mut Call<'_>, address: u64, count: i32) -> KResult<Self> {
        let count = usize::try_from(count).ok().filter(|count| (1..=IOV_MAX).contains(count));
        let parts = call.read_all(address, count.ok_or(Errno::EINVAL)?)?;
        Self::new(parts)
    }

    /// The one of a list that two arguments tell. Errors: EINVAL, EFAULT.
    pub(crate) fn listed(call: &mut Call<'_>, address: usize, count: usize) -> KResult<Self> {
        let (address, count) = (call.slot(address)?, call.int(count)?);
        Self::list(call, address, count)
    }

    /// All its bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes go at once from an offset on.
    pub(crate) fn piece(&self, at: u64) -> usize {
        usize::try_from(self.length.saturating_sub(at)).unwrap_or(PIECE).min(PIECE)
    }

    /// Puts bytes to an offset. Errors: EFAULT.
    pub(crate) fn put(&self, memory: &mut dyn ClientMemory, at: u64, bytes: &[u8]) -> KResult<()> {
        self.each(at, bytes.len(), |address, from, to| match address {
            0 => Err(Errno::EFAULT.into()),
            address => memory.copyout(address, &bytes[from..to]),
        })
    }

    /// So many bytes from an offset on. Errors: EFAULT.
    pub(crate) fn take(&self, memory: &mut dyn ClientMemory, at: u64, length: usize) -> KResult<Vec<u8>> {
        if let [part] = &self.parts[..] {
            let is_all =
                part.base != 0 && part.length.checked_sub(at).is_some_and(|left| left >= length as u64);
            if is_all {
                return memory.take(part.base + at, length);
            }
        }
        let mut bytes = vec![0; length];
        self.each(at, length, |address, from, to| match address {
            0 => Err(Errno::EFAULT.into()),
            address => memory.copyin(address, &mut bytes[from..to]),
        })?;
        Ok(bytes)
    }

    /// Tells of each part that lies in a piece: its address, and which bytes of the piece are there.
    fn each(
        &self,
        at: u64,
        length: usize,
        mut tell: impl FnMut(u64, usize, usize) -> KResult<()>,
    ) -> KResult<()> {
        let (mut skip, mut done) = (at, 0);
        for part in &self.parts {
            if done == length {
                break;
            }
            let left = part.length.saturating_sub(skip);
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(length - done);
            if count > 0 {
                let address = if part.base == 0 { 0 } else { part.base + skip };
                tell(address, done, done + count)?;
                done += count;
            }
            skip = skip.saturating_sub(part.length);
        }
        Ok(())
    }
}
