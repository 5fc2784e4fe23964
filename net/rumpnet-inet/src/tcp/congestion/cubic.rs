//! CUBIC (RFC 9438): the window grows by the time since it was reduced, whatever the round trip: quickly to where the
//! network was crowded, slowly about there, and quickly again.
//!
//! Windows are in bytes, times in milliseconds, all in integers: `C` is 4/10 of a segment per cubic second, the factor of
//! reduction 7/10, and what NewReno would have is kept in 65536ths of a byte.

use super::{Algorithm, Growth};
use crate::time::Instant;
use core::time::Duration;

/// Bits of a fraction of a byte.
const FRACTION: u32 = 16;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cubic {
    /// `W_max`: the window before it was reduced last.
    most: u32,
    /// `cwnd_prior`.
    before: u32,
    /// When growth began, and what it began from.
    epoch: Option<Epoch>,
    /// Parts of a byte that growth left over, in units of the window.
    credit: u64,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    since: Instant,
    /// `K`: after so many milliseconds the window is what it was.
    reaches_most: u64,
    /// Around which the curve lies.
    origin: u32,
    /// `W_est`, with a fraction.
    estimate: u64,
}

impl Cubic {
    fn begin(&self, window: u32, growth: &Growth) -> Epoch {
        let missing = u64::from(self.most.saturating_sub(window));
        // (W_max - cwnd) / C in cubic seconds, 10^9 cubic milliseconds each (section 4.2, figure 2).
        let cube = u128::from(missing) * 2_500_000_000 / u128::from(growth.segment.max(1));
        Epoch {
            since: growth.now,
            reaches_most: cube_root(u64::try_from(cube).unwrap_or(u64::MAX)),
            origin: self.most.max(window),
            estimate: u64::from(window) << FRACTION,
        }
    }
}

impl Epoch {
    /// `W_cubic` (section 4.2, figure 1).
    fn window_at(&self, elapsed: Duration, segment: u32) -> u32 {
        let millis = i128::try_from(elapsed.as_millis()).unwrap_or(i128::MAX).min(100_000_000);
        let distance = millis - i128::from(self.reaches_most);
        let rise = distance * distance * distance * i128::from(segment) * 4 / 10_000_000_000;
        (i128::from(self.origin) + rise).clamp(0, u32::MAX.into()) as u32
    }
}

impl Algorithm for Cubic {
    fn grow(&mut self, window: u32, growth: &Growth) -> u32 {
        let mut epoch = self.epoch.unwrap_or_else(|| self.begin(window, growth));
        let divisor = u64::from(window.max(1));
        // As fast as NewReno that would get as much with this factor of reduction (section 4.3).
        let per_window = u64::from(growth.bytes) * u64::from(growth.segment);
        let own = ((u128::from(per_window) << FRACTION) / u128::from(divisor)) as u64;
        epoch.estimate += if epoch.estimate >> FRACTION >= self.before.into() { own } else { own * 9 / 17 };
        self.epoch = Some(epoch);
        let elapsed = growth.now.saturating_sub(epoch.since);
        let estimate = u32::try_from(epoch.estimate >> FRACTION).unwrap_or(u32::MAX);
        if epoch.window_at(elapsed, growth.segment) < estimate {
            return estimate.max(window);
        }
        // Sections 4.4 and 4.5.
        let most = window.saturating_add(window / 2);
        let target = epoch.window_at(elapsed + growth.rtt, growth.segment).clamp(window, most);
        self.credit += u64::from(target - window) * u64::from(growth.bytes);
        let step = self.credit / divisor;
        self.credit %= divisor;
        window.saturating_add(u32::try_from(step).unwrap_or(u32::MAX))
    }

    fn reduce(&mut self, window: u32, flight: u32, _segment: u32) -> u32 {
        // Fast convergence (section 4.7): who gives way leaves room.
        let shared = (u64::from(window) * 17 / 20) as u32;
        self.most = if window < self.most { shared } else { window };
        (self.before, self.epoch, self.credit) = (window, None, 0);
        (u64::from(flight) * 7 / 10) as u32
    }

    fn rested(&mut self, rest: Duration) {
        // The curve knows no rest (section 5.8).
        if let Some(epoch) = &mut self.epoch {
            epoch.since += rest;
        }
    }
}

/// The largest number whose cube is no more than `value`.
fn cube_root(value: u64) -> u64 {
    let mut root = 0_u64;
    for bit in (0..22).rev() {
        let larger = root | 1 << bit;
        if u128::from(larger).pow(3) <= u128::from(value) {
            root = larger;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_whole_and_not_too_large() {
        for root in [0_u64, 1, 2, 10, 999, 4217, 100_000, 2_000_000] {
            let cube = root.pow(3);
            assert_eq!(cube_root(cube), root);
            assert_eq!(cube_root(cube + 3 * root * root), root);
            assert_eq!(cube_root(cube.saturating_sub(1)), root.saturating_sub(1));
        }
        assert_eq!(cube_root(u64::MAX), 2_642_245);
    }
}
