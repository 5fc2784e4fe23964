//! Translation to rump-kpi, nothing else.

use crate::dir::{self, Slots, Visit};
use crate::file;
use crate::mount;
use crate::names::MOST_UNITS;
use crate::namespace;
use crate::nodes::{Cell, ROOT};
use crate::probe;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_dosfs::nodes::Numbered;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Options, utf16};
use rump_kpi::sync::Mutex;
use rump_kpi::{
    Access, Attr, BlockDevice, Capabilities, DirEntry, Environment, Errno, FileSystem, FileSystemInfo,
    FileSystemType, FileType, Ino, KResult, NewNode, Node, SetAttr, StatVfs, XattrFlags,
};

/// Names that a listing reads at a time, so that no lock is held while the caller's sink runs.
const BATCH: usize = 128;
/// Cursors below stand for `.` and `..`.
const FIRST_CURSOR: u64 = 2;

/// The type `exfat`.
pub struct Exfat;

impl FileSystemType for Exfat {
    fn name(&self) -> &'static str {
        "exfat"
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
        let options = Options::parse(self.name(), options, "", |_, _| None)?;
        let access = if read_only { Access::Read } else { Access::ReadWrite };
        let volume = Arc::new(mount::mount(device, access, options, environment)?);
        volume.disk.sectors.cache().limit(&environment.memory);
        Ok(Arc::new(Mounted { volume, counted: Mutex::new(None), unmounted: AtomicBool::new(false) }))
    }
}

struct Mounted {
    volume: Arc<Volume>,
    /// Free clusters of a volume that is not written, once somebody asked.
    counted: Mutex<Option<u32>>,
    unmounted: AtomicBool,
}

impl Mounted {
    fn free_clusters(&self) -> Result<u32, Error> {
        if let Ok(writer) = self.volume.writer() {
            return writer.free_clusters(self.volume.as_ref());
        }
        if let Some(free) = *self.counted.lock() {
            return Ok(free);
        }
        let free = self.volume.count_free()?;
        Ok(*self.counted.lock().insert(free))
    }
}

