//! Inodes: the raw bytes, their checksum, and the fields that every part of the driver asks for.

pub mod attr;
pub mod dir;
pub mod file;
pub mod inline;
mod journaled;
pub mod map;
pub mod set;
pub mod symlink;
pub mod xattr;

use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::layout::{InodeBase, InodeExtra};
use crate::units::Ino;
use crate::volume::Volume;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::ops::Deref;
use map::MapCache;
use rump_checksum::crc32c;
use rump_kpi::FileType;
use zerocopy::{FromBytes, IntoBytes};

/// Nothing of it changes.
pub const FLAG_IMMUTABLE: u32 = 0x10;
/// It is only appended to.
pub const FLAG_APPEND: u32 = 0x20;
/// Left out of dumps.
pub const FLAG_NO_DUMP: u32 = 0x40;
/// Compressed.
pub const FLAG_COMPRESSED: u32 = 0x4;
/// Encrypted.
pub const FLAG_ENCRYPTED: u32 = 0x800;
/// A directory with a hash tree.
pub const FLAG_INDEX: u32 = 0x1000;
/// Its content goes through the journal.
pub const FLAG_JOURNAL_DATA: u32 = 0x4000;
/// Space counts in blocks.
pub const FLAG_HUGE_FILE: u32 = 0x4_0000;
/// Mapped by extents.
pub const FLAG_EXTENTS: u32 = 0x8_0000;
/// Protected by fs-verity.
pub const FLAG_VERITY: u32 = 0x10_0000;
/// Holds the value of an attribute.
pub const FLAG_EA_INODE: u32 = 0x20_0000;
/// The content is in the inode.
pub const FLAG_INLINE_DATA: u32 = 0x1000_0000;
/// A directory which ignores case.
pub const FLAG_CASEFOLD: u32 = 0x4000_0000;

const CHECKSUM_LO_AT: usize = 0x7c;
const CHECKSUM_HI_AT: usize = 0x82;
const BASE_SIZE: usize = 128;
/// Size of almost all inodes; both halves of the sum are below.
const SUMMED_AT_ONCE: usize = 256;

/// The fields of an inode, whose checksum was verified.
#[derive(Clone)]
pub struct Fields {
    number: Ino,
    base: InodeBase,
    extra: InodeExtra,
    size: u64,
}

impl Fields {
    /// Those of an inode from the inode table; its checksum is verified.
    pub fn from_table(volume: &Volume, number: Ino, raw: &[u8]) -> Result<Self, Error> {
        let fields = Self::from_journal(volume, number, raw)?;
        // An inode that was never written is all zeros and has no checksum.
        let is_written = raw.iter().fold(0, |bits, byte| bits | byte) != 0;
        if is_written && volume.features().has_metadata_checksums() && !fields.checksum_is_right(volume, raw)
        {
            return Err(Error::corrupt(
                "inode",
                Place::Inode(number),
                CHECKSUM_LO_AT as u64,
                "wrong checksum",
            ));
        }
        Ok(fields)
    }

    /// Those of an inode whose bytes were verified elsewhere.
    pub fn from_journal(volume: &Volume, number: Ino, raw: &[u8]) -> Result<Self, Error> {
        let place = Place::Inode(number);
        let (base, rest) = InodeBase::read_from_prefix(raw).map_err(|_| cut_short(place))?;
        let mut padded = [0u8; 32];
        let have = rest.len().min(32);
        padded[..have].copy_from_slice(&rest[..have]);
        let extra = InodeExtra::read_from_bytes(&padded).map_err(|_| cut_short(place))?;
        if usize::from(extra.i_extra_isize.get()) > rest.len() {
            let why = alloc::format!("extra size {} of {} bytes", extra.i_extra_isize.get(), rest.len());
            return Err(Error::corrupt("inode", place, BASE_SIZE as u64, why));
        }
        let size = size_of_inode(volume, &base);
        Ok(Self { number, base, extra, size })
    }

    /// Its number.
    pub fn number(&self) -> Ino {
        self.number
    }

    /// The first 128 bytes.
    pub fn base(&self) -> &InodeBase {
        &self.base
    }

    /// The bytes after the first 128; zeros where the inode is shorter.
    pub fn extra(&self) -> &InodeExtra {
        &self.extra
    }

    /// How many bytes after the first 128 are fields; attributes may follow.
    pub fn extra_isize(&self) -> u16 {
        self.extra.i_extra_isize.get()
    }

    /// Whether the word at this offset after the first 128 bytes is in use.
    pub fn extra_field(&self, offset: u16) -> Option<()> {
        (self.extra_isize() >= offset + 4).then_some(())
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The block of attributes, or zero.
    pub fn file_acl(&self) -> u64 {
        u64::from(self.base.i_file_acl_lo.get()) | u64::from(self.base.i_file_acl_high.get()) << 32
    }

    /// Changes when the number is used again.
    pub fn generation(&self) -> u32 {
        self.base.i_generation.get()
    }

    /// Whether a flag is set.
    pub fn has_flag(&self, flag: u32) -> bool {
        self.base.i_flags.get() & flag != 0
    }

    /// Whether the content is in the inode itself.
    pub fn is_inline(&self, volume: &Volume) -> bool {
        self.has_flag(FLAG_INLINE_DATA) && volume.features().incompat.contains(Incompat::INLINE_DATA)
    }

    /// The seed of checksums of blocks that belong to this inode.
    pub fn checksum_seed(&self, volume: &Volume) -> u32 {
        let of_both = u64::from(self.number.0) | u64::from(self.generation()) << 32;
        crc32c(volume.checksum_seed(), &of_both.to_le_bytes())
    }

    fn has_wide_checksum(&self, raw: &[u8]) -> bool {
        raw.len() > BASE_SIZE && self.extra_isize() >= 4
    }

    fn checksum(&self, volume: &Volume, raw: &[u8]) -> u32 {
        checksum(self.checksum_seed(volume), raw, self.has_wide_checksum(raw))
    }

    fn checksum_is_right(&self, volume: &Volume, raw: &[u8]) -> bool {
        let low = u32::from(self.base.i_checksum_lo.get());
        if self.has_wide_checksum(raw) {
            return self.checksum(volume, raw) == low | u32::from(self.extra.i_checksum_hi.get()) << 16;
        }
        self.checksum(volume, raw) & 0xffff == low
    }
}

/// An inode in memory: its fields, all its bytes, and what is known of its map. Clones share what is known.
#[derive(Clone)]
pub struct Inode {
    fields: Fields,
    raw: Box<[u8]>,
    map: Arc<MapCache>,
}

impl Deref for Inode {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}

impl Inode {
    /// An inode of these fields and all its bytes.
    pub fn new(fields: Fields, raw: &[u8]) -> Self {
        Self { fields, raw: raw.into(), map: Arc::new(MapCache::new()) }
    }

