//! The root of a kernel that has no other: one empty directory that nothing can be written to.
//!
//! It can be mounted over, and etfs keys are found before it.

use alloc::sync::Arc;
use rump_abi::{DevNumber, Errno, FileFlags, FileType, Ino, Mode, StatVfs, TimeSpec};
use rump_kpi::{Attr, Capabilities, DirEntry, FileSystem, KResult, Node};

const ROOT: Ino = Ino(1);

/// A file system of one empty directory.
pub struct EmptyFileSystem;

struct EmptyDirectory;

impl FileSystem for EmptyFileSystem {
    fn root(&self) -> Ino {
        ROOT
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        if ino == ROOT { Ok(Arc::new(EmptyDirectory)) } else { Err(Errno::ESTALE.into()) }
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        Ok(StatVfs {
            block_size: 512,
            blocks: 0,
            blocks_free: 0,
            blocks_available: 0,
            files: 1,
            files_free: 0,
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }
}

impl Node for EmptyDirectory {
    fn attr(&self) -> KResult<Attr> {
        let never = TimeSpec::default();
        Ok(Attr {
            file_type: FileType::Directory,
            mode: Mode::new(0o755),
            nlink: 2,
            uid: 0,
            gid: 0,
            rdev: DevNumber::default(),
            size: 0,
            blocks: 0,
            blksize: 512,
            atime: never,
            mtime: never,
            ctime: never,
            birthtime: None,
            flags: FileFlags::empty(),
        })
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        if name == b".." { Ok(ROOT) } else { Err(Errno::ENOENT.into()) }
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let names: [&[u8]; 2] = [b".", b".."];
        for (position, name) in (0_u64..).zip(names) {
            let entry =
                DirEntry { name, ino: ROOT, file_type: Some(FileType::Directory), next_cursor: position + 1 };
            if position >= cursor && !sink(entry) {
                break;
            }
        }
        Ok(())
    }
}
