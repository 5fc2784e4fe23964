//! Replies: simple ones, and the chunks of structured ones. Numbers are big-endian.

use super::broken;
use crate::socket_error;
use rump_kpi::{Errno, KError, KResult};
use std::io::Read;

const SIMPLE: u32 = 0x6744_6698;
const STRUCTURED: u32 = 0x668e_33ef;

const DONE: u16 = 1;

const NONE: u16 = 0;
const OFFSET_DATA: u16 = 1;
const OFFSET_HOLE: u16 = 2;
const IS_ERROR: u16 = 1 << 15;
const ERROR: u16 = IS_ERROR | 1;
const ERROR_OFFSET: u16 = IS_ERROR | 2;

/// Longest message of an error that is read.
const MESSAGE: u32 = 64 << 10;

/// What a reply begins with, up to its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which request it answers.
    pub cookie: u64,
    /// Whether it is the last one.
    pub is_last: bool,
    /// What it says.
    pub chunk: Chunk,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// It is done, or goes on.
    Nothing,
    /// It is done: all data of what was read follows.
    All,
    /// So many bytes follow, from this offset of the export.
    Data {
        /// Where they belong.
        offset: u64,
        /// How many.
        len: u32,
    },
    /// So many zeros are at this offset of the export.
    Hole {
        /// Where they belong.
        offset: u64,
        /// How many.
        len: u32,
    },
    /// It failed.
    Failed(KError),
}

/// Reads a reply up to its data.
///
/// # Errors
/// EIO, ETIMEDOUT: the connection is of no use any more.
pub fn read_head(stream: &mut impl Read, is_structured: bool) -> KResult<Head> {
    match u32::from_be_bytes(read(stream)?) {
        SIMPLE => simple(stream),
        STRUCTURED if is_structured => structured(stream),
        other => Err(broken(format!("a reply begins with {other:#x}"))),
    }
}

fn read<const N: usize>(stream: &mut impl Read) -> KResult<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).map_err(|error| socket_error("reply", &error))?;
    Ok(bytes)
}

fn simple(stream: &mut impl Read) -> KResult<Head> {
    let [e0, e1, e2, e3, cookie @ ..] = read::<12>(stream)?;
    let (error, cookie) = (u32::from_be_bytes([e0, e1, e2, e3]), u64::from_be_bytes(cookie));
    let chunk = if error == 0 { Chunk::All } else { Chunk::Failed(failure(error, &[])) };
    Ok(Head { cookie, is_last: true, chunk })
}

fn structured(stream: &mut impl Read) -> KResult<Head> {
    let numbers = u128::from_be_bytes(read(stream)?);
    let (flags, kind) = ((numbers >> 112) as u16, (numbers >> 96) as u16);
    let (cookie, len) = ((numbers >> 32) as u64, numbers as u32);
    let wrong = || broken(format!("a reply of type {kind} has {len} bytes"));
    let is_last = flags & DONE != 0;
    let chunk = match kind {
        NONE if len == 0 && is_last => Chunk::Nothing,
        OFFSET_DATA => {
            let len = len.checked_sub(8).filter(|len| *len > 0).ok_or_else(wrong)?;
            Chunk::Data { offset: u64::from_be_bytes(read(stream)?), len }
        }
        OFFSET_HOLE if len == 12 => {
            Chunk::Hole { offset: u64::from_be_bytes(read(stream)?), len: u32::from_be_bytes(read(stream)?) }
        }
        kind if kind & IS_ERROR != 0 && (6..=MESSAGE).contains(&len) => {
            let mut data = vec![0; len as usize];
            stream.read_exact(&mut data).map_err(|error| socket_error("reply", &error))?;
            Chunk::Failed(parse_failure(kind, &data).ok_or_else(wrong)?)
        }
        _ => return Err(wrong()),
    };
    Ok(Head { cookie, is_last, chunk })
}

