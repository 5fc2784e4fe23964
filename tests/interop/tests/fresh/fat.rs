//! Empty volumes of FAT: all sizes, widths, sectors and clusters that can be; and what `mkfs.fat` chooses.
//!
//! Where ours differ from those of `mkfs.fat`, on purpose: all sectors are used, not whole tracks alone; floppies of
//! 160, 180 and 320 KiB have the parameters of DOS; with other sectors than 512 bytes there are no floppies; FAT32
//! of fewer than 65,525 clusters is refused, since firmware takes it for FAT16; FAT16 has clusters below four sectors
//! where it needs them; FAT32 has no clusters beyond 32 KiB.

use crate::format::checked_fat;
use crate::{Blank, GIB, KIB, MIB, TIB, request, told};
use interop::suite::Suite;
use interop::{Check, context};
use rumpkit::Errno;
use rumpkit::mkfs::{Request, Zeroed};
use std::io::Read;
use std::path::Path;

/// With a name for each.
const SIZES: &[(&str, u64)] = &[
    ("160k", 160 * KIB),
    ("180k", 180 * KIB),
    ("320k", 320 * KIB),
    ("360k", 360 * KIB),
    ("720k", 720 * KIB),
    ("1200k", 1200 * KIB),
    ("1440k", 1440 * KIB),
    ("2880k", 2880 * KIB),
    ("4m", 4 * MIB),
    ("8m", 8 * MIB),
    ("16m", 16 * MIB),
    ("33m", 33 * MIB),
    ("100m", 100 * MIB),
    ("260m", 260 * MIB),
    ("512m", 512 * MIB),
    ("8g", 8 * GIB),
    ("64g", 64 * GIB),
    ("2t", 2 * TIB - MIB),
];
const SECTORS: &[u32] = &[512, 1024, 2048, 4096];
/// The largest cluster of FAT32 that we choose.
const MOST_CLUSTER: u32 = 32 << 10;
/// With just as many clusters as FAT16 has at least, minfo fails: on volumes of mkfs.fat, too.
const MINFO_FAILS: u64 = 4087;
/// fsck.fat keeps a whole table in memory.
const MOST_CLUSTERS: u64 = 1 << 22;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    for &(name, size) in SIZES {
        suite.add(format!("fat_{name}_is_sound_in_all_shapes"), lacking, move || all_shapes(size));
        suite.add(format!("fat_{name}_is_known_to_others"), lacking, move || known_to_others(size));
        suite.add(format!("fat_{name}_is_as_mkfs_fat_makes_it"), lacking, move || as_mkfs_fat_makes_it(size));
    }
    suite.add("fat_labels_beyond_ascii_are_stored", lacking, label_beyond_ascii);
    suite.add("fat_garbage_under_a_volume_does_not_show", lacking, garbage_does_not_show);
}

fn shapes(size: u64) -> Vec<Request> {
    let clusters = (9..=18).map(|bits| Some(1 << bits));
    let clusters: Vec<Option<u32>> = std::iter::once(None).chain(clusters).collect();
    let mut shapes = Vec::new();
    for fat_bits in [None, Some(12), Some(16), Some(32)] {
        for &sector in SECTORS {
            for &block_size in &clusters {
                shapes.push(Request { fat_bits, sector_size: Some(sector), block_size, ..request(size) });
            }
        }
    }
    shapes
}

