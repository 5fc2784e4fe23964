//! File systems and files.

use crate::rig::{Kernel, words};
use interop::program::{lacks, run_ok};
use interop::suite::note_absence;
use rump_server_rig::Scratch;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A server with an image of a tree at `/mnt`, which is in the folder `tree` as well; none without mke2fs.
fn kernel_with_tree() -> Option<Kernel> {
    if let Some(program) = lacks(&["mke2fs", "ls", "touch"]) {
        note_absence("rump-config files", program);
        return None;
    }
    let scratch = Scratch::new();
    plant(&scratch.path("tree"));
    let disk = scratch.path("disk.img").display().to_string();
    let tree = scratch.path("tree").display().to_string();
    run_ok("mke2fs", &["-q", "-t", "ext4", "-d", &tree, &disk, "16M"]).unwrap();
    let kernel = Kernel::in_folder(scratch, &["-d", "key=/dev/disk0,hostpath=disk.img,size=host"]);
    kernel.ok("mkdir", &["/mnt"]);
    kernel.ok("mount", &["-t", "ext2fs", "-o", "ro", "/dev/disk0", "/mnt"]);
    Some(kernel)
}

fn plant(tree: &Path) {
    fs::create_dir_all(tree.join("below/deep")).unwrap();
    for (name, length) in [("short", 5), ("long", 123_456), (".hidden", 0), ("below/in it", 4096)] {
        fs::write(tree.join(name), vec![b'x'; length]).unwrap();
    }
    fs::hard_link(tree.join("short"), tree.join("another")).unwrap();
    symlink("short", tree.join("link")).unwrap();
    for (name, mode) in [("short", 0o4751), ("long", 0o600), ("below", 0o1777), ("below/deep", 0o2770)] {
        fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let dates = [
        ("short", "2001-02-03 04:05:06"),
        ("long", "1970-01-02 00:00:00"),
        (".hidden", "2020-12-31 23:59:59"),
        ("below/in it", "2037-01-19 03:14:08"),
        ("below/deep", "2019-07-04 12:00:00"),
        ("below", "2021-10-11 12:13:14"),
        ("link", "2022-01-01 00:00:00"),
    ];
    for (name, date) in dates {
        let path = tree.join(name).display().to_string();
        let touch = Command::new("touch").args(["-h", "-d", date, &path]).env("TZ", "UTC").status().unwrap();
        assert!(touch.success());
    }
}

/// What the host's `ls` prints of a tree. Blocks are those of other file systems, and not compared.
fn host(tree: &Path, options: &str) -> Vec<Vec<String>> {
    let output = Command::new("ls")
        .args([options, "--time-style=locale", "--quoting-style=literal"])
        .current_dir(tree)
        .envs([("LC_ALL", "C"), ("TZ", "UTC")])
        .output()
        .unwrap();
    assert!(output.status.success());
    lines(&String::from_utf8(output.stdout).unwrap())
}

fn lines(text: &str) -> Vec<Vec<String>> {
    let text = text.lines().filter(|line| !line.starts_with("total "));
    text.map(|line| words(line).into_iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_listing_is_that_of_the_host() {
    let Some(kernel) = kernel_with_tree() else { return };
    let tree = kernel.scratch.path("tree");
    for options in ["-ln", "-lnt", "-lnS", "-lnr", "-1", "-1t", "-1Sr", "-1F", "-lnd"] {
        let without = |all: Vec<Vec<String>>| -> Vec<Vec<String>> {
            // mke2fs makes the one, and its size; directories are as large as their file system has them.
            let keeps =
                |line: &Vec<String>| !line.iter().any(|word| word == "lost+found" || word == "lost+found/");
            let sizeless = |mut line: Vec<String>| {
                if line[0].starts_with('d') && line.len() > 4 {
                    line[4].clear();
                }
                line
            };
            all.into_iter().filter(keeps).map(sizeless).collect()
        };
        // Sizes of directories decide their place, too.
        let path = if options.contains('S') { "/mnt/below" } else { "/mnt" };
        let host = host(&tree.join(path.trim_start_matches("/mnt").trim_start_matches('/')), options);
        let ours = lines(&kernel.ok("ls", &[options, path]));
        if options == "-lnd" {
            assert_eq!((&ours[0][0], ours[0][8].as_str()), (&host[0][0], "/mnt"));
            continue;
        }
        let (mut ours, mut host) = (without(ours), without(host));
        if options.contains('S') {
            // The directory alone has a size of its own.
            ours.sort();
            host.sort();
        }
        assert_eq!(ours, host, "{options}");
    }
}

#[test]
fn trees_dot_files_and_inodes_are_listed() {
    let Some(kernel) = kernel_with_tree() else { return };
    let all = kernel.ok("ls", &["-R", "/mnt/below"]);
    assert_eq!(all, "/mnt/below:\ndeep\nin it\n\n/mnt/below/deep:\n");
    let dots = kernel.ok("ls", &["-a", "/mnt"]);
    assert!(dots.starts_with(".\n..\n.hidden\nanother\n"), "{dots}");
    assert!(kernel.ok("ls", &["-A", "/mnt"]).starts_with(".hidden\nanother\n"));
    let numbers = kernel.ok("ls", &["-i", "/mnt/another", "/mnt/short"]);
    let numbers: Vec<&str> = numbers.lines().map(|line| words(line)[0]).collect();
    assert_eq!(numbers[0], numbers[1]);
    let records = kernel.ok("ls", &["--json", "/mnt/short", "/mnt/link"]);
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&records[0]["target"], &records[0]["type"]), (&"short".into(), &"symlink".into()));
    assert_eq!(
        (&records[1]["mode"], &records[1]["size"], &records[1]["mtime"]["sec"]),
        (&"4751".into(), &5.into(), &981_173_106.into())
    );
    assert!(kernel.ok("ls", &["-lT", "/mnt/short"]).contains(" Feb  3 04:05:06 2001 "));
    let said = kernel.run("ls", &["/mnt/nothing", "/mnt/long"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), "/mnt/long\n"));
    assert!(said.err.starts_with("rump.ls: /mnt/nothing: no such file"), "{}", said.err);
}

