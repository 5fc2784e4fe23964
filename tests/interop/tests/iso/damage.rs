//! Images that are cut, and images with flipped bits: any answer is right but a panic, a hang, or a write.

use crate::make::Iso;
use crate::source;
use interop::program::run_within;
use interop::{Check, context};
use rump_kpi::{BlockDevice, Component, Environment, Errno, FileSystem, FileType, Ino, KResult, TimeSpec};
use rustix::fs::{XattrFlags, lsetxattr};
use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FLIPPED_IMAGES: u64 = 2000;
/// Longer than any of them may take, on a slow machine.
const LIMIT: Duration = Duration::from_secs(5);

struct Memory(Vec<u8>);

impl BlockDevice for Memory {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let from = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)?.get(..buf.len()));
        buf.copy_from_slice(from.ok_or(Errno::EINVAL)?);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        panic!("a write reached the device");
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// Small images whose bytes are metadata for the most part.
fn images() -> Check<Vec<Vec<u8>>> {
    let iso = Iso::new("damage")?;
    let tree = iso.beside("tree");
    for number in 0..30 {
        source::write(&tree, &format!("dir/a-name-among-many-{number}"), format!("{number}").as_bytes())?;
    }
    source::write(&tree, "packed", &vec![b'x'; 150_000])?;
    source::write(&tree, &format!("{}/file", "n".repeat(200)), b"long name\n")?;
    source::deep(&tree, 10)?;
    let links = [("dir/short", "x".to_string()), ("dir/long", "component/".repeat(40))];
    for (name, target) in links {
        context(std::os::unix::fs::symlink(target, tree.join(name)), name)?;
    }
    for (name, length) in [("packed", 10), ("dir", 100), ("dir/a-name-among-many-7", 600)] {
        let (value, flags) = (vec![b'v'; length], XattrFlags::empty());
        context(lsetxattr(tree.join(name), "user.a-name", &value, flags), name)?;
    }
    let mut images = Vec::new();
    for line in [
        "xorriso -xattr any -acl on -outdev IMAGE -padding 0 -hardlinks on -joliet on -map TREE / -find /packed -exec set_filter --zisofs --",
        "genisoimage -quiet -no-pad -R -J -o IMAGE TREE",
        "genisoimage -quiet -no-pad -iso-level 4 -o IMAGE TREE",
    ] {
        let _ = fs::remove_file(iso.path());
        iso.run(line, &tree)?;
        images.push(context(fs::read(iso.path()), "image")?);
    }
    Ok(images)
}

/// Mounts with every choice of a tree, and looks at everything.
fn look(image: Vec<u8>) -> usize {
    let Component::FileSystem(driver) = rumpfs_cd9660::component() else { return 0 };
    let device: Arc<dyn BlockDevice> = Arc::new(Memory(image));
    let environment = Environment::new(TimeSpec::default, |_| {});
    let _ = driver.probe(&device);
    let mut seen = 0;
    for options in ["", "norrip", "norrip,nojoliet,noenhanced,showassoc", "session=1"] {
        if let Ok(volume) = driver.mount(Some(device.clone()), true, options, &environment) {
            seen += walk(&*volume);
        }
    }
    seen
}

fn walk(volume: &dyn FileSystem) -> usize {
    let mut pending = vec![volume.root()];
    let mut seen = HashSet::new();
    while let Some(ino) = pending.pop() {
        if seen.insert(ino) {
            let _ = visit(volume, ino, &mut pending);
        }
    }
    seen.len()
}

fn visit(volume: &dyn FileSystem, ino: Ino, pending: &mut Vec<Ino>) -> KResult<()> {
    let attr = volume.attr(ino)?;
    let node = volume.node(ino)?;
    assert_eq!(node.attr()?, attr);
    for name in node.list_xattrs().unwrap_or_default() {
        let _ = node.xattr(&name);
    }
    match attr.file_type {
        FileType::Directory => {
            let mut names = Vec::new();
            let listed = node.read_dir(0, &mut |entry| {
                let is_name =
                    !entry.name.is_empty() && !entry.name.iter().any(|byte| matches!(byte, 0 | b'/'));
                assert!(is_name && entry.name.len() <= 255, "{:?}", entry.name);
                names.push(entry.name.to_vec());
                pending.push(entry.ino);
                true
            });
            for name in names.iter().step_by(7) {
                let _ = node.lookup(name);
            }
            listed?;
        }
        FileType::Regular => {
            let mut buffer = vec![0; 40_000];
            node.read_at(attr.size.saturating_sub(30_000), &mut buffer)?;
            node.read_at(0, &mut buffer)?;
        }
        FileType::Symlink => drop(node.read_link()?),
        _ => {}
    }
    Ok(())
}

