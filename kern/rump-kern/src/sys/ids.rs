//! Who a process is: getuid(2), setuid(2), getgroups(2) and their like.
//!
//! Reference: POSIX.1-2017, setuid, seteuid, setreuid and those of groups; issetugid(2) and setgroups(2) of NetBSD. The
//! effective identities are the [`Credentials`] that decide; only `access` asks the real ones.

use crate::process::Standing;
use crate::{Credentials, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::{KError, KResult};

/// Supplementary groups that `setgroups` takes.
pub const NGROUPS_MAX: usize = 16;

/// The identities besides the effective ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    real_uid: u32,
    saved_uid: u32,
    real_gid: u32,
    saved_gid: u32,
    /// Whether a system call changed any.
    were_changed: bool,
}

impl Ids {
    pub(crate) fn real_uid(&self) -> u32 {
        self.real_uid
    }

    pub(crate) fn real_gid(&self) -> u32 {
        self.real_gid
    }

    /// Real and saved ones that are as the effective ones.
    pub(crate) fn all_of(credentials: &Credentials) -> Self {
        let Credentials { uid, gid, .. } = *credentials;
        Self { real_uid: uid, saved_uid: uid, real_gid: gid, saved_gid: gid, were_changed: false }
    }
}

/// Real, effective and saved number of a user or a group.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Triple {
    real: u32,
    effective: u32,
    saved: u32,
}

impl Triple {
    /// As setuid(2). Errors: EPERM.
    fn set(&mut self, id: u32, is_privileged: bool) -> KResult<()> {
        if is_privileged {
            *self = Self { real: id, effective: id, saved: id };
            return Ok(());
        }
        self.set_effective(id, is_privileged)
    }

    /// As seteuid(2). Errors: EPERM.
    fn set_effective(&mut self, id: u32, is_privileged: bool) -> KResult<()> {
        if !is_privileged && id != self.real && id != self.saved {
            return Err(Errno::EPERM.into());
        }
        self.effective = id;
        Ok(())
    }

    /// As setreuid(2): the saved one follows the effective one unless only that changes, to the real one. Errors: EPERM.
    fn set_both(&mut self, real: Option<u32>, effective: Option<u32>, is_privileged: bool) -> KResult<()> {
        let before = *self;
        let real_is_known = |id| id == before.real || id == before.effective;
        let is_known = |id| real_is_known(id) || id == before.saved;
        let is_allowed = real.is_none_or(real_is_known) && effective.is_none_or(is_known);
        if !is_privileged && !is_allowed {
            return Err(Errno::EPERM.into());
        }
        self.real = real.unwrap_or(before.real);
        self.effective = effective.unwrap_or(before.effective);
        if real.is_some() || effective.is_some_and(|id| id != before.real) {
            self.saved = self.effective;
        }
        Ok(())
    }
}

impl Process {
    /// The real user.
    pub fn getuid(&self) -> u32 {
        self.standing().ids.real_uid
    }

    /// The effective user.
    pub fn geteuid(&self) -> u32 {
        self.cred().uid
    }

    /// The real group.
    pub fn getgid(&self) -> u32 {
        self.standing().ids.real_gid
    }

    /// The effective group.
    pub fn getegid(&self) -> u32 {
        self.cred().gid
    }

    /// The supplementary groups.
    pub fn getgroups(&self) -> Vec<u32> {
        self.cred().groups.clone()
    }

    /// Whether a system call changed who the process is, or its parent's when it was forked.
    pub fn issetugid(&self) -> bool {
        self.standing().ids.were_changed
    }

    /// Makes the effective user that one, and, for the superuser, the real and the saved one. Errors: EPERM (neither
    /// the superuser, nor is it the real or the saved user).
    pub fn setuid(&self, uid: u32) -> KResult<()> {
        self.change_user(|user, is_privileged| user.set(uid, is_privileged))
    }

