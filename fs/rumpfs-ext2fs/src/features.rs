//! Feature bits (kernel documentation, ext4 "Super Block"), their names as dumpe2fs spells them, and which
//! of them forbid reading.

use crate::error::Error;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bitflags::bitflags;

bitflags! {
    /// A driver that does not know these may still read and write.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Compat: u32 {
        /// Blocks are reserved for growing directories.
        const DIR_PREALLOC = 0x1;
        /// AFS inodes.
        const IMAGIC_INODES = 0x2;
        /// There is a journal.
        const HAS_JOURNAL = 0x4;
        /// Extended attributes.
        const EXT_ATTR = 0x8;
        /// Blocks are reserved for more group descriptors.
        const RESIZE_INODE = 0x10;
        /// Directories may have a hash tree.
        const DIR_INDEX = 0x20;
        /// Groups may be uninitialised (old).
        const LAZY_BG = 0x40;
        /// A bitmap of snapshots.
        const EXCLUDE_BITMAP = 0x100;
        /// At most two backup superblocks, in named groups.
        const SPARSE_SUPER2 = 0x200;
        /// The journal may hold fast commits.
        const FAST_COMMIT = 0x400;
        /// Inode numbers do not change.
        const STABLE_INODES = 0x800;
        /// Orphans are listed in a file.
        const ORPHAN_FILE = 0x1000;
        const _ = !0;
    }

    /// A driver that does not know these must not read.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Incompat: u32 {
        /// Compressed files.
        const COMPRESSION = 0x1;
        /// Directory entries hold file types.
        const FILETYPE = 0x2;
        /// The journal must be replayed.
        const RECOVER = 0x4;
        /// This is a journal, not a file system.
        const JOURNAL_DEV = 0x8;
        /// Group descriptors are spread over the volume.
        const META_BG = 0x10;
        /// Files may be mapped by extents.
        const EXTENTS = 0x40;
        /// Block numbers have more than 32 bits.
        const SIXTY_FOUR_BIT = 0x80;
        /// Multiple mount protection.
        const MMP = 0x100;
        /// A group's bitmaps and inode table may lie in another group.
        const FLEX_BG = 0x200;
        /// Large attribute values live in inodes.
        const EA_INODE = 0x400;
        /// Directory entries hold data.
        const DIRDATA = 0x1000;
        /// The seed of checksums is stored.
        const CSUM_SEED = 0x2000;
        /// Directories beyond 2 GiB, or with three levels of hash tree.
        const LARGE_DIR = 0x4000;
        /// Small files live in their inode.
        const INLINE_DATA = 0x8000;
        /// Encrypted files.
        const ENCRYPT = 0x1_0000;
        /// Directories which ignore case.
        const CASEFOLD = 0x2_0000;
        const _ = !0;
    }

    /// A driver that does not know these may read.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RoCompat: u32 {
        /// Backup superblocks only in some groups.
        const SPARSE_SUPER = 0x1;
        /// Files beyond 2 GiB.
        const LARGE_FILE = 0x2;
        /// Never used.
        const BTREE_DIR = 0x4;
        /// Space of an inode counts in blocks, or with 48 bits.
        const HUGE_FILE = 0x8;
        /// Group descriptors have a checksum (CRC-16).
        const GDT_CSUM = 0x10;
        /// Link counts of directories may overflow to one.
        const DIR_NLINK = 0x20;
        /// Large inodes with more fields.
        const EXTRA_ISIZE = 0x40;
        /// Snapshots.
        const HAS_SNAPSHOT = 0x80;
        /// Quota.
        const QUOTA = 0x100;
        /// Space is given in clusters of blocks.
        const BIGALLOC = 0x200;
        /// All metadata has checksums (CRC-32C).
        const METADATA_CSUM = 0x400;
        /// Replicas.
        const REPLICA = 0x800;
        /// Never to be written.
        const READONLY = 0x1000;
        /// Project quota.
        const PROJECT = 0x2000;
        /// Blocks may be shared by files.
        const SHARED_BLOCKS = 0x4000;
        /// Files protected by fs-verity.
        const VERITY = 0x8000;
        /// The orphan file is not empty.
        const ORPHAN_PRESENT = 0x1_0000;
        const _ = !0;
    }
}

