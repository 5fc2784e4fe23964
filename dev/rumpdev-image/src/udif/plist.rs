//! The tables of chunks in a property list: the `data` of each member of the array `blkx`.

use crate::damaged;
use alloc::vec::Vec;
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
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(damaged("dmg: a table of chunks is not in base64")),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}
