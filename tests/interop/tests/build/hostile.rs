//! Archives that want to lead elsewhere, or that are broken: the rest is done, or it ends with a word, and the image
//! is sound in any case.

use crate::{rump_ends, rump_with, says, sound, text};
use interop::image::Scratch;
use interop::program::run_ok;
use interop::suite::Suite;
use interop::ustar::{self, Header};
use interop::{Check, context};
use std::fs;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("names_that_lead_out_are_refused", lacking, leading_out);
    suite.add("links_lead_no_entry_elsewhere", lacking, links);
    suite.add("later_members_replace_earlier_ones", lacking, replaced);
    suite.add("truncated_archives_end_with_a_word", lacking, truncated);
    suite.add("huge_lengths_end_with_a_word", lacking, huge);
    suite.add("a_bomb_fills_the_image_and_no_more", lacking, bomb);
    suite.add("too_few_inodes_end_with_a_word", lacking, too_few_inodes);
    suite.add("a_path_of_many_names_is_not_remembered_in_pieces", lacking, deep);
    suite.add("many_empty_files_fit", lacking, many_inodes);
    suite.add("any_flipped_byte_leaves_a_sound_image", lacking, flipped);
}

/// A member with a plain header, as POSIX has it.
pub fn member(kind: u8, name: &str, target: &str, data: &[u8]) -> Vec<u8> {
    member_of_length(kind, name, target, data, &format!("{:011o}", data.len()))
}

