//! Digests of blobs, and readers that compute them on the way.

use rump_names::escape::hex;
use sha2::{Digest as _, Sha256, Sha512};
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// A digest of a registered algorithm (image-spec 1.1, "Descriptor"): nothing else is a name of a blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Digest {
    /// Reads `ALGORITHM:HEX`. Errors: what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no digest of sha256 or sha512");
        let (algorithm, hex) = text.split_once(':').ok_or_else(bad)?;
        let (algorithm, length) = match algorithm {
            "sha256" => (Algorithm::Sha256, 64),
            "sha512" => (Algorithm::Sha512, 128),
            _ => return Err(bad()),
        };
        let is_hex = hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex { Ok(Self { algorithm, hex: hex.into() }) } else { Err(bad()) }
    }

    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { algorithm: Algorithm::Sha256, hex: hex(&Sha256::digest(bytes)) }
    }

    /// It, in base 16.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Where a layout keeps the blob.
    pub fn path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm.name(), self.hex)
    }

    /// What computes such a digest.
    pub fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// Errors: `bytes` are others than it stands for.
    pub fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        self.compare(hasher)
    }

    /// Errors: what was hashed is other than it stands for.
    pub fn compare(&self, hasher: Hasher) -> Result<(), String> {
        let found = hasher.finish();
        if found == self.hex {
            return Ok(());
        }
        Err(format!("its content has the digest {}:{found}, not {self}", self.algorithm.name()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// Computes a digest.
#[derive(Clone)]
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => hex(&hasher.finalize()),
            Self::Sha512(hasher) => hex(&hasher.finalize()),
        }
    }
}

/// The digest of what has passed a [`Tap`]; one may be asked for, or none.
#[derive(Clone)]
pub struct Passed(Arc<Mutex<(Option<Hasher>, u64)>>);

impl Passed {
    /// Nothing passed yet.
    pub fn new(wanted: Option<&Digest>) -> Self {
        Self(Arc::new(Mutex::new((wanted.map(Digest::hasher), 0))))
    }

    fn add(&self, bytes: &[u8]) -> u64 {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hasher) = &mut passed.0 {
            hasher.update(bytes);
        }
        passed.1 = passed.1.saturating_add(bytes.len() as u64);
        passed.1
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Errors: it was not what `digest` stands for.
    pub fn check(&self, digest: &Digest) -> Result<(), String> {
        let hasher = self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        digest.compare(hasher.unwrap_or_else(|| digest.hasher()))
    }
}

/// Passes on what a reader gives, up to a limit.
pub struct Tap<R, S> {
    reader: R,
    passed: Passed,
    most: u64,
    is_stopped: S,
}

impl<R: Read, S: Fn() -> bool> Tap<R, S> {
    /// Passes `reader` on and counts in `passed`. More than `most` bytes are an error, and so is that `is_stopped`.
    pub fn new(reader: R, passed: Passed, most: u64, is_stopped: S) -> Self {
        Self { reader, passed, most, is_stopped }
    }
}

impl<R: Read, S: Fn() -> bool> Read for Tap<R, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if (self.is_stopped)() {
            return Err(io::Error::other("interrupted"));
        }
        let count = self.reader.read(buf)?;
        if self.passed.add(&buf[..count]) > self.most {
            return Err(io::Error::other(format!("more than {} bytes", self.most)));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn nothing_but_a_digest_becomes_a_path() {
        let digest = Digest::parse(EMPTY).unwrap();
        assert_eq!(digest.path(), EMPTY.replace("sha256:", "blobs/sha256/"));
        assert!(digest.check(b"").is_ok() && digest.check(b"x").is_err());
        let long = format!("sha256:{}", "../".repeat(22));
        for text in ["", "sha256", "sha256:", "md5:00", "sha512:00", &EMPTY.to_uppercase(), &long] {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
        let sha512 = format!("sha512:{}", "0".repeat(128));
        assert!(Digest::parse(&sha512).unwrap().check(b"").unwrap_err().contains("cf83e1357eef"));
    }

    #[test]
    fn what_passes_is_counted_and_bounded() {
        let digest = Digest::parse(EMPTY).unwrap();
        let passed = Passed::new(Some(&digest));
        let mut tap = Tap::new(&b"abc"[..], passed.clone(), 2, || false);
        assert!(tap.read_to_end(&mut Vec::new()).is_err());
        assert_eq!(passed.bytes(), 3);
        assert!(passed.check(&digest).is_err());
    }
}
