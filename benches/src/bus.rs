//! Kernels of two processes on a bus of shared memory: a stream of TCP and round trips of a byte, in both formats, the
//! median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::pair::{LANES, Pair, peer};
use rump_benches::table::{Format as Shown, Table, Target};
use rumpnet_shmif::Format;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUND_TRIPS: u64 = 20_000;
/// Bytes of a stream, and how many bits of it in a second are promised.
const FORMATS: [(&str, Format, u64, f64); 2] =
    [("compatible", Format::Compatible, 1 << 29, 3e9), (LANES, Format::Lanes, 2 << 30, 15e9)];

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["peer", format, path] => peer(format, path.as_ref()),
        [] => measure(Shown::Text, None),
        ["--json"] => measure(Shown::Json, None),
        [only] => measure(Shown::Text, Some(only)),
        _ => Err("there are --json, compatible and lanes".into()),
    }
}

fn measure(shown: Shown, only: Option<&str>) -> Outcome {
    let mut table = Table::new(shown);
    for (name, format, bytes, bits_per_second) in FORMATS {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let pair = Pair::new(name, format)?;
        let title = format!("{name}: {} MiB, one TCP stream", bytes >> 20);
        let target = Target::Rate { operations: bytes * 8, per_second: bits_per_second };
        table.beside(&title, target, || pair.stream(bytes), ("memcpy", || Ok(copy(bytes))))?;
        let title = format!("{name}: {ROUND_TRIPS} round trips");
        table.alone(&title, Target::Context, || pair.round_trips(ROUND_TRIPS))?;
    }
    table.finish();
    Ok(())
}

/// Copies so many bytes in memory, in pieces of a segment.
fn copy(bytes: u64) -> Duration {
    const SEGMENT: usize = 64 << 10;
    let (from, mut to) = (vec![1_u8; 64 << 20], vec![0_u8; 64 << 20]);
    let start = Instant::now();
    let mut left = bytes;
    while left > 0 {
        for (from, to) in from.chunks(SEGMENT).zip(to.chunks_mut(SEGMENT)) {
            to.copy_from_slice(black_box(from));
            left = left.saturating_sub(SEGMENT as u64);
        }
        black_box(&mut to);
    }
    start.elapsed()
}
