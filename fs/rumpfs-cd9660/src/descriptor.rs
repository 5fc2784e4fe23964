//! The set of volume descriptors at the beginning of a session.

use crate::error::Error;
use crate::layout::{BootRecord, SECTOR, VolumeDescriptor, kind};
use crate::record::Record;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use rump_kpi::BlockDevice;
use zerocopy::FromBytes;

/// Sectors of a session before its descriptors, which are free for other uses.
pub const SYSTEM_AREA: u64 = 16;
/// Descriptors that are looked at.
const MOST: u64 = 16;
const SIGNATURE: &[u8; 5] = b"CD001";
/// What El Torito calls itself.
const EL_TORITO: &[u8] = b"EL TORITO SPECIFICATION";
/// The escape sequences that make a supplementary descriptor one of Joliet, one for each level.
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];
/// Version of a supplementary descriptor that makes it an enhanced one.
const ENHANCED: u8 = 2;

/// A volume as one descriptor shows it.
#[derive(Clone)]
pub struct Descriptor {
    raw: VolumeDescriptor,
    /// Block of the root directory.
    pub root_block: u64,
    /// log2 of the size of a block.
    pub block_bits: u32,
}

/// The descriptors of a session.
#[derive(Clone)]
pub struct Descriptors {
    /// Plain ISO 9660.
    pub primary: Descriptor,
    /// Joliet.
    pub joliet: Option<Descriptor>,
    /// ISO 9660:1999.
    pub enhanced: Option<Descriptor>,
    /// Whether there is a boot catalogue.
    pub is_bootable: bool,
}

impl Descriptors {
    /// Reads the descriptors of the session that begins at sector `start`; `None` if there is no signature. Errors:
    /// EFTYPE, EIO.
    pub fn read(device: &dyn BlockDevice, start: u64) -> Result<Option<Self>, Error> {
        let first = start.saturating_add(SYSTEM_AREA);
        let count = (device.size_bytes() / SECTOR).saturating_sub(first).min(MOST);
        let mut bytes = vec![0; (count * SECTOR) as usize];
        device.read_at(first * SECTOR * count.min(1), &mut bytes)?;
        let sectors = (first..).map(|sector| sector * SECTOR).zip(bytes.chunks_exact(SECTOR as usize));
        let signed = sectors.filter(|(_, sector)| sector[1..6] == *SIGNATURE);
        let (mut seen, mut primary, mut joliet, mut enhanced) = (false, None, None, None);
        let mut is_bootable = false;
        for (at, sector) in signed {
            seen = true;
            match sector[0] {
                kind::TERMINATOR => break,
                kind::BOOT_RECORD => is_bootable |= is_el_torito(sector),
                kind::PRIMARY if primary.is_none() => primary = Some(Descriptor::parse(at, sector)),
                // A damaged descriptor that is not needed hides nothing.
                kind::SUPPLEMENTARY => match Descriptor::parse(at, sector) {
                    Ok(found) if found.is_joliet() => joliet = joliet.or(Some(found)),
                    Ok(found) if found.raw.version == ENHANCED => enhanced = enhanced.or(Some(found)),
                    _ => {}
                },
                _ => {}
            }
        }
        match primary.transpose()? {
            Some(primary) => Ok(Some(Self { primary, joliet, enhanced, is_bootable })),
            None if !seen => Ok(None),
            None => {
                let at = first * SECTOR;
                Err(Error::corrupt("volume descriptors", at, "there is none of the primary volume"))
            }
        }
    }

    /// The label: of Joliet if it has one, since that is the longer and the one people wrote.
    pub fn label(&self) -> String {
        let joliet = self.joliet.as_ref().map(Descriptor::joliet_label).unwrap_or_default();
        if joliet.is_empty() { self.primary.label() } else { joliet }
    }
}

impl Descriptor {
    fn parse(at: u64, sector: &[u8]) -> Result<Self, Error> {
        let wrong = |why| Error::corrupt("volume descriptor", at, why);
        let (raw, _) =
            VolumeDescriptor::read_from_prefix(sector).map_err(|_| wrong("cut short".to_string()))?;
        let block_size = raw.block_size.get();
        if !matches!(block_size, 512 | 1024 | 2048) {
            return Err(wrong(format!("blocks of {block_size} bytes")));
        }
        let root = Record::parse(at, &raw.root)?;
        let (root_block, block_bits) = (root.block(), block_size.trailing_zeros());
        Ok(Self { root_block, block_bits, raw })
    }

    fn is_joliet(&self) -> bool {
        JOLIET.iter().any(|sequence| self.raw.escape_sequences.starts_with(sequence))
    }

    /// Size of the volume in blocks, counted from the beginning of its session.
    pub fn blocks(&self) -> u64 {
        self.raw.space_size.get().into()
    }

    /// Size of the volume in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.blocks() << self.block_bits
    }

    /// The label, without the spaces that fill its field.
    fn label(&self) -> String {
        trimmed(&String::from_utf8_lossy(&self.raw.volume_identifier))
    }

    fn joliet_label(&self) -> String {
        let units = self.raw.volume_identifier.chunks_exact(2);
        let units = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
        trimmed(&letters.collect::<String>())
    }

    /// The date of the last change, else of the creation, as `2026-11-25-17-18-55-00`: what identifies a volume for
    /// want of anything better. Empty where neither is set.
    pub fn uuid(&self) -> String {
        [&self.raw.modification, &self.raw.creation]
            .into_iter()
            .find(|date| date[..16].iter().any(|&digit| digit != b'0') || date[16] != 0)
            .filter(|date| date[..16].iter().all(u8::is_ascii_digit))
            .map(|date| {
                let digits = String::from_utf8_lossy(&date[..16]);
                let parts = [0..4, 4..6, 6..8, 8..10, 10..12, 12..14, 14..16];
                parts.map(|part| digits[part].to_string()).join("-")
            })
            .unwrap_or_default()
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches([' ', '\0']).to_string()
}

fn is_el_torito(sector: &[u8]) -> bool {
    BootRecord::ref_from_prefix(sector)
        .is_ok_and(|(record, _)| record.boot_system_identifier.starts_with(EL_TORITO))
}
