//! Objects of stores, in ranges: S3, Google's cloud, Azure, and what speaks as they do, by the crate `object_store`.
//!
//! Where a store is and as whom it is asked says the environment, as that crate reads it (`AWS_*`, `GOOGLE_*`, `AZURE_*`), or
//! [`Settings`]. The first request tells the length, the entity tag and, where the store has versions, the version; every later one
//! is for that alone, and what it answers is compared with it. An object that changes is EIO from then on.
//!
//! Requests are futures of that crate, below which [`client`] blocks. Each fetch has a thread, with a clock for the pauses between
//! attempts: who reads may itself be a task of a runtime, within which no other can be waited for. No thread is left between
//! fetches, and no lock of ours is held during one.

mod client;

use crate::agent::{ATTEMPTS, BEGIN, Failure, PAUSE};
use crate::{Options, Ranges, Scheme, Url};
use client::{Asked, Connector, Fetch, NoAnswer};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig};
use rump_kpi::{Errno, KError, KResult};
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How much of another's words is repeated, in letters.
const WORDS: usize = 300;

/// What is said of stores besides what the environment says, under the same names: `AWS_ENDPOINT`. What is said here counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// Adds one. A name that no store has is passed over.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.push((name.to_ascii_lowercase(), value.to_owned()));
    }
}

impl fmt::Debug for Settings {
    /// Their names: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// An object, as it was when it was opened.
pub struct Object {
    url: Url,
    path: Path,
    store: Arc<dyn ObjectStore>,
    /// Nothing of one that is empty.
    meta: Option<ObjectMeta>,
    options: Options,
}

impl Object {
    /// Asks a store for an object; answers its first bytes as well. Errors: EINVAL (it names no object), ENOENT, EACCES (the store says
    /// so, or there are no credentials), ENOTSUP (it gives no ranges), EIO.
    pub fn open(url: &Url, options: &Options) -> KResult<(Self, Vec<u8>)> {
        let path = key(url)?;
        let store = store(url, options).map_err(|error| in_words(&error).named(url))?;
        let mut object = Self { url: url.clone(), path, store, meta: None, options: options.clone() };
        match object.fetch(0..BEGIN as u64) {
            Ok((meta, begin)) if i64::try_from(meta.size).is_ok() => {
                object.meta = Some(meta);
                Ok((object, begin))
            }
            Ok(_) => Err(object.error("the store does not tell the length")),
            // What has nothing has no range of it.
            Err(Trouble { status: Some(416), .. }) => Ok((object, Vec::new())),
            Err(trouble) => Err(trouble.named(url)),
        }
    }

    fn error(&self, why: &str) -> KError {
        KError::new(Errno::EIO, format!("{}: {why}", self.url))
    }

    /// Gets a range, of the version that was opened where one was.
    fn fetch(&self, range: Range<u64>) -> Result<(ObjectMeta, Vec<u8>), Trouble> {
        let len = (range.end - range.start) as usize;
        let mut options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        if let Some(meta) = &self.meta {
            // A weak tag is not good for ranges.
            options.if_match = meta.e_tag.clone().filter(|tag| !tag.starts_with("W/"));
            options.if_unmodified_since = options.if_match.is_none().then_some(meta.last_modified);
            options.version = meta.version.clone();
        }
        options.extensions.insert(Fetch { deadline: Instant::now() + self.options.limit_of(len), len });
        let fetched = thread::scope(|scope| {
            let waited = thread::Builder::new().name("rump-objects".into()).spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                runtime.map_err(|error| Trouble::local(&error))?.block_on(async {
                    let found = self.store.get_opts(&self.path, options).await?;
                    let meta = found.meta.clone();
                    Ok((meta, found.bytes().await?))
                })
            });
            let waited = waited.map_err(|error| Trouble::local(&error))?;
            waited.join().unwrap_or_else(|_| Err(Trouble::local(&"the thread of the fetch panicked")))
        });
        fetched.map(|(meta, bytes)| (meta, bytes.to_vec()))
    }

    /// Whether an answer is of the version that was opened.
    fn is_same(&self, told: &ObjectMeta) -> bool {
        self.meta.as_ref().is_some_and(|known| {
            told.size == known.size
                && told.e_tag == known.e_tag
                && told.version == known.version
                && (known.e_tag.is_some() || told.last_modified == known.last_modified)
        })
    }
}

