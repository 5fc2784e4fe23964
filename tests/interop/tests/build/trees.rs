//! Images from directories.

use crate::{PATIENCE, ends, kernel_view, lasting, rump_ends, rump_with, same, says, sound, source, text};
use interop::image::Scratch;
use interop::program::{run_ok, run_within};
use interop::suite::Suite;
use interop::tree::{Contents, compare, of_host};
use interop::{Check, context, rump};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// Formats with the options of each.
const FORMATS: &[(&str, &[&str])] = &[
    ("ext2", &[]),
    ("ext3", &["-b", "1024"]),
    ("ext4", &[]),
    ("ext4", &["-b", "1024", "-O", "^has_journal"]),
    ("ext4", &["-I", "1024", "-O", "inline_data,ea_inode,metadata_csum_seed"]),
    ("ext4", &["-O", "bigalloc,^resize_inode"]),
];

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    for (format, options) in FORMATS {
        let name = format!("{format}{}", options.concat().replace([' ', ',', '^'], "_"));
        suite.add(format!("{name}_from_a_tree_with_a_size"), lacking, || with_a_size(format, options));
        if !options.iter().any(|option| option.contains("bigalloc")) {
            suite.add(format!("{name}_from_a_tree_fits"), lacking, || fits(format, options));
        }
    }
    suite.add("the_source_is_not_touched", lacking, source_is_left);
    suite.add("times_of_access_are_kept", lacking, access_times);
    suite.add("holes_stay_holes", lacking, holes);
    suite.add("an_ordinary_user_builds_what_can_be_read", lacking, ordinary_user);
    suite.add("a_map_changes_owners_and_adds_devices", lacking, map);
    suite.add("owner_gives_everything_to_one", lacking, owner);
    suite.add("the_image_in_its_own_source_is_left_out", lacking, itself);
    suite.add("the_same_source_gives_the_same_bytes", lacking, reproducible);
    suite.add("a_partition_is_filled_and_the_rest_stays", lacking, partition);
    suite.add("slack_is_free", lacking, slack);
    suite.add("fitting_images_are_not_larger_than_promised", lacking, size_of_fit);
    suite.add("many_small_files_fit", lacking, many_small_files);
    suite.add("sigterm_leaves_a_sound_image", lacking, terminated);
}

fn with_a_size(format: &str, options: &[&str]) -> Check {
    let scratch = Scratch::new("size")?;
    let (source, image) = (source(&scratch)?, scratch.path("image"));
    let (from, to) = (text(&source), text(&image));
    let mut arguments = vec!["mkfs", format, &to, "--size", "256M", "--from", &from];
    arguments.extend(options);
    rump_ends(0, &arguments)?;
    same(&source, &image)
}

fn fits(format: &str, options: &[&str]) -> Check {
    let scratch = Scratch::new("fit")?;
    let (source, image) = (source(&scratch)?, scratch.path("image"));
    let (from, to) = (text(&source), text(&image));
    let mut arguments = vec!["mkfs", format, &to, "--fit", "--from", &from];
    arguments.extend(options);
    rump_ends(0, &arguments)?;
    same(&source, &image)
}

fn source_is_left() -> Check {
    let scratch = Scratch::new("left")?;
    let source = source(&scratch)?;
    let before = of_host(&source, Contents::Hashed)?;
    rump_ends(
        0,
        &["mkfs", "ext4", &text(&scratch.path("i")), "--fit", "--reproducible", "--from", &text(&source)],
    )?;
    let mut after = of_host(&source, Contents::Skipped)?;
    for (path, entry) in &mut after {
        // Hashing above has read the files; directories are read to be listed.
        entry.sha256 = before.get(path).and_then(|entry| entry.sha256.clone());
        if let Some(before) = before.get(path) {
            entry.atime = before.atime;
        }
    }
    compare(&before, &after)
}

fn access_times() -> Check {
    let scratch = Scratch::new("atime")?;
    let (root, image) = (scratch.path("source"), scratch.path("image"));
    context(fs::create_dir(&root), "source")?;
    context(fs::write(root.join("a"), b"content"), "a")?;
    run_ok("touch", &["-a", "-d", "@1000000000.123456789", &text(&root.join("a"))])?;
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&root)])?;
    let after = context(fs::metadata(root.join("a")), "a")?;
    let seen = kernel_view(&image)?;
    let expected = (1_000_000_000, 123_456_789);
    if (after.atime(), after.atime_nsec() as u32) != expected {
        return Err(format!("reading changed the source: {}", after.atime()));
    }
    if seen["/a"].atime != expected { Err(format!("{:?}", seen["/a"].atime)) } else { Ok(()) }
}

