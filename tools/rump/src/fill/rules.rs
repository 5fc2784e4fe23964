//! What stands between a source and a sink: owners and times for all, and a table for some.

use super::table::{Row, Table};
use super::{Content, Entry, Kind, Nothing, Sink, Trouble, hand};
use crate::session::Failure;
use rumpkit::TimeSpec;
use std::collections::HashSet;

/// Changes for every file.
#[derive(Clone, Default)]
pub struct Rules {
    /// Who owns everything.
    pub owner: Option<(u32, u32)>,
    /// No time is later.
    pub latest: Option<TimeSpec>,
    /// Whether times of access are those of changes: who reads the source changes the former.
    pub without_access_times: bool,
    /// The time of what the source does not have.
    pub now: TimeSpec,
    /// What a table says.
    pub table: Table,
}

/// See the module.
pub struct Ruled<'a> {
    rules: &'a Rules,
    sink: &'a mut dyn Sink,
    seen: HashSet<Vec<u8>>,
}

impl<'a> Ruled<'a> {
    /// Applies `rules` to what passes to `sink`.
    pub fn new(rules: &'a Rules, sink: &'a mut dyn Sink) -> Self {
        Self { rules, sink, seen: HashSet::new() }
    }

    /// Hands over what the table asks for and the source did not have.
    pub fn finish(self) -> Result<(), Failure> {
        for row in self.rules.table.rows() {
            if self.seen.contains(&row.path) {
                continue;
            }
            match row.node() {
                Some(kind) => {
                    let mut entry = self.fresh(row, kind);
                    self.rules.table.apply(&mut entry);
                    self.bound(&mut entry);
                    hand(self.sink, &entry, &mut Nothing)?;
                }
                None if row.is_recursive() => {}
                None => self.sink.failed(
                    &row.path,
                    &format!("line {} of the table names it, but it is not there", row.line),
                ),
            }
        }
        Ok(())
    }

    fn fresh(&self, row: &Row, kind: Kind) -> Entry {
        let (uid, gid) = self.rules.owner.unwrap_or((0, 0));
        let time = self.rules.now;
        let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
        Entry { path: row.path.clone(), kind, mode, uid, gid, atime: time, mtime: time, xattrs: Vec::new() }
    }

    fn bound(&self, entry: &mut Entry) {
        if let Some(latest) = self.rules.latest {
            entry.mtime = entry.mtime.min(latest);
            entry.atime = entry.atime.min(latest);
        }
        if self.rules.without_access_times {
            entry.atime = entry.mtime;
        }
    }
}

impl Sink for Ruled<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        let mut entry = entry.clone();
        if let Some((uid, gid)) = self.rules.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        if !self.rules.table.is_empty() {
            self.rules.table.apply(&mut entry);
            if self.rules.table.names(&entry.path) {
                self.seen.insert(entry.path.clone());
            }
        }
        self.bound(&mut entry);
        self.sink.entry(&entry, content)
    }

    fn failed(&mut self, path: &[u8], why: &str) {
        self.sink.failed(path, why);
    }

    fn note(&mut self, text: &str) {
        self.sink.note(text);
    }
}

/// Takes names away from the front of every path, as `tar --strip-components`.
pub struct Stripped<'a> {
    count: usize,
    sink: &'a mut dyn Sink,
}

impl<'a> Stripped<'a> {
    /// Takes `count` names away; what has no more than those does not pass.
    pub fn new(count: usize, sink: &'a mut dyn Sink) -> Self {
        Self { count, sink }
    }

    fn strip(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut names = path.split(|&byte| byte == b'/');
        for _ in 0..self.count {
            names.next()?;
        }
        let rest: Vec<&[u8]> = names.collect();
        (!rest.is_empty() && !path.is_empty()).then(|| rest.join(&b'/'))
    }
}

impl Sink for Stripped<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        if self.count == 0 {
            return self.sink.entry(entry, content);
        }
        let Some(path) = self.strip(&entry.path) else { return Ok(()) };
        let kind = match &entry.kind {
            Kind::HardLink(target) => Kind::HardLink(
                self.strip(target)
                    .ok_or_else(|| Trouble::file("the first name of this file is stripped away"))?,
            ),
            kind => kind.clone(),
        };
        self.sink.entry(&Entry { path, kind, ..entry.clone() }, content)
    }

    fn failed(&mut self, path: &[u8], why: &str) {
        self.sink.failed(path, why);
    }

    fn note(&mut self, text: &str) {
        self.sink.note(text);
    }
}
