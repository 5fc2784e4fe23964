//! What copies do not have of their sources, since the format of the target does not store it.

use super::Facts;
use super::sink::Sink;
use crate::output::escaped;
use crate::owner::Owner;
use rumpkit::kpi::Capabilities;
use rumpkit::{FileType, Stat};
use std::collections::BTreeMap;

/// Something that a format may not store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// User and group.
    Owner,
    /// Permission bits.
    Mode,
    /// Time of the last change, to its last digit.
    Time,
    /// Extended attributes, and lists of access rights.
    Xattrs,
    /// That two names are of one file.
    HardLink,
}

impl Loss {
    /// What it is called in JSON.
    fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Mode => "mode",
            Self::Time => "time",
            Self::Xattrs => "xattrs",
            Self::HardLink => "hard_link",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Owner => "its owner",
            Self::Mode => "its mode",
            Self::Time => "the exact time of its last change",
            Self::Xattrs => "its extended attributes",
            Self::HardLink => "being another name of a file, and is a copy",
        }
    }
}

/// What is done about losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// They are counted, and told at the end.
    Report,
    /// Each is a failure.
    Strict,
}

/// See the module.
pub struct Losses {
    carry: Carry,
    /// How many files have lost something, and the first of them.
    lost: BTreeMap<Loss, (u64, Vec<u8>)>,
}

impl Losses {
    /// Nothing was lost yet.
    pub fn new(carry: Carry) -> Self {
        Self { carry, lost: BTreeMap::new() }
    }

    /// A line for each thing that was lost.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.lost.iter().map(|(loss, (count, first))| match count {
            1 => format!("{} has lost {}", escaped(first), loss.text()),
            count => format!("{count} files have lost the like: {} has lost {}", escaped(first), loss.text()),
        })
    }
}

impl Sink<'_, '_> {
    /// Whether losses are told; otherwise what is not stored is an error.
    pub(super) fn bears_losses(&self) -> bool {
        self.losses.is_some()
    }

    /// The target cannot store something that the file at the present path has.
    pub(super) fn lose(&mut self, loss: Loss) {
        let Some(losses) = &mut self.losses else { return };
        if losses.carry == Carry::Strict {
            self.failed += 1;
            let why = format!("loses {}", loss.text());
            self.change.session.report(self.place, &self.path, &why);
            return;
        }
        let (count, _) = losses.lost.entry(loss).or_insert_with(|| (0, self.path.clone()));
        *count += 1;
        self.change.session.outcome.lose(loss.word(), 1);
    }

    /// Looks at what became of the attributes that were set.
    pub(super) fn look_for_losses(&mut self, facts: &Facts, owner: Owner, made: &Stat) {
        let has_owner =
            owner.uid.is_none_or(|uid| uid == made.uid) && owner.gid.is_none_or(|gid| gid == made.gid);
        if !has_owner && !self.can.contains(Capabilities::OWNERS) && self.rules.keep == super::Keep::All {
            self.lose(Loss::Owner);
        }
        if facts.file_type != FileType::Symlink
            && made.mode.bits() & 0o7777 != self.mode(facts, owner) & 0o7777
        {
            self.lose(Loss::Mode);
        }
        if made.mtime != facts.mtime {
            self.lose(Loss::Time);
        }
    }
}
