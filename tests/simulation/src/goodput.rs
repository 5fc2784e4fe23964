//! What one connection carries on a wire, against what the wire could carry.

use crate::traffic::Conversation;
use crate::world::World;
use rumpkit::net::wire::Wire;
use rumpnet_lossy::impairment::{Chance, Impairment, Rate};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// Bytes of a frame of 1500 bytes of IP, and those in it that a program sent: headers of IPv4 and TCP, and timestamps.
const FRAME: f64 = 1514.0;
const CONTENT: f64 = 1448.0;

/// Bytes that are sent at most.
const MOST_BYTES: u64 = 40_000_000;

/// A wire, which does the same both ways, and how much is sent over it.
pub struct Case {
    /// What is special.
    pub name: &'static str,
    megabits: u64,
    round_trip: Duration,
    /// Bytes that wait before the wire.
    queue_bytes: u64,
    special: Impairment,
    bytes: u64,
}

/// What came of it.
pub struct Outcome {
    /// Bits of content in a second, from the first SYN to the last byte.
    pub bits_per_second: f64,
    /// What the wire could carry: its rate, less headers, less what it loses.
    pub limit: f64,
}

impl Case {
    fn new(name: &'static str, megabits: u64, round_trip_millis: u64, special: Impairment) -> Self {
        let round_trip = Duration::from_millis(round_trip_millis);
        // What is on its way in a round trip, as routers have it.
        let queue_bytes = (megabits * round_trip_millis * 125).max(30_000);
        // Ten seconds of the wire, or what can be simulated in a second.
        let bytes = (megabits * 1_250_000).min(MOST_BYTES);
        Self { name, megabits, round_trip, queue_bytes, special, bytes }
    }

    /// Sends less, where little passes.
    fn with_bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    fn with_queue(self, queue_bytes: u64) -> Self {
        Self { queue_bytes, ..self }
    }

    /// Sends it all. Errors: what went wrong.
    pub fn run(&self) -> Result<Outcome, String> {
        let mut world = World::new(1);
        let (client, server) = (world.add_host(), world.add_host());
        let wire = Wire::new();
        let rate = Some(Rate { bits_per_second: self.megabits * 1_000_000, queue_bytes: self.queue_bytes });
        let impairment = Impairment { rate, delay: self.round_trip / 2, ..self.special.clone() };
        for (host, address) in [(client, "10.0.0.1/24"), (server, "10.0.0.2/24")] {
            world.plug(host, &wire, address.parse().expect("an address"), impairment.clone());
        }
        let address = SocketAddr::new(Ipv4Addr::new(10, 0, 0, 2).into(), 80);
        let mut conversation = Conversation::new(&world, (client, server), address, 7, (self.bytes, 0));
        while conversation.received() < self.bytes {
            conversation.work(&world).map_err(|what| world.told(0, &what))?;
            if conversation.received() == self.bytes {
                break;
            }
            if world.now() > Duration::from_secs(3600) {
                return Err(world.told(0, "not done in an hour"));
            }
            world.pass(Duration::from_secs(1));
        }
        let passes = 1.0 - f64::from(self.special.loss.in_million()) / 1e6;
        Ok(Outcome {
            bits_per_second: self.bytes as f64 * 8.0 / world.now().as_secs_f64(),
            limit: self.megabits as f64 * 1e6 * CONTENT / FRAME * passes,
        })
    }
}

/// The cases of the table.
pub fn cases() -> Vec<Case> {
    let loss = |per_million| Impairment { loss: Chance::per_million(per_million), ..Impairment::default() };
    let reordering = Impairment {
        reordering: Chance::percent(5),
        held_back: Duration::from_millis(8),
        ..Impairment::default()
    };
    let jitter = Impairment { jitter: Duration::from_millis(10), ..Impairment::default() };
    let doubled = Impairment { duplication: Chance::percent(10), ..Impairment::default() };
    let damaged = Impairment { corruption: Chance::per_million(2000), ..Impairment::default() };
    let times =
        |begin: u64, end: u64| -> Range<Duration> { Duration::from_secs(begin)..Duration::from_secs(end) };
    let flaps = Impairment { down: vec![times(3, 4), times(8, 10)], ..Impairment::default() };
    let none = Impairment::default;
    vec![
        Case::new("a home", 10, 20, none()),
        Case::new("a continent", 100, 40, none()),
        Case::new("an ocean", 100, 150, none()),
        Case::new("a satellite", 20, 600, none()),
        Case::new("a machine room", 1000, 1, none()),
        Case::new("a tenth of the queue", 100, 40, none()).with_queue(50_000),
        Case::new("ten times the queue", 10, 40, none()).with_queue(500_000),
        Case::new("loss 0.01 %", 100, 40, loss(100)),
        Case::new("loss 0.1 %", 100, 40, loss(1000)),
        Case::new("loss 1 %", 10, 40, loss(10_000)),
        Case::new("loss 3 %", 10, 40, loss(30_000)),
        Case::new("loss 10 %", 2, 40, loss(100_000)),
        Case::new("loss 30 %", 1, 40, loss(300_000)).with_bytes(100_000),
        Case::new("5 % overtaken, by 8 ms", 20, 40, reordering),
        Case::new("jitter to 10 ms", 20, 40, jitter),
        Case::new("10 % twice", 20, 40, doubled),
        Case::new("0.2 % damaged", 10, 40, damaged),
        Case::new("down for 1 s and 2 s", 10, 40, flaps),
    ]
}

/// The table of all cases, as Markdown. Errors: what went wrong in which case.
pub fn table() -> Result<String, String> {
    let mut table = String::from(
        "| wire | Mbit/s | round trip | queue | goodput, Mbit/s | of the limit |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for case in cases() {
        let outcome = case.run().map_err(|what| format!("{}: {what}", case.name))?;
        let (megabits, share) = (outcome.bits_per_second / 1e6, outcome.bits_per_second / outcome.limit);
        let _ = writeln!(
            table,
            "| {} | {} | {} ms | {} KB | {megabits:.2} | {:.0} % |",
            case.name,
            case.megabits,
            case.round_trip.as_millis(),
            case.queue_bytes / 1000,
            share * 100.0,
        );
    }
    Ok(table)
}
