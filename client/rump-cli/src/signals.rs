//! Signals that a program heeds: one that was ignored when it began stays so, as nohup(1) and shells that begin programs in the
//! background have it (POSIX, Shell Command Language, 2.11).

use std::fs;

/// Those of `signals` that are not ignored. Linux tells; elsewhere, none is.
pub fn heeded<const N: usize>(signals: [i32; N]) -> impl Iterator<Item = i32> {
    let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
    signals.into_iter().filter(move |&signal| ignored >> (signal - 1) & 1 == 0)
}

/// The set of ignored signals, with the first in the lowest bit.
fn ignored(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_a_line_of_proc() {
        assert_eq!(ignored("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n"), 0x1001);
        assert_eq!(ignored(""), 0);
    }
}
