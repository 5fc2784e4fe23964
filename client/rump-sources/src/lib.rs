//! Images that are not files here, as block devices: `open` takes a URL.
//!
//! | scheme | what | written |
//! |---|---|---|
//! | `nbd://HOST[:PORT]/[EXPORT]`, `nbd+unix:///[EXPORT]?socket=PATH` | a server of NBD (`nbd`) | yes |
//! | `http://`, `https://` | a server that gives ranges (feature `http`) | no |
//!
//! What is only read in ranges goes through a cache of bounded size ([`Cached`]) that reads ahead.
//!
//! Servers are hostile: whatever they say, a call ends within its limit of time, allocates no more than was asked for, and answers
//! EIO with words. No lock is held while a server is asked, but the one of a connection that is made anew.
#![forbid(unsafe_code)]

mod cached;
#[cfg(feature = "http")]
mod http;
pub mod nbd;
mod ranges;
mod url;

pub use cached::{Cached, Shape};
pub use ranges::Ranges;
pub use url::{Scheme, Url, beside, is_url};

use rump_hyper::{Access, HostError, HostResult};
use rump_kpi::{BlockDevice, Errno, KError};
use std::sync::Arc;
use std::time::Duration;

/// How a source is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a server may take for an answer; large ones have a second more for every 32 KiB.
    pub limit: Duration,
    /// How much of what is only read is kept in memory.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: Duration::from_secs(30), cache_bytes: 64 << 20 }
    }
}

impl Options {
    /// How long an answer of `len` bytes may take.
    fn limit_of(&self, len: usize) -> Duration {
        self.limit + Duration::from_secs(len as u64 / (32 << 10))
    }
}

/// Opens what a URL names.
///
/// # Errors
/// EINVAL (no URL of a scheme that is known), ENOTSUP (what this build or this crate does not speak), EROFS (writing what is only
/// read), ENOENT and EACCES (the server says so), those of connecting, EIO (the server does not keep to its protocol).
pub fn open(url: &[u8], access: Access, options: &Options) -> HostResult<Arc<dyn BlockDevice>> {
    let opened = Url::parse(url).and_then(|url| match url.scheme {
        Scheme::Nbd | Scheme::NbdUnix => nbd::Nbd::open(&url, access, options).map(|device| device as _),
        Scheme::Nbds | Scheme::NbdsUnix => {
            let what = format!("{url}: NBD over TLS is not supported; a tunnel, such as that of ssh, is");
            Err(KError::new(Errno::ENOTSUP, what))
        }
        Scheme::Http | Scheme::Https => open_http(&url, access, options),
        Scheme::S3 | Scheme::Gs | Scheme::Az => {
            let what = format!(
                "{url}: object stores are not supported; what they serve at https:// is, if it is signed"
            );
            Err(KError::new(Errno::ENOTSUP, what))
        }
    });
    opened.map_err(|error| HostError { errno: error.errno, what: error.to_string() })
}

#[cfg(feature = "http")]
fn open_http(url: &Url, access: Access, options: &Options) -> rump_kpi::KResult<Arc<dyn BlockDevice>> {
    if access == Access::ReadWrite {
        return Err(KError::new(Errno::EROFS, format!("{url}: what HTTP serves is only read")));
    }
    let (source, begin) = http::Http::open(url, options)?;
    let shape = Shape::of(source.size_bytes(), options.cache_bytes);
    Ok(Arc::new(Cached::new(source, shape, &begin)))
}

#[cfg(not(feature = "http"))]
fn open_http(url: &Url, _access: Access, _options: &Options) -> rump_kpi::KResult<Arc<dyn BlockDevice>> {
    Err(KError::new(Errno::ENOTSUP, format!("{url}: this program was built without the feature http")))
}

/// Checks that `len` bytes at `offset` lie within `size`. Errors: EINVAL.
fn check_range(size: u64, offset: u64, len: usize) -> rump_kpi::KResult<()> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(()),
        _ => {
            let what = format!("{len} bytes at {offset} reach beyond the end of the image ({size} bytes)");
            Err(KError::new(Errno::EINVAL, what))
        }
    }
}

/// What the host says of a socket, as the kernel's error.
fn socket_error(what: impl std::fmt::Display, error: &std::io::Error) -> KError {
    use std::io::ErrorKind;
    let errno = match error.kind() {
        ErrorKind::NotFound => Errno::ENOENT,
        ErrorKind::PermissionDenied => Errno::EACCES,
        ErrorKind::ConnectionRefused => Errno::ECONNREFUSED,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Errno::ETIMEDOUT,
        ErrorKind::HostUnreachable => Errno::EHOSTUNREACH,
        ErrorKind::NetworkUnreachable => Errno::ENETUNREACH,
        _ => Errno::EIO,
    };
    let text = match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer in time".into(),
        ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        _ => error.to_string(),
    };
    KError::new(errno, format!("{what}: {text}"))
}
