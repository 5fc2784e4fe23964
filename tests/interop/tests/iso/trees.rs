//! Rock Ridge: what we see is what the writer was given, and what xorriso extracts.

use crate::make::Iso;
use crate::source::{self, FUTURE, as_stored};
use interop::tree::{Contents, Tree, compare, of_host};
use interop::{Check, context};
use std::collections::BTreeMap;

/// Name and command of each way to make an image.
pub const FORMATS: &[(&str, &str)] = &[
    ("xorriso", "xorriso -outdev IMAGE -map TREE /"),
    ("xorriso_hard_links", "xorriso -outdev IMAGE -hardlinks on -map TREE /"),
    ("xorriso_joliet", "xorriso -outdev IMAGE -joliet on -map TREE /"),
    (
        "xorriso_long_names",
        "xorriso -outdev IMAGE -compliance iso_9660_level=3:long_paths:long_names -map TREE /",
    ),
    ("xorriso_level_1", "xorriso -as mkisofs -quiet -R -iso-level 1 -o IMAGE TREE"),
    ("xorriso_level_4", "xorriso -as mkisofs -quiet -R -iso-level 4 -o IMAGE TREE"),
    ("xorriso_offset", "xorriso -as mkisofs -quiet -R -partition_offset 16 -o IMAGE TREE"),
    ("bsdtar", "bsdtar -c --format iso9660 --options rockridge=strict -f IMAGE -C TREE ."),
    ("genisoimage", "genisoimage -quiet -R -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_cached", "genisoimage -quiet -R -cache-inodes -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_joliet", "genisoimage -quiet -R -J -joliet-long -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_level_1", "genisoimage -quiet -R -iso-level 1 -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_level_2", "genisoimage -quiet -R -iso-level 2 -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_level_3", "genisoimage -quiet -R -iso-level 3 -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_level_4", "genisoimage -quiet -R -iso-level 4 -o IMAGE TREE"),
    ("genisoimage_allocated", "genisoimage -quiet -R -U -input-charset utf-8 -o IMAGE TREE"),
    ("genisoimage_udf", "genisoimage -quiet -R -udf -input-charset utf-8 -o IMAGE TREE"),
];

/// The tree that the image was made of, and xorriso's view of it.
pub fn agrees(name: &str, line: &str) -> Check {
    let iso = Iso::new(name)?;
    let tree = iso.beside("tree");
    source::fill(&tree)?;
    iso.run(line, &tree)?;
    let ours = iso.view("")?;
    let given = of_host(&tree, Contents::Hashed)?;
    compare(&as_stored(given), &as_stored(ours.clone()))?;
    links_are_one_file(&ours, name)?;
    compare(&as_extracted(iso.extracted()?), &as_extracted(ours)).map_err(|what| format!("xorriso: {what}"))
}

/// Without what xorriso does not restore: the times of links, counts of links that are no links to it. It takes the
/// number of a device as xorriso writes it, and so cannot restore those of others.
fn as_extracted(tree: Tree) -> Tree {
    let mut tree = as_stored(tree);
    tree.retain(|_, entry| !matches!(entry.kind.as_str(), "block" | "char"));
    for (path, entry) in &mut tree {
        entry.nlink = 0;
        // genisoimage gives what is yet to come a zone a day away, which no other reader believes.
        if entry.kind == "symlink" || path.ends_with(FUTURE) {
            entry.mtime = (0, 0);
        }
    }
    tree
}

/// Names of one file have one number, and no other files have.
fn links_are_one_file(ours: &Tree, name: &str) -> Check {
    let mut names: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (path, entry) in ours {
        names.entry(entry.ino).or_default().push(path);
    }
    let shared: Vec<_> = names.into_values().filter(|paths| paths.len() > 1).collect();
    let linked = vec![vec!["/links/one", "/links/two", "/names/three"]];
    // Others write the content once for each name, and no serial number.
    let tells = matches!(name, "xorriso_hard_links" | "genisoimage_cached");
    let expected = if shared.is_empty() && !tells { Vec::new() } else { linked };
    if shared == expected { Ok(()) } else { Err(format!("numbers that are shared: {shared:?}")) }
}

/// Directories deeper than the eight levels that ISO 9660 allows, relocated or not.
pub fn deep(line: &str) -> Check {
    let iso = Iso::new("deep")?;
    let tree = iso.beside("tree");
    source::deep(&tree, 20)?;
    iso.run(line, &tree)?;
    let mut ours = iso.view("")?;
    compare(&as_stored(iso.extracted()?), &as_stored(without_relocations(&mut ours)))?;
    compare(&as_stored(of_host(&tree, Contents::Hashed)?), &as_stored(ours))?;
    parents_lead_back(&iso)
}

/// The directory that holds what was relocated is there, and empty.
fn without_relocations(ours: &mut Tree) -> Tree {
    let seen = ours.clone();
    ours.retain(|path, _| !path.eq_ignore_ascii_case("/rr_moved"));
    seen
}

/// `..` leads up, level by level, through the seams of relocation as well.
fn parents_lead_back(iso: &Iso) -> Check {
    let mut path = String::new();
    for level in 1..=20 {
        let above = path.clone();
        path.push_str(&format!("/level-{level}"));
        let number = |path: &str| -> Check<String> {
            let place = format!("{}:{path}", iso.text());
            let finished = interop::rump::run(&["stat", &place, "--json"], interop::rump::PATIENCE)?;
            let rows: serde_json::Value = context(serde_json::from_slice(&finished.stdout), &place)?;
            Ok(rows[0]["ino"].to_string())
        };
        let (up, above) = (number(&format!("{path}/.."))?, number(&format!("{above}/"))?);
        if up != above || up == "null" {
            return Err(format!("{path}/.. is {up}, the parent is {above}"));
        }
    }
    Ok(())
}
