//! Large directories: many names in one, removed in any order, with trees of every height.

mod fixture;

use fixture::{Image, Mount, Random};
use rump_kpi::{DevNumber, Errno, FileType, Ino, Mode, NewNode, Node};
use std::collections::BTreeSet;
use std::sync::Arc;

const FIFO: NewNode<'static> = NewNode {
    file_type: FileType::Fifo,
    mode: Mode::new(0o600),
    uid: 0,
    gid: 0,
    rdev: DevNumber { major: 0, minor: 0 },
    target: b"",
};

fn names(dir: &dyn Node) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    dir.read_dir(0, &mut |entry| {
        if !matches!(entry.name, b"." | b"..") {
            assert!(names.insert(entry.name.to_vec()), "a name is listed twice");
        }
        true
    })
    .unwrap();
    names
}

/// Levels of nodes below the root, as `debugfs` sees them.
fn height(image: &Image, dir: &str) -> u32 {
    let text = image.debugfs(&format!("htree_dump {dir}"));
    let line = text.lines().find(|line| line.contains("Indirect levels")).unwrap();
    line.rsplit(' ').next().unwrap().trim().parse().unwrap()
}

fn shuffle(list: &mut [Vec<u8>], random: &mut Random) {
    for index in (1..list.len()).rev() {
        list.swap(index, random.below(index as u64 + 1) as usize);
    }
}

fn forget(mount: &Mount, dir: Arc<dyn Node>) {
    let ino = dir.lookup(b".").unwrap();
    drop(dir);
    mount.fs.forget(ino);
}

/// Fills a directory with `count` names of more than `length` bytes, judges it, and empties it in random order.
/// Most names are of few inodes: the directory is what counts.
fn fill_and_empty(options: &[&str], mebibytes: u64, count: usize, length: usize) -> u32 {
    let image = Image::make("directories", mebibytes, options);
    let mut random = Random(3);
    let mut all: Vec<Vec<u8>> = (0..count)
        .map(|index| {
            let mut name = format!("{index:x}-").into_bytes();
            name.resize(name.len() + length, b'.');
            name
        })
        .collect();
    shuffle(&mut all, &mut random);
    let mount = image.mount();
    let dir = mount.create("dir", FileType::Directory).unwrap();
    let mut owner = Ino(0);
    for (index, name) in all.iter().enumerate() {
        if index % 60_000 == 0 {
            owner = dir.create(name, FIFO).unwrap();
        } else {
            dir.link(name, owner).unwrap();
        }
    }
    assert_eq!(names(&*dir), all.iter().cloned().collect());
    mount.unmount();
    image.check();
    let levels = if options.contains(&"^dir_index") { 0 } else { height(&image, "/dir") };
    image.by_kernel(|point| {
        assert_eq!(std::fs::read_dir(point.join("dir")).unwrap().count(), count);
        for name in &all[..1000] {
            let path = point.join("dir").join(std::str::from_utf8(name).unwrap());
            assert!(path.symlink_metadata().is_ok(), "the kernel finds {path:?}");
        }
    });
    let mount = image.mount();
    let dir = mount.find("dir").unwrap();
    shuffle(&mut all, &mut random);
    for (index, name) in all.iter().enumerate() {
        let ino = dir.lookup(name).unwrap();
        dir.unlink(name).unwrap();
        mount.fs.forget(ino);
        if index % (count / 8) == 0 {
            assert_eq!(names(&*dir).len(), count - index - 1);
        }
    }
    mount.find("/").unwrap().rmdir(b"dir").unwrap();
    forget(&mount, dir);
    mount.unmount();
    image.check();
    levels
}

#[test]
fn a_hundred_thousand_names() {
    assert_eq!(fill_and_empty(&["-t", "ext4", "-b", "4096"], 64, 100_000, 8), 1);
}

#[test]
fn a_tree_of_the_greatest_height() {
    let options = ["-t", "ext4", "-b", "1024", "-O", "large_dir"];
    assert_eq!(fill_and_empty(&options, 128, 100_000, 200), 2);
}

#[test]
fn linear_directories_grow_as_well() {
    fill_and_empty(&["-t", "ext4", "-b", "4096", "-O", "^dir_index"], 64, 4_000, 8);
    fill_and_empty(&["-t", "ext2", "-b", "1024", "-O", "^dir_index"], 64, 4_000, 8);
}

