//! The entries of one directory, in the order to print.

use super::Listing;
use super::args::{Args, Order};
use super::long::Widths;
use crate::entries::Entries;
use crate::owner::Accounts;
use crate::session::Place;
use crate::walk::join;
use rumpkit::{AtFlags, Fd, FileType, KResult, Stat};
use std::cmp::Reverse;

/// What a file is sorted by, besides its name.
pub type Key = Reverse<(i128, u32)>;

/// The key of a file.
pub fn key(args: &Args, stat: &Stat) -> Key {
    Reverse(match args.order() {
        Order::Time => {
            let time = args.time_of(stat);
            (i128::from(time.sec), time.nsec)
        }
        Order::Size => (i128::from(stat.size), 0),
        Order::Name | Order::Directory => (0, 0),
    })
}

/// See the module.
pub struct Rows<'a> {
    entries: &'a Entries,
    /// Beyond the real entries there are `.` and `..`; see [`Rows::name`].
    pub order: Vec<usize>,
    /// Of all of them.
    pub widths: Widths,
}

impl<'a> Rows<'a> {
    /// The entries of the directory at `path`. What cannot be looked at is reported and left out.
    pub fn new(
        listing: &mut Listing<'_>,
        place: &Place,
        path: &[u8],
        fd: Fd,
        entries: &'a Entries,
        names: Option<&Accounts>,
    ) -> Self {
        let args = listing.args;
        let sorted = args.order() != Order::Directory;
        let mut order = if sorted { (0..entries.len()).collect() } else { entries.in_order_of_directory() };
        order.retain(|&index| args.lists(entries.name(index)));
        let mut rows = Self { entries, order, widths: Widths::default() };
        if args.lists_dots() {
            for index in [entries.len(), entries.len() + 1] {
                let name = rows.name(index);
                let at = match sorted {
                    true => rows.order.partition_point(|&other| rows.name(other) < name),
                    false => index - entries.len(),
                };
                rows.order.insert(at, index);
            }
        }
        if args.needs_stats() {
            rows.load(listing, place, path, fd, names);
        }
        if args.reverse && sorted {
            rows.order.reverse();
        }
        rows
    }

    /// Learns how wide the columns are and, where the order is not that of the names, sorts.
    fn load(
        &mut self,
        listing: &mut Listing<'_>,
        place: &Place,
        path: &[u8],
        fd: Fd,
        names: Option<&Accounts>,
    ) {
        let args = listing.args;
        let mut keyed = Vec::with_capacity(self.order.len());
        for index in std::mem::take(&mut self.order) {
            match self.stat(args, place, fd, index) {
                Ok(stat) => {
                    self.widths.include(args, names, &stat);
                    keyed.push((key(args, &stat), index));
                }
                Err(error) => {
                    let mut full = path.to_vec();
                    join(&mut full, self.name(index));
                    listing.session.report(place, &full, &error);
                }
            }
        }
        // Stable: equal ones stay in order of their names.
        keyed.sort_by_key(|&(key, _)| key);
        self.order = keyed.into_iter().map(|(_, index)| index).collect();
    }

    /// The name at `index`.
    pub fn name(&self, index: usize) -> &'a [u8] {
        match index.checked_sub(self.entries.len()) {
            None => self.entries.name(index),
            Some(0) => b".",
            Some(_) => b"..",
        }
    }

    /// Its attributes.
    pub fn stat(&self, args: &Args, place: &Place, fd: Fd, index: usize) -> KResult<Stat> {
        let process = place.process();
        let stat = match index < self.entries.len() {
            true => self.entries.stat(process, fd, index)?,
            false => process.fstatat(Some(fd), self.name(index), AtFlags::SYMLINK_NOFOLLOW)?,
        };
        if args.dereference && stat.file_type == FileType::Symlink {
            return process.fstatat(Some(fd), self.name(index), AtFlags::empty());
        }
        Ok(stat)
    }
}
