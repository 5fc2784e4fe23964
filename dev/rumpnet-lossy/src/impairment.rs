//! What is wrong with a wire.

use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

/// How often something happens, in a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// Of a million; more than that is always.
    pub const fn per_million(count: u32) -> Self {
        Self(if count > 1_000_000 { 1_000_000 } else { count })
    }

    /// Of a hundred.
    pub const fn percent(count: u32) -> Self {
        Self::per_million(count.saturating_mul(10_000))
    }

    /// How often in a million.
    pub const fn in_million(self) -> u32 {
        self.0
    }

    /// Whether it happens with this random number.
    pub(crate) fn happens(self, random: u64) -> bool {
        random % 1_000_000 < u64::from(self.0)
    }
}

/// How much passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits in a second; at least one.
    pub bits_per_second: u64,
    /// Bytes that wait for their turn; what comes when there are so many is lost.
    pub queue_bytes: u64,
}

/// What is wrong with one way of a wire, in the order in which a packet meets it. The default is a wire that passes all at
/// once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// Times at which the link is down, from the beginning of the wire: what is sent then is lost.
    pub down: Vec<Range<Duration>>,
    /// Packets with more bytes of IP than these vanish, and nobody is told.
    pub black_hole: Option<u32>,
    /// A packet is lost.
    pub loss: Chance,
    /// One bit of a packet of IP is turned. Others are lost instead, for nothing in them tells that they were damaged.
    pub corruption: Chance,
    /// A packet comes twice.
    pub duplication: Chance,
    /// How much passes.
    pub rate: Option<Rate>,
    /// How long each packet is on its way.
    pub delay: Duration,
    /// How much longer at most, by chance. The order stays.
    pub jitter: Duration,
    /// A packet is held back, and overtaken by others.
    pub reordering: Chance,
    /// For how long.
    pub held_back: Duration,
}

impl Impairment {
    /// Whether the link is down at a time.
    pub(crate) fn is_down(&self, at: Duration) -> bool {
        self.down.iter().any(|times| times.contains(&at))
    }
}
