//! Translation to rump-kpi, nothing else.

use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::inode::{Fields, Inode, attr, dir, file, set, symlink, xattr};
use crate::mount::{self, Options};
use crate::namespace;
use crate::orphan;
use crate::probe;
use crate::transaction;
use crate::units;
use crate::volume::Volume;
use crate::writing;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_kpi::{
    Access, Allocation, Attr, BlockDevice, Capabilities, DirEntry, Environment, Errno, FileFlags, FileSystem,
    FileSystemInfo, FileSystemType, FileType, Ino, KError, KResult, NewNode, Node, SetAttr, StatVfs,
    XattrFlags,
};

/// Size of a directory that is read through in a few microseconds.
const SCANNED_IN_NO_TIME: u64 = 64 << 10;

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
        let access = if read_only { Access::Read } else { Access::ReadWrite };
        let volume = mount::mount(device, access, options, environment).map_err(unmountable)?;
        volume.cache().limit(&environment.memory);
        if volume.writer().is_some() {
            orphan::recover(&volume).map_err(unmountable)?;
        }
        Ok(Arc::new(Mounted { volume: Arc::new(volume), unmounted: AtomicBool::new(false) }))
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
    unmounted: AtomicBool,
}

impl FileSystem for Mounted {
    fn root(&self) -> Ino {
        Ino(units::Ino::ROOT.0.into())
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        let cell = self.volume.cell(inode_number(ino)?)?;
        let inode = cell.inode();
        check_in_use(&inode)?;
        let file_type = attr::file_type(&inode)?;
        Ok(Arc::new(Ext2Node { volume: self.volume.clone(), cell, file_type }))
    }

    fn attr(&self, ino: Ino) -> KResult<Attr> {
        let number = inode_number(ino)?;
        // The table of inodes is closer together than the cells of many files.
        if let Some(cell) = self.volume.find_cell_ahead(number) {
            check_in_use(&cell.inode())?;
            return Ok(file::attr(&self.volume, &cell)?);
        }
        let attr = self.volume.with_inode(number, |fields, _| {
            check_in_use(&fields)?;
            attr::attr(&self.volume, &fields)
        })?;
        Ok(attr?)
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        let superblock = self.volume.superblock();
        let (free, files_free) = match self.volume.writer() {
            Some(writer) => writer.with_space(|space| {
                (space.available() << superblock.cluster_ratio_bits(), space.free_inodes())
            }),
            None => (superblock.free_blocks(), superblock.raw.s_free_inodes_count.get().into()),
        };
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
            files_free,
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::HARD_LINKS
            | Capabilities::SYMLINKS
            | Capabilities::XATTRS
            | Capabilities::SPARSE
            | Capabilities::SPECIAL
            | Capabilities::OWNERS
            | Capabilities::ATTR_BY_NUMBER
            | Capabilities::ACLS
            | Capabilities::TIMES;
        if self.volume.features().incompat.contains(Incompat::CASEFOLD) {
            all |= Capabilities::CASE_FOLDING;
        }
        if self.volume.writer().is_some() {
            all |= Capabilities::WRITE | Capabilities::EXCHANGE;
            // A map of pointers cannot say that a block is there and not written.
            if self.volume.features().incompat.contains(Incompat::EXTENTS) {
                all |= Capabilities::ALLOCATE;
            }
        }
        all
    }

    fn file_flags(&self) -> FileFlags {
        attr::all_flags()
    }

    fn link_max(&self) -> Option<u64> {
        Some(namespace::LINK_MAX.into())
    }

    fn sync(&self) -> KResult<()> {
        // What cannot be flushed must not keep the rest from being durable.
        let flushed = file::write::flush_all(&self.volume);
        self.volume.settle()?;
        Ok(flushed?)
    }

    fn write_behind(&self) -> Option<Duration> {
        transaction::write_behind(&self.volume)
    }

    fn unmount(&self) -> KResult<()> {
        if self.volume.writer().is_none() {
            return Ok(());
        }
        self.unmounted.store(true, Ordering::Release);
        let flushed = file::write::flush_all(&self.volume);
        writing::close(&self.volume)?;
        Ok(flushed?)
    }

    fn forget(&self, ino: Ino) {
        let Ok(number) = u32::try_from(ino.0) else { return };
        let Some(cell) = self.volume.find_cell(units::Ino(number)) else { return };
        if let Some(writer) = self.volume.writer().filter(|_| cell.inode().base().i_links_count.get() == 0) {
            if let Err(error) = orphan::release(&self.volume, &cell) {
                // It stays on the list of orphans: the next mount frees it.
                writer.note(&alloc::format!("ext2fs: {} stays an orphan: {error}", cell.number()));
            }
        }
        self.volume.forget_cell(&cell);
    }
}

struct Ext2Node {
    volume: Arc<Volume>,
    cell: Arc<Cell>,
    file_type: FileType,
}

impl Ext2Node {
    fn inode(&self) -> Arc<Inode> {
        self.cell.inode()
    }

    fn require(&self, file_type: FileType, otherwise: Errno) -> KResult<()> {
        if self.file_type == file_type { Ok(()) } else { Err(otherwise.into()) }
    }

    fn require_file(&self) -> KResult<()> {
        let otherwise = if self.file_type == FileType::Directory { Errno::EISDIR } else { Errno::EINVAL };
        self.require(FileType::Regular, otherwise)
    }

