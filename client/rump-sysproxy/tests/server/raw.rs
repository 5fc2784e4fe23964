//! A client that says what it is told to say.

use rump_sysproxy::frame::{Class, Handled, Handshake, Header, Kind, UNANSWERED};
use rump_sysproxy::seal::Key;
use rump_sysproxy::transport::{Reader, Stream, Writer};
use rump_sysproxy::url::Url;
use std::io;
use std::os::unix::net::UnixStream;

/// The number of getpid.
pub const GETPID: u32 = 20;

pub struct Raw {
    pub stream: Stream,
    pub reader: Reader,
    pub writer: Writer,
    pub banner: String,
    requests: u64,
}

impl Raw {
    pub fn of(stream: Stream) -> Self {
        Self::begin(stream, None)
    }

    pub fn with_key(url: &Url, key: &Key) -> Self {
        Self::begin(Stream::connect(url).unwrap(), Some(key))
    }

    fn begin(stream: Stream, key: Option<&Key>) -> Self {
        let (mut reader, writer) = stream.to_server(key).unwrap();
        let banner = reader.banner().unwrap();
        Self { reader, writer, stream, banner, requests: 0 }
    }

    pub fn connect(url: &Url) -> Self {
        Self::of(Stream::connect(url).unwrap())
    }

    /// One that has said its name.
    pub fn guest(url: &Url) -> Self {
        let mut raw = Self::connect(url);
        assert_eq!(raw.handshake(Handshake::Guest, b"guest\0").unwrap(), Ok(0));
        raw
    }

    /// Asks; the number of the request.
    pub fn begin_asking(&mut self, kind: Kind, code: u32, body: &[u8]) -> io::Result<u64> {
        self.requests += 1;
        let header = Header::request(kind, self.requests, code, body.len());
        self.writer.message(&header, body, &[])?;
        Ok(self.requests)
    }

    /// Says that a handler ran in the thread that made a request.
    pub fn handled(&mut self, request: u64, code: Handled) {
        let number = request.to_ne_bytes();
        let header = Header::request(Kind::Raise, UNANSWERED, code as u32, number.len());
        self.writer.message(&header, &number, &[]).unwrap();
    }

    /// Asks, and answers what comes next.
    pub fn ask(&mut self, kind: Kind, code: u32, body: &[u8]) -> io::Result<(Header, Vec<u8>)> {
        self.begin_asking(kind, code, body)?;
        let answer = self.reader.message()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        assert_eq!((answer.0.request, answer.0.kind), (self.requests, kind));
        Ok(answer)
    }

    /// The errno, or the code of the refusal.
    pub fn handshake(&mut self, kind: Handshake, body: &[u8]) -> io::Result<Result<i32, u32>> {
        let (header, body) = self.ask(Kind::Handshake, kind as u32, body)?;
        if header.class == Class::Error {
            return Ok(Err(header.code));
        }
        Ok(Ok(i32::from_ne_bytes(body.try_into().unwrap())))
    }

    /// The errno and the first register.
    pub fn call(&mut self, number: u32, args: &[u64]) -> io::Result<(i32, i64)> {
        let body: Vec<u8> = args.iter().flat_map(|arg| arg.to_ne_bytes()).collect();
        let (header, body) = self.ask(Kind::Syscall, number, &body)?;
        assert_eq!((header.class, body.len()), (Class::Response, 24));
        Ok((
            i32::from_ne_bytes(body[..4].try_into().unwrap()),
            i64::from_ne_bytes(body[8..16].try_into().unwrap()),
        ))
    }

    pub fn pid(&mut self) -> u32 {
        let (errno, pid) = self.call(GETPID, &[]).unwrap();
        assert_eq!(errno, 0);
        pid as u32
    }

    /// Whether the server ends the connection within ten seconds, whatever it says before.
    pub fn ends(mut self) -> bool {
        self.stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        loop {
            match self.reader.message() {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

pub fn pair(server: &rump_sysproxy::server::Server) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    server.serve(theirs).unwrap();
    ours
}
