//! UDIF, the `.dmg` of macOS, from public descriptions of it: chunks, packed in several ways, and at the end a trailer that
//! leads to a property list, which has the tables of chunks in base64. All numbers are big-endian.

mod adc;
mod plist;

use crate::bytes::{read_padded, read_vec};
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::open::{Format, Image, Layer, Opened};
use crate::siblings::lossy;
use crate::unpack::{Codec, Unpacked};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{be32, be64};
use rump_kpi::{BlockDevice, KResult};

const TRAILER: u64 = 512;
const SECTOR: u64 = 512;
const LONGEST_LIST: u64 = 16 << 20;
/// Of a chunk, packed or not.
const LARGEST_CHUNK: u64 = 64 << 20;

/// Types of chunks.
const ZERO: u32 = 0;
const RAW: u32 = 1;
const IGNORED: u32 = 2;
const ADC: u32 = 0x8000_0004;
const ZLIB: u32 = 0x8000_0005;
const BZIP2: u32 = 0x8000_0006;
const LZFSE: u32 = 0x8000_0007;
const LZMA: u32 = 0x8000_0008;
const COMMENT: u32 = 0x7fff_fffe;
const END: u32 = 0xffff_ffff;

fn trailer(file: &dyn BlockDevice) -> KResult<Option<[u8; TRAILER as usize]>> {
    let Some(at) = file.size_bytes().checked_sub(TRAILER) else { return Ok(None) };
    let mut trailer = [0; TRAILER as usize];
    read_padded(file, at, &mut trailer)?;
    // Its own length is in it.
    Ok((trailer.starts_with(b"koly") && u64::from(be32(&trailer, 8)) == TRAILER).then_some(trailer))
}

/// Whether a file is one. Errors: EIO.
pub fn is(file: &dyn BlockDevice) -> KResult<bool> {
    Ok(trailer(file)?.is_some())
}

/// Opens it. Errors: ENOTSUP (several files, a packing that is not known), EFTYPE, EIO.
pub fn open(image: Image<'_>) -> KResult<Opened> {
    let trailer = trailer(&*image.file)?.ok_or_else(|| damaged("dmg: no trailer at the end"))?;
    if be32(&trailer, 60) > 1 {
        return Err(unsupported("dmg: an image in several files"));
    }
    let (at, len) = (be64(&trailer, 216), be64(&trailer, 224));
    if len == 0 || len > LONGEST_LIST {
        return Err(unsupported(format!("dmg: a property list of {len} bytes")));
    }
    let list = lossy(&read_vec(&*image.file, at, len as usize, "property list of the dmg")?);
    let fork = be64(&trailer, 24);
    let mut chunks = Vec::new();
    for table in plist::tables(&list) {
        read_table(&table?, fork, &mut chunks)?;
    }
    chunks.sort_by_key(|chunk| chunk.start);
    if chunks.windows(2).any(|pair| pair[0].start + pair[0].len > pair[1].start) {
        return Err(damaged("dmg: chunks overlap"));
    }
    let last = chunks.last().map_or(0, |chunk| chunk.start + chunk.len);
    let size = be64(&trailer, 492).checked_mul(SECTOR).filter(|size| *size >= last).unwrap_or(last);
    let mut packings: Vec<&str> = chunks.iter().filter_map(|chunk| packing(chunk.kind)).collect();
    packings.sort_unstable();
    packings.dedup();
    let details = packings.into_iter().map(|packing| packing.to_string()).collect();
    let map = Chunks { file: image.file.clone(), chunks, unpacked: Unpacked::default(), size };
    let sources = Sources { data: image.file.clone(), backing: None };
    let device = Arc::new(Disk { format: "dmg", size, map, sources });
    Ok(Opened { layer: Layer { details, ..image.layer(Format::Dmg, size) }, device })
}

