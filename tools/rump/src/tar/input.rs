//! Where an archive comes from: a file, which can be read twice, or a stream, which is kept if it has to be.

use super::compression::{Compression, MAGIC_BYTES};
use crate::session::Failure;
use crate::stop::Stop;
use rump_tar::members::First;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsFd;

const BUFFER_BYTES: usize = 256 << 10;
/// What is read to see what an archive is: a block of bzip2 is there as a whole.
const PEEKED_BYTES: usize = 1 << 20;
const PEEKED_PIECE: usize = 64 << 10;
const BEGINNING_BYTES: u64 = 64 << 10;
/// What is kept of a compressed archive that is not read in order.
const MOST_KEPT_BYTES: u64 = 256 << 30;

/// Bytes in order, some of which nobody wants.
pub enum Input {
    /// A plain archive in a file: what nobody wants is not read.
    File {
        /// The file.
        reader: BufReader<File>,
        /// Bytes that are left in it.
        left: u64,
    },
    /// Anything else.
    Stream(BufReader<Box<dyn Read + Send>>),
}

impl Input {
    /// What comes out of `reader`.
    pub fn stream(reader: Box<dyn Read + Send>) -> Self {
        Self::Stream(BufReader::with_capacity(BUFFER_BYTES, reader))
    }
}

impl rump_tar::reader::Input for Input {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        match (self, i64::try_from(count)) {
            (Self::File { left, .. }, _) if count > *left => Err(io::ErrorKind::UnexpectedEof.into()),
            (Self::File { reader, left }, Ok(distance)) => {
                *left -= count;
                reader.seek_relative(distance)
            }
            (input, _) => match io::copy(&mut input.take(count), &mut io::sink())? {
                passed if passed == count => Ok(()),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        }
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { reader, left } => {
                let count = reader.read(buf)?;
                *left = left.saturating_sub(count as u64);
                Ok(count)
            }
            Self::Stream(stream) => stream.read(buf),
        }
    }
}

/// An archive that was named.
pub struct Origin {
    name: String,
    file: File,
    is_stream: bool,
    /// What was read of a stream to see what it is.
    seen: Vec<u8>,
}

impl Origin {
    /// The file `name`; `-` is standard input.
    pub fn open(name: &OsStr) -> Result<Self, Failure> {
        let text = name.to_string_lossy().into_owned();
        let failed = |error: io::Error| Failure::Other(format!("{text}: {error}"));
        if name == "-" {
            let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
            let (name, file) = ("standard input".into(), stdin.into());
            return Ok(Self { name, file, is_stream: true, seen: Vec::new() });
        }
        let file = File::open(name).map_err(failed)?;
        let kind = file.metadata().map_err(failed)?;
        if kind.is_dir() {
            return Err(Failure::Other(format!("{text}: is a directory, not an archive")));
        }
        Ok(Self { is_stream: !kind.is_file(), name: text, file, seen: Vec::new() })
    }

    /// What to call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes sure that it can be read twice: a stream is kept in a file without a name.
    pub fn keep(&mut self) -> Result<(), Failure> {
        if self.is_stream {
            let kept = self.spool().map_err(|error| self.failure(&error))?;
            (self.file, self.is_stream) = (kept, false);
        }
        Ok(())
    }

    fn spool(&mut self) -> io::Result<File> {
        let mut kept = unnamed_file()?;
        io::copy(&mut io::Cursor::new(std::mem::take(&mut self.seen)), &mut kept)?;
        io::copy(&mut self.file, &mut kept)?;
        kept.seek(SeekFrom::Start(0))?;
        Ok(kept)
    }

    /// The first member. Of a stream, no more is read for that than it takes, and it is read again later.
    pub fn first(&mut self, stop: &Stop) -> Result<First, Failure> {
        let mut file = self.file.try_clone().map_err(|error| self.failure(&error))?;
        if !self.is_stream {
            file.rewind().map_err(|error| self.failure(&error))?;
        }
        let mut seen = Vec::new();
        let mut tried = 0;
        let mut first = First::Unknown;
        while first == First::Unknown && seen.len() < PEEKED_BYTES {
            let length = seen.len();
            seen.resize(length + PEEKED_PIECE, 0);
            let count = match file.read(&mut seen[length..]) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    stop.check()?;
                    seen.truncate(length);
                    continue;
                }
                Err(error) => return Err(self.failure(&error)),
            };
            seen.truncate(length + count);
            let is_plain = Compression::of_content(&seen) == Compression::None;
            // What is compressed is looked at from the beginning each time.
            if is_plain || count == 0 || seen.len() >= 2 * tried {
                first =
                    beginning(&seen).map(|plain| First::of(&plain)).map_err(|error| self.failure(&error))?;
                tried = seen.len();
            }
            if count == 0 {
                break;
            }
        }
        if self.is_stream {
            self.seen = seen;
        }
        Ok(first)
    }

    /// Makes sure that it is plain, and that any part of it can be read at once. Answers the file.
    pub fn unpack(&mut self) -> Result<File, Failure> {
        self.unpacked().map_err(|error| self.failure(&error))
    }

    fn unpacked(&mut self) -> io::Result<File> {
        if let Input::Stream(stream) = self.begin()? {
            let mut kept = unnamed_file()?;
            if io::copy(&mut stream.take(MOST_KEPT_BYTES), &mut kept)? == MOST_KEPT_BYTES {
                return Err(io::Error::other("the archive grows too large when it is decompressed"));
            }
            (self.file, self.is_stream) = (kept, false);
            self.seen.clear();
        }
        self.file.try_clone()
    }

    /// What is in it, from the beginning; of a stream only once.
    pub fn read(&mut self) -> Result<Input, Failure> {
        self.begin().map_err(|error| self.failure(&error))
    }

    fn begin(&mut self) -> io::Result<Input> {
        let mut file = self.file.try_clone()?;
        if !self.is_stream {
            file.seek(SeekFrom::Start(0))?;
        }
        let mut first = std::mem::take(&mut self.seen);
        if first.len() < MAGIC_BYTES {
            (&mut file).take((MAGIC_BYTES - first.len()) as u64).read_to_end(&mut first)?;
        }
        let compression = Compression::of_content(&first);
        if !self.is_stream {
            file.seek(SeekFrom::Start(0))?;
            if compression == Compression::None {
                let left = file.metadata()?.len();
                return Ok(Input::File { reader: BufReader::with_capacity(BUFFER_BYTES, file), left });
            }
            first.clear();
        }
        let whole: Box<dyn Read + Send> = Box::new(io::Cursor::new(first).chain(file));
        let reader = compression.reader(whole)?;
        Ok(Input::stream(reader))
    }

    fn failure(&self, error: &io::Error) -> Failure {
        Failure::Other(format!("{}: {error}", self.name))
    }
}

/// What the first bytes of an archive are when they are decompressed.
fn beginning(seen: &[u8]) -> io::Result<Vec<u8>> {
    let mut reader = Compression::of_content(seen).reader(Box::new(io::Cursor::new(seen.to_vec())))?;
    let mut plain = Vec::new();
    // The end is cut off: what comes before the error that this gives is all that is wanted.
    let _ = (&mut reader).take(BEGINNING_BYTES).read_to_end(&mut plain);
    Ok(plain)
}

/// A file that is gone when it is closed.
fn unnamed_file() -> io::Result<File> {
    let folder = std::env::temp_dir();
    for attempt in 0..100 {
        let path = folder.join(format!(".rump-{}-{attempt}", std::process::id()));
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
