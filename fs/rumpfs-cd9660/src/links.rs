//! Which records are names of one file.
//!
//! Rock Ridge counts the names of a file; since version 1.12 they also share a serial number, and before that, all
//! they share is the place of their content. A file with several names is numbered by the one or the other, and this
//! table says which record stands for the number. It holds the files with several names that listings and lookups
//! have shown so far. Numbers of places are below [`BY_CONTENT`].

use crate::record::Record;
use crate::rock_ridge::Posix;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rump_kpi::Ino;
use rump_kpi::sync::RwLock;

/// The number of the first block follows. No byte of a volume is so far behind.
const BY_CONTENT: u64 = 1 << 44;
/// The serial number follows.
const BY_SERIAL: u64 = 1 << 45;

/// The record of each number.
#[derive(Default)]
pub struct Links(RwLock<HashMap<u64, First>>);

/// The record that was met first.
#[derive(Clone, Copy)]
struct First {
    at: u64,
    /// What the others must have as well.
    content: (u64, u64),
}

impl Links {
    /// The inode number of a file.
    pub fn number(&self, record: &Record<'_>, posix: Option<&Posix>) -> Ino {
        let own = Ino(record.at);
        let content = (record.block(), record.data_length());
        let number = match posix {
            Some(posix) if posix.links < 2 => return own,
            Some(posix) if posix.serial != 0 => BY_SERIAL | u64::from(posix.serial),
            Some(_) if record.data_length() > 0 => BY_CONTENT | record.block(),
            _ => return own,
        };
        let known = self.0.read().get(&number).copied();
        let first = known.unwrap_or_else(|| match self.0.write().entry(number) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(place) => *place.insert(First { at: record.at, content }),
        });
        if first.content == content { Ino(number) } else { own }
    }

    /// Where the record of a number is; `None` where no record was met that has it.
    pub fn place(&self, ino: Ino) -> Option<u64> {
        if ino.0 < BY_CONTENT { Some(ino.0) } else { self.0.read().get(&ino.0).map(|first| first.at) }
    }
}
