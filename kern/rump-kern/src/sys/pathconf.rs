//! Limits of files: pathconf(2).
//!
//! There are no terminals, so nothing answers for `_PC_MAX_CANON`, `_PC_MAX_INPUT` and `_PC_VDISABLE`.

use crate::descriptors::Object;
use crate::{Fd, PIPE_BUF, Process};
use rump_abi::Errno;
use rump_kpi::{Capabilities, KResult};
use rump_vfs::{Follow, PATH_MAX, Vnode};

/// Bits of an offset.
const OFFSET_BITS: u64 = 64;

/// What is asked for. `as u32` gives NetBSD's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathConf {
    /// Names that a file may have.
    LinkMax = 1,
    /// Bytes of a line of a terminal.
    MaxCanon = 2,
    /// Bytes of input of a terminal.
    MaxInput = 3,
    /// Bytes of a name.
    NameMax = 4,
    /// Bytes of a path, with the NUL that ends it.
    PathMax = 5,
    /// Bytes that are written to a pipe as one.
    PipeBuf = 6,
    /// Whether only the superuser gives files away.
    ChownRestricted = 7,
    /// Whether names that are too long are refused.
    NoTrunc = 8,
    /// What disables a special character of a terminal.
    Vdisable = 9,
    /// Whether writes may be synchronised.
    SyncIo = 10,
    /// Bits that lengths of files need.
    FileSizeBits = 11,
    /// Bytes of the target of a symbolic link.
    SymlinkMax = 12,
    /// Whether there are symbolic links.
    TwoSymlinks = 13,
    /// Whether there are access control lists.
    AclExtended = 14,
}

impl Process {
    /// A limit of a file; `None` where there is none. Errors: those of the path walk, EINVAL (it has no such limit).
    pub fn pathconf(&self, path: impl AsRef<[u8]>, name: PathConf) -> KResult<Option<u64>> {
        limit_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?, name)
    }

    /// A limit of an open file. Errors: EBADF, EINVAL (it has no such limit).
    pub fn fpathconf(&self, fd: Fd, name: PathConf) -> KResult<Option<u64>> {
        let file = self.file(fd)?;
        match (&file.object, name) {
            (Object::Pipe(_) | Object::Socket(_), PathConf::PipeBuf) => Ok(Some(PIPE_BUF as u64)),
            _ => limit_of(file.vnode()?, name),
        }
    }
}

fn limit_of(vnode: &Vnode, name: PathConf) -> KResult<Option<u64>> {
    let mount = vnode.mount();
    let has = |what| u64::from(mount.can(what));
    Ok(Some(match name {
        PathConf::MaxCanon | PathConf::MaxInput | PathConf::Vdisable => return Err(Errno::EINVAL.into()),
        PathConf::LinkMax if mount.can(Capabilities::HARD_LINKS) => return Ok(mount.fs().link_max()),
        PathConf::LinkMax | PathConf::ChownRestricted | PathConf::NoTrunc | PathConf::SyncIo => 1,
        PathConf::NameMax => mount.name_max() as u64,
        PathConf::PathMax => PATH_MAX as u64,
        PathConf::PipeBuf => PIPE_BUF as u64,
        PathConf::FileSizeBits => OFFSET_BITS,
        PathConf::SymlinkMax if mount.can(Capabilities::SYMLINKS) => PATH_MAX as u64 - 1,
        PathConf::SymlinkMax => 0,
        PathConf::TwoSymlinks => has(Capabilities::SYMLINKS),
        PathConf::AclExtended => has(Capabilities::ACLS),
    }))
}
