//! Files in use, and the numbers that files have.
//!
//! There are no inodes. The number of a file is the place of its slot: the byte on the volume over 32. A file that is
//! moved keeps its number, and so does one without a name that is still in use; whoever comes to a place whose number
//! is not free gets one from beyond all places. What differs from the rule is in tables, as long as the mount lasts.
//!
//! Locks: the tables are a leaf.

use crate::Error;
use alloc::sync::{Arc, Weak};
use hashbrown::HashMap;
use rump_kpi::Errno;
use rump_kpi::sync::Mutex;

/// Numbers from here on are no places.
const BEYOND_PLACES: u64 = 1 << 60;
/// Parents of this many directories are remembered.
const MOST_PARENTS: usize = 1 << 14;

/// A file in use.
pub trait Numbered {
    /// Its number.
    fn number(&self) -> u64;
}

/// The tables.
pub struct Nodes<C> {
    tables: Mutex<Tables<C>>,
}

struct Tables<C> {
    in_use: HashMap<u64, Weak<C>>,
    /// Numbers of those that are not where their number says.
    number_at: HashMap<u64, u64>,
    /// The inverse.
    place_of: HashMap<u64, u64>,
    /// Parents of directories, as far as they are remembered.
    parents: HashMap<u64, u64>,
    given_beyond: u64,
    /// At this many in use, those that nobody uses are dropped.
    purge_at: usize,
    /// Counts changes of names, so that a slot that was read before one is not believed after it.
    changes: u64,
}

impl<C: Numbered> Tables<C> {
    fn cell(&self, number: u64) -> Option<Arc<C>> {
        self.in_use.get(&number).and_then(Weak::upgrade)
    }

    fn keep(&mut self, cell: &Arc<C>) {
        if self.in_use.len() >= self.purge_at {
            self.in_use.retain(|_, cell| cell.strong_count() > 0);
            self.purge_at = (self.in_use.len() * 2).max(64);
        }
        self.in_use.insert(cell.number(), Arc::downgrade(cell));
    }

    fn bind(&mut self, number: u64, place: u64) {
        if number == place {
            self.number_at.remove(&place);
            self.place_of.remove(&number);
        } else {
            self.number_at.insert(place, number);
            self.place_of.insert(number, place);
        }
    }
}

impl<C: Numbered> Default for Nodes<C> {
    fn default() -> Self {
        let tables = Tables {
            in_use: HashMap::new(),
            number_at: HashMap::new(),
            place_of: HashMap::new(),
            parents: HashMap::new(),
            given_beyond: 0,
            purge_at: 0,
            changes: 0,
        };
        Self { tables: Mutex::new(tables) }
    }
}

impl<C: Numbered> Nodes<C> {
    /// The number of the file whose slot is at `place`.
    pub fn number_at(&self, place: u64) -> u64 {
        self.tables.lock().number_at.get(&place).copied().unwrap_or(place)
    }

    /// A file in use, if it is.
    pub fn find(&self, number: u64) -> Option<Arc<C>> {
        self.tables.lock().cell(number)
    }

    /// The file of this number, shared by all who ask for it; `read` makes it from the slot at a place.
    ///
    /// Errors: ESTALE (there is none), those of `read`.
    pub fn cell(&self, number: u64, read: impl Fn(u64) -> Result<Arc<C>, Error>) -> Result<Arc<C>, Error> {
        loop {
            let (place, changes) = {
                let tables = self.tables.lock();
                if let Some(cell) = tables.cell(number) {
                    return Ok(cell);
                }
                let place = tables.place_of.get(&number).copied().unwrap_or(number);
                if place == number && (number >= BEYOND_PLACES || tables.number_at.contains_key(&place)) {
                    return Err(Errno::ESTALE.into());
                }
                (place, tables.changes)
            };
            let cell = read(place)?;
            let mut tables = self.tables.lock();
            if let Some(cell) = tables.cell(number) {
                return Ok(cell);
            }
            if tables.changes == changes {
                tables.keep(&cell);
                return Ok(cell);
            }
        }
    }

    /// A new file got this slot. Answers its number.
    pub fn add(&self, place: u64) -> u64 {
        let mut tables = self.tables.lock();
        tables.changes += 1;
        let is_taken = tables.place_of.contains_key(&place) || tables.cell(place).is_some();
        if !is_taken {
            tables.bind(place, place);
            return place;
        }
        let number = BEYOND_PLACES + tables.given_beyond;
        tables.given_beyond += 1;
        tables.bind(number, place);
        number
    }

    /// The file at one place is at another now. Who was there has lost its name before.
    pub fn relocate(&self, from: u64, to: u64) {
        let mut tables = self.tables.lock();
        tables.changes += 1;
        let number = tables.number_at.remove(&from).unwrap_or(from);
        tables.place_of.remove(&number);
        tables.bind(number, to);
    }

    /// The file at a place lost its name. Answers its number.
    pub fn remove(&self, place: u64) -> u64 {
        let mut tables = self.tables.lock();
        tables.changes += 1;
        let number = tables.number_at.remove(&place).unwrap_or(place);
        tables.place_of.remove(&number);
        tables.parents.remove(&number);
        number
    }

    /// Forgets a file that the caller and a node on its way out are the last to use.
    pub fn forget(&self, cell: &Arc<C>) {
        let mut tables = self.tables.lock();
        if Arc::strong_count(cell) <= 2 {
            tables.in_use.remove(&cell.number());
        }
    }

    /// Remembers the parent of a directory.
    pub fn set_parent(&self, child: u64, parent: u64) {
        let mut tables = self.tables.lock();
        if tables.parents.len() >= MOST_PARENTS {
            tables.parents.clear();
        }
        tables.parents.insert(child, parent);
    }

    /// The parent of a directory, if it is remembered.
    pub fn parent(&self, child: u64) -> Option<u64> {
        self.tables.lock().parents.get(&child).copied()
    }
}
