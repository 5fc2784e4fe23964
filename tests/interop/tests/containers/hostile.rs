//! Layers that want to lead elsewhere, or to cost more than they are: the rest is done, and what was not is named.

use crate::layout::{Layout, file, folder, link, symlink};
use crate::{built_with, text};
use interop::image::Scratch;
use interop::suite::Suite;
use interop::{Check, rump};
use std::os::unix::fs::MetadataExt;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("names_and_links_lead_nowhere_else", lacking, leading_out);
    suite.add("hard_links_to_nothing_are_named", lacking, lost_links);
    suite.add("what_higher_layers_take_away_takes_no_space", lacking, gone);
    suite.add("a_layer_that_ends_early_touches_nothing", lacking, cut);
}

/// What is left of layers when `rump` has something to say.
fn left(name: &str, layers: &[&[Vec<u8>]]) -> Check<(Vec<String>, String)> {
    let scratch = Scratch::new(name)?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let mut all = Vec::new();
    for layer in layers {
        all.push(layout.layer(layer, "gzip")?);
    }
    layout.image("x", "linux/amd64", &all)?;
    layout.finish()?;
    let (tree, said) = built_with(&scratch, &layout.path(), &[], 1)?;
    Ok((tree.into_keys().filter(|path| path != "/").collect(), said))
}

fn is(found: &(Vec<String>, String), paths: &[&str], words: &[&str]) -> Check {
    if found.0 != paths {
        return Err(format!("{:?} are left", found.0));
    }
    match words.iter().find(|word| !found.1.contains(**word)) {
        None => Ok(()),
        Some(word) => Err(format!("{word:?} is not in {:?}", found.1)),
    }
}

fn leading_out() -> Check {
    let lower = [folder("d"), symlink("out", "../../etc"), symlink("in", "d"), file("f", "1")];
    let upper = [
        file("../escape", "x"),
        file("out/passwd", "x"),
        file("in/x", "x"),
        file("f/x", "x"),
        file("d/../y", "x"),
        file(".wh...", ""),
        file("d/.wh...", ""),
        file(".wh.", ""),
        file("out/.wh.passwd", ""),
        file("in/.wh..wh..opq", ""),
        file("d/kept", "x"),
    ];
    let words = ["escape", "out/passwd", "in/x", "f/x", "d/../y", "a whiteout of no name"];
    is(&left("out", &[&lower, &upper])?, &["/d", "/d/kept", "/f", "/in", "/out"], &words)
}

fn lost_links() -> Check {
    let lower = [folder("d"), file("a", "1"), symlink("s", "d")];
    let upper = [
        file(".wh.a", ""),
        link("b", "a"),
        link("c", "../../etc/passwd"),
        link("e", "d"),
        link("g", "s/x"),
        link("t", "s"),
    ];
    let words = [
        "/b: its first name a is not there",
        "/c: ",
        "/e: is another name of a directory",
        "/g: its first name",
    ];
    is(&left("links", &[&lower, &upper])?, &["/d", "/s", "/t"], &words)
}

fn gone() -> Check {
    let scratch = Scratch::new("gone")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let big = vec![0_u8; 64 << 20];
    let bytes = crate::layout::bytes("big", &big);
    let layers =
        [layout.layer(&[bytes], "gzip")?, layout.layer(&[file(".wh.big", ""), file("small", "1")], "gzip")?];
    layout.image("x", "linux/amd64", &layers)?;
    layout.finish()?;
    let image = scratch.path("image");
    rump::ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--slack", "4M", "--from", &layout.path()])?;
    match interop::context(std::fs::metadata(&image), "image")?.size() {
        size if size < 16 << 20 => Ok(()),
        size => Err(format!("{size} bytes for what is gone")),
    }
}

fn cut() -> Check {
    for program in ["plain", "gzip", "zstd"] {
        let scratch = Scratch::new("cut")?;
        let mut layout = Layout::new(&scratch, "layout")?;
        let mut bytes = crate::layout::bytes("a", &[7; 5000]);
        bytes.truncate(3000);
        let layers = [layout.layer_of(&bytes, program)?];
        layout.image("x", "linux/amd64", &layers)?;
        layout.finish()?;
        let image = text(&scratch.path("image"));
        let said = rump::ends(1, &["mkfs", "ext4", &image, "--size", "8M", "--from", &layout.path()])?.stderr;
        if !said.contains(&layers[0].digest.replace(':', "/")) || !said.contains("ends too early") {
            return Err(format!("{program}: {said}"));
        }
        if scratch.path("image").exists() {
            return Err(format!("{program}: there is an image"));
        }
    }
    Ok(())
}
