//! Making file systems: what can be asked of every format, and the table of those that can be made.
//!
//! A format is made on any [`BlockDevice`]; [`plan`] makes it on one that forgets, to learn what it will be like.

mod device;
mod exfat;
mod ext;
mod fat;

pub use device::Unflushed;
pub use rumpfs_ext2fs::mkfs::{Inodes, Owner};
pub use rumpfs_msdos::mkfs::Zeroed;

use device::Forgetful;
use rump_kpi::{BlockDevice, Errno, KError, KResult, TimeSpec};

/// What the maker of a format is told. `None`, and an empty text, stand for the default of the format; what a
/// format does not have is refused by name.
#[derive(Clone, Debug)]
pub struct Request {
    /// Length in bytes.
    pub size_bytes: u64,
    /// Where on its disk the volume begins, for formats that note that.
    pub begin_bytes: u64,
    /// Volume label.
    pub label: String,
    /// Identifier; of a format with a serial number of 32 bits, its first four bytes.
    pub uuid: [u8; 16],
    /// What makes hashes of names hard to guess, for formats that have such hashes.
    pub hash_seed: [u8; 16],
    /// The time of everything.
    pub now: TimeSpec,
    /// Size of a block, or of a cluster where space is given in those.
    pub block_size: Option<u32>,
    /// Size of a sector.
    pub sector_size: Option<u32>,
    /// Bits of an entry of FAT's table: 12, 16 or 32.
    pub fat_bits: Option<u8>,
    /// FAT's byte for the medium: with 0xf8, nothing is taken for a floppy by its size.
    pub fat_medium: Option<u8>,
    /// Size of an inode.
    pub inode_size: Option<u16>,
    /// How many inodes.
    pub inodes: Inodes,
    /// Entries that a root directory which cannot grow has room for at least.
    pub root_entries: Option<u16>,
    /// Percent of the space that only the superuser may take.
    pub reserved_percent: Option<u8>,
    /// Changes to the features, as the usual tool of the format takes them.
    pub features: String,
    /// Length of the journal.
    pub journal_bytes: Option<u64>,
    /// The root directory.
    pub root: Option<Owner>,
    /// What the device holds.
    pub zeroed: Zeroed,
}

impl Request {
    /// Defaults for a volume of `size_bytes`.
    pub fn new(size_bytes: u64, uuid: [u8; 16], hash_seed: [u8; 16], now: TimeSpec) -> Self {
        Self {
            size_bytes,
            begin_bytes: 0,
            label: String::new(),
            uuid,
            hash_seed,
            now,
            block_size: None,
            sector_size: None,
            fat_bits: None,
            fat_medium: None,
            inode_size: None,
            inodes: Inodes::Default,
            root_entries: None,
            reserved_percent: None,
            features: String::new(),
            journal_bytes: None,
            root: None,
            zeroed: Zeroed::No,
        }
    }
}

/// What was made. `None` stands for what the format does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Identifier, as everybody writes it.
    pub uuid: String,
    /// Label, as it is stored.
    pub label: String,
    /// Size of a block or cluster in bytes.
    pub block_size: u32,
    /// Blocks, or clusters, of the volume.
    pub blocks: u64,
    /// Those that no file or metadata takes.
    pub free_blocks: u64,
    /// Inodes in all.
    pub inodes: Option<u32>,
    /// Inodes that are free.
    pub free_inodes: Option<u32>,
    /// Entries that a root directory which cannot grow has room for.
    pub root_entries: Option<u32>,
    /// Blocks of the journal; zero if there could be one.
    pub journal_blocks: Option<u32>,
    /// Names of the features.
    pub features: Vec<String>,
    /// Where the result is not what the defaults promise, and why.
    pub notes: Vec<String>,
}

/// Formats that count space alike, and have the same kind of identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ext2 and its successors: blocks and inodes, a UUID.
    Ext,
    /// FAT: clusters, a serial number of 32 bits.
    Fat,
    /// exFAT: the same.
    Exfat,
}

type Make = fn(&dyn BlockDevice, &Request) -> KResult<Summary>;

