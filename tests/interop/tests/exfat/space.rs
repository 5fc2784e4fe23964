//! Clusters: scattered, all taken, more than there is content for, and as many as other formats cannot have.

use crate::layout::{self, Boot, u32_at};
use crate::volume::{Shape, Volume, get, mounted, names, put};
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::kpi::BlockDevice;
use rumpkit::{KResult, Mode, MountFlags, OpenFlags, Process};
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

/// exfat-fuse leaves every second cluster free, then this writes a file into the gaps.
pub fn fragmented(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let statvfs = volume.read("", |process| context(process.statvfs("."), "statvfs"))?;
    let cluster = statvfs.block_size as usize;
    let count = (statvfs.blocks_free * 2 / 3).min(100) as usize;
    volume.foreign("rw", |point| {
        context(fs::create_dir(point.join("d")), "mkdir")?;
        let piece = |number: usize| point.join(format!("d/piece{number}"));
        for number in 0..count {
            context(fs::write(piece(number), pattern(number as u64, cluster)), "piece")?;
        }
        (1..count).step_by(2).try_for_each(|number| context(fs::remove_file(piece(number)), "piece"))
    })?;
    let scattered = pattern(7777, cluster * (count / 2) - 3);
    volume.write("", |process| put(process, "scattered", &scattered))?;
    volume.check()?;
    volume.foreign("ro", |point| {
        let same = context(fs::read(point.join("scattered")), "scattered")? == scattered;
        if same { Ok(()) } else { Err("exfat-fuse reads something else of a scattered file".into()) }
    })?;
    let more = pattern(8888, cluster * 2 + 5);
    let expected = [scattered.as_slice(), &more].concat();
    volume.write("", |process| {
        let fd = context(process.open("scattered", OpenFlags::RDWR, Mode::new(0)), "open")?;
        context(process.pwrite(fd, &more, scattered.len() as u64), "append")?;
        context(process.close(fd), "close")?;
        for number in (0..count).step_by(2) {
            if get(process, &format!("d/piece{number}"))? != pattern(number as u64, cluster) {
                return Err(format!("piece{number} is another"));
            }
        }
        if get(process, "scattered")? == expected { Ok(()) } else { Err("what grew is another".into()) }
    })?;
    volume.check()?;
    volume.write("", |process| {
        if get(process, "scattered")? != expected {
            return Err("what grew is another after a mount".into());
        }
        context(process.truncate("scattered", cluster as u64 + 1), "truncate")?;
        context(process.truncate("scattered", 3 * cluster as u64), "truncate")
    })?;
    volume.check()?;
    volume.read("", |process| {
        let mut expected = scattered[..cluster + 1].to_vec();
        expected.resize(3 * cluster, 0);
        if get(process, "scattered")? == expected { Ok(()) } else { Err("what was cut is another".into()) }
    })
}

/// Files of this many clusters until nothing is free; then room for one is made.
pub fn full(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let (count, each, left) = volume.write("", |process| {
        let statvfs = || context(process.statvfs("."), "statvfs");
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        let before = statvfs()?;
        let each = (before.blocks_free as usize / 40).max(1) * before.block_size as usize;
        let mut count = 0;
        while put(process, &format!("d/f{count}"), &pattern(count, each)).is_ok() {
            count += 1;
        }
        let left = statvfs()?.blocks_free as usize * before.block_size as usize;
        if left >= each {
            return Err(format!("{left} bytes are free where {each} were refused"));
        }
        put(process, &format!("d/f{count}"), &pattern(count, left))?;
        let refused = put(process, "d/nothing is left", b"x").err().unwrap_or_default();
        if statvfs()?.blocks_free != 0 || !refused.contains("no space") {
            return Err(format!("{:?}, and one byte more: {refused}", statvfs()?));
        }
        context(process.unlink("d/f0"), "unlink")?;
        put(process, "d/again", &pattern(0, each.min(64 << 10)))?;
        Ok((count, each, left))
    })?;
    volume.check()?;
    volume.read("", |process| {
        (1..=count).try_for_each(|number| {
            let length = if number == count { left } else { each };
            let same = get(process, &format!("d/f{number}"))? == pattern(number, length);
            if same { Ok(()) } else { Err(format!("d/f{number} is another")) }
        })
    })
}

