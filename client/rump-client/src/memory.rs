//! Memory that a call lends to the server, and what is lent to it for longer.

use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A part of the program's memory that a call lends.
pub struct Region<'a> {
    start: *mut u8,
    length: usize,
    is_writable: bool,
    lent: PhantomData<&'a mut [u8]>,
}

impl<'a> Region<'a> {
    /// Memory that the server may read.
    pub fn read(bytes: &'a [u8]) -> Self {
        Self { start: bytes.as_ptr().cast_mut(), length: bytes.len(), is_writable: false, lent: PhantomData }
    }

    /// Memory that the server may read and change.
    pub fn write(bytes: &'a mut [u8]) -> Self {
        Self { start: bytes.as_mut_ptr(), length: bytes.len(), is_writable: true, lent: PhantomData }
    }

    /// All memory of the program, for a call whose arguments only the program knows.
    ///
    /// # Safety
    /// The server asks for what the arguments name, and changes nothing else; what they name is there for the time of the
    /// call.
    pub unsafe fn everything() -> Region<'static> {
        Region {
            start: std::ptr::null_mut(),
            length: isize::MAX as usize,
            is_writable: true,
            lent: PhantomData,
        }
    }

    /// The number by which the call names it.
    pub fn address(&self) -> u64 {
        self.start.addr() as u64
    }

    /// Bytes that it has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The same memory once more, for a list of all that a call lends.
    pub(crate) fn again(&self) -> Region<'_> {
        Region { lent: PhantomData, ..*self }
    }

    /// What is at an address of it, and from there to its end, if the address is in it.
    fn from(&self, address: u64) -> Option<(*mut u8, usize)> {
        let offset = usize::try_from(address.checked_sub(self.address())?).ok()?;
        let left = self.length.checked_sub(offset).filter(|left| *left > 0)?;
        if self.start.is_null() {
            return Some((std::ptr::with_exposed_provenance_mut(offset), left));
        }
        // SAFETY: the offset is below the length.
        Some((unsafe { self.start.add(offset) }, left))
    }
}

// SAFETY: a region is a borrow of bytes, which may be sent and shared.
unsafe impl Send for Region<'_> {}

/// What the server may use now.
#[derive(Default)]
pub(crate) struct Lent {
    /// By the number of the call that lends it.
    calls: Vec<(u64, Vec<Region<'static>>)>,
    /// What is not of one call, by its address. Nobody changes its length.
    kept: BTreeMap<u64, Vec<u8>>,
}

impl Lent {
    /// A call lends. The caller takes it back, by [`Lent::take_back`], before the borrows of the regions end.
    ///
    /// # Safety
    /// The promise of the sentence before.
    pub(crate) unsafe fn lend(&mut self, call: u64, regions: &[Region<'_>]) {
        let of_call = |region: &Region<'_>| Region { lent: PhantomData, ..*region };
        self.calls.push((call, regions.iter().map(of_call).collect()));
    }

    pub(crate) fn take_back(&mut self, call: u64) {
        self.calls.retain(|(of, _)| *of != call);
    }

    fn regions(&self) -> impl Iterator<Item = &Region<'static>> {
        self.calls.iter().flat_map(|(_, regions)| regions)
    }

    /// Bytes, of which there are some, are the server's to use; their address.
    pub(crate) fn keep(&mut self, bytes: Vec<u8>) -> u64 {
        let address = bytes.as_ptr().addr() as u64;
        self.kept.insert(address, bytes);
        address
    }

    pub(crate) fn kept(&self, address: u64) -> Option<&[u8]> {
        self.kept.get(&address).map(Vec::as_slice)
    }

    pub(crate) fn give_back(&mut self, address: u64) {
        self.kept.remove(&address);
    }

    /// What is kept at an address, and from there to its end.
    fn kept_from(&self, address: u64) -> Option<&[u8]> {
        let (begin, bytes) = self.kept.range(..=address).next_back()?;
        bytes.get(usize::try_from(address - begin).ok()?..).filter(|left| !left.is_empty())
    }

