//! Tools that read, beside the host's.

use crate::stage::{reads, reads_as, sorted};
use interop::image::{Image, Scratch};
use interop::{Check, context, source};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// A tree with every type of file, owners that have names, and names that need care.
fn image() -> Check<Image> {
    let scratch = Scratch::new("fsu-source")?;
    let root = scratch.path("root");
    context(fs::create_dir(&root), "root")?;
    source::fill(&root, 50)?;
    for path in ["sparse", "only-a-hole"] {
        context(fs::remove_file(root.join(path)), path)?;
    }
    context(fs::create_dir(root.join("etc")), "etc")?;
    let write = |name: &str, text: &[u8]| context(fs::write(root.join(name), text), name);
    write("etc/passwd", b"root:x:0:0::/:\nnobody:x:65534:65534::/:\n")?;
    write("etc/group", b"root:x:0:\nnogroup:x:65534:\n")?;
    write("text", b"one\n\n\n\ntwo\ttab\x01\x7f\x80\xa9\xff\n\nlast line without an end")?;
    write("backup~", b"x")?;
    write(".hidden", b"dot\n")?;
    write("program", b"#!/bin/sh\n")?;
    context(fs::set_permissions(root.join("program"), fs::Permissions::from_mode(0o755)), "program")?;
    context(symlink("sizes", root.join("to-directory")), "link")?;
    context(symlink("program", root.join("to-program")), "link")?;
    context(symlink("nowhere", root.join("dangling")), "link")?;
    for (number, name) in ["text", "program", ".hidden", "backup~", "etc"].iter().enumerate() {
        source::set_times(&root.join(name), 1_600_000_000 + number as i64 * 7_000_000, 5)?;
    }
    let owner = Some(65534);
    context(std::os::unix::fs::chown(root.join("text"), owner, owner), "text")?;
    let size = context(fs::metadata(&root), "root")?.size();
    assert!(size > 0);
    Image::make("fsu", 64, &["-t", "ext4"], Some(&root))
}

pub fn ls() -> Check {
    let lines = [
        "@/",
        "-1 @/",
        "-a @/",
        "-A @/",
        "-B @/",
        "-C @/",
        "-x @/",
        "-m @/",
        "-F @/",
        "-p @/",
        "-CF @/sizes @/",
        "-l @/",
        "-ln @/",
        "-la @/etc",
        "-lA @/",
        "-lh @/",
        "-g @/",
        "-o @/",
        "-go @/",
        "-lF @/",
        "-lp @/",
        "-li @/",
        "-ls @/",
        "-lsk @/",
        "-lsh @/sizes",
        "-s @/sizes",
        "-is @/",
        "-Cis @/",
        "-mi @/",
        "-t @/",
        "-tr @/",
        "-lt @/",
        "-S @/sizes",
        "-Sr @/sizes",
        "-lS @/",
        "-u @/",
        "-lu @/",
        "-ltu @/",
        "-c @/sizes",
        "-r @/",
        "-R @/",
        "-lR @/links @/names",
        "-d @/",
        "-ld @/ @/etc",
        "-d @/to-directory",
        "-ld @/to-directory",
        "@/to-directory",
        "-L @/to-directory",
        "-lL @/to-program @/text",
        "-F @/to-directory",
        "@/text @/program @/etc @/names",
        "-l @/text @/program @/etc @/char-small",
        "-b @/names",
        "-q @/names",
        "-lb @/names",
        "-C1 @/",
        "-1C @/",
        "-lC @/",
        "-Cl @/",
        "-l1 @/",
        "-1l @/",
        "-x -m @/",
        "-C @/many",
        "-x @/many",
        "-m @/many",
        "-li @/links",
        "-A -C @/",
        "-l --time-style=full-iso @/",
        "-l --time-style=long-iso @/times",
    ];
    reads("fsu_ls", "ls", &image()?, &lines)
}

pub fn cat() -> Check {
    let lines = [
        "@/text",
        "-n @/text",
        "-b @/text",
        "-s @/text",
        "-v @/text",
        "-e @/text",
        "-t @/text",
        "-et @/text",
        "-sn @/text @/text",
        "-nb @/text @/.hidden",
        "-sbe @/text @/text",
        "-v @/sizes/4097",
        "@/nowhere @/text",
        "@/to-program @/links/one",
        "@/etc",
    ];
    reads("fsu_cat", "cat", &image()?, &lines)
}