fn parse_failure(kind: u16, data: &[u8]) -> Option<KError> {
    let (error, rest) = data.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let (message, after) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
    let is_right = match kind {
        ERROR => after.is_empty(),
        ERROR_OFFSET => after.len() == 8,
        _ => true,
    };
    is_right.then(|| failure(u32::from_be_bytes(*error), message))
}

/// A server's number as the kernel's, with its words, which are outside data.
fn failure(number: u32, message: &[u8]) -> KError {
    let (errno, name) = match number {
        1 => (Errno::EROFS, "EPERM"),
        5 => (Errno::EIO, "EIO"),
        12 => (Errno::EIO, "ENOMEM"),
        22 => (Errno::EIO, "EINVAL"),
        28 => (Errno::ENOSPC, "ENOSPC"),
        75 => (Errno::EIO, "EOVERFLOW"),
        95 => (Errno::EIO, "ENOTSUP"),
        108 => (Errno::EIO, "ESHUTDOWN"),
        _ => (Errno::EIO, "an unknown error"),
    };
    let message: String = String::from_utf8_lossy(message).chars().take(200).collect();
    let message = if message.is_empty() { message } else { format!(": {}", message.escape_debug()) };
    KError::new(errno, format!("the server answers {name}{message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(flags: u16, kind: u16, data: &[u8]) -> Vec<u8> {
        let begin = [&STRUCTURED.to_be_bytes()[..], &flags.to_be_bytes(), &kind.to_be_bytes()].concat();
        [&begin[..], &7_u64.to_be_bytes(), &(data.len() as u32).to_be_bytes(), data].concat()
    }

    #[test]
    fn replies_are_read() {
        let simple = [&SIMPLE.to_be_bytes()[..], &0_u32.to_be_bytes(), &7_u64.to_be_bytes()].concat();
        let hole = [&99_u64.to_be_bytes()[..], &5_u32.to_be_bytes()].concat();
        let data = [&99_u64.to_be_bytes()[..], b"words"].concat();
        for (bytes, chunk, is_last) in [
            (simple, Chunk::All, true),
            (chunk(DONE, NONE, &[]), Chunk::Nothing, true),
            (chunk(0, OFFSET_HOLE, &hole), Chunk::Hole { offset: 99, len: 5 }, false),
            (chunk(DONE, OFFSET_DATA, &data), Chunk::Data { offset: 99, len: 5 }, true),
        ] {
            assert_eq!(read_head(&mut &bytes[..], true).unwrap(), Head { cookie: 7, is_last, chunk });
            for len in 0..bytes.len().min(20) {
                assert!(read_head(&mut &bytes[..len], true).is_err());
            }
        }
    }

    #[test]
    fn failures_have_words() {
        let data = [&28_u32.to_be_bytes()[..], &4_u16.to_be_bytes(), b"full"].concat();
        for (kind, data) in [(ERROR, data.clone()), (ERROR_OFFSET, [&data[..], &[0; 8]].concat())] {
            let head = read_head(&mut &chunk(DONE, kind, &data)[..], true).unwrap();
            let Chunk::Failed(error) = head.chunk else { panic!("{head:?}") };
            assert_eq!(error, KError::new(Errno::ENOSPC, "the server answers ENOSPC: full"));
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        let lying = [&5_u32.to_be_bytes()[..], &500_u16.to_be_bytes(), b"x"].concat();
        for bytes in [
            chunk(0, NONE, &[]),
            chunk(DONE, NONE, b"x"),
            chunk(DONE, OFFSET_DATA, &[0; 8]),
            chunk(DONE, OFFSET_DATA, &[0; 3]),
            chunk(DONE, OFFSET_HOLE, &[0; 13]),
            chunk(DONE, 5, &[0; 12]),
            chunk(DONE, ERROR, &lying),
            b"12345678901234567890".to_vec(),
        ] {
            assert!(read_head(&mut &bytes[..], true).is_err(), "{bytes:?}");
        }
        assert!(read_head(&mut &chunk(DONE, NONE, &[])[..], false).is_err(), "nobody asked for structure");
    }
}
