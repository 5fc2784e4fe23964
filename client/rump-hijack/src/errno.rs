//! The caller's `errno`, and what a call that failed answers.

use libc::c_int;

/// What a function answers when it failed.
pub trait Failing {
    const FAILED: Self;
}

impl Failing for c_int {
    const FAILED: Self = -1;
}

impl Failing for isize {
    const FAILED: Self = -1;
}

impl Failing for i64 {
    const FAILED: Self = -1;
}

impl Failing for u32 {
    const FAILED: Self = Self::MAX;
}

impl Failing for () {
    const FAILED: Self = ();
}

impl<T> Failing for *mut T {
    const FAILED: Self = std::ptr::null_mut();
}

pub fn set(number: c_int) {
    // SAFETY: the place is the calling thread's own.
    unsafe { *libc::__errno_location() = number }
}

pub fn get() -> c_int {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() }
}

/// Fails with a number.
pub fn fail<T: Failing>(number: c_int) -> T {
    set(number);
    T::FAILED
}
