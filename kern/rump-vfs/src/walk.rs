//! The path walk: from a path to a vnode, or to the place where one may be made.
//!
//! Reference: POSIX.1-2017 4.13 (pathname resolution). The walk is a loop; symbolic links replace what is left
//! of the path. `..` stays at the root of the process and crosses the roots of mounts. Where the walk stands in
//! the root directory of the kernel, the longest key of etfs that the rest of the path begins with is one step.

use crate::{Credentials, Vfs, Vnode, access, ops};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use rump_abi::{Errno, FileType, Stat};
use rump_kpi::{KError, KResult};

/// Longest name in bytes.
pub const NAME_MAX: usize = 255;
/// Longest path in bytes, with the NUL that ends it in C.
pub const PATH_MAX: usize = 4096;
/// Symbolic links in one walk.
const SYMLINKS_MAX: u32 = 40;
/// Longest rest of a path once links were put in.
const EXPANDED_MAX: usize = 16 * PATH_MAX;

/// What to do with a symbolic link as the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Go on at its target.
    Yes,
    /// Stay at the link, unless a slash follows.
    No,
    /// Stay at the link: for calls that change the name itself.
    Never,
}

/// What the last component of a path was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// A name in the parent directory.
    Name,
    /// `.`, or nothing but the root.
    Dot,
    /// `..`.
    DotDot,
    /// A path that etfs knows.
    Etfs,
}

/// Where a walk ended.
pub struct Walked<'p> {
    path: Cow<'p, [u8]>,
    name: Range<usize>,
    /// The directory that the last component is in; for [`Last::Dot`] and the like, where the walk ended.
    pub parent: Arc<Vnode>,
    /// What is there, if anything.
    pub vnode: Option<Arc<Vnode>>,
    /// What the last component was.
    pub last: Last,
    /// Whether slashes follow the last component.
    pub slash: bool,
}

impl Walked<'_> {
    /// The last component.
    pub fn name(&self) -> &[u8] {
        &self.path[self.name.clone()]
    }

    /// What is there. Errors: ENOENT, ENOTDIR (a slash after what is no directory).
    pub fn existing(&self) -> KResult<&Arc<Vnode>> {
        let vnode = self.vnode.as_ref().ok_or(Errno::ENOENT)?;
        if self.slash && !vnode.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(vnode)
    }
}

/// One step of a walk.
struct Step {
    name: Range<usize>,
    /// Where the next step begins.
    next: usize,
    last: Last,
    found: Option<Arc<Vnode>>,
}

/// Who walks, and from where.
pub struct Walker<'a> {
    /// The mount table.
    pub vfs: &'a Vfs,
    /// Whose permission to search is checked.
    pub cred: &'a Credentials,
    /// What `/` means.
    pub root: &'a Arc<Vnode>,
    /// Where relative paths begin.
    pub start: &'a Arc<Vnode>,
}

/// Checks a path as it was given. Errors: ENOENT (empty), ENAMETOOLONG, EINVAL (NUL).
fn check_path(path: &[u8]) -> KResult<()> {
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    if path.len() >= PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if path.contains(&0) {
        return Err(KError::new(Errno::EINVAL, "a NUL byte in a path"));
    }
    Ok(())
}

/// The first component at or after `position`, and where the slashes behind it end.
fn component(path: &[u8], position: usize) -> (Range<usize>, usize) {
    let skip = |from: usize, slash: bool| {
        path[from..].iter().position(|&byte| (byte == b'/') != slash).map_or(path.len(), |n| from + n)
    };
    let begin = skip(position, true);
    let end = skip(begin, false);
    (begin..end, skip(end, true))
}