impl Ranges for Object {
    fn size_bytes(&self) -> u64 {
        self.meta.as_ref().map_or(0, |meta| meta.size)
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let (meta, bytes) = self.fetch(offset..offset + buf.len() as u64).map_err(|trouble| {
            match trouble.status {
                Some(412 | 416) => self.error("the object was changed at the server while it was read"),
                Some(404 | 410) => {
                    self.error("the object was deleted or replaced at the server while it was read")
                }
                // A device tells of nothing but EIO.
                _ => KError::new(Errno::EIO, trouble.named(&self.url).what),
            }
        })?;
        if !self.is_same(&meta) {
            return Err(self.error("the object was changed at the server while it was read"));
        }
        if bytes.len() != buf.len() {
            return Err(self.error("the server gives another range than the one asked for"));
        }
        buf.copy_from_slice(&bytes);
        Ok(())
    }
}

/// The key that a URL names. Errors: EINVAL.
fn key(url: &Url) -> KResult<Path> {
    let wrong = |why: &dyn fmt::Display| KError::new(Errno::EINVAL, format!("{url}: {why}"));
    let is_azure = matches!(url.scheme, Scheme::Az | Scheme::Abfs | Scheme::Abfss);
    let has_password = url.user.as_ref().is_some_and(|user| !is_azure || user.contains(':'));
    if has_password || url.port.is_some() || url.query.is_some() {
        let what = "an object has a bucket and a key, where ? is written %3F; the rest says the environment";
        return Err(wrong(&what));
    }
    let key = url.path.strip_prefix('/').filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| wrong(&"it names a bucket, and no object in it"))?;
    Path::from_url_path(key).map_err(|error| wrong(&one_line(&error.to_string())))
}

/// The bucket that a URL names, where the environment says it is.
fn store(url: &Url, options: &Options) -> object_store::Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
        max_retries: ATTEMPTS as usize - 1,
        retry_timeout: options.limit,
    };
    // Its three builders have the same methods and no trait.
    macro_rules! build {
        ($builder:ty) => {{
            let mut builder = <$builder>::from_env();
            for (name, value) in &options.settings.0 {
                if let Ok(name) = name.parse() {
                    builder = builder.with_config(name, value);
                }
            }
            let builder = builder.with_url(url.root()).with_retry(retry);
            Arc::new(builder.with_http_connector(Connector { limit: options.limit }).build()?)
        }};
    }
    Ok(match url.scheme {
        Scheme::Gs => build!(GoogleCloudStorageBuilder),
        Scheme::Az | Scheme::Abfs | Scheme::Abfss => build!(MicrosoftAzureBuilder),
        _ => build!(AmazonS3Builder),
    })
}

/// Why there is nothing of an object.
struct Trouble {
    /// What a server answered, where one did.
    status: Option<u16>,
    /// Who was asked at the end.
    asked: Asked,
    errno: Errno,
    what: String,
}

impl Trouble {
    /// What is wrong here, not at a server.
    fn local(what: &dyn fmt::Display) -> Self {
        Self { status: None, asked: Asked::Store, errno: Errno::EIO, what: what.to_string() }
    }

    fn named(self, url: &Url) -> KError {
        let what = self.what;
        match self.asked {
            Asked::Store => KError::new(self.errno, format!("{url}: {what}")),
            Asked::Others => {
                let (key, skip) = match url.scheme {
                    Scheme::Gs => ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SKIP_SIGNATURE"),
                    Scheme::Az | Scheme::Abfs | Scheme::Abfss => {
                        ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_SKIP_SIGNATURE")
                    }
                    _ => ("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"),
                };
                let hint = format!("the environment says them ({key}), or that there are none ({skip}=true)");
                KError::new(Errno::EACCES, format!("{url}: no credentials: {what}; {hint}"))
            }
        }
    }
}

impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        in_words(&error)
    }
}

fn in_words(error: &object_store::Error) -> Trouble {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(NoAnswer { status, asked, failure: Failure { errno, what, .. } }) = one.downcast_ref() {
            return Trouble { status: *status, asked: *asked, errno: *errno, what: one_line(what) };
        }
        cause = one.source();
    }
    let what = match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        error => error.to_string(),
    };
    Trouble::local(&one_line(&what))
}

/// What others say, on one line, and not all of it.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().flat_map(char::escape_debug).take(WORDS).collect()
}
