//! Levels 4, 5 and 6: what a lost member had follows from the others.

use super::galois::{inverse, power, scale};
use super::layout::{Layout, Stripe};
use crate::map::{Device, Source, each_chunk};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::{Errno, KError, KResult};

/// Most bytes that are put together of others at once: bounds the memory of a reader.
const PIECE: u64 = 64 << 10;

/// An array with parity.
pub struct Parity {
    /// By their place in the array; `None` for a lost one.
    pub members: Vec<Option<Device>>,
    pub layout: Layout,
    /// Length of a chunk in bytes, not zero.
    pub chunk: u64,
    /// Length in bytes.
    pub size: u64,
}

impl Source for Parity {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let columns = self.layout.data_members();
        each_chunk(offset, buf, self.chunk, |chunk, within, piece| {
            let (number, column) = (chunk / columns, (chunk % columns) as usize);
            let stripe = self.layout.stripe(number);
            let at = number * self.chunk + within;
            if self.read_member(stripe.data[column], at, piece).is_ok() {
                return Ok(());
            }
            let mut done = 0;
            each_chunk(0, piece, PIECE, |_, _, piece| {
                let at = at + done;
                done += piece.len() as u64;
                self.reconstruct(&stripe, column, at, piece)
            })
        })
    }
}

impl Parity {
    fn read_member(&self, member: usize, at: u64, buf: &mut [u8]) -> KResult<()> {
        match &self.members[member] {
            Some(device) => device.read_at(at, buf),
            None => Err(KError::new(Errno::EIO, format!("RAID: member {member} is missing"))),
        }
    }

    /// What the member with the data of `column` has at `at`. Errors: EIO (too many are lost).
    fn reconstruct(&self, stripe: &Stripe, column: usize, at: u64, buf: &mut [u8]) -> KResult<()> {
        let others = stripe.data.iter().enumerate().filter(|(index, _)| *index != column);
        let mut bytes = vec![0; buf.len()];
        buf.fill(0);
        let by_first = others.map(|(_, member)| *member).chain([stripe.parity]).try_for_each(|member| {
            self.read_member(member, at, &mut bytes)?;
            add(buf, &bytes);
            Ok(())
        });
        match (by_first, stripe.second) {
            (Err(_), Some(second)) => self.by_second((stripe, second), column, at, buf),
            (by_first, _) => by_first,
        }
    }

    /// The same with the second parity, where the first one or other data is lost as well.
    fn by_second(
        &self,
        (stripe, second): (&Stripe, usize),
        column: usize,
        at: u64,
        buf: &mut [u8],
    ) -> KResult<()> {
        // The sums of what is there: plain, and with each piece times its power.
        let [mut plain, mut scaled] = [vec![0; buf.len()], vec![0; buf.len()]];
        let mut lost = None;
        let mut bytes = vec![0; buf.len()];
        for (index, member) in stripe.data.iter().enumerate().filter(|(index, _)| *index != column) {
            match (self.read_member(*member, at, &mut bytes), lost) {
                (Ok(()), _) => {
                    add(&mut plain, &bytes);
                    scale(&mut bytes, power(stripe.powers[index]));
                    add(&mut scaled, &bytes);
                }
                (Err(_), None) => lost = Some(index),
                (Err(error), Some(_)) => return Err(error),
            }
        }
        self.read_member(second, at, &mut bytes)?;
        add(&mut scaled, &bytes);
        let own = power(stripe.powers[column]);
        let divisor = match lost {
            None => own,
            Some(index) => {
                self.read_member(stripe.parity, at, &mut bytes)?;
                add(&mut plain, &bytes);
                let other = power(stripe.powers[index]);
                scale(&mut plain, other);
                add(&mut scaled, &plain);
                own ^ other
            }
        };
        scale(&mut scaled, inverse(divisor));
        buf.copy_from_slice(&scaled);
        Ok(())
    }
}

fn add(sum: &mut [u8], bytes: &[u8]) {
    sum.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum ^= byte);
}
