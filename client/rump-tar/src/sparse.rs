//! Where the data of a file with holes lies: the four ways that GNU tar has written it.

use crate::header::{BLOCK, Header, number};
use crate::pax::{self, decimal};
use std::io::{self, Read};
use std::ops::Range;

/// A map with more parts than this is refused: it would be larger than any real one.
const MAX_PARTS: usize = 1 << 22;

/// Where the parts are in a header of GNU's own kind, how many fit, and what follows them.
const OLD_PARTS: usize = 386;
const OLD_COUNT: usize = 4;
const OLD_MORE: usize = 482;
const OLD_SIZE: usize = 483;
/// The same of the blocks that go on.
const MORE_COUNT: usize = 21;
const MORE_FLAG: usize = 504;
const PART: usize = 24;

/// The parts, and the length of the file with its holes.
#[derive(Debug, PartialEq, Eq)]
pub struct Map {
    /// In order and apart.
    pub parts: Vec<Range<u64>>,
    /// Length of the file.
    pub size: u64,
}

impl Map {
    /// Checks parts that are `(offset, length)`, whose data are `stored` bytes long. Errors: what is wrong.
    pub fn new(pairs: &[(u64, u64)], size: u64, stored: u64) -> Result<Self, &'static str> {
        let (mut parts, mut end, mut sum) = (Vec::new(), 0, 0_u64);
        for &(offset, length) in pairs {
            let after = offset.checked_add(length).filter(|&after| offset >= end && after <= size);
            end = after.ok_or("the map of its holes is damaged")?;
            sum = sum.saturating_add(length);
            if length > 0 {
                parts.push(offset..end);
            }
        }
        if sum == stored {
            Ok(Self { parts, size })
        } else {
            Err("the map of its holes does not fit its data")
        }
    }
}

/// Offset and length of each part, as they were read.
pub type Pairs = Vec<(u64, u64)>;

/// What a header of GNU's own kind says.
pub struct Old {
    /// The parts.
    pub pairs: Pairs,
    /// Length of the file.
    pub size: u64,
    /// Bytes of the blocks behind the header that went on with it.
    pub read: u64,
}

/// The map of an old header; what goes on in blocks behind it is read from `input`.
pub fn of_header(header: &Header, input: &mut dyn Read) -> io::Result<Old> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the map of its holes is damaged");
    let size = number(&header.0[OLD_SIZE..OLD_SIZE + 12]).and_then(|size| u64::try_from(size).ok());
    let size = size.ok_or_else(broken)?;
    let mut pairs = Vec::new();
    read_parts(&header.0[OLD_PARTS..OLD_PARTS + OLD_COUNT * PART], &mut pairs).ok_or_else(broken)?;
    let (mut more, mut read) = (header.0[OLD_MORE] != 0, 0);
    while more {
        let mut block = [0; BLOCK];
        input.read_exact(&mut block)?;
        read += BLOCK as u64;
        read_parts(&block[..MORE_COUNT * PART], &mut pairs).ok_or_else(broken)?;
        more = block[MORE_FLAG] != 0;
        if pairs.len() > MAX_PARTS {
            return Err(broken());
        }
    }
    Ok(Old { pairs, size, read })
}

fn read_parts(bytes: &[u8], pairs: &mut Pairs) -> Option<()> {
    for part in bytes.chunks_exact(PART) {
        if part[0] == 0 {
            break;
        }
        let (offset, length) = part.split_at(PART / 2);
        pairs.push((u64::try_from(number(offset)?).ok()?, u64::try_from(number(length)?).ok()?));
    }
    Some(())
}

/// What extended headers say of holes.
#[derive(Debug, Default)]
pub struct Records {
    /// `GNU.sparse.major` and `minor`.
    version: (u64, u64),
    pairs: Pairs,
    offset: Option<u64>,
    is_sparse: bool,
    /// Length of the file with its holes.
    pub size: Option<u64>,
    /// The real name.
    pub name: Option<Vec<u8>>,
}

impl Records {
    /// Takes a record whose key begins with `GNU.sparse.`. Errors: what is wrong.
    pub fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let number = || decimal(value).ok_or("the map of its holes is damaged");
        self.is_sparse = true;
        match key {
            b"major" => self.version.0 = number()?,
            b"minor" => self.version.1 = number()?,
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => self.size = Some(number()?),
            b"offset" => self.offset = Some(number()?),
            b"numbytes" => {
                let offset = self.offset.take().ok_or("the map of its holes is damaged")?;
                self.push(offset, number()?)?;
            }
            b"map" => {
                let mut numbers = value.split(|&byte| byte == b',').map(decimal);
                while let Some(offset) = numbers.next() {
                    let (Some(offset), Some(Some(length))) = (offset, numbers.next()) else {
                        return Err("the map of its holes is damaged");
                    };
                    self.push(offset, length)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, offset: u64, length: u64) -> Result<(), &'static str> {
        if self.pairs.len() >= MAX_PARTS {
            return Err("the map of its holes is too long");
        }
        self.pairs.push((offset, length));
        Ok(())
    }

    /// Whether the file has holes, and a map in front of its data.
    pub fn map_is_in_data(&self) -> bool {
        self.is_sparse && self.version.0 == 1
    }

    /// The pairs, if the file has holes and the headers say all.
    pub fn pairs(&self) -> Option<&[(u64, u64)]> {
        (self.is_sparse && self.version.0 == 0).then_some(&*self.pairs)
    }
}

/// Reads the map in front of the data (version 1.0): decimal numbers on lines, then zeros to the end of the block.
/// Answers also how many bytes were read.
pub fn of_data(input: &mut dyn Read, limit: u64) -> io::Result<(Pairs, u64)> {
    let mut lines = Lines { input, block: [0; BLOCK], at: BLOCK, read: 0, limit };
    let count = lines.number()?;
    if count > MAX_PARTS as u64 {
        return Err(lines.broken());
    }
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push((lines.number()?, lines.number()?));
    }
    Ok((pairs, lines.read))
}

