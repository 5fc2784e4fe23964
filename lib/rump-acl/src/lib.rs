//! Access control lists: POSIX.1e draft 17, section 23, as acl(5) describes them.
//!
//! Pure algebra: who is granted what ([`Acl::grants`]), what a change of mode does to a list ([`Acl::set_mode`]),
//! what a new file inherits ([`Acl::inherit`]), and the form that lists have as the extended attributes
//! [`ACCESS`] and [`DEFAULT`] ([`Acl::parse`], [`Acl::emit`]).
//!
//! Invariant: a list that names a user or a group has a mask, so that the group bits of a mode are always the
//! upper bound for everybody but the owner and the others.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod xattr;

#[cfg(test)]
mod tests;

pub use xattr::Malformed;

use alloc::vec::Vec;

/// The extended attribute that holds the list for access to the file itself.
pub const ACCESS: &[u8] = b"system.posix_acl_access";
/// The extended attribute that holds the list which new files in a directory inherit.
pub const DEFAULT: &[u8] = b"system.posix_acl_default";

/// Permissions that a user or group is given by name: its number, and the bits read 4, write 2, execute 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The user or group.
    pub id: u32,
    /// The bits.
    pub bits: u32,
}

/// A list. All bits are read 4, write 2, execute 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    owner: u32,
    users: Vec<Named>,
    group: u32,
    groups: Vec<Named>,
    mask: Option<u32>,
    others: u32,
}

/// Whom a check is about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The user.
    pub uid: u32,
    /// Whether the user is in a group.
    pub in_group: &'a dyn Fn(u32) -> bool,
}

impl Acl {
    /// The list that says what the nine bits of a mode say.
    pub fn of_mode(mode: u32) -> Self {
        Self {
            owner: mode >> 6 & 7,
            users: Vec::new(),
            group: mode >> 3 & 7,
            groups: Vec::new(),
            mask: None,
            others: mode & 7,
        }
    }

    /// Adds a user. A list without a mask gets the one that lets everything through which is granted so far.
    pub fn with_user(mut self, id: u32, bits: u32) -> Self {
        self.users.push(Named { id, bits: bits & 7 });
        self.widen_mask(bits)
    }

    /// Adds a group; see [`Acl::with_user`].
    pub fn with_group(mut self, id: u32, bits: u32) -> Self {
        self.groups.push(Named { id, bits: bits & 7 });
        self.widen_mask(bits)
    }

    /// Sets the mask.
    pub fn with_mask(mut self, bits: u32) -> Self {
        self.mask = Some(bits & 7);
        self
    }

    fn widen_mask(mut self, bits: u32) -> Self {
        self.mask = Some(self.mask.unwrap_or(self.group) | bits & 7);
        self
    }

    /// The nine bits of a mode that go with the list: those of the group are the mask, if there is one.
    pub fn mode(&self) -> u32 {
        self.owner << 6 | self.mask.unwrap_or(self.group) << 3 | self.others
    }

    /// Whether the mode says all that the list says, so that the list need not be kept.
    pub fn is_minimal(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.mask.is_none()
    }

    /// Whether all bits of `wanted` are granted (section 23.1.5). `owner` and `group` are those of the file.
    ///
    /// One entry decides: that of the owner, else of the named user, else any one of the groups that match, else
    /// that of the others. Where a group matches and none grants, the others' entry is not asked.
    pub fn grants(&self, subject: Subject<'_>, owner: u32, group: u32, wanted: u32) -> bool {
        let wanted = wanted & 7;
        let has = |bits: u32| wanted & !bits == 0;
        let has_masked = |bits: u32| has(bits & self.mask.unwrap_or(7));
        if subject.uid == owner {
            return has(self.owner);
        }
        if let Some(user) = self.users.iter().find(|user| user.id == subject.uid) {
            return has_masked(user.bits);
        }
        let own = Named { id: group, bits: self.group };
        let mut matching = core::iter::once(&own)
            .chain(&self.groups)
            .filter(|named| (subject.in_group)(named.id))
            .peekable();
        if matching.peek().is_none() {
            return has(self.others);
        }
        matching.any(|named| has_masked(named.bits))
    }

    /// What `chmod` does to the list: the group bits go to the mask if there is one.
    pub fn set_mode(&mut self, mode: u32) {
        self.owner = mode >> 6 & 7;
        *self.mask.as_mut().unwrap_or(&mut self.group) = mode >> 3 & 7;
        self.others = mode & 7;
    }

    /// The list of a file made with `mode` in a directory with this default list (section 23.3.4: what the list
    /// and the mode have in common; the umask has no say). Its [`Acl::mode`] is the mode of the file, and a
    /// directory gets the default list as its own besides.
    pub fn inherit(&self, mode: u32) -> Self {
        let mut list = self.clone();
        list.set_mode(self.mode() & mode);
        list
    }
}
