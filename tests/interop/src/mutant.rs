//! Hostile variants of real samples: each follows from its seed alone.

use crate::source::pattern;
use crate::{Check, context};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How many there are of a sample.
pub const MUTANTS: u64 = 2000;
/// Longer than the answer to one may take, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than the process of a suite ever has, with all of its tests at once.
const MOST_RESIDENT_KIB: u64 = 2 << 20;

/// Values that numbers of formats are sensitive to.
const EDGES: [u64; 12] =
    [0, 1, 2, 7, 0x7f, 0xff, 0x8000, 0xffff, 0x7fff_ffff, 0xffff_fff0, u64::MAX >> 1, u64::MAX];

/// Asks for an answer to the variant of each seed. None may panic or take long, and all together take bounded memory.
pub fn each(answer: impl Fn(u64) -> Check) -> Check {
    for seed in 0..MUTANTS {
        let begin = Instant::now();
        let answered = catch_unwind(AssertUnwindSafe(|| answer(seed)));
        answered.unwrap_or(Err("a panic".into())).map_err(|what| format!("mutant {seed}: {what}"))?;
        if begin.elapsed() > PATIENCE {
            return Err(format!("mutant {seed}: took {:?}", begin.elapsed()));
        }
    }
    let status = context(fs::read_to_string("/proc/self/status"), "status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    match peak {
        Some(peak) if peak < MOST_RESIDENT_KIB => Ok(()),
        other => Err(format!("the process had {other:?} KiB in memory")),
    }
}

/// Changes a few bits, bytes, numbers or runs of `bytes`, which are not empty; where they are, more often than not, not zeros.
pub fn mutate(bytes: &mut [u8], seed: u64) {
    let random = pattern(seed + 1, 16 * 8 * 8);
    let mut numbers = random
        .chunks_exact(8)
        .map(|chunk| chunk.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)) >> 1);
    let mut number = move || numbers.next().unwrap_or(0);
    for _ in 0..1 + number() % 4 {
        let places = [number(), number(), number(), number()].map(|place| place % bytes.len());
        let at = places.into_iter().find(|at| bytes[*at] != 0).unwrap_or(places[0]);
        let room = bytes.len() - at;
        match number() % 8 {
            0 | 1 => bytes[at] ^= 1 << (number() % 8),
            2 => bytes[at] = number() as u8,
            3 | 4 => {
                let value = EDGES[number() % EDGES.len()];
                let width = [1, 2, 4, 8][number() % 4].min(room);
                let value = if number() % 2 == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
                bytes[at..at + width].copy_from_slice(&value[..width]);
            }
            5 => {
                let len = (1 + number() % 16).min(room);
                let from = number() % (bytes.len() - len + 1);
                bytes.copy_within(from..from + len, at);
            }
            // Another digit, where there is one; so texts go on being read.
            6 => {
                if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + (number() % 10) as u8;
                }
            }
            _ => bytes[at..at + (number() % 64).min(room)].fill(0),
        }
    }
}

/// The redundancy check of a reflected polynomial, from `begin` on; it is not inverted.
pub fn crc(polynomial: u32, begin: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(begin, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (polynomial & (sum & 1).wrapping_neg()))
    })
}
