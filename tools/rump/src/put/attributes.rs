//! Owner, mode, times and extended attributes of a copy.

use super::losses::Loss;
use super::sink::Sink;
use super::{Facts, Keep, Trouble};
use crate::change::ends_all;
use crate::owner::Owner;
use rumpkit::kpi::{Capabilities, SetTime};
use rumpkit::{Errno, Fd, FileType, KError, KResult, Mode, XattrFlags};

/// Bits that lend rights of an owner.
const SET_ID: u32 = 0o6000;
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
/// What new files in a directory inherit.
pub(super) const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";

/// The mode of a new file that does not get its own at once.
const NEW_FILE: u32 = 0o600;

/// What a new file has before its attributes are set: each that is right already is one change less of the image.
#[derive(Clone, Copy)]
pub(super) struct Made {
    /// The mode that it is made with.
    pub mode: Mode,
    has_mode: bool,
    has_owner: bool,
    may_have_lists: bool,
}

impl Sink<'_, '_> {
    /// The owner of a copy in a directory with the owner and group `directory`.
    pub(super) fn owner(&self, facts: &Facts, directory: (u32, u32)) -> Owner {
        let (uid, gid) = match self.rules.keep {
            Keep::All => (facts.uid, facts.gid),
            Keep::Usual => directory,
        };
        let given = self.rules.owner.unwrap_or(Owner { uid: None, gid: None });
        Owner { uid: given.uid.or(Some(uid)), gid: given.gid.or(Some(gid)) }
    }

    /// The bits of a copy: without its owner, a set-id bit would lend the wrong rights.
    pub(super) fn mode(&self, facts: &Facts, owner: Owner) -> u32 {
        let is_given_away = (owner.uid, owner.gid) != (Some(facts.uid), Some(facts.gid));
        let is_wrong = is_given_away && self.rules.owner.is_none() && facts.file_type != FileType::Directory;
        facts.mode & !if is_wrong { SET_ID } else { 0 }
    }

    /// What a new file is given when it is made.
    pub(super) fn made(&self, facts: &Facts, owner: Owner) -> Made {
        let home = self.home();
        let is_plain = self.can.contains(Capabilities::OWNERS) && !home.has_default_list;
        let mode = self.mode(facts, owner);
        let has_mode = is_plain && mode & SET_ID == 0;
        Made {
            mode: Mode::new(if has_mode { mode } else { NEW_FILE }),
            has_mode,
            has_owner: is_plain && owner == Owner { uid: Some(0), gid: Some(home.ids.1) },
            may_have_lists: home.has_default_list,
        }
    }

    /// Sets everything of an open copy, in the order in which none undoes another. `made` is what it has already.
    pub(super) fn set_attributes(
        &mut self,
        facts: &Facts,
        fd: Fd,
        owner: Owner,
        made: Option<Made>,
    ) -> Result<(), Trouble> {
        let process = self.process();
        if !made.is_some_and(|made| made.has_owner) {
            self.or_not_stored(process.fchown(fd, owner.uid, owner.gid))?;
        }
        if made.is_none_or(|made| made.may_have_lists) {
            drop_lists(facts, &process.flistxattr(fd)?, |list| process.fremovexattr(fd, list))?;
        }
        if !made.is_some_and(|made| made.has_mode) {
            self.or_not_stored(process.fchmod(fd, Mode::new(self.mode(facts, owner))))?;
        }
        let kept =
            self.set_xattrs(facts, &|key, value| process.fsetxattr(fd, key, value, XattrFlags::empty()));
        process.futimens(fd, times(facts))?;
        if self.bears_losses() {
            self.look_for_losses(facts, owner, &process.fstat(fd)?);
        }
        kept
    }

    /// A file system without owners and modes refuses them; that matters to those alone who asked for them.
    pub(super) fn or_not_stored(&self, set: KResult<()>) -> KResult<()> {
        let is_wanted = self.rules.keep == Keep::All && !self.bears_losses();
        let was_asked = is_wanted || self.rules.owner.is_some();
        let is_stored = self.can.contains(Capabilities::OWNERS);
        match set {
            Err(error) if error.errno == Errno::EPERM && !was_asked && !is_stored => Ok(()),
            set => set,
        }
    }

    /// Sets what is to be kept; each is tried, whatever became of the one before.
    pub(super) fn set_xattrs(
        &mut self,
        facts: &Facts,
        set: &dyn Fn(&[u8], &[u8]) -> KResult<()>,
    ) -> Result<(), Trouble> {
        let keeps_all = self.rules.keep == Keep::All;
        let is_kept =
            |key: &[u8]| keeps_all || key.starts_with(b"user.") || key == ACCESS_LIST || key == DEFAULT_LIST;
        let has_any = facts.xattrs.iter().any(|(key, _)| is_kept(key));
        if has_any && self.bears_losses() && !self.can.contains(Capabilities::XATTRS) {
            self.lose(Loss::Xattrs);
            return Ok(());
        }
        let mut kept = Ok(());
        for (key, value) in facts.xattrs.iter().filter(|(key, _)| is_kept(key)) {
            if let Err(error) = set(key, value) {
                let what = format!("extended attribute {}: {error}", crate::output::escaped(key));
                kept = Err(Trouble::Target(KError::new(error.errno, what)));
            }
        }
        kept
    }

    /// A file whose attributes are not complete is worth keeping; that they are not is reported.
    pub(super) fn or_report(&mut self, result: Result<(), Trouble>) -> Result<(), Trouble> {
        match result {
            Err(Trouble::Target(error)) if !ends_all(&error) => {
                self.failed += 1;
                self.change.session.report(self.place, &self.path, &error);
                Ok(())
            }
            other => other,
        }
    }
}

/// Takes away lists of access rights that a copy has inherited and its source does not have.
pub(super) fn drop_lists(
    facts: &Facts,
    names: &[Vec<u8>],
    remove: impl Fn(&[u8]) -> KResult<()>,
) -> KResult<()> {
    for list in names.iter().filter(|name| matches!(&***name, ACCESS_LIST | DEFAULT_LIST)) {
        if !facts.xattrs.iter().any(|(name, _)| name == list) {
            remove(list)?;
        }
    }
    Ok(())
}

/// Access and modification time.
pub(super) fn times(facts: &Facts) -> [Option<SetTime>; 2] {
    [Some(SetTime::To(facts.atime)), Some(SetTime::To(facts.mtime))]
}