fn packing(kind: u32) -> Option<&'static str> {
    Some(match kind {
        ADC => "adc",
        ZLIB => "zlib",
        BZIP2 => "bzip2",
        LZFSE => "lzfse",
        LZMA => "lzma",
        _ => return None,
    })
}

/// In bytes, but for the type.
struct Chunk {
    kind: u32,
    start: u64,
    len: u64,
    at: u64,
    packed: u64,
}

/// Adds the chunks of a table, `mish`, that are not all zeros.
fn read_table(table: &[u8], fork: u64, chunks: &mut Vec<Chunk>) -> KResult<()> {
    if table.len() < 204 || !table.starts_with(b"mish") {
        return Err(damaged("dmg: a table of chunks that is none"));
    }
    let (first, base) = (be64(table, 8), be64(table, 24));
    let count = be32(table, 200) as usize;
    for entry in table[204..].chunks_exact(40).take(count) {
        let kind = be32(entry, 0);
        if matches!(kind, ZERO | IGNORED | COMMENT) {
            continue;
        }
        if kind == END {
            break;
        }
        let sectors = be64(entry, 16);
        let wrong = || damaged(format!("dmg: a chunk of {sectors} sectors that is where it cannot be"));
        let bytes = |sectors: Option<u64>| sectors.and_then(|sectors| sectors.checked_mul(SECTOR));
        let start = bytes(first.checked_add(be64(entry, 8))).ok_or_else(wrong)?;
        let len = bytes(Some(sectors)).ok_or_else(wrong)?;
        let at = fork.checked_add(base).and_then(|at| at.checked_add(be64(entry, 24))).ok_or_else(wrong)?;
        let packed = be64(entry, 32);
        start.checked_add(len).and(at.checked_add(packed)).ok_or_else(wrong)?;
        if kind != RAW && (len > LARGEST_CHUNK || packed > LARGEST_CHUNK) {
            return Err(damaged(format!("dmg: a packed chunk of {sectors} sectors in {packed} bytes")));
        }
        if len > 0 {
            chunks.push(Chunk { kind, start, len, at, packed });
        }
    }
    Ok(())
}

struct Chunks {
    file: Arc<dyn BlockDevice>,
    /// In their order on the disk. Between them are zeros.
    chunks: Vec<Chunk>,
    unpacked: Unpacked,
    size: u64,
}

impl Chunks {
    fn unpack(&self, chunk: &Chunk) -> KResult<Vec<u8>> {
        let packed = read_vec(&*self.file, chunk.at, chunk.packed as usize, "chunk of the dmg")?;
        let len = chunk.len as usize;
        let codec = match chunk.kind {
            ADC => return adc::unpack(&packed, len),
            ZLIB => Codec::Zlib,
            BZIP2 => Codec::Bzip2,
            LZFSE => Codec::Lzfse,
            kind => {
                let name = packing(kind).unwrap_or("a method that is not known");
                return Err(unsupported(format!("dmg: packed by {name}, which is not read here")));
            }
        };
        codec.unpack(&packed, len)
    }
}

impl Map for Chunks {
    fn find(&self, offset: u64) -> KResult<Run> {
        let next = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let end = self.chunks.get(next).map_or(self.size, |chunk| chunk.start);
        let chunk = next.checked_sub(1).map(|index| &self.chunks[index]);
        let Some(chunk) = chunk.filter(|chunk| offset < chunk.start + chunk.len) else {
            return Ok(Run { len: end - offset, place: Place::Zero });
        };
        let within = offset - chunk.start;
        let len = chunk.len - within;
        if chunk.kind == RAW {
            let here = chunk.packed.saturating_sub(within).min(len);
            // What the file does not have of a chunk is zeros.
            let place = if here > 0 { Place::Data(chunk.at + within) } else { Place::Zero };
            return Ok(Run { len: if here > 0 { here } else { len }, place });
        }
        let bytes = self.unpacked.at(chunk.start, || self.unpack(chunk))?;
        Ok(Run { len, place: Place::Unpacked(bytes, within as usize) })
    }
}
