//! What can be chosen of a mount.

use std::time::Duration;

/// Whom the host's kernel lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The user who mounts, and nobody else, not even root.
    Owner,
    /// Everybody (`allow_other`): an ordinary user needs `user_allow_other` in `/etc/fuse.conf`.
    All,
}

/// Who checks permissions; see the documentation of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The host's kernel (`default_permissions`).
    Host,
    /// Nobody.
    None,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the host lists as the source of the mount.
    pub source: String,
    /// The mount takes no changes.
    pub read_only: bool,
    /// Whom it lets in.
    pub audience: Audience,
    /// Who checks.
    pub checks: Checks,
    /// Device files lead to the host's devices: only where root mounts.
    pub devices: bool,
    /// Set-id bits count: only where root mounts.
    pub set_id: bool,
    /// Programs do not run.
    pub no_exec: bool,
    /// Every file appears to be of this user; what is made is stored as of user 0.
    pub uid: Option<u32>,
    /// As `uid`, for the group.
    pub gid: Option<u32>,
    /// How long the host's kernel may remember what a name names. Nobody else changes the files, so this may be long; it is
    /// zero where names that differ in case may name one file, whatever is said here.
    pub entry_timeout: Duration,
    /// How long it may remember attributes.
    pub attr_timeout: Duration,
    /// It keeps what is written until it is old, much, or synced.
    pub writeback_cache: bool,
    /// Bytes that it reads ahead; as many as it likes if none. It may have a bound.
    pub max_readahead: Option<u32>,
    /// Bytes of the largest write, 1 MiB or less.
    pub max_write: u32,
    /// Threads that serve, at least one.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            source: "rump".into(),
            read_only: false,
            audience: Audience::Owner,
            checks: Checks::Host,
            devices: false,
            set_id: false,
            no_exec: false,
            uid: None,
            gid: None,
            entry_timeout: Duration::from_secs(24 * 60 * 60),
            attr_timeout: Duration::from_secs(60),
            writeback_cache: false,
            max_readahead: None,
            max_write: Self::MAX_WRITE,
            threads: 4,
        }
    }
}

impl Options {
    /// Bytes of the largest write that there can be.
    pub const MAX_WRITE: u32 = 1 << 20;
}
