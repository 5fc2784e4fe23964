//! Random operations on names, against a model in memory, on many formats. Judges: the driver's own reading,
//! `e2fsck`, and the host's kernel.

mod fixture;

use fixture::{Image, Mount, Random};
use rump_kpi::{DevNumber, Errno, FileType, Ino, Mode, NewNode};
use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What is known of an inode.
struct Known {
    ino: Ino,
    file_type: FileType,
    links: u64,
    /// Of a directory.
    parent: usize,
    entries: BTreeMap<Vec<u8>, usize>,
    target: Vec<u8>,
    rdev: DevNumber,
}

struct Model {
    nodes: Vec<Known>,
    directories: Vec<usize>,
}

const TYPES: [FileType; 7] = [
    FileType::Regular,
    FileType::Directory,
    FileType::Symlink,
    FileType::CharDevice,
    FileType::BlockDevice,
    FileType::Fifo,
    FileType::Socket,
];

impl Model {
    fn of_root(mount: &Mount) -> Self {
        let root = Known {
            ino: mount.fs.root(),
            file_type: FileType::Directory,
            links: mount.find("/").unwrap().attr().unwrap().nlink,
            parent: 0,
            entries: BTreeMap::new(),
            target: Vec::new(),
            rdev: DevNumber::default(),
        };
        Self { nodes: vec![root], directories: vec![0] }
    }

    fn is_directory(&self, node: usize) -> bool {
        self.nodes[node].file_type == FileType::Directory
    }

    fn is_below(&self, mut node: usize, above: usize) -> bool {
        while node != above && node != 0 {
            node = self.nodes[node].parent;
        }
        node == above
    }

    fn depth(&self, mut node: usize) -> usize {
        let mut depth = 0;
        while node != 0 {
            (node, depth) = (self.nodes[node].parent, depth + 1);
        }
        depth
    }

    fn height(&self, node: usize) -> usize {
        let below = self.nodes[node].entries.values().filter(|child| self.is_directory(**child));
        below.map(|child| 1 + self.height(*child)).max().unwrap_or(0)
    }

    /// Whether the kernel can still name what is in `node`, put into `dir`.
    fn is_in_reach(&self, node: usize, dir: usize) -> bool {
        self.depth(dir) + self.height(node) < 12
    }

    fn add(&mut self, dir: usize, name: &[u8], known: Known) {
        let number = self.nodes.len();
        if known.file_type == FileType::Directory {
            self.nodes[dir].links += 1;
            self.directories.push(number);
        }
        self.nodes.push(known);
        self.nodes[dir].entries.insert(name.to_vec(), number);
    }

    /// Takes a name away; answers whether the inode has none left.
    fn take(&mut self, dir: usize, name: &[u8]) -> (usize, bool) {
        let node = self.nodes[dir].entries.remove(name).unwrap();
        if self.is_directory(node) {
            self.nodes[dir].links -= 1;
            self.nodes[node].links = 0;
            self.directories.retain(|known| *known != node);
        } else {
            self.nodes[node].links -= 1;
        }
        (node, self.nodes[node].links == 0)
    }
}

fn name(random: &mut Random) -> Vec<u8> {
    let number = random.below(120);
    let mut name = format!("n{number}").into_bytes();
    // The same number always has the same length.
    name.resize(name.len().max((number * number % 251) as usize), b'a' + (number % 26) as u8);
    name
}

fn step(mount: &Mount, model: &mut Model, random: &mut Random) {
    // Most happens in few directories, so that some grow.
    let pick = |random: &mut Random, model: &Model| {
        let most =
            if random.below(3) == 0 { model.directories.len() } else { 3.min(model.directories.len()) };
        model.directories[random.below(most as u64) as usize]
    };
    let (dir, other) = (pick(random, model), pick(random, model));
    let (first, second) = (name(random), name(random));
    let node = mount.fs.node(model.nodes[dir].ino).unwrap();
    let there = model.nodes[dir].entries.get(&first).copied();
    let target = model.nodes[other].entries.get(&second).copied();
    match (random.below(10), there) {
        (0..=4, None) => create(mount, model, random, dir, &first),
        (5, Some(known)) if !model.is_directory(known) && target.is_none() => {
            let to = mount.fs.node(model.nodes[other].ino).unwrap();
            to.link(&second, model.nodes[known].ino).unwrap();
            model.nodes[known].links += 1;
            model.nodes[other].entries.insert(second, known);
        }
        (6, Some(known)) if model.is_directory(known) => {
            let empty = model.nodes[known].entries.is_empty();
            match node.rmdir(&first) {
                Ok(()) => {
                    assert!(empty);
                    model.take(dir, &first);
                    mount.fs.forget(model.nodes[known].ino);
                }
                Err(error) => assert!(error.errno == Errno::ENOTEMPTY && !empty, "{error}"),
            }
        }
        (6, Some(known)) => {
            node.unlink(&first).unwrap();
            if model.take(dir, &first).1 {
                mount.fs.forget(model.nodes[known].ino);
            }
        }
        (7 | 8, Some(known)) if !model.is_below(other, known) && model.is_in_reach(known, other) => {
            rename(mount, model, (dir, &first, known), (other, &second, target));
        }
        (9, Some(known)) => {
            let Some(target) = target else { return };
            let in_reach = model.is_in_reach(known, other) && model.is_in_reach(target, dir);
            if in_reach && !model.is_below(other, known) && !model.is_below(dir, target) {
                node.exchange(&first, model.nodes[other].ino, &second).unwrap();
                put(model, dir, &first, target, known);
                put(model, other, &second, known, target);
            }
        }
        _ => {}
    }
}

