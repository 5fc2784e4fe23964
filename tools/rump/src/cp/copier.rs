//! What lasts for all sources of one run.

use super::attributes::Lost;
use super::content::CHUNK_BYTES;
use super::error::CopyError;
use super::links::Links;
use super::target::Target;
use super::tree::Tree;
use crate::jobs::{self, with_threads};
use crate::output::escaped;
use crate::put::Existing;
use crate::record::stat_path;
use crate::session::{Failure, Place, Session};
use crate::steps::{Follow, walk_following};
use crate::stop::Stop;
use crate::walk::Visitor;
use rumpkit::FileType;
use std::collections::HashSet;

/// Copies sources one after the other.
pub struct Copier<'a> {
    pub(super) session: &'a mut Session,
    recursive: bool,
    pub(super) existing: Existing,
    /// Each copy is told.
    pub tells: bool,
    /// How many files are copied at once.
    pub jobs: usize,
    /// Which symbolic links are followed.
    pub follow: Follow,
    /// The caller's user number.
    pub(super) uid: u32,
    pub(super) stop: Stop,
    pub(super) buffer: Vec<u8>,
    pub(super) links: Links,
    pub(super) lost: Lost,
    taken: HashSet<Vec<u8>>,
    process: u32,
    temporary: u64,
    failed: u64,
}

impl<'a> Copier<'a> {
    /// A copier; from now on Ctrl-C is asked for between pieces of work, and a second one ends at once where no image is changed.
    pub fn new(session: &'a mut Session, recursive: bool, existing: Existing) -> Result<Self, Failure> {
        session.stop.watch_impatiently()?;
        let stop = session.stop.clone();
        session.show_progress();
        Ok(Self {
            session,
            recursive,
            existing,
            tells: false,
            jobs: jobs::usual(),
            follow: Follow::No,
            uid: rustix::process::geteuid().as_raw(),
            stop,
            buffer: vec![0; CHUNK_BYTES],
            links: Links::default(),
            lost: Lost::default(),
            taken: HashSet::new(),
            process: std::process::id(),
            temporary: 0,
            failed: 0,
        })
    }

    /// Copies `place` to `target`.
    pub fn copy(&mut self, place: &Place, target: Target) -> Result<(), Failure> {
        let stat = match stat_path(place.process(), &place.path, self.follow.of(0)) {
            Ok(stat) => stat,
            Err(error) => {
                self.fail(place, &place.path, &error.to_string());
                return Ok(());
            }
        };
        let why = if stat.file_type == FileType::Directory {
            (!self.recursive).then_some("is a directory: copy it with -r")
        } else {
            target
                .has_slash
                .then_some("is no directory, and the target, with a slash at its end, is to be one")
        };
        let why = why.or_else(|| {
            (!self.taken.insert(target.path.clone())).then_some("an earlier source was copied to this name")
        });
        if let Some(why) = why {
            self.fail(place, &place.path, why);
            return Ok(());
        }
        let threads = if stat.file_type == FileType::Directory { self.jobs } else { 1 };
        with_threads(threads, |window| {
            let follow = self.follow;
            let mut tree = Tree::new(self, place, target, window);
            if let Err(error) = walk_following(place, follow, &mut tree)? {
                tree.failed(&place.path, &error.to_string())?;
            }
            tree.settle(0)
        })
    }

    /// Files, links and directories done so far.
    pub fn files(&self) -> u64 {
        self.session.progress.files
    }

    /// Takes the progress line away and says what there is to say of the whole.
    /// Answers whether all was copied.
    pub fn finish(self) -> bool {
        self.session.progress.clear();
        for note in self.lost.notes() {
            self.session.note(&note);
        }
        for (what, count) in self.lost.counts() {
            self.session.outcome.lose(what, count);
        }
        if self.failed > 0 {
            let files = self.session.progress.files;
            self.session.note(&format!("{files} files copied or there already, {} not copied", self.failed));
        }
        self.failed == 0
    }

    /// Reports what concerns the image.
    pub(super) fn fail(&mut self, place: &Place, path: &[u8], why: &str) {
        self.failed += 1;
        self.session.report(place, path, &why);
    }

    /// Reports why `path` was not copied to `host_path`; the answer is an error if nothing further can be copied.
    pub(super) fn fail_copy(
        &mut self,
        place: &Place,
        path: &[u8],
        host_path: &[u8],
        error: &CopyError,
    ) -> Result<(), Failure> {
        let files = self.session.progress.files;
        match error {
            CopyError::Interrupted => return Err(self.interrupted()),
            CopyError::Host(_) => {
                self.fail(place, path, &format!("cannot write {}: {error}", escaped(host_path)));
            }
            _ => self.fail(place, path, &error.to_string()),
        }
        match error.ends_all() {
            true => Err(Failure::Other(format!("stopped after {files} files; run it again to go on"))),
            false => Ok(()),
        }
    }

    /// How a run ends that the user wants to stop.
    pub(super) fn interrupted(&self) -> Failure {
        let files = self.session.progress.files;
        Failure::Interrupted(format!("interrupted after {files} files; run it again to go on"))
    }

    /// A name for what is not complete yet.
    pub(super) fn next_temporary(&mut self) -> Vec<u8> {
        self.temporary += 1;
        format!(".rump-{}-{}.part", self.process, self.temporary).into_bytes()
    }
}
