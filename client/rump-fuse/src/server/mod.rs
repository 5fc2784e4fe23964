//! The calls of the protocol: what the host's kernel asks for goes to the file that it means, and comes back in its terms.
//!
//! Reference: linux/fuse.h. Files are not opened here: a file that a process has open is one that the kernel knows. So reading
//! and writing need nothing but the number; that it is allowed was checked when it was opened.

mod calls;

use crate::attributes::{
    attributes, emit_extended_flags, emit_flags, error, kind, open_flags, parse_flags, set_time, unknown,
};
use crate::nodes::Nodes;
use crate::{Checks, Options};
use calls::{Changes, Made};
use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileAttr, FileHandle, Filesystem, FopenFlags, Generation,
    INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen,
    ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rump_abi::{FileType, Stat, XattrFlags};
use rump_kern::{HeldFile, Process, Whence};
use rump_kpi::{Capabilities, KResult};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The requests of chattr(1) and lsattr(1), of programs of 64 and of 32 bits (`FS_IOC_GETFLAGS`, `FS_IOC_SETFLAGS`).
const GET_FLAGS: [u32; 2] = [0x8008_6601, 0x8004_6601];
const SET_FLAGS: [u32; 2] = [0x4008_6602, 0x4004_6602];
/// What the kernel asks for before it sets flags (`FS_IOC_FSGETXATTR`).
const GET_EXTENDED_FLAGS: u32 = 0x801c_581f;

/// Requests that may wait for an answer while nobody waits for them: reading ahead and writing behind.
const MAX_BACKGROUND: u16 = 64;

