//! Several sessions: the newest is shown, and each can be chosen.

use crate::make::Iso;
use crate::names::info;
use crate::source::{self, as_stored};
use interop::tree::{Contents, compare, of_host};
use interop::{Check, context};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

const SECTOR: u64 = 2048;

/// Trees that grow, lose and change files from session to session.
pub fn trees(iso: &Iso) -> Check<Vec<PathBuf>> {
    let trees: Vec<_> = (1..=3).map(|number| iso.beside(&format!("tree-{number}"))).collect();
    for (index, tree) in trees.iter().enumerate() {
        source::write(tree, "kept", b"the same in all\n")?;
        // genisoimage takes a file of the same length and time for the old one.
        source::write(tree, "changed", "session\n".repeat(index + 1).as_bytes())?;
        source::write(tree, &format!("new-{index}/file"), &interop::source::pattern(index as u64, 70_000))?;
    }
    Ok(trees)
}

fn shows(iso: &Iso, options: &str, tree: &Path) -> Check {
    let ours = as_stored(iso.view(options)?);
    compare(&as_stored(of_host(tree, Contents::Hashed)?), &ours)
        .map_err(|what| format!("{options:?}: {what}"))
}

/// As xorriso writes them to media that can be written again.
pub fn grow(iso: &Iso, trees: &[PathBuf]) -> Check {
    iso.run("xorriso -outdev IMAGE -map TREE /", &trees[0])?;
    trees[1..]
        .iter()
        .try_for_each(|tree| iso.run("xorriso -dev IMAGE -rm_r /* -- -map TREE /", tree).map(drop))
}

/// Each session shows what it was made of.
pub fn by_xorriso() -> Check {
    let iso = Iso::new("sessions")?;
    let trees = trees(&iso)?;
    grow(&iso, &trees)?;
    for (number, tree) in (1..).zip(&trees) {
        shows(&iso, &format!("session={number}"), tree)?;
    }
    shows(&iso, "", &trees[2])?;
    let toc = iso.run("xorriso -indev IMAGE -toc", &trees[0])?;
    let starts = toc.lines().filter(|line| line.starts_with("ISO session")).count();
    let notes = info(&iso)?["filesystems"][0]["notes"].to_string();
    if starts == 3 && notes.contains("3 sessions") {
        Ok(())
    } else {
        Err(format!("{starts} sessions, {notes}"))
    }
}

/// As they lie on a medium that is written once: each behind the one before, with the gap of a CD between two. Answers
/// the sectors at which they begin.
pub fn burn(iso: &Iso, trees: &[PathBuf]) -> Check<Vec<u64>> {
    let mut starts = Vec::new();
    for (index, tree) in trees.iter().enumerate() {
        let end = fs::metadata(iso.path()).map_or(0, |facts| facts.len()).div_ceil(SECTOR);
        let start = if index == 1 { end + 11_400 } else { end.next_multiple_of(16) };
        let before = starts.last().copied().unwrap_or(0);
        let part = iso.beside("part");
        let line = match index {
            0 => "genisoimage -quiet -R -o FOLDERpart TREE".to_string(),
            _ => format!("genisoimage -quiet -R -C {before},{start} -M IMAGE -o FOLDERpart TREE"),
        };
        iso.run(&line, tree)?;
        let mut image =
            context(OpenOptions::new().write(true).create(true).truncate(false).open(iso.path()), "image")?;
        context(image.seek(SeekFrom::Start(start * SECTOR)), "image")?;
        let mut part = context(fs::File::open(part), "part")?;
        context(std::io::copy(&mut part, &mut image), "image")?;
        starts.push(start);
    }
    Ok(starts)
}

/// Each session shows what it and those before it were made of.
pub fn one_behind_the_other() -> Check {
    let iso = Iso::new("sessions-once")?;
    let trees = trees(&iso)?;
    let starts = burn(&iso, &trees)?;
    // Later sessions keep what earlier ones had.
    let merged = |count: usize| -> Check<PathBuf> {
        let to = iso.beside(&format!("merged-{count}"));
        for tree in &trees[..count] {
            iso.run(&format!("cp -a TREE/. FOLDERmerged-{count}"), tree)
                .or_else(|_| iso.run(&format!("cp -a {}/. FOLDERmerged-{count}", tree.display()), tree))?;
        }
        Ok(to)
    };
    for (index, start) in starts.iter().enumerate() {
        let tree = merged(index + 1)?;
        shows(&iso, &format!("session={}", index + 1), &tree)?;
        shows(&iso, &format!("sbsector={start}"), &tree)?;
    }
    shows(&iso, "", &merged(3)?)
}

/// Another image behind an image is no session of it.
pub fn a_neighbour_is_no_session() -> Check {
    let iso = Iso::new("neighbours")?;
    let trees = trees(&iso)?;
    iso.run("genisoimage -quiet -R -o IMAGE TREE", &trees[0])?;
    iso.run("genisoimage -quiet -R -o FOLDERother TREE", &trees[1])?;
    let mut image = context(fs::read(iso.path()), "image")?;
    image.extend(context(fs::read(iso.beside("other")), "other")?);
    context(fs::write(iso.path(), image), "image")?;
    shows(&iso, "", &trees[0])
}