impl Walker<'_> {
    /// Walks to an existing file. Errors: those of [`Walker::walk`], ENOENT, ENOTDIR.
    pub fn lookup(&self, path: &[u8], follow: Follow) -> KResult<Arc<Vnode>> {
        let walked = self.walk(path, follow)?;
        walked.existing().cloned()
    }

    /// Attributes of an existing file. Errors: those of [`Walker::walk`], ENOENT, ENOTDIR, EFTYPE, EIO.
    pub fn stat(&self, path: &[u8], follow: Follow) -> KResult<Stat> {
        match self.stat_of_entry(path, follow)? {
            Some(stat) => Ok(stat),
            None => self.lookup(path, follow)?.stat(),
        }
    }

    /// Attributes of a file that is nothing but an entry of its directory: by the path it can be no other, and it
    /// is no link to be followed nor a directory that something may be mounted over.
    fn stat_of_entry(&self, path: &[u8], follow: Follow) -> KResult<Option<Stat>> {
        let begin = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (above, name) = path.split_at(begin);
        let may_meet_keys =
            [self.root, self.start].iter().any(|dir| self.vfs.is_root(dir)) && !self.vfs.etfs().is_empty();
        if matches!(name, b"" | b"." | b"..") || may_meet_keys {
            return Ok(None);
        }
        check_path(path)?;
        let Some(dir) = self.plain_dir(above)? else { return Ok(None) };
        access::check(self.cred, &dir, access::EXEC)?;
        let stat = ops::stat(&dir, name)?.ok_or(Errno::ENOENT)?;
        let is_end = match stat.file_type {
            FileType::Directory => false,
            FileType::Symlink => follow != Follow::Yes,
            _ => true,
        };
        Ok(is_end.then_some(stat))
    }

    /// The directory that a path leads to if it is all names of directories, and no key of etfs is met: the way of
    /// almost all paths, without what [`Walker::walk`] keeps for the rest. Errors: as there.
    fn plain_dir(&self, path: &[u8]) -> KResult<Option<Cow<'_, Arc<Vnode>>>> {
        let mut at = Cow::Borrowed(if path.first() == Some(&b'/') { self.root } else { self.start });
        if at.is_etfs() {
            return Ok(None);
        }
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            if matches!(name, b"." | b"..") {
                return Ok(None);
            }
            access::check(self.cred, &at, access::EXEC)?;
            let found = self.vfs.cross(ops::lookup(&at, name)?.ok_or(Errno::ENOENT)?)?;
            if !found.is_dir() {
                return Ok(None);
            }
            at = Cow::Owned(found);
        }
        Ok(Some(at))
    }

    /// Walks up to the last component, which may be missing.
    ///
    /// Errors: ENOENT (empty path, a missing component), ENAMETOOLONG, EINVAL (NUL), ENOTDIR, EACCES (search),
    /// ELOOP, those of the drivers.
    pub fn walk<'p>(&self, path: &'p [u8], follow: Follow) -> KResult<Walked<'p>> {
        check_path(path)?;
        let mut path = Cow::Borrowed(path);
        let mut at = if path[0] == b'/' { self.root.clone() } else { self.start.clone() };
        let mut position = 0;
        let mut links = 0;
        loop {
            if !at.is_dir() {
                return Err(Errno::ENOTDIR.into());
            }
            let Step { name, next, last, found } = self.step(&at, &path, position)?;
            let is_last = next == path.len();
            let slash = next > name.end;
            if let Some(link) = found.as_ref().filter(|vnode| vnode.file_type() == FileType::Symlink) {
                let goes_on = match follow {
                    Follow::Yes => true,
                    Follow::No => !is_last || slash,
                    Follow::Never => !is_last,
                };
                if goes_on {
                    links += 1;
                    path = Cow::Owned(replace_link(link, &path[name.end..], links)?);
                    position = 0;
                    if path[0] == b'/' {
                        at = self.root.clone();
                    }
                    continue;
                }
            }
            if is_last {
                let parent = at;
                return Ok(Walked { path, name, parent, vnode: found, last, slash });
            }
            at = found.ok_or(Errno::ENOENT)?;
            position = next;
        }
    }

    /// One component, or a key of etfs; the vnode is the root of what is mounted there.
    fn step(&self, at: &Arc<Vnode>, path: &[u8], position: usize) -> KResult<Step> {
        let (name, next) = component(path, position);
        if !name.is_empty() {
            access::check(self.cred, at, access::EXEC)?;
        }
        if let Some(step) = self.step_to_key(at, path, position)? {
            return Ok(step);
        }
        let (last, found) = match &path[name.clone()] {
            b"" | b"." => (Last::Dot, Some(at.clone())),
            b".." => (Last::DotDot, Some(self.parent(at)?)),
            text => self.step_to_name(at, text)?,
        };
        Ok(Step { name, next, last, found })
    }

    fn step_to_name(&self, at: &Arc<Vnode>, name: &[u8]) -> KResult<(Last, Option<Arc<Vnode>>)> {
        let Some(path) = at.etfs_path() else {
            let found = ops::lookup(at, name)?;
            return Ok((Last::Name, found.map(|vnode| self.vfs.cross(vnode)).transpose()?));
        };
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let found = self.vfs.find_in_etfs([path, b"/", name].concat())?;
        Ok((if found.is_some() { Last::Etfs } else { Last::Name }, found))
    }

    /// The longest key of etfs that the rest of the path begins with, seen from the root directory of the kernel.
    fn step_to_key(&self, at: &Arc<Vnode>, path: &[u8], position: usize) -> KResult<Option<Step>> {
        let etfs = self.vfs.etfs();
        if etfs.is_empty() || !self.vfs.is_root(at) {
            return Ok(None);
        }
        let mut key = Vec::new();
        let mut longest = None;
        let mut from = position;
        while from < path.len() {
            let (name, next) = component(path, from);
            match &path[name.clone()] {
                b"" | b".." => break,
                b"." => {}
                text => {
                    key.push(b'/');
                    key.extend_from_slice(text);
                    if etfs.is_key(&key) {
                        longest = Some((key.len(), name, next));
                    }
                }
            }
            from = next;
        }
        let Some((length, name, next)) = longest else { return Ok(None) };
        key.truncate(length);
        let found = self.vfs.find_in_etfs(key)?;
        Ok(found.map(|vnode| Step { name, next, last: Last::Etfs, found: Some(vnode) }))
    }

    /// The directory above one that etfs provides. Only from the root of the kernel is it seen.
    fn above_etfs(&self, path: &[u8]) -> Arc<Vnode> {
        let above = &path[..path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)];
        if above.is_empty() || !self.vfs.is_root(self.root) {
            return self.root.clone();
        }
        let walker = Walker { cred: &Credentials::root(), start: self.root, ..*self };
        let found = walker.lookup(above, Follow::Yes).ok().filter(|vnode| vnode.is_dir());
        found.unwrap_or_else(|| self.root.clone())
    }

    /// The directory above, which is the directory itself at the root of the process.
    pub fn parent(&self, dir: &Arc<Vnode>) -> KResult<Arc<Vnode>> {
        let mut dir = dir.clone();
        loop {
            if dir.is(self.root) {
                return Ok(dir);
            }
            if let Some(path) = dir.etfs_path() {
                return Ok(self.above_etfs(path));
            }
            if dir.ino() != dir.mount().root_ino() {
                return self.vfs.cross(ops::parent(&dir)?);
            }
            match dir.mount().covered_dir() {
                Some(covered) => dir = covered,
                None => return Ok(dir),
            }
        }
    }

    /// What etfs has where a listing of `dir` shows `name`. Errors: ENOENT (it had, but no more), the host's.
    pub(crate) fn etfs_entry(&self, dir: &Arc<Vnode>, name: &[u8]) -> KResult<Option<Arc<Vnode>>> {
        if dir.is_etfs() {
            return Ok(Some(self.step_to_name(dir, name)?.1.ok_or(Errno::ENOENT)?));
        }
        if !self.vfs.is_root(dir) {
            return Ok(None);
        }
        Ok(self.step_to_key(dir, name, 0)?.and_then(|step| step.found))
    }
}

/// The path that goes on at the target of a link. Errors: ELOOP, ENOENT (empty target), ENAMETOOLONG.
fn replace_link(link: &Vnode, rest: &[u8], links: u32) -> KResult<Vec<u8>> {
    if links > SYMLINKS_MAX {
        return Err(Errno::ELOOP.into());
    }
    let mut path = link.node()?.read_link()?;
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    if path.len().saturating_add(rest.len()) > EXPANDED_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    path.extend_from_slice(rest);
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_divided_by_any_number_of_slashes() {
        assert_eq!(component(b"//a///b", 0), (2..3, 6));
        assert_eq!(component(b"//a///b", 6), (6..7, 7));
        assert_eq!(component(b"/", 0), (1..1, 1));
    }

    #[test]
    fn bad_paths_are_refused() {
        assert_eq!(check_path(b"").unwrap_err().errno, Errno::ENOENT);
        assert_eq!(check_path(b"a\0b").unwrap_err().errno, Errno::EINVAL);
        assert_eq!(check_path(&[b'a'; PATH_MAX]).unwrap_err().errno, Errno::ENAMETOOLONG);
        assert!(check_path(&[b'a'; PATH_MAX - 1]).is_ok());
    }
}
