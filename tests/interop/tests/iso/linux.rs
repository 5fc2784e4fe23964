//! Linux' isofs as the judge, in user-mode Linux.

use crate::make::Iso;
use crate::source;
use crate::{large, names, packed, sessions, trees};
use interop::rump::view_with;
use interop::tree::{Contents, Tree, compare, sha256};
use interop::uml::Machine;
use interop::{Check, context};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The driver, and the character set that it wants by default.
pub const MODULES: &[&str] = &["isofs", "nls_iso8859-1"];

/// An image, with pairs of options that mean the same, Linux' before ours.
pub struct Case {
    name: String,
    iso: Iso,
    options: Vec<(String, String)>,
}

impl Case {
    /// One without options yet.
    pub fn new(name: &str, iso: Iso) -> Self {
        Self { name: name.to_string(), iso, options: Vec::new() }
    }

    /// Adds a pair of options.
    pub fn with(mut self, theirs: &str, ours: &str) -> Self {
        self.options.push((theirs.to_string(), ours.to_string()));
        self
    }
}

/// Leaves what both show alike. Numbers of inodes are places, of other things to each. Linux 6.1 counts seconds in 32
/// bits, so that times after 2038 come before 1970, and knows nothing of extended attributes.
fn comparable(mut tree: Tree) -> Tree {
    for entry in tree.values_mut() {
        entry.ino = 0;
        entry.xattrs.clear();
        for time in [&mut entry.mtime, &mut entry.atime, &mut entry.ctime] {
            time.0 = i64::from(time.0 as i32);
        }
    }
    tree
}

