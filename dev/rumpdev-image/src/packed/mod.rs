//! Images packed as a whole: by gzip, xz, zstd or bzip2. What is in them may have a format of its own.
//!
//! Such a file is made to be read from its begin. It is read at any place
//! - by what it has itself: blocks of xz, frames of zstd, of at most 32 MiB of content each (`spans`);
//! - if it is gzip, by an index that is made once (`index`) and kept ([`Kind::Index`]);
//! - else by its content, unpacked once, and kept ([`Kind::Unpacked`]).
//!
//! A short one is unpacked in memory, each time. Nothing is given out before the sum was compared that covers it, where the
//! format has one.

#[cfg(feature = "std")]
mod codec;
mod feed;
mod gzip;
mod index;
mod kept;
mod memory;
#[cfg(feature = "std")]
mod spans;
mod whole;

use crate::joined::Part;
use crate::open::{Format, Image, Layer, Opened, Options};
use crate::siblings::{Keeping, Kind, Work};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use feed::Feed;
use kept::{HEAD, Making, Mark};
use memory::Memory;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// The longest content that is unpacked for a byte of it.
const LARGEST_SPAN: u64 = 32 << 20;
/// What is kept in memory of content that was unpacked.
const CACHE_BYTES: usize = 64 << 20;
/// Content of at most this length is unpacked in memory.
const SHORT: usize = 8 << 20;
/// Between two words about the progress, in bytes of the file.
const TELL_BYTES: u64 = 1 << 20;

/// Unpacks a file from its begin.
trait Decoder {
    /// Fills a part of `buf`, which is not empty; nothing at the end. Errors: EFTYPE, ENOTSUP, EIO.
    fn read(&mut self, buf: &mut [u8]) -> KResult<usize>;
    /// How far in the file it is.
    fn position(&self) -> u64;
}

/// How a file is packed, by its first bytes.
pub fn probe(head: &[u8]) -> Option<Format> {
    let number = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    Some(match () {
        () if head.starts_with(&gzip::MAGIC) && head[3] & 0xe0 == 0 => Format::Gzip,
        () if head.starts_with(b"\xfd7zXZ\0") => Format::Xz,
        // A frame, or one to be skipped, as pzstd puts before each.
        () if number == 0xfd2f_b528 || number & !0xf == 0x184d_2a50 => Format::Zstd,
        () if head.starts_with(b"BZh") && head[4..10] == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59] => {
            Format::Bzip2
        }
        () => return None,
    })
}

/// Opens what is in it. Errors: those of what is in it, ENOTSUP (packed twice; too long, where nothing can be kept; what
/// wants `std`, without it), EFTYPE, EINTR, EIO.
pub fn open(image: Image<'_>, format: Format, options: &Options) -> KResult<Opened> {
    let (device, details) = unpacked(&image, format)?;
    let layer = Layer {
        name: image.name.clone(),
        format,
        size_bytes: device.size_bytes(),
        details,
        below: Vec::new(),
    };
    let inner = Image { file: device, name: image.name, chain: image.chain.unpacked()? };
    let opened = inner.open(&Options { format: None, snapshot: options.snapshot.clone() })?;
    Ok(opened.out_of("packed", layer))
}

/// The content, and what is worth to know of how it is read.
fn unpacked(image: &Image<'_>, format: Format) -> KResult<Content> {
    #[cfg(feature = "std")]
    if let Some((device, detail)) = spans::open(&image.file, format)? {
        return Ok((device, [detail].into()));
    }
    let keeping = image.chain.keeping(image.file.size_bytes());
    let mark = match &keeping {
        Some(keeping) => Some(Mark::of(&image.file, keeping.stamp())?),
        None => None,
    };
    let places = Packed { image, keeping: keeping.as_deref(), mark };
    if let Some(found) = places.kept(format) {
        return Ok(found);
    }
    if let Some(device) = short(image, format)? {
        return Ok((device, ["unpacked in memory".to_string()].into()));
    }
    if format == Format::Gzip {
        if let Some(made) = places.index()? {
            return Ok(made);
        }
    }
    places.unpack(format)
}

fn points(count: usize) -> Vec<String> {
    [format!("index of {count} points")].into()
}

/// The content if it is short.
fn short(image: &Image<'_>, format: Format) -> KResult<Option<Arc<dyn BlockDevice>>> {
    let mut decoder = decoder(&image.file, format)?;
    let mut bytes = vec![0; SHORT + 1];
    let mut made = 0;
    while made < bytes.len() {
        match decoder.read(&mut bytes[made..])? {
            0 => {
                bytes.truncate(made);
                return Ok(Some(part(Arc::new(Memory::new(bytes, made)), 0, made as u64)));
            }
            more => made += more,
        }
    }
    Ok(None)
}

