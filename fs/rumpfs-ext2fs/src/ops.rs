//! Translation to rump-kpi, nothing else.

use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::inode::{Inode, attr, dir, file, symlink, xattr};
use crate::mount::{self, Options};
use crate::probe;
use crate::units;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{
    Attr, BlockDevice, Capabilities, DirEntry, Environment, Errno, FileSystem, FileSystemInfo,
    FileSystemType, FileType, Ino, KError, KResult, Node, StatVfs,
};

/// The type `ext2fs`.
pub struct Ext2Fs;

impl FileSystemType for Ext2Fs {
    fn name(&self) -> &'static str {
        "ext2fs"
    }

    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<FileSystemInfo>> {
        Ok(probe::probe(device)?)
    }

    fn mount(
        &self,
        device: Option<Arc<dyn BlockDevice>>,
        read_only: bool,
        options: &str,
        environment: &Environment,
    ) -> KResult<Arc<dyn FileSystem>> {
        let device = device.ok_or(Errno::ENOTBLK)?;
        let options = Options::parse(options)?;
        if !read_only {
            return Err(KError::new(
                Errno::EROFS,
                "ext2fs: only mounts for reading are supported; mount read-only",
            ));
        }
        let volume = mount::mount(device, options, environment).map_err(unmountable)?;
        Ok(Arc::new(Mounted { volume: Arc::new(volume) }))
    }
}

/// What this driver cannot do with a whole volume is, to `mount`, a wrong format.
fn unmountable(error: Error) -> KError {
    let unsupported = matches!(error, Error::Unsupported(_));
    let mut error = KError::from(error);
    if unsupported {
        error.errno = Errno::EFTYPE;
    }
    error
}

struct Mounted {
    volume: Arc<Volume>,
}

impl FileSystem for Mounted {
    fn root(&self) -> Ino {
        Ino(units::Ino::ROOT.0.into())
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        let number = u32::try_from(ino.0).map_err(|_| Errno::ESTALE)?;
        let number = units::Ino(number);
        let inode = self.volume.inode(number)?;
        if inode.base().i_links_count.get() == 0 {
            return Err(Error::NotInUse(number).into());
        }
        let file_type = attr::file_type(&inode)?;
        Ok(Arc::new(Ext2Node { volume: self.volume.clone(), inode, file_type }))
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        let superblock = self.volume.superblock();
        let free = superblock.free_blocks();
        // Linux keeps a fiftieth, at most 4096 clusters, for delayed work on extents.
        let kept = if superblock.features.incompat.contains(Incompat::EXTENTS) {
            let ratio = superblock.cluster_ratio_bits();
            ((superblock.blocks >> ratio) / 50).min(4096) << ratio
        } else {
            0
        };
        Ok(StatVfs {
            block_size: superblock.block_size(),
            blocks: superblock.blocks - superblock.overhead_blocks(),
            blocks_free: free,
            blocks_available: free.saturating_sub(superblock.reserved_blocks()).saturating_sub(kept),
            files: superblock.raw.s_inodes_count.get().into(),
            files_free: superblock.raw.s_free_inodes_count.get().into(),
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        let folds = self.volume.features().incompat.contains(Incompat::CASEFOLD);
        let casefold = if folds { Capabilities::CASE_FOLDING } else { Capabilities::empty() };
        casefold
            | Capabilities::HARD_LINKS
            | Capabilities::SYMLINKS
            | Capabilities::XATTRS
            | Capabilities::SPARSE
            | Capabilities::SPECIAL
            | Capabilities::OWNERS
            | Capabilities::ACLS
    }
}

struct Ext2Node {
    volume: Arc<Volume>,
    inode: Inode,
    file_type: FileType,
}

impl Ext2Node {
    fn require(&self, file_type: FileType, otherwise: Errno) -> KResult<()> {
        if self.file_type == file_type { Ok(()) } else { Err(otherwise.into()) }
    }

    fn require_file(&self) -> KResult<()> {
        let otherwise = if self.file_type == FileType::Directory { Errno::EISDIR } else { Errno::EINVAL };
        self.require(FileType::Regular, otherwise)
    }

    fn seek(&self, offset: u64, what: file::Seek) -> KResult<u64> {
        self.require_file()?;
        if offset >= self.inode.size() {
            return Err(Errno::ENXIO.into());
        }
        let found = file::seek(&self.volume, &self.inode, offset, what)?;
        if what == file::Seek::Data && found >= self.inode.size() {
            return Err(Errno::ENXIO.into());
        }
        Ok(found.min(self.inode.size()))
    }
}

impl Node for Ext2Node {
    fn attr(&self) -> KResult<Attr> {
        Ok(attr::attr(&self.volume, &self.inode)?)
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        self.require(FileType::Directory, Errno::ENOTDIR)?;
        let found = dir::lookup(&self.volume, &self.inode, name)?.ok_or(Errno::ENOENT)?;
        if self.volume.superblock().locate_inode(found).is_none() {
            let place = Place::Inode(self.inode.number());
            return Err(Error::corrupt("directory entry", place, 0, alloc::format!("names {found}")).into());
        }
        Ok(Ino(found.0.into()))
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        self.require(FileType::Directory, Errno::ENOTDIR)?;
        dir::read(&self.volume, &self.inode, cursor, &mut |entry| {
            sink(DirEntry {
                name: entry.name,
                ino: Ino(entry.ino.0.into()),
                file_type: entry.file_type,
                next_cursor: entry.next,
            })
        })?;
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        self.require_file()?;
        Ok(file::read_at(&self.volume, &self.inode, offset, buf)?)
    }

    fn read_link(&self) -> KResult<Vec<u8>> {
        self.require(FileType::Symlink, Errno::EINVAL)?;
        Ok(symlink::read(&self.volume, &self.inode)?)
    }

    fn seek_data(&self, offset: u64) -> KResult<u64> {
        self.seek(offset, file::Seek::Data)
    }

    fn seek_hole(&self, offset: u64) -> KResult<u64> {
        self.seek(offset, file::Seek::Hole)
    }

    fn xattr(&self, name: &[u8]) -> KResult<Vec<u8>> {
        Ok(xattr::find(&self.volume, &self.inode, name)?.ok_or(Errno::ENOATTR)?)
    }

    fn list_xattrs(&self) -> KResult<Vec<Vec<u8>>> {
        Ok(xattr::list(&self.volume, &self.inode)?)
    }
}
