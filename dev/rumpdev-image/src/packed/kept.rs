//! What is kept about a packed file: a head of one block, and behind it an index, or the content.
//!
//! The head says which file it is of: its length, its time, and a sum over its first and last bytes. What is of another
//! file, of the file before it changed, or damaged, is as if it was not there.

use super::feed::Feed;
use super::memory::Memory;
use crate::bytes::read_vec;
use crate::damaged;
use crate::siblings::{Draft, Keeping, Kind, Stamp};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{le32, le64};
use rump_checksum::crc32c;
use rump_kpi::{BlockDevice, KResult};

/// Length of the head.
pub const HEAD: u64 = 4096;
/// How much at both ends of a file is part of its sum.
const ENDS: u64 = 64 << 10;
const HEAD_BYTES: usize = 64;

/// The head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Length of the content, unpacked.
    pub size: u64,
    /// Where the table is.
    pub table: u64,
    /// Its length in bytes.
    pub table_bytes: u64,
    /// Its sum.
    pub table_sum: u32,
}

/// What a file is known by.
pub struct Mark {
    stamp: Stamp,
    ends: u32,
}

impl Mark {
    /// Errors: EIO.
    pub fn of(file: &Arc<dyn BlockDevice>, stamp: Stamp) -> KResult<Self> {
        let size = file.size_bytes();
        let mut ends = !0;
        for (start, end) in [(0, size.min(ENDS)), (size.saturating_sub(ENDS), size)] {
            let mut feed = Feed::new(file.clone(), start, end);
            loop {
                let bytes = feed.fill()?;
                if bytes.is_empty() {
                    break;
                }
                ends = crc32c(ends, bytes);
                let len = bytes.len();
                feed.consume(len);
            }
        }
        Ok(Self { stamp, ends })
    }

    fn head(&self, kind: Kind, head: &Head) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(match kind {
            Kind::Index => b"rumpidx1",
            Kind::Unpacked => b"rumpraw1",
        });
        bytes[8..16].copy_from_slice(&self.stamp.size_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.stamp.mtime.sec.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.stamp.mtime.nsec.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.ends.to_le_bytes());
        bytes[32..40].copy_from_slice(&head.size.to_le_bytes());
        bytes[40..48].copy_from_slice(&head.table.to_le_bytes());
        bytes[48..56].copy_from_slice(&head.table_bytes.to_le_bytes());
        bytes[56..60].copy_from_slice(&head.table_sum.to_le_bytes());
        let sum = crc32c(!0, &bytes[..60]);
        bytes[60..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Writes the head. Errors: ENOSPC, EIO.
    pub fn write(&self, kept: &dyn BlockDevice, kind: Kind, head: &Head) -> KResult<()> {
        crate::table::write_growing(kept, 0, &self.head(kind, head))
    }

    /// The head of what was kept, if it is of this file. Errors: EFTYPE (it is not), EIO.
    pub fn read(&self, kept: &dyn BlockDevice, kind: Kind) -> KResult<Head> {
        let bytes = read_vec(kept, 0, HEAD_BYTES, "head of what was kept")?;
        let head = Head {
            size: le64(&bytes, 32),
            table: le64(&bytes, 40),
            table_bytes: le64(&bytes, 48),
            table_sum: le32(&bytes, 56),
        };
        match self.head(kind, &head)[..] == bytes[..] {
            true => Ok(head),
            false => Err(damaged("what was kept is of another file")),
        }
    }
}

/// Where something is made that is to be kept: in memory, where it cannot be.
pub enum Making {
    Kept(Box<dyn Draft>),
    Memory(Arc<Memory>),
}

/// How much of what cannot be kept there may be.
const MEMORY: u64 = 256 << 20;

impl Making {
    pub fn begin(keeping: Option<&dyn Keeping>, kind: Kind) -> Self {
        match keeping.map(|keeping| keeping.begin(kind)) {
            Some(Ok(draft)) => Self::Kept(draft),
            _ => Self::Memory(Arc::new(Memory::new(Vec::new(), MEMORY as usize))),
        }
    }

    pub fn file(&self) -> Arc<dyn BlockDevice> {
        match self {
            Self::Kept(draft) => draft.file(),
            Self::Memory(memory) => memory.clone(),
        }
    }

    /// How many bytes may be written, and what to do where that is too little.
    pub fn most(&self) -> (u64, &'static str) {
        match self {
            Self::Kept(draft) => (draft.most(), "allow more by RUMP_CACHE_BYTES, or unpack it by hand"),
            Self::Memory(_) => (MEMORY, "nothing can be kept about this file here: unpack it by hand"),
        }
    }

    /// Keeps it, where that is possible: what was made is there in any case. Answers whether it is kept.
    pub fn finish(self) -> bool {
        match self {
            Self::Kept(draft) => draft.finish().is_ok(),
            Self::Memory(_) => false,
        }
    }
}
