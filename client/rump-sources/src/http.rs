//! Objects of HTTP servers, in ranges (RFC 9110, sections 13 and 14).
//!
//! The first request asks for the first bytes, whose answer tells the length and what names this version of the object: its entity
//! tag, else when it was changed. Every later request is for that version alone. An object that changes is EIO from then on, as its
//! old bytes and its new ones are no image together.
//!
//! Answers that a second attempt may mend (5xx, 408, 429, connections that break) are waited for, longer each time, within the limit.

use crate::agent::{ATTEMPTS, BEGIN, Failure, PAUSE, Transport, configure};
use crate::url::decode;
use crate::{Options, Ranges, Scheme, Url};
use base64::prelude::{BASE64_STANDARD, Engine};
use rump_kpi::{Errno, KError, KResult};
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use ureq::{Agent, Body, ResponseExt};

/// An object.
pub struct Http {
    url: Url,
    /// As the user wrote it, without name and password.
    text: String,
    /// Name and password, for the server that the user named.
    authorization: Option<String>,
    agent: Agent,
    /// Where redirections led to.
    target: Mutex<String>,
    version: Version,
    options: Options,
}

/// What an object is, and which one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Version {
    size_bytes: u64,
    etag: Option<String>,
    modified: Option<String>,
}

/// Why an attempt failed.
enum Trouble {
    /// Another one may do better.
    Passing(KError),
    /// None will.
    Lasting(KError),
}

impl Http {
    /// Asks a server for an object; answers its first bytes as well. Errors: ENOENT, EACCES (the server says so), ENOTSUP (it gives no
    /// ranges), EIO.
    pub fn open(url: &Url, options: &Options) -> KResult<(Self, Vec<u8>)> {
        let transport = if url.scheme == Scheme::Https { Transport::Tls } else { Transport::Any };
        let agent = configure(transport, options.limit).build().new_agent();
        let text = url.without_user();
        let authorization = url.user.as_deref().map(authorization).transpose()?;
        let target = Mutex::new(text.clone());
        let (url, options) = (url.clone(), options.clone());
        let mut http = Self { url, text, authorization, agent, target, version: Version::default(), options };
        let mut begin = vec![0; BEGIN];
        let (version, len) = http.persist(begin.len(), |http, left| http.first(&mut begin, left))?;
        begin.truncate(len);
        http.version = version;
        Ok((http, begin))
    }

    fn error(&self, errno: Errno, why: impl std::fmt::Display) -> KError {
        KError::new(errno, format!("{}: {why}", self.url))
    }

    fn lasting(&self, errno: Errno, why: impl std::fmt::Display) -> Trouble {
        Trouble::Lasting(self.error(errno, why))
    }