pub fn du() -> Check {
    let lines = [
        "@/",
        "-a @/",
        "-s @/",
        "-h @/",
        "-ah @/",
        "-k @/",
        "-m @/",
        "-c @/",
        "-sc @/names @/sizes",
        "-d 1 @/",
        "-d0 @/",
        "-ad 1 @/",
        "-x @/",
        "-L @/to-directory",
        "-H @/to-directory",
        "-P @/to-directory",
        "-aL @/to-directory @/names",
        "-a @/links",
        "-s @/text @/sizes/4097",
        "-h -k @/sizes",
        "-k -h @/sizes",
    ];
    reads_as("fsu_du", "du", &image()?, &lines, &|output| {
        // Which of three names counts depends on the order of the directory.
        let is_name = |line: &&[u8]| {
            ["/links/one", "/links/two", "/links/three"]
                .iter()
                .any(|name| line.trim_ascii_end().ends_with(name.as_bytes()))
        };
        let lines = output.split_inclusive(|&byte| byte == b'\n').filter(|line| !is_name(line));
        sorted(lines.collect::<Vec<_>>().concat())
    })
}

/// Without the first column, which names the device, and the last one, which tells where it is mounted.
fn figures(output: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&output).into_owned();
    let figures = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().skip(1).take(4).collect();
        words.join(" ") + "\n"
    };
    text.lines().map(figures).collect::<String>().into_bytes()
}

pub fn df() -> Check {
    let lines = [
        "@/",
        "-k @/",
        "-m @/",
        "-h @/",
        "-i @/",
        "-P @/",
        "-Pk @/etc",
        "-a @/",
        "-l @/text",
        "-ih @/",
        "-t ext4 @/",
    ];
    reads_as("fsu_df", "df", &image()?, &lines, &figures)
}

pub fn find() -> Check {
    let lines = [
        "@/",
        "@/etc @/names",
        "@/ -name *e*",
        "@/ -iname TEXT",
        "@/ -type f",
        "@/ -type d,l",
        "@/ -size +1k",
        "@/ -size -2 -type f",
        "@/ -size 4097c",
        "@/ -mtime +100",
        "@/ -mtime -1",
        "@/ -newer @/text",
        "@/ ! -newer @/text",
        "@/ -not -type f -a -name s*",
        "@/ -name text -o -name etc",
        "@/ ( -type d -o -type l ) -name *o*",
        "@/ -name etc -prune -o -print",
        "@/ -maxdepth 1",
        "@/ -mindepth 2 -maxdepth 3",
        "@/ -depth -type d",
        "@/links -depth",
        "@/ -perm 755",
        "@/ -perm -111",
        "@/ -perm /022",
        "@/ -perm -u+s",
        "@/ -user root -type d",
        "@/ -uid 65534",
        "@/ -group 0",
        "@/ -nouser",
        "@/ -nogroup",
        "@/ -links 3",
        "@/ -links +1 -type f",
        "@/ -empty",
        "@/ -samefile @/links/one",
        "@/ -path *zes/1*",
        "@/ -ipath *ZES/1*",
        "@/ -lname no*",
        "@/ -true -name text",
        "@/ -false",
        "@/ -false , -name text",
        "-L @/to-directory",
        "-L @/dangling @/to-program -type l",
        "-H @/to-directory",
        "-P @/to-directory",
        "@/ -name text -print -print",
        "@/text -ls",
        "@/links @/program @/char-small -ls",
        "@/ -type p -print0",
        "@/etc -type f -exec cat {} ;",
        "@/etc -name passwd -exec grep -c root {} ; -print",
        "@/etc -type f -exec grep -q nothing {} ; -print",
        "@/ -name passwd -exec grep -h root {} +",
        "@/nowhere @/etc",
        "@/ -size +1M",
        "@/sizes -size 8b",
        "@/ -inum 2",
    ];
    // Tables of the image's owners are not those of the host.
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.contains("-no")).collect();
    reads_as("fsu_find", "find", &image()?, &lines, &sorted)?;
    let nobody =
        crate::stage::run("fsu_find", &[image()?.path().to_str().unwrap_or_default(), "setuid", "-nouser"])?;
    crate::disk::ensure(nobody.stdout == b"/setuid\n", || nobody.verdict())
}

