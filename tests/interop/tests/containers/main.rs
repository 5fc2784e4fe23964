//! Images of containers as sources, against what umoci unpacks.
//!
//! Judges: umoci makes layers and unpacks them, skopeo writes the other forms of an image, `e2fsck -fn` checks what
//! was built. Layouts that no tool would write are made here ([`layout`]).
#![forbid(unsafe_code)]

mod hostile;
mod layout;
mod refused;

use interop::image::{Scratch, sound};
use interop::program::{lacks, run_ok};
use interop::suite::Suite;
use interop::tree::{Contents, Tree, compare, lasting, of_host};
use interop::{Check, context, rump, text};
use layout::{Layout, file, folder, link, symlink};
use std::fs;
use std::path::Path;

fn main() {
    let programs = ["umoci", "skopeo", "e2fsck", "tar", "gzip", "zstd", "setfattr", "mknod"];
    let root = (!rustix::process::geteuid().is_root()).then_some("root, to make devices");
    let lacking = lacks(&programs).or(root);
    let mut suite = Suite::default();
    suite.add("layers_of_umoci_are_applied_as_it_applies_them", lacking, layers_of_umoci);
    suite.add("what_skopeo_makes_of_an_image_is_the_same", lacking, forms);
    suite.add("whiteouts_are_about_lower_layers_alone", lacking, whiteouts);
    suite.add("files_and_directories_replace_each_other", lacking, replacements);
    suite.add("archives_of_old_dockers_have_links_to_layers", lacking, old_docker);
    suite.add("archives_that_only_look_alike_are_archives", lacking, look_alike);
    suite.add("an_image_of_the_same_source_is_the_same", lacking, reproducible);
    suite.add("tar_puts_an_image_into_what_is_there", lacking, into_what_is_there);
    hostile::add(&mut suite, lacking);
    refused::add(&mut suite, lacking);
    suite.run();
}

/// An image from `source`, with what we see in it.
fn built(scratch: &Scratch, source: &str, more: &[&str]) -> Check<Tree> {
    built_with(scratch, source, more, 0).map(|(tree, _)| tree)
}

/// As [`built`], where `rump` ends with `status` and says something.
fn built_with(scratch: &Scratch, source: &str, more: &[&str], status: i32) -> Check<(Tree, String)> {
    let image = text(&scratch.path("built.img"));
    let mut arguments = vec!["mkfs", "ext4", &image, "-F", "--fit", "--slack", "4M", "--from", source];
    arguments.extend(more);
    let finished = rump::ends(status, &arguments)?;
    sound(Path::new(&image))?;
    Ok((lasting(rump::view(&image, Contents::Hashed)?), finished.stderr))
}

/// What umoci makes of an image.
fn unpacked(scratch: &Scratch, layout: &str, tag: &str) -> Check<Tree> {
    let bundle = scratch.path(&format!("judge-{tag}"));
    run_ok("umoci", &["unpack", "--image", &format!("{layout}:{tag}"), &text(&bundle)])?;
    Ok(lasting(of_host(&bundle.join("rootfs"), Contents::Hashed)?))
}

/// Compares what both make of an image.
fn as_umoci(scratch: &Scratch, layout: &str, tag: &str) -> Check {
    compare(&unpacked(scratch, layout, tag)?, &built(scratch, &format!("oci:{layout}:{tag}"), &[])?)
}

