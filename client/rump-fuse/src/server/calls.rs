//! What takes more than one call of the rump kernel.

use super::Server;
use crate::attributes::{inherit, parse_device};
use fuser::{INodeNo, Request};
use rump_abi::{AllocateFlags, Errno, FileType, Mode, RenameFlags, Stat};
use rump_kern::{HeldFile, NewFile};
use rump_kpi::{KResult, SetTime};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Bytes that one call copies at most: the host's kernel asks again.
const COPY_MAX: u64 = 64 << 20;
/// Bytes that are copied at once.
const COPY_PIECE: usize = 1 << 20;

/// A file that the host's kernel is to be told of.
pub(super) struct Made {
    pub(super) file: HeldFile,
    pub(super) stat: Stat,
}

impl Made {
    fn of(file: HeldFile) -> KResult<Self> {
        let stat = file.stat()?;
        Ok(Self { file, stat })
    }
}

/// Changes of attributes.
pub(super) struct Changes {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) times: [Option<SetTime>; 2],
}

impl Server {
    pub(super) fn find_entry(&self, parent: INodeNo, name: &[u8]) -> KResult<Made> {
        Made::of(self.nodes.find(parent)?.lookup(&self.by, name)?)
    }

    pub(super) fn link_entry(&self, ino: INodeNo, parent: INodeNo, name: &[u8]) -> KResult<Made> {
        let file = self.nodes.find(ino)?;
        self.nodes.find(parent)?.link(&self.by, name, &file)?;
        Made::of(file)
    }

    pub(super) fn rename_entry(
        &self,
        from: (INodeNo, &[u8]),
        to: (INodeNo, &[u8]),
        flags: u32,
    ) -> KResult<Option<HeldFile>> {
        let flags = RenameFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
        let to_dir = self.nodes.find(to.0)?;
        self.nodes.find(from.0)?.rename(&self.by, from.1, &to_dir, to.1, flags)
    }

    /// Makes a file of whoever asks, with `mode` but for `umask`.
    pub(super) fn make(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        (file_type, mode, umask): (FileType, u32, u32),
        rdev: u32,
        target: &[u8],
    ) -> KResult<Made> {
        let dir = self.nodes.find(parent)?;
        let (mode, gid) = inherit(&dir.stat()?, file_type, mode, request.gid());
        let new = NewFile {
            file_type,
            mode,
            umask: Mode::new(umask),
            uid: if self.options.uid.is_some() { 0 } else { request.uid() },
            gid: if self.options.gid.is_some() { 0 } else { gid },
            rdev: parse_device(rdev),
            target,
        };
        Made::of(dir.create(&self.by, name.as_bytes(), new)?)
    }

    /// Changes attributes; answers all of them. Owners that only appear to be cannot be changed.
    pub(super) fn change(&self, ino: INodeNo, changes: Changes) -> KResult<Stat> {
        let Changes { mode, uid, gid, size, times } = changes;
        let file = self.nodes.find(ino)?;
        if let Some(size) = size {
            file.set_size(&self.by, size)?;
        }
        let (uid, gid) = (stored(uid, self.options.uid)?, stored(gid, self.options.gid)?);
        if uid.is_some() || gid.is_some() {
            file.set_owner(&self.by, uid, gid)?;
        }
        if let Some(mode) = mode {
            file.set_mode(&self.by, Mode::new(mode))?;
        }
        file.set_times(&self.by, times)?;
        file.stat()
    }

    pub(super) fn allocate(&self, ino: INodeNo, mode: i32, offset: u64, length: u64) -> KResult<()> {
        let flags = u32::try_from(mode).ok().and_then(AllocateFlags::from_bits).ok_or(Errno::EOPNOTSUPP)?;
        self.nodes.find(ino)?.allocate(&self.by, flags, offset, length)
    }

    /// Copies a part of a file, in pieces; answers how many bytes. After the first ones an error only ends it.
    pub(super) fn copy(
        &self,
        from: (INodeNo, u64),
        to: (INodeNo, u64),
        length: u64,
        buffer: &mut Vec<u8>,
    ) -> KResult<u32> {
        let (source, target) = (self.nodes.find(from.0)?, self.nodes.find(to.0)?);
        let length = length.min(COPY_MAX);
        if buffer.len() < COPY_PIECE {
            buffer.resize(COPY_PIECE, 0);
        }
        let mut done = 0;
        while done < length {
            let room = (length - done).min(COPY_PIECE as u64) as usize;
            let piece =
                source.read_at(from.1.saturating_add(done), &mut buffer[..room]).and_then(
                    |count| match count {
                        0 => Ok(0),
                        _ => target.write_at(&self.by, to.1.saturating_add(done), &buffer[..count]),
                    },
                );
            match piece {
                Ok(0) => break,
                Ok(count) => done += count as u64,
                Err(_) if done != 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done as u32)
    }
}

/// What an owner is set to, where all files may appear to be of one. Errors: EPERM.
fn stored(id: Option<u32>, appears: Option<u32>) -> KResult<Option<u32>> {
    match (id, appears) {
        (Some(id), Some(appears)) if id == appears => Ok(None),
        (Some(_), Some(_)) => Err(Errno::EPERM.into()),
        (id, None) => Ok(id),
        (None, Some(_)) => Ok(None),
    }
}
