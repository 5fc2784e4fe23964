//! Patterns in words: names in the image, or of the host, in order of their bytes. A pattern that nothing matches is a word.

use super::base::Base;
use super::words::Word;
use crate::glob::{Case, matches};
use crate::walk::join;
use rumpkit::{FileType, Mode, OpenFlags, Process};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Most names that a pattern may stand for.
const MOST: usize = 1_000_000;

/// Something with directories in it. What cannot be read has nothing in it.
pub trait Names {
    /// The names in the directory at `path`, without `.` and `..`, in any order, and whether each is known to be a directory.
    fn names(&self, path: &[u8]) -> Vec<(Vec<u8>, bool)>;
    /// Whether something is at `path`.
    fn is_there(&self, path: &[u8]) -> bool;
    /// Whether `path` leads to a directory.
    fn is_directory(&self, path: &[u8]) -> bool;
}

/// An image, for words in a directory.
pub struct InImage<'a> {
    /// Of the image.
    pub process: &'a Process,
    /// The directory.
    pub base: &'a Base,
}

impl Names for InImage<'_> {
    fn names(&self, path: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let mut names = Vec::new();
        let Ok(fd) = self.process.open(self.base.path(path), OpenFlags::DIRECTORY, Mode::new(0)) else {
            return names;
        };
        // What is read up to damage is there.
        let _ = self.process.getdents(fd, &mut |entry| {
            if !matches!(entry.name, b"." | b"..") {
                names.push((entry.name.to_vec(), entry.file_type == Some(FileType::Directory)));
            }
            names.len() < MOST
        });
        let _ = self.process.close(fd);
        names
    }

    fn is_there(&self, path: &[u8]) -> bool {
        self.process.lstat(self.base.path(path)).is_ok()
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        self.process.stat(self.base.path(path)).is_ok_and(|stat| stat.file_type == FileType::Directory)
    }
}

/// The host.
pub struct OnHost;

impl Names for OnHost {
    fn names(&self, path: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let path = if path.is_empty() { b"." } else { path };
        let entries = std::fs::read_dir(OsStr::from_bytes(path)).into_iter().flatten().flatten();
        let named = |entry: std::fs::DirEntry| {
            (entry.file_name().into_vec(), entry.file_type().is_ok_and(|file_type| file_type.is_dir()))
        };
        entries.take(MOST).map(named).collect()
    }

    fn is_there(&self, path: &[u8]) -> bool {
        std::fs::symlink_metadata(OsStr::from_bytes(path)).is_ok()
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        std::fs::metadata(OsStr::from_bytes(path)).is_ok_and(|found| found.is_dir())
    }
}

/// What `word` stands for. Errors: too much.
pub fn expand(word: Word, names: &dyn Names) -> Result<Vec<OsString>, String> {
    let found = match &word.pattern {
        Some(pattern) => find(pattern, names)?,
        None => Vec::new(),
    };
    let found = if found.is_empty() { vec![word.text] } else { found };
    Ok(found.into_iter().map(OsString::from_vec).collect())
}

/// Whether a part of a pattern asks for more than one name.
fn is_open(part: &[u8]) -> bool {
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

fn unescaped(part: &[u8]) -> Vec<u8> {
    let (mut text, mut bytes) = (Vec::new(), part.iter());
    while let Some(&byte) = bytes.next() {
        text.push(if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte });
    }
    text
}

fn find(pattern: &[u8], names: &dyn Names) -> Result<Vec<Vec<u8>>, String> {
    let root: &[u8] = if pattern.starts_with(b"/") { b"/" } else { b"" };
    let mut found = vec![root.to_vec()];
    let parts: Vec<&[u8]> = pattern.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in parts {
        let mut next = Vec::new();
        for path in found {
            let add = |name: &[u8]| {
                let mut whole = path.clone();
                if whole.is_empty() {
                    whole.extend_from_slice(name)
                } else {
                    join(&mut whole, name)
                }
                whole
            };
            if !is_open(part) {
                next.extend(Some(add(&unescaped(part))).filter(|whole| names.is_there(whole)));
                continue;
            }
            for (name, _) in names.names(&path) {
                let is_hidden = name.starts_with(b".") && !part.starts_with(b".");
                if !is_hidden && matches(part, &name, Case::Exact) {
                    next.push(add(&name));
                }
                if next.len() > MOST {
                    return Err(format!("a pattern stands for more than {MOST} names"));
                }
            }
        }
        found = next;
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sh::words::Line;

    struct Paths(&'static [&'static str]);

    impl Names for Paths {
        fn names(&self, path: &[u8]) -> Vec<(Vec<u8>, bool)> {
            let path = String::from_utf8(path.to_vec()).unwrap();
            let below = |whole: &&str| match path.as_str() {
                "" => Some(whole.to_string()),
                "/" => whole.strip_prefix("/").map(String::from),
                path => whole.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')).map(String::from),
            };
            let mut names: Vec<_> = self.0.iter().filter_map(below).collect();
            names.iter_mut().for_each(|rest| rest.truncate(rest.find('/').unwrap_or(rest.len())));
            names.dedup();
            names.into_iter().map(|name| (name.into_bytes(), false)).collect()
        }

        fn is_there(&self, path: &[u8]) -> bool {
            let path = String::from_utf8(path.to_vec()).unwrap();
            self.0.iter().any(|whole| *whole == path || whole.starts_with(&format!("{path}/")))
        }

        fn is_directory(&self, _: &[u8]) -> bool {
            false
        }
    }

    fn words(text: &str) -> Vec<String> {
        let paths = Paths(&["b.c", "a.c", ".c", "dir/x.c", "dir/y.h", "other/x.c", "o*"]);
        let word = Line::new(text.as_bytes()).next(0).unwrap().unwrap().remove(0);
        let found = expand(word, &paths).unwrap();
        found.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn patterns_are_names_in_order() {
        assert_eq!(words("*.c"), ["a.c", "b.c"]);
        assert_eq!(words(".*"), [".c"]);
        assert_eq!(words("*/x.c"), ["dir/x.c", "other/x.c"]);
        assert_eq!(words("d*/*.[ch]"), ["dir/x.c", "dir/y.h"]);
    }

    #[test]
    fn what_matches_nothing_or_is_quoted_stays() {
        assert_eq!(words("*.x"), ["*.x"]);
        assert_eq!(words("o\\**"), ["o*"]);
        assert_eq!(words("'*.c'"), ["*.c"]);
    }
}
