//! Short names of images, from `~/.fsurc`: `name:path:type[:options]` a line, `#` before a comment.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alias {
    /// The image, with partition or offset as an address has them.
    pub image: OsString,
    /// The type of its file system, if that is said.
    pub fs_type: String,
    /// Options of the mount.
    pub options: String,
}

/// The first line of `table` for `name`. Lines without an image are passed over.
pub fn find(table: &[u8], name: &OsStr, home: Option<&Path>) -> Option<Alias> {
    table.split(|&byte| byte == b'\n').find_map(|line| {
        let line = line.split(|&byte| byte == b'#').next()?.trim_ascii();
        let mut fields = line.splitn(4, |&byte| byte == b':').map(<[u8]>::trim_ascii);
        if fields.next()? != name.as_bytes() {
            return None;
        }
        let image = fields.next().filter(|image| !image.is_empty())?;
        let text = |field: Option<&[u8]>| String::from_utf8_lossy(field.unwrap_or_default()).into_owned();
        let (fs_type, options) = (text(fields.next()), text(fields.next()));
        Some(Alias { image: expanded(image, home), fs_type, options })
    })
}

/// `~/` is the folder of the user.
fn expanded(path: &[u8], home: Option<&Path>) -> OsString {
    match (path.strip_prefix(b"~/"), home) {
        (Some(rest), Some(home)) => home.join(OsStr::from_bytes(rest)).into_os_string(),
        _ => OsString::from_vec(path.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] =
        b"# images\n\nhome:~/disk.img@2:ext2fs:noload,x=1:2\nother : /tmp/b.img # text\nbad\n";

    fn image_of(name: &str) -> Option<Alias> {
        find(TABLE, OsStr::new(name), Some(Path::new("/h")))
    }

    #[test]
    fn a_line_has_image_type_and_options() {
        let found = image_of("home").unwrap();
        assert_eq!((found.image.to_str(), &*found.fs_type), (Some("/h/disk.img@2"), "ext2fs"));
        assert_eq!(found.options, "noload,x=1:2");
    }

    #[test]
    fn type_and_options_may_be_missing_and_names_unknown() {
        assert_eq!(image_of("other"), Some(Alias { image: "/tmp/b.img".into(), ..Alias::default() }));
        assert_eq!((image_of("bad"), image_of("images"), image_of("")), (None, None, None));
    }

    #[test]
    fn a_folder_of_nobody_is_a_name() {
        assert_eq!(find(b"a:~/b", OsStr::new("a"), None).unwrap().image, "~/b");
    }
}
