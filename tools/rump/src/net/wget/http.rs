//! One request of HTTP/1.1 and its response (RFC 9110, RFC 9112), over a connection that is for it alone.
//!
//! A server may say anything: heads, lines and trailers have a limit, and content is passed on as it comes.

use super::super::bell::{Bell, Waited};
use super::Error;
use super::url::Url;
use rumpkit::PollEvents;
use rumpkit::net::TcpStream;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Bytes of a head, of a line of a chunk, and of what follows the last one.
const MOST_HEAD: usize = 65_536;
const MOST_HEADERS: usize = 128;
/// Heads that only say that another one follows.
const MOST_INTERIM: usize = 16;
const BUFFER_BYTES: usize = 256 << 10;

/// A connection to a server.
pub struct Connection<'a> {
    /// Nonblocking.
    pub stream: TcpStream,
    pub bell: &'a Bell,
    /// How long silence may last.
    pub patience: Duration,
    /// What came and was not looked at.
    pub buffer: Vec<u8>,
}

/// The head of a response.
#[derive(Debug, Default)]
pub struct Head {
    pub status: u16,
    pub reason: String,
    headers: Vec<(String, String)>,
}

/// Where content ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Length {
    /// After so many bytes.
    Known(u64),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    Unknown,
}

impl Head {
    /// The value of a header. Errors: there are several that differ.
    pub fn find(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let Some(first) = values.next() else { return Ok(None) };
        if values.all(|value| value == first) {
            Ok(Some(first))
        } else {
            Err(protocol(format!("two values of {name}")))
        }
    }

    /// Where its content ends (RFC 9112, section 6.3).
    pub fn length(&self) -> Result<Length, Error> {
        if self.status == 204 || self.status == 304 {
            return Ok(Length::Known(0));
        }
        match self.find("transfer-encoding")? {
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => return Ok(Length::Chunked),
            Some(coding) => {
                return Err(protocol(format!("the transfer coding {coding:?} was not asked for")));
            }
            None => {}
        }
        match self.find("content-length")? {
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Length::Known).map_err(|_| protocol(format!("a length of {text}")))
            }
            Some(text) => Err(protocol(format!("a length of {text:?}"))),
            None => Ok(Length::Unknown),
        }
    }
}

fn protocol(what: String) -> Error {
    Error::Protocol(what)
}

impl Connection<'_> {
    /// Asks for something, from a byte on. Errors: those of sending.
    pub fn ask(&mut self, url: &Url, from: u64) -> Result<(), Error> {
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: rump/{}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n\
             Connection: close\r\n",
            url.target,
            url.authority(),
            env!("CARGO_PKG_VERSION")
        );
        if from > 0 {
            request.push_str(&format!("Range: bytes={from}-\r\n"));
        }
        request.push_str("\r\n");
        let mut rest = request.as_bytes();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollEvents::OUT)?,
                Err(error) => return Err(Error::Network(error.to_string())),
            }
        }
        Ok(())
    }

    /// The head of the response. Errors: those of receiving, no head.
    pub fn head(&mut self) -> Result<Head, Error> {
        for _ in 0..MOST_INTERIM {
            let head = self.any_head()?;
            if !(100..200).contains(&head.status) {
                return Ok(head);
            }
        }
        Err(protocol("too many interim responses".into()))
    }

    fn any_head(&mut self) -> Result<Head, Error> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed =
                response.parse(&self.buffer).map_err(|error| protocol(format!("no response: {error}")))?;
            let length = if let httparse::Status::Complete(length) = parsed { Some(length) } else { None };
            if length.unwrap_or(self.buffer.len()) > MOST_HEAD {
                return Err(protocol("the head is too long".into()));
            }
            if let Some(length) = length {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
                let headers = response.headers.iter().map(|header| (header.name.into(), text(header.value)));
                let head = Head {
                    status: response.code.unwrap_or(0),
                    reason: response.reason.unwrap_or_default().into(),
                    headers: headers.collect(),
                };
                self.buffer.drain(..length);
                return Ok(head);
            }
            if !self.more()? {
                return Err(Error::Network("the server closed the connection without a response".into()));
            }
        }
    }

    /// Passes content on as it comes. Errors: those of receiving, of `sink`, content that is cut short.
    pub fn content(
        &mut self,
        length: &Length,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match length {
            Length::Known(length) => self.bytes(*length, sink),
            Length::Unknown => loop {
                sink(&self.buffer)?;
                self.buffer.clear();
                if !self.more()? {
                    return Ok(());
                }
            },
            Length::Chunked => loop {
                let line = self.line()?;
                let digits = line.split([';', ' ', '\t']).next().unwrap_or_default();
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let size = u64::from_str_radix(digits, 16).ok().filter(|_| is_number);
                match size.ok_or_else(|| protocol(format!("a chunk of {digits:?} bytes")))? {
                    0 => return self.trailer(),
                    size => self.bytes(size, sink)?,
                }
                if !self.line()?.is_empty() {
                    return Err(protocol("a chunk is longer than it says".into()));
                }
            },
        }
    }

    fn bytes(&mut self, length: u64, sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() && !self.more()? {
                return Err(Error::Network(format!("the connection ended {left} bytes too early")));
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            sink(&self.buffer[..count])?;
            self.buffer.drain(..count);
            left -= count as u64;
        }
        Ok(())
    }

    fn trailer(&mut self) -> Result<(), Error> {
        let mut total = 0;
        loop {
            match self.line()?.len() {
                0 => return Ok(()),
                length => total += length,
            }
            if total > MOST_HEAD {
                return Err(protocol("the trailer is too long".into()));
            }
        }
    }

    fn line(&mut self) -> Result<String, Error> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.buffer.len() >= MOST_HEAD {
                return Err(protocol("a line is too long".into()));
            }
            if !self.more()? {
                return Err(Error::Network("the connection ended in a chunk".into()));
            }
        }
    }

    /// Receives more; answers whether there was any. Errors: those of receiving, silence, a signal.
    fn more(&mut self) -> Result<bool, Error> {
        let before = self.buffer.len();
        self.buffer.resize(before + BUFFER_BYTES, 0);
        let received = loop {
            match self.stream.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = self.wait(PollEvents::IN) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(Error::Network(error.to_string())),
                Ok(count) => break Ok(count),
            }
        };
        self.buffer.truncate(before + *received.as_ref().unwrap_or(&0));
        received.map(|count| count > 0)
    }

    fn wait(&self, events: PollEvents) -> Result<(), Error> {
        let waited = self.bell.wait(self.stream.as_fd(), events, Some(self.patience));
        match waited.map_err(|error| Error::Network(error.to_string()))? {
            Waited::Ready => Ok(()),
            Waited::Rung => Err(Error::Signal),
            Waited::TimedOut => Err(Error::Network("nothing came for too long".into())),
        }
    }
}
