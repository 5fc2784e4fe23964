//! Events of kqueue(2), with NetBSD's values.

use bitflags::bitflags;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Filter {
    /// `EVFILT_READ`: a descriptor can be read from.
    Read = 0,
    /// `EVFILT_WRITE`: a descriptor can be written to.
    Write = 1,
    /// `EVFILT_TIMER`: time has passed.
    Timer = 6,
    /// `EVFILT_USER`: somebody said so.
    User = 8,
}

bitflags! {
    /// What to do with an event, and what is to be said of it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct EventFlags: u32 {
        /// Add it, or change it.
        const ADD = 0x1;
        /// Remove it.
        const DELETE = 0x2;
        /// Let it be reported again.
        const ENABLE = 0x4;
        /// Keep it, and do not report it.
        const DISABLE = 0x8;
        /// Remove it once it is reported.
        const ONESHOT = 0x10;
        /// Report changes, not states.
        const CLEAR = 0x20;
        /// Answer how the change went.
        const RECEIPT = 0x40;
        /// Disable it once it is reported.
        const DISPATCH = 0x80;
        /// The change failed; `data` is the number of the error.
        const ERROR = 0x4000;
        /// The other side is gone.
        const EOF = 0x8000;
    }
}

/// An event, or a change of what is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about: a descriptor, or a number of the caller's choice.
    pub ident: u64,
    /// In which way.
    pub filter: Filter,
    /// Flags.
    pub flags: EventFlags,
    /// Flags of the filter: `NOTE_*`.
    pub fflags: u32,
    /// What the filter measures: bytes, connections, expirations; of a timer that is added, its period.
    pub data: i64,
    /// The caller's own.
    pub udata: u64,
}

/// `Read` and `Write`: report from `data` bytes on.
pub const NOTE_LOWAT: u32 = 0x1;
/// `Timer`: `data` is in milliseconds.
pub const NOTE_MSECONDS: u32 = 0;
/// `Timer`: `data` is in seconds.
pub const NOTE_SECONDS: u32 = 1;
/// `Timer`: `data` is in microseconds.
pub const NOTE_USECONDS: u32 = 2;
/// `Timer`: `data` is in nanoseconds.
pub const NOTE_NSECONDS: u32 = 3;
/// `User`: the event happens.
pub const NOTE_TRIGGER: u32 = 0x0100_0000;
/// `User`: flags are combined with these by "and".
pub const NOTE_FFAND: u32 = 0x4000_0000;
/// `User`: flags are combined with these by "or".
pub const NOTE_FFOR: u32 = 0x8000_0000;
/// `User`: flags become these.
pub const NOTE_FFCOPY: u32 = 0xc000_0000;
/// `User`: which of the three.
pub const NOTE_FFCTRLMASK: u32 = 0xc000_0000;
/// `User`: the flags that are the caller's.
pub const NOTE_FFLAGSMASK: u32 = 0x00ff_ffff;