/// Directories of many clusters, the root among them, whose clusters are not consecutive.
pub fn directories(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let name = |number: usize| format!("a file whose name takes four entries {number:04}");
    let expected: Vec<String> = (0..900).filter(|number| number % 3 != 0).map(name).collect();
    volume.write("", |process| {
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        for number in 0..900 {
            for folder in ["d", "."] {
                put(process, &format!("{folder}/{}", name(number)), b"")?;
            }
            // Something comes between the clusters.
            if number % 100 == 0 {
                put(process, &format!("between {number}"), b"x")?;
            }
        }
        (0..900)
            .step_by(3)
            .try_for_each(|number| context(process.unlink(format!("d/{}", name(number))), "unlink"))
    })?;
    volume.check()?;
    volume.foreign("ro", |point| {
        let found = context(fs::read_dir(point.join("d")), "d")?.count();
        let root = context(fs::read_dir(point), "root")?.count();
        if (found, root) == (600, 910) { Ok(()) } else { Err(format!("exfat-fuse: {found}, {root}")) }
    })?;
    volume.write("", |process| {
        let found = names(process, "d")?;
        if found != expected {
            return Err(format!("{} names instead of {}", found.len(), expected.len()));
        }
        // What is gone makes room.
        let size = context(process.stat("d"), "stat")?.size;
        (0..900).step_by(3).try_for_each(|number| put(process, &format!("d/{}", name(number)), b""))?;
        let after = context(process.stat("d"), "stat")?.size;
        if after == size { Ok(()) } else { Err(format!("{size} bytes became {after}")) }
    })?;
    volume.check()
}

/// What disks held before is never shown, however a file grows, and is not written where nobody wrote.
pub fn valid_length() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    // Old content in every cluster.
    volume.write("", |process| {
        let free = context(process.statvfs("."), "statvfs")?;
        let size = free.blocks_free as usize * free.block_size as usize;
        // As a directory it would be full of files.
        put(process, "old", &vec![0x85; size])?;
        context(process.unlink("old"), "unlink")
    })?;
    let mut expected = vec![0; 300_000];
    volume.write("", |process| {
        let flags = OpenFlags::CREAT | OpenFlags::RDWR;
        let fd = context(process.open("sparse", flags, Mode::new(0o644)), "open")?;
        context(process.ftruncate(fd, 200_000), "longer")?;
        for (at, length) in [(50_000, 5000), (10, 20), (120_001, 1), (54_990, 30)] {
            let data = pattern(at, length);
            context(process.pwrite(fd, &data, at), "write")?;
            expected[at as usize..][..length].copy_from_slice(&data);
        }
        context(process.ftruncate(fd, 90_000), "shorter")?;
        expected[90_000..].fill(0);
        context(process.ftruncate(fd, 300_000), "longer")?;
        context(process.close(fd), "close")?;
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        let made: Vec<String> =
            (0..100).map(|number| format!("a name of three entries {number:02}")).collect();
        made.iter().try_for_each(|name| put(process, &format!("d/{name}"), b""))?;
        let is_old = get(process, "sparse")? != expected || names(process, "d")? != made;
        if is_old { Err("old content is shown".into()) } else { Ok(()) }
    })?;
    volume.check()?;
    let bytes = volume.bytes()?;
    let set = layout::set_of(&bytes, "sparse")?;
    let (valid, size) = (u32_at(&bytes, set.start + 40), u32_at(&bytes, set.start + 56));
    if (valid, size) != (90_000, 300_000) {
        return Err(format!("{valid} of {size} bytes are valid"));
    }
    volume.read("", |process| {
        if get(process, "sparse")? == expected { Ok(()) } else { Err("another after a mount".into()) }
    })
}

/// A file whose clusters are consecutive needs no table; it gets one when it goes on elsewhere.
pub fn without_table() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    let flags = |name: &str| -> Check<u8> {
        let bytes = volume.bytes()?;
        Ok(bytes[layout::set_of(&bytes, name)?.start + 33])
    };
    volume.write("", |process| put(process, "one", &pattern(1, 20_000)))?;
    let before = flags("one")?;
    volume.write("", |process| put(process, "two", &pattern(2, 20_000)))?;
    volume.write("", |process| {
        let fd = context(process.open("one", OpenFlags::RDWR, Mode::new(0)), "open")?;
        context(process.pwrite(fd, &pattern(3, 20_000), 20_000), "append")?;
        context(process.close(fd), "close")
    })?;
    volume.check()?;
    let after = flags("one")?;
    if (before, after) != (3, 1) {
        return Err(format!("flags {before}, then {after}"));
    }
    let expected = [pattern(1, 20_000), pattern(3, 20_000)].concat();
    volume.foreign("ro", |point| {
        let same = context(fs::read(point.join("one")), "one")? == expected;
        if same { Ok(()) } else { Err("exfat-fuse reads something else".into()) }
    })
}

