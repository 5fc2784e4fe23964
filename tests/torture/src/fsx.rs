//! One file, random operations, and a copy of it in memory: the operation mix of fsx.

use crate::random::Random;
use interop::{Check, context};
use rumpkit::{AllocateFlags, Errno, Fd, KError, Mode, OpenFlags, Process, Whence};

const MOST_BYTES: u64 = 256 << 10;
const MOST_AT_ONCE: u64 = 64 << 10;

struct Fsx<'a> {
    process: &'a Process,
    fd: Fd,
    path: &'a str,
    random: Random,
    copy: Vec<u8>,
    /// What is written next, so that no two writes are alike.
    stamp: u64,
}

/// Runs `operations` on the file `path`, which is made.
pub fn run(process: &Process, path: &str, seed: u64, operations: u64) -> Check {
    let fd = context(process.open(path, OpenFlags::RDWR | OpenFlags::CREAT, Mode::new(0o644)), path)?;
    let mut fsx = Fsx { process, fd, path, random: Random::new(seed), copy: Vec::new(), stamp: 0 };
    for number in 0..operations {
        fsx.step().map_err(|what| format!("seed {seed}, operation {number}: {what}"))?;
    }
    fsx.compare_all()?;
    context(process.close(fsx.fd), path)
}

impl Fsx<'_> {
    fn step(&mut self) -> Check {
        match self.random.below(100) {
            0..35 => self.read(),
            35..65 => self.write(),
            65..75 => self.truncate(),
            75..81 => self.allocate(AllocateFlags::PUNCH_HOLE | AllocateFlags::KEEP_SIZE),
            81..84 => self.allocate(AllocateFlags::ZERO_RANGE),
            84..87 => self.allocate(AllocateFlags::ZERO_RANGE | AllocateFlags::KEEP_SIZE),
            87..91 => self.allocate(AllocateFlags::KEEP_SIZE),
            91..94 => self.allocate(AllocateFlags::empty()),
            94..96 => self.seek(),
            96..98 => context(self.process.fsync(self.fd), "fsync"),
            98 => self.reopen(),
            _ => self.compare_all(),
        }
    }

    fn range(&mut self, end: u64) -> (u64, u64) {
        let offset = self.random.below(end.max(1));
        (offset, (1 + self.random.below(MOST_AT_ONCE)).min(MOST_BYTES - offset))
    }

    fn read(&mut self) -> Check {
        let (offset, length) = self.range(self.copy.len() as u64);
        let mut buffer = vec![0xa5; length as usize];
        let count = context(self.process.pread(self.fd, &mut buffer, offset), "read")?;
        let end = (offset + length).min(self.copy.len() as u64).max(offset) as usize;
        let expected = self.copy.get(offset as usize..end).unwrap_or_default();
        compare(&buffer[..count], expected, offset, "read")
    }

    fn write(&mut self) -> Check {
        let (offset, length) = self.range(MOST_BYTES);
        self.stamp += 1;
        let seed = self.stamp;
        let bytes: Vec<u8> =
            (0..length).map(|index| (seed.wrapping_mul(31) ^ (offset + index)) as u8).collect();
        let end = (offset + length) as usize;
        context(self.process.pwrite(self.fd, &bytes, offset), format!("write {length} at {offset}"))?;
        if self.copy.len() < end {
            self.copy.resize(end, 0);
        }
        self.copy[offset as usize..end].copy_from_slice(&bytes);
        Ok(())
    }

    fn truncate(&mut self) -> Check {
        let size = self.random.below(MOST_BYTES);
        context(self.process.ftruncate(self.fd, size), format!("truncate to {size}"))?;
        self.copy.resize(size as usize, 0);
        Ok(())
    }

    fn allocate(&mut self, flags: AllocateFlags) -> Check {
        let (offset, length) = self.range(MOST_BYTES);
        match self.process.fallocate(self.fd, flags, offset, length) {
            Err(KError { errno: Errno::ENOTSUP, .. }) => return Ok(()),
            result => context(result, format!("{flags:?} {length} at {offset}"))?,
        }
        let end = (offset + length) as usize;
        if !flags.contains(AllocateFlags::KEEP_SIZE) && self.copy.len() < end {
            self.copy.resize(end, 0);
        }
        if flags.intersects(AllocateFlags::PUNCH_HOLE | AllocateFlags::ZERO_RANGE) {
            let end = end.min(self.copy.len());
            if let Some(part) = self.copy.get_mut(offset as usize..end) {
                part.fill(0);
            }
        }
        Ok(())
    }

    /// Whatever is said to be a hole reads as zeros.
    fn seek(&mut self) -> Check {
        let size = self.copy.len() as u64;
        let mut at = self.random.below(size.max(1));
        while at < size {
            let data = match self.process.lseek(self.fd, at as i64, Whence::Data) {
                Ok(data) => data,
                Err(error) if error.errno == Errno::ENXIO => size,
                Err(error) => return Err(format!("seek to data: {error}")),
            };
            if data < at || self.copy[at as usize..data as usize].iter().any(|byte| *byte != 0) {
                return Err(format!("{at}..{data} is said to be a hole"));
            }
            if data >= size {
                break;
            }
            at = context(self.process.lseek(self.fd, data as i64, Whence::Hole), "seek to hole")?;
            if at <= data {
                return Err(format!("data at {data} ends at {at}"));
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> Check {
        context(self.process.close(self.fd), "close")?;
        self.fd = context(self.process.open(self.path, OpenFlags::RDWR, Mode::new(0)), "open")?;
        Ok(())
    }

    fn compare_all(&mut self) -> Check {
        let size = context(self.process.fstat(self.fd), "stat")?.size;
        if size != self.copy.len() as u64 {
            return Err(format!("{size} bytes long instead of {}", self.copy.len()));
        }
        let mut buffer = vec![0xa5; self.copy.len()];
        let count = context(self.process.pread(self.fd, &mut buffer, 0), "read")?;
        compare(&buffer[..count], &self.copy, 0, "whole file")
    }
}

fn compare(found: &[u8], expected: &[u8], offset: u64, what: &str) -> Check {
    if found == expected {
        return Ok(());
    }
    let same = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    Err(format!(
        "{what}: {} bytes instead of {} at {offset}, different from {} on ({:?} instead of {:?})",
        found.len(),
        expected.len(),
        offset + same as u64,
        found.get(same),
        expected.get(same)
    ))
}
