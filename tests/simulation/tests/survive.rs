//! A thousand bad networks: every byte arrives, in order and once, and connections end.
//!
//! `RUMP_SIMULATION_SEEDS=N` tries N, `RUMP_SIMULATION_FIRST=N` begins elsewhere.

use simulation::number;
use simulation::scenario::Scenario;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

#[test]
fn every_byte_arrives_in_order_and_once_on_any_network() {
    let first = number("RUMP_SIMULATION_FIRST", 0);
    let end = first + number("RUMP_SIMULATION_SEEDS", 1000);
    let next = AtomicU64::new(first);
    let work = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return failed;
            }
            failed.extend(Scenario::draw(seed).run().err());
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let failed: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), end - first, failed.join("\n"));
}
