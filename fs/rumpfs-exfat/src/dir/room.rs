//! Where a set goes. Whole sets lie in one sector of 512 bytes if they can, and the first two entries always do: so a
//! change of a file is one write, which is done or not. What is passed over for that is little, since names are short.

use super::slots::{PER_WRITE, Slots};
use crate::layout::EntryType;
use crate::transaction::Operation;
use rump_dosfs::Error;

/// Free entries for a set.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// The first.
    pub first: u32,
    /// The entry behind which there was nothing so far.
    pub end: Option<u32>,
    /// Before this there is no room of this length.
    pub passed: u32,
}

/// The first room for `count` entries from `from` on, behind all others if need be, where the directory may not reach
/// yet. Entries that rest are not free. Errors: EFTYPE, EIO.
pub fn find(operation: &Operation<'_>, slots: &Slots<'_>, from: u32, count: u32) -> Result<Room, Error> {
    let (mut run, mut resting) = (None, None);
    let mut index = from;
    while let Some(entry) = slots.read(index)? {
        if entry[0] == EntryType::END {
            break;
        }
        if entry[0] & EntryType::IN_USE != 0 {
            run = None;
        } else if slots.place(index).is_some_and(|place| operation.is_resting(place)) {
            resting = resting.or(Some(index));
            run = None;
        } else {
            let first = fit(*run.get_or_insert(index), count);
            if first + count == index + 1 {
                return Ok(Room { first, end: None, passed: resting.unwrap_or(first + count) });
            }
        }
        index += 1;
    }
    let first = fit(run.unwrap_or(index), count);
    Ok(Room { first, end: Some(index), passed: resting.unwrap_or(first + count) })
}

/// The first index from `start` on where a set may begin.
fn fit(start: u32, count: u32) -> u32 {
    let together = if count <= PER_WRITE { count } else { 2 };
    if start % PER_WRITE + together <= PER_WRITE { start } else { start.next_multiple_of(PER_WRITE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_do_not_cross_sectors_unless_they_must() {
        assert_eq!([fit(0, 3), fit(13, 3), fit(14, 3), fit(15, 3)], [0, 13, 16, 16]);
        assert_eq!([fit(14, 19), fit(15, 19), fit(1, 16)], [14, 16, 16]);
    }
}
