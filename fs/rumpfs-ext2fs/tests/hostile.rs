//! Damaged volumes that are written to: any answer is right but a panic, a hang, or memory without bound.

mod fixture;

use fixture::{Image, Random, environment, file_system_type};
use rump_kpi::{
    BlockDevice, DevNumber, Errno, FileSystem, FileType, KResult, Mode, NewNode, Node, SetAttr, XattrFlags,
};
use std::sync::{Arc, Mutex};

/// A device in memory.
struct Memory(Mutex<Vec<u8>>);

impl BlockDevice for Memory {
    fn size_bytes(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let bytes = self.0.lock().unwrap();
        let range = offset as usize..offset as usize + buf.len();
        buf.copy_from_slice(bytes.get(range).ok_or(Errno::EIO)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        let mut bytes = self.0.lock().unwrap();
        let range = offset as usize..offset as usize + buf.len();
        bytes.get_mut(range).ok_or(Errno::EIO)?.copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

fn new(file_type: FileType) -> NewNode<'static> {
    let target: &[u8] = if file_type == FileType::Symlink { &[b't'; 100] } else { b"" };
    NewNode { file_type, mode: Mode::new(0o755), uid: 0, gid: 0, rdev: DevNumber::default(), target }
}

/// A volume with a bit of everything, left as a crash leaves it.
fn volume(options: &[&str]) -> Vec<u8> {
    let image = Image::make("hostile", 4, options);
    let mount = image.mount();
    let root = mount.find("/").unwrap();
    for (dir_name, count) in [("small", 3), ("block", 20), ("tree", 300)] {
        let dir = mount.create(dir_name, FileType::Directory).unwrap();
        for index in 0..count {
            let file_type = [FileType::Fifo, FileType::Symlink, FileType::Directory][index % 3];
            let file_type = if index > 30 { FileType::Fifo } else { file_type };
            dir.create(format!("a-rather-long-name-{index}").as_bytes(), new(file_type)).unwrap();
        }
    }
    for name in ["x", "y"] {
        let node = mount.create(name, FileType::Directory).unwrap();
        node.set_xattr(b"user.short", b"value", XattrFlags::empty()).unwrap();
        node.set_xattr(b"user.block", &[5; 700], XattrFlags::empty()).unwrap();
        let _ = node.set_xattr(b"user.inode", &[6; 3000], XattrFlags::empty());
    }
    root.rmdir(b"y").unwrap();
    mount.fs.sync().unwrap();
    mount.device.set_fault(fixture::Fault::All(0));
    drop(mount);
    std::fs::read(image.path()).unwrap()
}

/// Everything that changes names and attributes, on whatever is there.
fn work(fs: &dyn FileSystem, random: &mut Random) -> KResult<()> {
    let root = fs.node(fs.root())?;
    let mut nodes: Vec<Arc<dyn Node>> = vec![root.clone()];
    let mut named = Vec::new();
    for step in 0..60 {
        let dir = nodes[random.below(nodes.len() as u64) as usize].clone();
        let mut names = Vec::new();
        let _ = dir.read_dir(0, &mut |entry| {
            names.push((entry.name.to_vec(), entry.ino));
            names.len() < 400
        });
        names.retain(|(name, _)| !matches!(name.as_slice(), b"." | b".."));
        let Some((name, ino)) = names.get(random.below(names.len() as u64) as usize).cloned() else {
            continue;
        };
        if let Ok(node) = fs.node(ino) {
            nodes.push(node);
        }
        named.push(ino);
        let fresh = format!("fresh-{step}-{}", "n".repeat(random.below(200) as usize));
        let node = nodes[random.below(nodes.len() as u64) as usize].clone();
        let types = [FileType::Regular, FileType::Directory, FileType::Symlink, FileType::Fifo];
        let _ = match random.below(10) {
            0..=2 => dir.create(fresh.as_bytes(), new(types[random.below(4) as usize])).map(drop),
            3 => dir.unlink(&name).map(|()| fs.forget(ino)),
            4 => dir.rmdir(&name).map(|()| fs.forget(ino)),
            5 => dir.link(fresh.as_bytes(), ino),
            6 => dir.rename(&name, named[random.below(named.len() as u64) as usize], fresh.as_bytes()),
            7 => node.set_xattr(b"user.block", &vec![1; random.below(4000) as usize], XattrFlags::empty()),
            8 => node.remove_xattr(b"user.inode"),
            _ => node.set_attr(SetAttr { uid: Some(1), ..SetAttr::default() }),
        };
    }
    drop((nodes, root));
    named.into_iter().for_each(|ino| fs.forget(ino));
    fs.sync()
}

fn run(options: &[&str], rounds: u64) {
    let sound = volume(options);
    let used: Vec<usize> = (1024..sound.len()).filter(|at| sound[*at] != 0).collect();
    let (mut mounted, mut done) = (0, 0);
    for round in 0..rounds {
        let mut random = Random(round);
        let mut bytes = sound.clone();
        for _ in 0..1 + random.below(40) {
            let at = used[random.below(used.len() as u64) as usize];
            bytes[at] = match random.below(3) {
                0 => random.next() as u8,
                1 => 0xff,
                _ => bytes[at] ^ 1 << random.below(8),
            };
        }
        let device = Arc::new(Memory(Mutex::new(bytes)));
        if let Ok(fs) = file_system_type().mount(Some(device), false, "", &environment()) {
            mounted += 1;
            done += u64::from(work(&*fs, &mut random).is_ok());
            let _ = fs.unmount();
        }
    }
    assert!(mounted > rounds / 4 && done > 0, "{mounted} of {rounds} could be mounted, {done} worked");
}

/// Without checksums, which would refuse most damage, and without a journal, which would undo it.
#[test]
fn damaged_volumes_are_survived() {
    let formats = [
        &["-t", "ext4", "-O", "^metadata_csum,^has_journal"][..],
        &["-t", "ext4", "-O", "^metadata_csum,^has_journal,inline_data"],
        &["-t", "ext4", "-O", "^metadata_csum,^has_journal,ea_inode"],
        &["-t", "ext2", "-I", "128"],
    ];
    for options in formats {
        run(&[options, &["-b", "1024", "-N", "600"]].concat(), 300);
    }
}

/// The last block of a file may be the last that a number can name: reading there has to end.
#[test]
fn files_of_any_size_are_read_to_their_end() {
    for options in [&["-t", "ext4"][..], &["-t", "ext2"]] {
        let image = Image::make_with("sizes", 4, options, &[("file", b"content")]);
        for size in [u64::MAX, u64::MAX - 1000, 1 << 63, i64::MAX as u64] {
            image.debugfs_write(&format!("set_inode_field /file size {size}"));
            let mount = image.mount();
            let node = mount.find("/file").unwrap();
            assert_eq!(node.attr().unwrap().size, size);
            let mut buf = [1; 3000];
            for back in [1, 999, 1024, 3000, 5000] {
                // Whatever the map says of such a place: an answer, and no more than is asked for.
                if let Ok(count) = node.read_at(size - back, &mut buf) {
                    assert_eq!(count as u64, back.min(3000), "{size} - {back}");
                }
                let _ = node.seek_data(size - back);
                let _ = node.seek_hole(size - back);
            }
        }
    }
}
