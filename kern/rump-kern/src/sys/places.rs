//! Where paths begin: chdir(2), chroot(2), getcwd(3).

use crate::{Credentials, Fd, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::{KError, KResult};
use rump_vfs::{Follow, Vnode, Walker, access};

impl Process {
    /// Changes the working directory. Errors: those of the path walk, ENOTDIR, EACCES.
    pub fn chdir(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        let dir = self.lookup(None, path.as_ref(), Follow::Yes)?;
        self.enter(dir)
    }

    /// Changes the working directory to an open one. Errors: EBADF, ENOTDIR, EACCES.
    pub fn fchdir(&self, fd: Fd) -> KResult<()> {
        let dir = self.file(fd)?.vnode_or(Errno::ENOTDIR)?.clone();
        self.enter(dir)
    }

    fn enter(&self, dir: Arc<Vnode>) -> KResult<()> {
        access::check_search(&self.cred(), &dir)?;
        self.change_places(|places| places.cwd = dir)
    }

    /// Changes what `/` means; the working directory moves there if it would be outside. Errors: EPERM (not the
    /// superuser), those of the path walk, ENOTDIR.
    pub fn chroot(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        self.check_may_chroot()?;
        self.set_root(self.lookup(None, path.as_ref(), Follow::Yes)?)
    }

    /// Changes what `/` means to an open directory. Errors: EPERM (not the superuser), EBADF, ENOTDIR.
    pub fn fchroot(&self, fd: Fd) -> KResult<()> {
        self.check_may_chroot()?;
        self.set_root(self.file(fd)?.vnode_or(Errno::ENOTDIR)?.clone())
    }

    fn check_may_chroot(&self) -> KResult<()> {
        if self.cred().is_root() { Ok(()) } else { Err(Errno::EPERM.into()) }
    }

    fn set_root(&self, root: Arc<Vnode>) -> KResult<()> {
        access::check_search(&self.cred(), &root)?;
        let inside = self.path_of(&root, &self.places()?.cwd).is_ok();
        self.change_places(|places| {
            if !inside {
                places.cwd = root.clone();
            }
            places.root = root;
        })
    }

    /// The path of the working directory. Errors: ESRCH, ENOENT (it was removed), those of the drivers.
    pub fn getcwd(&self) -> KResult<Vec<u8>> {
        self.shared().check_running()?;
        let places = self.places()?;
        self.path_of(&places.root, &places.cwd)
    }

    /// The path from `root` down to `dir`, found by going up. Errors: ENOENT (not below the root).
    pub(crate) fn path_of(&self, root: &Arc<Vnode>, dir: &Arc<Vnode>) -> KResult<Vec<u8>> {
        if let Some(path) = dir.etfs_path() {
            return self.etfs_path_of(root, path);
        }
        let superuser = Credentials::root();
        let walker = Walker { vfs: &self.shared().vfs, cred: &superuser, root, start: dir };
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut length = 0;
        let mut at = dir.clone();
        while !at.is(root) {
            if at.is_removed() {
                return Err(Errno::ENOENT.into());
            }
            let above = walker.parent(&at)?;
            if above.is(&at) {
                return Err(KError::new(Errno::ENOENT, "the directory is outside the root of the process"));
            }
            let name = self.name_in(&above, &at)?;
            length += name.len() + 1;
            // A damaged tree may have a way up without an end.
            if length > usize::from(u16::MAX) {
                return Err(Errno::ENAMETOOLONG.into());
            }
            names.push(name);
            at = above;
        }
        let mut path = Vec::with_capacity(length.max(1));
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Ok(path)
    }

    /// The path from `root` down to what etfs shows at `path`. Errors: ENOENT (not below the root).
    fn etfs_path_of(&self, root: &Arc<Vnode>, path: &[u8]) -> KResult<Vec<u8>> {
        let outside = || KError::new(Errno::ENOENT, "the directory is outside the root of the process");
        if root.is(&*self.shared().vfs.root()?) {
            return Ok(path.to_vec());
        }
        match root.etfs_path().and_then(|root| path.strip_prefix(root)).ok_or_else(outside)? {
            b"" => Ok(b"/".to_vec()),
            rest if rest.starts_with(b"/") => Ok(rest.to_vec()),
            _ => Err(outside()),
        }
    }

    /// The name that `child`, which may be the root of a mount, has in `dir`.
    fn name_in(&self, dir: &Arc<Vnode>, child: &Arc<Vnode>) -> KResult<Vec<u8>> {
        let mut seen = child.clone();
        while !Arc::ptr_eq(seen.mount(), dir.mount()) {
            seen = seen.mount().covered_dir().ok_or(Errno::ENOENT)?;
        }
        let mut name = None;
        dir.node()?.read_dir(0, &mut |entry| {
            let is_it = entry.ino == seen.ino() && !matches!(entry.name, b"." | b"..");
            if is_it {
                name = Some(entry.name.to_vec());
            }
            !is_it
        })?;
        name.ok_or_else(|| Errno::ENOENT.into())
    }
}