const FORMATS: &[(&str, Family, Make)] = &[
    ("ext2", Family::Ext, ext::make_ext2),
    ("ext3", Family::Ext, ext::make_ext3),
    ("ext4", Family::Ext, ext::make_ext4),
    ("vfat", Family::Fat, fat::make),
    ("exfat", Family::Exfat, exfat::make),
];

/// Names of the formats that can be made.
pub fn formats() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|(name, ..)| *name)
}

/// The family of a format. Errors: ENODEV (no such format).
pub fn family(format: &str) -> KResult<Family> {
    find(format).map(|(family, _)| family)
}

/// Makes the format of this name at the beginning of `device`; what that held is lost, even if this fails.
///
/// Errors: ENODEV (no such format), those of the format.
pub fn make(format: &str, device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    let (_, make) = find(format)?;
    make(device, request)
}

/// What [`make`] would answer.
///
/// Errors: as [`make`].
pub fn plan(format: &str, request: &Request) -> KResult<Summary> {
    let request = Request { zeroed: Zeroed::Yes, ..request.clone() };
    make(format, &Forgetful { size: request.size_bytes }, &request)
}

fn find(format: &str) -> KResult<(Family, Make)> {
    let Some((_, family, make)) = FORMATS.iter().find(|(name, ..)| *name == format) else {
        let known: Vec<&str> = formats().collect();
        let text = format!("no format {format} can be made (there are: {})", known.join(", "));
        return Err(KError::new(Errno::ENODEV, text));
    };
    Ok((*family, *make))
}

/// The first four bytes of an identifier as the serial number that formats of Microsoft's have.
fn serial(uuid: &[u8; 16]) -> u32 {
    u32::from_be_bytes([uuid[0], uuid[1], uuid[2], uuid[3]])
}

fn serial_text(serial: u32) -> String {
    format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)
}

/// Refuses what a format does not have, by name: of each wish, whether it was made. Errors: EINVAL.
fn refuse(format: &str, wishes: &[(&str, bool)]) -> KResult<()> {
    match wishes.iter().find(|(_, is_made)| *is_made) {
        Some((name, _)) => {
            Err(KError::new(Errno::EINVAL, format!("mkfs: {name}: {format} has no such thing")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_tells_what_is_made() {
        let request = Request::new(8 << 20, [1; 16], [2; 16], TimeSpec::default());
        for format in formats() {
            let device = rump_dev::MemDevice::new(vec![0; 8 << 20]);
            let made = make(format, &*device, &request).unwrap();
            assert_eq!(plan(format, &request).unwrap(), made);
            assert!(made.free_blocks > 0);
        }
    }

    #[test]
    fn an_unknown_format_is_refused_with_those_there_are() {
        let request = Request::new(8 << 20, [1; 16], [2; 16], TimeSpec::default());
        let error = plan("xfs", &request).unwrap_err();
        assert_eq!(error.errno, Errno::ENODEV);
        assert!(error.to_string().contains("ext2, ext3, ext4"), "{error}");
    }

    #[test]
    fn what_a_format_does_not_have_is_refused_by_name() {
        let request = Request::new(8 << 20, [1; 16], [2; 16], TimeSpec::default());
        let with = |format: &str, change: &dyn Fn(&mut Request)| {
            let mut request = request.clone();
            change(&mut request);
            plan(format, &request).unwrap_err().to_string()
        };
        assert!(with("vfat", &|request| request.journal_bytes = Some(1 << 20)).contains("journal_bytes"));
        assert!(with("vfat", &|request| request.inodes = Inodes::Count(7)).contains("inodes"));
        assert!(with("vfat", &|request| request.reserved_percent = Some(0)).contains("reserved_percent"));
        assert!(with("vfat", &|request| request.features = "extent".into()).contains("features"));
        assert!(with("vfat", &|request| request.fat_bits = Some(24)).contains("fat_bits 24"));
        assert!(with("exfat", &|request| request.fat_bits = Some(32)).contains("fat_bits"));
        assert!(with("exfat", &|request| request.inode_size = Some(256)).contains("inode_size"));
        assert!(with("ext4", &|request| request.fat_bits = Some(16)).contains("fat_bits"));
        assert!(with("ext4", &|request| request.sector_size = Some(4096)).contains("sector_size"));
    }
}
