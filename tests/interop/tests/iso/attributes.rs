//! Extended attributes and access control lists (AAIP): those of the tree that xorriso was given, and those that it
//! extracts.

use crate::make::Iso;
use crate::source;
use interop::program::run_ok;
use interop::tree::{Contents, Tree, of_host};
use interop::{Check, context};
use std::path::Path;

/// Values of every length, namespaces, lists of both kinds, on files and on directories wherever they lie.
fn fill(tree: &Path) -> Check {
    for name in ["plain", "one", "several", "long", "lists", "dir/inside"] {
        source::write(tree, name, name.as_bytes())?;
    }
    source::deep(tree, 12)?;
    let path = |name: &str| tree.join(name).to_string_lossy().into_owned();
    let set = |name: &str, key: &str, value: &str| {
        run_ok("setfattr", &["-h", "-n", key, "-v", value, &path(name)]).map(drop)
    };
    set("one", "user.a", "1")?;
    for number in 0..20 {
        set("several", &format!("user.key-{number}"), &"v".repeat(number * 7))?;
    }
    set("several", "trusted.overlay", "y")?;
    set("long", "user.long", &"0123456789".repeat(330))?;
    set("", "user.of-the-root", "r")?;
    set("dir", "user.of-a-directory", "d")?;
    let deep: Vec<String> = (1..=11).map(|level| format!("level-{level}")).collect();
    set(&deep.join("/"), "user.deep", "below what ISO 9660 allows")?;
    let list = |name: &str, entries: &str| run_ok("setfacl", &["-m", entries, &path(name)]).map(drop);
    list("lists", "u:0:rwx,u:1234:r,u:70000:-,g:567:rwx,m::rx")?;
    list("dir", "g:4000000000:x")?;
    // What is extracted into such a directory would inherit the list: they are empty.
    context(std::fs::create_dir(tree.join("empty")), "empty")?;
    list("empty", "u:7:rx,d:u:1234:rw,d:g::r,d:o::-")?;
    let below = format!("{}/empty", deep.join("/"));
    context(std::fs::create_dir(tree.join(&below)), "empty")?;
    list(&below, "d:u:5:rwx")
}

/// Paths with their attributes.
fn attributes(tree: Tree) -> Vec<(String, Vec<(String, String)>)> {
    tree.into_iter().map(|(path, entry)| (path, entry.xattrs.into_iter().collect())).collect()
}

fn same(what: &str, theirs: Tree, ours: Tree) -> Check {
    let (theirs, ours) = (attributes(theirs), attributes(ours));
    match theirs.iter().zip(&ours).find(|(theirs, ours)| theirs != ours) {
        Some((theirs, ours)) => Err(format!("{what}: {theirs:?}, ours: {ours:?}")),
        None if theirs.len() != ours.len() => {
            Err(format!("{what}: {} files, ours: {}", theirs.len(), ours.len()))
        }
        None => Ok(()),
    }
}

/// By a writer that keeps deep directories where they are, and by one that moves them.
pub fn agree() -> Check {
    for deep in ["deep_paths_on", "deep_paths_off"] {
        let iso = Iso::new("attributes")?;
        let tree = iso.beside("tree");
        fill(&tree)?;
        let line =
            format!("xorriso -xattr any -acl on -outdev IMAGE -compliance {deep}:long_paths -map TREE /");
        iso.run(&line, &tree)?;
        let mut ours = iso.view("")?;
        ours.retain(|path, _| !path.eq_ignore_ascii_case("/rr_moved"));
        let given = of_host(&tree, Contents::Hashed)?;
        if given.values().filter(|entry| !entry.xattrs.is_empty()).count() < 7 {
            return Err("the tree has no attributes".into());
        }
        same("the source", given, ours.clone())?;
        let to = iso.beside("extracted");
        iso.run("xorriso -osirrox on -xattr any -acl on -indev IMAGE -extract / TREE", &to)?;
        let mut extracted = of_host(&to, Contents::Hashed)?;
        // The one that it makes shows where deep directories are.
        extracted.retain(|path, _| ours.contains_key(path));
        same("xorriso", extracted, ours)?;
        let copied = iso.beside("copied");
        let place = format!("{}:/dir", iso.text());
        let finished = interop::rump::run(
            &["cp", "-a", &place, &copied.to_string_lossy()],
            std::time::Duration::from_secs(30),
        )?;
        let copied = context(of_host(&copied, Contents::Hashed), finished.verdict())?;
        let original = of_host(&tree.join("dir"), Contents::Hashed)?;
        if attributes(original) != attributes(copied) {
            return Err("cp lost attributes on the way".into());
        }
    }
    Ok(())
}
