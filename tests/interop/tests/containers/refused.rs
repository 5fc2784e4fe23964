//! Images that cannot be had: each is refused with the reason, before anything is written.

use crate::layout::{Layout, file};
use crate::{built, text};
use interop::image::Scratch;
use interop::suite::Suite;
use interop::{Check, context, rump};
use serde_json::{Value, json};
use std::fs;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("an_image_is_chosen_by_tag_and_platform", lacking, chosen);
    suite.add("indexes_in_indexes_are_searched", lacking, nested);
    suite.add("changed_and_missing_blobs_are_named", lacking, damaged);
    suite.add("blobs_are_files_and_not_links", lacking, no_files);
    suite.add("manifests_that_make_no_sense_are_refused", lacking, senseless);
    suite.add("digests_of_sha512_are_checked", lacking, sha512);
}

/// `mkfs` from a source fails, and says all of `words`; no image is there then.
fn refused(scratch: &Scratch, source: &str, options: &[&str], words: &[&str]) -> Check {
    let status = if words.contains(&"Try 'rump --help'") { 2 } else { 1 };
    let image = text(&scratch.path("refused"));
    let mut arguments = vec!["mkfs", "ext4", &image, "--size", "8M", "--from", source];
    arguments.extend(options);
    let said = rump::ends(status, &arguments)?.stderr;
    if let Some(word) = words.iter().find(|word| !said.contains(**word)) {
        return Err(format!("{source} {options:?}: {word:?} is not in {said:?}"));
    }
    if scratch.path("refused").exists() { Err(format!("{words:?}: there is an image")) } else { Ok(()) }
}

/// What the only file of an image is called.
fn only(scratch: &Scratch, source: &str, options: &[&str]) -> Check<String> {
    let tree = built(scratch, source, options)?;
    let files: Vec<String> = tree.into_keys().filter(|path| path != "/").collect();
    Ok(files.join(" "))
}

fn expect(found: &str, expected: &str) -> Check {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

fn host() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "linux/amd64",
        "aarch64" => "linux/arm64",
        _ => "linux/riscv64",
    }
}

fn with_platform(mut descriptor: Value, platform: &str) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
    descriptor["platform"] = json!({"os": os, "architecture": architecture});
    descriptor
}

fn chosen() -> Check {
    let scratch = Scratch::new("chosen")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    for (tag, platform, name) in [("v1", host(), "one"), ("v2", host(), "two"), ("v2", "linux/s390x", "big")]
    {
        let layers = [layout.layer(&[file(name, "x")], "gzip")?];
        layout.image(tag, platform, &layers)?;
    }
    layout.finish()?;
    let path = layout.path();
    expect(&only(&scratch, &path, &["--tag", "v1"])?, "/one")?;
    expect(&only(&scratch, &format!("oci:{path}:v2"), &[])?, "/two")?;
    expect(&only(&scratch, &path, &["--platform", "linux/s390x"])?, "/big")?;
    refused(&scratch, &path, &[], &["several images", "v1, v2"])?;
    refused(&scratch, &path, &["--tag", "v3"], &["no image is called \"v3\"", "v1, v2"])?;
    refused(
        &scratch,
        &path,
        &["--tag", "v1", "--platform", "linux/mips"],
        &["no image for linux/mips", host()],
    )?;
    refused(&scratch, &format!("oci:{path}:v1"), &["--tag", "v1"], &["a tag already", "Try 'rump --help'"])?;
    let folder = text(&scratch.path(""));
    refused(&scratch, &folder, &["--tag", "v1"], &["are for images of containers", "Try 'rump --help'"])?;
    refused(&scratch, &format!("oci:{folder}"), &[], &["oci-layout is missing"])
}

