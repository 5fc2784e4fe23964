//! Making file systems: what can be asked of every format, and the table of those that can be made.
//!
//! A format is made on any [`BlockDevice`]; [`plan`] makes it on one that forgets, to learn what it will be like.

use rump_kpi::{BlockDevice, Errno, KError, KResult, TimeSpec};
use rumpfs_ext2fs::mkfs as ext;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use ext::{Inodes, Owner, Summary, Zeroed};

/// What the maker of a format is told. `None`, and an empty text, stand for the default of the format; what a
/// format does not have is refused by name.
#[derive(Clone, Debug)]
pub struct Request {
    /// Length in bytes.
    pub size_bytes: u64,
    /// Volume label.
    pub label: String,
    /// Identifier.
    pub uuid: [u8; 16],
    /// What makes hashes of names hard to guess.
    pub hash_seed: [u8; 16],
    /// The time of everything.
    pub now: TimeSpec,
    /// Size of a block.
    pub block_size: Option<u32>,
    /// Size of an inode.
    pub inode_size: Option<u16>,
    /// How many inodes.
    pub inodes: Inodes,
    /// Percent of the space that only the superuser may take.
    pub reserved_percent: u8,
    /// Changes to the features, as the usual tool of the format takes them.
    pub features: String,
    /// Length of the journal.
    pub journal_bytes: Option<u64>,
    /// The root directory.
    pub root: Owner,
    /// What the device holds.
    pub zeroed: Zeroed,
}

impl Request {
    /// Defaults for a volume of `size_bytes`.
    pub fn new(size_bytes: u64, uuid: [u8; 16], hash_seed: [u8; 16], now: TimeSpec) -> Self {
        Self {
            size_bytes,
            label: String::new(),
            uuid,
            hash_seed,
            now,
            block_size: None,
            inode_size: None,
            inodes: Inodes::Default,
            reserved_percent: 5,
            features: String::new(),
            journal_bytes: None,
            root: Owner { uid: 0, gid: 0, mode: 0o755 },
            zeroed: Zeroed::No,
        }
    }
}

type Make = fn(&dyn BlockDevice, &Request) -> KResult<Summary>;

const FORMATS: &[(&str, Make)] = &[
    ("ext2", |device, request| ext::format(device, &ext_options(ext::Kind::Ext2, request))),
    ("ext3", |device, request| ext::format(device, &ext_options(ext::Kind::Ext3, request))),
    ("ext4", |device, request| ext::format(device, &ext_options(ext::Kind::Ext4, request))),
];

fn ext_options(kind: ext::Kind, request: &Request) -> ext::Options {
    ext::Options {
        label: request.label.clone(),
        block_size: request.block_size,
        inode_size: request.inode_size,
        inodes: request.inodes,
        reserved_percent: request.reserved_percent,
        features: request.features.clone(),
        journal_bytes: request.journal_bytes,
        root: request.root,
        zeroed: request.zeroed,
        ..ext::Options::new(kind, request.size_bytes, request.uuid, request.hash_seed, request.now)
    }
}

/// Names of the formats that can be made.
pub fn formats() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|(name, _)| *name)
}

/// Makes the format of this name at the beginning of `device`; what that held is lost, even if this fails.
///
/// Errors: ENODEV (no such format), those of the format.
pub fn make(format: &str, device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    let Some((_, make)) = FORMATS.iter().find(|(name, _)| *name == format) else {
        let known: Vec<&str> = formats().collect();
        let text = format!("no format {format} can be made (there are: {})", known.join(", "));
        return Err(KError::new(Errno::ENODEV, text));
    };
    make(device, request)
}

/// What [`make`] would answer.
///
/// Errors: as [`make`].
pub fn plan(format: &str, request: &Request) -> KResult<Summary> {
    let request = Request { zeroed: Zeroed::Yes, ..request.clone() };
    make(format, &Forgetful { size: request.size_bytes }, &request)
}

/// A device that reads zeros whatever is written.
struct Forgetful {
    size: u64,
}

impl BlockDevice for Forgetful {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, _offset: u64, buf: &mut [u8]) -> KResult<()> {
        buf.fill(0);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// A device on which nothing has to be durable before [`Unflushed::finish`]: for an image that is worth nothing until
/// it is complete. Who writes much brings that to the disk all the same, so that not all is left to the end: with
/// threads of the kernel's that is beside those who fill the image.
pub struct Unflushed {
    device: Arc<dyn BlockDevice>,
    /// Bytes that were written since.
    unflushed: AtomicUsize,
}

/// What is worth a flush.
const MUCH: usize = 32 << 20;

impl Unflushed {
    /// Wraps `device`.
    pub fn new(device: Arc<dyn BlockDevice>) -> Arc<Self> {
        Arc::new(Self { device, unflushed: AtomicUsize::new(0) })
    }

    /// Makes everything durable. Errors: EIO.
    pub fn finish(&self) -> KResult<()> {
        self.device.flush()
    }
}

impl BlockDevice for Unflushed {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.device.write_at(offset, buf)?;
        let before = self.unflushed.fetch_add(buf.len(), Ordering::Relaxed);
        if before + buf.len() < MUCH {
            return Ok(());
        }
        self.unflushed.store(0, Ordering::Relaxed);
        self.device.flush()
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_tells_what_is_made() {
        let request = Request::new(8 << 20, [1; 16], [2; 16], TimeSpec::default());
        let device = rump_dev::MemDevice::new(vec![0; 8 << 20]);
        let made = make("ext4", &*device, &request).unwrap();
        assert_eq!(plan("ext4", &request).unwrap(), made);
        assert!(made.free_blocks > 0);
    }

    #[test]
    fn an_unknown_format_is_refused_with_those_there_are() {
        let request = Request::new(8 << 20, [1; 16], [2; 16], TimeSpec::default());
        let error = plan("xfs", &request).unwrap_err();
        assert_eq!(error.errno, Errno::ENODEV);
        assert!(error.to_string().contains("ext2, ext3, ext4"), "{error}");
    }
}