fn holes() -> Check {
    let scratch = Scratch::new("holes")?;
    let (source, image) = (source(&scratch)?, scratch.path("image"));
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&source)])?;
    // The sparse file alone is ninety times as long as what it holds.
    let length = context(fs::metadata(&image), "image")?.len();
    if length > 40 << 20 { Err(format!("{length} bytes")) } else { Ok(()) }
}

/// A folder that everybody may read, with a copy of the command.
fn for_everybody(scratch: &Scratch) -> Check<std::path::PathBuf> {
    let command = scratch.path("rump");
    context(fs::copy(rump::binary()?, &command), "rump")?;
    context(fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o777)), "scratch")?;
    Ok(command)
}

fn ordinary_user() -> Check {
    let scratch = Scratch::new("user")?;
    let command = for_everybody(&scratch)?;
    let root = scratch.path("source");
    context(fs::create_dir_all(root.join("closed/inside")), "closed")?;
    for (name, mode) in [("open", 0o644), ("secret", 0o000)] {
        context(fs::write(root.join(name), name), name)?;
        context(fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)), name)?;
    }
    context(fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o000)), "closed")?;
    let image = scratch.path("image");
    let mut user = Command::new("setpriv");
    user.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&command);
    user.args(["mkfs", "ext4"]).arg(&image).args(["--fit", "--owner", "0:0", "--from"]).arg(&root);
    let finished = ends(1, run_within(&mut user, PATIENCE)?, &["mkfs as an ordinary user"])?;
    says(&finished, "/secret: Permission denied")?;
    says(&finished, "/closed: cannot be listed: Permission denied")?;
    let seen = kernel_view(&image)?;
    let names: Vec<&str> = seen.keys().map(String::as_str).filter(|path| *path != "/lost+found").collect();
    if names != ["/", "/closed", "/open"] {
        return Err(format!("{names:?}"));
    }
    match (seen["/open"].uid, seen["/closed"].mode) {
        (0, 0) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn map() -> Check {
    let scratch = Scratch::new("map")?;
    let (source, image, table) = (source(&scratch)?, scratch.path("image"), scratch.path("table"));
    let rows = "# a table\n/dev/null c 666 0 0 1 3\n/dev/tty c 620 0 5 4 64 0 1 4\n/dev/fifo p 600 9 9\n/new d 1777 3 4\n\
                /setuid f 4711 7 8\n/links r - 11 12 # all\n/missing f 644 0 0\n";
    context(fs::write(&table, rows), "table")?;
    let arguments =
        ["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&source), "--map", &text(&table)];
    says(&rump_ends(1, &arguments)?, "/missing: line 8 of the table names it, but it is not there")?;
    let seen = kernel_view(&image)?;
    let facts = |path: &str| {
        let entry = seen.get(path).ok_or_else(|| format!("{path} is missing"))?;
        Ok::<_, String>((entry.kind.clone(), entry.mode, entry.uid, entry.gid, entry.device))
    };
    let expected = [
        ("/dev/null", ("char", 0o666, 0, 0, Some((1, 3)))),
        ("/dev/tty3", ("char", 0o620, 0, 5, Some((4, 67)))),
        ("/dev/fifo", ("fifo", 0o600, 9, 9, None)),
        ("/new", ("dir", 0o1777, 3, 4, None)),
        ("/setuid", ("file", 0o4711, 7, 8, None)),
        ("/links/one", ("file", 0o644, 11, 12, None)),
        ("/links", ("dir", 0o755, 11, 12, None)),
    ];
    for (path, (kind, mode, uid, gid, device)) in expected {
        let found = facts(path)?;
        if found != (kind.to_string(), mode, uid, gid, device) {
            return Err(format!("{path}: {found:?}"));
        }
    }
    if seen["/links/two"].nlink == 3 { Ok(()) } else { Err("links were lost".into()) }
}

fn owner() -> Check {
    let scratch = Scratch::new("owner")?;
    let (source, image) = (source(&scratch)?, scratch.path("image"));
    rump_ends(
        0,
        &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&source), "--owner", "70000:80000"],
    )?;
    let seen = kernel_view(&image)?;
    let other = seen
        .iter()
        .find(|(path, entry)| *path != "/lost+found" && (entry.uid, entry.gid) != (70_000, 80_000));
    other.map_or(Ok(()), |(path, entry)| Err(format!("{path}: {}:{}", entry.uid, entry.gid)))
}

