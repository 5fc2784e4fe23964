//! TCP over loopback: one stack alone, a rump kernel, and beside them the host's kernel. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::loopback::{Host, Pure, Rump};
use rump_benches::sockin::Sockin;
use rump_benches::table::{self, Target};
use std::time::Duration;

/// Two gigabytes in this time are 20 Gbit/s.
const STREAM: usize = 2_000_000_000 / (128 << 10) * (128 << 10);

fn main() -> Outcome {
    let (mut table, wanted) = table::chosen();
    let title = "100,000 open connections, RSS";
    if wanted(title) {
        // First, while nothing else has taken memory and given it back.
        let held = Rump::open_connections(100_000)?;
        table.once(title, Target::Memory(1536 << 20), held);
    }
    let title = "2 GB through one stack, one thread";
    if wanted(title) {
        table.alone(title, Target::Context, || Pure::stream(STREAM))?;
    }
    let title = "100,000 connections of one stack";
    if wanted(title) {
        table.alone(title, Target::Context, || Pure::connections(100_000))?;
    }
    let title = "2 GB from thread to thread";
    if wanted(title) {
        let target = Target::Within(Duration::from_millis(800));
        table.alone(title, target, || Rump::stream(STREAM))?;
        let host = ("Linux loopback", || Host::stream(STREAM));
        table.beside(title, Target::Speed(0.5), || Rump::stream(STREAM), host)?;
    }
    let title = "a byte there and back";
    if wanted(title) {
        let target = Target::Within(Duration::from_micros(10));
        let host = ("Linux loopback", || Host::round_trips(50_000));
        table.beside(title, target, || Rump::round_trips(50_000), host)?;
        table.alone("a byte there and back, one thread", Target::Context, || {
            Rump::round_trips_alone(200_000)
        })?;
    }
    let title = "20,000 new connections";
    if wanted(title) {
        let target = Target::Rate { operations: 20_000, per_second: 50_000.0 };
        let host = ("Linux loopback", || Host::connections(2_000).map(|time| time * 10));
        table.beside(title, target, || Rump::connections(20_000), host)?;
    }
    let title = "sockin: 2 GB to the host";
    if wanted(title) {
        let host = ("std to std", || Host::stream(STREAM));
        table.beside(title, Target::Speed(0.9), || Sockin::stream(STREAM), host)?;
    }
    let title = "sockin: a byte there and back";
    if wanted(title) {
        let host = ("std to std", || Host::round_trips(20_000));
        table.beside(title, Target::Context, || Sockin::round_trips(20_000), host)?;
    }
    let title = "sockin: 200,000 datagrams of 1000 bytes";
    if wanted(title) {
        let host = ("std", || Sockin::datagrams_of_std(200_000));
        table.beside(title, Target::Context, || Sockin::datagrams(200_000), host)?;
    }
    table.finish();
    Ok(())
}