    /// Attempts something until it is done, for no longer than an answer of `len` bytes may take.
    fn persist<T>(
        &self,
        len: usize,
        mut attempt: impl FnMut(&Self, Duration) -> Result<T, Trouble>,
    ) -> KResult<T> {
        let deadline = Instant::now() + self.options.limit_of(len);
        let left = || deadline.saturating_duration_since(Instant::now());
        for count in 0.. {
            match attempt(self, left().max(Duration::from_millis(1))) {
                Ok(done) => return Ok(done),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(error)) => {
                    let pause = PAUSE * 2_u32.pow(count);
                    if count + 1 >= ATTEMPTS || pause >= left() {
                        return Err(error);
                    }
                    thread::sleep(pause);
                }
            }
        }
        Err(Errno::EIO.into())
    }

    /// Asks for the first bytes, without knowing anything.
    fn first(&self, begin: &mut [u8], left: Duration) -> Result<(Version, usize), Trouble> {
        let mut answer = self.ask(0, begin.len(), left)?;
        let headers = answer.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let version = |size_bytes| Version {
            size_bytes,
            etag: text(header::ETAG),
            modified: text(header::LAST_MODIFIED),
        };
        let range = text(header::CONTENT_RANGE);
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {}
            // A server that has nothing has no range of it.
            StatusCode::OK if text(header::CONTENT_LENGTH).as_deref() == Some("0") => {
                return Ok((version(0), 0));
            }
            StatusCode::RANGE_NOT_SATISFIABLE if range.as_deref() == Some("bytes */0") => {
                return Ok((version(0), 0));
            }
            StatusCode::OK => {
                let what = "the server gives the whole object only, no ranges of it: download it first";
                return Err(self.lasting(Errno::ENOTSUP, what));
            }
            status => return Err(self.refused(status)),
        }
        let (from, len, size) = self.range(headers)?;
        let size = size.filter(|size| i64::try_from(*size).is_ok());
        let size = size.ok_or_else(|| self.lasting(Errno::EIO, "the server does not tell the length"))?;
        if from != 0 || len > begin.len() as u64 {
            return Err(self.lasting(Errno::EIO, "the server gives another range than the one asked for"));
        }
        let version = version(size);
        let len = len as usize;
        // With a password every request begins at the server that it is for, and is led on without it.
        let is_led = self.text.parse::<Uri>().is_ok_and(|own| own != *answer.get_uri());
        if is_led && self.authorization.is_none() {
            *self.target.lock().unwrap_or_else(PoisonError::into_inner) = answer.get_uri().to_string();
        }
        match self.body(&mut answer, &mut begin[..len]) {
            (_, Some(trouble)) => Err(trouble),
            (got, None) => Ok((version, got)),
        }
    }

    /// Reads on; answers how much came, and what ended it.
    fn attempt(&self, offset: u64, buf: &mut [u8], left: Duration) -> (usize, Option<Trouble>) {
        let begun = self.ask(offset, buf.len(), left).and_then(|answer| {
            let len = self.check(&answer, offset, buf.len())?;
            Ok((answer, len))
        });
        match begun {
            Ok((mut answer, len)) => self.body(&mut answer, &mut buf[..len]),
            Err(trouble) => (0, Some(trouble)),
        }
    }

    fn ask(&self, offset: u64, len: usize, left: Duration) -> Result<Response<Body>, Trouble> {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = offset + (len as u64).max(1) - 1;
        let mut request = self.agent.get(&target).header(header::RANGE, format!("bytes={offset}-{last}"));
        request = request.header(header::ACCEPT_ENCODING, "identity");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some(version) = self.version.condition() {
            request = request.header(header::IF_RANGE, version);
        }
        let answer = request.config().timeout_global(Some(left)).build().call();
        let answer = answer.map_err(|error| self.trouble(error))?;
        if let Some(encoding) = answer.headers().get(header::CONTENT_ENCODING) {
            if encoding.as_bytes() != b"identity" {
                let what =
                    format!("the server packs what it gives ({encoding:?}): ranges of that are no image");
                return Err(self.lasting(Errno::ENOTSUP, what));
            }
        }
        let is_passing = |status: StatusCode| {
            status.is_server_error()
                || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        };
        if is_passing(answer.status()) {
            return Err(Trouble::Passing(
                self.error(Errno::EIO, format!("the server answers {}", answer.status())),
            ));
        }
        // Where a redirection led may be for a while only.
        if answer.status().is_client_error() && target != self.text {
            *self.target.lock().unwrap_or_else(PoisonError::into_inner) = self.text.clone();
            return Err(Trouble::Passing(
                self.error(Errno::EIO, format!("the server answers {}", answer.status())),
            ));
        }
        Ok(answer)
    }

    /// Checks that an answer is of the version that was opened, and of the range asked for; answers how much is in it.
    fn check(&self, answer: &Response<Body>, offset: u64, len: usize) -> Result<usize, Trouble> {
        let changed = || self.lasting(Errno::EIO, "the object was changed at the server while it was read");
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::OK | StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(changed());
            }
            status => return Err(self.refused(status)),
        }
        let headers = answer.headers();
        let (from, given, size) = self.range(headers)?;
        let is_same = |name, known: &Option<String>| {
            let told = headers.get(name).map(|value| value.as_bytes());
            told.is_none() || told == known.as_ref().map(|text| text.as_bytes())
        };
        let is_same = is_same(header::ETAG, &self.version.etag)
            && (self.version.etag.is_some() || is_same(header::LAST_MODIFIED, &self.version.modified))
            && size.is_none_or(|size| size == self.version.size_bytes);
        if !is_same {
            return Err(changed());
        }
        if from != offset || given > len as u64 {
            return Err(self.lasting(Errno::EIO, "the server gives another range than the one asked for"));
        }
        Ok(given as usize)
    }

    /// First byte, length and length of all, of `bytes 0-99/1234`.
    fn range(&self, headers: &HeaderMap) -> Result<(u64, u64, Option<u64>), Trouble> {
        let text =
            headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        parse_range(text).ok_or_else(|| {
            self.lasting(Errno::EIO, format!("the server tells the range as \"{}\"", text.escape_debug()))
        })
    }

    fn body(&self, answer: &mut Response<Body>, buf: &mut [u8]) -> (usize, Option<Trouble>) {
        let mut reader = answer.body_mut().as_reader();
        let mut done = 0;
        while done < buf.len() {
            match reader.read(&mut buf[done..]) {
                Ok(0) => {
                    let error = self.error(Errno::EIO, "the connection broke in the middle of an answer");
                    return (done, Some(Trouble::Passing(error)));
                }
                Ok(count) => done += count,
                Err(error) => return (done, Some(Trouble::Passing(self.error(Errno::EIO, error)))),
            }
        }
        // The connection is used again once the end was seen.
        let _ = reader.read(&mut [0]);
        (done, None)
    }

    fn refused(&self, status: StatusCode) -> Trouble {
        let errno = match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Errno::ENOENT,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Errno::EACCES
            }
            _ => Errno::EIO,
        };
        self.lasting(errno, format!("the server answers {status}"))
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        let Failure { errno, is_passing, what } = error.into();
        let error = self.error(errno, what);
        if is_passing { Trouble::Passing(error) } else { Trouble::Lasting(error) }
    }
}