/// Shows all images to Linux, in one machine for every sixteen. `settle` brings both views to what is alike for a
/// reason of that case.
pub fn agree(cases: &[Case], settle: impl Fn(&Case, &mut Tree)) -> Check {
    let mut wrong = Vec::new();
    for cases in cases.chunks(16) {
        let mut linux = Machine::new(MODULES)?;
        let mut steps = Vec::new();
        for case in cases {
            let disc = linux.disc(&case.iso.path())?;
            for (theirs, ours) in &case.options {
                let step = linux.show(disc, &format!("-t iso9660 -o iocharset=utf8,{theirs}"))?;
                steps.push((case, step, ours));
            }
        }
        let answers = linux.run()?;
        for (case, step, ours) in steps {
            let agrees = answers.shown(step).and_then(|shown| {
                let seen = view_with(ours, &case.iso.text(), Contents::Hashed)?;
                let [mut theirs, mut ours] = [shown.tree, seen].map(comparable);
                settle(case, &mut theirs);
                settle(case, &mut ours);
                compare(&theirs, &ours)
            });
            if let Err(what) = agrees {
                wrong.push(format!("{} {ours:?}: {what}", case.name));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Every way to make an image with Rock Ridge.
pub fn rock_ridge() -> Check {
    let mut cases = Vec::new();
    for (name, line) in trees::FORMATS {
        let iso = Iso::new(name)?;
        let tree = iso.beside("tree");
        source::fill(&tree)?;
        iso.run(line, &tree)?;
        cases.push(Case::new(name, iso).with("", ""));
    }
    for (name, line) in [
        ("deep, relocated", "genisoimage -quiet -R -o IMAGE TREE"),
        ("deep, not relocated", "genisoimage -quiet -R -D -o IMAGE TREE"),
        ("deep, by xorriso", "xorriso -outdev IMAGE -compliance deep_paths_off:long_paths_off -map TREE /"),
    ] {
        let iso = Iso::new("deep")?;
        let tree = iso.beside("tree");
        source::deep(&tree, 20)?;
        iso.run(line, &tree)?;
        cases.push(Case::new(name, iso).with("", ""));
    }
    agree(&cases, |case, tree| {
        if let Some(device) = tree.get_mut("/char-large") {
            // xorriso and bsdtar store such a number as the host has it in one word, of which Linux takes 16 bits.
            device.device = None;
        }
        if case.name == "bsdtar" {
            // Names of one file are one file to us, and have one time of access; bsdtar stored three.
            for name in ["/links/two", "/names/three"] {
                tree.entry(name.into()).or_default().atime = (0, 0);
            }
        }
    })
}

/// Joliet, plain names as they are and in lower case, and what owners and modes the mount gives.
pub fn names() -> Check {
    let mut cases = Vec::new();
    let letters = ["Grüße.txt", "日本語", "README.TXT", "two.dots.tar.gz", "with space", "lower.c", "NODOT"];
    for (name, line) in [
        ("level 1", "genisoimage -quiet -iso-level 1 -input-charset utf-8 -o IMAGE TREE"),
        ("level 2", "genisoimage -quiet -iso-level 2 -R -J -input-charset utf-8 -o IMAGE TREE"),
        ("level 3", "genisoimage -quiet -iso-level 3 -J -input-charset utf-8 -o IMAGE TREE"),
        ("level 2 by xorriso", "xorriso -as mkisofs -quiet -iso-level 2 -J -R -o IMAGE TREE"),
        (
            "allowed lower case",
            "genisoimage -quiet -allow-lowercase -allow-multidot -input-charset utf-8 -o IMAGE TREE",
        ),
    ] {
        let iso = Iso::new("names")?;
        let tree = names::tree(&iso, &letters)?;
        iso.run(line, &tree)?;
        cases.push(
            Case::new(name, iso)
                .with("", "")
                .with("norock", "norrip")
                .with("norock,nojoliet", "norrip,nojoliet")
                .with("norock,nojoliet,map=off", "norrip,nojoliet,map=off")
                .with("norock,uid=7,gid=8,mode=0640,dmode=0750", "norrip,uid=7,gid=8,mode=640,dmode=750"),
        );
    }
    let iso = Iso::new("joliet")?;
    let tree = names::tree(&iso, &["emoji 🦀 and 𝄞", &"n".repeat(101), &"é".repeat(60)])?;
    let long = "xorriso -outdev IMAGE -joliet on -compliance joliet_long_names:joliet_utf16 -map TREE /";
    iso.run(long, &tree)?;
    cases.push(Case::new("long Joliet", iso).with("norock", "norrip"));
    agree(&cases, |_, _| {})
}

/// Packed files, and every session. The second version of zisofs is not known to Linux 6.1.
pub fn sessions() -> Check {
    let mut cases = Vec::new();
    let iso = Iso::new("packed")?;
    let tree = iso.beside("tree");
    packed::fill(&tree)?;
    let line = "xorriso -outdev IMAGE -zisofs block_size=64k -map TREE / -find / -type f -exec set_filter --zisofs --";
    iso.run(line, &tree)?;
    cases.push(Case::new("zisofs", iso).with("", ""));
    let iso = Iso::new("sessions")?;
    let trees = sessions::trees(&iso)?;
    sessions::grow(&iso, &trees)?;
    cases.push(Case::new("grown", iso).with("", ""));
    let iso = Iso::new("sessions")?;
    let trees = sessions::trees(&iso)?;
    let starts = sessions::burn(&iso, &trees)?;
    let mut case = Case::new("burned", iso);
    for (number, start) in (1..).zip(starts) {
        case = case.with(&format!("sbsector={start}"), &format!("sbsector={start}"));
        case = case.with(&format!("sbsector={start}"), &format!("session={number}"));
    }
    cases.push(case);
    agree(&cases, |_, _| {})
}

/// What Linux reads of a file beyond 4 GiB, around its seams, is what was written.
pub fn multi_extent(iso: &Iso, written: &File) -> Check {
    let mut linux = Machine::new(MODULES)?;
    let disc = linux.disc(&iso.path())?;
    let places: Vec<u64> = large::PLACES.into_iter().chain([large::SEAM]).map(|place| place / 4096).collect();
    let mut script = "stat -c %s large\n".to_string();
    for place in &places {
        script.push_str(&format!("dd if=large bs=4096 skip={place} count=3 status=none | sha256sum\n"));
    }
    let step = linux.change(disc, "-r -t iso9660", &script)?;
    let said = linux.run()?.output(step)?;
    let mut expected = format!("{}\n", large::SIZE);
    for place in places {
        let mut bytes = vec![0; 3 * 4096];
        let count = context(written.read_at(&mut bytes, place * 4096), "large")?;
        expected.push_str(&format!("{}  -\n", sha256(&bytes[..count])));
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    if said == expected { Ok(()) } else { Err(format!("Linux read\n{said}of\n{expected}")) }
}
