//! The form of lists as extended attributes: version 2 of `linux/posix_acl_xattr.h`, little-endian.
//!
//! ```text
//! +----------------+  then entries  +--------+-------+----------------+
//! | version 2: u32 |                | tag:16 | bits:16 | id: u32      |
//! +----------------+                +--------+-------+----------------+
//! ```
//!
//! The order of the tags is fixed: owner, users, group, groups, mask, others. The number is there for users and
//! groups; elsewhere it is written as all ones and not read.

use crate::{Acl, Named};
use alloc::vec::Vec;
use core::fmt;

const VERSION: u32 = 2;
const HEADER: usize = 4;
const ENTRY: usize = 8;
const NO_ID: u32 = u32::MAX;

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OF_FILE: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;

/// Why bytes are no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not a whole number of entries behind a version.
    Length,
    /// A version that is not known.
    Version,
    /// An entry that must not be there, or not there: a wrong tag, order or number, unknown bits, no mask.
    Entry,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "an access control list of a wrong length",
            Self::Version => "an access control list of an unknown version",
            Self::Entry => "an access control list with a wrong entry",
        })
    }
}

impl core::error::Error for Malformed {}

struct Entry {
    tag: u16,
    named: Named,
}

/// Takes entries from the front.
struct Entries<'a>(&'a [u8]);

impl Entries<'_> {
    fn peek(&self) -> Result<Option<Entry>, Malformed> {
        let Some(&[t0, t1, b0, b1, i0, i1, i2, i3]) = self.0.first_chunk::<ENTRY>() else {
            return if self.0.is_empty() { Ok(None) } else { Err(Malformed::Length) };
        };
        let (tag, bits) = (u16::from_le_bytes([t0, t1]), u32::from(u16::from_le_bytes([b0, b1])));
        if bits & !7 != 0 {
            return Err(Malformed::Entry);
        }
        Ok(Some(Entry { tag, named: Named { id: u32::from_le_bytes([i0, i1, i2, i3]), bits } }))
    }

    /// The next entry if it has this tag.
    fn take(&mut self, tag: u16) -> Result<Option<Named>, Malformed> {
        let Some(entry) = self.peek()?.filter(|entry| entry.tag == tag) else { return Ok(None) };
        self.0 = &self.0[ENTRY..];
        Ok(Some(entry.named))
    }

    fn require(&mut self, tag: u16) -> Result<u32, Malformed> {
        self.take(tag)?.map(|named| named.bits).ok_or(Malformed::Entry)
    }

    fn take_all(&mut self, tag: u16) -> Result<Vec<Named>, Malformed> {
        let mut all = Vec::new();
        while let Some(named) = self.take(tag)? {
            if named.id == NO_ID {
                return Err(Malformed::Entry);
            }
            all.push(named);
        }
        Ok(all)
    }
}

impl Acl {
    /// Reads the value of an attribute; `None` if it is empty or has no entries, which stands for no list.
    pub fn parse(value: &[u8]) -> Result<Option<Self>, Malformed> {
        if value.is_empty() {
            return Ok(None);
        }
        let (version, rest) = value.split_first_chunk::<HEADER>().ok_or(Malformed::Length)?;
        if u32::from_le_bytes(*version) != VERSION {
            return Err(Malformed::Version);
        }
        if rest.len() % ENTRY != 0 {
            return Err(Malformed::Length);
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let mut entries = Entries(rest);
        let acl = Self {
            owner: entries.require(OWNER)?,
            users: entries.take_all(USER)?,
            group: entries.require(GROUP_OF_FILE)?,
            groups: entries.take_all(GROUP)?,
            mask: entries.take(MASK)?.map(|named| named.bits),
            others: entries.require(OTHERS)?,
        };
        let lacks_mask = acl.mask.is_none() && !(acl.users.is_empty() && acl.groups.is_empty());
        if lacks_mask || !entries.0.is_empty() { Err(Malformed::Entry) } else { Ok(Some(acl)) }
    }

    /// The value of the attribute.
    pub fn emit(&self) -> Vec<u8> {
        let mut value = VERSION.to_le_bytes().to_vec();
        let mut put = |tag: u16, id: u32, bits: u32| {
            value.extend_from_slice(&tag.to_le_bytes());
            value.extend_from_slice(&(bits as u16).to_le_bytes());
            value.extend_from_slice(&id.to_le_bytes());
        };
        put(OWNER, NO_ID, self.owner);
        self.users.iter().for_each(|user| put(USER, user.id, user.bits));
        put(GROUP_OF_FILE, NO_ID, self.group);
        self.groups.iter().for_each(|group| put(GROUP, group.id, group.bits));
        if let Some(mask) = self.mask {
            put(MASK, NO_ID, mask);
        }
        put(OTHERS, NO_ID, self.others);
        value
    }
}