const COMPAT_NAMES: &[(u32, &str)] = &[
    (0x1, "dir_prealloc"),
    (0x2, "imagic_inodes"),
    (0x4, "has_journal"),
    (0x8, "ext_attr"),
    (0x10, "resize_inode"),
    (0x20, "dir_index"),
    (0x40, "lazy_bg"),
    (0x100, "snapshot_bitmap"),
    (0x200, "sparse_super2"),
    (0x400, "fast_commit"),
    (0x800, "stable_inodes"),
    (0x1000, "orphan_file"),
];
const INCOMPAT_NAMES: &[(u32, &str)] = &[
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extent"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];
const RO_COMPAT_NAMES: &[(u32, &str)] = &[
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x80, "snapshot"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x800, "replica"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x4000, "shared_blocks"),
    (0x8000, "verity"),
    (0x1_0000, "orphan_present"),
];

/// The incompatible features that this driver reads.
const READABLE: Incompat = Incompat::FILETYPE
    .union(Incompat::RECOVER)
    .union(Incompat::META_BG)
    .union(Incompat::EXTENTS)
    .union(Incompat::SIXTY_FOUR_BIT)
    .union(Incompat::MMP)
    .union(Incompat::FLEX_BG)
    .union(Incompat::EA_INODE)
    .union(Incompat::CSUM_SEED)
    .union(Incompat::LARGE_DIR)
    .union(Incompat::INLINE_DATA)
    .union(Incompat::ENCRYPT)
    .union(Incompat::CASEFOLD);

/// The compatible features for readers that this driver keeps right when it writes.
const WRITABLE: RoCompat = RoCompat::SPARSE_SUPER
    .union(RoCompat::LARGE_FILE)
    .union(RoCompat::HUGE_FILE)
    .union(RoCompat::GDT_CSUM)
    .union(RoCompat::DIR_NLINK)
    .union(RoCompat::EXTRA_ISIZE)
    .union(RoCompat::BIGALLOC)
    .union(RoCompat::METADATA_CSUM)
    .union(RoCompat::VERITY)
    .union(RoCompat::ORPHAN_PRESENT);

/// Compatible features that a writer has to keep up, and that this driver does not.
const UNWRITABLE: Compat = Compat::IMAGIC_INODES.union(Compat::LAZY_BG).union(Compat::EXCLUDE_BITMAP);

/// The three sets of one volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Compatible ones.
    pub compat: Compat,
    /// Incompatible ones.
    pub incompat: Incompat,
    /// Those that are compatible for readers.
    pub ro_compat: RoCompat,
}

impl Features {
    /// Names in dumpe2fs's order; an unnamed bit as `FEATURE_` with a letter of the set and the bit.
    pub fn names(&self) -> Vec<String> {
        let mut names = set_names(self.compat.bits(), 'C', COMPAT_NAMES);
        names.extend(set_names(self.incompat.bits(), 'I', INCOMPAT_NAMES));
        names.extend(set_names(self.ro_compat.bits(), 'R', RO_COMPAT_NAMES));
        names
    }

