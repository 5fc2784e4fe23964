//! statvfs(2), getvfsstat(2).

use super::RemoteProcess;
use super::request::{request, room, text, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::mount::MNT_WAIT;
use rump_abi::netbsd::numbers::{FSTATVFS1, GETVFSSTAT, STATVFS1};
use rump_abi::netbsd::statvfs::{StatVfsBuf, name_in};
use rump_abi::{MountFlags, StatVfs};
use rump_kern::{Fd, MountInfo, MountedFs};
use rump_kpi::{Capabilities, KResult};

/// Types of file systems that have a name here.
const TYPES: [&str; 8] = ["tmpfs", "kernfs", "ext2fs", "cd9660", "exfat", "msdos", "etfs", "empty"];
/// File systems that one call tells of at most.
const MOUNTS_MAX: usize = 1024;

/// What a structure says. Of a type that has no name here the name is empty; what it can do is not told. Errors: EIO.
pub(super) fn mounted(bytes: &[u8]) -> KResult<MountedFs> {
    let told: StatVfsBuf = told(bytes)?;
    let known = TYPES.into_iter().find(|name| name.as_bytes() == name_in(&told.fstypename));
    Ok(MountedFs {
        id: told.fsid,
        info: MountInfo {
            fs_type: known.unwrap_or_default(),
            source: name_in(&told.mntfromname).to_vec(),
            target: name_in(&told.mntonname).to_vec(),
            flags: MountFlags::from_bits_truncate(told.flag as u32),
        },
        facts: StatVfs {
            block_size: u32::try_from(told.frsize).map_err(|_| malformed())?,
            blocks: told.blocks,
            blocks_free: told.bfree,
            blocks_available: told.bavail,
            files: told.files,
            files_free: told.ffree,
            name_max: u32::try_from(told.namemax).map_err(|_| malformed())?,
        },
        capabilities: Capabilities::empty(),
    })
}

impl RemoteProcess {
    /// As [`Process::statvfs`](rump_kern::Process::statvfs).
    pub fn statvfs(&self, path: impl AsRef<[u8]>) -> KResult<StatVfs> {
        self.mounted(path).map(|mounted| mounted.facts)
    }

    /// As [`Process::fstatvfs`](rump_kern::Process::fstatvfs).
    pub fn fstatvfs(&self, fd: Fd) -> KResult<StatVfs> {
        self.fmounted(fd).map(|mounted| mounted.facts)
    }

    /// As [`Process::mounted`](rump_kern::Process::mounted), but that it does not tell what the file system can do.
    pub fn mounted(&self, path: impl AsRef<[u8]>) -> KResult<MountedFs> {
        let (path, mut place) = (text(path)?, room::<StatVfsBuf>());
        self.run(request(STATVFS1).read(&path).write(&mut place).with(MNT_WAIT))?;
        mounted(&place)
    }

    /// As [`Process::fmounted`](rump_kern::Process::fmounted), with the bounds of [`RemoteProcess::mounted`].
    pub fn fmounted(&self, fd: Fd) -> KResult<MountedFs> {
        let mut place = room::<StatVfsBuf>();
        self.run(request(FSTATVFS1).with(fd).write(&mut place).with(MNT_WAIT))?;
        mounted(&place)
    }

    /// As [`Process::getvfsstat`](rump_kern::Process::getvfsstat), of 1024 at most, with the bounds of
    /// [`RemoteProcess::mounted`].
    pub fn getvfsstat(&self) -> KResult<Vec<MountedFs>> {
        let all = self.count(request(GETVFSSTAT).null().null().with(MNT_WAIT), usize::MAX)?;
        let most = all.min(MOUNTS_MAX);
        let mut bytes = vec![0; most * StatVfsBuf::SIZE];
        let length = bytes.len();
        let count = self.count(request(GETVFSSTAT).write(&mut bytes).with(length).with(MNT_WAIT), most)?;
        bytes.chunks_exact(StatVfsBuf::SIZE).take(count).map(mounted).collect()
    }
}
