//! Messages on a stream.

use crate::frame::{BANNER_MAX, HEADER, Header, Malformed};
use crate::seal::{Opener, Sealer};
use crate::stream::{Input, PIECE, is_plain};
use std::io::{self, ErrorKind, Read, Write};

pub use crate::stream::{Stream, use_plain_calls};
pub use rump_hyper::Restart;

/// Messages that come.
pub struct Reader {
    source: Source,
    /// What came and was not asked for yet is from `start` to `end`.
    buffer: Box<[u8; PIECE]>,
    start: usize,
    end: usize,
}

/// Where they come from.
enum Source {
    Plain(Input),
    Sealed(Box<Opener>),
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(into),
            Self::Sealed(opener) => opener.read(into),
        }
    }
}

impl Reader {
    /// Of a stream.
    pub fn new(stream: Stream) -> Self {
        Self::from(Source::Plain(Input::new(stream)))
    }

    fn from(source: Source) -> Self {
        Self { source, buffer: Box::new([0; PIECE]), start: 0, end: 0 }
    }

    fn input(&mut self) -> &mut Input {
        match &mut self.source {
            Source::Plain(input) => input,
            Source::Sealed(opener) => &mut opener.input,
        }
    }

    /// Keeps what came for later, up to a bound. Errors: those of the host.
    pub(crate) fn take_ahead(&mut self) -> io::Result<()> {
        self.input().take_ahead()
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes what there is; false: there is no more.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.end += read;
                    return Ok(read > 0);
                }
            }
        }
    }

    /// Takes what came; false: nothing did, and reading a message would sleep. Errors: those of the host.
    pub fn look(&mut self) -> io::Result<bool> {
        if !self.rest().is_empty() {
            return Ok(true);
        }
        match &mut self.source {
            // By read(2) alone, nobody can tell.
            _ if is_plain() => {}
            Source::Plain(input) => match input.read_now(&mut self.buffer[..])? {
                Some(read) => (self.start, self.end) = (0, read),
                None => return Ok(false),
            },
            Source::Sealed(opener) => return Ok(opener.is_ready()),
        }
        Ok(true)
    }

    /// The line with which a server begins. Errors: InvalidData (it is none), UnexpectedEof.
    pub fn banner(&mut self) -> io::Result<String> {
        loop {
            let end = self.rest().iter().take(BANNER_MAX).position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line = String::from_utf8_lossy(&self.rest()[..end]).into_owned();
                self.start += end + 1;
                return Ok(line);
            }
            if self.rest().len() >= BANNER_MAX {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "the server does not begin with a banner",
                ));
            }
            if !self.fill()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next message; none: the other end has gone. Errors: InvalidData (what no message is), UnexpectedEof.
    pub fn message(&mut self) -> io::Result<Option<(Header, Vec<u8>)>> {
        while self.rest().len() < HEADER {
            if !self.fill()? {
                return if self.rest().is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
        let bytes = std::array::from_fn(|index| self.buffer[self.start + index]);
        let header = Header::parse(&bytes).map_err(|Malformed(what)| {
            io::Error::new(ErrorKind::InvalidData, format!("a message of no {what}"))
        })?;
        self.start += HEADER;
        let here = header.body.min(self.rest().len());
        let mut body = self.rest()[..here].to_vec();
        self.start += here;
        body.resize(header.body, 0);
        self.source.read_exact(&mut body[here..])?;
        Ok(Some((header, body)))
    }
}

/// Messages that go.
pub struct Writer {
    sink: Sink,
    buffer: Vec<u8>,
}

/// Where they go.
enum Sink {
    Plain(Stream),
    Sealed(Sealer),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Sealed(sealer) => sealer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn sealed((opener, sealer): (Opener, Sealer)) -> (Reader, Writer) {
    (
        Reader::from(Source::Sealed(Box::new(opener))),
        Writer { sink: Sink::Sealed(sealer), buffer: Vec::new() },
    )
}

impl Writer {
    /// Of a stream.
    pub fn new(stream: Stream) -> Self {
        Self { sink: Sink::Plain(stream), buffer: Vec::new() }
    }

    /// With what a server begins, its newline included. Errors: those of the host.
    pub fn banner(&mut self, line: &str) -> io::Result<()> {
        self.sink.write_all(line.as_bytes())
    }

    /// A message whose body is in two parts; its header says how long they are together. Errors: those of the host.
    pub fn message(&mut self, header: &Header, front: &[u8], rest: &[u8]) -> io::Result<()> {
        self.message_by(header, front, rest, |sink, bytes| sink.write_all(bytes))
    }

    /// The same from who reads for all. While the other end takes nothing, as it waits to be read from, what comes is kept for
    /// `reader`. Errors: those of the host.
    pub(crate) fn message_of_reader(
        &mut self,
        header: &Header,
        (front, rest): (&[u8], &[u8]),
        reader: &mut Reader,
    ) -> io::Result<()> {
        self.message_by(header, front, rest, |sink, bytes| match sink {
            Sink::Plain(stream) => stream.write_while_taking(bytes, reader.input()),
            Sink::Sealed(sealer) => {
                let pieces = bytes.chunks(Sealer::PIECE);
                pieces.map(|piece| sealer.seal(piece)).try_for_each(|sealed| {
                    let input = reader.input();
                    input.stream.clone().write_while_taking(&sealed?, input)
                })
            }
        })
    }

    fn message_by(
        &mut self,
        header: &Header,
        front: &[u8],
        rest: &[u8],
        mut write_all: impl FnMut(&mut Sink, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        debug_assert_eq!(header.body, front.len() + rest.len());
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.emit());
        self.buffer.extend_from_slice(front);
        if rest.len() <= PIECE {
            self.buffer.extend_from_slice(rest);
            return write_all(&mut self.sink, &self.buffer);
        }
        write_all(&mut self.sink, &self.buffer)?;
        write_all(&mut self.sink, rest)
    }
}
