//! Compressed archives: recognised by their first bytes when read, by their name or an option when made.
//!
//! Decompression runs on a thread of its own, some pieces ahead of who reads.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, sync_channel};

const PIECE_BYTES: usize = 256 << 10;
const PIECES_AHEAD: usize = 8;
/// What an archive may make us use: xz itself never asks for more than 65 MiB unless told to.
const XZ_MEMORY: u64 = 512 << 20;
/// As zstd takes it without being asked: 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

/// First bytes that tell the compression.
pub const MAGIC_BYTES: usize = 6;

impl Compression {
    /// By the first bytes of an archive.
    pub fn of_content(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// By the name of an archive.
    pub fn of_name(name: &[u8]) -> Self {
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()));
        match () {
            () if ends(&[".gz", ".tgz"]) => Self::Gzip,
            () if ends(&[".zst", ".tzst"]) => Self::Zstd,
            () if ends(&[".xz", ".txz"]) => Self::Xz,
            () if ends(&[".bz2", ".tbz2", ".tbz"]) => Self::Bzip2,
            () => Self::None,
        }
    }

    /// What `input` holds.
    pub fn reader(self, input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let reader: Box<dyn Read + Send> = match self {
            Self::None => return Ok(input),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::new(input)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Self::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags)?;
                Box::new(liblzma::read::XzDecoder::new_stream(input, stream))
            }
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(input)),
        };
        Ok(Box::new(Ahead::new(reader)?))
    }

    /// A writer whose output goes to `output`.
    pub fn writer(self, output: Box<dyn Write>) -> io::Result<Writer> {
        Ok(match self {
            Self::None => Writer::Plain(output),
            Self::Gzip => Writer::Gzip(flate2::write::GzEncoder::new(output, flate2::Compression::default())),
            Self::Zstd => Writer::Zstd(zstd::Encoder::new(output, 0)?),
            Self::Xz => Writer::Xz(liblzma::write::XzEncoder::new(output, 6)),
            Self::Bzip2 => Writer::Bzip2(bzip2::write::BzEncoder::new(output, bzip2::Compression::default())),
        })
    }
}

/// Compresses what is written.
pub enum Writer {
    /// Not at all.
    Plain(Box<dyn Write>),
    /// gzip.
    Gzip(flate2::write::GzEncoder<Box<dyn Write>>),
    /// zstd.
    Zstd(zstd::Encoder<'static, Box<dyn Write>>),
    /// xz.
    Xz(liblzma::write::XzEncoder<Box<dyn Write>>),
    /// bzip2.
    Bzip2(bzip2::write::BzEncoder<Box<dyn Write>>),
}

impl Writer {
    fn inner(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(writer) => writer,
            Self::Gzip(writer) => writer,
            Self::Zstd(writer) => writer,
            Self::Xz(writer) => writer,
            Self::Bzip2(writer) => writer,
        }
    }

    /// Writes the end.
    pub fn finish(self) -> io::Result<()> {
        let mut output = match self {
            Self::Plain(writer) => writer,
            Self::Gzip(writer) => writer.finish()?,
            Self::Zstd(writer) => writer.finish()?,
            Self::Xz(writer) => writer.finish()?,
            Self::Bzip2(writer) => writer.finish()?,
        };
        output.flush()
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

/// What a thread reads ahead.
struct Ahead {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl Ahead {
    fn new(mut reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let (give, pieces) = sync_channel(PIECES_AHEAD);
        std::thread::Builder::new().name("decompress".into()).spawn(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE_BYTES);
                let result = (&mut reader).take(PIECE_BYTES as u64).read_to_end(&mut piece);
                let is_last = !matches!(result, Ok(count) if count > 0);
                // Nobody reads any more: there is nothing left to do.
                if !piece.is_empty() && give.send(Ok(piece)).is_err() {
                    return;
                }
                if is_last {
                    let _ = result.map_err(|error| give.send(Err(error)));
                    return;
                }
            }
        })?;
        Ok(Self { pieces, piece: Vec::new(), at: 0, is_over: false })
    }
}

impl Read for Ahead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.is_over {
            match self.pieces.recv() {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(_) => self.is_over = true,
            }
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_compressed_is_recognised_and_read_again() {
        let content: Vec<u8> = (0..3 * PIECE_BYTES + 17).map(|index| (index / 7) as u8).collect();
        for compression in
            [Compression::None, Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Bzip2]
        {
            let output = Shared::default();
            let mut writer = compression.writer(Box::new(output.clone())).unwrap();
            writer.write_all(&content).unwrap();
            writer.finish().unwrap();
            let bytes = output.0.lock().unwrap().clone();
            assert_eq!(Compression::of_content(&bytes[..MAGIC_BYTES]), compression);
            let mut again = Vec::new();
            let mut reader = compression.reader(Box::new(io::Cursor::new(bytes.clone()))).unwrap();
            reader.read_to_end(&mut again).unwrap();
            assert!(again == content, "{compression:?}");
            if compression != Compression::None {
                let cut = bytes[..bytes.len() / 2].to_vec();
                let mut reader = compression.reader(Box::new(io::Cursor::new(cut))).unwrap();
                assert!(reader.read_to_end(&mut again).is_err(), "{compression:?}");
            }
        }
    }

    #[test]
    fn names_tell_the_compression() {
        assert_eq!(Compression::of_name(b"a.tar.zst"), Compression::Zstd);
        assert_eq!(Compression::of_name(b"a.tgz"), Compression::Gzip);
        assert_eq!(Compression::of_name(b"gz"), Compression::None);
    }
}