/// A layout by umoci with images `one`, `two` and `three`, one a change of the other.
fn by_umoci(scratch: &Scratch) -> Check<String> {
    let (layout, bundle) = (text(&scratch.path("layout")), text(&scratch.path("bundle")));
    let root = scratch.path("bundle").join("rootfs");
    run_ok("umoci", &["init", "--layout", &layout])?;
    run_ok("umoci", &["new", "--image", &format!("{layout}:empty")])?;
    run_ok("umoci", &["unpack", "--image", &format!("{layout}:empty"), &bundle])?;
    let repack = |tag: &str| {
        let image = format!("{layout}:{tag}");
        run_ok("umoci", &["repack", "--refresh-bundle", "--image", &image, &bundle]).map(drop)
    };
    interop::source::fill(&root, 1000)?;
    // What archives do not have.
    run_ok("find", &[text(&root).as_str(), "-type", "s", "-delete"])?;
    let script = "mkdir -p etc gone/deep opaque/sub over && echo a > etc/passwd && ln etc/passwd etc/passwd-
        echo x > gone/deep/x && echo y > opaque/sub/y && echo s > over/su && chown 7:8 over/su && chmod 6755 over/su
        mknod null c 1 3 && mknod loop7 b 7 7 && mkfifo pipe && ln -s /etc/passwd over/link
        setfattr -n user.kept -v 0x00ff0a over/su && echo f > file && mkdir tree && echo 1 > tree/1";
    run_ok("sh", &["-ec", &format!("cd '{}'; {script}", text(&root))])?;
    repack("one")?;
    let script =
        "rm -r gone && rm -r opaque/sub && echo n > opaque/new && rm file && mkdir file && echo i > file/in
        rm -r tree && echo f > tree && ln over/su over/su2 && rm over/su && echo changed > etc/passwd
        rm null && mkdir null && touch -d @1000000000.5 over && chmod 711 over && rm pipe && mv loop7 loop8";
    run_ok("sh", &["-ec", &format!("cd '{}'; {script}", text(&root))])?;
    repack("two")?;
    let inserted = scratch.path("inserted");
    context(fs::create_dir(&inserted), "inserted")?;
    context(fs::write(inserted.join("i"), "i"), "inserted")?;
    let two = format!("{layout}:two");
    run_ok("umoci", &["insert", "--image", &two, "--tag", "three", "--opaque", &text(&inserted), "/etc"])?;
    run_ok("umoci", &["insert", "--image", &format!("{layout}:three"), "--whiteout", "/over/su2"])?;
    Ok(layout)
}

fn layers_of_umoci() -> Check {
    let scratch = Scratch::new("umoci")?;
    let layout = by_umoci(&scratch)?;
    for tag in ["one", "two", "three"] {
        as_umoci(&scratch, &layout, tag).map_err(|what| format!("{tag}: {what}"))?;
    }
    Ok(())
}

fn forms() -> Check {
    let scratch = Scratch::new("forms")?;
    let layout = by_umoci(&scratch)?;
    let expected = built(&scratch, &layout, &["--tag", "three"])?;
    let at = |name: &str| text(&scratch.path(name));
    let source = format!("oci:{layout}:three");
    let docker = format!("docker-archive:{}:example.org/box:v3", at("docker.tar"));
    let archive = format!("oci-archive:{}:v3", at("oci.tar"));
    let zstd = format!("oci:{}:v3", at("zstd"));
    run_ok("skopeo", &["copy", &source, &docker])?;
    run_ok("skopeo", &["copy", &source, &archive])?;
    let compressed = ["copy", "--dest-compress", "--dest-compress-format", "zstd", &source, &zstd];
    run_ok("skopeo", &compressed)?;
    run_ok("gzip", &["-k", &at("docker.tar")])?;
    run_ok("tar", &["-C", &layout, "-cf", &at("layout.tar"), "."])?;
    run_ok("zstd", &["-q", &at("layout.tar")])?;
    let (named, shorter) = (format!("docker-archive:{}:box:v3", at("docker.tar")), at("docker.tar"));
    let plain = [&named, &shorter, &archive, &at("oci.tar"), &at("docker.tar.gz"), &zstd, &at("zstd")];
    for form in plain {
        compare(&expected, &built(&scratch, form, &[])?).map_err(|what| format!("{form}: {what}"))?;
    }
    for form in [at("layout.tar"), at("layout.tar.zst"), format!("oci-archive:{}", at("layout.tar"))] {
        let ours = built(&scratch, &form, &["--tag", "three"])?;
        compare(&expected, &ours).map_err(|what| format!("{form}: {what}"))?;
    }
    piped(&scratch, &at("docker.tar.gz"), &expected)
}

