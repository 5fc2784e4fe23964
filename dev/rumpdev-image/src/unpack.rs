//! Packed clusters, and the cache of those that were unpacked last.

use crate::{damaged, unsupported};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use rump_kpi::KResult;
use rump_kpi::sync::Mutex;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How something is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Deflate alone (RFC 1951).
    Deflate,
    /// Deflate with a head and a sum (RFC 1950).
    Zlib,
    /// bzip2.
    Bzip2,
    /// LZFSE.
    Lzfse,
    /// A frame of Zstandard (RFC 8878).
    Zstd,
}

impl Codec {
    /// Unpacks exactly `len` bytes; what follows them in `packed` plays no part. Errors: EFTYPE.
    pub fn unpack(self, packed: &[u8], len: usize) -> KResult<Vec<u8>> {
        let bytes = self.unpack_most(packed, len)?;
        match bytes.len() {
            made if made == len => Ok(bytes),
            made => Err(damaged(format!("packed data has {made} bytes of {len}"))),
        }
    }

    /// Unpacks `most` bytes, or all if there are less. Errors: EFTYPE, ENOTSUP (what wants `std`, without it).
    pub fn unpack_most(self, packed: &[u8], most: usize) -> KResult<Vec<u8>> {
        match self {
            Self::Deflate => inflate(packed, most, 0),
            Self::Zlib => inflate(packed, most, inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER),
            Self::Zstd => unpack_zstd(packed, most),
            Self::Bzip2 => with_std::bzip2(packed, most),
            Self::Lzfse => with_std::lzfse(packed, most),
        }
    }
}

fn inflate(packed: &[u8], most: usize, flags: u32) -> KResult<Vec<u8>> {
    let mut bytes = vec![0; most];
    let flags = flags | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, made) = decompress(&mut DecompressorOxide::new(), packed, &mut bytes, 0, flags);
    // A packer may leave the end of the stream away where the length is known.
    if made < most && status != TINFLStatus::Done {
        return Err(damaged(format!("deflated data is damaged behind {made} bytes")));
    }
    bytes.truncate(made);
    Ok(bytes)
}

fn unpack_zstd(mut packed: &[u8], most: usize) -> KResult<Vec<u8>> {
    let failed = |why: &dyn core::fmt::Display| damaged(format!("Zstandard data is damaged: {why}"));
    let mut decoder = FrameDecoder::new();
    decoder.reset(&mut packed).map_err(|error| failed(&error))?;
    let mut bytes = vec![0; most];
    let mut made = 0;
    while made < most {
        let wanted = BlockDecodingStrategy::UptoBytes(most - made);
        let is_finished = decoder.decode_blocks(&mut packed, wanted).map_err(|error| failed(&error))?;
        let got =
            ruzstd::io::Read::read(&mut decoder, &mut bytes[made..]).map_err(|_| failed(&"unreadable"))?;
        made += got;
        if is_finished && got == 0 {
            break;
        }
    }
    bytes.truncate(made);
    Ok(bytes)
}

/// What no library unpacks without `std`.
#[cfg(feature = "std")]
mod with_std {
    use crate::damaged;
    use alloc::format;
    use alloc::vec::Vec;
    use rump_kpi::KResult;
    use std::io::{self, Read, Write};

    pub fn bzip2(packed: &[u8], most: usize) -> KResult<Vec<u8>> {
        let mut bytes = Vec::with_capacity(most);
        let mut decoder = bzip2::read::BzDecoder::new(packed).take(most as u64);
        match decoder.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(damaged(format!("data in bzip2 is damaged: {error}"))),
        }
    }

    pub fn lzfse(packed: &[u8], most: usize) -> KResult<Vec<u8>> {
        let mut bounded = Bounded { bytes: Vec::with_capacity(most), most };
        match lzfse_rust::LzfseRingDecoder::default().decode(&mut &*packed, &mut bounded) {
            Ok(_) => Ok(bounded.bytes),
            Err(error) => Err(damaged(format!("data in LZFSE is damaged: {error}"))),
        }
    }

    /// Takes so many bytes and no more.
    struct Bounded {
        bytes: Vec<u8>,
        most: usize,
    }

    impl Write for Bounded {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > self.most - self.bytes.len() {
                return Err(io::Error::other("it is longer than it is said to be"));
            }
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(not(feature = "std"))]
mod with_std {
    use crate::unsupported;
    use alloc::vec::Vec;
    use rump_kpi::KResult;

    pub fn bzip2(_packed: &[u8], _most: usize) -> KResult<Vec<u8>> {
        Err(unsupported("bzip2 is not unpacked by this build"))
    }

    pub fn lzfse(_packed: &[u8], _most: usize) -> KResult<Vec<u8>> {
        Err(unsupported("LZFSE is not unpacked by this build"))
    }
}

/// The bytes that a cache of clusters keeps.
const KEPT_BYTES: usize = 8 << 20;

/// What was unpacked last, by its place in the file.
pub struct Unpacked {
    most: usize,
    kept: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self::keeping(KEPT_BYTES)
    }
}

impl Unpacked {
    /// Keeps `most` bytes, or the last thing, if that is longer.
    pub fn keeping(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// What is packed at `place`, unpacked by `make` if it is not there. Errors: those of `make`.
    pub fn at(&self, place: u64, make: impl FnOnce() -> KResult<Vec<u8>>) -> KResult<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock();
        if let Some(index) = kept.iter().position(|(known, _)| *known == place) {
            let entry = kept.remove(index);
            let bytes = entry.1.clone();
            kept.push(entry);
            return Ok(bytes);
        }
        drop(kept);
        let bytes = Arc::new(make()?);
        let mut kept = self.kept.lock();
        kept.push((place, bytes.clone()));
        let mut sum: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        while sum > self.most && kept.len() > 1 {
            sum -= kept.remove(0).1.len();
        }
        Ok(bytes)
    }
}

/// The codec of this number in a header of qcow2. Errors: ENOTSUP.
pub fn codec_of_qcow2(number: u8) -> KResult<Codec> {
    match number {
        0 => Ok(Codec::Deflate),
        1 => Ok(Codec::Zstd),
        other => Err(unsupported(format!("qcow2: packed by a method that is not known here ({other})"))),
    }
}
