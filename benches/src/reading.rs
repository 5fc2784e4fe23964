//! Reading within this process: through a kernel, and from host files.

use crate::Outcome;
use crate::image::{LARGE, next};
use rumpkit::image::{Address, Image, LockPolicy};
use rumpkit::{Mode, OpenFlags, PosixHost};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Size of one read of the sequential pass.
const CHUNK: usize = 1 << 20;

/// Reads of the random pass.
pub const RANDOM_READS: u64 = 50_000;

/// Opens an image and mounts what is in it.
fn open(image: &Path) -> Outcome<Image> {
    let host = PosixHost::new();
    let address = Address::parse(&*host, image.to_string_lossy().as_bytes());
    Ok(Image::open(host, &address, LockPolicy::NoLock)?)
}

/// The large file, from its beginning to its end.
pub fn sequential(image: &Path) -> Outcome<Duration> {
    let image = open(image)?;
    let process = image.process();
    let fd = process.open("/large", OpenFlags::empty(), Mode::new(0))?;
    from_begin_to_end(LARGE, |buffer, _| Ok(process.read(fd, buffer)?))
}

/// As many bytes of a host file.
///
/// For pread it is the image, so that both copy out of the same pages of the host's cache: how large those are
/// depends on how a file was written, and changes the figure by a third.
pub fn plain_sequential(path: &Path, size: u64) -> Outcome<Duration> {
    let file = File::open(path)?;
    from_begin_to_end(size, |buffer, offset| Ok(file.read_at(buffer, offset)?))
}

fn from_begin_to_end(size: u64, mut read: impl FnMut(&mut [u8], u64) -> Outcome<usize>) -> Outcome<Duration> {
    let mut buffer = vec![0; CHUNK];
    let start = Instant::now();
    let mut total = 0;
    while total < size {
        match read(&mut buffer, total)? {
            0 => break,
            length => total += length as u64,
        }
    }
    whole(total, size).map(|()| start.elapsed())
}

/// Blocks of the large file in no order.
pub fn random(image: &Path) -> Outcome<Duration> {
    let image = open(image)?;
    let process = image.process();
    let fd = process.open("/large", OpenFlags::empty(), Mode::new(0))?;
    let mut buffer = vec![0; 4096];
    at_random(|offset| Ok(process.pread(fd, &mut buffer, offset)?))
}

/// As many blocks of a host file.
pub fn plain_random(path: &Path) -> Outcome<Duration> {
    let file = File::open(path)?;
    let mut buffer = vec![0; 4096];
    at_random(|offset| Ok(file.read_at(&mut buffer, offset)?))
}

fn at_random(mut read: impl FnMut(u64) -> Outcome<usize>) -> Outcome<Duration> {
    let mut state = 1;
    let mut total = 0;
    let start = Instant::now();
    for _ in 0..RANDOM_READS {
        state = next(state);
        total += read(state % (LARGE / 4096) * 4096)? as u64;
    }
    whole(total, RANDOM_READS * 4096).map(|()| start.elapsed())
}

fn whole(seen: u64, expected: u64) -> Outcome {
    if seen >= expected { Ok(()) } else { Err(format!("read {seen} of {expected} bytes").into()) }
}

/// A kernel without devices.
pub fn boot() -> Outcome<Duration> {
    let start = Instant::now();
    let kernel = rumpkit::Kernel::builder(PosixHost::new()).boot()?;
    let elapsed = start.elapsed();
    drop(kernel);
    Ok(elapsed)
}

/// From nothing to the attributes of a file in an image.
pub fn boot_and_mount(image: &Path) -> Outcome<Duration> {
    let start = Instant::now();
    open(image)?.process().stat("/large")?;
    Ok(start.elapsed())
}
