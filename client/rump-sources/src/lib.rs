//! Images that are not files here, as block devices: `open` takes a URL.
//!
//! | scheme | what | written |
//! |---|---|---|
//! | `nbd://HOST[:PORT]/[EXPORT]`, `nbd+unix:///[EXPORT]?socket=PATH` | a server of NBD (`nbd`) | yes |
//! | `http://`, `https://` | a server that gives ranges (feature `http`) | no |
//! | `s3://BUCKET/KEY`, `s3a://`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY`, `abfs[s]://CONTAINER[@ACCOUNT]/KEY` | an object in a store (feature `object-store`) | no |
//!
//! What is only read in ranges goes through a cache of bounded size ([`Cached`]) that reads ahead.
//!
//! Servers are hostile: whatever they say, a call ends within its limit of time, allocates no more than was asked for, and answers
//! EIO with words. No lock is held while a server is asked, but the one of a connection that is made anew.
#![forbid(unsafe_code)]

#[cfg(feature = "http")]
mod agent;
mod cached;
#[cfg(feature = "http")]
mod http;
pub mod nbd;
#[cfg(feature = "object-store")]
mod objects;
mod ranges;
mod url;

pub use cached::{Cached, Shape};
#[cfg(feature = "object-store")]
pub use objects::Settings;
pub use ranges::Ranges;
pub use url::{Scheme, Url, beside, is_url};

use rump_hyper::{Access, HostError, HostResult};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use std::sync::Arc;
use std::time::Duration;

/// How a source is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a server may take for an answer; large ones have a second more for every 32 KiB.
    pub limit: Duration,
    /// How much of what is only read is kept in memory.
    pub cache_bytes: usize,
    /// What is said of stores besides what the environment says.
    #[cfg(feature = "object-store")]
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(30),
            cache_bytes: 64 << 20,
            #[cfg(feature = "object-store")]
            settings: Settings::default(),
        }
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
        _ => open_object(&url, access, options),
    });
    opened.map_err(|error| HostError { errno: error.errno, what: error.to_string() })
}

#[cfg(feature = "http")]
fn open_http(url: &Url, access: Access, options: &Options) -> KResult<Arc<dyn BlockDevice>> {
    cached(url, access, options, "what HTTP serves is only read", http::Http::open)
}

#[cfg(feature = "object-store")]
fn open_object(url: &Url, access: Access, options: &Options) -> KResult<Arc<dyn BlockDevice>> {
    cached(url, access, options, "an object in a store is only read", objects::Object::open)
}

/// Opens what is read in ranges, and puts a cache before it.
#[cfg(feature = "http")]
fn cached<R: Ranges + 'static>(
    url: &Url,
    access: Access,
    options: &Options,
    read_only: &str,
    open: impl FnOnce(&Url, &Options) -> KResult<(R, Vec<u8>)>,
) -> KResult<Arc<dyn BlockDevice>> {
    if access == Access::ReadWrite {
        return Err(KError::new(Errno::EROFS, format!("{url}: {read_only}")));
    }
    let (source, begin) = open(url, options)?;
    let shape = Shape::of(source.size_bytes(), options.cache_bytes);
    Ok(Arc::new(Cached::new(source, shape, &begin)))
}

#[cfg(not(feature = "http"))]
fn open_http(url: &Url, _access: Access, _options: &Options) -> KResult<Arc<dyn BlockDevice>> {
    Err(KError::new(Errno::ENOTSUP, format!("{url}: this program was built without the feature http")))
}

#[cfg(not(feature = "object-store"))]
fn open_object(url: &Url, _access: Access, _options: &Options) -> KResult<Arc<dyn BlockDevice>> {
    let what = "this program was built without the feature object-store; what a store serves at https:// is read, if it is signed";
    Err(KError::new(Errno::ENOTSUP, format!("{url}: {what}")))
}

/// Checks that `len` bytes at `offset` lie within `size`. Errors: EINVAL.
fn check_range(size: u64, offset: u64, len: usize) -> KResult<()> {
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
