//! The header of qcow2, its extensions, and the table of snapshots (QEMU, docs/interop/qcow2.txt: "Header", "Header
//! extensions", "Snapshots"). All numbers are big-endian. What is here is checked once.

use crate::bytes::{read_padded, read_vec};
use crate::siblings::lossy;
use crate::unpack::{Codec, codec_of_qcow2};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_bytes::{be16, be32, be64};
use rump_kpi::{BlockDevice, Errno, KError, KResult};

pub const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Where the header has what a writer changes.
pub const REFCOUNT_TABLE_AT: u64 = 48;
pub const AUTOCLEAR_AT: u64 = 88;

/// Bits of incompatible features.
const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
const KNOWN: u64 = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION | EXTENDED_L2;

/// The feature that a writer who knows of nothing else keeps: guest and host offsets of an external file are equal.
pub const AUTOCLEAR_RAW_EXTERNAL: u64 = 1 << 1;

const EXTENSION_END: u32 = 0;
const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca;
const EXTENSION_FEATURE_NAMES: u32 = 0x6803_f857;
const EXTENSION_DATA_FILE: u32 = 0x4441_5441;

/// Bounds that QEMU has too: of the two tables that are there from the beginning, in bytes, of snapshots, of names.
const L1_BYTES: u64 = 32 << 20;
pub const REFCOUNT_TABLE_BYTES: u64 = 8 << 20;
const SNAPSHOTS: u32 = 65536;
const NAME_BYTES: u32 = 1023;
const EXTENSIONS: usize = 256;
const EXTENSION_BYTES: u32 = 64 << 10;

/// What the header says.
#[derive(Clone, Debug)]
pub struct Header {
    pub version: u32,
    /// log2 of the length of a cluster.
    pub cluster_bits: u32,
    /// Length of the virtual disk in bytes.
    pub size: u64,
    pub l1_offset: u64,
    /// Entries.
    pub l1_size: u64,
    pub refcount_table_offset: u64,
    pub refcount_table_clusters: u32,
    /// log2 of the bits of a reference count.
    pub refcount_order: u32,
    snapshots: u32,
    snapshots_offset: u64,
    incompatible: u64,
    pub autoclear: u64,
    pub codec: Codec,
    pub backing: Option<Vec<u8>>,
    pub backing_format: Option<String>,
    pub data_file: Option<Vec<u8>>,
}

