//! Pointers in the signatures of calls.
//!
//! No safe code makes a value of these types: they come from C, as arguments of a call, and with them its promise: a
//! pointer is null, or points to what its type says, for the time of the call. On that rests every `unsafe` here, and
//! calls that take these types need none of their own.

use crate::memory;
use libc::{c_char, c_int, iovec};
use rump_abi::Errno;
use rump_kpi::KResult;

/// Most elements of an array of `struct iovec`, as Linux and the BSDs have it.
const IOV_MAX: usize = 1024;

/// A string.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Text(*const c_char);

impl Text {
    /// A string that is in a structure.
    ///
    /// # Safety
    /// The promise of the type.
    pub(crate) unsafe fn of(text: *const c_char) -> Self {
        Self(text)
    }

    /// Its bytes. Errors: EFAULT (null).
    pub(crate) fn bytes(&self) -> KResult<&[u8]> {
        // SAFETY: the promise of the type.
        unsafe { memory::string(self.0) }
    }

    /// Its bytes, unless it is null.
    pub(crate) fn optional(&self) -> Option<&[u8]> {
        self.bytes().ok()
    }
}

/// A value to read.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Value<T>(*const T);

impl<T: Copy> Value<T> {
    /// The number of the address.
    pub(crate) fn address(&self) -> usize {
        self.0.addr()
    }

    /// Whether it is null.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The value, unless it is null.
    pub(crate) fn optional(&self) -> Option<T> {
        self.read().ok()
    }

    /// The value. Errors: EFAULT (null).
    pub(crate) fn read(&self) -> KResult<T> {
        if self.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the promise of the type.
        Ok(unsafe { self.0.read_unaligned() })
    }
}

/// A place for a value.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Place<T>(*mut T);

impl<T: Copy> Place<T> {
    /// A place whose kind another argument says.
    ///
    /// # Safety
    /// The promise of the type.
    pub(crate) unsafe fn of(place: *mut T) -> Self {
        Self(place)
    }

    /// Stores a value. Errors: EFAULT (null).
    pub(crate) fn store(&self, value: T) -> KResult<()> {
        // SAFETY: the promise of the type.
        unsafe { memory::store(self.0, value) }
    }

    /// Stores a value, unless it is null.
    pub(crate) fn tell(&self, value: T) {
        // There is no other error.
        let _ = self.store(value);
    }

    /// The value that is there. Errors: EFAULT (null).
    pub(crate) fn read(&self) -> KResult<T> {
        Value(self.0.cast_const()).read()
    }

    /// Fills an array of `count` elements with as many values as fit; answers how many there were. Errors: EFAULT (null).
    pub(crate) fn store_all(&self, count: usize, values: impl Iterator<Item = T>) -> KResult<usize> {
        let mut stored = 0;
        for value in values.take(count) {
            // SAFETY: it is one of the array's, which the caller has.
            Place(unsafe { self.0.add(stored) }).store(value)?;
            stored += 1;
        }
        Ok(stored)
    }

    /// Whether it is null.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

/// Values to read, whose number is another argument. They are aligned.
#[repr(transparent)]
pub struct Values<T>(*const T);

impl<T> Values<T> {
    /// The only one. Errors: EFAULT (null).
    pub(crate) fn first(&self) -> KResult<&T> {
        self.slice(1)?.first().ok_or_else(|| Errno::EFAULT.into())
    }

    /// The values, whose number was checked. Errors: EFAULT (null, but for none).
    pub(crate) fn slice(&self, count: usize) -> KResult<&[T]> {
        if count == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the promise of the type.
        Ok(unsafe { std::slice::from_raw_parts(self.0, count) })
    }
}

/// Values to change, whose number is another argument. They are aligned.
#[repr(transparent)]
pub struct Places<T>(*mut T);

impl<T> Places<T> {
    /// The only one. Errors: EFAULT (null).
    pub(crate) fn first(&mut self) -> KResult<&mut T> {
        self.slice(1)?.first_mut().ok_or_else(|| Errno::EFAULT.into())
    }