/// A second tree beside the first, with a difference of each kind.
fn pairs() -> Check<Image> {
    let scratch = Scratch::new("fsu-pairs")?;
    let root = scratch.path("root");
    for path in ["a/same", "b/same", "a/only", "a/kind", "b/deep/er", "a/deep/er"] {
        context(fs::create_dir_all(root.join(path)), path)?;
    }
    let write = |name: &str, text: &[u8]| context(fs::write(root.join(name), text), name);
    for (name, one, other) in [
        ("text", "one\ntwo\nthree\n", "one\n2\nthree\n"),
        ("deep/er/text", "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\n5\n6\n7\n8"),
        ("spaces", "a b\n", "a  b\n"),
        ("case", "A\n", "a\n"),
        ("same/file", "same\n", "same\n"),
    ] {
        write(&format!("a/{name}"), one.as_bytes())?;
        write(&format!("b/{name}"), other.as_bytes())?;
    }
    write("a/bytes", b"\0\x01\x02")?;
    write("b/bytes", b"\0\x01\x03")?;
    write("b/kind", b"a file\n")?;
    write("b/new", b"new\n")?;
    write("a/only/file", b"x\n")?;
    for (side, target) in [("a", "here"), ("b", "there")] {
        context(symlink(target, root.join(side).join("link")), "link")?;
    }
    Image::make("pairs", 16, &["-t", "ext4"], Some(&root))
}

pub fn diff() -> Check {
    let lines = [
        "@/a/text @/b/text",
        "-u @/a/text @/b/text",
        "-c @/a/text @/b/text",
        "-U1 @/a/deep/er/text @/b/deep/er/text",
        "-e @/a/text @/b/text",
        "-q @/a/text @/b/text",
        "-s @/a/same/file @/b/same/file",
        "-b @/a/spaces @/b/spaces",
        "-w @/a/spaces @/b/spaces",
        "-i @/a/case @/b/case",
        "-qi @/a/case @/b/case",
        "@/a/bytes @/b/bytes",
        "-a @/a/bytes @/b/bytes",
        "@/a/text @/b",
        "@/a @/b/text",
        "--no-dereference @/a @/b",
        "-r --no-dereference @/a @/b",
        "-rq --no-dereference @/a @/b",
        "-r -s @/a/same @/b/same",
        "-r -N @/a/deep @/b/deep",
        "-r -N --no-dereference @/a @/b",
        "-r -u @/a/deep @/b/deep",
        "@/a/nowhere @/b/text",
        "-r @/a/same @/b/same",
    ];
    let image = pairs()?;
    reads_as("fsu_diff", "diff", &image, &lines, &|output| {
        // Lines that name the times of files come from labels here.
        let text = String::from_utf8_lossy(&output).into_owned();
        let named = |line: &str| match line.starts_with("--- ")
            || line.starts_with("+++ ")
            || line.starts_with("*** ")
        {
            true => line.split('\t').next().unwrap_or_default().to_string() + "\n",
            false => line.to_string() + "\n",
        };
        let text = text.replace(" --no-dereference", "");
        text.lines().map(named).collect::<String>().into_bytes()
    })
}

/// Forms of NetBSD, beside the same facts in GNU's.
pub fn stat() -> Check {
    let image = image()?;
    let mounted = interop::mount::Mounted::read_only(&image.path())?;
    let image = image.path();
    let image = image.to_str().ok_or("the image has an odd name")?;
    let pairs = [
        ("%z|%l|%u|%g|%i|%b|%Sp|%k", "%s|%h|%u|%g|%i|%b|%A|%o"),
        ("%m|%c|%a|%Su:%Sg|%HT", "%Y|%Z|%X|%U:%G|%F"),
        ("%Hr,%Lr|%N", "%Hr,%Lr|%n"),
    ];
    let files = ["/sizes/4097", "/links/one", "/etc", "/fifo", "/char-small", "/block", "/dangling", "/"];
    for (ours, theirs) in pairs {
        let seen = crate::stage::run("fsu_stat", &[&[image, "-f", ours][..], &files].concat())?;
        let root = mounted.path().display();
        let paths = files.iter().map(|file| format!("{root}{file}"));
        let arguments: Vec<String> =
            ["-c".to_string(), theirs.to_string()].into_iter().chain(paths).collect();
        let expected = interop::program::run_ok("stat", &arguments)?;
        let expected = expected.replace(&root.to_string(), "");
        // BSD has capitals, and no word for what is empty.
        let seen = String::from_utf8_lossy(&seen.stdout)
            .to_lowercase()
            .replace("device\n", "special file\n")
            .replace("fifo file", "fifo");
        let expected = expected.to_lowercase();
        crate::disk::ensure(seen == expected, || format!("{ours}: {seen:?}, not {expected:?}"))?;
    }
    let shell = crate::stage::run("fsu_stat", &[image, "-s", "sizes/100"])?;
    let shell = String::from_utf8_lossy(&shell.stdout).into_owned();
    let holds = shell.contains(" st_size=100 ") && shell.contains(" st_mode=0100644 ");
    crate::disk::ensure(holds, || shell.clone())?;
    let quiet = crate::stage::run("fsu_stat", &[image, "-q", "nowhere"])?;
    crate::disk::ensure(quiet.status == Some(1) && quiet.stderr.is_empty(), || quiet.verdict())
}