/// What comes through a pipe is an image, too.
fn piped(scratch: &Scratch, archive: &str, expected: &Tree) -> Check {
    let image = text(&scratch.path("piped.img"));
    let script = "cat \"$1\" | \"$2\" mkfs ext4 \"$3\" --size 1G --from -";
    let program = text(rump::binary()?);
    run_ok("sh", &["-ec", script, "sh", archive, &program, &image])?;
    compare(expected, &lasting(rump::view(&image, Contents::Hashed)?))
}

fn whiteouts() -> Check {
    let scratch = Scratch::new("whiteouts")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let below = [
        folder("."),
        folder("d"),
        file("d/a", "old"),
        file("d/b", "old"),
        folder("e"),
        file("e/a", "old"),
        folder("e/s"),
        file("e/s/a", "old"),
        folder("f"),
        file("f/a", "old"),
        file("g", "old"),
        file("ga", "old"),
        file("h", "old"),
        folder("i"),
        file("i/a", "old"),
        folder("o"),
        file("o/a", "old"),
        folder("o/s"),
        file("o/s/b", "old"),
    ];
    // Before what has the same name, after it, and where nothing has it.
    let above = [
        file(".wh.g", ""),
        folder("d"),
        file("d/.wh.a", ""),
        file("d/a", "new"),
        file("e/.wh.s", ""),
        file("h", "new"),
        file(".wh.h", ""),
        file("f/new", "new"),
        folder("i"),
        file("i/.wh..wh..opq", ""),
        file("i/b", "new"),
        file("o/new", "new"),
        file("o/.wh..wh..opq", ""),
        file(".wh.nothing", ""),
        link("l", "d/b"),
    ];
    let layers = [layout.layer(&below, "gzip")?, layout.layer(&above, "zstd")?];
    layout.image("two", "linux/amd64", &layers)?;
    // The oracle has no zstd.
    let layers = [layers[0].clone(), layout.layer(&above, "plain")?];
    layout.image("plain", "linux/amd64", &layers)?;
    layout.finish()?;
    let ours = built(&scratch, &format!("oci:{}:two", layout.path()), &[])?;
    compare(&unpacked(&scratch, &layout.path(), "plain")?, &ours)
}

fn replacements() -> Check {
    let scratch = Scratch::new("replacements")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let layers = [
        layout.layer(
            &[
                folder("."),
                folder("a"),
                file("a/x", "1"),
                file("b", "1"),
                symlink("c", "/etc"),
                file("k", "1"),
            ],
            "gzip",
        )?,
        layout.layer(
            &[file("a", "2"), folder("b"), file("b/y", "2"), folder("c"), file("c/z", "2")],
            "plain",
        )?,
        layout.layer(
            &[folder("a"), file("a/w", "3"), file("b", "3"), link("k2", "k"), file("k", "3")],
            "gzip",
        )?,
    ];
    layout.image("three", "linux/amd64", &layers)?;
    layout.finish()?;
    as_umoci(&scratch, &layout.path(), "three")
}

