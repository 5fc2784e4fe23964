//! SYN cookies (RFC 4987, section 3.6): beginnings that there is no room for are remembered by the other side, in the number
//! that it has to acknowledge.
//!
//! ```text
//!  0         1         2         3
//!  01234567890123456789012345678901
//! +-----+---+------------------------+
//! | time|mss| keyed hash             |
//! +-----+---+------------------------+
//! ```
//! What the SYN offered besides goes into the lowest bits of our timestamp, which comes back, too; without one, there is
//! nothing of it.

use super::header::clock;
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::Options;
use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};
use siphasher::sip::SipHasher13;

/// How long a unit of time is, in seconds.
const UNIT: u64 = 64;
/// Units after which a cookie is stale.
const FRESH: u64 = 2;
/// Segments that can be told.
const SEGMENTS: [u16; 8] = [216, 536, 1220, 1360, 1440, 1460, 8940, 65_475];
/// No window scale.
const NO_SCALE: u32 = 15;
const OFFERED: u32 = 0x3f;
const SACK: u32 = 0x10;
const ECN: u32 = 0x20;

/// What is signed.
#[derive(Clone, Copy)]
pub struct Beginning {
    /// Our end.
    pub local: SocketAddr,
    /// The other.
    pub remote: SocketAddr,
    /// Where the other's numbers begin.
    pub initial: SeqNumber,
}

/// What a SYN offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The longest segment, or a little less.
    pub segment: u16,
    /// Window scale.
    pub scale: Option<u8>,
    /// Selective acknowledgement.
    pub sack: bool,
    /// Explicit congestion notification.
    pub ecn: bool,
}

/// Keys of cookies.
#[derive(Clone, Copy)]
pub struct Cookies {
    /// Unpredictable.
    pub key: [u64; 2],
}

impl Cookies {
    fn hash(&self, beginning: &Beginning, unit: u64, index: u32) -> u32 {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        for address in [beginning.local, beginning.remote] {
            match address.ip() {
                IpAddr::V4(ip) => hasher.write(&ip.octets()),
                IpAddr::V6(ip) => hasher.write(&ip.octets()),
            }
            hasher.write(&address.port().to_le_bytes());
        }
        hasher.write(&beginning.initial.0.to_le_bytes());
        hasher.write(&unit.to_le_bytes());
        hasher.write(&index.to_le_bytes());
        hasher.finish() as u32 & 0xff_ffff
    }

    /// The number to begin with.
    pub fn bake(&self, now: Instant, beginning: &Beginning, segment: u16) -> SeqNumber {
        let unit = now.as_secs() / UNIT;
        let index = SEGMENTS.iter().rposition(|known| *known <= segment).unwrap_or(0) as u32;
        let time = (unit % 32) as u32;
        SeqNumber(time << 27 | index << 24 | self.hash(beginning, unit, index))
    }

    /// The segment that was offered, if a number is one that was given not long ago.
    pub fn taste(&self, now: Instant, beginning: &Beginning, cookie: SeqNumber) -> Option<u16> {
        let current = now.as_secs() / UNIT;
        let age = (current.wrapping_sub(u64::from(cookie.0 >> 27))) % 32;
        let index = cookie.0 >> 24 & 7;
        let unit = current.checked_sub(age).filter(|_| age < FRESH)?;
        (self.hash(beginning, unit, index) == cookie.0 & 0xff_ffff).then(|| SEGMENTS[index as usize])
    }
}

/// Our timestamp, with what was offered; it is not later than our clock.
pub fn stamp(now: Instant, options: &Options, ecn: bool) -> u32 {
    let scale = options.window_scale.map_or(NO_SCALE, |scale| u32::from(scale.min(14)));
    let offered = scale | if options.sack_permitted { SACK } else { 0 } | if ecn { ECN } else { 0 };
    let clock = clock(now);
    let stamp = clock & !OFFERED | offered;
    if (stamp.wrapping_sub(clock) as i32) > 0 { stamp.wrapping_sub(OFFERED + 1) } else { stamp }
}

/// What was offered, by a timestamp that came back.
pub fn offered(segment: u16, echo: Option<u32>) -> Offer {
    let Some(echo) = echo else { return Offer { segment, scale: None, sack: false, ecn: false } };
    let scale = echo & 0xf;
    Offer {
        segment,
        scale: (scale != NO_SCALE).then_some(scale as u8),
        sack: echo & SACK != 0,
        ecn: echo & ECN != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use core::time::Duration;

    fn beginning(port: u16) -> Beginning {
        let at = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        Beginning { local: at(80), remote: at(port), initial: SeqNumber(7) }
    }

    #[test]
    fn a_cookie_is_good_for_whom_it_was_given_and_not_for_long() {
        let cookies = Cookies { key: [1, 2] };
        let now = Duration::from_secs(10_000);
        for (offered, told) in [(0, 216), (536, 536), (1459, 1440), (1460, 1460), (9000, 8940)] {
            let cookie = cookies.bake(now, &beginning(1000), offered);
            assert_eq!(cookies.taste(now, &beginning(1000), cookie), Some(told));
            assert_eq!(cookies.taste(now + Duration::from_secs(60), &beginning(1000), cookie), Some(told));
            assert_eq!(cookies.taste(now, &beginning(1001), cookie), None);
            assert_eq!(Cookies { key: [1, 3] }.taste(now, &beginning(1000), cookie), None);
            for later in [129, 64 * 32, 64 * 33] {
                let later = now + Duration::from_secs(later);
                assert_eq!(cookies.taste(later, &beginning(1000), cookie), None);
            }
        }
        let guessed = (0..100_000)
            .filter(|n| cookies.taste(now, &beginning(1), SeqNumber(n * 42_949)).is_some())
            .count();
        assert!(guessed <= 2, "{guessed} of 100,000 guesses");
    }

    #[test]
    fn what_was_offered_comes_back_in_the_timestamp() {
        for millis in 0..200 {
            for (window_scale, sack_permitted, ecn) in [(None, false, true), (Some(7), true, false)] {
                let now = Duration::from_millis(1_000_000 + millis);
                let options = Options { window_scale, sack_permitted, ..Options::default() };
                let stamp = stamp(now, &options, ecn);
                assert!((0..=64).contains(&(clock(now) - stamp)), "never in the future");
                let offer = Offer { segment: 1460, scale: window_scale, sack: sack_permitted, ecn };
                assert_eq!(offered(1460, Some(stamp)), offer);
            }
        }
    }
}