#[test]
fn names_stand_in_columns_if_that_is_wanted() {
    let Some(kernel) = kernel_with_tree() else { return };
    let line = "another     below       link        long        lost+found  short\n";
    assert_eq!(kernel.ok("ls", &["-C", "/mnt"]), line);
    assert_eq!(kernel.ok("ls", &["-1", "-x", "/mnt"]), line);
    // The last one counts, and what goes to no terminal is a name a line.
    let lines = line.split_whitespace().map(|name| format!("{name}\n")).collect::<String>();
    assert_eq!(kernel.ok("ls", &["-C", "-1", "/mnt"]), lines);
    assert_eq!(kernel.ok("ls", &["/mnt"]), lines);
}

#[test]
fn file_systems_are_mounted_shown_and_unmounted() {
    let Some(kernel) = kernel_with_tree() else { return };
    let mounts = kernel.ok("mount", &[]);
    assert!(mounts.contains("/dev/disk0 on /mnt type ext2fs (read-only)\n"), "{mounts}");
    assert_eq!(kernel.ok("mount", &["-t", "ext2fs"]).lines().count(), 1);
    let record: Value = serde_json::from_str(&kernel.ok("mount", &["--json", "-t", "ext2fs"])).unwrap();
    assert_eq!((&record["node"], &record["read_only"]), (&"/mnt".into(), &true.into()));
    let err = kernel.fails("mkdir", &["/mnt/new"]);
    assert!(err.starts_with("rump.mkdir: /mnt/new: read-only"), "{err}");
    assert_eq!(kernel.ok("umount", &["/dev/disk0"]), "");
    assert_eq!(kernel.ok("ls", &["/mnt"]), "");
    // Nobody says what it is.
    assert_eq!(kernel.ok("mount", &["-v", "/dev/disk0", "/mnt"]), "/dev/disk0 on /mnt type ext2fs\n");
    kernel.ok("mkdir", &["/mnt/new"]);
    assert_eq!(kernel.ok("umount", &["-v", "/mnt"]), "/mnt: unmounted\n");
    assert!(kernel.fails("umount", &["/mnt"]).contains("/mnt: invalid argument"));
    kernel.ok("mount", &["-t", "tmpfs", "-o", "size=1048576,mode=750", "tmpfs", "/mnt"]);
    assert!(kernel.ok("ls", &["-ld", "/mnt"]).starts_with("drwxr-x---"));
    assert!(kernel.ok("mount", &[]).contains("tmpfs on /mnt type tmpfs\n"));
    kernel.ok("umount", &["-f", "/mnt"]);
    for (words, named) in [
        (&["/dev/nothing", "/mnt"], "/dev/nothing on /mnt: "),
        (&["/dev/disk0", "/nothing"], "/dev/disk0 on /nothing: "),
    ] {
        let err = kernel.fails("mount", words);
        assert!(err.starts_with("rump.mount: ") && err.contains(named), "{err}");
    }
    let err = kernel.fails("mount", &["-t", "nothing", "/dev/disk0", "/mnt"]);
    assert!(err.contains("/dev/disk0 on /mnt: "), "{err}");
}

