//! The process whose calls behaviours make: one of a rump kernel, or one of the host, in whose folder a rump kernel's file
//! system is mounted.

use crate::host;
use rumpkit::kpi::{Capabilities, DirEntry, SetTime};
use rumpkit::{
    AllocateFlags, AtFlags, Credentials, DevNumber, Fd, FileType, KResult, Mode, OpenFlags, RenameFlags,
    Stat, StatVfs, Whence, XattrFlags,
};

/// See the module.
pub enum Process {
    /// Its calls go to the kernel itself.
    Rump(rumpkit::Process),
    /// They go to the host's kernel.
    Host(host::Process),
}

/// Functions of these names, which both kinds of processes have.
macro_rules! calls {
    ($($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        /// The calls are documented where `rumpkit::Process` has them.
        #[allow(missing_docs)]
        impl Process {
            $(pub fn $name(&self, $($argument: $type),*) $(-> $result)? {
                match self {
                    Self::Rump(process) => process.$name($($argument),*),
                    Self::Host(process) => process.$name($($argument),*),
                }
            })*
        }
    };
}

calls! {
    exit();
    set_credentials(credentials: Credentials);
    capabilities(path: impl AsRef<[u8]>) -> KResult<Capabilities>;
    umask(mask: Mode) -> Mode;
    chdir(path: impl AsRef<[u8]>) -> KResult<()>;
    getcwd() -> KResult<Vec<u8>>;
    sync() -> KResult<()>;

    open(path: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode) -> KResult<Fd>;
    openat(dir: Option<Fd>, path: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode) -> KResult<Fd>;
    close(fd: Fd) -> KResult<()>;
    read(fd: Fd, buf: &mut [u8]) -> KResult<usize>;
    readv(fd: Fd, bufs: &mut [&mut [u8]]) -> KResult<usize>;
    pread(fd: Fd, buf: &mut [u8], offset: u64) -> KResult<usize>;
    preadv(fd: Fd, bufs: &mut [&mut [u8]], offset: u64) -> KResult<usize>;
    write(fd: Fd, buf: &[u8]) -> KResult<usize>;
    writev(fd: Fd, bufs: &[&[u8]]) -> KResult<usize>;
    pwrite(fd: Fd, buf: &[u8], offset: u64) -> KResult<usize>;
    pwritev(fd: Fd, bufs: &[&[u8]], offset: u64) -> KResult<usize>;
    lseek(fd: Fd, offset: i64, whence: Whence) -> KResult<u64>;
    truncate(path: impl AsRef<[u8]>, size: u64) -> KResult<()>;
    ftruncate(fd: Fd, size: u64) -> KResult<()>;
    fallocate(fd: Fd, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()>;
    fsync(fd: Fd) -> KResult<()>;
    fdatasync(fd: Fd) -> KResult<()>;
    getdents(fd: Fd, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()>;

    mkdir(path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
    mkdirat(dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
    mknod(path: impl AsRef<[u8]>, file_type: FileType, mode: Mode, rdev: DevNumber) -> KResult<()>;
    mkfifo(path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
    symlink(target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> KResult<()>;
    readlink(path: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
    link(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()>;
    linkat(
        old_dir: Option<Fd>, old: impl AsRef<[u8]>, new_dir: Option<Fd>, new: impl AsRef<[u8]>, flags: AtFlags
    ) -> KResult<()>;
    rename(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()>;
    renameat(
        old_dir: Option<Fd>, old: impl AsRef<[u8]>, new_dir: Option<Fd>, new: impl AsRef<[u8]>
    ) -> KResult<()>;
    renameat2(
        old_dir: Option<Fd>, old: impl AsRef<[u8]>, new_dir: Option<Fd>, new: impl AsRef<[u8]>,
        flags: RenameFlags
    ) -> KResult<()>;
    rmdir(path: impl AsRef<[u8]>) -> KResult<()>;
    unlink(path: impl AsRef<[u8]>) -> KResult<()>;
    unlinkat(dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<()>;

    stat(path: impl AsRef<[u8]>) -> KResult<Stat>;
    lstat(path: impl AsRef<[u8]>) -> KResult<Stat>;
    fstat(fd: Fd) -> KResult<Stat>;
    fstatat(dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<Stat>;
    statvfs(path: impl AsRef<[u8]>) -> KResult<StatVfs>;
    access(path: impl AsRef<[u8]>, mode: u32) -> KResult<()>;
    chmod(path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
    fchmod(fd: Fd, mode: Mode) -> KResult<()>;
    chown(path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()>;
    lchown(path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()>;
    utimensat(
        dir: Option<Fd>, path: impl AsRef<[u8]>, times: [Option<SetTime>; 2], flags: AtFlags
    ) -> KResult<()>;
    futimens(fd: Fd, times: [Option<SetTime>; 2]) -> KResult<()>;

    getxattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
    lgetxattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
    fgetxattr(fd: Fd, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
    setxattr(
        path: impl AsRef<[u8]>, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>, flags: XattrFlags
    ) -> KResult<()>;
    lsetxattr(
        path: impl AsRef<[u8]>, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>, flags: XattrFlags
    ) -> KResult<()>;
    fsetxattr(fd: Fd, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>, flags: XattrFlags) -> KResult<()>;
    listxattr(path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>>;
    llistxattr(path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>>;
    flistxattr(fd: Fd) -> KResult<Vec<Vec<u8>>>;
    removexattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()>;
    lremovexattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()>;
    fremovexattr(fd: Fd, name: impl AsRef<[u8]>) -> KResult<()>;
}

impl Process {
    /// Another process, of the same user, at the same place.
    pub fn fork(&self) -> Self {
        match self {
            Self::Rump(process) => Self::Rump(process.fork()),
            Self::Host(process) => Self::Host(process.fork()),
        }
    }
}
