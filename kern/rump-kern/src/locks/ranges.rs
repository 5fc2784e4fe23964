//! The locks of one file.
//!
//! Reference: POSIX.1-2017, fcntl. What an owner asks for takes the place of what it has there; neighbours of one kind
//! are one lock.

use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::KResult;

/// Locks of one file at most.
const LOCKS_MAX: usize = 8192;

/// How a part of a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Others may lock it so, too.
    Shared,
    /// Nobody else may lock it.
    Exclusive,
}

/// Whose a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A process's (`fcntl`), with the table of descriptors that it has.
    Process { pid: u32, table: usize },
    /// An open file's (`flock`), by its address.
    File(usize),
}

impl Owner {
    /// Whether both are the same: a process is one by its number.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Process { pid, .. }, Self::Process { pid: other, .. }) => pid == other,
            (Self::File(file), Self::File(other)) => file == other,
            _ => false,
        }
    }
}

/// A part of a file, from its first to its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Range {
    /// The last byte of all files.
    pub(crate) const END: u64 = i64::MAX as u64;
    /// All of a file.
    pub(crate) const ALL: Self = Self { first: 0, last: Self::END };

    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) owner: Owner,
    pub(crate) range: Range,
    pub(crate) kind: LockKind,
}

/// Locks of a file, by their first bytes.
#[derive(Default)]
pub(crate) struct Ranges(Vec<Held>);

impl Ranges {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands in the way of a lock.
    pub(crate) fn conflicts(&self, wanted: Held) -> impl Iterator<Item = &Held> {
        self.0.iter().filter(move |held| {
            held.range.meets(&wanted.range)
                && !held.owner.is(&wanted.owner)
                && (held.kind == LockKind::Exclusive || wanted.kind == LockKind::Exclusive)
        })
    }

    /// Locks what nothing stands in the way of. Errors: ENOLCK (too many).
    pub(crate) fn lock(&mut self, wanted: Held) -> KResult<()> {
        // What was one lock may become three.
        if self.0.len() + 2 > LOCKS_MAX {
            return Err(Errno::ENOLCK.into());
        }
        self.cut(wanted.owner, wanted.range);
        let mut joined = wanted.range;
        self.0.retain(|held| {
            let is_neighbour = held.kind == wanted.kind
                && held.owner.is(&wanted.owner)
                && (held.range.last.saturating_add(1) == joined.first
                    || joined.last.saturating_add(1) == held.range.first);
            if is_neighbour {
                joined.first = joined.first.min(held.range.first);
                joined.last = joined.last.max(held.range.last);
            }
            !is_neighbour
        });
        self.insert(Held { range: joined, ..wanted });
        Ok(())
    }

    /// Unlocks a part. Errors: ENOLCK (too many: a part within a lock makes two of it).
    pub(crate) fn unlock(&mut self, owner: Owner, range: Range) -> KResult<()> {
        if range != Range::ALL && self.0.len() >= LOCKS_MAX {
            return Err(Errno::ENOLCK.into());
        }
        self.cut(owner, range);
        Ok(())
    }

    /// Unlocks all that is so.
    pub(crate) fn unlock_where(&mut self, is_of: impl Fn(&Owner) -> bool) {
        self.0.retain(|held| !is_of(&held.owner));
    }

    /// Takes a part out of an owner's locks.
    fn cut(&mut self, owner: Owner, range: Range) {
        let mut left = Vec::new();
        self.0.retain(|held| {
            let is_cut = held.owner.is(&owner) && held.range.meets(&range);
            if is_cut && held.range.first < range.first {
                left.push(Held { range: Range { last: range.first - 1, ..held.range }, ..*held });
            }
            if is_cut && held.range.last > range.last {
                left.push(Held { range: Range { first: range.last + 1, ..held.range }, ..*held });
            }
            !is_cut
        });
        left.into_iter().for_each(|held| self.insert(held));
    }

    fn insert(&mut self, held: Held) {
        let at = self.0.partition_point(|other| other.range.first <= held.range.first);
        self.0.insert(at, held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Owner = Owner::Process { pid: 1, table: 0 };

    fn held(first: u64, last: u64, kind: LockKind) -> Held {
        Held { owner: ONE, range: Range { first, last }, kind }
    }

    #[test]
    fn locks_are_as_many_as_bytes_differ() {
        // Each byte by itself is the plain model.
        let (mut ranges, mut plain, mut random) = (Ranges::default(), [None; 64], 1_u64);
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (a, b) = ((random >> 33) % 64, (random >> 43) % 64);
            let (first, last) = (a.min(b), a.max(b));
            let kind = [None, Some(LockKind::Shared), Some(LockKind::Exclusive)][(random >> 53) as usize % 3];
            match kind {
                Some(kind) => ranges.lock(held(first, last, kind)).unwrap(),
                None => ranges.unlock(ONE, Range { first, last }).unwrap(),
            }
            plain[first as usize..=last as usize].fill(kind);
            let mut expected: Vec<Held> = Vec::new();
            for (byte, kind) in (0_u64..).zip(plain) {
                match (expected.last_mut(), kind) {
                    (_, None) => {}
                    (Some(last), Some(kind)) if last.kind == kind && last.range.last + 1 == byte => {
                        last.range.last = byte;
                    }
                    (_, Some(kind)) => expected.push(held(byte, byte, kind)),
                }
            }
            assert_eq!(ranges.0, expected);
        }
    }

    #[test]
    fn there_is_no_end_beyond_the_last_byte() {
        let mut ranges = Ranges::default();
        ranges.lock(held(5, Range::END, LockKind::Shared)).unwrap();
        ranges.lock(held(0, 4, LockKind::Shared)).unwrap();
        assert_eq!(ranges.0, [Held { range: Range::ALL, ..held(0, 0, LockKind::Shared) }]);
    }

    #[test]
    fn there_are_not_more_locks_than_a_file_may_have() {
        let mut ranges = Ranges::default();
        let mut made = 0;
        while ranges.lock(held(2 * made, 2 * made, LockKind::Shared)).is_ok() {
            made += 1;
        }
        assert_eq!(made, LOCKS_MAX as u64 - 1);
        assert_eq!(ranges.unlock(ONE, Range { first: 0, last: 0 }).map_err(|error| error.errno), Ok(()));
        ranges.unlock(ONE, Range::ALL).unwrap();
        assert!(ranges.is_empty());
    }
}
