//! Damage is an answer, not an accident.

use crate::layout::{self, Boot, u32_at};
use crate::volume::{Volume, get, mounted, names, put};
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::dev::MemDevice;
use rumpkit::{FileType, Mode, MountFlags, OpenFlags, Process};
use std::time::{Duration, Instant};

const MUTANTS: u64 = 2000;
const PATIENCE: Duration = Duration::from_secs(5);
const DEEPEST: usize = 12;

fn populated(cluster: &'static [&'static str]) -> Check<Volume> {
    let volume = Volume::make_with(6, cluster)?;
    volume.write("", |process| {
        for folder in ["d", "d/e", "d/e/a folder with a long name"] {
            context(process.mkdir(folder, Mode::new(0o755)), folder)?;
            for number in 0..12 {
                let path = format!("{folder}/file with a long name {number}");
                put(process, &path, &pattern(number, number as usize * 700))?;
            }
        }
        // In several places, so that the table is needed.
        for round in 0..4 {
            for name in ["d/woven", "d/with this"] {
                let fd =
                    context(process.open(name, OpenFlags::CREAT | OpenFlags::RDWR, Mode::new(0o644)), name)?;
                context(process.pwrite(fd, &pattern(round, 9000), round * 9000), name)?;
                context(process.close(fd), name)?;
            }
        }
        Ok(())
    })?;
    Ok(volume)
}

/// Looks at everything. Whatever is there is an answer.
fn walk(process: &Process, path: &str, depth: usize, budget: &mut usize) {
    for name in names(process, path).unwrap_or_default() {
        let below = format!("{path}/{name}");
        let Ok(stat) = process.lstat(&below) else { continue };
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        match stat.file_type {
            FileType::Directory if depth < DEEPEST => walk(process, &below, depth + 1, budget),
            FileType::Regular => {
                if let Ok(fd) = process.open(&below, OpenFlags::empty(), Mode::new(0)) {
                    let _ = process.pread(fd, &mut vec![0; 64 << 10], stat.size.saturating_sub(60_000));
                    let _ = process.close(fd);
                }
            }
            _ => {}
        }
    }
}

/// Changes what there is, as far as it goes.
fn change(process: &Process) {
    let _ = put(process, "d/new file with a long name", &pattern(1, 9000));
    let _ = process.mkdir("d/new", Mode::new(0o755));
    for number in 0..12 {
        let path = format!("d/file with a long name {number}");
        match number % 4 {
            0 => drop(process.unlink(&path)),
            1 => drop(process.truncate(&path, 100)),
            2 => drop(process.rename(&path, format!("d/e/moved {number}"))),
            _ => drop(put(process, &path, &pattern(3, 20_000))),
        }
    }
    let _ = process.sync();
}

fn answer(bytes: Vec<u8>) -> Check {
    let begin = Instant::now();
    let device = MemDevice::new(bytes);
    // What cannot be mounted is answered as well.
    let _ = mounted(device.clone(), MountFlags::RDONLY, "", |process| {
        walk(process, ".", 0, &mut 2000);
        Ok(())
    });
    let _ = mounted(device, MountFlags::empty(), "", |process| {
        change(process);
        walk(process, ".", 0, &mut 2000);
        Ok(())
    });
    if begin.elapsed() < PATIENCE { Ok(()) } else { Err(format!("took {:?}", begin.elapsed())) }
}

/// The bytes that metadata is in: the boot sector, the table, and the clusters of bitmap and directories, which come
/// first.
fn metadata(boot: &Boot) -> [(usize, usize); 3] {
    let fat = boot.fat_offset * 512;
    [(0, 512), (fat, 512), (boot.heap_offset * 512, 96 << 10)]
}

/// A few bits of the boot sector, the table, the bitmap and the directories are others; the sums are right in half.
pub fn flipped_bits() -> Check {
    let volumes = [populated(&["-c", "512"])?, populated(&["-c", "4K"])?, populated(&["-c", "16K"])?];
    for seed in 0..MUTANTS {
        let mut bytes = volumes[seed as usize % volumes.len()].bytes()?;
        let places = metadata(&Boot::of(&bytes));
        let random = pattern(seed + 1, 64);
        let number = |at: usize| u32::from_le_bytes([random[at], random[at + 1], random[at + 2], 0]) as usize;
        for flip in 0..1 + number(0) % 6 {
            let (start, length) = places[number(3 + flip) % 7 % places.len()];
            let at = start + number(4 + flip * 8) % length;
            bytes[at] ^= 1 << (random[8 + flip * 8] % 8);
        }
        if seed % 2 == 0 {
            layout::repair_boot(&mut bytes);
            repair_sets(&mut bytes);
        }
        answer(bytes).map_err(|what| format!("mutant {seed}: {what}"))?;
    }
    Ok(())
}

/// Makes the sums of whatever looks like a set right.
fn repair_sets(bytes: &mut [u8]) {
    for at in (0..bytes.len().min(3 << 20)).step_by(layout::ENTRY) {
        let length = (usize::from(bytes[at + 1]) + 1) * layout::ENTRY;
        if bytes[at] == 0x85 && matches!(bytes[at + 32], 0xc0 | 0xc1 | 0xe0) && at + length <= bytes.len() {
            layout::repair_set(&mut bytes[at..at + length]);
        }
    }
}

