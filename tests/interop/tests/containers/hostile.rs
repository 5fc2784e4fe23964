//! Layers that want to lead elsewhere, or to cost more than they are: the rest is done, and what was not is named.

use crate::layout::{Layout, file, folder, link, symlink};
use crate::{built_with, text};
use interop::image::Scratch;
use interop::mutant;
use interop::program::run_ok;
use interop::suite::Suite;
use interop::tree::sha256;
use interop::{Check, context, rump};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("names_and_links_lead_nowhere_else", lacking, leading_out);
    suite.add("hard_links_to_nothing_are_named", lacking, lost_links);
    suite.add("what_higher_layers_take_away_takes_no_space", lacking, gone);
    suite.add("a_layer_that_ends_early_touches_nothing", lacking, cut);
    suite.add("two_thousand_variants_of_a_layout_are_answered", lacking, layouts);
    suite.add("two_thousand_variants_of_an_archive_are_answered", lacking, archives);
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

/// A layout of umoci with one small layer.
fn small(scratch: &Scratch) -> Check<String> {
    let (layout, bundle) = (text(&scratch.path("layout")), text(&scratch.path("bundle")));
    let image = format!("{layout}:x");
    run_ok("umoci", &["init", "--layout", &layout])?;
    run_ok("umoci", &["new", "--image", &image])?;
    run_ok("umoci", &["unpack", "--image", &image, &bundle])?;
    let script =
        "mkdir -p d/e && echo 1 > d/a && ln d/a d/b && ln -s a d/link && mkfifo d/e/pipe && chmod 4755 d/a";
    run_ok("sh", &["-ec", &format!("cd '{bundle}/rootfs'; {script}")])?;
    run_ok("umoci", &["repack", "--image", &image, &bundle])?;
    Ok(layout)
}

/// Makes an image of it, or says why not.
fn answered(scratch: &Scratch, source: &str) -> Check {
    let image = text(&scratch.path("image"));
    let words = ["mkfs", "ext4", &image, "-F", "--size", "2M", "--from", source];
    let finished = rump::run(&words, rump::PATIENCE)?;
    match finished.status {
        Some(0..=3) => Ok(()),
        _ => Err(finished.verdict()),
    }
}

/// The index, the manifest, the configuration, or the layer is another; in half of the variants, digests are right.
fn layouts() -> Check {
    let scratch = Scratch::in_memory("layouts")?;
    let layout = small(&scratch)?;
    let place = |hex: &str| format!("{layout}/blobs/sha256/{hex}");
    let read = |path: &str| context(fs::read(path), path);
    let digest = |value: &Value| value["digest"].as_str().unwrap_or_default().replace("sha256:", "");
    let parse = |bytes: &[u8]| -> Check<Value> { context(serde_json::from_slice(bytes), "json") };
    let index = read(&format!("{layout}/index.json"))?;
    let manifest = read(&place(&digest(&parse(&index)?["manifests"][0])))?;
    let about = parse(&manifest)?;
    let (layer, config) = (digest(&about["layers"][0]), read(&place(&digest(&about["config"])))?);
    // What is compressed would hide the members: how a layer is compressed, its first bytes tell.
    let plain = scratch.path("layer.tar");
    run_ok("sh", &["-ec", &format!("gzip -dc '{}' > '{}'", place(&layer), text(&plain))])?;
    let plain = context(fs::read(plain), "layer")?;
    let renamed = |text: &[u8], old: &[u8], name: &str, new: &[u8]| {
        let size = |bytes: &[u8]| format!("\"size\":{}", bytes.len());
        let text = String::from_utf8_lossy(text).replace(name, &sha256(new));
        text.replace(&size(old), &size(new)).into_bytes()
    };
    let packed = read(&place(&layer))?;
    let changed = renamed(&manifest, &packed, &layer, &plain);
    let index = renamed(&index, &manifest, &sha256(&manifest), &changed);
    let sample = [plain, config, changed, index];
    let written = |parts: [Vec<u8>; 4], is_right: bool| -> Check<Vec<String>> {
        let mut names = Vec::new();
        let [layer, config, manifest, index] = parts;
        let mut above = [config, manifest, index].map(|part| String::from_utf8_lossy(&part).into_owned());
        let mut blob = layer;
        for level in 0..3 {
            let old = sha256(&sample[level]);
            let name = if is_right { sha256(&blob) } else { old.clone() };
            context(fs::write(place(&name), &blob), "blob")?;
            above.iter_mut().for_each(|text| *text = text.replace(&old, &name));
            names.push(place(&name));
            blob = above[level].clone().into_bytes();
        }
        context(fs::write(format!("{layout}/index.json"), blob), "index")?;
        Ok(names)
    };
    // As it is, with its names in all places, it is an image.
    written(sample.clone(), true)?;
    rump::ends(0, &["mkfs", "ext4", &text(&scratch.path("image")), "--size", "2M", "--from", &layout])?;
    mutant::each(|seed| {
        let mut parts = sample.clone();
        mutant::mutate(&mut parts[seed as usize / 2 % 4], seed);
        let names = written(parts, seed % 2 == 0)?;
        let answer = answered(&scratch, &format!("oci:{layout}"));
        names.iter().for_each(|name| drop(fs::remove_file(name)));
        answer
    })
}

/// What `docker save` would write, by skopeo.
fn archives() -> Check {
    let scratch = Scratch::in_memory("archives")?;
    let layout = small(&scratch)?;
    let archive = text(&scratch.path("docker.tar"));
    run_ok("skopeo", &["copy", &format!("oci:{layout}:x"), &format!("docker-archive:{archive}:box:v1")])?;
    let sample = context(fs::read(&archive), "archive")?;
    rump::ends(0, &["mkfs", "ext4", &text(&scratch.path("image")), "--size", "2M", "--from", &archive])?;
    mutant::each(|seed| {
        let mut bytes = sample.clone();
        mutant::mutate(&mut bytes, seed);
        if seed % 50 == 49 {
            bytes.truncate(sample.len() * (seed as usize % 97) / 97);
        }
        context(fs::write(&archive, bytes), "archive")?;
        answered(&scratch, &archive)
    })
}
