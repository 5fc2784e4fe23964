//! `sigset_t` and `struct sigevent`.

use super::Layout;
use crate::SignalSet;

/// Nobody is told.
pub const SIGEV_NONE: i32 = 0;
/// A signal is raised.
pub const SIGEV_SIGNAL: i32 = 1;

layout! {
    /// `struct sigevent`.
    struct Sigevent[32] {
        /// `SIGEV_*`.
        notify: i32 = 0,
        /// The signal.
        signo: i32 = 4,
        /// The caller's own.
        value: u64 = 8,
        /// A function of the caller's.
        function: u64 = 16,
        /// How the thread of it is made.
        attributes: u64 = 24,
    }
}

impl Layout for SignalSet {
    /// Four words of 32 bits: signal `n` is bit `n - 1`.
    const SIZE: usize = 16;

    fn read(bytes: &[u8]) -> Option<Self> {
        let [low, _] = <[u64; 2]>::read(bytes)?;
        Some(Self::from_bits(low))
    }

    fn put(&self, bytes: &mut [u8]) {
        [self.bits(), 0].put(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signal;

    #[test]
    fn a_set_of_signals_is_16_bytes() {
        let set: SignalSet = [Signal::SIGHUP, Signal::SIGPWR].into_iter().collect();
        let mut bytes = [0; 16];
        (bytes[0], bytes[3]) = (1, 0x80);
        assert_eq!(set.to_bytes(), bytes);
        assert_eq!(SignalSet::read(&bytes), Some(set));
    }
}
