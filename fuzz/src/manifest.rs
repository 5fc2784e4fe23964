//! Bytes as a manifest in the form of mtree(5).

use rump_mtree::{Facts, Manifest, Writer};

/// Reads it: what it says can be written, and what was written says the same.
pub fn run(data: &[u8]) {
    let Ok(manifest) = Manifest::read(&mut &*data) else { return };
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, manifest.tells_xattrs).unwrap();
    for (path, facts) in &manifest.files {
        writer.write(path, facts).unwrap();
    }
    writer.finish().unwrap();
    assert!(bytes.is_ascii());
    let again = Manifest::read(&mut &*bytes).unwrap();
    assert!(again.unknown.is_empty() && again.tells_xattrs == manifest.tells_xattrs);
    assert_eq!(again.files.len(), manifest.files.len());
    for (path, facts) in manifest.files {
        // That a file need not be there is what somebody asks for: a tree says nothing of it.
        assert_eq!(again.files.get(&path), Some(&Facts { is_optional: false, ..facts }));
    }
}

/// Manifests as ours, bsdtar's and NetBSD's mtree write them.
pub fn seed(number: u64) -> Vec<u8> {
    let lines: &[&str] = match number % 4 {
        0 => &[
            "#mtree",
            "#xattr ",
            ". type=dir mode=0755 uid=0 gid=0 time=1.000000000",
            "./a\\040b type=file mode=4751 nlink=2 size=NUMBER time=-5.000000007 sha256digest=00ff",
            "#xattr ./a\\040b user.one=00ff",
            "./null type=char mode=0666 uid=0 device=native,1,3",
            "./link type=link link=../to\\134where",
        ],
        1 => &[
            "#mtree",
            "/set type=file uid=0 gid=0 mode=0644 nlink=1",
            ". type=dir mode=755",
            "    f\\M-C\\M-) size=NUMBER \\",
            "        time=5.7 md5=0",
            "# ./d",
            "d   type=dir nlink=3",
            "    e optional nochange",
            "..",
            "/unset uid gid",
            "..",
        ],
        2 => &["./x/y type=block device=linux,7,NUMBER", "/unset all", "/set sha256=ABCD", "z ignore", "x/z"],
        _ => &["/set type=dir", "a", "b", "..", "c", "..", "..", "d type=fifo size=NUMBER"],
    };
    lines.join("\n").replace("NUMBER", &number.to_string()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_manifests() {
        for number in 0..8 {
            let bytes = seed(number);
            assert!(Manifest::read(&mut &*bytes).unwrap().files.len() > 1, "{number}");
            run(&bytes);
        }
    }
}
