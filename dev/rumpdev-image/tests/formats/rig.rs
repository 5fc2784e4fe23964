//! What all rows need: files to make images of, our view of an image, and QEMU's.

use interop::image::Scratch;
use interop::program::{self, lacks, run_ok};
use interop::{Check, context};
use rump_dev::{HostDevice, ReadOnly};
use rump_host_posix::PosixHost;
use rump_hyper::{Access, HostFs, Lock};
use rump_kpi::{BlockDevice, KError, KResult};
use rump_random::Random;
use rumpdev_image::{Opened, Options, Sibling, Siblings};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Length of the disks of the rows: no multiple of any cluster but the smallest.
pub const DISK_BYTES: usize = (5 << 20) + 3 * 512;

/// What the rows need and this machine lacks.
pub fn lacking() -> Option<&'static str> {
    lacks(&["qemu-img", "qemu-io"])
}

/// The files of the host.
pub struct Files;

impl Siblings for Files {
    fn open(&self, from: &[u8], name: &[u8], access: Access) -> KResult<Sibling> {
        let folder = Path::new(OsStr::from_bytes(from)).parent().unwrap_or(Path::new("/"));
        let path = folder.join(OsStr::from_bytes(name));
        let (device, identity) = file(&path, access)?;
        Ok(Sibling { device, path: path.into_os_string().into_encoded_bytes(), identity })
    }
}

/// A file and its identity.
pub type Known = (Arc<dyn BlockDevice>, Option<(u64, u64)>);

/// Opens a file of the host.
pub fn file(path: &Path, access: Access) -> KResult<Known> {
    let path = path.as_os_str().as_bytes();
    let host = PosixHost::new();
    let failed = |error: rump_hyper::HostError| KError::new(error.errno, error.what);
    let device = HostDevice::new(host.open(path, access, Lock::None).map_err(failed)?);
    let device = if access == Access::Read { ReadOnly::new(device) } else { device };
    Ok((device, host.stat(path).map_err(failed)?.identity))
}

/// Opens an image.
pub fn open_with(path: &Path, access: Access, options: &Options) -> KResult<Opened> {
    let (device, identity) = file(path, access)?;
    rumpdev_image::open(device, (path.as_os_str().as_bytes(), identity), &Files, options)
}

/// Opens an image whose format is to be found out.
pub fn open(path: &Path, access: Access) -> Check<Opened> {
    open_with(path, access, &Options::default()).map_err(|error| error.to_string())
}

/// All of a disk, in pieces that fit no cluster.
pub fn read_all(device: &dyn BlockDevice) -> Check<Vec<u8>> {
    let mut bytes = vec![0; device.size_bytes() as usize];
    let mut at = 0;
    for (index, piece) in bytes.chunks_mut(333 * 512 + 7).enumerate() {
        device.read_at(at, piece).map_err(|error| format!("piece {index} at {at}: {error}"))?;
        at += piece.len() as u64;
    }
    Ok(bytes)
}

/// A folder with a raw disk in it, `raw`, of text, noise and holes.
pub fn folder(name: &str) -> Check<Scratch> {
    let scratch = Scratch::in_memory(name)?;
    context(fs::write(scratch.path("raw"), content(1, DISK_BYTES)), "raw")?;
    Ok(scratch)
}

/// Text, noise and zeros, by turns of different lengths.
pub fn content(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(len + (1 << 20));
    while bytes.len() < len {
        let run = 512 << (random.number() % 10);
        match random.number() % 3 {
            0 => bytes.extend(std::iter::repeat_n(0, run)),
            1 => bytes.extend((0..run).map(|at| b'a' + (at / 7 % 26) as u8)),
            _ => bytes.extend((0..run).map(|_| random.number() as u8)),
        }
    }
    bytes.truncate(len);
    bytes
}

/// Runs `qemu-img` in words, with the names of files made paths of the folder: words that begin with `@`.
pub fn qemu_img(scratch: &Scratch, words: &str) -> Check<String> {
    let words: Vec<String> = words.split_whitespace().map(|word| named(scratch, word)).collect();
    program::qemu_img(&words)
}

fn named(scratch: &Scratch, word: &str) -> String {
    match word.split_once('@') {
        Some((before, name)) => format!("{before}{}", scratch.path(name).display()),
        None => word.into(),
    }
}

/// Runs commands of `qemu-io` on an image.
pub fn qemu_io(image: &Path, format: &str, commands: &[&str]) -> Check {
    let mut words = vec!["-f".to_string(), format.into()];
    words.extend(commands.iter().flat_map(|command| ["-c".to_string(), command.to_string()]));
    words.push(image.display().to_string());
    run_ok("qemu-io", &words).map(drop)
}

/// Whether our view of an image is QEMU's.
pub fn same(scratch: &Scratch, image: &str, format: &str) -> Check {
    qemu_img(scratch, &format!("convert -f {format} -O raw @{image} @expected"))?;
    let ours = read_all(&*open(&scratch.path(image), Access::Read)?.device)?;
    equal(&scratch.path("expected"), &ours)
}

/// Whether a file holds these bytes.
pub fn equal(expected: &PathBuf, ours: &[u8]) -> Check {
    let expected = context(fs::read(expected), expected.display())?;
    if expected.len() != ours.len() {
        return Err(format!("{} bytes, ours {}", expected.len(), ours.len()));
    }
    match expected.iter().zip(ours).position(|(one, other)| one != other) {
        None => Ok(()),
        Some(at) => Err(format!("byte {at} is {}, ours {}", expected[at], ours[at])),
    }
}

/// The error of an image that is refused has to name the reason.
pub fn refused(result: KResult<Opened>, words: &str) -> Check {
    match result {
        Ok(_) => Err("it was opened".into()),
        Err(error) if error.to_string().contains(words) => Ok(()),
        Err(error) => Err(format!("refused otherwise: {error}")),
    }
}
