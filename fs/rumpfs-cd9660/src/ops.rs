//! Translation to rump-kpi, nothing else.

use crate::aaip::{self, Attribute};
use crate::content::Coding;
use crate::directory;
use crate::inode::{self, Body, Directory, Inode};
use crate::mount;
use crate::name::Naming;
use crate::options::Options;
use crate::probe;
use crate::volume::Volume;
use crate::zisofs::Packed;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{
    Attr, BlockDevice, Capabilities, DirEntry, Environment, Errno, FileSystem, FileSystemInfo,
    FileSystemType, Ino, KError, KResult, Node, StatVfs,
};

/// Size of a directory of some 2000 files, which is read through in a fifth of a millisecond: for the names of more, a
/// listing had better be remembered.
const SCANNED_SOON: u64 = 256 << 10;

/// The type `cd9660`.
pub struct Cd9660;

impl FileSystemType for Cd9660 {
    fn name(&self) -> &'static str {
        "cd9660"
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
            return Err(KError::new(Errno::EROFS, "cd9660: ISO 9660 is mounted for reading only"));
        }
        let volume = Arc::new(mount::mount(device, options)?);
        volume.cache().limit(&environment.memory);
        Ok(Arc::new(Mounted { volume }))
    }
}

struct Mounted {
    volume: Arc<Volume>,
}

impl FileSystem for Mounted {
    fn root(&self) -> Ino {
        self.volume.root()
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        let inode = inode::load(&self.volume, ino)?;
        Ok(Arc::new(IsoNode { volume: self.volume.clone(), ino, inode }))
    }

    fn attr(&self, ino: Ino) -> KResult<Attr> {
        Ok(inode::load(&self.volume, ino)?.attr)
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        Ok(StatVfs {
            block_size: self.volume.block_size(),
            blocks: self.volume.blocks(),
            blocks_free: 0,
            blocks_available: 0,
            files: 0,
            files_free: 0,
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        match self.volume.naming() {
            Naming::RockRidge => {
                Capabilities::HARD_LINKS
                    | Capabilities::SYMLINKS
                    | Capabilities::SPECIAL
                    | Capabilities::OWNERS
                    | Capabilities::XATTRS
                    | Capabilities::ACLS
            }
            _ => Capabilities::empty(),
        }
    }
}

struct IsoNode {
    volume: Arc<Volume>,
    ino: Ino,
    inode: Inode,
}

impl IsoNode {
    fn xattrs(&self) -> KResult<Vec<Attribute>> {
        match (self.volume.naming(), self.volume.links.place(self.ino)) {
            (Naming::RockRidge, Some(at)) => Ok(aaip::attributes(&self.volume, at, &self.inode)?),
            _ => Ok(Vec::new()),
        }
    }

    fn directory(&self) -> KResult<&Directory> {
        match &self.inode.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }
}

impl Node for IsoNode {
    fn attr(&self) -> KResult<Attr> {
        Ok(self.inode.attr)
    }

    fn generation(&self) -> KResult<Option<u64>> {
        // Nothing changes.
        Ok(Some(0))
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        Ok(directory::lookup(&self.volume, self.directory()?, name)?.ok_or(Errno::ENOENT)?)
    }

    fn lookup_scans(&self) -> bool {
        self.directory().is_ok_and(|directory| directory.length > SCANNED_SOON)
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        directory::read(&self.volume, self.directory()?, cursor, &mut |entry| {
            sink(DirEntry {
                name: entry.name,
                ino: entry.ino,
                file_type: Some(entry.file_type),
                next_cursor: entry.next,
            })
        })?;
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        let content = match &self.inode.body {
            Body::File(content) => content,
            Body::Directory(_) => return Err(Errno::EISDIR.into()),
            _ => return Err(Errno::EINVAL.into()),
        };
        let (volume, extents) = (&*self.volume, &content.extents);
        Ok(match content.coding {
            Coding::Plain => extents.read(volume, offset, buf)?,
            Coding::Zisofs(packing) => Packed::open(volume, extents, packing)?.read(offset, buf)?,
            Coding::Refused(what) => return Err(crate::error::Error::Unsupported(what).into()),
        })
    }

    fn read_link(&self) -> KResult<Vec<u8>> {
        match &self.inode.body {
            Body::Symlink(target) => Ok(target.clone()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn xattr(&self, name: &[u8]) -> KResult<Vec<u8>> {
        let found = self.xattrs()?.into_iter().find(|attribute| attribute.name == name);
        Ok(found.ok_or(Errno::ENOATTR)?.value)
    }

    fn list_xattrs(&self) -> KResult<Vec<Vec<u8>>> {
        let mut names: Vec<Vec<u8>> = self.xattrs()?.into_iter().map(|attribute| attribute.name).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}
