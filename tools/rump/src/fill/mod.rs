//! Trees on their way from where they are to where they shall be.
//!
//! A [`Source`] walks a tree and hands every file to a [`Sink`]: host directories ([`host`]), archives
//! (`crate::tar`) and images ([`image_source`]) are sources; an image ([`image`]), an archive, and the measure of
//! what a tree needs ([`measure`]) are sinks. Sinks that stand between ([`rules`]) change what passes.
//!
//! Paths are relative: names with single slashes between them, none of them `.` or `..`; the empty path is the top.
//! A directory need not come before what is in it, and may come twice.

pub mod host;
pub mod image;
pub mod image_source;
pub mod measure;
pub mod rules;
pub mod table;
mod way;

pub use rump_cli::path::{clean, split};
pub use rump_tar::reader::{Entry, Kind};

use crate::session::Failure;
use rumpkit::KError;
use std::fmt::Display;
use std::ops::Range;

/// Why something was not done.
pub enum Trouble {
    /// This file; the rest goes on.
    File(String),
    /// This file, because of the image that is written: who writes it knows whether the rest can go on.
    Image(KError),
    /// Everything ends.
    Stop(Failure),
}

impl Trouble {
    /// This file failed.
    pub fn file(why: impl Display) -> Self {
        Self::File(why.to_string())
    }
}

impl From<KError> for Trouble {
    fn from(error: KError) -> Self {
        Self::Image(error)
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(error: rustix::io::Errno) -> Self {
        Self::file(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Stop(failure)
    }
}

/// Takes a piece of content that belongs at an offset.
pub type Take<'t> = dyn FnMut(u64, &[u8]) -> Result<(), Trouble> + 't;

/// The content of a regular file. It can be had once.
pub trait Content {
    /// The parts that hold data, in order and apart; all else is holes.
    fn map(&mut self) -> Result<Vec<Range<u64>>, Trouble>;
    /// Gives what the parts hold, in order.
    fn copy(&mut self, take: &mut Take<'_>) -> Result<(), Trouble>;
}

/// No content: what is not a regular file has none.
pub struct Nothing;

impl Content for Nothing {
    fn map(&mut self) -> Result<Vec<Range<u64>>, Trouble> {
        Ok(Vec::new())
    }

    fn copy(&mut self, _take: &mut Take<'_>) -> Result<(), Trouble> {
        Ok(())
    }
}

/// What files are handed to.
pub trait Sink {
    /// Takes a file.
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble>;
    /// Is told of a file that is not as it should be, or not at all.
    fn failed(&mut self, path: &[u8], why: &str);
    /// Is told what is no failure.
    fn note(&mut self, text: &str);
}

/// What hands out files.
pub trait Source {
    /// Hands all of them to `sink`, which is told of those that cannot be read. The same order each time.
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure>;
}

/// Hands one file over; an error that ends nothing is told to the sink.
pub fn hand(sink: &mut dyn Sink, entry: &Entry, content: &mut dyn Content) -> Result<(), Failure> {
    match sink.entry(entry, content) {
        Ok(()) => Ok(()),
        Err(trouble) => tell(sink, &entry.path, trouble),
    }
}

/// Tells the sink of trouble with one file. Errors: that which ends everything.
pub fn tell(sink: &mut dyn Sink, path: &[u8], trouble: Trouble) -> Result<(), Failure> {
    match trouble {
        Trouble::File(why) => sink.failed(path, &why),
        Trouble::Image(error) => sink.failed(path, &error.to_string()),
        Trouble::Stop(failure) => return Err(failure),
    }
    Ok(())
}
