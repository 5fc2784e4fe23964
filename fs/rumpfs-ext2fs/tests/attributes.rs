//! Extended attributes against a model, the host's kernel (`getfattr`, `getfacl`) and `e2fsck`.

mod fixture;

use fixture::{Image, Mount, Random};
use rump_kpi::{Errno, FileFlags, FileType, Mode, Node, SetAttr, SetTime, TimeSpec, XattrFlags};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

type Values = BTreeMap<String, Vec<u8>>;

/// What `getfattr` prints of a file on a mounted volume; `None` where it is not installed.
fn by_getfattr(path: &Path) -> Option<Values> {
    let output = Command::new("getfattr").args(["-d", "-m", "-", "-e", "hex"]).arg(path).output().ok()?;
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let value = |hex: &str| {
        let digits = hex.strip_prefix("0x").unwrap_or("");
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    Some(
        lines
            .map(|line| {
                let (name, hex) = line.split_once('=').unwrap_or((line, ""));
                (name.to_owned(), value(hex))
            })
            .collect(),
    )
}

fn by_driver(node: &dyn Node) -> Values {
    let names = node.list_xattrs().unwrap();
    let values: Values = names
        .into_iter()
        .map(|name| (String::from_utf8(name.clone()).unwrap(), node.xattr(&name).unwrap()))
        .collect();
    values
}

fn change(node: &dyn Node, model: &mut Values, random: &mut Random, most: u64) {
    let prefix = ["user.", "trusted.", "security."][random.below(3) as usize];
    let name = format!("{prefix}{}", "n".repeat(1 + random.below(12) as usize));
    if random.below(4) == 0 {
        match node.remove_xattr(name.as_bytes()) {
            Ok(()) => assert!(model.remove(&name).is_some()),
            Err(error) => assert!(error.errno == Errno::ENOATTR && !model.contains_key(&name), "{error}"),
        }
        return;
    }
    let mut value = vec![0; random.below(most) as usize];
    random.fill(&mut value);
    match node.set_xattr(name.as_bytes(), &value, XattrFlags::empty()) {
        Ok(()) => drop(model.insert(name, value)),
        Err(error) => assert_eq!(error.errno, Errno::ENOSPC),
    }
}

fn run(options: &[&str], most: u64) {
    let image = Image::make("attributes", 32, options);
    let mut random = Random(5);
    let mut models: Vec<Values> = vec![Values::new(); 12];
    let types = [FileType::Regular, FileType::Directory, FileType::Regular];
    for round in 0..3 {
        let mount = image.mount();
        for (index, model) in models.iter_mut().enumerate() {
            let path = format!("f{index}");
            if round == 0 {
                mount.create(&path, types[index % 3]).unwrap();
            }
            let node = mount.find(&path).unwrap();
            for _ in 0..40 {
                change(&*node, model, &mut random, most);
                assert_eq!(by_driver(&*node), *model);
            }
        }
        mount.unmount();
        image.check();
        image.by_kernel(|point| {
            for (index, model) in models.iter().enumerate() {
                if let Some(found) = by_getfattr(&point.join(format!("f{index}"))) {
                    assert_eq!(found, *model, "{options:?}, file {index}");
                }
            }
        });
    }
    assert!(models.iter().map(Values::len).sum::<usize>() > 20, "{options:?} kept little");
    let mount = image.mount();
    for index in 0..models.len() {
        remove(&mount, &format!("f{index}"));
    }
    mount.unmount();
    image.check();
    let used = image.debugfs("stats -h");
    assert!(used.contains("Inode count"), "{used}");
}

fn remove(mount: &Mount, name: &str) {
    let root = mount.find("/").unwrap();
    let ino = root.lookup(name.as_bytes()).unwrap();
    let is_directory = mount.fs.node(ino).unwrap().attr().unwrap().file_type == FileType::Directory;
    if is_directory {
        root.rmdir(name.as_bytes()).unwrap()
    } else {
        root.unlink(name.as_bytes()).unwrap()
    }
    mount.fs.forget(ino);
}

#[test]
fn in_inodes_and_blocks() {
    run(&["-t", "ext4", "-b", "1024", "-N", "2000"], 300);
    run(&["-t", "ext4", "-b", "4096", "-N", "2000"], 1000);
    run(&["-t", "ext4", "-b", "1024", "-O", "^metadata_csum", "-N", "2000"], 300);
    run(&["-t", "ext4", "-b", "65536", "-N", "2000"], 9000);
}

#[test]
fn in_blocks_alone() {
    run(&["-t", "ext4", "-b", "1024", "-I", "128", "-N", "2000"], 300);
    run(&["-t", "ext2", "-b", "1024", "-I", "128", "-N", "2000"], 300);
}

#[test]
fn in_clusters() {
    run(&["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384", "-N", "2000"], 1000);
}

#[test]
fn beside_inline_data() {
    run(&["-t", "ext4", "-b", "1024", "-O", "inline_data", "-N", "2000"], 300);
    run(&["-t", "ext4", "-b", "4096", "-I", "1024", "-O", "inline_data", "-N", "2000"], 500);
}

#[test]
fn in_inodes_of_their_own() {
    run(&["-t", "ext4", "-b", "1024", "-O", "ea_inode", "-N", "2000"], 9000);
    run(&["-t", "ext4", "-b", "4096", "-O", "ea_inode", "-N", "2000"], 65_537);
    run(&["-t", "ext4", "-b", "1024", "-O", "ea_inode,^extents,^64bit", "-N", "2000"], 20_000);
}

/// The kernel makes equal blocks one, which this driver must not change for all.
#[test]
fn a_shared_block_is_copied() {
    for options in [&["-t", "ext4", "-b", "1024"][..], &["-t", "ext4", "-b", "1024", "-O", "ea_inode"]] {
        let image = Image::make_with("shared", 16, options, &[("a", b""), ("b", b""), ("c", b"")]);
        let long = "v".repeat(if options.len() > 4 { 5000 } else { 400 });
        let set = image.by_kernel_writing(|point| {
            for file in ["a", "b", "c"] {
                for (name, value) in [("user.long", long.as_str()), ("user.short", "x")] {
                    let status = Command::new("setfattr")
                        .args(["-n", name, "-v", value])
                        .arg(point.join(file))
                        .status();
                    if !status.is_ok_and(|status| status.success()) {
                        return false;
                    }
                }
            }
            true
        });
        if set != Some(true) {
            return;
        }
        image.check();
        let mount = image.mount();
        let keep = XattrFlags::empty();
        mount.find("a").unwrap().set_xattr(b"user.short", &[b'y'; 300], keep).unwrap();
        mount.find("b").unwrap().remove_xattr(b"user.long").unwrap();
        remove(&mount, "c");
        let expected = [("user.long", long.as_bytes()), ("user.short", &[b'y'; 300])];
        let expected: Values = expected.map(|(name, value)| (name.to_owned(), value.to_vec())).into();
        assert_eq!(by_driver(&*mount.find("a").unwrap()), expected);
        mount.unmount();
        image.check();
        let mount = image.mount();
        remove(&mount, "a");
        remove(&mount, "b");
        mount.unmount();
        image.check();
    }
}

#[test]
fn lists_are_what_getfacl_reads() {
    let image = Image::make("lists", 16, &["-t", "ext4", "-b", "1024"]);
    let mount = image.mount();
    let none = u32::MAX;
    let list: Vec<u8> = [
        vec![2, 0, 0, 0],
        entry(0x01, 6, none),
        entry(0x02, 5, 1234),
        entry(0x04, 4, none),
        entry(0x08, 7, 77),
        entry(0x10, 7, none),
        entry(0x20, 1, none),
    ]
    .concat();
    let (keep, access, default) =
        (XattrFlags::empty(), b"system.posix_acl_access", b"system.posix_acl_default");
    let file = mount.create("file", FileType::Regular).unwrap();
    file.set_attr(SetAttr { mode: Some(Mode::new(0o671)), ..SetAttr::default() }).unwrap();
    file.set_xattr(access, &list, keep).unwrap();
    assert_eq!(file.xattr(access).unwrap(), list);
    assert_eq!(file.set_xattr(default, &list, keep).unwrap_err().errno, Errno::EACCES);
    assert_eq!(file.set_xattr(access, &list[..20], keep).unwrap_err().errno, Errno::EINVAL);
    let dir = mount.create("dir", FileType::Directory).unwrap();
    dir.set_xattr(default, &list, keep).unwrap();
    drop((file, dir));
    mount.unmount();
    image.check();
    image.by_kernel(|point| {
        let expected = "user::rw-\nuser:1234:r-x\ngroup::r--\ngroup:77:rwx\nmask::rwx\nother::--x\n";
        let Some(found) = getfacl(&point.join("file")) else { return };
        assert_eq!(found.trim(), expected.trim());
        let defaults: String = expected.lines().map(|line| format!("default:{line}\n")).collect();
        assert!(getfacl(&point.join("dir")).unwrap().contains(&defaults));
    });
}

#[test]
fn names_and_flags_are_checked() {
    let image = Image::make("flags", 16, &["-t", "ext4"]);
    let mount = image.mount();
    let file = mount.create("file", FileType::Regular).unwrap();
    let set = |name: &[u8], flags| file.set_xattr(name, b"value", flags).map_err(|error| error.errno);
    assert_eq!(set(b"user.a", XattrFlags::REPLACE), Err(Errno::ENOATTR));
    assert_eq!(set(b"user.a", XattrFlags::CREATE), Ok(()));
    assert_eq!(set(b"user.a", XattrFlags::CREATE), Err(Errno::EEXIST));
    assert_eq!(set(b"user.a", XattrFlags::REPLACE), Ok(()));
    assert_eq!(set(b"user.", XattrFlags::empty()), Err(Errno::EINVAL));
    for name in [&b"system.data"[..], b"system.other", b"other", b"hurd.a"] {
        assert_eq!(set(name, XattrFlags::empty()), Err(Errno::ENOTSUP), "{name:?}");
    }
    assert_eq!(file.remove_xattr(b"user.b").unwrap_err().errno, Errno::ENOATTR);
    mount.unmount();
    image.check();
}

#[test]
fn owners_modes_and_times_are_what_the_kernel_reads() {
    use std::os::unix::fs::MetadataExt;
    for options in [&["-t", "ext4"][..], &["-t", "ext4", "-I", "128"]] {
        let small = options.len() > 2;
        let image = Image::make("owners", 16, options);
        let mount = image.mount();
        let time = |sec| SetTime::To(TimeSpec { sec, nsec: 987_654_321 });
        for (index, sec) in [-5i64, 0, 1 << 31, 5_000_000_000].into_iter().enumerate() {
            let node = mount.create(&format!("f{index}"), FileType::Regular).unwrap();
            let set = SetAttr {
                mode: Some(Mode::new(0o4711)),
                uid: Some(100_000),
                gid: Some(200_000),
                atime: Some(time(sec)),
                mtime: Some(time(sec + 1)),
                ..SetAttr::default()
            };
            node.set_attr(set).unwrap();
        }
        mount.unmount();
        image.check();
        image.by_kernel(|point| {
            for (index, sec) in [-5i64, 0, 1 << 31, 5_000_000_000].into_iter().enumerate() {
                let meta = point.join(format!("f{index}")).metadata().unwrap();
                assert_eq!((meta.uid(), meta.gid(), meta.mode()), (100_000, 200_000, 0o104_711));
                let stored = |sec: i64| if small { (sec.min(0x7fff_ffff), 0) } else { (sec, 987_654_321) };
                assert_eq!((meta.atime(), meta.atime_nsec()), stored(sec));
                assert_eq!((meta.mtime(), meta.mtime_nsec()), stored(sec + 1));
            }
        });
    }
}

#[test]
fn times_that_wait_with_content_are_kept_and_give_way_to_later_ones() {
    let to = |sec| TimeSpec { sec, nsec: 987_654_321 };
    let times = |atime, mtime| SetAttr { atime, mtime, ..SetAttr::default() };
    for options in [&["-t", "ext4"][..], &["-t", "ext4", "-I", "128", "-O", "^metadata_csum"]] {
        let image = Image::make("waiting-times", 16, options);
        let mount = image.mount();
        let set = mount.create("set", FileType::Regular).unwrap();
        set.write_at(0, b"content").unwrap();
        set.set_attr(times(Some(SetTime::To(to(1_000_000))), Some(SetTime::To(to(2_000_000_000))))).unwrap();
        let written = mount.create("written", FileType::Regular).unwrap();
        written.write_at(0, b"content").unwrap();
        written.set_attr(times(Some(SetTime::To(to(3_000_000))), Some(SetTime::To(to(4))))).unwrap();
        written.write_at(7, b", more").unwrap();
        let cut = mount.create("cut", FileType::Regular).unwrap();
        cut.write_at(0, &[7; 9000]).unwrap();
        cut.set_attr(SetAttr { size: Some(10), ..SetAttr::default() }).unwrap();
        cut.set_attr(times(None, Some(SetTime::To(to(5))))).unwrap();
        let files = ["set", "written", "cut"];
        let see = |mount: &Mount| files.map(|name| mount.find(name).unwrap().attr().unwrap());
        let before = see(&mount);
        assert_eq!([before[0].atime.sec, before[0].mtime.sec], [1_000_000, 2_000_000_000]);
        assert_eq!(before[1].atime.sec, 3_000_000);
        assert_ne!(before[1].mtime.sec, 4, "a write comes after the time that was set");
        assert_eq!(before[2].mtime.sec, 5);
        mount.unmount();
        let mount = image.mount();
        for (before, after) in before.into_iter().zip(see(&mount)) {
            let times = |attr: &rump_kpi::Attr| [attr.atime, attr.mtime, attr.ctime];
            assert_eq!(times(&before), times(&after), "{options:?}");
        }
        mount.unmount();
        image.check();
    }
}

#[test]
fn attributes_by_number_are_those_of_the_node() {
    let image = Image::make("by-number", 16, &["-t", "ext4"]);
    let mount = image.mount();
    let node = mount.create("f", FileType::Regular).unwrap();
    let ino = mount.ino("f").unwrap();
    let same = |size| {
        let attr = mount.fs.attr(ino).unwrap();
        assert_eq!((attr, attr.size), (node.attr().unwrap(), size));
    };
    same(0);
    node.write_at(0, &[1; 5000]).unwrap();
    same(5000);
    node.set_attr(SetAttr { mode: Some(Mode::new(0o600)), ..SetAttr::default() }).unwrap();
    node.write_at(5000, &[1; 5000]).unwrap();
    same(10_000);
    mount.fs.sync().unwrap();
    same(10_000);
    node.write_at(0, &[2; 100]).unwrap();
    same(10_000);
    node.set_attr(SetAttr { size: Some(7), ..SetAttr::default() }).unwrap();
    same(7);
}

/// The byte of the image where an inode begins, as `debugfs` tells it.
fn place_of_inode(image: &Image, file: &str, block_size: u64) -> u64 {
    let said = image.debugfs(&format!("imap {file}"));
    let (block, offset) = said
        .split_once("located at block ")
        .and_then(|(_, place)| place.trim().split_once(", offset 0x"))
        .expect("a block and an offset");
    block.parse::<u64>().unwrap() * block_size + u64::from_str_radix(offset, 16).unwrap()
}

#[test]
fn a_wrong_inode_stays_wrong_while_its_neighbours_change() {
    use std::os::unix::fs::FileExt;
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2"), ("c", b"3")];
    let image =
        Image::make_with("neighbours", 16, &["-t", "ext4", "-b", "4096", "-O", "metadata_csum"], files);
    let (a, b) = (place_of_inode(&image, "/a", 4096), place_of_inode(&image, "/b", 4096));
    assert_eq!(a / 4096, b / 4096, "not in one block");
    let file = std::fs::File::options().write(true).open(image.path()).unwrap();
    // The owner of `b`.
    file.write_all_at(&[0xaa, 0xaa], b + 2).unwrap();
    let mount = image.mount();
    let (a, b, c) = (mount.find("a").unwrap(), mount.ino("b").unwrap(), mount.ino("c").unwrap());
    let is_wrong = || {
        assert_eq!(mount.fs.attr(b).unwrap_err().errno, Errno::EFTYPE);
        assert_eq!(mount.find("b").err().unwrap().errno, Errno::EFTYPE);
        assert_eq!((a.attr().unwrap().size, mount.fs.attr(c).unwrap().size), (1, 1));
    };
    is_wrong();
    a.set_attr(SetAttr { mode: Some(Mode::new(0o600)), ..SetAttr::default() }).unwrap();
    is_wrong();
    mount.create("d", FileType::Regular).unwrap();
    mount.fs.sync().unwrap();
    is_wrong();
}

fn entry(tag: u16, permissions: u16, id: u32) -> Vec<u8> {
    [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
}

fn getfacl(path: &Path) -> Option<String> {
    let output = Command::new("getfacl").args(["-n", "-c", "-p"]).arg(path).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What is made in a directory with a default list, and what `chmod` does, is the same as with the kernel.
#[test]
fn lists_are_inherited_and_follow_the_mode() {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
    for options in [&["-t", "ext4", "-b", "1024"][..], &["-t", "ext4", "-b", "1024", "-O", "inline_data"]] {
        let image = Image::make("inherit", 16, options);
        let mount = image.mount();
        let none = u32::MAX;
        let list = [
            vec![2, 0, 0, 0],
            entry(0x01, 7, none),
            entry(0x02, 6, 1234),
            entry(0x04, 5, none),
            entry(0x10, 7, none),
            entry(0x20, 4, none),
        ]
        .concat();
        let dir = mount.create("dir", FileType::Directory).unwrap();
        dir.set_xattr(b"system.posix_acl_default", &list, XattrFlags::empty()).unwrap();
        mount.create("dir/file", FileType::Regular).unwrap();
        mount.create("dir/dir", FileType::Directory).unwrap();
        let changed = mount.create("dir/changed", FileType::Regular).unwrap();
        changed.set_attr(SetAttr { mode: Some(Mode::new(0o615)), ..SetAttr::default() }).unwrap();
        drop((dir, changed));
        mount.unmount();
        image.check();
        image.by_kernel_writing(|point| {
            let dir = point.join("dir");
            let make = |name: &str, mode: u32| {
                std::fs::File::options()
                    .write(true)
                    .create_new(true)
                    .mode(mode)
                    .open(dir.join(name))
                    .unwrap();
            };
            make("file-too", 0o644);
            std::fs::DirBuilder::new().mode(0o755).create(dir.join("dir-too")).unwrap();
            make("changed-too", 0o644);
            std::fs::set_permissions(dir.join("changed-too"), PermissionsExt::from_mode(0o615)).unwrap();
            for name in ["file", "dir", "changed"] {
                let path = dir.join(name);
                let Some(ours) = getfacl(&path) else { return };
                assert_eq!(Some(ours), getfacl(&dir.join(format!("{name}-too"))), "{name}");
                let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
                assert_eq!(mode(&path), mode(&dir.join(format!("{name}-too"))), "{name}");
            }
        });
        image.check();
    }
}

#[test]
fn flags_are_those_of_chattr() {
    let image = Image::make("flags", 16, &[]);
    let all = [
        ("i", FileFlags::SF_IMMUTABLE, "0x10"),
        ("a", FileFlags::SF_APPEND, "0x20"),
        ("d", FileFlags::UF_NODUMP, "0x40"),
        ("all", FileFlags::SF_IMMUTABLE | FileFlags::SF_APPEND | FileFlags::UF_NODUMP, "0x70"),
        ("none", FileFlags::empty(), "0x0"),
    ];
    let mount = image.mount();
    assert_eq!(mount.fs.file_flags(), all[3].1);
    let set = |node: &dyn Node, flags| node.set_attr(SetAttr { flags: Some(flags), ..SetAttr::default() });
    for (name, flags, _) in all {
        let node = mount.create(name, FileType::Regular).unwrap();
        // What was there goes.
        set(&*node, all[3].1 - flags).unwrap();
        set(&*node, flags).unwrap();
        assert_eq!(node.attr().unwrap().flags, flags);
    }
    mount.unmount();
    image.check();
    for (name, _, number) in all {
        let told = image.debugfs(&format!("stat /{name}"));
        assert!(told.contains(&format!("Flags: {number}\n")), "{name}: {told}");
        image.debugfs_write(&format!("set_inode_field /{name} flags 0x70"));
    }
    let mount = image.mount();
    for (name, ..) in all {
        assert_eq!(mount.find(name).unwrap().attr().unwrap().flags, all[3].1);
    }
    mount.unmount();
}

#[test]
fn generations_tell_files_of_one_number_apart() {
    let image = Image::make("generations", 16, &["-O", "has_journal"]);
    let mount = image.mount();
    let root = mount.fs.node(mount.fs.root()).unwrap();
    assert!(root.generation().unwrap().is_some());
    let (mut seen, mut numbers) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for _ in 0..50 {
        let node = mount.create("f", FileType::Regular).unwrap();
        let ino = mount.ino("f").unwrap();
        numbers.insert(ino);
        assert!(seen.insert((ino, node.generation().unwrap().unwrap())));
        root.unlink(b"f").unwrap();
        drop(node);
        mount.fs.forget(ino);
    }
    assert!(numbers.len() < 50, "no number was used twice");
    // The journal is nobody's file.
    let journal = mount.fs.node(rump_kpi::Ino(8)).unwrap();
    assert_eq!(journal.generation().unwrap(), None);
    drop((journal, root));
    mount.unmount();
    image.check();
}
