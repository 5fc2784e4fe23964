//! Apple Data Compression: literal bytes, and copies of what came before.

use crate::damaged;
use alloc::vec::Vec;
use rump_kpi::KResult;

/// Unpacks exactly `len` bytes. Errors: EFTYPE.
pub fn unpack(packed: &[u8], len: usize) -> KResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    let mut rest = packed;
    while bytes.len() < len {
        let (count, distance, used) = match *rest {
            [first @ 0x80..=0xff, ..] => {
                let count = usize::from(first & 0x7f) + 1;
                let literal = rest.get(1..1 + count).ok_or_else(cut)?;
                bytes.extend_from_slice(literal);
                rest = &rest[1 + count..];
                continue;
            }
            [first @ 0x40..=0x7f, high, low, ..] => {
                (usize::from(first & 0x3f) + 4, usize::from(high) << 8 | usize::from(low), 3)
            }
            [first @ 0..=0x3f, low, ..] => {
                (usize::from(first >> 2) + 3, usize::from(first & 3) << 8 | usize::from(low), 2)
            }
            _ => return Err(cut()),
        };
        let from = bytes.len().checked_sub(distance + 1);
        let from = from.ok_or_else(|| damaged("dmg: packed data refers to what is before it"))?;
        // A copy may run into what it makes.
        (from..from + count).for_each(|at| bytes.push(bytes[at]));
        rest = &rest[used..];
    }
    bytes.truncate(len);
    Ok(bytes)
}

fn cut() -> rump_kpi::KError {
    damaged("dmg: packed data ends early")
}
