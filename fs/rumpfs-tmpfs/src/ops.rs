//! Translation of the kernel's calls to inodes.

use crate::acl;
use crate::directory::{FIRST_SEQUENCE, Target};
use crate::inode::{Body, Inode};
use crate::rename;
use crate::xattrs;
use alloc::vec::Vec;
use rump_kpi::{
    Allocation, Attr, DirEntry, Errno, FileType, Ino, KResult, NewNode, Node, SetAttr, XattrFlags,
};

/// Entries that a listing copies at a time, so that no lock is held while the caller's sink runs.
const LISTING_BATCH: usize = 64;
/// Longest target of a symbolic link (`PATH_MAX`).
const MAX_TARGET: usize = 4096;

impl Node for Inode {
    fn attr(&self) -> KResult<Attr> {
        Ok(self.attributes())
    }

    fn generation(&self) -> KResult<Option<u64>> {
        // No number is used twice.
        Ok(Some(0))
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        let state = self.state.read();
        let directory = state.directory()?;
        match name {
            b"." => Ok(self.ino),
            b".." => Ok(directory.parent),
            _ => directory.find(name).map(|target| target.ino).ok_or_else(|| Errno::ENOENT.into()),
        }
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let (parent, alive) = {
            let state = self.state.read();
            (state.directory()?.parent, state.nlink > 0)
        };
        self.accessed();
        if !alive {
            return Ok(());
        }
        let dots: [(&[u8], Ino); 2] = [(b".", self.ino), (b"..", parent)];
        for ((name, ino), place) in dots.into_iter().zip(0..) {
            let file_type = Some(FileType::Directory);
            if cursor <= place && !sink(DirEntry { name, ino, file_type, next_cursor: place + 1 }) {
                return Ok(());
            }
        }
        let mut from = cursor.max(FIRST_SEQUENCE);
        loop {
            let batch = self.state.read().directory()?.list(from, LISTING_BATCH);
            let Some(last) = batch.last() else { return Ok(()) };
            from = last.sequence + 1;
            for entry in &batch {
                let (ino, file_type) = (entry.target.ino, Some(entry.target.file_type));
                let next_cursor = entry.sequence + 1;
                if !sink(DirEntry { name: &entry.name, ino, file_type, next_cursor }) {
                    return Ok(());
                }
            }
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        let count = self.state.read().file()?.read(offset, buf);
        if !buf.is_empty() {
            self.accessed();
        }
        Ok(count)
    }

    fn read_link(&self) -> KResult<Vec<u8>> {
        let target = match &self.state.read().body {
            Body::Symlink(target) => target.to_vec(),
            _ => return Err(Errno::EINVAL.into()),
        };
        self.accessed();
        Ok(target)
    }

    fn seek_data(&self, offset: u64) -> KResult<u64> {
        self.state.read().file()?.seek_data(offset)
    }

    fn seek_hole(&self, offset: u64) -> KResult<u64> {
        self.state.read().file()?.seek_hole(offset)
    }

    fn xattr(&self, name: &[u8]) -> KResult<Vec<u8>> {
        xattrs::check_name(name)?;
        let state = self.state.read();
        state.xattrs.as_ref().ok_or(Errno::ENOATTR)?.value(name)
    }

    fn list_xattrs(&self) -> KResult<Vec<Vec<u8>>> {
        Ok(self.state.read().xattrs.as_ref().map(|xattrs| xattrs.names()).unwrap_or_default())
    }

    fn create(&self, name: &[u8], new: NewNode<'_>) -> KResult<Ino> {
        let volume = self.writable()?;
        if new.target.len() > MAX_TARGET {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let mut state = self.state.write();
        if state.directory_mut()?.find(name).is_some() {
            return Err(Errno::EEXIST.into());
        }
        let (mode, xattrs) = acl::inherit(&state, &new);
        let ino = volume.allocate(&NewNode { mode, ..new }, self.ino, xattrs)?;
        state.directory_mut()?.set(name, Target { ino, file_type: new.file_type });
        if new.file_type == FileType::Directory {
            state.nlink += 1;
        }
        state.touch(volume.now());
        Ok(ino)
    }

    fn link(&self, name: &[u8], target: Ino) -> KResult<()> {
        let volume = self.writable()?;
        let inode = volume.inode(target)?;
        if inode.file_type == FileType::Directory {
            return Err(Errno::EPERM.into());
        }
        let _tree = volume.tree.lock();
        let mut state = self.state.write();
        if state.directory_mut()?.find(name).is_some() {
            return Err(Errno::EEXIST.into());
        }
        let now = volume.now();
        {
            let mut linked = inode.state.write();
            if linked.nlink == 0 {
                return Err(Errno::ENOENT.into());
            }
            linked.nlink = linked.nlink.checked_add(1).ok_or(Errno::EMLINK)?;
            linked.ctime = now;
        }
        state.directory_mut()?.set(name, Target { ino: target, file_type: inode.file_type });
        state.touch(now);
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> KResult<()> {
        let volume = self.writable()?;
        let now = volume.now();
        let target = {
            let mut state = self.state.write();
            let directory = state.directory_mut()?;
            let target = directory.find(name).ok_or(Errno::ENOENT)?;
            if target.file_type == FileType::Directory {
                return Err(Errno::EPERM.into());
            }
            directory.remove(name);
            state.touch(now);
            target
        };
        volume.inode(target.ino)?.drop_link(&volume, now);
        Ok(())
    }

    fn rmdir(&self, name: &[u8]) -> KResult<()> {
        let volume = self.writable()?;
        let now = volume.now();
        let _tree = volume.tree.lock();
        let mut state = self.state.write();
        let target = state.directory_mut()?.find(name).ok_or(Errno::ENOENT)?;
        let victim = volume.inode(target.ino)?;
        rename::bury_directory(&victim, now)?;
        state.directory_mut()?.remove(name);
        state.nlink -= 1;
        state.touch(now);
        drop(state);
        volume.drop_if_unused(&victim);
        Ok(())
    }

    fn rename(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        rename::rename(self, name, to_dir, to_name)
    }

    fn exchange(&self, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
        rename::exchange(self, name, to_dir, to_name)
    }

    fn allocate(&self, offset: u64, length: u64, how: Allocation) -> KResult<()> {
        let volume = self.writable()?;
        let mut state = self.state.write();
        state.file_mut()?.allocate(offset, length, how, &volume.space)?;
        state.touch(volume.now());
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        let volume = self.writable()?;
        let mut state = self.state.write();
        state.file_mut()?.write(offset, buf, &volume.space)?;
        if !buf.is_empty() {
            state.touch(volume.now());
        }
        Ok(buf.len())
    }

    fn set_attr(&self, set: SetAttr) -> KResult<()> {
        self.change_attributes(&*self.writable()?, set)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> KResult<()> {
        let volume = self.writable()?;
        xattrs::check_name(name)?;
        let mut state = self.state.write();
        if acl::is_acl(name) {
            acl::set(&mut state, self.file_type, name, value, flags)?;
        } else {
            state.xattrs.get_or_insert_default().set(name, value, flags)?;
        }
        state.ctime = volume.now();
        Ok(())
    }

    fn remove_xattr(&self, name: &[u8]) -> KResult<()> {
        let volume = self.writable()?;
        xattrs::check_name(name)?;
        let mut state = self.state.write();
        state.xattrs.as_mut().ok_or(Errno::ENOATTR)?.remove(name)?;
        state.ctime = volume.now();
        Ok(())
    }
}
