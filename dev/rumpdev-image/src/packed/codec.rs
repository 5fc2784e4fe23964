//! xz, zstd and bzip2 by their libraries, a step at a time, with bounded memory.

use super::Decoder;
use super::feed::Feed;
use crate::open::Format;
use crate::{damaged, unsupported};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use liblzma::stream::{Action, CONCATENATED, Status, Stream as Lzma};
use rump_kpi::{KError, KResult};
use zstd::stream::raw::{DParameter, Operation};

/// Memory of a decoder of xz: a dictionary of 128 MiB, and what it needs besides.
const XZ_MEMORY: u64 = 130 << 20;
/// The longest window of zstd, 128 MiB, as its program allows.
const ZSTD_WINDOW: u32 = 27;

/// What a step used of the input, and made of it.
#[derive(Clone, Copy, Default)]
pub struct Step {
    pub used: usize,
    pub made: usize,
    /// Whether the input may end here.
    pub is_end: bool,
}

/// A library.
pub trait Codec {
    /// `is_last` says that no input follows. Errors: EFTYPE, ENOTSUP.
    fn step(&mut self, input: &[u8], out: &mut [u8], is_last: bool) -> KResult<Step>;
    /// Begins anew at an end. Answers whether what follows is for it. Errors: EFTYPE.
    fn restart(&mut self, input: &[u8]) -> KResult<bool>;
}

/// Unpacks a file of `format`. Errors: ENOTSUP.
pub fn decoder(feed: Feed, format: Format) -> KResult<Box<dyn Decoder>> {
    Ok(match format {
        Format::Xz => Box::new(Stream::new(feed, Xz::new(CONCATENATED)?)),
        Format::Zstd => Box::new(Stream::new(feed, Zstd::new()?)),
        _ => Box::new(Stream::new(feed, Bzip2(bzip2::Decompress::new(false)))),
    })
}

struct Stream<C> {
    feed: Feed,
    codec: C,
    is_end: bool,
}

impl<C: Codec> Stream<C> {
    fn new(feed: Feed, codec: C) -> Self {
        Self { feed, codec, is_end: false }
    }
}

impl<C: Codec> Decoder for Stream<C> {
    fn read(&mut self, buf: &mut [u8]) -> KResult<usize> {
        loop {
            self.feed.fill()?;
            let is_last = self.feed.is_last();
            let input = self.feed.fill()?;
            if self.is_end && (input.is_empty() || !self.codec.restart(input)?) {
                return Ok(0);
            }
            let step = self.codec.step(input, buf, is_last)?;
            self.feed.consume(step.used);
            self.is_end = step.is_end;
            if step.made > 0 {
                return Ok(step.made);
            }
            if !step.is_end && step.used == 0 {
                return Err(damaged("the packed file ends early"));
            }
        }
    }

    fn position(&self) -> u64 {
        self.feed.position()
    }
}

/// Unpacks all that `first` and the feed have, which is `len` bytes. Errors: EFTYPE (it is not), ENOTSUP, EIO.
pub fn exactly(codec: &mut dyn Codec, first: &[u8], feed: &mut Feed, len: usize) -> KResult<Vec<u8>> {
    let wrong = || damaged(format!("the packed file has not {len} bytes where it says so"));
    let mut bytes = vec![0; len];
    let mut made = 0;
    let head = codec.step(first, &mut [], false)?;
    if head.used != first.len() {
        return Err(wrong());
    }
    let mut is_end = false;
    loop {
        let input = feed.fill()?;
        if input.is_empty() {
            break;
        }
        let step = codec.step(input, &mut bytes[made..], false)?;
        if step.used == 0 && step.made == 0 {
            return Err(wrong());
        }
        feed.consume(step.used);
        made += step.made;
        is_end = step.is_end;
    }
    if made == len && is_end { Ok(bytes) } else { Err(wrong()) }
}

/// xz.
pub struct Xz {
    lzma: Lzma,
    /// Whether it is a block alone, which ends with its input.
    is_block: bool,
}

impl Xz {
    fn new(flags: u32) -> KResult<Self> {
        let lzma = Lzma::new_stream_decoder(XZ_MEMORY, flags).map_err(lzma_failed)?;
        Ok(Self { lzma, is_block: flags != CONCATENATED })
    }

    /// For a head and a block.
    pub fn block() -> KResult<Self> {
        Self::new(0)
    }
}

fn lzma_failed(error: liblzma::stream::Error) -> KError {
    match error {
        liblzma::stream::Error::MemLimit => {
            unsupported(format!("xz: unpacking it takes more than {} MiB of memory", XZ_MEMORY >> 20))
        }
        liblzma::stream::Error::Options => unsupported("xz: it has options that are not known here"),
        error => damaged(format!("xz: {error}")),
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], out: &mut [u8], is_last: bool) -> KResult<Step> {
        let (used, made) = (self.lzma.total_in(), self.lzma.total_out());
        let action = if is_last { Action::Finish } else { Action::Run };
        let status = self.lzma.process(input, out, action).map_err(lzma_failed)?;
        let used = (self.lzma.total_in() - used) as usize;
        let made = (self.lzma.total_out() - made) as usize;
        Ok(Step { used, made, is_end: self.is_block || status == Status::StreamEnd })
    }

    fn restart(&mut self, _input: &[u8]) -> KResult<bool> {
        // It goes on to the next stream itself, and has refused what is none.
        Ok(false)
    }
}

/// zstd.
pub struct Zstd(zstd::stream::raw::Decoder<'static>);

impl Zstd {
    pub fn new() -> KResult<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new().map_err(zstd_failed)?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW)).map_err(zstd_failed)?;
        Ok(Self(decoder))
    }
}

fn zstd_failed(error: impl core::fmt::Display) -> KError {
    let text = format!("zstd: {error}");
    if text.contains("too much memory") { unsupported(text) } else { damaged(text) }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], out: &mut [u8], _is_last: bool) -> KResult<Step> {
        let status = self.0.run_on_buffers(input, out).map_err(zstd_failed)?;
        let is_end = status.remaining == 0;
        Ok(Step { used: status.bytes_read, made: status.bytes_written, is_end })
    }

    fn restart(&mut self, _input: &[u8]) -> KResult<bool> {
        // It goes on to the next frame itself.
        Ok(true)
    }
}

struct Bzip2(bzip2::Decompress);

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], out: &mut [u8], _is_last: bool) -> KResult<Step> {
        let (used, made) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, out).map_err(|error| damaged(format!("bzip2: {error}")))?;
        Ok(Step {
            used: (self.0.total_in() - used) as usize,
            made: (self.0.total_out() - made) as usize,
            is_end: status == bzip2::Status::StreamEnd,
        })
    }

    fn restart(&mut self, input: &[u8]) -> KResult<bool> {
        // What follows the last stream and is none is no content, as for its program.
        let is_stream = input[0] == b'B';
        if is_stream {
            self.0 = bzip2::Decompress::new(false);
        }
        Ok(is_stream)
    }
}