    /// So many bytes at an address. None: not all of them are lent.
    pub(crate) fn copyin(&self, address: u64, length: usize) -> Option<&[u8]> {
        if let Some(bytes) = self.kept_from(address) {
            return bytes.get(..length);
        }
        let found = self.regions().filter_map(|region| region.from(address));
        let (start, _) = found.filter(|(_, left)| *left >= length).max_by_key(|(_, left)| *left)?;
        // SAFETY: so many bytes are lent from there, and nobody changes them but through `self`.
        Some(unsafe { std::slice::from_raw_parts(start, length) })
    }

    /// A string at an address with its end, or what there is of it within `most` bytes. None: nothing is lent there.
    pub(crate) fn copyinstr(&self, address: u64, most: usize) -> Option<&[u8]> {
        let found = self.regions().filter_map(|region| region.from(address));
        let (start, left) = found.max_by_key(|(_, left)| *left)?;
        let most = left.min(most);
        // SAFETY: so many bytes are lent from there, or all up to the end of a string, where this stops.
        let length = unsafe { libc::strnlen(start.cast(), most) };
        // SAFETY: as above; nobody changes them but through `self`.
        Some(unsafe { std::slice::from_raw_parts(start, most.min(length + 1)) })
    }

    /// Puts bytes to an address, if all of their places are lent for changing.
    pub(crate) fn copyout(&mut self, address: u64, bytes: &[u8]) {
        if let Some((begin, kept)) = self.kept.range_mut(..=address).next_back() {
            let offset = usize::try_from(address - begin).unwrap_or(usize::MAX);
            if offset < kept.len() {
                let place = kept.get_mut(offset..).and_then(|left| left.get_mut(..bytes.len()));
                place.into_iter().for_each(|place| place.copy_from_slice(bytes));
                return;
            }
        }
        let writable = self.regions().filter(|region| region.is_writable);
        let found = writable.filter_map(|region| region.from(address)).find(|(_, left)| *left >= bytes.len());
        let Some((start, _)) = found else { return };
        // SAFETY: so many bytes are lent for changing from there, and nobody looks at them but through `self`; what comes
        // from a message is elsewhere.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_seen_and_changed_and_nothing_else() {
        let (seen, mut changed) = (*b"name\0rest", *b"........");
        let (at_seen, at_changed) = (seen.as_ptr().addr() as u64, changed.as_ptr().addr() as u64);
        let mut lent = Lent::default();
        // SAFETY: it is taken back below.
        unsafe { lent.lend(1, &[Region::read(&seen), Region::write(&mut changed)]) };
        assert_eq!(lent.copyin(at_seen + 5, 4), Some(&b"rest"[..]));
        assert_eq!(lent.copyin(at_seen + 5, 5), None);
        assert_eq!(lent.copyin(at_seen, usize::MAX), None);
        assert_eq!(lent.copyinstr(at_seen, 100), Some(&b"name\0"[..]));
        assert_eq!(lent.copyinstr(at_seen, 2), Some(&b"na"[..]));
        assert_eq!(lent.copyinstr(at_seen + 9, 2), None);
        lent.copyout(at_seen, b"xx");
        lent.copyout(at_changed + 6, b"xx");
        lent.copyout(at_changed + 7, b"yy");
        lent.copyout(u64::MAX, b"zz");
        lent.take_back(1);
        assert_eq!(lent.copyin(at_seen, 1), None);
        assert_eq!((&seen, &changed), (b"name\0rest", b"......xx"));
    }

    #[test]
    fn what_is_kept_is_there_until_it_is_given_back() {
        let mut lent = Lent::default();
        let at = lent.keep(b"kept....".to_vec());
        assert_eq!(lent.copyin(at + 2, 2), Some(&b"pt"[..]));
        assert_eq!(lent.copyin(at + 4, 5), None);
        lent.copyout(at + 6, b"yes");
        lent.copyout(at + 8, b"no");
        lent.copyout(at + 4, b"yes");
        assert_eq!(lent.kept(at), Some(&b"keptyes."[..]));
        lent.give_back(at);
        assert_eq!((lent.copyin(at, 1), lent.kept(at)), (None, None));
    }
}
