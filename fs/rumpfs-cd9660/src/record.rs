//! A directory record that was checked: all its parts lie within it.

use crate::error::Error;
use crate::layout::{DirectoryRecord, flag};
use alloc::format;
use zerocopy::FromBytes;

/// Longest record.
pub const MOST: usize = 255;
/// Bytes of the fixed fields.
const FIELDS: usize = size_of::<DirectoryRecord>();

/// A record and where it is.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Its first byte on the device.
    pub at: u64,
    fields: &'a DirectoryRecord,
    /// The identifier as it is stored.
    pub identifier: &'a [u8],
    /// What follows the identifier.
    pub system_use: &'a [u8],
}

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The directory it is in.
    Own,
    /// The parent.
    Parent,
    /// An entry.
    Entry,
}

impl<'a> Record<'a> {
    /// Reads the record that `bytes` begin with. Errors: EFTYPE.
    pub fn parse(at: u64, bytes: &'a [u8]) -> Result<Self, Error> {
        let wrong = |why| Error::corrupt("directory record", at, why);
        let (fields, _) = DirectoryRecord::ref_from_prefix(bytes).map_err(|_| wrong("cut short".into()))?;
        let length = usize::from(fields.length);
        let end = FIELDS + usize::from(fields.identifier_length);
        let identifier = bytes.get(FIELDS..end).filter(|id| !id.is_empty() && end <= length);
        let (Some(identifier), Some(bytes)) = (identifier, bytes.get(..length)) else {
            let name = fields.identifier_length;
            return Err(wrong(format!("length {length} with an identifier of {name} bytes")));
        };
        let padding = (identifier.len() + 1) % 2;
        Ok(Self { at, fields, identifier, system_use: bytes.get(end + padding..).unwrap_or_default() })
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        match self.identifier {
            [0] => Role::Own,
            [1] => Role::Parent,
            _ => Role::Entry,
        }
    }

    /// Whether it names a directory.
    pub fn is_directory(&self) -> bool {
        self.has(flag::DIRECTORY)
    }

    /// Whether a flag of [`flag`] is set.
    pub fn has(&self, flag: u8) -> bool {
        self.fields.flags & flag != 0
    }

    /// The block at which its content begins, behind the extended attribute record.
    pub fn block(&self) -> u64 {
        u64::from(self.fields.extent.get()) + u64::from(self.fields.attribute_length)
    }

    /// Length of the content in bytes.
    pub fn data_length(&self) -> u64 {
        self.fields.data_length.get().into()
    }

    /// Its date.
    pub fn date(&self) -> &[u8; 7] {
        &self.fields.date
    }

    /// Whether the content is interleaved with that of other files.
    pub fn is_interleaved(&self) -> bool {
        self.fields.unit_size != 0 || self.fields.gap_size != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: u8, identifier: &[u8]) -> [u8; 64] {
        let mut bytes = [0xee; 64];
        bytes[0] = length;
        bytes[32] = identifier.len() as u8;
        bytes[33..33 + identifier.len()].copy_from_slice(identifier);
        bytes
    }

    #[test]
    fn system_use_begins_at_an_even_byte() {
        let odd = bytes(40, b"ABC");
        assert_eq!(Record::parse(0, &odd).unwrap().system_use.len(), 4);
        let even = bytes(40, b"AB");
        assert_eq!(Record::parse(0, &even).unwrap().system_use.len(), 4);
    }

    #[test]
    fn parts_beyond_the_record_are_damage() {
        for (length, name) in [(33, 1), (0, 1), (40, 0), (40, 8), (255, 1), (64, 40)] {
            let mut bytes = bytes(length, &[]);
            bytes[32] = name;
            assert!(Record::parse(0, &bytes).is_err(), "{length} {name}");
        }
        assert!(Record::parse(0, &[34; 10]).is_err());
    }
}