fn nested() -> Check {
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let scratch = Scratch::new("nested")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let mut manifests = Vec::new();
    for (platform, name) in [(host(), "here"), ("linux/s390x", "there")] {
        let layers = [layout.layer(&[file(name, "x")], "gzip")?];
        manifests.push(with_platform(layout.manifest(platform, &layers)?, platform));
    }
    let mut provenance = with_platform(manifests[0].clone(), "unknown/unknown");
    provenance["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    manifests.push(provenance);
    let inner = layout.document(INDEX, &json!({"schemaVersion": 2, "manifests": manifests}))?;
    let middle = layout.document(INDEX, &json!({"schemaVersion": 2, "manifests": [inner, inner]}))?;
    layout.add("x", middle);
    layout.finish()?;
    expect(&only(&scratch, &layout.path(), &[])?, "/here")?;
    expect(&only(&scratch, &layout.path(), &["--platform", "linux/s390x"])?, "/there")?;
    // A chain that never seems to end: each index has the one before a thousand times.
    let mut descriptor = layout.manifests[0].clone();
    for _ in 0..400 {
        descriptor =
            layout.document(INDEX, &json!({"schemaVersion": 2, "manifests": vec![descriptor; 100]}))?;
    }
    layout.manifests.clear();
    layout.add("x", descriptor);
    layout.finish()?;
    refused(&scratch, &layout.path(), &[], &["indexes are too many"])
}

fn damaged() -> Check {
    let scratch = Scratch::new("damaged")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let layers = [layout.layer(&[file("a", "a")], "plain")?];
    layout.image("x", host(), &layers)?;
    layout.finish()?;
    let layer = layout.place(&layers[0].digest);
    let whole = layout.blob(&layers[0].digest)?;
    let mut changed = whole.clone();
    changed[512] ^= 1;
    let mut longer = whole.clone();
    longer.extend([0; 512]);
    let name = layers[0].digest.replace(':', "/");
    for (bytes, word) in [(&changed, "has the digest sha256:"), (&longer, "bytes, not ")] {
        context(fs::write(&layer, bytes), "layer")?;
        refused(&scratch, &layout.path(), &[], &[&name, word])?;
    }
    context(fs::remove_file(&layer), "layer")?;
    refused(&scratch, &layout.path(), &[], &[&name, "is missing"])?;
    context(fs::write(&layer, whole), "layer")?;
    let mut wrong = layers[0].clone();
    wrong.diff_id = format!("sha256:{}", "1".repeat(64));
    layout.manifests.clear();
    layout.image("x", host(), &[wrong])?;
    layout.finish()?;
    refused(&scratch, &layout.path(), &[], &[&name, "decompressed, its content has the digest"])?;
    let manifest = layout.manifests[0]["digest"].as_str().unwrap_or_default().to_string();
    context(fs::remove_file(layout.place(&manifest)), "manifest")?;
    refused(&scratch, &layout.path(), &["--tag", "x"], &[&manifest.replace(':', "/"), "is missing"])
}

fn no_files() -> Check {
    let scratch = Scratch::new("files")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let layers = [layout.layer(&[file("a", "a")], "plain")?];
    layout.image("x", host(), &layers)?;
    layout.finish()?;
    let layer = layout.place(&layers[0].digest);
    context(fs::rename(&layer, scratch.path("elsewhere")), "layer")?;
    context(std::os::unix::fs::symlink(scratch.path("elsewhere"), &layer), "layer")?;
    refused(&scratch, &layout.path(), &[], &["is a symbolic link, which is not followed"])?;
    context(fs::remove_file(&layer), "layer")?;
    interop::program::run_ok("mkfifo", &[&layer])?;
    refused(&scratch, &layout.path(), &[], &["is no regular file"])
}

fn senseless() -> Check {
    let scratch = Scratch::new("senseless")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let layer = layout.layer(&[file("a", "a")], "gzip")?;
    let mut sealed = layer.clone();
    sealed.media_type.push_str("+encrypted");
    layout.image("sealed", host(), &[sealed])?;
    let mut descriptor = layout.manifest(host(), std::slice::from_ref(&layer))?;
    descriptor["size"] = json!(3);
    layout.add("size", descriptor);
    layout.image("many", host(), &vec![layer; 1001])?;
    let artifact =
        layout.document("application/vnd.oci.image.manifest.v1+json", &json!({"schemaVersion": 2}))?;
    layout.add("artifact", artifact);
    layout.finish()?;
    let cases = [
        ("sealed", "+encrypted\": no layer of a file system"),
        ("size", "has not the length 3"),
        ("many", "1001 layers are too many"),
        ("artifact", "the manifest names no configuration"),
    ];
    for (tag, word) in cases {
        refused(&scratch, &layout.path(), &["--tag", tag], &[word])?;
    }
    let index = scratch.path("layout").join("index.json");
    let large = format!("{{\"manifests\": [{}]}}", " ".repeat(5 << 20));
    let deep = "[".repeat(100_000);
    let escaping = r#"{"manifests": [{"digest": "sha256:../../../etc/passwd", "size": 1}]}"#;
    for (json, word) in [
        (&*large, "more than a manifest can have"),
        (&deep, "index.json is damaged"),
        (escaping, "is no digest"),
        ("{}", "index.json has no manifests"),
        (r#"{"manifests": []}"#, "there is no image in it"),
    ] {
        context(fs::write(&index, json), "index.json")?;
        refused(&scratch, &layout.path(), &[], &[word])?;
    }
    Ok(())
}

fn sha512() -> Check {
    let scratch = Scratch::new("sha512")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let mut layer = layout.layer(&[file("a", "a")], "gzip")?;
    layer.digest = layout.put_sha512(&layout.blob(&layer.digest)?)?;
    layout.image("x", host(), std::slice::from_ref(&layer))?;
    layout.finish()?;
    expect(&only(&scratch, &layout.path(), &[])?, "/a")?;
    let mut bytes = layout.blob(&layer.digest)?;
    // The time in the header of gzip: what is decompressed stays the same.
    bytes[4] ^= 1;
    context(fs::write(layout.place(&layer.digest), bytes), "layer")?;
    refused(&scratch, &layout.path(), &[], &["sha512:", "has the digest"])
}
