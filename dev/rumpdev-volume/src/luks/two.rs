//! The header of LUKS 2: 4 KiB with a checksum, and JSON behind them; all of it twice. The copy of the higher sequence number
//! counts.

use super::derive::{Derivation, Hash};
use super::{Digest, Encryption, Header, MAGIC, SECTOR, Segment, Slot};
use crate::bytes::{read_if_there, text};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use argon2::Algorithm;
use base64::prelude::{BASE64_STANDARD, Engine};
use rump_bytes::{be16, be64};
use rump_kpi::{BlockDevice, KResult};
use serde_json::Value;

const BINARY: usize = 4096;
const SUM: core::ops::Range<usize> = 448..512;
const SECOND_MAGIC: &[u8; 6] = b"SKUL\xba\xbe";
/// Lengths that a header may have, and so the places where a second one may be: 16 KiB to 4 MiB.
const LENGTHS: core::ops::RangeInclusive<u32> = 14..=22;

/// A copy whose checksum is right.
struct Copy {
    sequence: u64,
    bytes: Vec<u8>,
}

/// The header of a device whose first one has a signature. Errors: EFTYPE, ENOTSUP, EIO.
pub fn read(device: &dyn BlockDevice) -> KResult<Header> {
    let first = copy_at(device, 0, MAGIC)?;
    let second = match &first {
        Some(first) => copy_at(device, first.bytes.len() as u64, SECOND_MAGIC)?,
        None => second(device)?,
    };
    let newest = first.into_iter().chain(second).max_by_key(|copy| copy.sequence);
    match newest {
        Some(copy) => parse(&copy.bytes),
        None => Err(damaged("LUKS 2: neither copy of the header has a right checksum")),
    }
}

/// The header of a device of which only the second one is left. Errors: as [`read`].
pub fn read_second(device: &dyn BlockDevice) -> KResult<Option<Header>> {
    second(device)?.map(|copy| parse(&copy.bytes)).transpose()
}

fn second(device: &dyn BlockDevice) -> KResult<Option<Copy>> {
    for exponent in LENGTHS {
        if let Some(copy) = copy_at(device, 1 << exponent, SECOND_MAGIC)? {
            return Ok(Some(copy));
        }
    }
    Ok(None)
}

/// The copy at a place, if it is one and whole. Errors: EIO.
fn copy_at(device: &dyn BlockDevice, offset: u64, magic: &[u8]) -> KResult<Option<Copy>> {
    let Some(begin) = read_if_there(device, offset, SUM.end)? else { return Ok(None) };
    let len = be64(&begin, 8);
    let is_length = LENGTHS.into_iter().any(|exponent| len == 1 << exponent);
    if !begin.starts_with(magic) || be16(&begin, 6) != 2 || be64(&begin, 256) != offset || !is_length {
        return Ok(None);
    }
    let Some(mut bytes) = read_if_there(device, offset, len as usize)? else { return Ok(None) };
    let Ok(hash) = Hash::parse(&text(&bytes[72..104])) else { return Ok(None) };
    bytes[SUM].fill(0);
    let is_whole = hash.digest(&[&bytes]) == begin[SUM][..hash.len()];
    Ok(is_whole.then(|| Copy { sequence: be64(&bytes, 16), bytes }))
}

fn parse(bytes: &[u8]) -> KResult<Header> {
    let json = &bytes[BINARY..];
    let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
    let json: Value = serde_json::from_slice(&json[..end])
        .map_err(|error| damaged(format!("LUKS 2: the metadata of the header: {error}")))?;
    if let Some(wanted) = json["config"]["requirements"]["mandatory"].as_array() {
        if let Some(wanted) = wanted.first() {
            return Err(unsupported(format!("LUKS 2: {wanted} is needed, which is not known here")));
        }
    }
    let (segments, keyslots) = (numbered(&json["segments"]), numbered(&json["keyslots"]));
    let mut slots = Vec::new();
    for digest in numbered(&json["digests"]) {
        let opens = |key: &str| {
            let names = digest.1["keyslots"].as_array();
            names.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(key)))
        };
        let is_used = digest.1["segments"].as_array().is_some_and(|segments| !segments.is_empty());
        for (_, keyslot) in keyslots.iter().filter(|(name, _)| is_used && opens(name)) {
            // One of a kind that is not known here does not hinder the others.
            slots.extend(slot(keyslot, digest.1));
        }
    }
    Ok(Header {
        version: 2,
        uuid: text(&bytes[168..208]),
        label: text(&bytes[24..72]),
        segments: segments.into_iter().map(|(_, value)| segment(value)).collect::<KResult<_>>()?,
        slots,
    })
}