    /// The values, whose number was checked. Errors: EFAULT (null, but for none).
    pub(crate) fn slice(&mut self, count: usize) -> KResult<&mut [T]> {
        if count == 0 {
            return Ok(&mut []);
        }
        if self.0.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the promise of the type.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0, count) })
    }
}

/// Bytes to read, whose number is another argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Source(*const u8);

impl Source {
    /// Bytes that a structure points to.
    ///
    /// # Safety
    /// The promise of the type.
    pub(crate) unsafe fn of(start: *const u8) -> Self {
        Self(start)
    }

    /// The bytes. Errors: EINVAL (more than there can be), EFAULT (null, but for none).
    pub(crate) fn bytes(&self, length: usize) -> KResult<&[u8]> {
        // SAFETY: the promise of the type.
        unsafe { memory::bytes(self.0, length) }
    }

    /// Whether it is null.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The structure there, of which `length` bytes are said to be. Errors: EFAULT (null), EINVAL (too few).
    pub(crate) fn structure<T: Copy>(&self, length: usize) -> KResult<T> {
        if !self.0.is_null() && length < size_of::<T>() {
            return Err(Errno::EINVAL.into());
        }
        Value(self.0.cast::<T>()).read()
    }
}

/// Bytes to fill, whose number is another argument.
#[repr(transparent)]
pub struct Room(*mut u8);

impl Room {
    /// Bytes that a structure points to.
    ///
    /// # Safety
    /// The promise of the type.
    pub(crate) unsafe fn of(start: *mut u8) -> Self {
        Self(start)
    }

    /// A place for a value, where another argument says that there is one of this kind.
    pub(crate) fn place<T>(&self) -> Place<T> {
        Place(self.0.cast())
    }

    /// A value, where another argument says that there is one of this kind.
    pub(crate) fn value<T>(&self) -> Value<T> {
        Value(self.0.cast_const().cast())
    }

    /// Copies as many bytes as there is room for. Errors: as [`Room::bytes`].
    pub(crate) fn store(&mut self, length: usize, bytes: &[u8]) -> KResult<()> {
        let fits = bytes.len().min(length);
        self.bytes(fits)?.copy_from_slice(&bytes[..fits]);
        Ok(())
    }

    /// The bytes. Errors: EINVAL (more than there can be), EFAULT (null, but for none).
    pub(crate) fn bytes(&mut self, length: usize) -> KResult<&mut [u8]> {
        // SAFETY: the promise of the type.
        unsafe { memory::buffer(self.0, length) }
    }

    /// Whether it is null.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

/// An array of buffers, whose number is another argument.
#[repr(transparent)]
pub struct Vectors(*const iovec);

impl Vectors {
    /// The buffers, to read. Errors: EINVAL (too many, or too long together), EFAULT.
    pub(crate) fn sources(&self, count: c_int) -> KResult<Vec<&[u8]>> {
        let vectors = self.vectors(count)?;
        // SAFETY: the promise of the type.
        vectors
            .iter()
            .map(|vector| unsafe { memory::bytes(vector.iov_base.cast(), vector.iov_len) })
            .collect()
    }

    /// The buffers, to fill. Errors: as [`Vectors::sources`].
    pub(crate) fn rooms(&mut self, count: c_int) -> KResult<Vec<&mut [u8]>> {
        let vectors = self.vectors(count)?;
        // SAFETY: the promise of the type; none lies over another.
        vectors
            .iter()
            .map(|vector| unsafe { memory::buffer(vector.iov_base.cast(), vector.iov_len) })
            .collect()
    }

    fn vectors(&self, count: c_int) -> KResult<&[iovec]> {
        let count = usize::try_from(count).ok().filter(|count| *count <= IOV_MAX).ok_or(Errno::EINVAL)?;
        if count == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the promise of the type.
        let vectors = unsafe { std::slice::from_raw_parts(self.0, count) };
        let total = vectors.iter().try_fold(0_usize, |sum, vector| sum.checked_add(vector.iov_len));
        total.filter(|total| *total <= isize::MAX as usize).ok_or(Errno::EINVAL)?;
        Ok(vectors)
    }
}
