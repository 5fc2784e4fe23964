//! Whole trees, there and back.

use crate::volume::{Shape, Volume, get, names, put};
use interop::program::run_within;
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::{Mode, Process};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Paths with their content; `None` for directories. Parents come before what is in them.
type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// Names of one entry and of several, beyond ASCII, beyond the first 65,536 characters, with dots and spaces.
const NAMES: &[&str] = &[
    "README.TXT",
    "lower.txt",
    "MIXED.txt",
    "Capital.Txt",
    "a name with spaces and more.of.it",
    ".hidden",
    "no_extension",
    "x+y=z;[1],2",
    "Überraschung.öl",
    "日本語のファイル名.テキスト",
    "emoji 😀🎉.png",
    "ελληνικά",
    "fifteen.charact",
    "thirty.characters.that.are.two",
];

const LONGEST: &str = "長";

fn tree() -> Tree {
    let mut tree = Tree::new();
    let sizes = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65_536, 65_537, 100_000, 12, 13, 14];
    for (number, (name, size)) in NAMES.iter().zip(sizes).enumerate() {
        tree.insert((*name).into(), Some(pattern(number as u64, size)));
    }
    tree.insert("n".repeat(200), Some(pattern(99, 700)));
    // 255 units, and three times as many bytes: no host takes that, mtools neither.
    tree.insert(LONGEST.repeat(255), Some(pattern(98, 700)));
    for folder in ["folder", "folder/of folders", "folder/of folders/deep"] {
        tree.insert(folder.into(), None);
        for (number, name) in NAMES.iter().enumerate() {
            tree.insert(format!("{folder}/{name}"), Some(pattern(number as u64 * 7, 100 + number)));
        }
    }
    tree.insert("many".into(), None);
    for number in 0..150 {
        tree.insert(format!("many/one of many files, number {number}"), Some(pattern(number, 20)));
    }
    tree
}

fn to_host(tree: &Tree, root: &Path) -> Check {
    context(fs::create_dir_all(root), root.display())?;
    for (path, content) in tree {
        let path = root.join(path);
        let made = match content {
            Some(content) => fs::write(&path, content),
            None => fs::create_dir(&path),
        };
        context(made, path.display())?;
    }
    Ok(())
}

fn from_host(root: &Path, prefix: &str, tree: &mut Tree) -> Check {
    for entry in context(fs::read_dir(root), root.display())? {
        let entry = context(entry, root.display())?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if context(entry.file_type(), &path)?.is_dir() {
            tree.insert(path.clone(), None);
            from_host(&entry.path(), &format!("{path}/"), tree)?;
        } else {
            tree.insert(path.clone(), Some(context(fs::read(entry.path()), &path)?));
        }
    }
    Ok(())
}

fn from_ours(process: &Process, folder: &str, prefix: &str, tree: &mut Tree) -> Check {
    for name in names(process, folder)? {
        let path = format!("{prefix}{name}");
        if context(process.lstat(&path), &path)?.file_type == rumpkit::FileType::Directory {
            tree.insert(path.clone(), None);
            from_ours(process, &path, &format!("{path}/"), tree)?;
        } else {
            tree.insert(path.clone(), Some(get(process, &path)?));
        }
    }
    Ok(())
}

fn compare(found: &Tree, expected: &Tree) -> Check {
    for (path, content) in expected {
        match found.get(path) {
            None => {
                return Err(format!("{path} is missing; there are {:?}", found.keys().collect::<Vec<_>>()));
            }
            Some(other) if other != content => return Err(format!("{path} is another")),
            Some(_) => {}
        }
    }
    match found.keys().find(|path| !expected.contains_key(*path)) {
        Some(path) => Err(format!("{path} is there as well")),
        None => Ok(()),
    }
}

/// A file takes a cluster: few of them do.
fn tree_for(shape: &Shape) -> Tree {
    let mut tree = tree();
    if shape.name == "1m" {
        tree.retain(|path, _| !path.contains("number 1"));
    }
    tree
}

/// exfat-fuse writes, this reads.
pub fn read_from_another(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let mut tree = tree_for(shape);
    // No host has names of so many bytes.
    tree.retain(|path, _| !path.contains(LONGEST));
    volume.foreign("rw", |point| to_host(&tree, point))?;
    volume.check()?;
    compare(&found_in(&volume)?, &tree)
}