/// Members of an object by their numbers, with the names.
fn numbered(object: &Value) -> Vec<(&str, &Value)> {
    let members = object.as_object().into_iter().flatten();
    let mut members: Vec<_> = members.map(|(name, value)| (name.as_str(), value)).collect();
    members.sort_by_key(|(name, _)| name.parse::<u32>().unwrap_or(u32::MAX));
    members
}

/// A number that is written as text, as those of 64 bits are.
fn number(value: &Value) -> KResult<u64> {
    let number = value.as_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| damaged(format!("LUKS 2: {value} where there should be a number")))
}

fn small(value: &Value) -> KResult<u32> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| damaged(format!("LUKS 2: {value} where there should be a number")))
}

fn string(value: &Value) -> KResult<&str> {
    value.as_str().ok_or_else(|| damaged(format!("LUKS 2: {value} where there should be a text")))
}

fn bytes_of(value: &Value) -> KResult<Vec<u8>> {
    BASE64_STANDARD.decode(string(value)?).map_err(|_| damaged(format!("LUKS 2: {value} is no base64")))
}

fn segment(value: &Value) -> KResult<Segment> {
    let size = match string(&value["size"])? {
        "dynamic" => None,
        _ => Some(number(&value["size"])?),
    };
    if value.get("integrity").is_some() {
        let kind = &value["integrity"]["type"];
        return Err(unsupported(format!(
            "LUKS 2: content with checksums ({kind}, dm-integrity) is not read"
        )));
    }
    let encryption = match string(&value["type"])? {
        "linear" => None,
        "crypt" => {
            let sector_bytes = small(&value["sector_size"])? as usize;
            if !sector_bytes.is_power_of_two() || !(512..=4096).contains(&sector_bytes) {
                return Err(damaged(format!("LUKS 2: sectors of {sector_bytes} bytes")));
            }
            let name = String::from(string(&value["encryption"])?);
            Some(Encryption { name, sector_bytes, tweak: number(&value["iv_tweak"])? })
        }
        other => return Err(unsupported(format!("LUKS 2: a segment of type {other:?} is not known here"))),
    };
    let offset = number(&value["offset"])?;
    if offset % SECTOR != 0 || size.is_some_and(|size| size % SECTOR != 0) {
        return Err(damaged("LUKS 2: a segment does not begin and end with a sector"));
    }
    Ok(Segment { offset, size, encryption })
}

fn slot(value: &Value, digest: &Value) -> KResult<Slot> {
    let (area, split) = (&value["area"], &value["af"]);
    let kinds = [(&value["type"], "luks2"), (&area["type"], "raw"), (&split["type"], "luks1")];
    if let Some((found, _)) = kinds.iter().find(|(found, known)| *found != known) {
        return Err(unsupported(format!("LUKS 2: a keyslot of type {found} is not known here")));
    }
    let known = bytes_of(&digest["digest"])?;
    if known.len() < 16 {
        return Err(damaged("LUKS 2: the digest of the key is too short to tell it"));
    }
    Ok(Slot {
        derivation: derivation(&value["kdf"])?,
        encryption: string(&area["encryption"])?.into(),
        encryption_key_bytes: small(&area["key_size"])? as usize,
        offset: number(&area["offset"])?,
        stripes: small(&split["stripes"])? as usize,
        split_hash: Hash::parse(string(&split["hash"])?)?,
        key_bytes: small(&value["key_size"])? as usize,
        digest: Digest { derivation: derivation(digest)?, value: known },
    })
}

fn derivation(value: &Value) -> KResult<Derivation> {
    let salt = bytes_of(&value["salt"])?;
    let algorithm = match string(&value["type"])? {
        "pbkdf2" => {
            let hash = Hash::parse(string(&value["hash"])?)?;
            return Ok(Derivation::Pbkdf2 { hash, iterations: small(&value["iterations"])?, salt });
        }
        "argon2i" => Algorithm::Argon2i,
        "argon2id" => Algorithm::Argon2id,
        other => return Err(unsupported(format!("LUKS 2: keys by {other:?} are not known here"))),
    };
    let (passes, memory_kib, lanes) =
        (small(&value["time"])?, small(&value["memory"])?, small(&value["cpus"])?);
    Ok(Derivation::Argon2 { algorithm, passes, memory_kib, lanes, salt })
}
