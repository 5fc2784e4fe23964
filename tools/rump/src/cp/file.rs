//! A regular file on its way out of an image, which any thread may copy.

use super::attributes::Lost;
use super::content::{CHUNK_BYTES, copy_content};
use super::error::CopyError;
use super::new_file::Making;
use super::tree::{Came, or_damage};
use crate::jobs::Job;
use crate::record::read_xattrs_of;
use crate::steps::Follow;
use crate::stop::Stop;
use crate::walk::{Entry, OpenFile};
use rumpkit::{Process, Stat};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A file that is not larger is copied in no more than some microseconds.
const SMALL: u64 = 64 << 10;

const ALL_BITS: u32 = 0o7777;

/// What files of a whole run share.
#[derive(Clone)]
pub struct Run {
    /// Whether the user wants to stop.
    pub stop: Stop,
    /// Which symbolic links are followed.
    pub follow: Follow,
    /// Bytes copied that were not shown yet.
    pub bytes: Arc<AtomicU64>,
}

/// See the module.
pub struct FileJob<'a> {
    path: Vec<u8>,
    from: OpenFile<'a>,
    stat: Stat,
    parent: Arc<OwnedFd>,
    making: Making,
    /// Its name until it is complete, and from then on.
    names: (Vec<u8>, Vec<u8>),
    run: Run,
}

/// What became of a file, link or directory.
pub struct Copied {
    /// Its path in the image.
    pub path: Vec<u8>,
    /// Whether it was copied.
    pub result: Result<(), CopyError>,
    /// What it lost on the way.
    pub lost: Lost,
    /// Why its extended attributes could not be read.
    pub damage: Option<String>,
}

impl Copied {
    /// Nothing is wrong so far.
    pub fn new(path: &[u8]) -> Self {
        Self { path: path.to_vec(), result: Ok(()), lost: Lost::default(), damage: None }
    }
}

impl<'a> FileJob<'a> {
    /// Opens the file that is to be copied to `parent`.
    pub fn open(
        process: &'a Process,
        entry: &Entry<'_>,
        (parent, making): (Arc<OwnedFd>, Making),
        names: (Vec<u8>, Vec<u8>),
        run: Run,
    ) -> Result<Self, CopyError> {
        let from = OpenFile::of(process, entry, run.follow)?;
        Ok(Self { path: entry.path.to_vec(), from, stat: *entry.stat, parent, making, names, run })
    }

    /// Copies it now.
    pub fn copy(&self, buffer: &mut Vec<u8>, copied: &mut Copied) -> Result<(), CopyError> {
        if self.run.stop.is_wanted() {
            return Err(CopyError::Interrupted);
        }
        if buffer.is_empty() {
            *buffer = vec![0; CHUNK_BYTES];
        }
        let (process, from) = (self.from.process(), self.from.fd());
        let xattrs = or_damage(read_xattrs_of(process, from), &mut copied.damage);
        let (temporary, name) = &self.names;
        let mode = self.stat.mode.bits() & ALL_BITS;
        self.making.make(&self.parent, (&temporary[..], &name[..]), mode, |to, made| {
            copy_content((process, from, &self.stat), to, buffer, &self.run.bytes, &self.run.stop)?;
            copied.lost.set(&self.stat, &xattrs, to, Some(made))
        })
    }
}

impl Job for FileJob<'_> {
    type Result = Came;

    fn run(self, buffer: &mut Vec<u8>) -> Self::Result {
        let mut copied = Copied::new(&self.path);
        copied.result = self.copy(buffer, &mut copied);
        Came::Copied(copied)
    }

    fn is_small(&self) -> bool {
        self.stat.size <= SMALL
    }
}
