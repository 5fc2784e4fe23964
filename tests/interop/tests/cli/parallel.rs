//! Copies by several threads: the same copy, the same words in the same order, the same exit status as by one.

use crate::stage::{address, comparable, ensure, expect, image_filled, run, text};
use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::Finished;
use interop::tree::{Tree, compare};
use interop::{Check, context, source};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// More files than are under way at once, of all sizes; links from one directory to another; directories that their owner may
/// not write to.
fn tree(root: &Path) -> Check {
    for folder in 0..12 {
        let folder = root.join(format!("data/{folder:02}"));
        context(fs::create_dir_all(folder.join("below")), "folder")?;
        for file in 0..90_usize {
            let size = [0, 7, 4096, 70_000][file % 4] + file;
            let (path, content) = (folder.join(format!("{file:02}")), source::pattern(file as u64, size));
            context(fs::write(&path, &content), "file")?;
            source::set_times(&path, 1_500_000_000 + file as i64, 5)?;
        }
        context(fs::hard_link(folder.join("03"), folder.join("below/again")), "hard link")?;
        context(symlink("../05", folder.join("below/link")), "link")?;
    }
    context(fs::write(root.join("data/large"), source::pattern(3, 9 << 20)), "large")?;
    interop::program::run_ok("chmod", &["555".as_ref(), root.join("data/04").as_os_str()])?;
    for folder in ["data/04", "data/07/below", "data/07", "data"] {
        source::set_times(&root.join(folder), 1_400_000_000, 9)?;
    }
    Ok(())
}

const FOLDERS_IN_THE_WAY: [&str; 4] = ["data/00/11", "data/05/80", "data/05/81", "data/11/02"];
const FILE_IN_THE_WAY: &str = "data/09";

/// Puts them in the way of some of it.
fn obstruct(target: &Path) -> Check {
    for place in FOLDERS_IN_THE_WAY {
        context(fs::create_dir_all(target.join(place)), place)?;
    }
    context(fs::write(target.join(FILE_IN_THE_WAY), "no directory"), FILE_IN_THE_WAY)
}

/// A tree without times that no copy has given it.
fn without_times_of_obstacles(mut tree: Tree) -> Tree {
    for place in FOLDERS_IN_THE_WAY.iter().chain([&FILE_IN_THE_WAY, &"", &"data"]) {
        if let Some(entry) = tree.get_mut(&format!("/{place}")) {
            entry.mtime = (0, 0);
        }
    }
    without_access_times(tree)
}

/// What was said and how it ended, with the target's name taken out.
fn said(finished: &Finished, target: &str) -> (String, String) {
    let plain = |text: &str| text.replace(target, "TARGET");
    (plain(&String::from_utf8_lossy(&finished.stdout)), plain(&finished.stderr))
}

fn without_access_times(mut tree: Tree) -> Tree {
    tree.values_mut().for_each(|entry| entry.atime = (0, 0));
    tree
}

pub fn out_of_an_image() -> Check {
    let image = image_filled("parallel", 64, tree)?;
    let scratch = Scratch::new("parallel")?;
    let mounted = Mounted::read_only(&image.path())?;
    let whole = without_access_times(comparable(&mounted.path().join("data"))?);
    let mut alone = None;
    for jobs in ["1", "2", "7"] {
        let (free, taken) = (scratch.path(&format!("free{jobs}")), scratch.path(&format!("taken{jobs}")));
        context(fs::create_dir(&free), "free")?;
        let copy = |to: &Path| run(&["cp", "-av", "-j", jobs, &address(&image, "/data"), text(to)?]);
        let finished = copy(&free)?;
        expect(0, &finished, || format!("-j {jobs}"))?;
        compare(&whole, &without_access_times(comparable(&free.join("data"))?))?;
        obstruct(&taken)?;
        let refused = copy(&taken)?;
        expect(1, &refused, || format!("-j {jobs}, in the way"))?;
        let lines = refused.stderr.lines().count();
        ensure(lines == 6, || format!("{lines} lines: {}", refused.stderr))?;
        let all = (said(&finished, text(&free)?), said(&refused, text(&taken)?));
        let copies = without_times_of_obstacles(comparable(&taken)?);
        match &alone {
            None => alone = Some((all, copies)),
            Some((first, tree)) => {
                ensure(*first == all, || format!("-j {jobs} says {all:?} instead of {first:?}"))?;
                compare(tree, &copies)?;
            }
        }
    }
    Ok(())
}

pub fn into_an_image() -> Check {
    let from = image_filled("ahead", 64, tree)?;
    let mounted = Mounted::read_only(&from.path())?;
    let whole = without_access_times(comparable(&mounted.path().join("data"))?);
    let folder = mounted.path().join("data");
    for source in [text(&folder)?.to_string(), address(&from, "/data")] {
        let mut alone = None;
        for jobs in ["1", "2", "7"] {
            let image = Image::make("into", 64, &["-t", "ext4"], None)?;
            let to = Mounted::read_write(&image.path(), "")?;
            obstruct(&to.path().join("taken"))?;
            to.unmount()?;
            let copy = |to: &str| run(&["cp", "-av", "-j", jobs, &source, &address(&image, to)]);
            let (free, refused) = (copy("/free")?, copy("/taken")?);
            expect(0, &free, || format!("-j {jobs} {source}"))?;
            expect(1, &refused, || format!("-j {jobs} {source}, in the way"))?;
            interop::image::sound(&image.path())?;
            let there = Mounted::read_only(&image.path())?;
            compare(&whole, &without_access_times(comparable(&there.path().join("free"))?))?;
            let taken = without_times_of_obstacles(comparable(&there.path().join("taken"))?);
            let target = text(&image.path())?.to_string();
            let all = (said(&free, &target), said(&refused, &target));
            match &alone {
                None => alone = Some((all, taken)),
                Some((first, tree)) => {
                    ensure(*first == all, || format!("-j {jobs} says {all:?} instead of {first:?}"))?;
                    compare(tree, &taken)?;
                }
            }
        }
    }
    Ok(())
}