/// What others added to a file goes with it, and its clusters become free with those of the file.
pub fn additions() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    volume.write("", |process| {
        put(process, "extended", &pattern(1, 9000))?;
        put(process, "vendor", &pattern(2, 9000))
    })?;
    let mut bytes = volume.bytes()?;
    // The content of one file becomes what a vendor added to the other.
    let (from, to) = (layout::set_of(&bytes, "vendor")?, layout::set_of(&bytes, "extended")?);
    let mut set = bytes[to.clone()].to_vec();
    let mut extension = [0; layout::ENTRY];
    extension[0] = 0xe0;
    extension[2..18].fill(0x77);
    let mut allocation = bytes[from.start + 32..from.start + 64].to_vec();
    allocation[0] = 0xe1;
    allocation[2..18].fill(0x88);
    set.extend(extension);
    set.extend(&allocation);
    set[1] += 2;
    layout::repair_set(&mut set);
    bytes[to.start] = 5;
    bytes[to.start + 32] = 0x40;
    bytes[to.start + 64] = 0x41;
    bytes[from.start..from.start + set.len()].copy_from_slice(&set);
    volume.replace(&bytes)?;
    let free = |process: &Process| Ok(context(process.statvfs("."), "statvfs")?.blocks_free);
    let carried = |volume: &Volume, name: &str| -> Check<bool> {
        let bytes = volume.bytes()?;
        let set = layout::set_of(&bytes, name)?;
        Ok(bytes[set.end - 64..set.end - 32] == extension && bytes[set.end - 32..set.end] == allocation[..])
    };
    let before = volume.write("", |process| {
        let before = free(process)?;
        context(process.rename("extended", "a name of more entries"), "rename")?;
        put(process, "target", b"")?;
        Ok(before)
    })?;
    if !carried(&volume, "a name of more ")? {
        return Err("a rename lost what was added".into());
    }
    volume.write("", |process| context(process.rename("a name of more entries", "target"), "rename over"))?;
    if !carried(&volume, "target")? {
        return Err("a rename over another file lost what was added".into());
    }
    let after = volume.write("", |process| {
        if get(process, "target")? != pattern(1, 9000) {
            return Err("the content is another".into());
        }
        context(process.unlink("target"), "unlink")?;
        context(process.sync(), "sync")?;
        free(process)
    })?;
    volume.check()?;
    if after == before + 6 { Ok(()) } else { Err(format!("{before} free clusters became {after}")) }
}

/// An entry that must be known: what is there is read, and its directory stays as it is.
pub fn unknown_entries() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    volume.write("", |process| {
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        put(process, "d/file", b"content")?;
        put(process, "outside", b"content")
    })?;
    let mut bytes = volume.bytes()?;
    let boot = Boot::of(&bytes);
    let set = layout::set_of(&bytes, "d")?;
    let inside = boot.cluster_at(u32_at(&bytes, set.start + 52) as usize);
    bytes[inside + 96] = 0x86;
    volume.replace(&bytes)?;
    volume.write("", |process| {
        if get(process, "d/file")? != b"content" {
            return Err("something else is read".into());
        }
        let refused = put(process, "d/new", b"").err().unwrap_or_default();
        let moved = process.rename("outside", "d/outside").is_ok();
        if !refused.contains("must be known") || moved {
            return Err(format!("a new name: {refused}; one that is moved there: {moved}"));
        }
        context(process.rename("outside", "still outside"), "rename")
    })?;
    let end = boot.cluster_at(boot.root) + boot.cluster - 32;
    let mut bytes = volume.bytes()?;
    let root = boot.cluster_at(boot.root);
    let free = (root..end).step_by(32).find(|at| bytes[*at] == 0).ok_or("the root is full")?;
    bytes[free] = 0x86;
    let written = mounted(rumpkit::dev::MemDevice::new(bytes), MountFlags::empty(), "", |_| Ok(()));
    if written.is_err_and(|why| why.contains("must be known")) { Ok(()) } else { Err("mounted".into()) }
}