thread_local! {
    /// What is read goes through it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Answers what a call gives, or its error.
macro_rules! answer {
    ($reply:ident, $result:expr, $found:pat => $good:expr) => {
        match $result {
            Ok($found) => $good,
            Err(failure) => $reply.error(error(&failure)),
        }
    };
}

/// See the module.
pub(crate) struct Server {
    by: Process,
    nodes: Nodes,
    options: Options,
    can: Capabilities,
    /// Files have flags, which opening must look at.
    has_flags: bool,
}

impl Server {
    /// Serves `root` and what is below it. Errors: EIO.
    pub(crate) fn new(by: Process, root: HeldFile, options: Options) -> Self {
        let (can, has_flags) = (root.capabilities(), !root.possible_flags().is_empty());
        let entry_timeout = match can.contains(Capabilities::CASE_FOLDING) {
            true => Duration::ZERO,
            false => options.entry_timeout,
        };
        let options = Options { entry_timeout, ..options };
        Self { by, nodes: Nodes::new(root), options, can, has_flags }
    }

    /// Attributes of a file that is known: the number in them is what programs see, also of the root.
    fn own_attributes(&self, stat: &Stat) -> FileAttr {
        attributes(INodeNo(stat.ino.0), stat, &self.options)
    }

    /// Attributes of an entry: the number in them is what the kernel will call the file.
    fn attributes(&self, stat: &Stat) -> FileAttr {
        attributes(self.nodes.number(stat.ino), stat, &self.options)
    }

    /// As long as both are good, where only one time can be told.
    fn both_timeouts(&self) -> Duration {
        self.options.entry_timeout.min(self.options.attr_timeout)
    }

    fn tell(&self, reply: ReplyEntry, made: KResult<Made>) {
        let Options { attr_timeout, entry_timeout, .. } = &self.options;
        answer!(reply, made, Made { file, stat } => {
            self.nodes.tell(&file);
            reply.entry_with_ttls(attr_timeout, entry_timeout, &self.attributes(&stat), Generation(0));
        });
    }

    fn wanted(&self) -> InitFlags {
        let mut wanted = InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_CACHE_SYMLINKS
            | InitFlags::FUSE_NO_OPENDIR_SUPPORT
            | InitFlags::FUSE_HAS_IOCTL_DIR
            | InitFlags::FUSE_ASYNC_DIO;
        if !self.has_flags {
            wanted |= InitFlags::FUSE_NO_OPEN_SUPPORT;
        }
        if !self.can.contains(Capabilities::CASE_FOLDING) {
            wanted |= InitFlags::FUSE_DO_READDIRPLUS | InitFlags::FUSE_READDIRPLUS_AUTO;
        }
        if self.can.contains(Capabilities::ACLS) {
            wanted |= InitFlags::FUSE_DONT_MASK;
            if self.options.checks == Checks::Host {
                wanted |= InitFlags::FUSE_POSIX_ACL;
            }
        }
        if self.options.writeback_cache {
            wanted |= InitFlags::FUSE_WRITEBACK_CACHE;
        }
        wanted
    }
}

impl Filesystem for Server {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // What a kernel cannot do it does without; bounds that it has are taken instead of what was wished.
        let _ = config.add_capabilities(self.wanted() & config.capabilities());
        let _ = config.set_max_write(self.options.max_write);
        let _ = config.set_max_background(MAX_BACKGROUND);
        if let Some(bytes) = self.options.max_readahead {
            if let Err(most) = config.set_max_readahead(bytes.max(1)) {
                let _ = config.set_max_readahead(most);
            }
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find_entry(parent, name.as_bytes()) {
            Err(failure) if failure.errno == rump_abi::Errno::ENOENT => {
                // The number zero says that there is nothing, which may be remembered.
                let nothing = FileAttr { ino: INodeNo(0), ..unknown(INodeNo(0), None) };
                let Options { attr_timeout, entry_timeout, .. } = &self.options;
                reply.entry_with_ttls(attr_timeout, entry_timeout, &nothing, Generation(0));
            }
            found => self.tell(reply, found),
        }
    }

    fn forget(&self, _: &Request, ino: INodeNo, lookups: u64) {
        self.nodes.forget(ino, lookups);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let stat = self.nodes.find(ino).and_then(|file| file.stat());
        answer!(reply, stat, stat => reply.attr(&self.options.attr_timeout, &self.own_attributes(&stat)));
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let times = [atime.map(set_time), mtime.map(set_time)];
        let stat = self.change(ino, Changes { mode, uid, gid, size, times });
        answer!(reply, stat, stat => reply.attr(&self.options.attr_timeout, &self.own_attributes(&stat)));
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let target = self.nodes.find(ino).and_then(|file| file.read_link());
        answer!(reply, target, target => reply.data(&target));
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        let file_type = FileType::from_mode(mode).unwrap_or(FileType::Regular);
        let made = self.make(request, parent, name, (file_type, mode, umask), rdev, b"");
        self.tell(reply, made);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let made = self.make(request, parent, name, (FileType::Directory, mode, umask), 0, b"");
        self.tell(reply, made);
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let target = target.as_os_str().as_bytes();
        let made = self.make(request, parent, name, (FileType::Symlink, 0o777, 0), 0, target);
        self.tell(reply, made);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let victim = self.nodes.find(parent).and_then(|dir| dir.unlink(&self.by, name.as_bytes()));
        answer!(reply, victim, victim => {
            self.nodes.after_removal(victim);
            reply.ok();
        });
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let victim = self.nodes.find(parent).and_then(|dir| dir.rmdir(&self.by, name.as_bytes()));
        answer!(reply, victim, victim => {
            self.nodes.after_removal(victim);
            reply.ok();
        });
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to_parent: INodeNo,
        to_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let moved =
            self.rename_entry((parent, name.as_bytes()), (to_parent, to_name.as_bytes()), flags.bits());
        answer!(reply, moved, victim => {
            victim.into_iter().for_each(|victim| self.nodes.after_removal(victim));
            reply.ok();
        });
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let made = self.link_entry(ino, parent, name.as_bytes());
        self.tell(reply, made);
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if !self.has_flags {
            // From now on nothing is opened.
            return reply.error(Errno::ENOSYS);
        }
        let checked = self.nodes.find(ino).and_then(|file| file.check_open(&self.by, open_flags(flags.0)));
        answer!(reply, checked, () => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE));
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.make(request, parent, name, (FileType::Regular, mode, umask), 0, b"");
        answer!(reply, made, Made { file, stat } => {
            self.nodes.tell(&file);
            let (timeout, attributes) = (self.both_timeouts(), self.attributes(&stat));
            reply.created(&timeout, &attributes, Generation(0), FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        });
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.len() < size as usize {
                buffer.resize(size as usize, 0);
            }
            let room = &mut buffer[..size as usize];
            let count = self.nodes.find(ino).and_then(|file| file.read_at(offset, room));
            answer!(reply, count, count => reply.data(&buffer[..count]));
        });
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let count = self.nodes.find(ino).and_then(|file| file.write_at(&self.by, offset, data));
        answer!(reply, count, count => reply.written(count as u32));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // Nothing is to be done when a file is closed: it need not be asked for.
        reply.error(Errno::ENOSYS);
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, only_data: bool, reply: ReplyEmpty) {
        let synced =
            self.nodes.find(ino).and_then(|file| if only_data { file.fdatasync() } else { file.fsync() });
        answer!(reply, synced, () => reply.ok());
    }

    fn fsyncdir(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        only_data: bool,
        reply: ReplyEmpty,
    ) {
        if ino == INodeNo::ROOT {
            // The host's kernel does not pass syncfs(2) on: so whoever is about to unmount learns whether all can be kept.
            return answer!(reply, self.by.sync(), () => reply.ok());
        }
        self.fsync(request, ino, handle, only_data, reply);
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Directories are read without being opened, and the kernel may remember what it read.
        reply.error(Errno::ENOSYS);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.nodes.find(ino).and_then(|dir| {
            dir.list(&self.by, offset, &mut |entry, stat| {
                let file_type = stat.map_or(entry.file_type, |stat| Some(stat.file_type));
                let kind = kind(file_type.unwrap_or(FileType::Regular));
                !reply.add(
                    self.nodes.number(entry.ino),
                    entry.next_cursor,
                    kind,
                    OsStr::from_bytes(entry.name),
                )
            })
        });
        answer!(reply, listed, () => reply.ok());
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let timeout = self.both_timeouts();
        let listed = self.nodes.find(ino).and_then(|dir| {
            dir.list(&self.by, offset, &mut |entry, stat| {
                let number = self.nodes.number(entry.ino);
                let attributes =
                    stat.map_or_else(|_| unknown(number, entry.file_type), |stat| self.attributes(&stat));
                let name = OsStr::from_bytes(entry.name);
                let is_full =
                    reply.add(number, entry.next_cursor, name, &timeout, &attributes, Generation(0));
                if !is_full && !matches!(entry.name, b"." | b"..") {
                    self.nodes.tell_named(entry.ino);
                }
                !is_full
            })
        });
        answer!(reply, listed, () => reply.ok());
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        answer!(reply, self.nodes.root().statvfs(), facts => reply.statfs(
            facts.blocks,
            facts.blocks_free,
            facts.blocks_available,
            facts.files,
            facts.files_free,
            facts.block_size,
            facts.name_max,
            facts.block_size,
        ));
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        if !self.can.contains(Capabilities::XATTRS) {
            return reply.error(Errno::ENOSYS);
        }
        let Some(flags) = u32::try_from(flags).ok().and_then(XattrFlags::from_bits) else {
            return reply.error(Errno::EINVAL);
        };
        let set =
            self.nodes.find(ino).and_then(|file| file.set_xattr(&self.by, name.as_bytes(), value, flags));
        answer!(reply, set, () => reply.ok());
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        if !self.can.contains(Capabilities::XATTRS) {
            return reply.error(Errno::ENOSYS);
        }
        let value = self.nodes.find(ino).and_then(|file| file.xattr(&self.by, name.as_bytes()));
        answer!(reply, value, value => give(reply, size, &value));
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        if !self.can.contains(Capabilities::XATTRS) {
            return reply.error(Errno::ENOSYS);
        }
        let names = self.nodes.find(ino).and_then(|file| file.xattrs(&self.by));
        // As the kernel's own file systems do.
        let is_seen = |name: &&Vec<u8>| request.uid() == 0 || !name.starts_with(b"trusted.");
        answer!(reply, names, names => {
            let list: Vec<u8> =
                names.iter().filter(is_seen).flat_map(|name| [name.as_slice(), b"\0"].concat()).collect();
            give(reply, size, &list);
        });
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        if !self.can.contains(Capabilities::XATTRS) {
            return reply.error(Errno::ENOSYS);
        }
        let removed = self.nodes.find(ino).and_then(|file| file.remove_xattr(&self.by, name.as_bytes()));
        answer!(reply, removed, () => reply.ok());
    }

    fn ioctl(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        request: u32,
        data: &[u8],
        _out_size: u32,
        reply: ReplyIoctl,
    ) {
        if !self.has_flags {
            return reply.error(Errno::ENOTTY);
        }
        let file = self.nodes.find(ino);
        if GET_FLAGS.contains(&request) {
            let flags = file.and_then(|file| file.flags());
            answer!(reply, flags, flags => reply.ioctl(0, &emit_flags(flags)));
        } else if request == GET_EXTENDED_FLAGS {
            let flags = file.and_then(|file| file.flags());
            answer!(reply, flags, flags => reply.ioctl(0, &emit_extended_flags(flags)));
        } else if SET_FLAGS.contains(&request) {
            let bits = data.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
            let Some(flags) = bits.and_then(parse_flags) else { return reply.error(Errno::EOPNOTSUPP) };
            let set = file.and_then(|file| file.set_flags(&self.by, flags));
            answer!(reply, set, () => reply.ioctl(0, &[]));
        } else {
            reply.error(Errno::ENOTTY);
        }
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let allocated = self.allocate(ino, mode, offset, length);
        answer!(reply, allocated, () => reply.ok());
    }

    fn lseek(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        let Some(whence) = self::whence(whence) else { return reply.error(Errno::EINVAL) };
        // What lies before the beginning is to Linux as what lies beyond the end.
        let Ok(offset) = u64::try_from(offset) else { return reply.error(Errno::ENXIO) };
        let found = self.nodes.find(ino).and_then(|file| file.seek(offset, whence));
        answer!(reply, found, found => reply.offset(i64::try_from(found).unwrap_or(i64::MAX)));
    }

    fn copy_file_range(
        &self,
        _: &Request,
        from: INodeNo,
        _: FileHandle,
        from_offset: u64,
        to: INodeNo,
        _: FileHandle,
        to_offset: u64,
        length: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let copied =
            BUFFER.with_borrow_mut(|buffer| self.copy((from, from_offset), (to, to_offset), length, buffer));
        answer!(reply, copied, count => reply.written(count));
    }
}

fn whence(number: i32) -> Option<Whence> {
    match number {
        libc::SEEK_DATA => Some(Whence::Data),
        libc::SEEK_HOLE => Some(Whence::Hole),
        _ => None,
    }
}

/// Answers a value, or its length to who asks for that.
fn give(reply: ReplyXattr, size: u32, value: &[u8]) {
    match value.len() {
        length if size == 0 => reply.size(length as u32),
        length if length <= size as usize => reply.data(value),
        _ => reply.error(Errno::ERANGE),
    }
}
