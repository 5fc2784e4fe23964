//! Where the bytes of a capture come from.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_hyper::BlockIo;
use rump_kpi::{Errno, KError, KResult};

/// Bytes that are asked for at once.
const PIECE: usize = 64 << 10;

/// Bytes in order.
pub trait Source: Send {
    /// Reads the next bytes, of which there may be fewer than asked for; none: it is the end. Errors: EIO.
    fn read(&mut self, into: &mut [u8]) -> KResult<usize>;
}

impl Source for &[u8] {
    fn read(&mut self, into: &mut [u8]) -> KResult<usize> {
        let (now, later) = self.split_at(into.len().min(self.len()));
        into[..now.len()].copy_from_slice(now);
        *self = later;
        Ok(now.len())
    }
}

impl Source for alloc::boxed::Box<dyn Source> {
    fn read(&mut self, into: &mut [u8]) -> KResult<usize> {
        (**self).read(into)
    }
}

/// What a function reads.
pub struct FnSource<F>(pub F);

impl<F: FnMut(&mut [u8]) -> KResult<usize> + Send> Source for FnSource<F> {
    fn read(&mut self, into: &mut [u8]) -> KResult<usize> {
        self.0(into)
    }
}

/// A file of the host.
pub struct FileSource {
    file: Arc<dyn BlockIo>,
    at: u64,
}

impl FileSource {
    /// From its beginning.
    pub fn new(file: Arc<dyn BlockIo>) -> Self {
        Self { file, at: 0 }
    }
}

impl Source for FileSource {
    fn read(&mut self, into: &mut [u8]) -> KResult<usize> {
        let left = self.file.size_bytes().saturating_sub(self.at);
        let length = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.file.read_at(self.at, &mut into[..length]);
        read.map_err(|error| KError::new(error.errno, error.what))?;
        self.at += length as u64;
        Ok(length)
    }
}

/// A source that is read piece by piece, and knows where it is.
pub(crate) struct Stream<S> {
    source: S,
    buffer: Vec<u8>,
    /// What of the buffer was taken.
    taken: usize,
    /// What is in it.
    filled: usize,
    /// Bytes that were taken of the whole.
    place: u64,
}

impl<S: Source> Stream<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, buffer: vec![0; PIECE], taken: 0, filled: 0, place: 0 }
    }

    /// An error about where it is now.
    pub(crate) fn malformed(&self, what: &str) -> KError {
        KError::new(Errno::EFTYPE, alloc::format!("capture, before byte {}: {what}", self.place))
    }

    /// Whether there is nothing more.
    pub(crate) fn is_at_end(&mut self) -> KResult<bool> {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, self.source.read(&mut self.buffer)?.min(PIECE));
        }
        Ok(self.filled == 0)
    }

    fn take(&mut self, most: usize) -> KResult<&[u8]> {
        if self.is_at_end()? {
            return Err(self.malformed("it ends too early"));
        }
        let length = most.min(self.filled - self.taken);
        let begin = self.taken;
        (self.taken, self.place) = (begin + length, self.place + length as u64);
        Ok(&self.buffer[begin..begin + length])
    }

    /// The next bytes. Errors: EFTYPE (there are not so many), EIO.
    pub(crate) fn bytes<const COUNT: usize>(&mut self) -> KResult<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        let mut filled = 0;
        while filled < COUNT {
            let piece = self.take(COUNT - filled)?;
            bytes[filled..filled + piece.len()].copy_from_slice(piece);
            filled += piece.len();
        }
        Ok(bytes)
    }

    /// The next `length` bytes, which the caller has bounded. Errors: as of [`Self::bytes`].
    pub(crate) fn vec(&mut self, length: usize) -> KResult<Vec<u8>> {
        // No more is kept than there is.
        let mut bytes = Vec::with_capacity(length.min(PIECE));
        while bytes.len() < length {
            let left = length - bytes.len();
            bytes.extend_from_slice(self.take(left)?);
        }
        Ok(bytes)
    }

    /// Passes over bytes. Errors: as of [`Self::bytes`].
    pub(crate) fn skip(&mut self, mut length: usize) -> KResult<()> {
        while length > 0 {
            length -= self.take(length)?.len();
        }
        Ok(())
    }
}
