//! A tmpfs whose names fold in ASCII: what the kernel's caches make of names that differ in case.
//!
//! An entry keeps the spelling it was made with; every name is looked for exactly first, then folded.

use rumpkit::kpi::{
    Allocation, Attr, BlockDevice, Capabilities, Component, DirEntry, Environment, FileSystem,
    FileSystemInfo, FileSystemType, NewNode, Node, SetAttr,
};
use rumpkit::{Errno, Ino, KResult, StatVfs, XattrFlags};
use std::sync::Arc;

/// Its name as a type.
pub const NAME: &str = "foldfs";

/// The component.
pub fn component() -> Component {
    Component::FileSystem(&FoldFs)
}

struct FoldFs;

impl FileSystemType for FoldFs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self, _device: &Arc<dyn BlockDevice>) -> KResult<Option<FileSystemInfo>> {
        Ok(None)
    }

    fn mount(
        &self,
        device: Option<Arc<dyn BlockDevice>>,
        read_only: bool,
        options: &str,
        environment: &Environment,
    ) -> KResult<Arc<dyn FileSystem>> {
        let is_tmpfs = |component: &Component| match component {
            Component::FileSystem(fs_type) if fs_type.name() == "tmpfs" => Some(*fs_type),
            _ => None,
        };
        let tmpfs = rumpkit::components().iter().find_map(is_tmpfs).ok_or(Errno::ENODEV)?;
        Ok(Arc::new(Folding(tmpfs.mount(device, read_only, options, environment)?)))
    }
}

struct Folding(Arc<dyn FileSystem>);

impl FileSystem for Folding {
    fn root(&self) -> Ino {
        self.0.root()
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        Ok(Arc::new(Folded { node: self.0.node(ino)?, fs: self.0.clone() }))
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        self.0.statvfs()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities() | Capabilities::CASE_FOLDING
    }

    fn forget(&self, ino: Ino) {
        self.0.forget(ino);
    }
}

struct Folded {
    node: Arc<dyn Node>,
    fs: Arc<dyn FileSystem>,
}

/// The spelling of `name` in a directory, if it is there.
fn spelling(dir: &dyn Node, name: &[u8]) -> KResult<Option<Vec<u8>>> {
    if dir.lookup(name).is_ok() {
        return Ok(Some(name.to_vec()));
    }
    let mut found = None;
    dir.read_dir(0, &mut |entry| {
        if entry.name.eq_ignore_ascii_case(name) {
            found = Some(entry.name.to_vec());
        }
        found.is_none()
    })?;
    Ok(found)
}

impl Folded {
    /// Errors: ENOENT.
    fn stored(&self, name: &[u8]) -> KResult<Vec<u8>> {
        spelling(&*self.node, name)?.ok_or_else(|| Errno::ENOENT.into())
    }
}

impl Node for Folded {
    fn attr(&self) -> KResult<Attr> {
        self.node.attr()
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        self.node.lookup(&self.stored(name)?)
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        self.node.read_dir(cursor, sink)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        self.node.read_at(offset, buf)
    }

    fn read_link(&self) -> KResult<Vec<u8>> {
        self.node.read_link()
    }

    fn seek_data(&self, offset: u64) -> KResult<u64> {
        self.node.seek_data(offset)
    }

    fn seek_hole(&self, offset: u64) -> KResult<u64> {
        self.node.seek_hole(offset)
    }

    fn xattr(&self, name: &[u8]) -> KResult<Vec<u8>> {
        self.node.xattr(name)
    }

    fn list_xattrs(&self) -> KResult<Vec<Vec<u8>>> {
        self.node.list_xattrs()
    }

    fn create(&self, name: &[u8], new: NewNode<'_>) -> KResult<Ino> {
        self.node.create(name, new)
    }

    fn link(&self, name: &[u8], target: Ino) -> KResult<()> {
        self.node.link(name, target)
    }

    fn unlink(&self, name: &[u8]) -> KResult<()> {
        self.node.unlink(&self.stored(name)?)
    }

    fn rmdir(&self, name: &[u8]) -> KResult<()> {
        self.node.rmdir(&self.stored(name)?)
    }

    fn rename(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        let name = self.stored(name)?;
        let to = self.fs.node(to_dir)?;
        let over = spelling(&*to, to_name)?;
        // Another spelling of its own name is what it gets; an entry that is there keeps its own.
        let is_itself = |over: &Vec<u8>| *over == name && to.lookup(over) == self.node.lookup(&name);
        let to_name = over.filter(|over| !is_itself(over)).unwrap_or_else(|| to_name.to_vec());
        self.node.rename(&name, to_dir, &to_name)
    }

    fn exchange(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        let to_name = spelling(&*self.fs.node(to_dir)?, to_name)?.ok_or(Errno::ENOENT)?;
        self.node.exchange(&self.stored(name)?, to_dir, &to_name)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        self.node.write_at(offset, buf)
    }

    fn set_attr(&self, set: SetAttr) -> KResult<()> {
        self.node.set_attr(set)
    }

    fn allocate(&self, offset: u64, length: u64, how: Allocation) -> KResult<()> {
        self.node.allocate(offset, length, how)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> KResult<()> {
        self.node.set_xattr(name, value, flags)
    }

    fn remove_xattr(&self, name: &[u8]) -> KResult<()> {
        self.node.remove_xattr(name)
    }
}