const GIBIBYTE: u64 = 1 << 30;

/// A device that keeps what is not zero.
struct Sparse {
    size: u64,
    pieces: Mutex<BTreeMap<u64, Vec<u8>>>,
}

const PIECE: u64 = 64 << 10;

impl Sparse {
    fn each(offset: u64, length: usize, mut each: impl FnMut(u64, usize, std::ops::Range<usize>)) {
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = (at % PIECE) as usize;
            let count = (PIECE as usize - within).min(length - done);
            each(at / PIECE, within, done..done + count);
            done += count;
        }
    }
}

impl BlockDevice for Sparse {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        Self::each(offset, buf.len(), |piece, within, part| match pieces.get(&piece) {
            Some(bytes) => buf[part.clone()].copy_from_slice(&bytes[within..within + part.len()]),
            None => buf[part].fill(0),
        });
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        Self::each(offset, buf.len(), |piece, within, part| {
            let is_zero = buf[part.clone()].iter().all(|byte| *byte == 0);
            if !is_zero || pieces.contains_key(&piece) {
                let bytes = pieces.entry(piece).or_insert_with(|| vec![0; PIECE as usize]);
                bytes[within..within + part.len()].copy_from_slice(&buf[part]);
            }
        });
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// Copies what is not zero between an image and a device.
fn load(volume: &Volume, size: u64) -> Check<Arc<Sparse>> {
    let device = Arc::new(Sparse { size, pieces: Mutex::default() });
    let file = context(fs::File::open(volume.path()), "image")?;
    let mut buffer = vec![0; 1 << 20];
    // Beyond this mkfs.exfat writes nothing on such volumes.
    for at in (0..size.min(GIBIBYTE / 2)).step_by(1 << 20) {
        context(std::os::unix::fs::FileExt::read_exact_at(&file, &mut buffer, at), "image")?;
        context(device.write_at(at, &buffer), "device")?;
    }
    Ok(device)
}

/// Files of more than 4 GiB, in clusters of 128 KiB and of 32 MiB.
pub fn longest() -> Check {
    for cluster in [&["-c", "128K"], &["-c", "32M"]] {
        let volume = Volume::make_with(12 << 10, cluster)?;
        let device = load(&volume, 12 * GIBIBYTE)?;
        let far = 9 * GIBIBYTE + 12_345;
        let check = |process: &Process| {
            let flags = OpenFlags::CREAT | OpenFlags::RDWR;
            let fd = context(process.open("longest", flags, Mode::new(0o644)), "open")?;
            context(process.ftruncate(fd, far + 100), "longer")?;
            context(process.pwrite(fd, b"begin", 0), "the first bytes")?;
            context(process.pwrite(fd, b"middle", 5 * GIBIBYTE - 3), "bytes beyond 4 GiB")?;
            let mut bytes = [1; 12];
            context(process.pread(fd, &mut bytes, 5 * GIBIBYTE - 6), "read")?;
            let size = context(process.fstat(fd), "stat")?.size;
            context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
            put(process, "d/small", b"small")?;
            context(process.close(fd), "close")?;
            let same = (size, &bytes) == (far + 100, b"\0\0\0middle\0\0\0");
            if same { Ok(()) } else { Err(format!("{bytes:?} of {size}")) }
        };
        mounted(device.clone(), MountFlags::empty(), "", check)?;
        // fsck.exfat judges what was written, in a file with as many holes.
        let file = context(fs::File::options().write(true).open(volume.path()), "image")?;
        for (piece, bytes) in device.pieces.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            context(std::os::unix::fs::FileExt::write_all_at(&file, bytes, piece * PIECE), "image")?;
        }
        volume.check()?;
        mounted(device, MountFlags::empty(), "", |process| {
            let size = context(process.stat("longest"), "stat")?.size;
            let free = || context(process.statvfs("."), "statvfs").map(|stat| stat.blocks_free);
            let before: u64 = free()?;
            context(process.unlink("longest"), "unlink")?;
            context(process.sync(), "sync")?;
            let cluster = u64::from(context(process.statvfs("."), "statvfs")?.block_size);
            let freed = (free()? - before) * cluster;
            let expected = (far + 100).next_multiple_of(cluster);
            if (size, freed) == (far + 100, expected) { Ok(()) } else { Err(format!("{size}, {freed} free")) }
        })?;
    }
    Ok(())
}