/// Flips one to eight bits of each image.
pub fn flipped_bits() -> Check {
    let images = images()?;
    let whole: Vec<usize> = images.iter().map(|image| look(image.clone())).collect();
    if whole.iter().any(|&seen| seen < 90) {
        return Err(format!("sound images show {whole:?} files"));
    }
    let mut random = 0x1234_5678_9abc_def1_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as usize % below
    };
    for seed in 0..FLIPPED_IMAGES {
        let mut image = images[next(images.len())].clone();
        let length = image.len();
        for _ in 0..=next(8) {
            // Before the sixteenth sector there is nothing.
            let at = 16 * 2048 + next(length - 16 * 2048);
            image[at] ^= 1 << next(8);
        }
        let start = Instant::now();
        let seen = std::panic::catch_unwind(|| look(image)).map_err(|_| format!("image {seed}: a panic"))?;
        if start.elapsed() > LIMIT {
            return Err(format!("image {seed}: {seen} files took {:?}", start.elapsed()));
        }
    }
    Ok(())
}

/// Images that end anywhere: what is there is shown, what is missing is an error.
pub fn cut_images() -> Check {
    for image in images()? {
        let sectors = image.len() / 2048;
        for sector in (0..sectors).step_by(3) {
            let cut = image[..sector * 2048 + sector % 2048].to_vec();
            std::panic::catch_unwind(|| look(cut)).map_err(|_| format!("cut at sector {sector}: a panic"))?;
        }
    }
    Ok(())
}

/// A file whose end is missing: the command says so, and goes on with the others.
pub fn a_cut_file_is_told() -> Check {
    let iso = Iso::new("cut")?;
    let tree = iso.beside("tree");
    source::write(&tree, "a", b"all there\n")?;
    source::write(&tree, "b", &interop::source::pattern(1, 500_000))?;
    iso.run("genisoimage -quiet -no-pad -R -o IMAGE TREE", &tree)?;
    let length = context(fs::metadata(iso.path()), "image")?.len();
    let file = context(fs::OpenOptions::new().write(true).open(iso.path()), "image")?;
    context(file.set_len(length - 100_000), "image")?;
    let mut sum = std::process::Command::new(interop::rump::binary()?);
    let finished = run_within(sum.args(["sum", &format!("{}:/", iso.text())]), interop::rump::PATIENCE)?;
    let is_told = finished.status == Some(1) && finished.stderr.contains("cut short");
    let has_other = String::from_utf8_lossy(&finished.stdout).contains("  /a\n");
    if is_told && has_other { Ok(()) } else { Err(finished.verdict()) }
}

/// A directory that leads to itself: a walk ends, and says why.
pub fn a_loop_is_told() -> Check {
    let iso = Iso::new("loop")?;
    let tree = iso.beside("tree");
    source::write(&tree, "dir/sub/file", b"x")?;
    iso.run("genisoimage -quiet -o IMAGE TREE", &tree)?;
    let mut image = context(fs::read(iso.path()), "image")?;
    let root = u32::from_le_bytes(image[16 * 2048 + 158..][..4].try_into().unwrap_or_default());
    let name = image.windows(4).position(|bytes| bytes == b"\x03SUB").ok_or("no record of SUB")?;
    image[name - 32 + 2..][..4].copy_from_slice(&root.to_le_bytes());
    context(fs::write(iso.path(), image), "image")?;
    let finished = interop::rump::run(&["find", &format!("{}:/", iso.text())], interop::rump::PATIENCE)?;
    let is_told = finished.status == Some(1) && finished.stdout.len() < 200;
    if is_told { Ok(()) } else { Err(format!("{} {:?}", finished.verdict(), finished.stdout.len())) }
}
