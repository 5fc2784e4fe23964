//! Files beyond 4 GiB, which take several extents. The image is as sparse as its file.

use crate::linux;
use crate::make::Iso;
use interop::program::{lacks, run_ok};
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::image::{Address, Image, LockPolicy};
use rumpkit::{Mode, OpenFlags, PosixHost};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

const GIB: u64 = 1 << 30;
/// Length of the file.
pub const SIZE: u64 = 5 * GIB + 12_345;
/// Longest extent that is a multiple of a sector, where the second one begins.
pub const SEAM: u64 = 4 * GIB - 2048;

/// Where the file has bytes that are not zero: 5,000 each.
pub const PLACES: [u64; 6] = [0, GIB, SEAM - 3000, 4 * GIB - 10_000, 4 * GIB, SIZE - 5000];

/// An image of a file of 5 GiB and two small ones, before and behind it, by a command that writes `$1` to its output.
fn make(iso: &Iso, writer: &str) -> Check<File> {
    let tree = iso.beside("tree");
    context(std::fs::create_dir(&tree), "tree")?;
    let mut options = OpenOptions::new();
    let file = context(options.read(true).write(true).create_new(true).open(tree.join("large")), "large")?;
    context(file.set_len(SIZE), "large")?;
    for (seed, place) in PLACES.into_iter().enumerate() {
        context(file.write_all_at(&pattern(seed as u64, 5000), place), "large")?;
    }
    for name in ["a", "z"] {
        context(std::fs::write(tree.join(name), name), name)?;
    }
    let script = format!("{writer} | dd of=\"$2\" bs=1M conv=sparse iflag=fullblock status=none");
    run_ok("sh", &["-c", &script, "sh", &tree.to_string_lossy(), &iso.text()])?;
    Ok(file)
}

/// What is read around every seam is what was written, by Linux as by us.
pub fn agrees(writer: &str) -> Check {
    let iso = Iso::new("large")?;
    let file = make(&iso, writer)?;
    linux::multi_extent(&iso, &file)?;
    let host = PosixHost::new();
    let address = Address::parse(&*host, iso.text().as_bytes());
    let image = Image::open(host, &address, LockPolicy::NoLock).map_err(|error| error.to_string())?;
    let process = image.process();
    let size = context(process.stat("/large"), "large")?.size;
    if size != SIZE {
        return Err(format!("the file has {size} bytes of {SIZE}"));
    }
    let fd = context(process.open("/large", OpenFlags::empty(), Mode::new(0)), "large")?;
    let (mut ours, mut given) = (vec![0; 20_000], vec![0; 20_000]);
    for place in PLACES.into_iter().chain([SEAM, SEAM - 10_000, SIZE - 20_000, SIZE - 7]) {
        let place = place.saturating_sub(100);
        let count = context(process.pread(fd, &mut ours, place), "large")?;
        let expected = context(file.read_at(&mut given, place), "large")?;
        if ours[..count] != given[..expected] {
            return Err(format!("what is read from {place} differs"));
        }
    }
    let mut names = Vec::new();
    let root = context(process.open("/", OpenFlags::DIRECTORY, Mode::new(0)), "root")?;
    let listed = process.getdents(root, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    });
    context(listed, "root")?;
    names.sort();
    if names == [".", "..", "a", "large", "z"] { Ok(()) } else { Err(format!("{names:?}")) }
}

/// Programs that are needed.
pub fn lacking() -> Option<&'static str> {
    lacks(&["xorriso", "bsdtar", "dd", "sh"]).or_else(interop::uml::lacking)
}
