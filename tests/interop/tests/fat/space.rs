//! Clusters: scattered, all taken, and as many as a file can have.

use crate::volume::{Shape, Volume, get, mounted, names, put};
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::kpi::BlockDevice;
use rumpkit::{Errno, KResult, Mode, MountFlags, OpenFlags, Process};
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

/// mtools leaves every second cluster free, then writes a file into the gaps.
pub fn fragmented(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let cluster =
        volume.read("", |process| Ok(context(process.statvfs("."), "statvfs")?.block_size as usize))?;
    let count = (shape.kibibytes * 1024 / cluster as u64 / 2).min(100) as usize;
    let source = volume.beside("source");
    context(fs::create_dir(&source), &source)?;
    let piece = |number: usize| format!("{source}/piece{number}");
    for number in 0..count {
        context(fs::write(piece(number), pattern(number as u64, cluster)), "source")?;
    }
    let pieces: Vec<String> = (0..count).map(piece).collect();
    let mut arguments: Vec<&str> = pieces.iter().map(String::as_str).collect();
    arguments.push("::/d");
    volume.mtools("mmd", &["::/d"])?;
    volume.mtools("mcopy", &arguments)?;
    let odd: Vec<String> = (1..count).step_by(2).map(|number| format!("::/d/piece{number}")).collect();
    volume.mtools("mdel", &odd.iter().map(String::as_str).collect::<Vec<_>>())?;
    // mtools goes on where it ended; a volume whose end is taken makes it begin anew.
    let scattered = pattern(7777, cluster * (count / 2) - 3);
    volume.write("", |process| put(process, "scattered", &scattered))?;
    volume.check()?;
    let target = volume.beside("target");
    volume.mtools("mcopy", &["-n", "::/scattered", &target])?;
    if context(fs::read(&target), &target)? != scattered {
        return Err("mtools reads something else of a scattered file".into());
    }
    let more = pattern(8888, cluster * 2 + 5);
    let size = volume.write("", |process| {
        let fd = context(process.open("scattered", OpenFlags::RDWR, Mode::new(0)), "open")?;
        context(process.pwrite(fd, &more, scattered.len() as u64), "append")?;
        context(process.close(fd), "close")?;
        let all = get(process, "scattered")?;
        let expected = [scattered.as_slice(), &more].concat();
        for number in (0..count).step_by(2) {
            if get(process, &format!("d/piece{number}"))? != pattern(number as u64, cluster) {
                return Err(format!("piece{number} is another"));
            }
        }
        if all == expected { Ok(all.len()) } else { Err("a scattered file that grew is another".into()) }
    })?;
    volume.check()?;
    volume.read("", |process| {
        let whole = get(process, "scattered")?;
        if whole.len() == size { Ok(()) } else { Err("the length is another after a mount".into()) }
    })
}

/// Files of this many clusters until nothing is free; then room for one is made.
pub fn full(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let written = volume.write("", |process| {
        let statvfs = || context(process.statvfs("."), "statvfs");
        let before = statvfs()?;
        let each = (before.blocks_free as usize / 40).max(1) * before.block_size as usize;
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        let mut count = 0;
        while put(process, &format!("d/f{count}"), &pattern(count, each)).is_ok() {
            count += 1;
        }
        // What was refused left nothing but its name.
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
    let (count, each, left) = written;
    volume.read("", |process| {
        (1..=count).try_for_each(|number| {
            let length = if number == count { left } else { each };
            let same = get(process, &format!("d/f{number}"))? == pattern(number, length);
            if same { Ok(()) } else { Err(format!("d/f{number} is another")) }
        })
    })
}

/// A directory of many clusters, and a root that cannot grow.
pub fn directories(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let name = |number: usize| format!("a file whose name takes three slots {number:04}");
    let (made, expected) = volume.write("", |process| {
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        let make = |folder: &str, count: usize| {
            (0..count).find(|number| put(process, &format!("{folder}/{}", name(*number)), b"").is_err())
        };
        if make("d", 900).is_some() {
            return Err("a directory does not grow".into());
        }
        (0..900)
            .step_by(3)
            .try_for_each(|number| context(process.unlink(format!("d/{}", name(number))), "unlink"))?;
        Ok((make(".", 900), (0..900).filter(|number| number % 3 != 0).map(name).collect::<Vec<_>>()))
    })?;
    volume.check()?;
    // A root of fixed length holds 512 slots or a little more or less; another grows.
    let is_fixed = !shape.name.starts_with("fat32");
    if made.is_some() != is_fixed {
        return Err(format!("the root took {made:?} files"));
    }
    volume.read("", |process| {
        let found = names(process, "d")?;
        if found == expected {
            Ok(())
        } else {
            Err(format!("{} names instead of {}", found.len(), expected.len()))
        }
    })
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

pub fn longest() -> Check {
    // mkfs.fat writes the head alone; the rest of so large a volume is never read.
    let volume = Volume::make_with(5 << 20, &["-F", "32", "-s", "128"])?;
    let device = Arc::new(Sparse { size: 5 * GIBIBYTE, pieces: Mutex::default() });
    let mut file = context(fs::File::open(volume.path()), "image")?;
    let mut head = vec![0; 4 << 20];
    context(std::io::Read::read_exact(&mut file, &mut head), "image")?;
    context(device.write_at(0, &head), "device")?;
    let most = u64::from(u32::MAX);
    let errno = |result: KResult<usize>| result.err().map(|error| error.errno);
    let check = |process: &Process| {
        let fd =
            context(process.open("longest", OpenFlags::CREAT | OpenFlags::RDWR, Mode::new(0o644)), "open")?;
        context(process.pwrite(fd, b"end", most - 3), "the last bytes")?;
        let beyond = errno(process.pwrite(fd, b"x", most));
        let longer = process.ftruncate(fd, most + 1).err().map(|error| error.errno);
        if (beyond, longer) != (Some(Errno::EFBIG), Some(Errno::EFBIG)) {
            return Err(format!("beyond the longest: {beyond:?}, {longer:?}"));
        }
        let mut bytes = [1; 8];
        let count = context(process.pread(fd, &mut bytes, most - 8), "read")?;
        let size = context(process.fstat(fd), "stat")?.size;
        context(process.close(fd), "close")?;
        let same = (count, size, &bytes) == (8, most, b"\0\0\0\0\0end");
        if same { Ok(()) } else { Err(format!("{count} bytes {bytes:?} of {size}")) }
    };
    mounted(device.clone(), MountFlags::empty(), "", check)?;
    mounted(device, MountFlags::empty(), "", |process| {
        let size = context(process.stat("longest"), "stat")?.size;
        context(process.unlink("longest"), "unlink")?;
        if size == most { Ok(()) } else { Err(format!("{size} bytes after a mount")) }
    })
}