fn itself() -> Check {
    let scratch = Scratch::new("itself")?;
    let source = source(&scratch)?;
    let image = source.join("image");
    context(File::create(&image).and_then(|file| file.set_len(64 << 20)), "image")?;
    let finished = rump_ends(0, &["mkfs", "ext4", &text(&image), "--from", &text(&source)])?;
    says(&finished, "the image itself is left out")?;
    let mut expected = lasting(of_host(&source, Contents::Hashed)?);
    expected.remove("/image");
    let mut seen = lasting(kernel_view(&image)?);
    for tree in [&mut expected, &mut seen] {
        // Making the image changed the time of the directory that it is in.
        tree.retain(|path, _| path != "/");
    }
    compare(&expected, &seen)
}

fn reproducible() -> Check {
    let scratch = Scratch::new("same")?;
    let one = source(&scratch)?;
    let other = scratch.path("elsewhere");
    run_ok("cp", &["-a", &text(&one), &text(&other)])?;
    // Their own times of access differ, and their inode numbers.
    run_ok("touch", &["-a", &text(&other.join("sizes/1"))])?;
    let archive = scratch.path("archive.tar");
    let tar =
        ["-C", &text(&one), "--format=pax", "--xattrs", "--xattrs-include=*", "-cf", &text(&archive), "."];
    run_ok("tar", &tar)?;
    for (options, epoch) in [
        (&["--fit"][..], None),
        (&["--size", "200M"], Some("1500000000")),
        (&["--fit", "--slack", "10%"], Some("0")),
    ] {
        let build = |name: &str, from: &Path| -> Check<std::path::PathBuf> {
            let image = scratch.path(name);
            let (to, from) = (text(&image), text(from));
            let mut arguments = vec!["mkfs", "ext4", &to, "--force", "--reproducible", "--from", &from];
            arguments.extend(options);
            let finished = rump_with(&arguments, |command| {
                epoch.map(|epoch| command.env("SOURCE_DATE_EPOCH", epoch));
            })?;
            if finished.status == Some(0) || from.ends_with(".tar") {
                Ok(image)
            } else {
                Err(finished.verdict())
            }
        };
        let images = [build("a", &one)?, build("b", &other)?, build("c", &archive)?];
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let again = [build("d", &one)?, build("e", &archive)?];
        run_ok("cmp", &[&images[0], &images[1]])?;
        run_ok("cmp", &[&images[0], &again[0]])?;
        run_ok("cmp", &[&images[2], &again[1]])?;
        let seen = kernel_view(&images[0])?;
        let latest = seen.values().map(|entry| entry.mtime.max(entry.ctime).max(entry.atime)).max();
        if let Some(epoch) = epoch {
            let epoch = context(epoch.parse::<i64>(), epoch)?;
            if latest > Some((epoch, 0)) {
                return Err(format!("a time is later than {epoch}: {latest:?}"));
            }
        }
    }
    Ok(())
}

fn partition() -> Check {
    let scratch = Scratch::new("part")?;
    let (source, disk) = (source(&scratch)?, scratch.path("disk"));
    let bytes = interop::source::pattern(1, 80 << 20);
    context(fs::write(&disk, &bytes), "disk")?;
    let offset = 1 << 20;
    let arguments =
        ["mkfs", "ext4", &text(&disk), "--offset", "1M", "--size", "64M", "--from", &text(&source)];
    rump_ends(0, &arguments)?;
    let after = context(fs::read(&disk), "disk")?;
    if after.len() != bytes.len()
        || after[..offset] != bytes[..offset]
        || after[65 << 20..] != bytes[65 << 20..]
    {
        return Err("what is around it was changed".into());
    }
    let image = scratch.path("image");
    context(fs::write(&image, &after[offset..65 << 20]), "image")?;
    same(&source, &image)
}