/// Puts `new` where `old` is.
fn put(model: &mut Model, dir: usize, name: &[u8], new: usize, old: usize) {
    model.nodes[dir].entries.insert(name.to_vec(), new);
    if model.is_directory(new) {
        model.nodes[dir].links += 1;
        model.nodes[new].parent = dir;
    }
    if model.is_directory(old) {
        model.nodes[dir].links -= 1;
    }
}

fn create(mount: &Mount, model: &mut Model, random: &mut Random, dir: usize, name: &[u8]) {
    let types = if random.below(2) == 0 { 2 } else { 7 };
    let file_type = match TYPES[random.below(types) as usize] {
        FileType::Directory if model.depth(dir) > 10 => FileType::Regular,
        other => other,
    };
    let mut target = vec![b't'; 1 + random.below(200) as usize];
    target.truncate(if file_type == FileType::Symlink { 300 } else { 0 });
    let rdev = match file_type {
        FileType::BlockDevice => DevNumber { major: 8, minor: random.below(256) as u32 },
        FileType::CharDevice => DevNumber { major: 300, minor: random.below(1 << 20) as u32 },
        _ => DevNumber::default(),
    };
    let new = NewNode { file_type, mode: Mode::new(0o640), uid: 70_000, gid: 7, rdev, target: &target };
    let parent = mount.fs.node(model.nodes[dir].ino).unwrap();
    let ino = parent.create(name, new).unwrap();
    let links = if file_type == FileType::Directory { 2 } else { 1 };
    let known = Known { ino, file_type, links, parent: dir, entries: BTreeMap::new(), target, rdev };
    model.add(dir, name, known);
}

fn rename(
    mount: &Mount,
    model: &mut Model,
    (dir, name, known): (usize, &[u8], usize),
    (to, to_name, target): (usize, &[u8], Option<usize>),
) {
    if let Some(target) = target {
        if model.is_directory(target) != model.is_directory(known) || model.is_below(dir, target) {
            return;
        }
    }
    let node = mount.fs.node(model.nodes[dir].ino).unwrap();
    let result = node.rename(name, model.nodes[to].ino, to_name);
    if let Some(target) = target {
        if target == known {
            return result.unwrap();
        }
        if !model.nodes[target].entries.is_empty() {
            assert_eq!(result.unwrap_err().errno, Errno::ENOTEMPTY);
            return;
        }
        if model.take(to, to_name).1 {
            mount.fs.forget(model.nodes[target].ino);
        }
    }
    result.unwrap();
    model.nodes[dir].entries.remove(name);
    model.nodes[to].entries.insert(to_name.to_vec(), known);
    if model.is_directory(known) {
        model.nodes[dir].links -= 1;
        model.nodes[to].links += 1;
        model.nodes[known].parent = to;
    }
}

/// What the driver reads is what the model has.
fn compare(mount: &Mount, model: &Model, dir: usize) {
    let node = mount.fs.node(model.nodes[dir].ino).unwrap();
    let mut listed = BTreeMap::new();
    node.read_dir(0, &mut |entry| {
        if !matches!(entry.name, b"." | b"..") && entry.name != b"lost+found" {
            assert!(listed.insert(entry.name.to_vec(), entry.ino).is_none(), "a name is listed twice");
        }
        true
    })
    .unwrap();
    let expected: BTreeMap<Vec<u8>, Ino> = model.nodes[dir]
        .entries
        .iter()
        .map(|(name, known)| (name.clone(), model.nodes[*known].ino))
        .collect();
    assert_eq!(listed, expected);
    assert_eq!(node.lookup(b"..").unwrap(), model.nodes[model.nodes[dir].parent].ino);
    for (name, known) in &model.nodes[dir].entries {
        let known_node = &model.nodes[*known];
        assert_eq!(node.lookup(name).unwrap(), known_node.ino);
        let child = mount.fs.node(known_node.ino).unwrap();
        let attr = child.attr().unwrap();
        assert_eq!((attr.file_type, attr.nlink), (known_node.file_type, known_node.links), "{name:?}");
        assert_eq!((attr.uid, attr.gid, attr.mode.bits() & 0o7777), (70_000, 7, 0o640));
        assert_eq!(attr.rdev, known_node.rdev);
        match known_node.file_type {
            FileType::Directory => compare(mount, model, *known),
            FileType::Symlink => assert_eq!(child.read_link().unwrap(), known_node.target),
            _ => {}
        }
    }
}

