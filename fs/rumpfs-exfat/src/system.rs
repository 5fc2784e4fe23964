//! What the root directory has besides files: where the bitmap and the table of upper case are, and the label
//! (specification, sections 7.1 to 7.3).

use crate::bitmap::Bitmap;
use crate::dir::{Slots, Visit, scan};
use crate::disk::Disk;
use crate::fat;
use crate::layout::{BitmapEntry, EntryType, LabelEntry, UpcaseEntry};
use crate::set::{Entry, Extent};
use crate::upcase::{self, Upcase};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use rump_dosfs::chain::Chain;
use rump_dosfs::{Error, Place, utf16};

/// What was found.
pub struct System {
    /// Which clusters are free.
    pub bitmap: Bitmap,
    /// What of names is the same.
    pub upcase: Upcase,
    /// The label, empty if there is none.
    pub label: String,
    /// There are entries that must be known to whoever writes.
    pub has_unknown: bool,
}

/// The entries themselves.
#[derive(Default)]
struct Entries {
    bitmap: Option<BitmapEntry>,
    upcase: Option<UpcaseEntry>,
    label: Option<LabelEntry>,
    has_unknown: bool,
}

/// Reads the root directory. Errors: EFTYPE, EIO.
pub fn read(disk: &Disk) -> Result<System, Error> {
    let entries = entries(disk)?;
    let root = Place::Cluster(disk.geometry.root);
    let missing = |what| Error::corrupt("root directory", root, what);
    let bitmap = entries.bitmap.ok_or_else(|| missing("there is no bitmap"))?;
    let upcase = entries.upcase.ok_or_else(|| missing("there is no table of upper case"))?;
    Ok(System {
        bitmap: Bitmap::open(disk, linked(bitmap.first_cluster.get(), bitmap.data_length.get()))?,
        upcase: read_upcase(disk, &upcase)?,
        label: entries.label.map_or_else(String::new, |label| text(&label)),
        has_unknown: entries.has_unknown,
    })
}

fn linked(first: u32, bytes: u64) -> Extent {
    Extent { first, bytes, is_contiguous: false }
}

fn entries(disk: &Disk) -> Result<Entries, Error> {
    let mut found = Entries::default();
    let slots = Slots::of_root(disk)?;
    let active = disk.geometry.active;
    scan(&slots, 0, &mut |visit| {
        match visit {
            Visit::Other(entry) => note(&mut found, active, entry),
            Visit::Unknown => found.has_unknown = true,
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The first of each kind counts.
fn note(found: &mut Entries, active: u8, entry: &Entry) {
    match entry[0] {
        EntryType::ALLOCATION_BITMAP => {
            let bitmap: BitmapEntry = zerocopy::transmute!(*entry);
            if bitmap.bitmap_flags & 1 == active {
                found.bitmap.get_or_insert(bitmap);
            }
        }
        EntryType::UPCASE_TABLE => {
            found.upcase.get_or_insert(zerocopy::transmute!(*entry));
        }
        EntryType::VOLUME_LABEL => {
            found.label.get_or_insert(zerocopy::transmute!(*entry));
        }
        _ => {}
    }
}

fn read_upcase(disk: &Disk, entry: &UpcaseEntry) -> Result<Upcase, Error> {
    let (first, bytes) = (entry.first_cluster.get(), entry.data_length.get());
    let broken = |why| Error::corrupt("table of upper case", Place::Cluster(first), why);
    if bytes == 0 || bytes > upcase::MOST_BYTES {
        return Err(broken("a length that no table has"));
    }
    let mut table = vec![0; bytes as usize];
    let mut chain = Chain::default();
    fat::load(disk, linked(first, bytes), &mut chain, u32::MAX)?;
    fat::for_runs(disk, &chain, 0, bytes, |at, done, length| {
        disk.sectors.read_bytes(at, &mut table[done..done + length])
    })?;
    Upcase::parse(&table, entry.table_checksum.get()).map_err(broken)
}

fn text(label: &LabelEntry) -> String {
    let count = usize::from(label.character_count).min(label.volume_label.len());
    let units: Vec<u16> = label.volume_label[..count].iter().map(|unit| unit.get()).collect();
    let mut bytes = Vec::new();
    utf16::to_bytes(&units, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
