//! Damage to what the format keeps in two places: the tree must be the one that the kernel showed before.
#![forbid(unsafe_code)]

use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::suite::{Suite, lacks_kernel};
use interop::tree::{Contents, compare, of_host};
use interop::{Check, context, rump, source};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Where the superblock of a volume begins, and its length.
const SUPERBLOCK: Range<u64> = 1024..2048;

/// Name, mebibytes (two groups at least) and options of `mke2fs`.
const FORMATS: &[(&str, u64, &str)] = &[
    ("ext2_revision_0", 64, "-t ext2 -r 0 -b 1024"),
    ("ext2_1k", 64, "-t ext2 -b 1024"),
    ("ext2_2k", 64, "-t ext2 -b 2048"),
    ("ext2_4k", 300, "-t ext2 -b 4096"),
    ("ext3_1k", 64, "-t ext3 -b 1024"),
    ("ext4_1k", 64, "-t ext4 -b 1024"),
    ("ext4_4k", 300, "-t ext4"),
    ("ext4_16k", 5000, "-t ext4 -b 16384 -N 4096"),
    ("ext4_without_checksums", 300, "-t ext4 -O ^metadata_csum,^uninit_bg"),
    ("ext4_uninit_bg", 300, "-t ext4 -O ^metadata_csum,uninit_bg"),
    ("ext4_meta_bg", 64, "-t ext4 -b 1024 -O meta_bg,^resize_inode"),
    ("ext4_sparse_super2", 300, "-t ext4 -O sparse_super2,^resize_inode"),
    ("ext4_bigalloc", 6000, "-t ext4 -O bigalloc -C 65536 -N 8192"),
    ("ext4_bigalloc_1k", 300, "-t ext4 -b 1024 -O bigalloc -C 8192"),
    ("ext4_checksum_seed", 300, "-t ext4 -O metadata_csum_seed"),
];

fn main() {
    let lacking = lacks_kernel();
    let mut suite = Suite::default();
    for (name, mebibytes, options) in FORMATS {
        let wiped = || superblock_is_wiped(name, *mebibytes, options);
        suite.add(format!("{name}_without_its_superblock"), lacking, wiped);
        let start = || start_is_wiped(name, *mebibytes, options);
        suite.add(format!("{name}_without_superblock_and_descriptors"), lacking, start);
        let descriptors = || descriptors_are_wiped(name, *mebibytes, options);
        suite.add(format!("{name}_without_descriptors"), lacking, descriptors);
    }
    suite.add("a_wrong_checksum_of_a_descriptor_is_noted_once", lacking, descriptor_is_doubtful);
    suite.add("another_format_hides_old_backups", lacking, another_format);
    suite.run();
}

struct Case {
    image: Image,
    before: interop::tree::Tree,
    superblock: u64,
    descriptors: Range<u64>,
}

/// An image, what the kernel shows of it, and where its first group's descriptors are.
fn make(name: &str, mebibytes: u64, options: &str) -> Check<Case> {
    let source = Scratch::new("source")?;
    let root = source.path("tree");
    context(std::fs::create_dir(&root), "source")?;
    source::fill(&root, 200)?;
    let options: Vec<&str> = options.split(' ').collect();
    let image = Image::make(name, mebibytes, &options, Some(&root))?;
    let before = match Mounted::read_only(&image.path()) {
        Ok(mounted) => of_host(mounted.path(), Contents::Hashed)?,
        // Blocks larger than this kernel's pages: what we saw before the damage, which the matrix checks.
        Err(_) => rump::view(&image.path().to_string_lossy(), Contents::Hashed)?,
    };
    let (superblock, descriptors) = layout(&image)?;
    Ok(Case { image, before, superblock, descriptors })
}

