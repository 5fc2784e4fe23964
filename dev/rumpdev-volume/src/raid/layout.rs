//! Where data and parity of a stripe are, by the layouts of MD's levels 4, 5 and 6.
//!
//! The numbers are those of MD's superblocks, for which see md(4) and the names in mdadm(8), `--layout`.

use crate::unsupported;
use alloc::format;
use alloc::vec::Vec;
use rump_kpi::KResult;

/// How many parities a stripe has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parities {
    One = 1,
    Two = 2,
}

/// A layout over a number of members.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    number: u32,
    members: u64,
    parities: Parities,
}

/// A stripe: which member has which part of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Stripe {
    /// Members with the data, in order.
    pub data: Vec<usize>,
    /// That with the first parity, and with the second if there is one.
    pub parity: usize,
    pub second: Option<usize>,
    /// By which power of the generator each piece of data counts for the second parity, in the order of `data`.
    pub powers: Vec<usize>,
}

impl Layout {
    /// Errors: ENOTSUP (a layout), EFTYPE (too few members).
    pub fn new(number: u32, members: usize, parities: Parities) -> KResult<Self> {
        let is_known = match parities {
            Parities::One => matches!(number, 0..=5),
            Parities::Two => matches!(number, 0..=5 | 8..=10 | 16..=20),
        };
        if !is_known {
            return Err(unsupported(format!("RAID: layout {number} is not known here")));
        }
        if members <= parities as usize {
            return Err(crate::damaged(format!("RAID: {members} members with parity")));
        }
        Ok(Self { number, members: members as u64, parities })
    }

    /// How many members of a stripe have data.
    pub fn data_members(self) -> u64 {
        self.members - self.parities as u64
    }

    /// Where all of a stripe is.
    pub fn stripe(self, stripe: u64) -> Stripe {
        let members = self.members;
        // Layouts from 16 on are those of level 5 with the second parity on the last member.
        let (round, number) =
            if self.number >= 16 { (members - 1, self.number - 16) } else { (members, self.number) };
        let last = round - 1;
        let parity = match number {
            0 | 2 | 10 => last - stripe % round,
            1 | 3 | 8 => stripe % round,
            9 => last - (stripe + 1) % round,
            4 => 0,
            _ => self.data_members(),
        };
        let second = match (self.parities, number) {
            (Parities::One, _) => None,
            (Parities::Two, _) if self.number >= 16 => Some(members - 1),
            (Parities::Two, 10) => Some((parity + members - 1) % members),
            (Parities::Two, _) => Some((parity + 1) % members),
        };
        let taken = |member: u64| member == parity || Some(member) == second;
        // Symmetric ones begin behind the parity, the others with the first member.
        let begin = if matches!(number, 2 | 3 | 10) { parity + 1 } else { 0 };
        let in_turn = |begin: u64, count: u64| (0..count).map(move |index| (begin + index) % count);
        let data: Vec<u64> = in_turn(begin, round).filter(|member| !taken(*member)).collect();
        let powers = match (second, number) {
            (None, _) => Vec::new(),
            // As in DDF: by the number of the member.
            (Some(_), 8..=10) => data.iter().map(|member| *member as usize).collect(),
            (Some(second), _) => {
                let order: Vec<u64> = in_turn(second + 1, members).filter(|member| !taken(*member)).collect();
                data.iter().filter_map(|member| order.iter().position(|other| other == member)).collect()
            }
        };
        Stripe {
            data: data.into_iter().map(|member| member as usize).collect(),
            parity: parity as usize,
            second: second.map(|member| member as usize),
            powers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stripe_uses_every_member_once() {
        for parities in [Parities::One, Parities::Two] {
            for number in 0..=20 {
                let Ok(layout) = Layout::new(number, 5, parities) else { continue };
                for stripe in 0..25 {
                    let found = layout.stripe(stripe);
                    let mut members = found.data.clone();
                    members.push(found.parity);
                    members.extend(found.second);
                    members.sort_unstable();
                    assert_eq!(members, [0, 1, 2, 3, 4], "layout {number}, stripe {stripe}");
                }
            }
        }
    }

    #[test]
    fn the_usual_layout_begins_behind_the_parity() {
        let layout = Layout::new(2, 4, Parities::One).unwrap();
        let data: Vec<_> = (0..4).map(|stripe| layout.stripe(stripe).data).collect();
        assert_eq!(data, [[0, 1, 2], [3, 0, 1], [2, 3, 0], [1, 2, 3]]);
    }
}
