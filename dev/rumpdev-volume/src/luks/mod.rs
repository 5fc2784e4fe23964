//! LUKS: a header with slots, each of which hides the key of the volume behind a passphrase, and the encrypted volume.
//!
//! References: "LUKS On-Disk Format Specification" 1.2.3 (`one`), "LUKS2 On-Disk Format Specification" 1.1 (`two`).
//! Slots of both are alike: a key is derived of the passphrase (`derive`), the material of the slot is decrypted with it
//! (`cipher`) and merged (`split`), and a digest tells whether the outcome is the key of the volume.

mod cipher;
mod derive;
mod device;
mod one;
mod split;
mod two;

pub use derive::Effort;

use crate::bytes::{read, read_if_there};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use cipher::Cipher;
use derive::{Derivation, Hash};
use rump_bytes::be16;
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use zeroize::Zeroizing;

/// The unit of offsets, and of the numbers that sectors are encrypted with.
const SECTOR: u64 = 512;
const MAGIC: &[u8; 6] = b"LUKS\xba\xbe";

/// Longest key of a volume in bytes, and most parts that one is split into: twice what cryptsetup makes.
const LONGEST_KEY: usize = 1024;
const MOST_STRIPES: usize = 8000;

/// A header.
#[derive(Clone, Debug)]
pub struct Header {
    /// 1 or 2.
    pub version: u16,
    /// As it is written in the header.
    pub uuid: String,
    /// Empty where there is none.
    pub label: String,
    segments: Vec<Segment>,
    slots: Vec<Slot>,
}

/// A run of the volume.
#[derive(Clone, Debug)]
struct Segment {
    /// Where it is on the device, in bytes.
    offset: u64,
    /// Its length in bytes; to the end of the device where this is `None`.
    size: Option<u64>,
    /// How it is encrypted, if it is.
    encryption: Option<Encryption>,
}

#[derive(Clone, Debug)]
struct Encryption {
    /// As `aes-xts-plain64`.
    name: String,
    /// Bytes that are encrypted at once.
    sector_bytes: usize,
    /// What is added to numbers of sectors.
    tweak: u64,
}

/// Something that a passphrase opens.
#[derive(Clone, Debug)]
struct Slot {
    derivation: Derivation,
    /// How its material is encrypted, and with how long a key.
    encryption: String,
    encryption_key_bytes: usize,
    /// Where the material is, in bytes.
    offset: u64,
    stripes: usize,
    split_hash: Hash,
    /// Length of the volume's key.
    key_bytes: usize,
    /// What tells the volume's key.
    digest: Digest,
}

#[derive(Clone, Debug)]
struct Digest {
    derivation: Derivation,
    value: Vec<u8>,
}

/// The key of a volume.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Header {
    /// The header of a device whose first copy of it is lost altogether, if there is a second one. That may be in any of nine
    /// places: ask where nothing else is known. Errors: as [`Header::read`].
    pub fn read_second(device: &dyn BlockDevice) -> KResult<Option<Self>> {
        two::read_second(device)
    }

    /// The header at the begin of a device, or `None` where this is not one. Errors: EFTYPE, ENOTSUP, EIO.
    pub fn read(device: &dyn BlockDevice) -> KResult<Option<Self>> {
        let begin = read_if_there(device, 0, one::LENGTH)?.unwrap_or_default();
        if !begin.starts_with(MAGIC) {
            return Ok(None);
        }
        match be16(&begin, 6) {
            1 => one::parse(&begin).map(Some),
            2 => two::read(device).map(Some),
            other => Err(unsupported(format!("LUKS version {other} is not known here"))),
        }
    }

    /// How content is encrypted, as `aes-xts-plain64`.
    pub fn encryption(&self) -> &str {
        let encryption = self.segments.iter().find_map(|segment| segment.encryption.as_ref());
        encryption.map_or("not encrypted", |encryption| &encryption.name)
    }

    /// How keys are derived in the slots, each way once.
    pub fn derivations(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.slots.iter().map(|slot| slot.derivation.name()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What keys cost in the slots, each cost once, as `argon2id, 4 times over 1024 MiB`.
    pub fn costs(&self) -> Vec<String> {
        let mut costs: Vec<_> = self.slots.iter().map(|slot| slot.derivation.cost()).collect();
        costs.sort_unstable();
        costs.dedup();
        costs
    }

    /// The volume in `device`, which has this header, or whose header this is if it lies elsewhere. Errors: ENOTSUP, EFTYPE.
    pub fn open(&self, device: Arc<dyn BlockDevice>, key: &Key) -> KResult<Arc<dyn BlockDevice>> {
        device::open(device, &self.segments, &key.0)
    }

    /// The key of the volume, by a slot of this header, which is on `device`. Slots that ask for more than `effort` are not tried.
    ///
    /// # Errors
    /// EACCES (no slot opens with this secret), E2BIG (one that asks for more), ENOMEM, ENOTSUP, EFTYPE, EIO.
    pub fn key(&self, device: &dyn BlockDevice, secret: &[u8], effort: &Effort) -> KResult<Key> {
        // What hinders a slot is told if no other one opens.
        let mut hindrance = None;
        for slot in &self.slots {
            match slot.open(device, secret, effort) {
                Ok(Some(key)) => return Ok(Key(key)),
                Ok(None) => {}
                Err(error) => hindrance = Some(error),
            }
        }
        let refusal = match self.slots.is_empty() {
            true => "LUKS: there is no keyslot that a passphrase opens",
            false => "LUKS: no keyslot opens with this passphrase or key",
        };
        Err(hindrance.unwrap_or_else(|| KError::new(Errno::EACCES, refusal)))
    }
}

impl Slot {
    /// The key of the volume, or `None` if the secret is not the one. Errors: E2BIG, ENOMEM, ENOTSUP, EFTYPE, EIO.
    fn open(
        &self,
        device: &dyn BlockDevice,
        secret: &[u8],
        effort: &Effort,
    ) -> KResult<Option<Zeroizing<Vec<u8>>>> {
        let len = self.key_bytes.checked_mul(self.stripes).unwrap_or(0);
        if len == 0 || self.key_bytes > LONGEST_KEY || self.stripes > MOST_STRIPES {
            return Err(damaged(format!(
                "LUKS: a keyslot with a key of {} bytes in {} stripes",
                self.key_bytes, self.stripes
            )));
        }
        if self.encryption_key_bytes > LONGEST_KEY {
            return Err(damaged("LUKS: the key of a keyslot is too long"));
        }
        let slot_key = self.derivation.derive(secret, self.encryption_key_bytes, effort)?;
        let cipher = Cipher::new(&self.encryption, &slot_key)?;
        let whole = len.next_multiple_of(SECTOR as usize);
        let mut material = Zeroizing::new(read(device, self.offset, whole, "material of a keyslot")?);
        for (number, sector) in (0..).zip(material.chunks_exact_mut(SECTOR as usize)) {
            cipher.decrypt(number, sector);
        }
        let key = split::merge(&material[..len], self.key_bytes, self.split_hash);
        let found = self.digest.derivation.derive(&key, self.digest.value.len(), effort)?;
        Ok((*found == self.digest.value).then_some(key))
    }
}
