//! The kernel's own facts as files: one read-only directory (mount_kernfs(8) of NetBSD).
//!
//! `version`, `hostname`, `boottime` (seconds since 1970), `time` (seconds and microseconds), `hz` and
//! `pagesize`; each is one line. The option `boottime=SECONDS` says when the kernel was started; without it the
//! time of the mount counts. Every file's size is the length of what a read gives; a reader that starts at
//! offset zero gets the rest of that same text from later offsets.
//!
//! Lock order: there is one lock, in `File`, and nothing is called while it is held.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod file;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::sync::Arc;
use file::{Fact, File};
use rump_kpi::{
    Attr, BlockDevice, Capabilities, Component, DevNumber, DirEntry, Environment, Errno, FileFlags,
    FileSystem, FileSystemInfo, FileSystemType, FileType, Ino, KError, KResult, Mode, Node, NodeName,
    StatVfs, TimeSpec,
};

const ROOT: Ino = Ino(2);
/// Inode numbers of files are their place in [`Fact::ALL`] plus this.
const FIRST_FILE: u64 = 3;

type Clock = Arc<dyn Fn() -> TimeSpec + Send + Sync>;

struct Kernfs;

impl FileSystemType for Kernfs {
    fn name(&self) -> &'static str {
        "kernfs"
    }

    fn probe(&self, _device: &Arc<dyn BlockDevice>) -> KResult<Option<FileSystemInfo>> {
        Ok(None)
    }

    fn mount(
        &self,
        _device: Option<Arc<dyn BlockDevice>>,
        _read_only: bool,
        options: &str,
        environment: &Environment,
    ) -> KResult<Arc<dyn FileSystem>> {
        let mut boottime = (environment.now)();
        for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            let seconds = option.strip_prefix("boottime=").and_then(|value| value.parse().ok());
            let sec = seconds.ok_or_else(|| {
                KError::new(Errno::EINVAL, format!("kernfs: option `{option}`; known is boottime=SECONDS"))
            })?;
            boottime = TimeSpec { sec, nsec: 0 };
        }
        let (clock, host_name) = (environment.now.clone(), environment.host_name.clone());
        Ok(Arc::new(Mounted { boottime, clock, host_name }))
    }
}

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&Kernfs)
}

struct Mounted {
    boottime: TimeSpec,
    clock: Clock,
    host_name: Arc<NodeName>,
}

impl FileSystem for Mounted {
    fn root(&self) -> Ino {
        ROOT
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        if ino == ROOT {
            return Ok(Arc::new(Root { boottime: self.boottime }));
        }
        let place = ino.0.checked_sub(FIRST_FILE).and_then(|place| usize::try_from(place).ok());
        let fact = place.and_then(|place| Fact::ALL.get(place)).ok_or(Errno::ESTALE)?;
        Ok(Arc::new(File::new(*fact, self.boottime, self.clock.clone(), self.host_name.clone())))
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        Ok(StatVfs {
            block_size: 4096,
            blocks: 0,
            blocks_free: 0,
            blocks_available: 0,
            files: Fact::ALL.len() as u64 + 1,
            files_free: 0,
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }
}

struct Root {
    boottime: TimeSpec,
}

impl Node for Root {
    fn attr(&self) -> KResult<Attr> {
        Ok(attributes(FileType::Directory, 0o555, 0, self.boottime, self.boottime))
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        if matches!(name, b"." | b"..") {
            return Ok(ROOT);
        }
        let place = Fact::ALL.iter().position(|fact| fact.name().as_bytes() == name).ok_or(Errno::ENOENT)?;
        Ok(Ino(FIRST_FILE + place as u64))
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let dots = [(".", ROOT, FileType::Directory), ("..", ROOT, FileType::Directory)];
        let files = Fact::ALL.iter().zip(FIRST_FILE..);
        let files = files.map(|(fact, ino)| (fact.name(), Ino(ino), FileType::Regular));
        for ((name, ino, file_type), place) in dots.into_iter().chain(files).zip(0..) {
            let (file_type, next_cursor) = (Some(file_type), place + 1);
            if cursor <= place && !sink(DirEntry { name: name.as_bytes(), ino, file_type, next_cursor }) {
                break;
            }
        }
        Ok(())
    }

    fn read_at(&self, _offset: u64, _buf: &mut [u8]) -> KResult<usize> {
        Err(Errno::EISDIR.into())
    }
}

/// Attributes of a node; those that move with the clock are given as `changed`.
fn attributes(file_type: FileType, mode: u32, size: u64, changed: TimeSpec, born: TimeSpec) -> Attr {
    Attr {
        file_type,
        mode: Mode::new(mode),
        nlink: if file_type == FileType::Directory { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: DevNumber::default(),
        size,
        blocks: 0,
        blksize: 4096,
        atime: changed,
        mtime: changed,
        ctime: changed,
        birthtime: Some(born),
        flags: FileFlags::empty(),
    }
}
