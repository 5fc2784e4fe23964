//! Images from archives, and archives from images.

use crate::{kernel_view, lasting, rump_ends, rump_with, same, says, sound, source, text};
use interop::image::Scratch;
use interop::program::{lacks, run_ok};
use interop::suite::Suite;
use interop::tree::{Contents, Tree, compare, of_host};
use interop::{Check, context};
use std::fs::{self, File};
use std::path::Path;

const METADATA: &str = "--xattrs --xattrs-include=* --acls --selinux";

/// How GNU tar makes an archive, and what of a tree it cannot keep.
const WAYS: &[(&str, &str, Loss)] = &[
    ("pax", METADATA, Loss::Nothing),
    ("pax", "--xattrs --xattrs-include=* --acls --selinux --sparse", Loss::Nothing),
    ("pax", "--xattrs --xattrs-include=* --sparse --sparse-version=0.1", Loss::Nothing),
    ("pax", "--xattrs --xattrs-include=* --sparse --sparse-version=0.0", Loss::Nothing),
    ("pax", "--acls --selinux", Loss::OtherXattrs),
    ("gnu", "", Loss::Xattrs),
    ("gnu", "--sparse", Loss::Xattrs),
    ("posix", "", Loss::AllXattrs),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Nothing,
    /// All but lists and labels.
    OtherXattrs,
    /// All, and parts of seconds.
    Xattrs,
    /// All.
    AllXattrs,
}

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    for (format, options, loss) in WAYS {
        let name = format!("gnu_tar_{format}_{}", options.replace(['-', ' ', '=', '*', '.'], "_"));
        suite.add(format!("{name}_to_image"), lacking, || from_gnu_tar(format, options, *loss));
    }
    suite.add("bsdtar_to_image", lacking.or_else(|| lacks(&["bsdtar"])), from_bsdtar);
    for (suffix, program) in [("gz", "gzip"), ("zst", "zstd"), ("xz", "xz"), ("bz2", "bzip2")] {
        suite.add(format!("{suffix}_to_image"), lacking.or_else(|| lacks(&[program])), move || {
            compressed(program)
        });
        suite.add(format!("image_to_{suffix}"), lacking.or_else(|| lacks(&[program])), move || {
            compresses(suffix, program)
        });
    }
    suite.add("an_archive_on_standard_input", lacking, standard_input);
    suite.add("an_archive_out_of_an_image_unpacks_to_the_same", lacking, to_archive);
    suite.add("an_archive_of_ours_makes_the_same_image_again", lacking, round_trip);
    suite.add("an_archive_into_an_existing_image", lacking, into_image);
    suite.add("a_folder_of_an_image_as_an_archive", lacking, part_of_image);
}

fn pack(root: &Path, archive: &Path, format: &str, options: &str) -> Check {
    let (root, archive) = (text(root), text(archive));
    let format = format!("--format={format}");
    let mut arguments = vec!["-C", &root, &format, "-cf", &archive];
    arguments.extend(options.split(' ').filter(|word| !word.is_empty()));
    arguments.push(".");
    run_ok("tar", &arguments).map(drop)
}

/// What an archive of this kind keeps of a tree.
fn kept(mut tree: Tree, loss: Loss) -> Tree {
    tree.retain(|_, entry| entry.kind != "socket");
    for entry in tree.values_mut() {
        match loss {
            Loss::Nothing => {}
            Loss::OtherXattrs => {
                entry.xattrs.retain(|name, _| name.starts_with("system.") || name == "security.selinux")
            }
            Loss::Xattrs | Loss::AllXattrs => entry.xattrs.clear(),
        }
        if loss == Loss::Xattrs {
            entry.mtime.1 = 0;
        }
    }
    tree
}

fn from_gnu_tar(format: &str, options: &str, loss: Loss) -> Check {
    let scratch = Scratch::new("gnu")?;
    let (root, archive, image) = (source(&scratch)?, scratch.path("a.tar"), scratch.path("image"));
    pack(&root, &archive, format, options)?;
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&archive)])?;
    let expected = kept(lasting(of_host(&root, Contents::Hashed)?), loss);
    compare(&expected, &lasting(kernel_view(&image)?))?;
    let length = context(fs::metadata(&image), "image")?.len();
    if options.contains("sparse") && length > 40 << 20 {
        return Err(format!("{length} bytes: the holes were filled"));
    }
    Ok(())
}

