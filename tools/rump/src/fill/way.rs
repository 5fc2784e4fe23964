//! A way down into an image: resolved name by name, never through a symbolic link, and kept open where the next one has
//! most of it in common.

use super::{Trouble, split};
use crate::chain::Chain;
use crate::output::escaped;
use rumpkit::kpi::acl;
use rumpkit::{Errno, Fd, KResult, Mode, OpenFlags, Process};

/// An open directory, with what new files in it inherit.
#[derive(Clone, Copy)]
pub struct Place {
    /// The directory.
    pub fd: Fd,
    /// Its group.
    pub gid: u32,
    /// Whether it has a default list.
    pub has_default_acl: bool,
}

/// A directory of the image, closed when dropped.
pub struct Directory<'p> {
    process: &'p Process,
    place: Place,
}

impl<'p> Directory<'p> {
    /// Opens one below `parent`. Errors: those of `open` and `fstat`.
    pub fn open(process: &'p Process, parent: Option<Fd>, name: &[u8], flags: OpenFlags) -> KResult<Self> {
        let fd = process.openat(parent, name, OpenFlags::DIRECTORY | flags, Mode::new(0))?;
        let mut directory = Self { process, place: Place { fd, gid: 0, has_default_acl: false } };
        directory.place.gid = process.fstat(fd)?.gid;
        directory.place.has_default_acl = process.fgetxattr(fd, acl::DEFAULT).is_ok();
        Ok(directory)
    }
}

impl Drop for Directory<'_> {
    fn drop(&mut self) {
        // A directory has nothing that closing could lose.
        let _ = self.process.close(self.place.fd);
    }
}

/// A way from the top down, some of it open.
pub struct Way<'p> {
    process: &'p Process,
    path: Vec<u8>,
    chain: Chain<Directory<'p>, ()>,
}

impl<'p> Way<'p> {
    /// From an open directory.
    pub fn new(top: Directory<'p>) -> Self {
        let mut way =
            Self { process: top.process, path: Vec::new(), chain: Chain::new(crate::walk::DESCRIPTORS / 4) };
        way.chain.push(b"", (), top);
        way
    }

    /// Goes to the directory at `path`; `make` is asked for what is missing on the way.
    pub fn go(&mut self, path: &[u8], make: &dyn Fn(Fd, &[u8]) -> KResult<()>) -> Result<Place, Trouble> {
        if self.path != path {
            let kept = common(&self.path, path);
            self.path.truncate(kept);
            self.chain.truncate(1 + names(&self.path).count());
            let rest = path[kept..].to_vec();
            for name in names(&rest) {
                let directory = self.enter(name, make)?;
                self.chain.push(name, (), directory);
                if !self.path.is_empty() {
                    self.path.push(b'/');
                }
                self.path.extend_from_slice(name);
            }
        }
        let last = self.last()?;
        Ok(last.place)
    }

    fn last(&mut self) -> Result<&Directory<'p>, Trouble> {
        let process = self.process;
        let opened = self.chain.last(|above, name, ()| {
            Directory::open(process, Some(above.place.fd), name, OpenFlags::NOFOLLOW)
        });
        match opened {
            Some(Ok(directory)) => Ok(directory),
            Some(Err(error)) => Err(error.into()),
            None => Err(Trouble::file(Errno::ENOENT)),
        }
    }

    fn enter(
        &mut self,
        name: &[u8],
        make: &dyn Fn(Fd, &[u8]) -> KResult<()>,
    ) -> Result<Directory<'p>, Trouble> {
        let process = self.process;
        let above = self.last()?.place.fd;
        let open = || Directory::open(process, Some(above), name, OpenFlags::NOFOLLOW);
        match open() {
            Err(error) if error.errno == Errno::ENOENT => {
                make(above, name)?;
                Ok(open()?)
            }
            Err(error) if matches!(error.errno, Errno::ELOOP | Errno::ENOTDIR) => {
                let why = if error.errno == Errno::ELOOP {
                    "a symbolic link, which is not followed"
                } else {
                    "no directory"
                };
                Err(Trouble::file(format!("{} on the way to it is {why}", escaped(name))))
            }
            opened => Ok(opened?),
        }
    }

    /// Forgets a directory that is there no more.
    pub fn forget(&mut self, path: &[u8]) {
        if common(&self.path, path) == path.len() && !path.is_empty() {
            let above = split(path).map_or(0, |(above, _)| above.len());
            self.path.truncate(above);
            self.chain.truncate(1 + names(&self.path).count());
        }
    }
}

/// The length of the names that both paths begin with.
fn common(one: &[u8], other: &[u8]) -> usize {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let ends = |path: &[u8]| same == path.len() || path[same] == b'/';
    if ends(one) && ends(other) {
        return same;
    }
    one[..same].iter().rposition(|&byte| byte == b'/').unwrap_or(0)
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_way_ends_at_a_name() {
        let cases = [
            ("a/b", "a/b/c", 3),
            ("a/b", "a/bc", 1),
            ("", "a", 0),
            ("a", "a", 1),
            ("ab", "ac", 0),
            ("a/b/c", "a/b", 3),
        ];
        for (one, other, expected) in cases {
            assert_eq!(common(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
    }
}
