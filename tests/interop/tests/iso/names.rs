//! The other trees of an image: Joliet, ISO 9660:1999 and plain names, against bsdtar and isoinfo; and the options
//! that choose between them.

use crate::make::Iso;
use crate::source::{self, as_content};
use interop::Check;
use interop::program::run_ok;
use interop::rump::run;
use interop::tree::{Contents, Tree, compare, of_host};
use std::path::{Path, PathBuf};

/// A tree with names that all trees can show: of letters that have case, none longer than what is allowed.
pub fn tree(iso: &Iso, names: &[&str]) -> Check<PathBuf> {
    let tree = iso.beside("tree");
    for (index, name) in names.iter().enumerate() {
        source::write(&tree, &format!("dir/{name}"), name.as_bytes())?;
        source::write(&tree, name, &interop::source::pattern(index as u64, 5000 + index))?;
    }
    source::write(&tree, "empty", b"")?;
    Ok(tree)
}

/// Names in Joliet, from letters that the host wrote to letters that we read.
pub fn joliet(line: &str) -> Check {
    let iso = Iso::new("joliet")?;
    let names = ["Grüße.txt", "日本語", "README.TXT", "two.dots.tar.gz", "with space", &"n".repeat(60)];
    let tree = tree(&iso, &names)?;
    iso.run(line, &tree)?;
    let ours = as_content(iso.view("norrip")?);
    compare(&as_content(of_host(&tree, Contents::Hashed)?), &ours)?;
    compare(&as_content(iso.untarred("!rockridge")?), &ours).map_err(|what| format!("bsdtar: {what}"))
}

/// Names beyond 16 bits, and names of 103 letters.
pub fn long_joliet() -> Check {
    let iso = Iso::new("joliet-long")?;
    let names = ["emoji 🦀 and 𝄞", &"n".repeat(101), &"é".repeat(99)];
    let tree = tree(&iso, &names)?;
    let line = "xorriso -outdev IMAGE -joliet on -compliance joliet_long_names:joliet_utf16 -map TREE /";
    iso.run(line, &tree)?;
    compare(&as_content(of_host(&tree, Contents::Hashed)?), &as_content(iso.view("norrip")?))
}

/// Plain names of each level.
pub fn plain(line: &str) -> Check {
    let iso = Iso::new("plain")?;
    let tree = tree(&iso, &["README.TXT", "lower.c", "NODOT", "longer-name.html"])?;
    iso.run(line, &tree)?;
    let ours = as_content(iso.view("norrip,nojoliet,noenhanced")?);
    let theirs = as_content(iso.untarred("!rockridge,!joliet")?);
    compare(&lower_case(theirs), &ours).map_err(|what| format!("bsdtar: {what}"))?;
    let mapped: Vec<String> =
        as_content(iso.view("norrip,nojoliet,noenhanced,map=off")?).into_keys().collect();
    let mut listed: Vec<String> =
        run_ok("isoinfo", &["-f", "-i", &iso.text()])?.lines().map(str::to_string).collect();
    listed.sort();
    if mapped == listed { Ok(()) } else { Err(format!("isoinfo: {listed:?}, ours: {mapped:?}")) }
}

fn lower_case(tree: Tree) -> Tree {
    tree.into_iter().map(|(path, entry)| (path.to_lowercase(), entry)).collect()
}

/// Names of ISO 9660:1999 keep their letters.
pub fn enhanced() -> Check {
    let iso = Iso::new("enhanced")?;
    let names = ["Mixed Case.Txt", "two.dots.tar.gz", "no-version;1x", &"n".repeat(190)];
    let tree = tree(&iso, &names)?;
    iso.run("genisoimage -quiet -iso-level 4 -o IMAGE TREE", &tree)?;
    has_features(&iso, &["enhanced"])?;
    compare(&as_content(of_host(&tree, Contents::Hashed)?), &as_content(iso.view("")?))
}

/// Each option shows another of the trees, and what is not one is refused.
pub fn options() -> Check {
    let iso = Iso::new("options")?;
    let tree = tree(&iso, &["Mixed.Txt"])?;
    let line = "genisoimage -quiet -R -J -iso-level 2 -uid 5 -gid 6 -o IMAGE TREE";
    iso.run(line, &tree)?;
    has_features(&iso, &["rock-ridge", "joliet"])?;
    for (options, name) in [
        ("", "/Mixed.Txt"),
        ("norrip", "/Mixed.Txt"),
        ("norrip,nojoliet", "/mixed.txt"),
        ("norock,nojoliet,map=off", "/MIXED.TXT;1"),
    ] {
        let entry = iso.view(options)?.remove(name).ok_or_else(|| format!("{options}: no {name}"))?;
        let owner = if options.is_empty() { (5, 6) } else { (0, 0) };
        if (entry.uid, entry.gid) != owner || (entry.mode == 0o555) == options.is_empty() {
            return Err(format!("{options}: {entry:?}"));
        }
    }
    let ours = iso.view("norrip,uid=7,gid=8,mode=640,dmode=750")?;
    let (file, dir) = (&ours["/Mixed.Txt"], &ours["/dir"]);
    if (file.uid, file.gid, file.mode, dir.mode) != (7, 8, 0o640, 0o750) {
        return Err(format!("{file:?} {dir:?}"));
    }
    refused(&iso.path(), "noise", "option `noise`")
}

fn refused(image: &Path, options: &str, why: &str) -> Check {
    let options = format!("--mount-options={options}");
    let finished = run(&["ls", &options, &format!("{}:/", image.display())], interop::rump::PATIENCE)?;
    match finished.status {
        Some(3) if finished.stderr.contains(why) => Ok(()),
        _ => Err(finished.verdict()),
    }
}

/// What `rump info` tells of an image, as JSON.
pub fn info(iso: &Iso) -> Check<serde_json::Value> {
    let finished = run(&["info", "--json", &iso.text()], interop::rump::PATIENCE)?;
    interop::context(serde_json::from_slice(&finished.stdout), finished.verdict())
}

fn has_features(iso: &Iso, expected: &[&str]) -> Check {
    let features = info(iso)?["filesystems"][0]["features"].clone();
    if features == serde_json::json!(expected) { Ok(()) } else { Err(format!("features: {features}")) }
}

/// Label and identifier are those that blkid tells.
pub fn labels() -> Check {
    for line in [
        "xorriso -outdev IMAGE -volid Some_Label -joliet on -map TREE /",
        "xorriso -outdev IMAGE -volid PLAIN -volume_date c 2020010203040506 -volume_date m 2021030405060708 -map TREE /",
        "genisoimage -quiet -V GENISO -J -R -o IMAGE TREE",
    ] {
        let iso = Iso::new("labels")?;
        let tree = tree(&iso, &["x"])?;
        iso.run(line, &tree)?;
        let ours = info(&iso)?["filesystems"][0].clone();
        for (tag, key) in [("LABEL", "label"), ("UUID", "uuid"), ("BLOCK_SIZE", "block_size")] {
            let theirs = run_ok("blkid", &["-p", "-o", "value", "-s", tag, &iso.text()])?;
            let (theirs, ours) = (theirs.trim(), ours[key].to_string());
            if ours.trim_matches('"') != theirs {
                return Err(format!("{line}: {tag}: blkid {theirs}, ours {ours}"));
            }
        }
    }
    Ok(())
}
