//! Records of directories, as `getdents` gives them: `struct dirent`, each as long as its name asks for.

use super::Layout;
use crate::FileType;
use alloc::vec::Vec;

/// Where the name begins.
pub const NAME: usize = 13;
/// Records begin at multiples of this.
pub const ALIGN: usize = 8;
/// The longest name.
pub const NAME_MAX: usize = 511;

layout! {
    /// What is before the name.
    struct DirentHead[13] {
        /// Inode number.
        fileno: u64 = 0,
        /// Bytes of the record.
        reclen: u16 = 8,
        /// Bytes of the name, without the NUL that ends it.
        namlen: u16 = 10,
        /// `DT_*`: the type in the upper bits of a mode.
        kind: u8 = 12,
    }
}

/// How many bytes the record of a name takes.
pub fn record_length(name: &[u8]) -> usize {
    (NAME + name.len() + 1).next_multiple_of(ALIGN)
}

/// Appends a record. A name that is too long is cut.
pub fn push(to: &mut Vec<u8>, ino: u64, file_type: Option<FileType>, name: &[u8]) {
    let name = &name[..name.len().min(NAME_MAX)];
    let (begin, length) = (to.len(), record_length(name));
    let kind = file_type.map_or(0, |file_type| (file_type.mode_bits() >> 12) as u8);
    let head = DirentHead { fileno: ino, reclen: length as u16, namlen: name.len() as u16, kind };
    to.extend(head.to_bytes());
    to.extend(name);
    to.resize(begin + length, 0);
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Inode number.
    pub ino: u64,
    /// The type, where it is told.
    pub file_type: Option<FileType>,
    /// The name.
    pub name: &'a [u8],
}

/// The records in what `getdents` answered, up to one that is damaged.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    core::iter::from_fn(move || {
        let head = DirentHead::read(bytes)?;
        let record = bytes.get(..usize::from(head.reclen))?;
        let name = record.get(NAME..NAME + usize::from(head.namlen))?;
        bytes = &bytes[record.len()..];
        Some(Record { ino: head.fileno, file_type: FileType::from_mode(u32::from(head.kind) << 12), name })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_begin_at_multiples_of_eight() {
        let mut bytes = Vec::new();
        push(&mut bytes, 2, Some(FileType::Directory), b"..");
        assert_eq!(bytes, [2, 0, 0, 0, 0, 0, 0, 0, 16, 0, 2, 0, 4, b'.', b'.', 0]);
        push(&mut bytes, 3, None, b"abc");
        assert_eq!(bytes.len(), 16 + 24);
        let all: Vec<_> = records(&bytes).map(|record| (record.ino, record.name)).collect();
        assert_eq!(all, [(2, b"..".as_slice()), (3, b"abc")]);
    }

    #[test]
    fn a_damaged_record_is_the_end() {
        let mut bytes = Vec::new();
        push(&mut bytes, 2, None, b"name");
        bytes[8] = 0;
        assert_eq!(records(&bytes).count(), 0);
        bytes[8] = 255;
        assert_eq!(records(&bytes).count(), 0);
    }
}