fn part(device: Arc<dyn BlockDevice>, start: u64, size: u64) -> Arc<dyn BlockDevice> {
    Arc::new(Part { device: Some(device), start, size })
}

fn decoder(file: &Arc<dyn BlockDevice>, format: Format) -> KResult<Box<dyn Decoder>> {
    let feed = Feed::new(file.clone(), 0, file.size_bytes());
    match format {
        Format::Gzip => Ok(Box::new(gzip::Inflater::new(feed, gzip::Entry::Member, &[]))),
        #[cfg(feature = "std")]
        _ => codec::decoder(feed, format),
        #[cfg(not(feature = "std"))]
        _ => Err(crate::unsupported(format!("{} is not unpacked by this build", format.name()))),
    }
}

/// What is in a packed file, and what is worth to know of how it is read.
type Content = (Arc<dyn BlockDevice>, Vec<String>);

/// A packed file, and where something may be kept about it.
struct Packed<'a> {
    image: &'a Image<'a>,
    keeping: Option<&'a dyn Keeping>,
    mark: Option<Mark>,
}

impl Packed<'_> {
    /// What was kept and is still of use.
    fn kept(&self, format: Format) -> Option<Content> {
        let (keeping, mark) = (self.keeping?, self.mark.as_ref()?);
        if format == Format::Gzip {
            for kept in keeping.find(Kind::Index) {
                let Ok(head) = mark.read(&*kept, Kind::Index) else { continue };
                if let Ok((device, count)) = index::open(&self.image.file, kept, &head) {
                    return Some((device, points(count)));
                }
            }
        }
        for kept in keeping.find(Kind::Unpacked) {
            let Ok(head) = mark.read(&*kept, Kind::Unpacked) else { continue };
            if head.size.checked_add(HEAD).is_some_and(|end| end <= kept.size_bytes()) {
                return Some((part(kept, HEAD, head.size), ["unpacked in the cache".to_string()].into()));
            }
        }
        None
    }

    /// Makes an index. `None`: there can be none.
    fn index(&self) -> KResult<Option<Content>> {
        let mut told = self.told(Kind::Index);
        // Whoever watches does so before there is something to be removed.
        told(0)?;
        let making = Making::begin(self.keeping, Kind::Index);
        let file = making.file();
        let built = index::build(&self.image.file, &*file, &mut told);
        let built = built.map_err(|error| match error.errno {
            Errno::ENOSPC => KError::new(Errno::ENOSPC, "there is no room for its index"),
            _ => error,
        });
        let Some(head) = built? else { return Ok(None) };
        let is_kept = self.finish(making, Kind::Index, &head)?;
        told(u64::MAX)?;
        let (device, count) = index::open(&self.image.file, file, &head)?;
        let mut details = points(count);
        if !is_kept {
            details.push("not kept".to_string());
        }
        Ok(Some((device, details)))
    }

    /// Unpacks all of it.
    fn unpack(&self, format: Format) -> KResult<Content> {
        let mut told = self.told(Kind::Unpacked);
        // Whoever watches does so before there is something to be removed.
        told(0)?;
        let making = Making::begin(self.keeping, Kind::Unpacked);
        let file = making.file();
        let mut decoder = decoder(&self.image.file, format)?;
        let size = whole::unpack(&mut *decoder, &*file, making.most(), &mut told)?;
        let head = kept::Head { size, ..kept::Head::default() };
        let detail = match self.finish(making, Kind::Unpacked, &head)? {
            true => "unpacked in the cache",
            false => "unpacked in memory",
        };
        told(u64::MAX)?;
        Ok((part(file, HEAD, size), [detail.to_string()].into()))
    }

    fn finish(&self, making: Making, kind: Kind, head: &kept::Head) -> KResult<bool> {
        if let Some(mark) = &self.mark {
            mark.write(&*making.file(), kind, head)?;
        }
        Ok(making.finish())
    }

    /// Tells how far in the file the work is, but not each time. `u64::MAX`: it is done, as nothing else says.
    fn told(&self, kind: Kind) -> impl FnMut(u64) -> KResult<()> {
        let of = self.image.file.size_bytes();
        let mut next = 0;
        move |done| {
            if done < next {
                return Ok(());
            }
            next = done.saturating_add(TELL_BYTES);
            // All of the file was read before the last of its content is there.
            let done = if done == u64::MAX { of } else { done.min(of.saturating_sub(1)) };
            self.image.chain.progress(&Work { name: &self.image.name, kind, done, of })
        }
    }
}