#[test]
fn space_is_shown_in_the_unit_that_is_wanted() {
    let Some(kernel) = kernel_with_tree() else { return };
    let row = |options: &[&str]| {
        let text = kernel.ok("df", &[options, &["/mnt"]].concat());
        let lines: Vec<Vec<String>> = lines(&text);
        assert_eq!(lines.len(), 2, "{text}");
        lines
    };
    let record: Value = serde_json::from_str(&kernel.ok("df", &["--json", "/mnt"])).unwrap();
    let size = record["size"].as_u64().unwrap();
    for (option, title, unit) in
        [(None, "512-blocks", 512), (Some("-k"), "1K-blocks", 1024), (Some("-m"), "1M-blocks", 1 << 20)]
    {
        let lines = row(option.as_slice());
        assert_eq!(
            (&lines[0][1][..], &lines[1][0][..], lines[1].last().unwrap().as_str()),
            (title, "/dev/disk0", "/mnt")
        );
        assert_eq!(lines[1][1], size.div_ceil(unit).to_string());
    }
    let with_inodes = row(&["-i"]);
    assert_eq!(
        with_inodes[0].join(" "),
        "Filesystem 512-blocks Used Avail %Cap iUsed iAvail %iCap Mounted on"
    );
    assert_eq!(with_inodes[1][5].parse(), Ok(record["inodes_used"].as_u64().unwrap()));
    assert!(row(&["-h"])[1][1].ends_with('M'));
    assert!(kernel.ok("df", &[]).lines().count() >= 3);
    assert!(kernel.fails("df", &["/nothing"]).starts_with("rump.df: /nothing: no such file"));
}

#[test]
fn files_are_written_out_and_directories_made() {
    let Some(kernel) = kernel_with_tree() else { return };
    assert_eq!(kernel.ok("cat", &["/mnt/short", "/mnt/link"]), "xxxxxxxxxx");
    assert_eq!(kernel.ok("cat", &["/mnt/long"]).len(), 123_456);
    assert_eq!(kernel.ok("cat", &["-n", "/mnt/short"]), "     1\txxxxx");
    let said = kernel.run("cat", &["/mnt", "/mnt/nothing", "/mnt/short"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), "xxxxx"));
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(lines[0].starts_with("rump.cat: /mnt: is a directory"), "{}", said.err);
    assert!(lines[1].starts_with("rump.cat: /mnt/nothing: no such file"), "{}", said.err);
    kernel.ok("mkdir", &["-p", "/one/two/three", "/one/two"]);
    assert!(kernel.fails("mkdir", &["/one"]).starts_with("rump.mkdir: /one: file exists"));
    assert!(kernel.fails("mkdir", &["/four/five"]).starts_with("rump.mkdir: /four/five: no such file"));
    kernel.ok("mkdir", &["-m", "u=rwx,go=,+t", "/one/mine"]);
    assert!(
        kernel.ok("ls", &["-ld", "/one/mine"]).starts_with("drwx-----T"),
        "{}",
        kernel.ok("ls", &["-ld", "/one/mine"])
    );
    assert_eq!(kernel.ok("ls", &["/one"]), "mine\ntwo\n");
}