struct Lines<'a> {
    input: &'a mut dyn Read,
    block: [u8; BLOCK],
    at: usize,
    read: u64,
    limit: u64,
}

impl Lines<'_> {
    fn number(&mut self) -> io::Result<u64> {
        let mut value: u64 = 0;
        for length in 0..21 {
            match self.byte()? {
                b'\n' if length > 0 => return Ok(value),
                digit @ b'0'..=b'9' => {
                    let next =
                        value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
                    value = next.ok_or_else(|| self.broken())?;
                }
                _ => return Err(self.broken()),
            }
        }
        Err(self.broken())
    }

    fn byte(&mut self) -> io::Result<u8> {
        if self.at == BLOCK {
            if self.read + BLOCK as u64 > self.limit {
                return Err(self.broken());
            }
            self.input.read_exact(&mut self.block)?;
            (self.at, self.read) = (0, self.read + BLOCK as u64);
        }
        self.at += 1;
        Ok(self.block[self.at - 1])
    }

    fn broken(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, "the map of its holes is damaged")
    }
}

/// The map as it stands in front of the data, filled up with zeros.
pub fn emit(parts: &[Range<u64>], size: u64) -> Vec<u8> {
    // A part of no length at the end says how long the file is to those who do not read the record.
    let ends = parts.last().is_some_and(|part| part.end == size);
    let mut text = format!("{}\n", parts.len() + usize::from(!ends));
    for part in parts {
        text.push_str(&format!("{}\n{}\n", part.start, part.end - part.start));
    }
    if !ends {
        text.push_str(&format!("{size}\n0\n"));
    }
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// The records that go with [`emit`].
pub fn emit_records(to: &mut Vec<u8>, name: &[u8], size: u64) {
    pax::emit(to, b"GNU.sparse.major", b"1");
    pax::emit(to, b"GNU.sparse.minor", b"0");
    pax::emit(to, b"GNU.sparse.name", name);
    pax::emit(to, b"GNU.sparse.realsize", size.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_in_front_of_the_data_goes_both_ways() {
        let parts: Vec<Range<u64>> = (0..100).map(|index| index * 8192..index * 8192 + 512).collect();
        let bytes = emit(&parts, 1 << 30);
        assert_eq!(bytes.len() % BLOCK, 0);
        let (pairs, read) = of_data(&mut &*bytes, bytes.len() as u64).unwrap();
        assert_eq!(read, bytes.len() as u64);
        let map = Map::new(&pairs, 1 << 30, 51_200).unwrap();
        assert_eq!(map.parts, parts);
    }

    #[test]
    fn broken_maps_are_refused() {
        for text in [&b"x\n"[..], b"2\n1\n", b"99999999999999\n", b"1\n-1\n5\n", b"\n"] {
            let mut block = text.to_vec();
            block.resize(BLOCK, 0);
            assert!(of_data(&mut &*block, BLOCK as u64).is_err());
        }
        assert!(Map::new(&[(10, 5), (12, 5)], 100, 10).is_err());
        assert!(Map::new(&[(10, 5)], 12, 5).is_err());
        assert!(Map::new(&[(10, 5)], 100, 6).is_err());
        assert!(Map::new(&[(u64::MAX, 5)], u64::MAX, 5).is_err());
    }

    #[test]
    fn records_of_the_older_ways_are_read() {
        let mut records = Records::default();
        records.take(b"size", b"1000").unwrap();
        for (offset, length) in [("0", "5"), ("900", "100")] {
            records.take(b"offset", offset.as_bytes()).unwrap();
            records.take(b"numbytes", length.as_bytes()).unwrap();
        }
        assert_eq!(records.pairs(), Some(&[(0, 5), (900, 100)][..]));
        let mut records = Records::default();
        records.take(b"map", b"0,5,900,100").unwrap();
        assert_eq!(records.pairs(), Some(&[(0, 5), (900, 100)][..]));
        assert!(records.take(b"map", b"0,5,9").is_err());
        assert!(records.take(b"numbytes", b"5").is_err());
    }
}