    /// The feature of a name, as mke2fs takes it.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = match name {
            "extents" => "extent",
            "gdt_csum" => "uninit_bg",
            other => other,
        };
        let bit = |table: &[(u32, &str)]| {
            table.iter().find(|(_, known)| *known == name).map_or(0, |(value, _)| *value)
        };
        let found = Self {
            compat: Compat::from_bits_retain(bit(COMPAT_NAMES)),
            incompat: Incompat::from_bits_retain(bit(INCOMPAT_NAMES)),
            ro_compat: RoCompat::from_bits_retain(bit(RO_COMPAT_NAMES)),
        };
        let none = found.compat.is_empty() && found.incompat.is_empty() && found.ro_compat.is_empty();
        (!none).then_some(found)
    }

    /// Whether metadata carries CRC-32C checksums.
    pub fn has_metadata_checksums(&self) -> bool {
        self.ro_compat.contains(RoCompat::METADATA_CSUM)
    }

    /// Refuses what this driver cannot read, by name.
    pub fn check_readable(&self) -> Result<(), Error> {
        if self.incompat.contains(Incompat::JOURNAL_DEV) {
            return Err(Error::unsupported("this is an external journal, not a file system (journal_dev)"));
        }
        let unknown = self.incompat.difference(READABLE);
        if unknown.is_empty() {
            return Ok(());
        }
        let names = set_names(unknown.bits(), 'I', INCOMPAT_NAMES).join(", ");
        Err(Error::unsupported(format!("incompatible feature: {names}")))
    }

    /// Refuses what this driver cannot write without harm, by name.
    pub fn check_writable(&self) -> Result<(), Error> {
        let incompat = self.incompat.difference(READABLE).union(self.incompat.intersection(Incompat::MMP));
        let ro_compat = self.ro_compat.difference(WRITABLE);
        let compat = self.compat.intersection(UNWRITABLE);
        if incompat.is_empty() && ro_compat.is_empty() && compat.is_empty() {
            return Ok(());
        }
        let mut names = set_names(compat.bits(), 'C', COMPAT_NAMES);
        names.extend(set_names(incompat.bits(), 'I', INCOMPAT_NAMES));
        names.extend(set_names(ro_compat.bits(), 'R', RO_COMPAT_NAMES));
        Err(Error::unsupported(format!("writing with the feature {}; mount read-only", names.join(", "))))
    }

    /// `ext2`, `ext3` or `ext4`: the oldest driver that could mount it, as blkid decides; `jbd` for a journal.
    pub fn kind(&self) -> &'static str {
        let old_ro = RoCompat::SPARSE_SUPER | RoCompat::LARGE_FILE | RoCompat::BTREE_DIR;
        let old_incompat = Incompat::FILETYPE | Incompat::META_BG | Incompat::RECOVER;
        if self.incompat.contains(Incompat::JOURNAL_DEV) {
            return "jbd";
        }
        if !old_ro.contains(self.ro_compat) || !old_incompat.contains(self.incompat) {
            return "ext4";
        }
        if self.compat.contains(Compat::HAS_JOURNAL) { "ext3" } else { "ext2" }
    }
}

fn set_names(bits: u32, letter: char, table: &[(u32, &str)]) -> Vec<String> {
    (0..32u32)
        .filter(|bit| bits & (1 << bit) != 0)
        .map(|bit| match table.iter().find(|(value, _)| *value == 1 << bit) {
            Some((_, name)) => (*name).to_string(),
            None => format!("FEATURE_{letter}{bit}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(compat: u32, incompat: u32, ro_compat: u32) -> Features {
        Features {
            compat: Compat::from_bits_retain(compat),
            incompat: Incompat::from_bits_retain(incompat),
            ro_compat: RoCompat::from_bits_retain(ro_compat),
        }
    }

    #[test]
    fn kinds_are_told_apart_by_features() {
        assert_eq!(features(0, 2, 3).kind(), "ext2");
        assert_eq!(features(4, 6, 3).kind(), "ext3");
        assert_eq!(features(4, 0x42, 3).kind(), "ext4");
    }

    #[test]
    fn unknown_features_are_refused_by_name_or_number() {
        let text = features(0, 0x8000_1002, 0).check_readable().unwrap_err().to_string();
        assert_eq!(text, "not supported: incompatible feature: dirdata, FEATURE_I31");
        assert!(features(0, 0x8, 0).check_readable().is_err());
        assert!(features(0, 0x3e7d6, 0).check_readable().is_ok());
    }
}
