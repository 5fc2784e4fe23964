//! Where words of a shell are: in the directory of an image that the shell is in.

use crate::walk::join;
use rumpkit::hyper::HostFs;
use std::path::Path;

/// A volume, and a directory in it.
pub struct Base {
    /// Image and selector as an address has them.
    pub volume: Vec<u8>,
    /// The directory, with a slash in front and none at the end.
    pub directory: Vec<u8>,
    /// Words are of the host for now, unless they say otherwise.
    pub is_aside: bool,
}

impl Base {
    /// The address that `word` is. What names another image that is there, and a path in it, stays as it is; nothing has the
    /// name of nothing.
    pub fn address(&self, host: &dyn HostFs, word: &[u8]) -> Vec<u8> {
        if self.is_aside || word.is_empty() || names_an_image(host, word) {
            return word.to_vec();
        }
        let mut whole = self.volume.clone();
        whole.push(b':');
        whole.extend_from_slice(&self.path(word));
        whole
    }

    /// The path that `word` is.
    pub fn path(&self, word: &[u8]) -> Vec<u8> {
        if word.starts_with(b"/") {
            return word.to_vec();
        }
        let mut whole = self.directory.clone();
        if !word.is_empty() {
            join(&mut whole, word);
        }
        whole
    }

    /// Names the image in a way that holds in every working directory of the host.
    pub fn make_absolute(&mut self) {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        let path = Path::new(std::ffi::OsStr::from_bytes(&self.volume));
        let is_here = |path: &Path| {
            path.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir())
        };
        if is_here(path) {
            if let Ok(whole) = std::path::absolute(path) {
                self.volume = whole.into_os_string().into_vec();
            }
        }
    }
}

fn names_an_image(host: &dyn HostFs, word: &[u8]) -> bool {
    let address = rumpkit::image::Address::parse(host, word);
    address.has_path() && host.stat(address.image()).is_ok()
}

/// `path` without `.`, `..` and double slashes, as a shell has its directory: links play no part.
pub fn normal(path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    [b"/", &*names.join(&b'/')].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumpkit::PosixHost;

    #[test]
    fn words_are_in_the_directory_of_the_shell() {
        let base = Base { volume: b"no-such-image@2".to_vec(), directory: b"/etc".to_vec(), is_aside: false };
        let host = PosixHost::new();
        let address = |word: &str| String::from_utf8(base.address(&*host, word.as_bytes())).unwrap();
        assert_eq!(address("fstab"), "no-such-image@2:/etc/fstab");
        assert_eq!(address("../x"), "no-such-image@2:/etc/../x");
        assert_eq!(address("/x:/y"), "no-such-image@2:/x:/y");
        assert_eq!(address("other.img:/x"), "no-such-image@2:/etc/other.img:/x");
        assert_eq!(address("Cargo.toml:/x"), "Cargo.toml:/x");
        assert_eq!(address(""), "");
    }

    #[test]
    fn directories_are_normal() {
        for (path, expected) in [("/", "/"), ("/a/../..", "/"), ("//a/./b/", "/a/b"), ("/a/b/../c", "/a/c")] {
            assert_eq!(normal(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }
}
