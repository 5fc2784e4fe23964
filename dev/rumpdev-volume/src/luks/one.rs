//! The header of LUKS 1: 592 bytes, big-endian, with eight slots.

use super::derive::{Derivation, Hash};
use super::{Digest, Encryption, Header, SECTOR, Segment, Slot};
use crate::bytes::text;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_bytes::be32;
use rump_kpi::KResult;

/// Length of it in bytes.
pub const LENGTH: usize = 592;
const SLOTS_AT: usize = 208;
const SLOT_BYTES: usize = 48;
const ACTIVE: u32 = 0x00ac_71f3;

/// The header in [`LENGTH`] bytes. Errors: ENOTSUP (a hash).
pub fn parse(bytes: &[u8]) -> KResult<Header> {
    let hash = Hash::parse(&text(&bytes[72..104]))?;
    let name = format!("{}-{}", text(&bytes[8..40]), text(&bytes[40..72]));
    let key_bytes = be32(bytes, 108) as usize;
    let derivation = |salt: &[u8], iterations| Derivation::Pbkdf2 { hash, iterations, salt: salt.into() };
    let digest =
        Digest { derivation: derivation(&bytes[132..164], be32(bytes, 164)), value: bytes[112..132].into() };
    let slot = |slot: &[u8]| Slot {
        derivation: derivation(&slot[8..40], be32(slot, 4)),
        encryption: name.clone(),
        encryption_key_bytes: key_bytes,
        offset: u64::from(be32(slot, 40)) * SECTOR,
        stripes: be32(slot, 44) as usize,
        split_hash: hash,
        key_bytes,
        digest: digest.clone(),
    };
    let slots: Vec<Slot> = bytes[SLOTS_AT..LENGTH]
        .chunks_exact(SLOT_BYTES)
        .filter(|bytes| be32(bytes, 0) == ACTIVE)
        .map(slot)
        .collect();
    let encryption = Encryption { name: name.clone(), sector_bytes: SECTOR as usize, tweak: 0 };
    let offset = u64::from(be32(bytes, 104)) * SECTOR;
    let segment = Segment { offset, size: None, encryption: Some(encryption) };
    Ok(Header {
        version: 1,
        uuid: text(&bytes[168..208]),
        label: String::new(),
        segments: [segment].into(),
        slots,
    })
}