impl Version {
    /// What a later request is bound to: a weak tag is not good for ranges.
    fn condition(&self) -> Option<&String> {
        self.etag.as_ref().filter(|etag| !etag.starts_with("W/")).or(self.modified.as_ref())
    }
}

/// Basic authentication (RFC 7617) by what is before the `@` of a URL.
fn authorization(user: &str) -> KResult<String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let pair = format!("{}:{}", decode(name)?, decode(password)?);
    Ok(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

fn parse_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last): (u64, u64) = (number(first)?, number(last)?);
    let size = if size == "*" { None } else { Some(number(size)?) };
    let len = last.checked_sub(first)?.checked_add(1)?;
    size.is_none_or(|size| last < size).then_some((first, len, size))
}

impl Ranges for Http {
    fn size_bytes(&self) -> u64 {
        self.version.size_bytes
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let len = buf.len();
        let mut done = 0;
        let all = self.persist(len, |http, left| {
            let begin = Instant::now();
            while done < len {
                let left = left.saturating_sub(begin.elapsed()).max(Duration::from_millis(1));
                let (got, trouble) = http.attempt(offset + done as u64, &mut buf[done..], left);
                done += got;
                match trouble {
                    None if got > 0 => {}
                    None => return Err(Trouble::Passing(http.error(Errno::EIO, "the server gives nothing"))),
                    Some(trouble) => return Err(trouble),
                }
            }
            Ok(())
        });
        // A device tells of nothing but EIO.
        all.map_err(|error| KError::new(Errno::EIO, error.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("bytes 0-99/1234"), Some((0, 100, Some(1234))));
        assert_eq!(parse_range("bytes 5-5/*"), Some((5, 1, None)));
        let wrong =
            ["", "bytes 5-4/9", "bytes 0-9/9", "bytes */5", "items 0-1/2", "bytes +0-1/2", "bytes 0-1"];
        for text in wrong.iter().copied().chain(["bytes 0-18446744073709551615/*"]) {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }

    #[test]
    fn later_requests_are_bound_to_what_is_strong() {
        let version = |etag: Option<&str>| Version {
            size_bytes: 0,
            etag: etag.map(str::to_owned),
            modified: Some("a date".into()),
        };
        assert_eq!(version(Some("\"1\"")).condition().unwrap(), "\"1\"");
        assert_eq!(version(Some("W/\"1\"")).condition().unwrap(), "a date");
        assert_eq!(version(None).condition().unwrap(), "a date");
    }
}