    fn seek(&self, offset: u64, what: file::Seek) -> KResult<u64> {
        self.require_file()?;
        let size = self.cell.size();
        if offset >= size {
            return Err(Errno::ENXIO.into());
        }
        let found = file::seek(&self.volume, &self.cell, offset, what)?;
        if what == file::Seek::Data && found >= size {
            return Err(Errno::ENXIO.into());
        }
        Ok(found.min(size))
    }
}

impl Node for Ext2Node {
    fn attr(&self) -> KResult<Attr> {
        Ok(file::attr(&self.volume, &self.cell)?)
    }

    fn file_type(&self) -> KResult<FileType> {
        Ok(self.file_type)
    }

    fn generation(&self) -> KResult<Option<u64>> {
        let inode = self.inode();
        let number = inode.number();
        let is_own = number.0 < self.volume.superblock().first_inode() && number != units::Ino::ROOT;
        Ok((!is_own).then(|| inode.generation().into()))
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        self.require(FileType::Directory, Errno::ENOTDIR)?;
        let found = dir::lookup(&self.volume, &self.inode(), name)?.ok_or(Errno::ENOENT)?;
        if self.volume.superblock().locate_inode(found).is_none() {
            let place = Place::Inode(self.inode().number());
            return Err(Error::corrupt("directory entry", place, 0, alloc::format!("names {found}")).into());
        }
        Ok(Ino(found.0.into()))
    }

    fn lookup_scans(&self) -> bool {
        let inode = self.inode();
        inode.size() > SCANNED_IN_NO_TIME && !dir::is_looked_up_by_hash(&self.volume, &inode)
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        self.require(FileType::Directory, Errno::ENOTDIR)?;
        dir::read(&self.volume, &self.inode(), cursor, &mut |entry| {
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
        Ok(file::read(&self.volume, &self.cell, offset, buf)?)
    }

    fn read_link(&self) -> KResult<Vec<u8>> {
        self.require(FileType::Symlink, Errno::EINVAL)?;
        let _kept = self.cell.content.read();
        Ok(symlink::read(&self.volume, &self.inode())?)
    }

    fn seek_data(&self, offset: u64) -> KResult<u64> {
        self.seek(offset, file::Seek::Data)
    }

    fn seek_hole(&self, offset: u64) -> KResult<u64> {
        self.seek(offset, file::Seek::Hole)
    }

    fn xattr(&self, name: &[u8]) -> KResult<Vec<u8>> {
        let _kept = self.cell.content.read();
        Ok(xattr::find(&self.volume, &self.inode(), name)?.ok_or(Errno::ENOATTR)?)
    }

    fn list_xattrs(&self) -> KResult<Vec<Vec<u8>>> {
        let _kept = self.cell.content.read();
        Ok(xattr::list(&self.volume, &self.inode())?)
    }

    fn create(&self, name: &[u8], new: NewNode<'_>) -> KResult<Ino> {
        Ok(Ino(namespace::create(&self.volume, &self.cell, name, new)?.0.into()))
    }

    fn link(&self, name: &[u8], target: Ino) -> KResult<()> {
        Ok(namespace::link(&self.volume, &self.cell, name, inode_number(target)?)?)
    }

    fn unlink(&self, name: &[u8]) -> KResult<()> {
        Ok(namespace::unlink(&self.volume, &self.cell, name)?)
    }

    fn rmdir(&self, name: &[u8]) -> KResult<()> {
        Ok(namespace::rmdir(&self.volume, &self.cell, name)?)
    }

    fn rename(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        let to = self.volume.cell(inode_number(to_dir)?)?;
        Ok(namespace::rename(&self.volume, &self.cell, name, &to, to_name)?)
    }

    fn exchange(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        let to = self.volume.cell(inode_number(to_dir)?)?;
        Ok(namespace::exchange(&self.volume, &self.cell, name, &to, to_name)?)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        self.require_file()?;
        Ok(file::write::write_at(&self.volume, &self.cell, offset, buf)?)
    }

    fn set_attr(&self, set: SetAttr) -> KResult<()> {
        if let Some(size) = set.size {
            self.require_file()?;
            file::write::set_size(&self.volume, &self.cell, size)?;
        }
        let rest = SetAttr { size: None, ..set };
        if rest == SetAttr::default() { Ok(()) } else { Ok(set::set_attr(&self.volume, &self.cell, rest)?) }
    }

    fn allocate(&self, offset: u64, length: u64, how: Allocation) -> KResult<()> {
        self.require_file()?;
        Ok(file::write::allocate(&self.volume, &self.cell, offset, length, how)?)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> KResult<()> {
        Ok(xattr::write::set(&self.volume, &self.cell, name, value, flags)?)
    }

    fn remove_xattr(&self, name: &[u8]) -> KResult<()> {
        Ok(xattr::write::remove(&self.volume, &self.cell, name)?)
    }

    fn fsync(&self) -> KResult<()> {
        file::write::flush(&self.volume, &self.cell)?;
        Ok(self.volume.commit()?)
    }
}

fn inode_number(ino: Ino) -> KResult<units::Ino> {
    u32::try_from(ino.0).map(units::Ino).map_err(|_| Errno::ESTALE.into())
}

fn check_in_use(fields: &Fields) -> Result<(), Error> {
    if fields.base().i_links_count.get() == 0 { Err(Error::NotInUse(fields.number())) } else { Ok(()) }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Whoever wants to know whether it went well unmounts before.
        if !self.unmounted.load(Ordering::Acquire) {
            let _ = self.unmount();
        }
    }
}