fn slack() -> Check {
    let scratch = Scratch::new("slack")?;
    let source = source(&scratch)?;
    let free = |slack: &[&str]| -> Check<(u64, u64)> {
        let image = scratch.path("image");
        let (to, from) = (text(&image), text(&source));
        let mut arguments = vec!["mkfs", "ext4", &to, "--force", "--json", "--fit", "--from", &from];
        arguments.extend(slack);
        let finished = rump_ends(0, &arguments)?;
        let report: serde_json::Value = context(serde_json::from_slice(&finished.stdout), "report")?;
        sound(&image)?;
        let number = |key: &str| report[key].as_u64().ok_or(format!("no {key} in the report"));
        Ok((number("free_blocks")? * number("block_size")?, number("size")?))
    };
    let (with, _) = free(&["--slack", "20M"])?;
    if with < 20 << 20 {
        return Err(format!("{with} free with a slack of 20 MiB"));
    }
    let (with, size) = free(&["--slack", "50%"])?;
    if with < size / 4 { Err(format!("{with} of {size} free")) } else { Ok(()) }
}

/// The promise of `--fit`: beyond what mke2fs itself needs for its own structures, at most 5 % and 1 MiB are free.
fn size_of_fit() -> Check {
    let scratch = Scratch::new("promise")?;
    let root = scratch.path("source");
    context(fs::create_dir(&root), "source")?;
    for number in 0..300 {
        context(
            fs::write(root.join(format!("file-{number}")), interop::source::pattern(number, 100_000)),
            "file",
        )?;
    }
    let image = scratch.path("image");
    let finished = rump_ends(0, &["mkfs", "ext4", &text(&image), "--json", "--fit", "--from", &text(&root)])?;
    let report: serde_json::Value = context(serde_json::from_slice(&finished.stdout), "report")?;
    let number = |key: &str| report[key].as_u64().ok_or(format!("no {key} in the report"));
    let (blocks, free, block_size) = (number("blocks")?, number("free_blocks")?, number("block_size")?);
    if free > blocks / 20 + (1 << 20) / block_size {
        return Err(format!("{free} of {blocks} blocks are free"));
    }
    same(&root, &image)
}

/// Directories and inodes are what such an image is full of.
fn many_small_files() -> Check {
    let scratch = Scratch::new("many")?;
    let root = scratch.path("source");
    for directory in 0..60 {
        let folder = root.join(format!("directory-{directory}"));
        context(fs::create_dir_all(&folder), "folder")?;
        for number in 0..directory * 4 {
            let name = folder.join(format!("{}-{number}", "n".repeat(directory * 2 % 200)));
            context(fs::write(name, b"x"), "file")?;
        }
    }
    for (format, options) in FORMATS.iter().filter(|(_, options)| !options.concat().contains("bigalloc")) {
        let image = scratch.path("image");
        let (to, from) = (text(&image), text(&root));
        let mut arguments = vec!["mkfs", format, &to, "--force", "--fit", "--from", &from];
        arguments.extend(*options);
        rump_ends(0, &arguments)?;
        same(&root, &image)?;
    }
    Ok(())
}

fn terminated() -> Check {
    let scratch = Scratch::new("term")?;
    let (fifo, image) = (scratch.path("fifo"), scratch.path("image"));
    run_ok("mkfifo", &[text(&fifo)])?;
    let mut child = context(
        Command::new(rump::binary()?)
            .args(["mkfs", "ext4", &text(&image), "--size", "64M", "--from", &text(&fifo)])
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn(),
        "rump",
    )?;
    let result = feed_and_stop(&fifo, &mut child);
    if result.is_err() {
        let _ = child.kill();
    }
    let output = context(child.wait_with_output(), "rump")?;
    result?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() != Some(143) || !told.contains("is a sound image, but not complete") {
        return Err(format!("{:?}: {told}", output.status));
    }
    let seen = kernel_view(&image)?;
    if seen.contains_key("/file-3") { Ok(()) } else { Err("what came before is missing".into()) }
}

/// Writes some of an archive, sends the signal, and goes on writing until nobody reads.
fn feed_and_stop(fifo: &Path, child: &mut std::process::Child) -> Check {
    use std::io::Write;
    let mut pipe = context(File::options().write(true).open(fifo), "fifo")?;
    for number in 0..2000 {
        let member = crate::hostile::member(b'0', &format!("file-{number}"), "", &[b'x'; 2000]);
        if pipe.write_all(&member).is_err() {
            return Ok(());
        }
        if number == 100 {
            run_ok("kill", &["-TERM", &child.id().to_string()])?;
        }
        if number > 100 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    Err("the signal was not heard".into())
}
