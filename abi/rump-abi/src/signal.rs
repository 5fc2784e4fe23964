//! Signals (signal(7)), with NetBSD's numbers.

use core::fmt;
use core::ops::{BitAnd, Not};

/// Signals end before this number (`NSIG`).
const END: u8 = 64;

/// A signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident $number:literal $text:literal,)*) => {
        impl Signal {
            $(#[doc = $text] pub const $name: Self = Self($number);)*

            /// Its name, such as `SIGPIPE`; those of the application have none.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some(stringify!($name)),)* _ => None }
            }
        }
    };
}

signals! {
    SIGHUP 1 "The terminal is gone.",
    SIGINT 2 "Interrupt.",
    SIGQUIT 3 "Quit.",
    SIGILL 4 "Illegal instruction.",
    SIGTRAP 5 "Trace trap.",
    SIGABRT 6 "Abort.",
    SIGEMT 7 "Emulator trap.",
    SIGFPE 8 "Arithmetic exception.",
    SIGKILL 9 "Killed.",
    SIGBUS 10 "Bus error.",
    SIGSEGV 11 "Segmentation violation.",
    SIGSYS 12 "Bad system call.",
    SIGPIPE 13 "Writing where nobody reads.",
    SIGALRM 14 "The timer of real time went off.",
    SIGTERM 15 "Terminate.",
    SIGURG 16 "Urgent data came.",
    SIGSTOP 17 "Stop.",
    SIGTSTP 18 "Stop, from the terminal.",
    SIGCONT 19 "Go on.",
    SIGCHLD 20 "A child changed its state.",
    SIGTTIN 21 "Reading from the terminal in the background.",
    SIGTTOU 22 "Writing to the terminal in the background.",
    SIGIO 23 "Something can be read or written.",
    SIGXCPU 24 "The limit of processor time was exceeded.",
    SIGXFSZ 25 "The limit of the size of files was exceeded.",
    SIGVTALRM 26 "The virtual timer went off.",
    SIGPROF 27 "The timer of profiling went off.",
    SIGWINCH 28 "The size of the window changed.",
    SIGINFO 29 "Somebody asks for the state.",
    SIGUSR1 30 "The application's own.",
    SIGUSR2 31 "The application's own.",
    SIGPWR 32 "Power fails, or is back.",
}

impl Signal {
    /// The signal of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (1..END).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0.into()
    }

    fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// A set of signals (`sigset_t`).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    /// All signals.
    pub const ALL: Self = Self(u64::MAX >> 1);

    /// The set of these bits: signal `n` has bit `n - 1`.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Its bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Adds a signal.
    pub fn insert(&mut self, signal: Signal) {
        self.0 |= signal.bit();
    }

    /// Whether it has a signal.
    pub fn contains(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its signals in order.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..END).map(Signal).filter(move |&signal| self.contains(signal))
    }
}

impl BitAnd for SignalSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for SignalSet {
    type Output = Self;

    fn not(self) -> Self {
        Self::from_bits(!self.0)
    }
}

impl From<Signal> for SignalSet {
    fn from(signal: Signal) -> Self {
        Self(signal.bit())
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<T: IntoIterator<Item = Signal>>(signals: T) -> Self {
        let mut set = Self::default();
        signals.into_iter().for_each(|signal| set.insert(signal));
        set
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let set: SignalSet = [Signal::SIGPIPE, Signal(63)].into_iter().collect();
        assert!(set.iter().eq([Signal::SIGPIPE, Signal(63)]));
        assert!(!set.contains(Signal::SIGALRM));
        assert_eq!(SignalSet::ALL.iter().count(), 63);
        assert_eq!(alloc::format!("{set:?}"), "{SIGPIPE, signal 63}");
    }

    #[test]
    fn there_is_no_signal_zero_nor_64() {
        assert_eq!([0, 64, 300].map(Signal::from_number), [None; 3]);
        assert_eq!(Signal::from_number(14), Some(Signal::SIGALRM));
    }
}