/// Chains that come back, lead out of the volume, or end too early; contents that leave the volume or are longer than
/// it; sets that break rules.
pub fn rules() -> Check {
    let volume = Volume::make_with(6, &["-c", "4K"])?;
    volume.write("", |process| {
        for round in 0..4 {
            for name in ["one", "two"] {
                let flags = OpenFlags::CREAT | OpenFlags::RDWR;
                let fd = context(process.open(name, flags, Mode::new(0o644)), name)?;
                context(process.pwrite(fd, &pattern(round, 4096), round * 4096), name)?;
                context(process.close(fd), name)?;
            }
        }
        put(process, "whole", &pattern(9, 20_000))?;
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")
    })?;
    let whole = volume.bytes()?;
    let boot = Boot::of(&whole);
    let first = u32_at(&whole, layout::set_of(&whole, "one")?.start + 52);
    for value in [first, 0, 1, 0xffff_fff7, 0xffff_ffff, 0x1000_0000] {
        let mut bytes = whole.clone();
        let link = boot.link_at(first as usize);
        bytes[link..link + 4].copy_from_slice(&value.to_le_bytes());
        refused(&bytes, "one", "damaged cluster").map_err(|what| format!("to {value:#x}: {what}"))?;
        answer(bytes)?;
    }
    let set = |change: &dyn Fn(&mut [u8])| -> Check<Vec<u8>> {
        let mut bytes = whole.clone();
        let set = layout::set_of(&bytes, "whole")?;
        change(&mut bytes[set.clone()]);
        layout::repair_set(&mut bytes[set]);
        Ok(bytes)
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut [u8]));
    let changes: [Change<'_>; 9] = [
        ("out of the volume", &|set| set[52..56].copy_from_slice(&0x00ff_0000u32.to_le_bytes())),
        ("no cluster", &|set| set[52..56].fill(0)),
        ("longer than the volume", &|set| set[56..64].fill(0x7f)),
        ("longer than any", &|set| set[56..64].fill(0xff)),
        ("more valid than there is", &|set| set[40..48].fill(0x11)),
        ("a name of another length", &|set| set[35] = 200),
        ("a name of no length", &|set| set[35] = 0),
        ("no stream", &|set| set[32] = 0xc1),
        ("an entry that must be known", &|set| set[64] = 0xc5),
    ];
    for (what, change) in changes {
        let bytes = set(change)?;
        refused(&bytes, "whole", "damaged").map_err(|why| format!("{what}: {why}"))?;
        answer(bytes)?;
    }
    let mut bytes = whole.clone();
    let place = layout::set_of(&bytes, "whole")?.start;
    bytes[place + 70] ^= 1;
    refused(&bytes, "whole", "the sum of a set is wrong")?;
    answer(bytes)
}

/// Reading this file is refused, with the reason and its place; the one beside it is read, and all others are listed.
fn refused(bytes: &[u8], name: &str, why: &str) -> Check {
    mounted(MemDevice::new(bytes.to_vec()), MountFlags::RDONLY, "", |process| {
        let read = || {
            let fd = context(process.open(name, OpenFlags::empty(), Mode::new(0)), name)?;
            // What it says of its length is not believed here.
            let count = context(process.pread(fd, &mut vec![0; 64 << 10], 0), name);
            context(process.close(fd), name)?;
            count
        };
        match read() {
            Err(said) if said.contains(why) => {}
            other => return Err(format!("{other:?}")),
        }
        let mut expected = Vec::new();
        (0..4).for_each(|round| expected.extend(pattern(round, 4096)));
        if get(process, "two")? != expected {
            return Err("the file beside it is another".into());
        }
        Ok(())
    })
}

/// What mounting needs: the table of upper case, the bitmap.
pub fn tables() -> Check {
    let volume = Volume::make_with(6, &["-c", "4K"])?;
    let whole = volume.bytes()?;
    let boot = Boot::of(&whole);
    let root = boot.cluster_at(boot.root);
    let entry = |kind: u8| {
        (root..root + boot.cluster).step_by(32).find(|at| whole[*at] == kind).ok_or("an entry is missing")
    };
    let (bitmap, upcase) = (entry(0x81)?, entry(0x82)?);
    let content = boot.cluster_at(u32_at(&whole, upcase + 20) as usize);
    let cases: [(&str, usize, &[u8], &str); 7] = [
        ("a sum", content + 100, &[0x5a], "its sum is wrong"),
        ("a longer table", upcase + 24, &[0, 0, 4, 0], "no table has"),
        ("a table elsewhere", upcase + 20, &[0xff, 0xff, 0xff, 0], "cluster"),
        ("no table", upcase, &[0x05], "no table of upper case"),
        ("a shorter bitmap", bitmap + 24, &[9, 0], "too few for the clusters"),
        ("a bitmap elsewhere", bitmap + 20, &[1, 0, 0, 0], "cluster"),
        ("no bitmap", bitmap, &[0x05], "no bitmap"),
    ];
    for (what, at, value, why) in cases {
        let mut bytes = whole.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        let said = mounted(MemDevice::new(bytes.clone()), MountFlags::RDONLY, "", |_| Ok(()));
        if !said.as_ref().is_err_and(|said| said.contains(why)) {
            return Err(format!("{what}: {said:?}"));
        }
        answer(bytes)?;
    }
    Ok(())
}
