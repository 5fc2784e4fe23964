//! The entries of one directory, sorted by the bytes of their names, with attributes.
//!
//! Names are in one piece of memory. Attributes are kept up to a limit, since a directory may be huge; those
//! beyond are asked for when they are needed.

use rumpkit::{AtFlags, Fd, KError, KResult, Process, Stat};

/// The entries that were read; without `.` and `..`.
#[derive(Default)]
pub struct Entries {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// In the order of the directory; none where the attributes could not be had.
    stats: Vec<Option<Stat>>,
    damage: Option<KError>,
}

/// Where a name is, with its first bytes as a number: most comparisons end there.
struct Span {
    head: u64,
    start: usize,
    length: u32,
    /// Its place in the directory.
    place: u32,
}

impl Entries {
    /// Reads the names of the open directory `fd`, in place of what was read before. Damage does not hide the names
    /// that can be read: see [`Entries::damage`].
    pub fn read_names(&mut self, process: &Process, fd: Fd) {
        self.clear();
        let result = process.getdents(fd, &mut |entry| {
            self.push(entry.name);
            true
        });
        self.finish(result);
    }

    /// As [`Entries::read_names`], with attributes of as many as `most` entries. The kernel does not remember the
    /// names of files for it: who will open each of them reads names alone.
    pub fn read(&mut self, process: &Process, fd: Fd, most: usize) {
        self.clear();
        let result = process.getdents_with_stat(fd, &mut |entry, stat| {
            if self.push(entry.name) && self.stats.len() < most {
                self.stats.push(stat.ok());
            }
            true
        });
        self.finish(result);
    }

    /// Keeps the memory: the next directory may be as large.
    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.stats.clear();
        self.damage = None;
    }

    /// Answers whether the name counts.
    fn push(&mut self, name: &[u8]) -> bool {
        if matches!(name, b"." | b"..") {
            return false;
        }
        let mut head = [0; 8];
        let length = name.len().min(8);
        head[..length].copy_from_slice(&name[..length]);
        self.spans.push(Span {
            head: u64::from_be_bytes(head),
            start: self.bytes.len(),
            length: name.len() as u32,
            place: self.spans.len() as u32,
        });
        self.bytes.extend_from_slice(name);
        true
    }

    fn finish(&mut self, result: KResult<()>) {
        let bytes = &self.bytes;
        let name = |span: &Span| &bytes[span.start..span.start + span.length as usize];
        self.spans.sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| name(a).cmp(name(b))));
        self.damage = result.err();
    }

    /// Why there may be more entries than were read.
    pub fn damage(&self) -> Option<&KError> {
        self.damage.as_ref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Of how many the attributes are kept.
    pub fn kept(&self) -> usize {
        self.stats.len()
    }

    /// The entries as the directory has them.
    pub fn in_order_of_directory(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_unstable_by_key(|&index| self.spans[index].place);
        order
    }

    /// The name at `index`.
    pub fn name(&self, index: usize) -> &[u8] {
        let span = &self.spans[index];
        &self.bytes[span.start..span.start + span.length as usize]
    }

    /// The attributes of the entry at `index` of the directory `fd` that was read; not those of what a symbolic
    /// link leads to.
    pub fn stat(&self, process: &Process, fd: Fd, index: usize) -> KResult<Stat> {
        match self.stats.get(self.spans[index].place as usize) {
            Some(Some(stat)) => Ok(*stat),
            _ => process.fstatat(Some(fd), self.name(index), AtFlags::SYMLINK_NOFOLLOW),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_bytes() {
        let mut names: Vec<&[u8]> = vec![
            b"b",
            b"a\0b",
            b"a",
            b"a\0",
            b"12345678",
            b"123456789",
            b"1234567",
            b"\xff",
            b"12345678\x01",
        ];
        let mut entries = Entries::default();
        names.iter().for_each(|name| assert!(entries.push(name)));
        entries.finish(Ok(()));
        names.sort();
        let seen: Vec<&[u8]> = (0..entries.len()).map(|index| entries.name(index)).collect();
        assert_eq!(seen, names);
    }

    #[test]
    fn dots_are_left_out() {
        let mut entries = Entries::default();
        assert!(!entries.push(b".") && !entries.push(b"..") && entries.push(b"..."));
        assert_eq!(entries.len(), 1);
    }
}
