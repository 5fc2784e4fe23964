//! An inode: attributes and content behind one lock.

use crate::acl;
use crate::directory::Directory;
use crate::pages::{PAGE, Pages};
use crate::volume::Volume;
use crate::xattrs::Xattrs;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{
    Attr, DevNumber, Errno, FileFlags, FileType, Ino, KResult, Mode, NewNode, SetAttr, SetTime, TimeSpec,
};

/// Content by type.
pub(crate) enum Body {
    /// A regular file.
    File(Pages),
    /// A directory.
    Directory(Directory),
    /// The target of a symbolic link.
    Symlink(Box<[u8]>),
    /// Device, fifo or socket: nothing is stored.
    Special,
}

/// What changes in an inode.
pub(crate) struct State {
    /// Permission bits.
    pub mode: Mode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Flags.
    pub flags: FileFlags,
    /// Hard links; of a directory two and one for each directory in it. Zero: removed.
    pub nlink: u64,
    /// Last change of content.
    pub mtime: TimeSpec,
    /// Last change of attributes.
    pub ctime: TimeSpec,
    /// Content.
    pub body: Body,
    /// Extended attributes, once there are any.
    pub xattrs: Option<Box<Xattrs>>,
}

impl State {
    /// The state of a node just made.
    pub fn new(new: &NewNode<'_>, body: Body, now: TimeSpec) -> Self {
        let nlink = if new.file_type == FileType::Directory { 2 } else { 1 };
        let (mode, uid, gid) = (new.mode, new.uid, new.gid);
        let flags = FileFlags::empty();
        Self { mode, uid, gid, flags, nlink, mtime: now, ctime: now, body, xattrs: None }
    }

    /// The directory in it. Errors: ENOTDIR.
    pub fn directory(&self) -> KResult<&Directory> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// The directory in it, to add to. Errors: ENOTDIR, ENOENT (it was removed).
    pub fn directory_mut(&mut self) -> KResult<&mut Directory> {
        match &mut self.body {
            Body::Directory(_) if self.nlink == 0 => Err(Errno::ENOENT.into()),
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// The file in it. Errors: EISDIR, EINVAL.
    pub fn file(&self) -> KResult<&Pages> {
        match &self.body {
            Body::File(pages) => Ok(pages),
            Body::Directory(_) => Err(Errno::EISDIR.into()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// The file in it, to change. Errors: EISDIR, EINVAL.
    pub fn file_mut(&mut self) -> KResult<&mut Pages> {
        match &mut self.body {
            Body::File(pages) => Ok(pages),
            Body::Directory(_) => Err(Errno::EISDIR.into()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// Marks content and attributes as changed.
    pub fn touch(&mut self, now: TimeSpec) {
        self.mtime = now;
        self.ctime = now;
    }
}

/// An inode.
pub(crate) struct Inode {
    /// Its number.
    pub ino: Ino,
    /// Its type.
    pub file_type: FileType,
    /// What changes.
    pub state: RwLock<State>,
    rdev: DevNumber,
    birthtime: TimeSpec,
    /// Apart from `state`, so that readers need no write lock.
    atime: Mutex<TimeSpec>,
    loaded: AtomicBool,
    volume: Weak<Volume>,
}

impl Inode {
    /// An inode of `volume`; the caller has charged for it.
    pub fn new(volume: &Arc<Volume>, ino: Ino, new: &NewNode<'_>, state: State) -> Arc<Self> {
        Arc::new(Self {
            ino,
            file_type: new.file_type,
            rdev: new.rdev,
            birthtime: state.ctime,
            atime: Mutex::new(state.ctime),
            state: RwLock::new(state),
            loaded: AtomicBool::new(false),
            volume: Arc::downgrade(volume),
        })
    }

    /// Whether the kernel holds it.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(SeqCst)
    }

    /// Notes whether the kernel holds it.
    pub fn set_loaded(&self, loaded: bool) {
        self.loaded.store(loaded, SeqCst);
    }

    /// The file system it is part of, for a change. Errors: ESTALE (unmounted), EROFS.
    pub fn writable(&self) -> KResult<Arc<Volume>> {
        let volume = self.volume.upgrade().ok_or(Errno::ESTALE)?;
        if volume.read_only { Err(Errno::EROFS.into()) } else { Ok(volume) }
    }

    /// Marks it as read.
    pub fn accessed(&self) {
        if let Some(volume) = self.volume.upgrade().filter(|volume| !volume.noatime) {
            *self.atime.lock() = volume.now();
        }
    }

    /// Takes one link away, and the inode with the last.
    pub fn drop_link(&self, volume: &Volume, now: TimeSpec) {
        {
            let mut state = self.state.write();
            state.nlink = state.nlink.saturating_sub(1);
            state.ctime = now;
        }
        volume.drop_if_unused(self);
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attr {
        let state = self.state.read();
        let (size, pages) = match &state.body {
            Body::File(pages) => (pages.size(), pages.count()),
            Body::Directory(directory) => (32 * (directory.len() as u64 + 2), 0),
            Body::Symlink(target) => (target.len() as u64, 0),
            Body::Special => (0, 0),
        };
        Attr {
            file_type: self.file_type,
            mode: state.mode,
            nlink: state.nlink,
            uid: state.uid,
            gid: state.gid,
            rdev: self.rdev,
            size,
            blocks: pages * (PAGE / 512),
            blksize: PAGE as u32,
            atime: *self.atime.lock(),
            mtime: state.mtime,
            ctime: state.ctime,
            birthtime: Some(self.birthtime),
            flags: state.flags,
        }
    }

    /// Changes attributes, all or none. Errors: EISDIR, EINVAL, EFBIG.
    pub fn change_attributes(&self, volume: &Volume, set: SetAttr) -> KResult<()> {
        let now = volume.now();
        let time = |set: SetTime| match set {
            SetTime::Now => Ok(now),
            SetTime::To(time) if time.nsec < 1_000_000_000 => Ok(time),
            SetTime::To(_) => Err(Errno::EINVAL),
        };
        let (atime, mtime) = (set.atime.map(time).transpose()?, set.mtime.map(time).transpose()?);
        let mut state = self.state.write();
        if let Some(size) = set.size {
            state.file_mut()?.resize(size, &volume.space)?;
            state.mtime = now;
        }
        if let Some(mode) = set.mode {
            state.mode = mode;
            acl::follow_mode(&mut state);
        }
        state.uid = set.uid.unwrap_or(state.uid);
        state.gid = set.gid.unwrap_or(state.gid);
        state.flags = set.flags.unwrap_or(state.flags);
        state.mtime = mtime.unwrap_or(state.mtime);
        if let Some(atime) = atime {
            *self.atime.lock() = atime;
        }
        if set != SetAttr::default() {
            state.ctime = now;
        }
        Ok(())
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        if let Some(volume) = self.volume.upgrade() {
            volume.inodes.release(1);
            if let Body::File(pages) = &self.state.get_mut().body {
                volume.space.release(pages.count());
            }
        }
    }
}