/// Bytes of the descriptors of the first group, as `dumpe2fs` tells them.
fn layout(image: &Image) -> Check<(u64, Range<u64>)> {
    let text = run_ok("dumpe2fs", &[image.path()])?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let after = |key: &str| {
        let rest = text.split_once(key).map(|(_, rest)| rest);
        rest.ok_or_else(|| format!("dumpe2fs does not tell {key}"))
    };
    let word = |rest: &str| rest.split([',', '\n', ' ']).next().unwrap_or_default().to_string();
    let block_size = number(&word(after("Block size:")?.trim_start()))?;
    let line = after("Primary superblock at ")?;
    let superblock = number(&word(line))?;
    let place = line.split_once("Group descriptor").and_then(|(_, rest)| rest.split_once("at "));
    let place = word(place.ok_or("dumpe2fs does not tell the descriptors")?.1);
    let (first, last) = place.split_once('-').unwrap_or((&place, &place));
    Ok((superblock, number(first)? * block_size..(number(last)? + 1) * block_size))
}

fn wipe(image: &Image, range: Range<u64>) -> Check {
    let file = context(File::options().write(true).open(image.path()), "image")?;
    let zeros = vec![0; (range.end - range.start) as usize];
    context(file.write_all_at(&zeros, range.start), "image")
}

fn check(case: &Case, note: &str) -> Check {
    let place = case.image.path().to_string_lossy().into_owned();
    let finished = rump::run(&["ls", &format!("{place}:/")], Duration::from_secs(10))?;
    if !finished.stderr.contains(note) {
        return Err(format!(
            "no {note:?} in {:?} (superblock in block {})",
            finished.stderr, case.superblock
        ));
    }
    compare(&case.before, &rump::view(&place, Contents::Hashed)?)
}

fn superblock_is_wiped(name: &str, mebibytes: u64, options: &str) -> Check {
    let case = make(name, mebibytes, options)?;
    wipe(&case.image, SUPERBLOCK)?;
    check(&case, "the primary superblock is missing: using the backup at byte")
}

fn start_is_wiped(name: &str, mebibytes: u64, options: &str) -> Check {
    let case = make(name, mebibytes, options)?;
    wipe(&case.image, SUPERBLOCK)?;
    wipe(&case.image, case.descriptors.clone())?;
    check(&case, "the primary superblock is missing: using the backup at byte")
}

fn descriptors_are_wiped(name: &str, mebibytes: u64, options: &str) -> Check {
    let case = make(name, mebibytes, options)?;
    wipe(&case.image, case.descriptors.clone())?;
    check(&case, "")
}

/// One group, so there is no copy; its descriptor loses a bit that reading does not need.
fn descriptor_is_doubtful() -> Check {
    let case = make("doubtful", 64, "-t ext4 -b 4096")?;
    let file = context(File::options().read(true).write(true).open(case.image.path()), "image")?;
    let mut byte = [0];
    let at = case.descriptors.start + 0xc;
    context(file.read_exact_at(&mut byte, at), "image")?;
    context(file.write_all_at(&[byte[0] ^ 1], at), "image")?;
    let root = format!("{}:/", case.image.path().to_string_lossy());
    let finished = rump::run(&["ls", "-R", &root], Duration::from_secs(10))?;
    let notes = finished.stderr.matches("group 0: no copy of the descriptor has the right checksum").count();
    if notes != 1 {
        return Err(format!("{notes} notes: {}", finished.stderr));
    }
    check(&case, "group 0")
}

/// A volume made over an older one does not erase the backups, and must not be taken for the older one.
fn another_format() -> Check {
    let case = make("hidden", 64, "-t ext4 -b 1024")?;
    wipe(&case.image, SUPERBLOCK)?;
    let file = context(File::options().write(true).open(case.image.path()), "image")?;
    for (offset, signature) in [(0, b"XFSB".as_slice()), (32_769, b"CD001"), (65_600, b"_BHRfS_M")] {
        let place = case.image.path().to_string_lossy().into_owned();
        let mut kept = vec![0; signature.len()];
        let reader = context(File::open(case.image.path()), "image")?;
        context(reader.read_exact_at(&mut kept, offset), "image")?;
        context(file.write_all_at(signature, offset), "image")?;
        let finished = rump::run(&["info", &place], Duration::from_secs(10))?;
        let told = String::from_utf8_lossy(&finished.stdout);
        // One that we know is named, the others are not.
        if told.contains("ext4") || finished.status != Some(3) && !told.contains("damaged volume descriptors")
        {
            return Err(format!("{signature:?}: taken for a volume: {}\n{told}", finished.verdict()));
        }
        context(file.write_all_at(&kept, offset), "image")?;
    }
    check(&case, "missing")
}