impl Header {
    /// Reads and checks it. Errors: EFTYPE, ENOTSUP (a version, encryption, features), EIO.
    pub fn read(file: &dyn BlockDevice) -> KResult<Self> {
        let mut bytes = [0; 112];
        read_padded(file, 0, &mut bytes)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(damaged("qcow2: the file does not begin as one"));
        }
        let version = be32(&bytes, 4);
        if !matches!(version, 2 | 3) {
            return Err(unsupported(format!("qcow2: version {version} is not known here")));
        }
        match be32(&bytes, 32) {
            0 => {}
            1 => return Err(unsupported("qcow2: encrypted with AES")),
            2 => return Err(unsupported("qcow2: encrypted with LUKS")),
            other => {
                return Err(unsupported(format!("qcow2: encrypted by a method that is not known ({other})")));
            }
        }
        let cluster_bits = be32(&bytes, 20);
        if !(9..=21).contains(&cluster_bits) {
            return Err(damaged(format!("qcow2: clusters of 2^{cluster_bits} bytes")));
        }
        let is_old = version == 2;
        let length = if is_old { 72 } else { be32(&bytes, 100) };
        if !(is_old || (104..=1 << cluster_bits).contains(&length) && length % 8 == 0) {
            return Err(damaged(format!("qcow2: a header of {length} bytes")));
        }
        let later = |value: u64| if is_old { 0 } else { value };
        let mut header = Self {
            version,
            cluster_bits,
            size: be64(&bytes, 24),
            l1_size: be32(&bytes, 36).into(),
            l1_offset: be64(&bytes, 40),
            refcount_table_offset: be64(&bytes, 48),
            refcount_table_clusters: be32(&bytes, 56),
            refcount_order: if is_old { 4 } else { be32(&bytes, 96) },
            snapshots: be32(&bytes, 60),
            snapshots_offset: be64(&bytes, 64),
            incompatible: later(be64(&bytes, 72)),
            autoclear: later(be64(&bytes, 88)),
            codec: Codec::Deflate,
            backing: None,
            backing_format: None,
            data_file: None,
        };
        let (name_at, name_bytes) = (be64(&bytes, 8), be32(&bytes, 16));
        let end = if name_at == 0 { 1 << cluster_bits } else { name_at.min(1 << cluster_bits) };
        let names = header.read_extensions(file, length.into(), end)?;
        header.check_features(&names)?;
        if header.incompatible & COMPRESSION != 0 && length > 104 {
            header.codec = codec_of_qcow2(bytes[104])?;
        }
        if name_at != 0 && name_bytes != 0 {
            if name_bytes > NAME_BYTES {
                return Err(damaged(format!("qcow2: a backing file's name of {name_bytes} bytes")));
            }
            header.backing = Some(read_vec(file, name_at, name_bytes as usize, "backing file's name")?);
        }
        header.check()?;
        Ok(header)
    }

    /// Reads the extensions; answers the table of feature names.
    fn read_extensions(&mut self, file: &dyn BlockDevice, mut at: u64, end: u64) -> KResult<Vec<u8>> {
        let mut names = Vec::new();
        for _ in 0..EXTENSIONS {
            if at + 8 > end {
                break;
            }
            let mut head = [0; 8];
            read_padded(file, at, &mut head)?;
            let (kind, len) = (be32(&head, 0), be32(&head, 4));
            at += 8;
            if kind == EXTENSION_END {
                break;
            }
            if at + u64::from(len) > end {
                return Err(damaged(format!(
                    "qcow2: extension {kind:#x} of {len} bytes ends beyond the header"
                )));
            }
            let is_wanted =
                matches!(kind, EXTENSION_BACKING_FORMAT | EXTENSION_FEATURE_NAMES | EXTENSION_DATA_FILE);
            if is_wanted {
                if len > EXTENSION_BYTES {
                    return Err(damaged(format!("qcow2: extension {kind:#x} of {len} bytes")));
                }
                let bytes = read_vec(file, at, len as usize, "header extension")?;
                match kind {
                    EXTENSION_BACKING_FORMAT => self.backing_format = Some(lossy(&bytes)),
                    EXTENSION_DATA_FILE => self.data_file = Some(bytes),
                    _ => names = bytes,
                }
            }
            at += u64::from(len).next_multiple_of(8);
        }
        Ok(names)
    }

    fn check_features(&self, names: &[u8]) -> KResult<()> {
        let unknown = self.incompatible & !KNOWN;
        if unknown == 0 {
            return Ok(());
        }
        let named: Vec<String> =
            (0..64).filter(|bit| unknown >> bit & 1 != 0).map(|bit| feature_name(names, bit)).collect();
        Err(unsupported(format!("qcow2: needs what is not known here: {}", named.join(", "))))
    }

    fn check(&self) -> KResult<()> {
        let cluster = self.cluster_size();
        if self.refcount_order > 6 {
            return Err(damaged(format!("qcow2: reference counts of 2^{} bits", self.refcount_order)));
        }
        if self.has_subclusters() && self.cluster_bits < 14 {
            return Err(damaged(format!("qcow2: subclusters in clusters of {cluster} bytes")));
        }
        self.check_l1(self.l1_offset, self.l1_size)?;
        let table = u64::from(self.refcount_table_clusters) * cluster;
        if self.refcount_table_offset % cluster != 0 || table > REFCOUNT_TABLE_BYTES.max(cluster) {
            return Err(damaged("qcow2: the table of reference counts is where or what it cannot be"));
        }
        if self.has_external_data() && self.data_file.is_none() {
            return Err(damaged("qcow2: the data is in another file, which is not named"));
        }
        Ok(())
    }

    fn check_l1(&self, offset: u64, entries: u64) -> KResult<()> {
        let covered = u128::from(entries) << (self.cluster_bits + self.l2_bits());
        if entries * 8 > L1_BYTES || covered < u128::from(self.size) || offset % self.cluster_size() != 0 {
            return Err(damaged(format!(
                "qcow2: a first table of {entries} entries at {offset} for a disk of {} bytes",
                self.size
            )));
        }
        Ok(())
    }

    /// The same image as it was at the snapshot of this name or number. Errors: ENOENT, EFTYPE, EIO.
    pub fn at_snapshot(mut self, file: &dyn BlockDevice, wanted: &str) -> KResult<Self> {
        let mut at = self.snapshots_offset;
        let mut known = Vec::new();
        for _ in 0..self.snapshots.min(SNAPSHOTS) {
            let head = read_vec(file, at, 40, "table of snapshots")?;
            let (extra, id_bytes, name_bytes) = (be32(&head, 36), be16(&head, 12), be16(&head, 14));
            if extra > EXTENSION_BYTES {
                return Err(damaged(format!("qcow2: a snapshot with {extra} bytes besides")));
            }
            let len = extra as usize + usize::from(id_bytes) + usize::from(name_bytes);
            let rest = read_vec(file, at + 40, len, "table of snapshots")?;
            let (extra, texts) = rest.split_at(extra as usize);
            let (id, name) = texts.split_at(id_bytes.into());
            if name == wanted.as_bytes() || id == wanted.as_bytes() {
                if extra.len() >= 16 {
                    self.size = be64(extra, 8);
                }
                (self.l1_offset, self.l1_size) = (be64(&head, 0), be32(&head, 8).into());
                self.check_l1(self.l1_offset, self.l1_size)?;
                return Ok(self);
            }
            if known.len() < 20 {
                known.push(lossy(name));
            }
            at += (40 + len as u64).next_multiple_of(8);
        }
        let there = if known.is_empty() { "there are none".into() } else { known.join(", ") };
        Err(KError::new(Errno::ENOENT, format!("no snapshot {wanted}: {there}")))
    }

    /// Why it is not to be written, if so.
    pub fn refusal(&self) -> Option<&'static str> {
        if self.incompatible & CORRUPT != 0 {
            return Some("qcow2: marked as corrupt, so it is not written: qemu-img check -r all mends it");
        }
        let is_dirty = self.incompatible & DIRTY != 0;
        is_dirty.then_some(
            "qcow2: its counts are not up to date, so it is not written: qemu-img check -r all mends it",
        )
    }

    /// Marks that readers may want to know of.
    pub fn marks(&self) -> Vec<&'static str> {
        let marks = [(DIRTY, "dirty"), (CORRUPT, "corrupt")];
        marks.into_iter().filter(|(bit, _)| self.incompatible & bit != 0).map(|(_, mark)| mark).collect()
    }

    pub fn cluster_size(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// log2 of the entries of a second table.
    pub fn l2_bits(&self) -> u32 {
        self.cluster_bits - self.l2_entry_bits()
    }

    /// log2 of the bytes of an entry of a second table.
    pub fn l2_entry_bits(&self) -> u32 {
        if self.has_subclusters() { 4 } else { 3 }
    }

    pub fn has_subclusters(&self) -> bool {
        self.incompatible & EXTENDED_L2 != 0
    }

    pub fn has_external_data(&self) -> bool {
        self.incompatible & EXTERNAL_DATA != 0
    }
}

/// The name of an incompatible feature: a table of bytes that say kind and bit, each before 46 bytes of name.
fn feature_name(table: &[u8], bit: u8) -> String {
    let entry = table.chunks_exact(48).find(|entry| entry[0] == 0 && entry[1] == bit);
    match entry {
        Some(entry) => {
            let name = &entry[2..];
            lossy(&name[..name.iter().position(|byte| *byte == 0).unwrap_or(name.len())])
        }
        None => format!("feature {bit}"),
    }
}