/// What can be made is sound, and what cannot be says why.
fn all_shapes(size: u64) -> Check {
    let mut made = 0;
    for shape in shapes(size) {
        let name = format!("{:?} bits, {:?}, {:?}", shape.fat_bits, shape.sector_size, shape.block_size);
        let blank = Blank::new(size)?;
        let summary = match blank.make("vfat", &shape)? {
            Ok(summary) => summary,
            Err(error) if matches!(error.errno, Errno::EINVAL | Errno::ENOSPC | Errno::EFBIG) => continue,
            Err(error) => return Err(format!("{name}: {error}")),
        };
        made += 1;
        if shape.fat_bits.is_some_and(|bits| summary.features != [format!("fat{bits}")]) {
            return Err(format!("{name}: it became {:?}", summary.features));
        }
        if summary.blocks > MOST_CLUSTERS {
            continue;
        }
        let (used, all) = checked_fat(&blank.path).map_err(|what| format!("{name}: {what}"))?;
        if (all, all - used) != (summary.blocks, summary.free_blocks) {
            return Err(format!("{name}: {used} of {all} for fsck.fat, but {summary:?}"));
        }
    }
    // At least the default, and a few sizes of clusters.
    if made >= 4 { Ok(()) } else { Err(format!("only {made} shapes")) }
}

/// Label and serial number, by whoever reads them.
fn known_to_others(size: u64) -> Check {
    for &sector in SECTORS {
        let wishes = Request { label: "Rump Vol".into(), sector_size: Some(sector), ..request(size) };
        let blank = Blank::new(size)?;
        let made = context(blank.make("vfat", &wishes)?, "make")?;
        let image = blank.name();
        let label = told("mlabel", &["-s", "-i", &image, "::"])?;
        let listed = told("mdir", &["-i", &image, "::"])?;
        let info = match made.blocks {
            MINFO_FAILS => continue,
            _ => told("minfo", &["-i", &image, "::"])?,
        };
        let block = told("blkid", &["-p", "-o", "export", &image])?;
        let info_sector = format!("sector size: {sector} bytes");
        let info_cluster = format!("cluster size: {} sectors", made.block_size / sector);
        for (said, expected) in [
            (&label, "Volume label is RUMP VOL"),
            (&listed, "Volume Serial Number is 1A2B-3C4D"),
            (&listed, "No files"),
            (&info, &info_sector),
            (&info, &info_cluster),
            (&block, "TYPE=vfat"),
            (&block, "UUID=1A2B-3C4D"),
            (&block, "LABEL=RUMP"),
            (&block, "LABEL_FATBOOT=RUMP"),
        ] {
            if !said.contains(expected) {
                return Err(format!("sectors of {sector}: {expected:?} is not in {said}"));
            }
        }
    }
    Ok(())
}

/// mtools read it, in code page 437; fsck.fat takes its bytes for control characters, and that is told.
fn label_beyond_ascii() -> Check {
    let blank = Blank::new(MIB)?;
    let made = context(blank.make("vfat", &Request { label: "größe".into(), ..request(MIB) })?, "make")?;
    let said = told("mlabel", &["-s", "-i", &blank.name(), "::"])?;
    // What code page 437 has of it.
    if !said.contains("GRÖßE") || made.label != "GRÖßE" {
        return Err(format!("{said}, {made:?}"));
    }
    if made.notes.iter().any(|note| note.contains("fsck.fat")) { Ok(()) } else { Err(format!("{made:?}")) }
}

/// The fields of a boot sector that both makers choose.
#[derive(Debug, PartialEq, Eq)]
struct Choices {
    bits: u8,
    cluster: u32,
    reserved: u16,
    tables: u8,
    root_entries: u16,
    medium: u8,
    drive: u8,
    backup: u16,
}

/// And how long the parts are, in sectors.
struct Lengths {
    table: u64,
    all: u64,
    track: u64,
}

fn boot_sector(path: &Path) -> Check<(Choices, Lengths)> {
    let mut boot = [0; 512];
    context(context(std::fs::File::open(path), "image")?.read_exact(&mut boot), "boot sector")?;
    let short = |at: usize| u16::from_le_bytes([boot[at], boot[at + 1]]);
    let long =
        |at: usize| u64::from(u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]));
    let is_32 = short(22) == 0;
    let bits = match (is_32, &boot[54..59]) {
        (true, _) => 32,
        (_, b"FAT12") => 12,
        _ => 16,
    };
    let choices = Choices {
        bits,
        cluster: u32::from(boot[13]) * u32::from(short(11)),
        reserved: short(14),
        tables: boot[16],
        root_entries: short(17),
        medium: boot[21],
        drive: if is_32 { boot[64] } else { boot[36] },
        backup: if is_32 { short(50) } else { 0 },
    };
    let all = if short(19) == 0 { long(32) } else { short(19).into() };
    let table = if is_32 { long(36) } else { short(22).into() };
    Ok((choices, Lengths { table, all, track: short(24).into() }))
}