impl FileSystem for Mounted {
    fn root(&self) -> Ino {
        Ino(ROOT)
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        let cell = self.volume.cell(ino.0)?;
        Ok(Arc::new(ExfatNode { volume: self.volume.clone(), cell }))
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        let geometry = &self.volume.disk.geometry;
        let free = u64::from(self.free_clusters()?);
        Ok(StatVfs {
            block_size: geometry.cluster_size() as u32,
            blocks: geometry.clusters.into(),
            blocks_free: free,
            blocks_available: free,
            files: 0,
            files_free: 0,
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        let write = if self.volume.writer().is_ok() { Capabilities::WRITE } else { Capabilities::empty() };
        write | Capabilities::CASE_FOLDING
    }

    fn name_max(&self) -> usize {
        // A unit of UTF-16 takes up to three bytes.
        MOST_UNITS * 3
    }

    fn sync(&self) -> KResult<()> {
        match self.volume.writer() {
            Ok(_) => Ok(self.volume.commit()?),
            Err(_) => Ok(()),
        }
    }

    fn write_behind(&self) -> Option<Duration> {
        self.volume.write_behind()
    }

    fn unmount(&self) -> KResult<()> {
        self.unmounted.store(true, Ordering::Release);
        match self.volume.writer() {
            Ok(_) => Ok(self.volume.close()?),
            Err(_) => Ok(()),
        }
    }

    fn forget(&self, ino: Ino) {
        let Some(cell) = self.volume.nodes.find(ino.0) else { return };
        if cell.is_nameless() {
            namespace::release(&self.volume, &cell);
        }
        self.volume.nodes.forget(&cell);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Whoever wants to know whether it went well unmounts before.
        if !self.unmounted.load(Ordering::Acquire) {
            let _ = self.unmount();
        }
    }
}

struct ExfatNode {
    volume: Arc<Volume>,
    cell: Arc<Cell>,
}

/// A name of a listing.
struct Listed {
    name: Vec<u8>,
    ino: Ino,
    file_type: FileType,
    next: u64,
}

impl ExfatNode {
    fn require_file(&self) -> KResult<()> {
        if self.cell.is_directory() { Err(Errno::EISDIR.into()) } else { Ok(()) }
    }

    /// Names from a slot on.
    fn list(&self, from: u32) -> Result<Vec<Listed>, Error> {
        let mut batch = Vec::new();
        let slots = Slots::of(&self.volume.disk, &self.cell)?;
        dir::scan(&slots, from, &mut |visit| {
            if let (Visit::File(file), true) = (visit, batch.len() < BATCH) {
                let is_directory = file.set.is_directory();
                let number = self.volume.nodes.number_at(slots.place(file.first).unwrap_or(0));
                if is_directory {
                    self.volume.nodes.set_parent(number, self.cell.number());
                }
                let mut name = Vec::new();
                utf16::to_bytes(file.name, &mut name);
                let file_type = if is_directory { FileType::Directory } else { FileType::Regular };
                let next = FIRST_CURSOR + u64::from(file.first + file.set.len());
                batch.push(Listed { name, ino: Ino(number), file_type, next });
            }
            Ok(if batch.len() < BATCH { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(batch)
    }
}

impl Node for ExfatNode {
    fn attr(&self) -> KResult<Attr> {
        Ok(file::attr(&self.volume, &self.cell)?)
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        if !self.cell.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(Ino(namespace::lookup(&self.volume, &self.cell, name)?))
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        if !self.cell.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        if self.cell.is_nameless() {
            return Ok(());
        }
        if cursor < FIRST_CURSOR {
            let parent = namespace::parent(&self.volume, &self.cell)?;
            let dots: [(&[u8], u64); 2] = [(b".", self.cell.number()), (b"..", parent)];
            for ((name, number), place) in dots.into_iter().zip(0..) {
                let file_type = Some(FileType::Directory);
                let entry = DirEntry { name, ino: Ino(number), file_type, next_cursor: place + 1 };
                if cursor <= place && !sink(entry) {
                    return Ok(());
                }
            }
        }
        let mut from = cursor.max(FIRST_CURSOR);
        loop {
            let Ok(first) = u32::try_from(from - FIRST_CURSOR) else { return Ok(()) };
            let batch = self.list(first)?;
            for Listed { name, ino, file_type, next } in &batch {
                let file_type = Some(*file_type);
                if !sink(DirEntry { name, ino: *ino, file_type, next_cursor: *next }) {
                    return Ok(());
                }
                from = *next;
            }
            if batch.len() < BATCH {
                // Damage hides nothing but itself, and is told in the end.
                return Ok(dir::check(&self.volume, &self.cell)?);
            }
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        self.require_file()?;
        Ok(file::read(&self.volume, &self.cell, offset, buf)?)
    }

    fn create(&self, name: &[u8], new: NewNode<'_>) -> KResult<Ino> {
        Ok(Ino(namespace::create(&self.volume, &self.cell, name, new.file_type)?))
    }

    fn link(&self, _name: &[u8], _target: Ino) -> KResult<()> {
        self.volume.writer()?;
        Err(Error::Explained(Errno::EPERM, "exFAT has no hard links").into())
    }

    fn unlink(&self, name: &[u8]) -> KResult<()> {
        Ok(namespace::unlink(&self.volume, &self.cell, name)?)
    }

    fn rmdir(&self, name: &[u8]) -> KResult<()> {
        Ok(namespace::rmdir(&self.volume, &self.cell, name)?)
    }

    fn rename(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        let to = self.volume.cell(to_dir.0)?;
        Ok(namespace::rename(&self.volume, &self.cell, name, &to, to_name)?)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        self.require_file()?;
        file::write(&self.volume, &self.cell, offset, buf)?;
        Ok(buf.len())
    }

    fn set_attr(&self, set: SetAttr) -> KResult<()> {
        if let Some(size) = set.size {
            self.require_file()?;
            file::set_size(&self.volume, &self.cell, size)?;
        }
        let rest = SetAttr { size: None, ..set };
        if rest == SetAttr::default() { Ok(()) } else { Ok(file::set_attr(&self.volume, &self.cell, rest)?) }
    }

    fn set_xattr(&self, _name: &[u8], _value: &[u8], _flags: XattrFlags) -> KResult<()> {
        Err(Errno::ENOTSUP.into())
    }

    fn remove_xattr(&self, _name: &[u8]) -> KResult<()> {
        Err(Errno::ENOTSUP.into())
    }

    fn fsync(&self) -> KResult<()> {
        match self.volume.writer() {
            Ok(_) => Ok(self.volume.commit()?),
            Err(_) => Ok(()),
        }
    }
}