#[test]
fn all_versions_of_the_hash() {
    for version in ["legacy", "half_md4", "tea"] {
        for flags in ["1", "2"] {
            let image = Image::make("hash", 16, &["-t", "ext4", "-b", "1024", "-N", "4000"]);
            image.debugfs_write(&format!("set_super_value def_hash_version {version}"));
            image.debugfs_write(&format!("set_super_value flags {flags}"));
            let mount = image.mount();
            let dir = mount.create("dir", FileType::Directory).unwrap();
            let name = |index: u32| format!("Stra\u{df}e-\u{1f600}-{index}");
            for index in 0..1500 {
                dir.create(name(index).as_bytes(), FIFO).unwrap();
            }
            let _ = dir;
            mount.unmount();
            image.check();
            image.by_kernel(|point| {
                for index in 0..1500 {
                    let path = point.join("dir").join(name(index));
                    assert!(path.symlink_metadata().is_ok(), "{version} {flags}: the kernel finds {path:?}");
                }
            });
        }
    }
}

/// A tree of two levels with blocks of 1 KiB and long names is full at some point.
#[test]
fn a_full_tree_is_no_space() {
    let image = Image::make("full", 128, &["-t", "ext4", "-b", "1024", "-N", "4000"]);
    let mount = image.mount();
    let dir = mount.create("dir", FileType::Directory).unwrap();
    let (mut owner, mut made) = (Ino(0), 0u32);
    let errno = loop {
        let name = format!("{made:0>240}");
        let result = if made % 60_000 == 0 {
            dir.create(name.as_bytes(), FIFO).map(|ino| owner = ino)
        } else {
            dir.link(name.as_bytes(), owner)
        };
        match result {
            Ok(()) => made += 1,
            Err(error) => break error.errno,
        }
    };
    assert_eq!(errno, Errno::ENOSPC);
    assert!(mount.fs.statvfs().unwrap().blocks_free > 1000, "the tree is full, not the volume");
    assert!(made > 15_000, "{made} names");
    assert_eq!(names(&*dir).len(), made as usize);
    drop(dir);
    mount.unmount();
    image.check();
}

#[test]
fn more_subdirectories_than_can_be_counted() {
    let new = NewNode { file_type: FileType::Directory, ..FIFO };
    let image = Image::make("subdirectories", 512, &["-t", "ext4", "-b", "1024", "-N", "70000"]);
    let mount = image.mount();
    let dir = mount.create("dir", FileType::Directory).unwrap();
    for index in 0..65_100 {
        dir.create(format!("{index}").as_bytes(), new).unwrap();
    }
    assert_eq!(dir.attr().unwrap().nlink, 1);
    drop(dir);
    mount.unmount();
    image.check();
    let plain = Image::make("subdirectories", 512, &["-t", "ext2", "-b", "1024", "-N", "70000"]);
    let mount = plain.mount();
    let dir = mount.create("dir", FileType::Directory).unwrap();
    let refused = (0..).find_map(|index| {
        let result = dir.create(format!("{index}").as_bytes(), new);
        result.err().map(|error| (index, error.errno))
    });
    assert_eq!(refused, Some((64_998, Errno::EMLINK)));
    drop(dir);
    mount.unmount();
    plain.check();
}

#[test]
fn an_inline_directory_moves_to_a_block_and_on_to_a_tree() {
    for size in ["256", "1024"] {
        let image = Image::make("inline", 16, &["-t", "ext4", "-b", "1024", "-I", size, "-O", "inline_data"]);
        for count in [1, 3, 5, 12, 40, 400] {
            let mount = image.mount();
            let path = format!("dir{count}");
            let dir = mount.create(&path, FileType::Directory).unwrap();
            for index in 0..count {
                dir.create(format!("name-{index}").as_bytes(), FIFO).unwrap();
            }
            assert_eq!(names(&*dir).len(), count);
            let _ = dir;
            mount.unmount();
            image.check();
            image.by_kernel(|point| {
                assert_eq!(std::fs::read_dir(point.join(&path)).unwrap().count(), count);
            });
        }
        let mount = image.mount();
        for count in [1, 3, 5, 12, 40, 400] {
            let dir = mount.find(&format!("dir{count}")).unwrap();
            for index in (0..count).rev() {
                let name = format!("name-{index}");
                let ino = dir.lookup(name.as_bytes()).unwrap();
                dir.unlink(name.as_bytes()).unwrap();
                mount.fs.forget(ino);
            }
            assert!(names(&*dir).is_empty());
        }
        mount.unmount();
        image.check();
    }
}