/// What the host's kernel reads is what the model has.
fn compare_by_kernel(path: &Path, model: &Model, dir: usize) {
    let mut count = 0;
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == "lost+found" {
            continue;
        }
        count += 1;
        let name = entry.file_name().into_encoded_bytes();
        let known = model.nodes[dir].entries[&name];
        let (node, meta) = (&model.nodes[known], entry.path().symlink_metadata().unwrap());
        let file_type = meta.file_type();
        let expected = match node.file_type {
            FileType::Regular => file_type.is_file(),
            FileType::Directory => file_type.is_dir(),
            FileType::Symlink => file_type.is_symlink(),
            FileType::CharDevice => file_type.is_char_device(),
            FileType::BlockDevice => file_type.is_block_device(),
            FileType::Fifo => file_type.is_fifo(),
            FileType::Socket => file_type.is_socket(),
        };
        assert!(expected, "{name:?} is a {file_type:?}");
        assert_eq!((meta.ino(), meta.nlink()), (node.ino.0, node.links));
        match node.file_type {
            FileType::Directory => compare_by_kernel(&entry.path(), model, known),
            FileType::Symlink => {
                let target = std::fs::read_link(entry.path()).unwrap();
                assert_eq!(target.into_os_string().into_encoded_bytes(), node.target);
            }
            FileType::CharDevice | FileType::BlockDevice => {
                let number = u64::from(node.rdev.minor & 0xff)
                    | u64::from(node.rdev.major) << 8
                    | u64::from(node.rdev.minor & !0xff) << 12;
                assert_eq!(meta.rdev(), number);
            }
            _ => {}
        }
    }
    assert_eq!(count, model.nodes[dir].entries.len());
}

fn run(options: &[&str], seed: u64, steps: u32) {
    let image = Image::make("namespace", 64, options);
    let mut model = None;
    let mut random = Random(seed);
    for part in 0..2 {
        let mount = image.mount();
        let model = model.get_or_insert_with(|| Model::of_root(&mount));
        for _ in 0..steps / 2 {
            step(&mount, model, &mut random);
        }
        compare(&mount, model, 0);
        mount.unmount();
        image.check();
        let again = image.mount();
        compare(&again, model, 0);
        again.unmount();
        image.by_kernel(|point| compare_by_kernel(point, model, 0));
        assert!(model.directories.len() > 3, "part {part} of {options:?} did too little");
    }
}

macro_rules! formats {
    ($($name:ident: $($option:literal)*;)*) => { $(
        #[test]
        fn $name() {
            run(&[$($option),*], 7, 3000);
        }
    )* };
}

formats! {
    ext2_of_1k: "-t" "ext2" "-b" "1024";
    ext2_without_types: "-t" "ext2" "-b" "1024" "-O" "^filetype,^dir_index";
    ext2_of_revision_0: "-t" "ext2" "-b" "1024" "-r" "0";
    ext3_of_1k: "-t" "ext3" "-b" "1024" "-I" "128";
    ext3_of_2k: "-t" "ext3" "-b" "2048";
    ext4_of_1k: "-t" "ext4" "-b" "1024";
    ext4_of_4k: "-t" "ext4" "-b" "4096";
    ext4_of_64k: "-t" "ext4" "-b" "65536" "-N" "4000";
    ext4_without_checksums: "-t" "ext4" "-b" "1024" "-O" "^metadata_csum";
    ext4_without_trees: "-t" "ext4" "-b" "1024" "-O" "^dir_index";
    ext4_with_group_checksums: "-t" "ext4" "-b" "1024" "-O" "^metadata_csum,uninit_bg";
    ext4_of_small_inodes: "-t" "ext4" "-b" "1024" "-I" "128";
    ext4_inline: "-t" "ext4" "-b" "1024" "-O" "inline_data";
    ext4_inline_large_inodes: "-t" "ext4" "-b" "4096" "-I" "1024" "-O" "inline_data";
    ext4_with_large_directories: "-t" "ext4" "-b" "1024" "-O" "large_dir";
    ext4_without_journal: "-t" "ext4" "-b" "1024" "-O" "^has_journal";
    ext4_of_clusters: "-t" "ext4" "-b" "4096" "-O" "bigalloc" "-C" "16384" "-N" "4000";
    ext4_without_extents: "-t" "ext4" "-b" "1024" "-O" "^extents,^64bit";
    ext4_of_meta_groups: "-t" "ext4" "-b" "1024" "-O" "meta_bg,^resize_inode";
}
