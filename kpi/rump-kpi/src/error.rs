//! The kernel's error: a number for programs, and a text for people.

use alloc::borrow::Cow;
use core::fmt;
use rump_abi::Errno;

/// An error number and what it is about: the thing, the place and the value, where those are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KError {
    /// The number that a system call answers.
    pub errno: Errno,
    /// What happened, in lower case; empty when the number says it all.
    pub what: Cow<'static, str>,
}

/// Result of a call into the kernel or a component.
pub type KResult<T> = Result<T, KError>;

impl KError {
    /// An error with a text.
    pub fn new(errno: Errno, what: impl Into<Cow<'static, str>>) -> Self {
        Self { errno, what: what.into() }
    }
}

impl From<Errno> for KError {
    fn from(errno: Errno) -> Self {
        Self { errno, what: Cow::Borrowed("") }
    }
}

impl fmt::Display for KError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.what.is_empty() { self.errno.text() } else { &self.what })
    }
}

impl core::error::Error for KError {}