fn from_bsdtar() -> Check {
    let scratch = Scratch::new("bsd")?;
    let (root, archive, image) = (source(&scratch)?, scratch.path("a.tar"), scratch.path("image"));
    run_ok(
        "bsdtar",
        &["-C", &text(&root), "--format=pax", "--xattrs", "--acls", "-cf", &text(&archive), "."],
    )?;
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&archive)])?;
    let mut expected = kept(lasting(of_host(&root, Contents::Hashed)?), Loss::Nothing);
    let mut seen = lasting(kernel_view(&image)?);
    for tree in [&mut expected, &mut seen] {
        for entry in tree.values_mut() {
            // bsdtar leaves trusted attributes out.
            entry.xattrs.retain(|name, _| !name.starts_with("trusted."));
        }
    }
    compare(&expected, &seen)
}

fn compressed(program: &str) -> Check {
    let scratch = Scratch::new("compressed")?;
    let (root, archive, image) = (source(&scratch)?, scratch.path("a.tar"), scratch.path("image"));
    pack(&root, &archive, "pax", "--xattrs --xattrs-include=* --sparse")?;
    let packed = scratch.path("nameless");
    let line = format!("{program} -c {} > {}", text(&archive), text(&packed));
    run_ok("sh", &["-c", &line])?;
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&packed)])?;
    compare(&kept(lasting(of_host(&root, Contents::Hashed)?), Loss::Nothing), &lasting(kernel_view(&image)?))
}

fn compresses(suffix: &str, program: &str) -> Check {
    let scratch = Scratch::new("compresses")?;
    let (root, image) = (scratch.path("source"), scratch.path("image"));
    context(fs::create_dir(&root), "source")?;
    context(fs::write(root.join("a"), interop::source::pattern(1, 300_000)), "a")?;
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&root)])?;
    let archive = scratch.path(&format!("a.tar.{suffix}"));
    rump_ends(0, &["tar", "-c", "-f", &text(&archive), &format!("{}:/a", text(&image))])?;
    run_ok(program, &["-t", &text(&archive)])?;
    let out = scratch.path("out");
    context(fs::create_dir(&out), "out")?;
    run_ok("tar", &["-C", &text(&out), "-xf", &text(&archive)])?;
    run_ok("cmp", &[root.join("a"), out.join("a")]).map(drop)
}

fn standard_input() -> Check {
    let scratch = Scratch::new("stdin")?;
    let (root, archive, image) = (source(&scratch)?, scratch.path("a.tar"), scratch.path("image"));
    pack(&root, &archive, "pax", METADATA)?;
    let expected = kept(lasting(of_host(&root, Contents::Hashed)?), Loss::Nothing);
    for options in [&["--fit"][..], &["--size", "256M"], &["--size", "256M", "--reproducible"]] {
        let (rump, to) = (text(interop::rump::binary()?), text(&image));
        // The writer must not find the pipe closed either.
        let line = format!(
            "set -o pipefail; (cat {}; head -c 100000 /dev/zero) | {rump} mkfs ext4 {to} --force {} --from -",
            text(&archive),
            options.join(" ")
        );
        run_ok("bash", &["-c", &line])?;
        compare(&expected, &lasting(kernel_view(&image)?))?;
    }
    Ok(())
}

fn build(scratch: &Scratch, root: &Path) -> Check<std::path::PathBuf> {
    let image = scratch.path("image");
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--size", "256M", "--from", &text(root)])?;
    Ok(image)
}

fn to_archive() -> Check {
    let scratch = Scratch::new("create")?;
    let root = source(&scratch)?;
    let image = build(&scratch, &root)?;
    let archive = scratch.path("a.tar");
    let finished = rump_ends(1, &["tar", "-c", "-f", &text(&archive), &text(&image)])?;
    says(&finished, "/socket: a socket: an archive cannot hold it")?;
    let length = context(fs::metadata(&archive), "archive")?.len();
    if length > 20 << 20 {
        return Err(format!("{length} bytes: the holes were filled"));
    }
    let out = scratch.path("out");
    context(fs::create_dir(&out), "out")?;
    let (out_text, archive) = (text(&out), text(&archive));
    let mut arguments = vec!["-C", &out_text, "-xpf", &archive, "--numeric-owner"];
    arguments.extend(METADATA.split(' '));
    run_ok("tar", &arguments)?;
    let expected = kept(lasting(of_host(&root, Contents::Hashed)?), Loss::Nothing);
    let mut seen = lasting(of_host(&out, Contents::Hashed)?);
    seen.retain(|path, _| path != "/lost+found");
    // The label comes as an attribute like others, which GNU tar takes for its own.
    compare(&expected, &seen)
}

