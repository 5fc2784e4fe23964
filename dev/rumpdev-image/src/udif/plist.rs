//! The tables of chunks in a property list: the `data` of each member of the array `blkx`.

use crate::damaged;
use alloc::vec::Vec;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use rump_kpi::KResult;

/// The tables, from their base64. Errors of each: EFTYPE.
pub fn tables(list: &str) -> impl Iterator<Item = KResult<Vec<u8>>> {
    let blocks = list.split_once("<key>blkx</key>").map_or("", |(_, rest)| rest);
    let blocks = blocks.split_once("</array>").map_or("", |(blocks, _)| blocks);
    let data = blocks.split("<data>").skip(1).filter_map(|rest| rest.split_once("</data>"));
    data.map(|(text, _)| decode(text))
}

/// Base64 with white space anywhere.
fn decode(text: &str) -> KResult<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let relaxed = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, relaxed);
    engine.decode(letters).map_err(|_| damaged("dmg: a table of chunks is not in base64"))
}