fn member_of_length(kind: u8, name: &str, target: &str, data: &[u8], length: &str) -> Vec<u8> {
    let owner = ["0000000", "0000000"];
    ustar::member(&Header { kind, name, target, mode: "0000644", owner, length }, data)
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// An image from an archive; how it ended, and what `rump find` lists.
fn build(scratch: &Scratch, bytes: &[u8], status: i32, options: &[&str]) -> Check<(String, Vec<String>)> {
    let (file, image) = (scratch.path("a.tar"), scratch.path("image"));
    context(fs::write(&file, bytes), "archive")?;
    let (from, to) = (text(&file), text(&image));
    let mut arguments = vec!["mkfs", "ext4", &to, "--force", "--from", &from];
    arguments.extend(options);
    let finished = rump_ends(status, &arguments)?;
    sound(&image)?;
    let listed = rump_ends(0, &["find", &format!("{to}:/")])?;
    let paths = String::from_utf8_lossy(&listed.stdout).lines().map(str::to_string).collect();
    Ok((finished.stderr, paths))
}

fn expect(paths: &[String], expected: &[&str]) -> Check {
    let seen: Vec<&str> = paths
        .iter()
        .map(|path| path.split_once(":/").map_or(path.as_str(), |(_, path)| path))
        .map(|path| path.trim_start_matches('/'))
        .filter(|path| !path.is_empty() && *path != "lost+found")
        .collect();
    if seen == expected { Ok(()) } else { Err(format!("{seen:?} instead of {expected:?}")) }
}

const SMALL: &[&str] = &["--size", "16M"];

fn leading_out() -> Check {
    let scratch = Scratch::new("out")?;
    let bytes = archive(&[
        member(b'0', "/etc/absolute", "", b"1"),
        member(b'0', "../above", "", b"2"),
        member(b'0', "a/../../b", "", b"3"),
        member(b'0', "..", "", b"4"),
        member(b'1', "hard", "../../etc/passwd", b""),
        member(b'1', "lost", "nowhere", b""),
        member(b'0', "./good//name", "", b"5"),
    ]);
    let (told, paths) = build(&scratch, &bytes, 1, SMALL)?;
    expect(&paths, &["etc", "etc/absolute", "good", "good/name"])?;
    for text in
        ["/../above: a name with ..", "/a/../../b: a name", "/hard: a name with", "/lost: nowhere, which it"]
    {
        if !told.contains(text) {
            return Err(format!("{text:?} is not in {told}"));
        }
    }
    if scratch.path("above").exists() { Err("it was made on the host".into()) } else { Ok(()) }
}

fn links() -> Check {
    let scratch = Scratch::new("links")?;
    let bytes = archive(&[
        member(b'5', "etc/", "", b""),
        member(b'0', "etc/passwd", "", b"good"),
        member(b'2', "a", "/etc", b""),
        member(b'0', "a/passwd", "", b"evil"),
        member(b'2', "b", "etc", b""),
        member(b'0', "b/passwd", "", b"evil"),
        member(b'2', "c", "etc/passwd", b""),
        // A file takes the place of the link, and is not written through it.
        member(b'0', "c", "", b"mine"),
        member(b'1', "hard", "a/passwd", b""),
        member(b'2', "loop", "loop", b""),
        member(b'0', "loop/x", "", b"evil"),
    ]);
    let (told, paths) = build(&scratch, &bytes, 1, SMALL)?;
    expect(&paths, &["a", "b", "c", "etc", "etc/passwd", "loop"])?;
    for name in ["a", "b", "loop"] {
        let text = format!("{name} on the way to it is a symbolic link");
        if !told.contains(&text) {
            return Err(format!("{text:?} is not in {told}"));
        }
    }
    let image = text(&scratch.path("image"));
    let content = rump_ends(0, &["cat", &format!("{image}:/etc/passwd"), &format!("{image}:/c")])?.stdout;
    if content == b"goodmine" { Ok(()) } else { Err(String::from_utf8_lossy(&content).into_owned()) }
}

fn replaced() -> Check {
    let scratch = Scratch::new("replaced")?;
    let bytes = archive(&[
        member(b'0', "file", "", b"old"),
        member(b'0', "file", "", b"new"),
        member(b'5', "folder", "", b""),
        member(b'0', "folder", "", b"now a file"),
        member(b'0', "folder/below", "", b"cannot be"),
        member(b'2', "dir", "file", b""),
        member(b'5', "dir", "", b""),
        member(b'0', "dir/x", "", b"x"),
        member(b'0', "dir", "", b"is full"),
    ]);
    let (told, paths) = build(&scratch, &bytes, 1, SMALL)?;
    expect(&paths, &["dir", "dir/x", "file", "folder"])?;
    if !told.contains("/folder/below: folder on the way to it is no directory") || !told.contains("/dir: ") {
        return Err(told);
    }
    let image = text(&scratch.path("image"));
    let content = rump_ends(0, &["cat", &format!("{image}:/file"), &format!("{image}:/folder")])?.stdout;
    if content == b"newnow a file" { Ok(()) } else { Err(String::from_utf8_lossy(&content).into_owned()) }
}

fn truncated() -> Check {
    let scratch = Scratch::new("truncated")?;
    let whole = archive(&[member(b'0', "a", "", &[1; 5000]), member(b'0', "b", "", &[2; 5000])]);
    for (length, text) in [
        (300, "ends too early"),
        (512 + 700, "ends too early"),
        (512 + 5120 + 100, "ends too early"),
        (512 + 5120, "no end mark"),
        (512 + 5120 + 512 + 4999, "ends too early"),
    ] {
        for options in [SMALL, &["--fit"]] {
            let (told, _) = build_or_refuse(&scratch, &whole[..length], options)?;
            if !told.contains(text) {
                return Err(format!("{length} bytes, {options:?}: {told:?}"));
            }
        }
    }
    let (told, _) = build(&scratch, &[b'x'; 2048], 1, SMALL)?;
    if told.contains("at byte 512: no header") { Ok(()) } else { Err(told) }
}

/// Ends with 1; an image that was made is sound.
fn build_or_refuse(scratch: &Scratch, bytes: &[u8], options: &[&str]) -> Check<(String, bool)> {
    let (file, image) = (scratch.path("a.tar"), scratch.path("refused"));
    context(fs::write(&file, bytes), "archive")?;
    let _ = fs::remove_file(&image);
    let (from, to) = (text(&file), text(&image));
    let mut arguments = vec!["mkfs", "ext4", &to, "--from", &from];
    arguments.extend(options);
    let finished = rump_ends(1, &arguments)?;
    if image.exists() {
        sound(&image)?;
    }
    Ok((finished.stderr, image.exists()))
}

fn huge() -> Check {
    let scratch = Scratch::new("huge")?;
    for length in ["77777777777", "0000000001x"] {
        let mut bytes = member_of_length(b'0', "huge", "", b"", length);
        bytes.extend_from_slice(&[0; 1024]);
        for options in [SMALL, &["--fit"]] {
            build_or_refuse(&scratch, &bytes, options)?;
        }
    }
    let pax = |key: &str, value: &str| {
        let mut record = Vec::new();
        let rest = key.len() + value.len() + 3;
        let length = (rest + 1..rest + 9).find(|length| rest + length.to_string().len() == *length);
        record.extend_from_slice(format!("{} {key}={value}\n", length.unwrap_or(0)).as_bytes());
        member(b'x', "header", "", &record)
    };
    let cases = [
        [pax("size", "18446744073709551615"), member(b'0', "a", "", b"x")].concat(),
        [pax("size", "9223372036854775000"), member(b'0', "a", "", b"x")].concat(),
        [
            pax("GNU.sparse.size", "9223372036854775807"),
            pax("GNU.sparse.map", "0,1"),
            member(b'0', "a", "", b"x"),
        ]
        .concat(),
        [
            pax("GNU.sparse.size", "99999999999999999"),
            pax("GNU.sparse.map", "99999999999999990,1"),
            member(b'0', "a", "", b"x"),
        ]
        .concat(),
        [pax("GNU.sparse.size", "10"), pax("GNU.sparse.map", "20,1"), member(b'0', "a", "", b"x")].concat(),
        [pax("mtime", "99999999999999999999"), member(b'0', "a", "", b"x")].concat(),
        member_of_length(b'x', "header", "", b"", "77777777777"),
        member_of_length(b'L', "header", "", b"", "77777777777"),
        member(b'3', "device", "", b""),
    ];
    for (index, case) in cases.iter().enumerate() {
        let bytes = archive(std::slice::from_ref(case));
        for options in [SMALL, &["--fit"], &["--fit", "--reproducible"]] {
            let (file, image) = (scratch.path("a.tar"), scratch.path("image"));
            context(fs::write(&file, &bytes), "archive")?;
            let _ = fs::remove_file(&image);
            let (from, to) = (text(&file), text(&image));
            let mut arguments = vec!["mkfs", "ext4", &to, "--from", &from];
            arguments.extend(options);
            let finished = rump_with(&arguments, |_| ())?;
            // The last of them is a device without numbers, which is one with zeros.
            let expected = if index + 1 == cases.len() { 0 } else { 1 };
            if finished.status != Some(expected) {
                return Err(format!("case {index}, {options:?}: {}", finished.verdict()));
            }
            if image.exists() {
                sound(&image)?;
            }
        }
    }
    Ok(())
}

/// A header that says the path of what follows, as pax has it.
fn path_record(path: &str) -> Vec<u8> {
    let rest = "path".len() + path.len() + 3;
    let length = (rest + 1..rest + 9).find(|length| rest + length.to_string().len() == *length);
    member(b'x', "header", "", format!("{} path={path}\n", length.unwrap_or(0)).as_bytes())
}

/// Each of the paths above it would be half as long as it is: 400 MB together.
fn deep() -> Check {
    let scratch = Scratch::new("deep")?;
    let path = "a/".repeat(20_000) + "f";
    let bytes = archive(&[path_record(&path), member(b'0', "f", "", b"x")]);
    let (file, image) = (scratch.path("a.tar"), scratch.path("image"));
    context(fs::write(&file, &bytes), "archive")?;
    let (to, from) = (text(&image), text(&file));
    let words = ["mkfs", "ext4", &to, "--fit", "--dry-run", "--from", &from];
    let finished = interop::rump::run(&words, std::time::Duration::from_secs(60))?;
    if finished.status == Some(0) { Ok(()) } else { Err(finished.verdict()) }
}

/// More of them than a group has room for, though their blocks would be in one.
fn many_inodes() -> Check {
    let scratch = Scratch::new("empty")?;
    let members: Vec<Vec<u8>> =
        (0..40_000).map(|number| member(b'0', &format!("d{}/f{number}", number % 100), "", b"")).collect();
    let (file, image) = (scratch.path("a.tar"), scratch.path("image"));
    context(fs::write(&file, archive(&members)), "archive")?;
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--fit", "--from", &text(&file)])?;
    sound(&image)?;
    let listed = rump_ends(0, &["find", &format!("{}:/", text(&image)), "-type", "f"])?;
    let count = listed.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
    if count == 40_000 { Ok(()) } else { Err(format!("{count} files")) }
}

fn bomb() -> Check {
    let scratch = Scratch::new("bomb")?;
    let (packed, image) = (scratch.path("bomb.gz"), scratch.path("image"));
    let head = scratch.path("head");
    context(fs::write(&head, member_of_length(b'0', "zeros", "", b"", "20000000000")), "head")?;
    let line = format!("(cat {}; head -c 2147483648 /dev/zero) | gzip -1 > {}", text(&head), text(&packed));
    run_ok("sh", &["-c", &line])?;
    let arguments = ["mkfs", "ext4", &text(&image), "--size", "32M", "--from", &text(&packed)];
    let finished = rump_ends(1, &arguments)?;
    says(&finished, "/zeros: ")?;
    says(&finished, "it is full, what follows is missing")?;
    says(&finished, "is a sound image, but not complete")?;
    sound(&image)?;
    let length = context(fs::metadata(&image), "image")?.len();
    if length == 32 << 20 { Ok(()) } else { Err(format!("{length} bytes")) }
}

fn too_few_inodes() -> Check {
    let scratch = Scratch::new("inodes")?;
    let members: Vec<Vec<u8>> =
        (0..200).map(|number| member(b'0', &format!("f{number}"), "", b"x")).collect();
    let (told, paths) = build(&scratch, &archive(&members), 1, &["--size", "16M", "-N", "64"])?;
    if !told.contains("it is full") || paths.len() < 40 {
        return Err(format!("{} files, {told}", paths.len()));
    }
    // Below a folder, the file that found no room is named as the image has it.
    let (file, image) = (scratch.path("many.tar"), scratch.path("full"));
    context(fs::write(&file, archive(&members)), "archive")?;
    let folder = format!("{}:/a/b", text(&image));
    rump_ends(0, &["mkfs", "ext4", &text(&image), "--size", "16M", "-N", "64"])?;
    rump_ends(0, &["mkdir", "-p", &folder])?;
    let finished = rump_ends(1, &["tar", "-x", "-f", &text(&file), &folder])?;
    says(&finished, &format!("{folder}/f"))?;
    sound(&image)
}

fn flipped() -> Check {
    let scratch = Scratch::new("flipped")?;
    let root = scratch.path("source");
    context(fs::create_dir(&root), "source")?;
    context(fs::write(root.join("a"), [7; 3000]), "a")?;
    context(std::os::unix::fs::symlink("a", root.join("l")), "l")?;
    context(fs::hard_link(root.join("a"), root.join("h")), "h")?;
    context(fs::File::create(root.join("s")).and_then(|file| file.set_len(1 << 20)), "s")?;
    let file = scratch.path("whole.tar");
    run_ok("tar", &["-C", &text(&root), "--format=pax", "--sparse", "-cf", &text(&file), "."])?;
    let whole = context(fs::read(&file), "archive")?;
    let end = whole.iter().rposition(|&byte| byte != 0).unwrap_or(0);
    // A step that is no divisor of a block meets every field in the end.
    for at in (0..=end).step_by(97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let (from, image) = (scratch.path("a.tar"), scratch.path("image"));
        context(fs::write(&from, &bytes), "archive")?;
        let _ = fs::remove_file(&image);
        let finished =
            rump_with(&["mkfs", "ext4", &text(&image), "--size", "4M", "--from", &text(&from)], |_| ())?;
        if !matches!(finished.status, Some(0 | 1)) {
            return Err(format!("byte {at}: {}", finished.verdict()));
        }
        sound(&image)?;
    }
    Ok(())
}
