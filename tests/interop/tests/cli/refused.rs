//! What cannot be done is said in one line that names the thing and the place.

use crate::stage::{
    address, ensure, expect, folder_of_nobody, image_filled, run, run_as_nobody, run_to, text,
};
use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::{Check, context, source};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn image() -> Check<Image> {
    image_filled("refused", 192, |root| source::fill(root, 20))
}

pub fn sources() -> Check {
    let image = image()?;
    let place = |path: &str| address(&image, path);
    let loose = format!("{}@9", image.path().display());
    let cases: &[(i32, &[&str], &[&str])] = &[
        (3, &["ls", "/"], &["/: is a directory, not an image"]),
        (3, &["ls", "/dev/null"], &["/dev/null", "neither a regular file nor a block device"]),
        (3, &["ls", "/nonexistent"], &["/nonexistent: no such file"]),
        (3, &["ls", &loose], &["partition 9"]),
        (1, &["ls", &place("/nope")], &["/nope: no such file"]),
        (1, &["ls", &place("/sizes/1/x")], &["/sizes/1/x: not a directory"]),
        (1, &["cat", &place("/sizes")], &["/sizes: is a directory"]),
        (1, &["cat", &place("/fifo")], &["/fifo: a device, fifo or socket has no content"]),
        (1, &["cat", &place("/links/symbolic-10")], &["/links/symbolic-10: no such file"]),
        (1, &["sum", &place("/char-small")], &["/char-small: neither a file nor a directory"]),
        (1, &["stat", &place("/nope"), &place("/sizes/1")], &["/nope: no such file"]),
        (2, &["find", &place("/"), "-name"], &["-name needs a value"]),
        (2, &["find", &place("/"), "-size", "1x"], &["-size", "1x"]),
        (2, &["find", &place("/"), "-maxdepth", "-1"], &["-1"]),
        (2, &["find", &place("/"), "-mtime", "+99999999999999999999"], &["-mtime"]),
        (2, &["tree", "-L", "0", &place("/")], &["depth"]),
        (2, &["info", &place("/sizes")], &["more than an image"]),
        (2, &["cp", &place("/sizes/1")], &["SOURCE"]),
        (0, &["find", &place("/sizes"), "-name", "["], &[]),
    ];
    for (status, arguments, parts) in cases {
        let finished = run_to(*status, arguments)?;
        let is_told = parts.iter().all(|part| finished.stderr.contains(part));
        ensure(is_told, || format!("{}: {}", arguments.join(" "), finished.verdict()))?;
    }
    let scratch = Scratch::new("private")?;
    context(fs::set_permissions(image.path(), fs::Permissions::from_mode(0o0)), "chmod")?;
    let finished = run_as_nobody(&scratch, &["ls", text(&image.path())?])?;
    expect(3, &finished, || "ls of a private image".into())?;
    ensure(finished.stderr.contains("permission denied"), || finished.verdict())
}

pub fn targets() -> Check {
    let image = image()?;
    let scratch = Scratch::new("targets")?;
    let (file, folder) = (scratch.path("file"), scratch.path("folder"));
    context(fs::write(&file, "mine"), "file")?;
    context(fs::create_dir(&folder), "folder")?;
    let (sizes, one) = (address(&image, "/sizes"), address(&image, "/sizes/1"));
    let (file, folder) = (text(&file)?, text(&folder)?);
    let missing = scratch.path("missing/deeper");
    let slash = format!("{}/", scratch.path("absent").display());
    let cases: &[(i32, &[&str], &str)] = &[
        (1, &["cp", &one, text(&missing)?], "missing/deeper: no such file"),
        (1, &["cp", &one, &slash], "with a slash at its end"),
        (1, &["cp", "-r", &sizes, file], "links are not followed"),
        (1, &["cp", "-r", &sizes, &one, file], "file: not a directory"),
        (1, &["cp", &sizes, folder], "copy it with -r"),
        (1, &["cp", &one, &address(&image, "/sizes/1"), folder], "an earlier source"),
        (2, &["cp", &address(&image, "/sizes/.."), folder], ".."),
        (1, &["cp", &one, ""], "no such file"),
    ];
    for (status, arguments, part) in cases {
        let finished = run_to(*status, arguments)?;
        ensure(finished.stderr.contains(part), || {
            format!("{}: {}", arguments.join(" "), finished.verdict())
        })?;
    }
    ensure(context(fs::read_to_string(file), "file")? == "mine", || "a file was overwritten".into())?;
    let disk = Image::make("read-only", 8, &["-t", "ext2"], None)?;
    let mounted = Mounted::read_only(&disk.path())?;
    let finished = run_to(1, &["cp", "-r", &address(&image, "/"), text(mounted.path())?])?;
    let told = ["read-only file system", text(mounted.path())?];
    ensure(told.iter().all(|part| finished.stderr.contains(part)), || finished.verdict())?;
    ensure(finished.stderr.lines().count() <= 3, || finished.verdict())?;
    let private = scratch.path("private");
    context(fs::create_dir(&private), "private")?;
    let finished = run_as_nobody(&scratch, &["cp", "-r", &sizes, text(&private)?])?;
    expect(1, &finished, || "copy to somebody else's folder".into())?;
    ensure(finished.stderr.contains("private/sizes: permission denied"), || finished.verdict())?;
    let own = scratch.path("own");
    folder_of_nobody(&own)?;
    expect(0, &run_as_nobody(&scratch, &["cp", &one, text(&own)?])?, || "copy to an own folder".into())
}

pub fn truncated() -> Check {
    let image = image()?;
    let scratch = Scratch::new("cut")?;
    let cut = scratch.path("image");
    run_ok("cp", &[image.path(), cut.clone()])?;
    for kibibytes in [100_000, 20_000, 1000, 100, 3, 2, 1, 0] {
        let file = context(fs::OpenOptions::new().write(true).open(&cut), "image")?;
        context(file.set_len(kibibytes << 10), "image")?;
        let place = text(&cut)?;
        for arguments in [&["ls", "-lR", place][..], &["sum", place], &["info", place], &["df", place]] {
            let finished = run(arguments)?;
            let is_told = finished.status == Some(0) || finished.stderr.contains(place);
            let is_known = matches!(finished.status, Some(0 | 1 | 3));
            ensure(is_told && is_known, || format!("{kibibytes} KiB: {}", finished.verdict()))?;
        }
        let status = run(&["sum", place])?.status;
        ensure(kibibytes > 1000 || status != Some(0), || format!("{kibibytes} KiB: nothing was missed"))?;
    }
    Ok(())
}

pub fn read_only_home() -> Check {
    let image = image_filled("inner", 8, |root| context(fs::write(root.join("file"), "content"), "file"))?;
    let outer =
        image_filled("outer", 32, |root| run_ok("cp", &[image.path(), root.join("inner.img")]).map(drop))?;
    let mounted = Mounted::read_only(&outer.path())?;
    let inner = format!("{}:/file", mounted.path().join("inner.img").display());
    let finished = run_to(0, &["cat", &inner])?;
    ensure(finished.stdout == b"content", || "other content".into())
}
