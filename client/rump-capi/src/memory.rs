//! What C hands in: paths, structures, buffers.

use libc::c_char;
use rump_abi::Errno;
use rump_kpi::KResult;
use std::ffi::CStr;

/// A string. Errors: EFAULT (null).
///
/// # Safety
/// It is null, or ends with a zero, and stays as it is for the time of the call.
pub unsafe fn string<'a>(text: *const c_char) -> KResult<&'a [u8]> {
    if text.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Bytes to read. Errors: EFAULT (null, but for none), EINVAL (more than there can be).
///
/// # Safety
/// They are null, or there, and nobody writes them for the time of the call.
pub(crate) unsafe fn bytes<'a>(start: *const u8, length: usize) -> KResult<&'a [u8]> {
    check(start, length)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: the caller's promise; the length fits.
    Ok(unsafe { std::slice::from_raw_parts(start, length) })
}

/// Bytes to fill. Errors: as [`bytes`].
///
/// # Safety
/// They are null, or there, and nobody else touches them for the time of the call.
pub(crate) unsafe fn buffer<'a>(start: *mut u8, length: usize) -> KResult<&'a mut [u8]> {
    check(start, length)?;
    if length == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the caller's promise; the length fits.
    Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
}

fn check(start: *const u8, length: usize) -> KResult<()> {
    if length > isize::MAX as usize {
        return Err(Errno::EINVAL.into());
    }
    if start.is_null() && length > 0 {
        return Err(Errno::EFAULT.into());
    }
    Ok(())
}

/// Stores a value. Errors: EFAULT (null).
///
/// # Safety
/// The place is null, or one that can be written.
pub unsafe fn store<T>(place: *mut T, value: T) -> KResult<()> {
    if place.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: the caller's promise.
    unsafe { place.write_unaligned(value) };
    Ok(())
}
