//! Paths below a top: names with single slashes between them, none of them `.` or `..`; the empty path is the top.

use alloc::vec::Vec;

/// A path as it comes, brought to names. Errors: `..`, which could lead elsewhere.
pub fn clean(path: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut clean = Vec::with_capacity(path.len());
    for name in path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b".")) {
        if name == b".." {
            return Err("a name with .. could lead elsewhere: refused");
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(name);
    }
    Ok(clean)
}

/// The directory that `path` is in, and its name there; `None` for the top.
pub fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => Some((&path[..at], &path[at + 1..])),
        None if path.is_empty() => None,
        None => Some((b"", path)),
    }
}

/// The paths of the directories above `path`, nearest first, without the top.
pub fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(split(path).map(|(parent, _)| parent), |path| {
        split(path).map(|(parent, _)| parent)
    })
    .filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_brought_to_names() {
        for (path, expected) in [("/a//b/", "a/b"), ("./a/./b", "a/b"), ("", ""), ("/", ""), ("...", "...")] {
            assert_eq!(clean(path.as_bytes()).unwrap(), expected.as_bytes());
        }
        for path in ["..", "a/../b", "/.."] {
            assert!(clean(path.as_bytes()).is_err());
        }
    }

    #[test]
    fn the_top_has_no_name() {
        assert_eq!(split(b""), None);
        assert_eq!(split(b"a"), Some((&b""[..], &b"a"[..])));
        assert_eq!(split(b"a/b/c"), Some((&b"a/b"[..], &b"c"[..])));
    }

    #[test]
    fn what_is_above_a_path_is_found() {
        assert_eq!(above(b"a/b/c").collect::<Vec<_>>(), [&b"a/b"[..], b"a"]);
        assert_eq!(above(b"a").count(), 0);
        assert_eq!(above(b"").count(), 0);
    }
}
