//! Empty volumes of exFAT: all sizes, sectors and clusters that can be; and what `mkfs.exfat` chooses.
//!
//! Where ours differ from those of `mkfs.exfat`, on purpose: volumes below 64 MiB are aligned to less than 1 MiB, so
//! that more of them is left for clusters.

use crate::format::{Format, checked_exfat};
use crate::{Blank, GIB, MIB, TIB, request, told};
use interop::image::Scratch;
use interop::suite::Suite;
use interop::{Check, context};
use rumpkit::Errno;
use rumpkit::mkfs::{Request, Zeroed};
use std::io::Read;
use std::path::Path;

/// With a name for each.
const SIZES: &[(&str, u64)] = &[
    ("1m", MIB),
    ("3m", 3 * MIB),
    ("4m", 4 * MIB),
    ("16m", 16 * MIB),
    ("33m", 33 * MIB),
    ("64m", 64 * MIB),
    ("256m", 256 * MIB),
    ("257m", 257 * MIB),
    ("512m", 512 * MIB),
    ("8g", 8 * GIB),
    ("33g", 33 * GIB),
    ("64g", 64 * GIB),
    ("2t", 2 * TIB),
];
const SECTORS: &[u32] = &[512, 1024, 2048, 4096];
/// From this size on, mkfs.exfat and we align alike.
const ALIGNED_BYTES: u64 = 64 * MIB;
/// mkfs.exfat wants 1 MiB for the boot region and as much for the table.
const LEAST_OF_MKFS: u64 = 3 * MIB;
/// fsck.exfat has bitmaps in memory, and walks through them.
const MOST_CLUSTERS: u64 = 1 << 22;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    for &(name, size) in SIZES {
        suite.add(format!("exfat_{name}_is_sound_in_all_shapes"), lacking, move || all_shapes(size));
        suite.add(format!("exfat_{name}_is_known_to_others"), lacking, move || known_to_others(size));
        if size >= LEAST_OF_MKFS {
            let run = move || as_mkfs_exfat_makes_it(size);
            suite.add(format!("exfat_{name}_is_as_mkfs_exfat_makes_it"), lacking, run);
        }
    }
    let mounts = lacking.or_else(crate::format::lacks_mounts);
    suite.add("exfat_garbage_under_a_volume_does_not_show", mounts, garbage_does_not_show);
}

/// What can be made is sound, and what cannot be says why.
fn all_shapes(size: u64) -> Check {
    let mut made = 0;
    for &sector in SECTORS {
        for block_size in std::iter::once(None).chain((9..=25).map(|bits| Some(1 << bits))) {
            let name = format!("{sector}, {block_size:?}");
            let shape = Request { sector_size: Some(sector), block_size, ..request(size) };
            let blank = Blank::new(size)?;
            let summary = match blank.make("exfat", &shape)? {
                Ok(summary) => summary,
                Err(error) if matches!(error.errno, Errno::EINVAL | Errno::ENOSPC) => continue,
                Err(error) => return Err(format!("{name}: {error}")),
            };
            made += 1;
            if summary.blocks > MOST_CLUSTERS {
                continue;
            }
            let (used, all) = checked_exfat(&blank.path).map_err(|what| format!("{name}: {what}"))?;
            if (all, all - used) != (summary.blocks, summary.free_blocks) {
                return Err(format!("{name}: {used} of {all} for dump.exfat, but {summary:?}"));
            }
        }
    }
    if made >= 30 { Ok(()) } else { Err(format!("only {made} shapes")) }
}

/// Label and serial number, by whoever reads them.
fn known_to_others(size: u64) -> Check {
    for &sector in SECTORS {
        let wishes = Request { label: "Rump Größe".into(), sector_size: Some(sector), ..request(size) };
        let blank = Blank::new(size)?;
        context(blank.make("exfat", &wishes)?, "make")?;
        let image = blank.name();
        let label = told("exfatlabel", &[&image])?;
        let serial = told("exfatlabel", &["-i", &image])?;
        let block = told("blkid", &["-p", "-o", "export", &image])?;
        for (said, expected) in [
            (&label, "label: Rump Größe"),
            (&serial, "volume serial : 0x1a2b3c4d"),
            (&block, "TYPE=exfat"),
            (&block, "UUID=1A2B-3C4D"),
            (&block, "LABEL="),
        ] {
            if !said.contains(expected) {
                return Err(format!("sectors of {sector}: {expected:?} is not in {said}"));
            }
        }
    }
    Ok(())
}

/// From the length of the volume to the serial number, which is not looked at, and from the version to the share in use.
fn boot_sector(path: &Path) -> Check<(Vec<u8>, [u8; 8])> {
    let mut boot = [0; 512];
    context(context(std::fs::File::open(path), "image")?.read_exact(&mut boot), "boot sector")?;
    let mut version = [0; 8];
    version.copy_from_slice(&boot[104..112]);
    Ok((boot[64..100].to_vec(), version))
}

fn as_mkfs_exfat_makes_it(size: u64) -> Check {
    for cluster in [None, Some(4096), Some(65_536), Some(1 << 20)] {
        if cluster.is_some_and(|cluster| {
            u64::from(cluster) * 64 > size || size / u64::from(cluster) > MOST_CLUSTERS
        }) {
            continue;
        }
        let (ours, theirs) = (Blank::new(size)?, Blank::new(size)?);
        context(ours.make("exfat", &Request { block_size: cluster, ..request(size) })?, "make")?;
        let (given, image) = (cluster.unwrap_or(0).to_string(), theirs.name());
        let mut arguments: Vec<&str> = cluster.map(|_| ["-c", &given]).into_iter().flatten().collect();
        arguments.push(&image);
        told("mkfs.exfat", &arguments)?;
        let (our_places, our_version) = boot_sector(&ours.path)?;
        let (their_places, their_version) = boot_sector(&theirs.path)?;
        if our_version != their_version {
            return Err(format!("{cluster:?}: {their_version:x?} by mkfs.exfat, {our_version:x?} by us"));
        }
        // The length of the table, which mkfs.exfat makes for some clusters more, may differ.
        let but_the_table = |places: &[u8]| [&places[..20], &places[24..]].concat();
        if size >= ALIGNED_BYTES && but_the_table(&our_places) != but_the_table(&their_places) {
            return Err(format!("{cluster:?}: {their_places:x?} by mkfs.exfat, {our_places:x?} by us"));
        }
    }
    Ok(())
}

/// Old content of the device must not be taken for the volume's.
fn garbage_does_not_show() -> Check {
    for (size, cluster) in [(MIB, None), (5 * MIB, Some(65_536)), (70 * MIB, None), (70 * MIB, Some(1 << 20))]
    {
        let blank = Blank::new(size)?;
        context(std::fs::write(&blank.path, vec![0xa5; size as usize]), "garbage")?;
        let wishes = Request { block_size: cluster, zeroed: Zeroed::No, ..request(size) };
        let made = context(blank.make("exfat", &wishes)?, "make")?;
        let (used, all) = checked_exfat(&blank.path).map_err(|what| format!("{size}: {what}"))?;
        if (all, all - used) != (made.blocks, made.free_blocks) {
            return Err(format!("{size}: {used} of {all}"));
        }
        let scratch = Scratch::new("nothing")?;
        Format::Exfat.copy_out(&blank.path, &scratch.path(""))?;
        if context(std::fs::read_dir(scratch.path("")), "target")?.count() > 0 {
            return Err(format!("{size}: there are files"));
        }
    }
    Ok(())
}
