//! Damage is an answer, not an accident.

use crate::volume::{Volume, get, mounted, names, put};
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::dev::MemDevice;
use rumpkit::{FileType, Mode, MountFlags, OpenFlags, Process};
use std::time::{Duration, Instant};

const MUTANTS: u64 = 2000;
const PATIENCE: Duration = Duration::from_secs(5);
const DEEPEST: usize = 12;

fn populated(width: &str, kibibytes: u64, per_cluster: &str) -> Check<Volume> {
    let volume = Volume::make_with(kibibytes, &["-F", width, "-s", per_cluster])?;
    volume.write("", |process| {
        for folder in ["d", "d/e", "d/e/a folder with a long name"] {
            context(process.mkdir(folder, Mode::new(0o755)), folder)?;
            for number in 0..12 {
                let path = format!("{folder}/file with a long name {number}");
                put(process, &path, &pattern(number, number as usize * 700))?;
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

/// A few bits of the boot sector, the tables and the directories are others.
pub fn flipped_bits() -> Check {
    let volumes =
        [populated("12", 1440, "1")?, populated("16", 4 << 10, "1")?, populated("32", 4 << 10, "1")?];
    for seed in 0..MUTANTS {
        let mut bytes = volumes[seed as usize % volumes.len()].bytes()?;
        let random = pattern(seed + 1, 64);
        let number = |at: usize| u32::from_le_bytes([random[at], random[at + 1], random[at + 2], 0]) as usize;
        for flip in 0..1 + number(0) % 6 {
            // Half of them in the boot sector, the rest in what follows it: tables and directories.
            let range = if random[60] % 4 == 0 { 96 } else { 160 << 10 };
            let at = number(4 + flip * 8) % range;
            bytes[at] ^= 1 << (random[8 + flip * 8] % 8);
        }
        answer(bytes).map_err(|what| format!("mutant {seed}: {what}"))?;
    }
    Ok(())
}

/// Chains that come back, lead out of the volume, to a free cluster, or to another file.
pub fn chains() -> Check {
    let volume = Volume::make_with(4 << 10, &["-F", "12", "-s", "4"])
        .or_else(|_| Volume::make_with(4 << 10, &["-F", "12"]))?;
    volume.write("", |process| {
        put(process, "one", &pattern(1, 20_000))?;
        put(process, "two", &pattern(2, 20_000))?;
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")
    })?;
    let whole = volume.bytes()?;
    let table = usize::from(u16::from_le_bytes([whole[14], whole[15]])) * 512;
    let sets: [(u32, u32); 6] = [(2, 2), (3, 2), (4, 0xff0), (3, 0), (4, 1), (3, 0xff7)];
    for (cluster, value) in sets {
        let mut bytes = whole.clone();
        let at = table + cluster as usize * 3 / 2;
        let old = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let new =
            if cluster % 2 == 0 { old & 0xf000 | value as u16 } else { old & 0xf | (value as u16) << 4 };
        bytes[at..at + 2].copy_from_slice(&new.to_le_bytes());
        let device = MemDevice::new(bytes.clone());
        mounted(device, MountFlags::RDONLY, "", |process| {
            let Err(what) = get(process, "one") else {
                return Err(format!("{cluster} to {value:#x}: was read"));
            };
            if !what.contains("damaged cluster") || get(process, "two")? != pattern(2, 20_000) {
                return Err(format!("{cluster} to {value:#x}: {what}"));
            }
            Ok(())
        })?;
        answer(bytes)?;
    }
    Ok(())
}