    /// Makes the effective user that one. Errors: as [`Process::setuid`].
    pub fn seteuid(&self, uid: u32) -> KResult<()> {
        self.change_user(|user, is_privileged| user.set_effective(uid, is_privileged))
    }

    /// Makes the real and the effective user those; `None` leaves one as it is. The saved user becomes the effective
    /// one, unless only the effective one was set, to the real one. Errors: EPERM (not the superuser, and the real one
    /// is to be neither the real nor the effective one, or the effective one none of the three).
    pub fn setreuid(&self, real: Option<u32>, effective: Option<u32>) -> KResult<()> {
        self.change_user(|user, is_privileged| user.set_both(real, effective, is_privileged))
    }

    /// As [`Process::setuid`], of groups; the effective user says who is the superuser.
    pub fn setgid(&self, gid: u32) -> KResult<()> {
        self.change_group(|group, is_privileged| group.set(gid, is_privileged))
    }

    /// As [`Process::seteuid`], of groups.
    pub fn setegid(&self, gid: u32) -> KResult<()> {
        self.change_group(|group, is_privileged| group.set_effective(gid, is_privileged))
    }

    /// As [`Process::setreuid`], of groups.
    pub fn setregid(&self, real: Option<u32>, effective: Option<u32>) -> KResult<()> {
        self.change_group(|group, is_privileged| group.set_both(real, effective, is_privileged))
    }

    /// Changes the supplementary groups. Errors: EPERM (not the superuser), EINVAL (more than [`NGROUPS_MAX`]).
    pub fn setgroups(&self, groups: &[u32]) -> KResult<()> {
        if !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        if groups.len() > NGROUPS_MAX {
            return Err(KError::new(Errno::EINVAL, "too many supplementary groups"));
        }
        self.change_standing(|standing| {
            // Another thread may have changed the user meanwhile.
            if !standing.credentials.is_root() {
                return Err(Errno::EPERM.into());
            }
            let credentials = Credentials { groups: groups.to_vec(), ..(*standing.credentials).clone() };
            set_credentials(standing, credentials);
            Ok(())
        })
    }

    fn change_user(&self, change: impl FnOnce(&mut Triple, bool) -> KResult<()>) -> KResult<()> {
        self.change_standing(|standing| {
            let Ids { real_uid: real, saved_uid: saved, .. } = standing.ids;
            let before = Triple { real, effective: standing.credentials.uid, saved };
            let mut after = before;
            change(&mut after, standing.credentials.is_root())?;
            if after != before {
                (standing.ids.real_uid, standing.ids.saved_uid) = (after.real, after.saved);
                let credentials = Credentials { uid: after.effective, ..(*standing.credentials).clone() };
                set_credentials(standing, credentials);
            }
            Ok(())
        })
    }

    fn change_group(&self, change: impl FnOnce(&mut Triple, bool) -> KResult<()>) -> KResult<()> {
        self.change_standing(|standing| {
            let Ids { real_gid: real, saved_gid: saved, .. } = standing.ids;
            let before = Triple { real, effective: standing.credentials.gid, saved };
            let mut after = before;
            change(&mut after, standing.credentials.is_root())?;
            if after != before {
                (standing.ids.real_gid, standing.ids.saved_gid) = (after.real, after.saved);
                let credentials = Credentials { gid: after.effective, ..(*standing.credentials).clone() };
                set_credentials(standing, credentials);
            }
            Ok(())
        })
    }

    /// As which `access` checks: the real user and group.
    pub(crate) fn real_credentials(&self) -> Arc<Credentials> {
        let standing = self.standing();
        let Ids { real_uid: uid, real_gid: gid, .. } = standing.ids;
        let effective = &standing.credentials;
        if (uid, gid) == (effective.uid, effective.gid) {
            return effective.clone();
        }
        Arc::new(Credentials { uid, gid, groups: effective.groups.clone() })
    }
}

fn set_credentials(standing: &mut Standing, credentials: Credentials) {
    standing.ids.were_changed = true;
    standing.credentials = Arc::new(credentials);
}