fn found_in(volume: &Volume) -> Check<Tree> {
    volume.read("", |process| {
        let mut found = Tree::new();
        from_ours(process, ".", "", &mut found).map(|()| found)
    })
}

fn write(volume: &Volume, tree: &Tree) -> Check {
    volume.write("", |process| {
        tree.iter().try_for_each(|(path, content)| match content {
            Some(content) => put(process, path, content),
            None => context(process.mkdir(path, Mode::new(0o755)), path),
        })
    })?;
    volume.check()
}

pub fn written_and_read(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let tree = tree_for(shape);
    write(&volume, &tree)?;
    compare(&found_in(&volume)?, &tree)
}

/// This writes, exfat-fuse reads, and changes what it read.
pub fn written_for_another(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let mut tree = tree_for(shape);
    tree.retain(|path, _| !path.contains(LONGEST));
    write(&volume, &tree)?;
    let mut found = Tree::new();
    volume.foreign("ro", |point| from_host(point, "", &mut found))?;
    compare(&found, &tree)?;
    volume.foreign("rw", |point| {
        for (path, content) in tree.iter_mut().filter(|(path, _)| path.starts_with("many/")) {
            let longer = pattern(path.len() as u64, 5000);
            context(fs::write(point.join(path), &longer), path)?;
            *content = Some(longer);
        }
        context(fs::rename(point.join("lower.txt"), point.join("folder/moved to here.txt")), "rename")
    })?;
    let moved = tree.remove("lower.txt").flatten();
    tree.insert("folder/moved to here.txt".into(), moved);
    volume.check()?;
    compare(&found_in(&volume)?, &tree)
}

/// By the command: what it copies into an image it copies out again, and owners are missed by those alone who ask for them.
pub fn copied() -> Check {
    let volume = Volume::make_with(36, &["-c", "4K"])?;
    let mut tree = tree();
    tree.retain(|path, _| !path.contains(LONGEST));
    let (source, target) = (volume.beside("source"), volume.beside("target"));
    to_host(&tree, Path::new(&source))?;
    let image = volume.path().to_string_lossy().into_owned();
    let rump = |arguments: &[&str]| interop::rump::run(arguments, Duration::from_secs(60));
    let into = rump(&["cp", "-r", &source, &format!("{image}:/tree")])?;
    let out_of = rump(&["cp", "-r", &format!("{image}:/tree"), &target])?;
    let asked = rump(&["cp", "--owner", "7:7", &format!("{source}/lower.txt"), &format!("{image}:/owned")])?;
    let statuses = [&into, &out_of, &asked].map(|finished| finished.status);
    if statuses != [Some(0), Some(0), Some(1)] {
        return Err(format!("{}; {}; {}", into.verdict(), out_of.verdict(), asked.verdict()));
    }
    let mut found = Tree::new();
    from_host(Path::new(&target), "", &mut found)?;
    compare(&found, &tree)?;
    let spelled = rump(&["mv", &format!("{image}:/tree/lower.txt"), &format!("{image}:/tree/Lower.TXT")])?;
    let listed = rump(&["ls", &format!("{image}:/tree")])?;
    if spelled.status != Some(0)
        || !listed.stdout.split(|byte| *byte == b'\n').any(|name| name == b"Lower.TXT")
    {
        return Err(format!("{}; {}", spelled.verdict(), String::from_utf8_lossy(&listed.stdout)));
    }
    let (archive, unpacked) = (volume.beside("archive"), volume.beside("unpacked"));
    let mut tar = Command::new("tar");
    tar.args(["--owner=5", "--group=6", "--mode=600", "-cf", &archive, "-C", &source, "."]);
    let packed = run_within(&mut tar, Duration::from_secs(60))?;
    let place = format!("{image}:/unpacked");
    let filled = [
        rump(&["mkdir", &place])?,
        rump(&["tar", "-x", "-f", &archive, &place])?,
        rump(&["cp", "-r", &place, &unpacked])?,
    ];
    if packed.status != Some(0) || filled.iter().any(|finished| finished.status != Some(0)) {
        return Err(format!(
            "{}; {}",
            packed.verdict(),
            filled.map(|finished| finished.verdict()).join("; ")
        ));
    }
    volume.check()?;
    let mut found = Tree::new();
    from_host(Path::new(&unpacked), "", &mut found)?;
    compare(&found, &tree)
}