    /// All its bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What is known of the map.
    pub fn map(&self) -> &MapCache {
        &self.map
    }

    /// An inode that is not in use yet: zeros, with room for the fields that this volume wants. Errors: EIO, EFTYPE (the
    /// volume has no place for it).
    pub fn blank(volume: &Volume, number: Ino) -> Result<Self, Error> {
        volume.prepare_inode(number)?;
        let size = usize::from(volume.superblock().inode_size);
        let raw = vec![0; size];
        let mut inode = Self::new(Fields::from_journal(volume, number, &raw)?, &raw);
        let wanted = volume.superblock().raw.s_want_extra_isize.get().max(32);
        let room = (size - BASE_SIZE).min(usize::from(wanted)) as u16;
        inode.edit(volume, |_, extra| extra.i_extra_isize.set(room & !3));
        Ok(inode)
    }

    /// Changes the fields. The bytes follow, but for the checksum.
    pub fn edit<R>(
        &mut self,
        volume: &Volume,
        change: impl FnOnce(&mut InodeBase, &mut InodeExtra) -> R,
    ) -> R {
        let Fields { base, extra, size, .. } = &mut self.fields;
        let answer = change(base, extra);
        let (head, rest) = self.raw.split_at_mut(BASE_SIZE);
        head.copy_from_slice(base.as_bytes());
        // Behind the fields that are in use there may be attributes.
        let fields = usize::from(extra.i_extra_isize.get()).min(rest.len()).min(size_of::<InodeExtra>());
        rest[..fields].copy_from_slice(&extra.as_bytes()[..fields]);
        *size = size_of_inode(volume, base);
        answer
    }

    /// The bytes behind the fields, where attributes are; empty in small inodes.
    pub fn attributes_mut(&mut self) -> &mut [u8] {
        let start = BASE_SIZE + usize::from(self.extra_isize());
        if self.extra_isize() == 0 { &mut [] } else { self.raw.get_mut(start..).unwrap_or_default() }
    }

    /// Makes the checksum anew, if the volume has such.
    pub fn seal(&mut self, volume: &Volume) {
        if !volume.features().has_metadata_checksums() {
            return;
        }
        let sum = self.checksum(volume, &self.raw);
        let wide = self.has_wide_checksum(&self.raw);
        self.edit(volume, |base, extra| {
            base.i_checksum_lo.set(sum as u16);
            if wide {
                extra.i_checksum_hi.set((sum >> 16) as u16);
            }
        });
    }
}

/// The checksum of an inode's bytes, without regard to the one that they hold.
fn checksum(seed: u32, raw: &[u8], wide: bool) -> u32 {
    // In one piece: a sum of many small ones takes twice as long.
    let (first, rest) = raw.split_at(raw.len().min(SUMMED_AT_ONCE));
    let mut piece = [0; SUMMED_AT_ONCE];
    let head = &mut piece[..first.len()];
    head.copy_from_slice(first);
    head[CHECKSUM_LO_AT..CHECKSUM_LO_AT + 2].fill(0);
    if wide {
        head[CHECKSUM_HI_AT..CHECKSUM_HI_AT + 2].fill(0);
    }
    let sum = crc32c(seed, head);
    if rest.is_empty() { sum } else { crc32c(sum, rest) }
}

/// Makes the checksum of a new inode, whose fields are all in use if it is large; the seed is that of its blocks.
pub fn seal_raw(seed: u32, raw: &mut [u8]) {
    let wide = raw.len() > BASE_SIZE;
    let sum = checksum(seed, raw, wide);
    raw[CHECKSUM_LO_AT..CHECKSUM_LO_AT + 2].copy_from_slice(&(sum as u16).to_le_bytes());
    if wide {
        raw[CHECKSUM_HI_AT..CHECKSUM_HI_AT + 2].copy_from_slice(&((sum >> 16) as u16).to_le_bytes());
    }
}

fn cut_short(place: Place) -> Error {
    Error::corrupt("inode", place, 0, "cut short")
}

/// The high half of the size counts for regular files, and for directories with large_dir.
fn size_of_inode(volume: &Volume, base: &InodeBase) -> u64 {
    let wide = match FileType::from_mode(base.i_mode.get().into()) {
        Some(FileType::Regular) => true,
        Some(FileType::Directory) => volume.features().incompat.contains(Incompat::LARGE_DIR),
        _ => false,
    };
    u64::from(base.i_size_lo.get()) | if wide { u64::from(base.i_size_high.get()) << 32 } else { 0 }
}