fn old_docker() -> Check {
    let scratch = Scratch::new("docker")?;
    let mut layout = Layout::new(&scratch, "layout")?;
    let one = layout.layer(&[folder("."), folder("d"), file("d/a", "1")], "plain")?;
    let two = layout.layer(&[file("d/.wh.a", ""), file("d/b", "2")], "plain")?;
    layout.image("x", "linux/amd64", &[one.clone(), two.clone(), one.clone()])?;
    layout.finish()?;
    let expected = built(&scratch, &layout.path(), &[])?;
    let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
    let manifest = serde_json::json!([{
        "Config": "config.json", "RepoTags": ["box:latest"],
        "Layers": [format!("{a}/layer.tar"), format!("{b}/layer.tar"), format!("{c}/layer.tar")],
    }]);
    let members = [
        folder(&a),
        layout::bytes(&format!("{a}/layer.tar"), &layout.blob(&one.digest)?),
        folder(&b),
        layout::bytes(&format!("{b}/layer.tar"), &layout.blob(&two.digest)?),
        folder(&c),
        symlink(&format!("{c}/layer.tar"), &format!("../{a}/layer.tar")),
        layout::bytes("config.json", &layout.config(&[one.clone(), two, one], "linux/amd64")),
        layout::bytes("manifest.json", manifest.to_string().as_bytes()),
    ];
    let archive = scratch.path("docker.tar");
    context(fs::write(&archive, layout::archive(&members)), "docker.tar")?;
    for options in [&[][..], &["--tag", "box"], &["--platform", "linux/amd64"]] {
        compare(&expected, &built(&scratch, &text(&archive), options)?)?;
    }
    Ok(())
}

/// A web application has a `manifest.json`, too.
fn look_alike() -> Check {
    let scratch = Scratch::new("alike")?;
    for manifest in ["{\"name\": \"app\"}", "[]", "no JSON"] {
        let members = [file("manifest.json", manifest), folder("blobs"), file("index.json", "{}")];
        let archive = scratch.path("a.tar");
        context(fs::write(&archive, layout::archive(&members)), "archive")?;
        let tree = built(&scratch, &text(&archive), &[])?;
        let seen: Vec<&str> = tree.keys().map(String::as_str).collect();
        if seen != ["/", "/blobs", "/index.json", "/manifest.json"] {
            return Err(format!("{manifest}: {seen:?}"));
        }
    }
    let mut layout = Layout::new(&scratch, "layout")?;
    let layers = [layout.layer(&[file("a", "a")], "gzip")?];
    layout.image("x", "linux/amd64", &layers)?;
    layout.finish()?;
    run_ok("tar", &["-C", &layout.path(), "-cf", &text(&scratch.path("l.tar")), "."])?;
    for plain in [format!("dir:{}", layout.path()), format!("tar:{}", text(&scratch.path("l.tar")))] {
        if !built(&scratch, &plain, &[])?.contains_key("/index.json") {
            return Err(format!("{plain} is not taken as it is"));
        }
    }
    Ok(())
}

fn reproducible() -> Check {
    let scratch = Scratch::new("same")?;
    let layout = by_umoci(&scratch)?;
    let mut sums = Vec::new();
    for name in ["one.img", "two.img"] {
        let image = text(&scratch.path(name));
        rump::ends(
            0,
            &["mkfs", "ext4", &image, "--fit", "--reproducible", "--from", &layout, "--tag", "three"],
        )?;
        sums.push(interop::tree::sha256_of_file(&scratch.path(name))?);
    }
    if sums[0] == sums[1] { Ok(()) } else { Err("two images of one source differ".into()) }
}

fn into_what_is_there() -> Check {
    let scratch = Scratch::new("tar")?;
    let layout = by_umoci(&scratch)?;
    let image = text(&scratch.path("tar.img"));
    rump::ends(0, &["mkfs", "ext4", &image, "--size", "1G"])?;
    rump::ends(0, &["mkdir", &format!("{image}:/box")])?;
    rump::ends(0, &["tar", "-x", "-f", &layout, "--tag", "two", &format!("{image}:/box")])?;
    let ours = rump::view(&image, Contents::Hashed)?;
    let moved = |path: &str| {
        path.strip_prefix("/box").map(|rest| if rest.is_empty() { "/" } else { rest }.to_string())
    };
    let ours = ours.into_iter().filter_map(|(path, entry)| Some((moved(&path)?, entry))).collect();
    compare(&unpacked(&scratch, &layout, "two")?, &lasting(ours))
}