fn round_trip() -> Check {
    let scratch = Scratch::new("round")?;
    let root = source(&scratch)?;
    let image = build(&scratch, &root)?;
    let (archive, again) = (scratch.path("a.tar"), scratch.path("again"));
    rump_ends(1, &["tar", "-c", "-f", &text(&archive), &text(&image)])?;
    rump_ends(0, &["mkfs", "ext4", &text(&again), "--fit", "--from", &text(&archive)])?;
    compare(&kept(lasting(kernel_view(&image)?), Loss::Nothing), &lasting(kernel_view(&again)?))
}

fn into_image() -> Check {
    let scratch = Scratch::new("into")?;
    let (root, archive, image) = (source(&scratch)?, scratch.path("a.tar"), scratch.path("image"));
    pack(&root, &archive, "pax", METADATA)?;
    context(File::create(&image).and_then(|file| file.set_len(512 << 20)), "image")?;
    run_ok("mke2fs", &["-q", "-F", "-t", "ext4", &text(&image)])?;
    // The place has a list that files inherit, and a group: neither shows in what comes from an archive.
    let mounted = interop::mount::Mounted::read_write(&image, "")?;
    let place = mounted.path().join("place");
    context(fs::create_dir_all(place.join("sizes")), "place")?;
    context(fs::write(place.join("sizes/0"), b"is replaced"), "place")?;
    for folder in [place.clone(), place.join("sizes")] {
        run_ok("setfacl", &["-d", "-m", "u:9:rwx", &text(&folder)])?;
        run_ok("chown", &["1:2", &text(&folder)])?;
        run_ok("chmod", &["2775", &text(&folder)])?;
    }
    mounted.unmount()?;
    rump_ends(0, &["tar", "-x", "-f", &text(&archive), &format!("{}:/place", text(&image))])?;
    let whole = kernel_view(&image)?;
    let below = |prefix: &str| -> Tree {
        let rows = whole.iter().filter_map(|(path, entry)| {
            let rest = path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some((if rest.is_empty() { "/".into() } else { rest.to_string() }, entry.clone()))
        });
        rows.collect()
    };
    compare(&kept(lasting(of_host(&root, Contents::Hashed)?), Loss::Nothing), &lasting(below("/place")))?;
    // Again, without the first name of each path: what has only one stays out.
    rump_ends(
        0,
        &["tar", "-x", "--strip-components", "1", "-f", &text(&archive), &format!("{}:/", text(&image))],
    )?;
    let whole = kernel_view(&image)?;
    match (whole.get("/1MiB+1"), whole.get("/setuid"), whole.get("/one").map(|entry| entry.nlink)) {
        (Some(_), None, Some(3)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn part_of_image() -> Check {
    let scratch = Scratch::new("part")?;
    let root = source(&scratch)?;
    let image = build(&scratch, &root)?;
    sound(&image)?;
    let archive = scratch.path("a.tar");
    let finished = rump_with(&["tar", "-c", &format!("{}:/links", text(&image))], |command| {
        if let Ok(file) = File::create(&archive) {
            command.stdout(file);
        }
    })?;
    // Standard output was the file, or the test could not make one.
    if finished.status != Some(0) {
        return Err(finished.verdict());
    }
    context(fs::write(&archive, &finished.stdout), "archive")?;
    let out = scratch.path("out");
    context(fs::create_dir(&out), "out")?;
    run_ok("tar", &["-C", &text(&out), "-xpf", &text(&archive), "--xattrs", "--xattrs-include=*"])?;
    compare(
        &lasting(of_host(&root.join("links"), Contents::Hashed)?),
        &lasting(of_host(&out, Contents::Hashed)?),
    )?;
    let again = scratch.path("again");
    rump_ends(0, &["mkfs", "ext4", &text(&again), "--fit", "--from", &text(&archive)])?;
    same(&root.join("links"), &again)
}
