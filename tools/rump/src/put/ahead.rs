//! The walk of a source, ahead of the copies: other threads open, and read what is small, before it is its turn.
//!
//! The [`Sink`] makes everything in the order of the walk, by one thread: there is one writer of metadata in an image.
//! Whether a directory can be made is known only then; what the walk has found in one that cannot is dropped.

use super::content::Content;
use super::sink::{CHUNK_BYTES, Sink};
use super::{Facts, Trouble};
use crate::jobs::{Job, Window, window};
use crate::record::Xattr;
use crate::session::{Failure, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is not larger is read before its turn. No more than a window of such files is held at once.
const HELD: u64 = 64 << 10;

/// Something that the walk has come to.
pub struct Found {
    /// Its path in the source, for messages.
    pub path: Vec<u8>,
    /// Its name.
    pub name: Vec<u8>,
    /// What it is.
    pub facts: Facts,
    /// Why its extended attributes could not be read.
    pub damage: Option<String>,
}

impl Found {
    /// Adds extended attributes, or why they could not be read.
    pub fn add_xattrs(&mut self, found: Result<Vec<Xattr>, String>) {
        match found {
            Ok(found) => self.facts.xattrs = found,
            Err(why) => self.damage = Some(why),
        }
    }
}

/// What the walk came to, in its order.
pub enum Came<'s> {
    /// A directory, whose end follows.
    Entered(Found),
    /// What is no directory, or why it is not copied.
    File(Found, Result<Box<dyn Content + Send + 's>, Trouble>),
    /// The end of a directory that was entered.
    Left(Found),
    /// Something that is not copied.
    Failed(Vec<u8>, String),
}

/// Whether files are read before their turn: not where they are there already.
#[derive(Clone)]
pub struct Reading(Arc<AtomicBool>);

impl Reading {
    /// The content of a file of `size` bytes, read already if that is wanted.
    pub fn hold<'s>(
        &self,
        mut content: impl Content + Send + 's,
        size: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<Box<dyn Content + Send + 's>, Trouble> {
        if size > HELD || !self.0.load(Ordering::Relaxed) {
            return Ok(Box::new(content));
        }
        buffer.resize(HELD as usize, 0);
        let mut pieces = Vec::new();
        while let Some((at, count)) = content.next(buffer)? {
            pieces.push((at, buffer[..count].to_vec()));
        }
        Ok(Box::new(Held(pieces.into_iter())))
    }
}

/// Content that was read already.
struct Held(std::vec::IntoIter<(u64, Vec<u8>)>);

const _: () = assert!(HELD as usize <= CHUNK_BYTES);

impl Content for Held {
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Trouble> {
        Ok(self.0.next().map(|(at, piece)| {
            buffer[..piece.len()].copy_from_slice(&piece);
            (at, piece.len())
        }))
    }
}

/// See the module.
pub struct Ahead<'x, 'w, 'a, 'b, J: Job> {
    pub(super) sink: &'x mut Sink<'a, 'b>,
    window: &'x mut Window<'w, J>,
    /// Most that may be under way.
    most: usize,
    /// Whether files are read before their turn.
    pub(super) reading: Reading,
    /// Levels below a directory that could not be made, with it.
    refused: usize,
    report: &'x dyn Fn(&mut Session, &[u8], &str),
}

impl<'x, 'w, 'a, 'b, 's, J: Job<Result = Came<'s>>> Ahead<'x, 'w, 'a, 'b, J> {
    /// For copies by `sink`; `report` tells why a file of the source was not copied.
    pub fn new(
        sink: &'x mut Sink<'a, 'b>,
        work: &'x mut Window<'w, J>,
        report: &'x dyn Fn(&mut Session, &[u8], &str),
    ) -> Self {
        let reading = Reading(Arc::new(AtomicBool::new(!sink.change.is_trial)));
        Self { sink, window: work, most: window(), reading, refused: 0, report }
    }

    /// Gives a file to be opened.
    pub fn give(&mut self, job: J) -> Result<(), Failure> {
        self.window.give(job);
        self.settle_if_full()
    }

    /// Gives what needs no more work.
    pub fn give_done(&mut self, came: Came<'s>) -> Result<(), Failure> {
        self.window.give_done(came);
        self.settle_if_full()
    }

    /// Makes what was found, until no more than `left` of it is left.
    pub fn settle(&mut self, left: usize) -> Result<(), Failure> {
        while self.window.len() > left {
            match self.window.take(|| ()) {
                Some(came) => self.conclude(came)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Lets work gather: those who do it are not to be woken for each piece.
    fn settle_if_full(&mut self) -> Result<(), Failure> {
        if self.sink.change.session.stop.is_wanted() {
            return self.sink.fail(Trouble::Stopped, b"", |_, _| ());
        }
        if self.window.len() < self.most { Ok(()) } else { self.settle(self.most / 2) }
    }

    fn conclude(&mut self, came: Came<'s>) -> Result<(), Failure> {
        if self.sink.change.session.stop.is_wanted() {
            return self.sink.fail(Trouble::Stopped, b"", |_, _| ());
        }
        if self.refused > 0 {
            match came {
                Came::Entered(_) => self.refused += 1,
                Came::Left(_) => self.refused -= 1,
                Came::File(..) | Came::Failed(..) => {}
            }
            return Ok(());
        }
        match came {
            Came::Entered(found) => {
                self.begin(&found);
                let entered = self.sink.enter(&found.facts, &found.name);
                self.refused = usize::from(entered.is_err());
                self.end(&found, entered)
            }
            Came::File(found, content) => {
                self.begin(&found);
                let before = self.sink.change.session.progress.bytes;
                let made = content
                    .and_then(|mut content| self.sink.file(&found.facts, &found.name, content.as_mut()));
                if found.facts.size > 0 && !self.sink.change.is_trial {
                    let was_read = self.sink.change.session.progress.bytes != before;
                    self.reading.0.store(was_read, Ordering::Relaxed);
                }
                self.end(&found, made)
            }
            Came::Left(found) => {
                self.tell_damage(&found);
                match self.sink.leave(&found.facts) {
                    Ok(()) => Ok(()),
                    Err(trouble) => self.fail(trouble, &found.path, b""),
                }
            }
            Came::Failed(path, why) => {
                self.sink.count_failure();
                (self.report)(self.sink.change.session, &path, &why);
                Ok(())
            }
        }
    }

    fn begin(&mut self, found: &Found) {
        self.sink.change.session.progress.begin(&found.path);
        self.tell_damage(found);
    }

    /// Damaged attributes do not keep the content from being copied.
    fn tell_damage(&mut self, found: &Found) {
        if let Some(why) = &found.damage {
            self.sink.count_failure();
            let why = format!("its extended attributes: {why}");
            (self.report)(self.sink.change.session, &found.path, &why);
        }
    }

    fn end(&mut self, found: &Found, made: Result<(), Trouble>) -> Result<(), Failure> {
        match made {
            Ok(()) => {
                self.sink.change.session.progress.add_file();
                Ok(())
            }
            Err(trouble) => self.fail(trouble, &found.path, &found.name),
        }
    }

    fn fail(&mut self, trouble: Trouble, path: &[u8], name: &[u8]) -> Result<(), Failure> {
        let report = self.report;
        self.sink.fail(trouble, name, |change, why| report(change.session, path, why))
    }
}