fn as_mkfs_fat_makes_it(size: u64) -> Check {
    for bits in [None, Some(12), Some(16), Some(32)] {
        for &sector in SECTORS {
            let is_small_floppy = bits.is_none_or(|bits| bits == 12) && size < 360 * KIB && sector == 512;
            let is_odd_floppy = bits.is_none_or(|bits| bits == 12) && size < 4 * MIB && sector != 512;
            if is_small_floppy || is_odd_floppy {
                continue;
            }
            let name = format!("{bits:?} bits, sectors of {sector}");
            let (ours, theirs) = (Blank::new(size)?, Blank::new(size)?);
            let wishes = Request { fat_bits: bits, sector_size: Some(sector), ..request(size) };
            let Ok(made) = ours.make("vfat", &wishes)? else { continue };
            let (given_sector, given_bits) = (sector.to_string(), bits.unwrap_or(0).to_string());
            let image = theirs.name();
            let mut arguments = vec!["-S", &given_sector];
            arguments.extend(bits.map(|_| ["-F", &given_bits]).iter().flatten());
            arguments.push(&image);
            match told("mkfs.fat", &arguments) {
                Ok(_) => {}
                Err(_) if bits == Some(16) && made.block_size < 4 * sector => continue,
                Err(what) => return Err(format!("{name}: {what}")),
            }
            let (our_choices, our_lengths) = boot_sector(&ours.path)?;
            let (their_choices, their_lengths) = boot_sector(&theirs.path)?;
            if their_choices.cluster > MOST_CLUSTER && our_choices.cluster == MOST_CLUSTER {
                continue;
            }
            if our_choices != their_choices {
                return Err(format!("{name}: {their_choices:?} by mkfs.fat, {our_choices:?} by us"));
            }
            let whole_tracks = our_lengths.all / their_lengths.track * their_lengths.track;
            let alignment = u64::from(our_choices.cluster / sector);
            let is_table_alike = our_lengths.table.abs_diff(their_lengths.table) <= alignment;
            if their_lengths.all != whole_tracks || !is_table_alike {
                return Err(format!(
                    "{name}: {} sectors and tables of {} by mkfs.fat, {} and {} by us",
                    their_lengths.all, their_lengths.table, our_lengths.all, our_lengths.table
                ));
            }
        }
    }
    Ok(())
}

/// Old content of the device must not be taken for the volume's.
fn garbage_does_not_show() -> Check {
    for size in [160 * KIB, 1440 * KIB, 5 * MIB, 40 * MIB, 70 * MIB] {
        for bits in [None, Some(32)].into_iter().filter(|bits| bits.is_none() || size > 35 * MIB) {
            let blank = Blank::new(size)?;
            context(std::fs::write(&blank.path, vec![0xa5; size as usize]), "garbage")?;
            let wishes = Request { fat_bits: bits, zeroed: Zeroed::No, ..request(size) };
            let made = context(blank.make("vfat", &wishes)?, "make")?;
            let (used, all) = checked_fat(&blank.path).map_err(|what| format!("{size}: {what}"))?;
            if (all, all - used) != (made.blocks, made.free_blocks) {
                return Err(format!("{size}: {used} of {all}"));
            }
            let listed = told("mdir", &["-i", &blank.name(), "::"])?;
            if !listed.contains("No files") {
                return Err(format!("{size}: {listed}"));
            }
        }
    }
    Ok(())
}
