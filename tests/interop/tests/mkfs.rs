//! Fresh volumes of ours against those of `mke2fs` with the same options.
//!
//! Judges: `e2fsck -fn`, `dumpe2fs -h` of both volumes, the kernel, which mounts ours and writes to it, and
//! `resize2fs`, which makes a copy larger.
//!
//! Differences that are meant: times, checksums and `Lifetime writes`; with bigalloc also `Overhead clusters` and
//! `Free blocks`, because metadata are packed more closely here; with inline_data also `Free blocks`, because the
//! root directory begins with a block of its own.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::mount::Mounted;
use interop::program::{lacks, run_ok, run_within};
use interop::suite::{Suite, lacks_kernel};
use interop::tree::{Contents, sha256_of_file};
use interop::{Check, context, rump};
use rumpfs_ext2fs::mkfs::{Inodes, Kind, Options, Summary, Zeroed, format};
use rumpkit::hyper::{Access, HostFs, Lock};
use rumpkit::{PosixHost, TimeSpec};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const UUID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const HASH_SEED: &str = "00112233-4455-6677-8899-aabbccddeeff";

/// Length, and options as `mke2fs` takes them.
const CASES: &[(u64, &str)] = &[
    (64 * KIB, "-t ext2 -N 16"),
    (64 * KIB, "-t ext4 -N 16"),
    (360 * KIB, "-t ext2"),
    (MIB, "-t ext2"),
    (MIB, "-t ext3"),
    (MIB, "-t ext4"),
    (2 * MIB, "-t ext4"),
    (8 * MIB, "-t ext2"),
    (8 * MIB, "-t ext3"),
    (8200 * KIB, "-t ext4"),
    (8300 * KIB, "-t ext4"),
    (9000 * KIB, "-t ext4"),
    (64 * MIB, "-t ext2 -b 2048"),
    (64 * MIB, "-t ext2 -b 1024 -O ^sparse_super,^resize_inode"),
    (64 * MIB, "-t ext2 -O none"),
    (64 * MIB, "-t ext2 -O ^filetype,^dir_index,^ext_attr"),
    (64 * MIB, "-t ext2 -I 128"),
    (64 * MIB, "-t ext2 -O extent,metadata_csum"),
    (64 * MIB, "-t ext3 -J size=2 -L name"),
    (64 * MIB, "-t ext3 -I 512 -m 0"),
    (64 * MIB, "-t ext4"),
    (64 * MIB, "-t ext4 -I 1024 -b 1024"),
    (64 * MIB, "-t ext4 -b 2048 -i 2048"),
    (64 * MIB, "-t ext4 -b 4096 -J size=8 -m 10"),
    (64 * MIB, "-t ext4 -b 65536"),
    (64 * MIB, "-t ext4 -O ^has_journal,^metadata_csum,uninit_bg"),
    (64 * MIB, "-t ext4 -O ^has_journal,^metadata_csum"),
    (64 * MIB, "-t ext4 -O ^extent,^64bit"),
    (64 * MIB, "-t ext4 -O ^flex_bg"),
    (64 * MIB, "-t ext4 -G 2"),
    (64 * MIB, "-t ext4 -O ^large_file,^huge_file,^dir_nlink,^extra_isize -b 4096"),
    (64 * MIB, "-t ext4 -O sparse_super2"),
    (7 * MIB, "-t ext4 -O sparse_super2"),
    (12 * MIB, "-t ext4 -O sparse_super2"),
    (64 * MIB, "-t ext4 -O meta_bg,^resize_inode"),
    (300 * MIB, "-t ext4 -O meta_bg,^resize_inode -b 1024"),
    (300 * MIB, "-t ext2 -O meta_bg,^resize_inode -b 1024"),
    (64 * MIB, "-t ext4 -O inline_data"),
    (64 * MIB, "-t ext4 -O metadata_csum_seed,ea_inode,large_dir"),
    (64 * MIB, "-t ext4 -O orphan_file"),
    (64 * MIB, "-t ext4 -O fast_commit"),
    (64 * MIB, "-t ext4 -O casefold,encrypt,verity,stable_inodes"),
    (64 * MIB, "-t ext4 -O bigalloc"),
    (200 * MIB, "-t ext4 -O bigalloc -b 1024 -C 8192"),
    (200 * MIB, "-t ext4 -O bigalloc,orphan_file,^flex_bg -b 1024 -C 4096"),
    (GIB, "-t ext4 -O bigalloc -C 65536"),
    (64 * MIB, "-t ext4 -O 64bit,^metadata_csum,^resize_inode"),
    (129 * MIB, "-t ext4 -b 1024"),
    (300 * MIB, "-t ext4 -b 8192"),
    (300 * MIB, "-t ext4 -b 16384"),
    (600 * MIB, "-t ext2"),
    (600 * MIB, "-t ext3"),
    (600 * MIB, "-t ext4 -b 1024 -O ^flex_bg -J size=256"),
    (GIB, "-t ext3 -b 1024 -J size=128"),
    (GIB, "-t ext4"),
    (GIB, "-t ext4 -N 100000 -G 64"),
    (GIB, "-t ext4 -b 65536"),
    (16 * GIB, "-t ext4"),
    (16 * GIB, "-t ext4 -O ^flex_bg,orphan_file,metadata_csum_seed"),
    (100 * GIB, "-t ext3"),
    (TIB, "-t ext4 -i 1048576"),
    (TIB, "-t ext4 -b 1024 -N 1000000"),
    (4 * TIB, "-t ext4 -i 4194304"),
    (5 * TIB, "-t ext4 -b 1024 -O bigalloc -C 65536 -N 1000000"),
];

/// Fields of `dumpe2fs -h` that differ on purpose.
const DIFFERENT: &[&str] = &[
    "Filesystem created",
    "Last write time",
    "Last checked",
    "Lifetime writes",
    "Checksum",
    "Journal checksum",
];

fn main() {
    let lacking = lacks_kernel().or_else(|| lacks(&["e2fsck", "resize2fs", "debugfs"]));
    let mut suite = Suite::default();
    for (size, arguments) in CASES {
        let name = format!("{}k{}", size >> 10, arguments.replace([' ', ','], "_"));
        suite.add(format!("{name}_is_as_mke2fs_makes_it"), lacking, || as_mke2fs_makes_it(*size, arguments));
    }
    for (size, arguments, larger) in GROWTHS {
        let name = format!("{}k{}", size >> 10, arguments.replace([' ', ','], "_"));
        suite.add(format!("{name}_grows"), lacking, || grows(*size, arguments, *larger));
    }
    suite.add("garbage_under_a_volume_does_not_show", lacking, garbage_does_not_show);
    suite.add("the_same_options_give_the_same_bytes", None, same_bytes);
    suite.add("inodes_of_the_file_system_are_sane", lacking, inodes_are_sane);
    suite.add("what_cannot_be_is_refused_by_name", None, refused_by_name);
    suite.add("time_of_16_gib", lacking, time_of_16_gib);
    suite.run();
}

/// Length, options, and the length to which `resize2fs` takes a copy.
const GROWTHS: &[(u64, &str, u64)] = &[
    (64 * MIB, "-t ext4", 400 * MIB),
    (8 * MIB, "-t ext2", 300 * MIB),
    (8 * MIB, "-t ext3", 300 * MIB),
    (GIB, "-t ext4", 20 * GIB),
    (GIB, "-t ext4 -O ^flex_bg", 9 * GIB),
    (64 * MIB, "-t ext4 -O sparse_super2", 400 * MIB),
    (64 * MIB, "-t ext4 -O meta_bg,^resize_inode", 400 * MIB),
];

/// A sparse file in a folder of its own.
struct Blank {
    _scratch: Scratch,
    path: PathBuf,
}

impl Blank {
    fn new(name: &str, size: u64) -> Check<Self> {
        let scratch = Scratch::new(name)?;
        let path = scratch.path("image");
        let file = context(File::create(&path), "image")?;
        context(file.set_len(size), "image")?;
        Ok(Self { _scratch: scratch, path })
    }
}

fn bytes_of(text: &str) -> Check<[u8; 16]> {
    let digits = text.replace('-', "");
    let number = context(u128::from_str_radix(&digits, 16), text)?;
    Ok(number.to_be_bytes())
}

/// The options of `mke2fs` as ours.
fn parse(size: u64, arguments: &str) -> Check<Options> {
    let now = context(SystemTime::now().duration_since(UNIX_EPOCH), "clock")?;
    let now = TimeSpec { sec: now.as_secs() as i64, nsec: now.subsec_nanos() };
    let mut options = Options::new(Kind::Ext2, size, bytes_of(UUID)?, bytes_of(HASH_SEED)?, now);
    options.zeroed = Zeroed::Yes;
    let mut words = arguments.split(' ');
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        let number = || context(value.trim_start_matches("size=").parse::<u64>(), value);
        match flag {
            "-t" => {
                options.kind = match value {
                    "ext2" => Kind::Ext2,
                    "ext3" => Kind::Ext3,
                    _ => Kind::Ext4,
                }
            }
            "-b" => options.block_size = Some(number()? as u32),
            "-C" => options.cluster_size = Some(number()? as u32),
            "-G" => options.flex_groups = Some(number()? as u32),
            "-I" => options.inode_size = Some(number()? as u16),
            "-J" => options.journal_bytes = Some(number()? << 20),
            "-L" => options.label = value.into(),
            "-N" => options.inodes = Inodes::Count(number()? as u32),
            "-O" => options.features = value.into(),
            "-i" => options.inodes = Inodes::BytesPerInode(number()?),
            "-m" => options.reserved_percent = number()? as u8,
            other => return Err(format!("option {other}")),
        }
    }
    Ok(options)
}

fn make(path: &Path, options: &Options) -> Check<Summary> {
    let host = PosixHost::new();
    let io = host.open(path.as_os_str().as_encoded_bytes(), Access::ReadWrite, Lock::Advisory);
    let device = rumpkit::dev::HostDevice::new(context(io, "open")?);
    context(format(device.as_ref(), options), "format")
}

fn make_by_mke2fs(path: &Path, arguments: &str) -> Check {
    let seed = format!("hash_seed={HASH_SEED}");
    let mut all = vec!["-q", "-F", "-U", UUID, "-E", &seed];
    all.extend(arguments.split(' '));
    let path = path.to_string_lossy();
    all.push(&path);
    run_ok("mke2fs", &all).map(drop)
}

/// A check that changes nothing has nothing to say.
fn is_clean(path: &Path) -> Check {
    let finished = run_within(Command::new("e2fsck").arg("-fn").arg(path), Duration::from_secs(300))?;
    match finished.status {
        Some(0) => Ok(()),
        _ => Err(format!("e2fsck: {}\n{}", finished.verdict(), String::from_utf8_lossy(&finished.stdout))),
    }
}

fn header(path: &Path) -> Check<BTreeMap<String, String>> {
    let text = run_ok("dumpe2fs", &["-h".as_ref(), path])?;
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Ok(fields.map(|(name, value)| (name.to_string(), value.trim().to_string())).collect())
}

fn as_mke2fs_makes_it(size: u64, arguments: &str) -> Check {
    let ours = Blank::new("ours", size)?;
    let options = parse(size, arguments)?;
    let summary = make(&ours.path, &options)?;
    is_clean(&ours.path)?;
    let theirs = Blank::new("theirs", size)?;
    make_by_mke2fs(&theirs.path, arguments)?;
    has_the_same_header(&ours, &theirs, &summary)?;
    let view = rump::view(&ours.path.to_string_lossy(), Contents::Hashed)?;
    let seen: Vec<&str> = view.keys().map(String::as_str).collect();
    if seen != ["/", "/lost+found"] {
        return Err(format!("our reader sees {seen:?}"));
    }
    if Mounted::read_only(&theirs.path).is_err() {
        eprintln!("{arguments}: no mount, this kernel refuses the volume of mke2fs, too");
        return Ok(());
    }
    kernel_writes(&ours.path)?;
    is_clean(&ours.path).map_err(|what| format!("after the kernel wrote: {what}"))
}

fn has_the_same_header(ours: &Blank, theirs: &Blank, summary: &Summary) -> Check {
    let (ours, theirs) = (header(&ours.path)?, header(&theirs.path)?);
    let has = |feature: &str| summary.features.iter().any(|name| name == feature);
    let mut wrong = Vec::new();
    let names: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let meant = match name.as_str() {
            "Overhead clusters" => has("bigalloc"),
            "Free blocks" => has("bigalloc") || has("inline_data"),
            other => DIFFERENT.contains(&other),
        };
        let (ours, theirs) = (ours.get(name), theirs.get(name));
        if ours != theirs && !meant {
            wrong.push(format!("{name}: {theirs:?} by mke2fs, {ours:?} by us"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn kernel_writes(path: &Path) -> Check {
    let mounted = Mounted::read_write(path, "")?;
    let root = mounted.path();
    let names: Check<Vec<_>> = context(fs::read_dir(root), "root")?
        .map(|entry| context(entry.map(|entry| entry.file_name()), "entry"))
        .collect();
    if names? != ["lost+found"] {
        return Err("the root is not empty".to_string());
    }
    context(fs::create_dir(root.join("folder")), "mkdir")?;
    for number in 0..3_u8 {
        let path = root.join(format!("folder/{number}"));
        context(fs::write(path, vec![number; 3000]), "write")?;
    }
    mounted.unmount()
}

fn grows(size: u64, arguments: &str, larger: u64) -> Check {
    let blank = Blank::new("grows", size)?;
    make(&blank.path, &parse(size, arguments)?)?;
    kernel_writes(&blank.path)?;
    let file = context(File::options().write(true).open(&blank.path), "image")?;
    context(file.set_len(larger), "image")?;
    is_clean(&blank.path)?;
    run_ok("resize2fs", &["-f".as_ref(), blank.path.as_path()])?;
    is_clean(&blank.path)?;
    let blocks = header(&blank.path)?.remove("Block count").unwrap_or_default();
    let size_now = context(blocks.parse::<u64>(), "blocks")? * block_size(&blank.path)?;
    if size_now * 10 < larger * 9 {
        return Err(format!("only {size_now} of {larger} bytes"));
    }
    let mounted = Mounted::read_only(&blank.path)?;
    let read = context(fs::read(mounted.path().join("folder/2")), "read")?;
    if read == vec![2; 3000] { Ok(()) } else { Err("a file is lost".to_string()) }
}

fn block_size(path: &Path) -> Check<u64> {
    context(header(path)?.remove("Block size").unwrap_or_default().parse(), "block size")
}

/// Old content of the device must not be taken for the volume's.
fn garbage_does_not_show() -> Check {
    for arguments in [
        "-t ext2",
        "-t ext3",
        "-t ext4",
        "-t ext4 -O ^metadata_csum,uninit_bg,orphan_file",
        "-t ext4 -O meta_bg,^resize_inode,^flex_bg",
    ] {
        let size = 48 * MIB;
        let blank = Blank::new("garbage", size)?;
        context(fs::write(&blank.path, vec![0xa5; size as usize]), "garbage")?;
        make(&blank.path, &Options { zeroed: Zeroed::No, ..parse(size, arguments)? })?;
        is_clean(&blank.path).map_err(|what| format!("{arguments}: {what}"))?;
        kernel_writes(&blank.path)?;
        is_clean(&blank.path).map_err(|what| format!("{arguments}: after the kernel wrote: {what}"))?;
    }
    Ok(())
}

fn same_bytes() -> Check {
    let options = parse(64 * MIB, "-t ext4 -O orphan_file")?;
    let mut sums = Vec::new();
    for _ in 0..2 {
        let blank = Blank::new("same", 64 * MIB)?;
        make(&blank.path, &options)?;
        sums.push(sha256_of_file(&blank.path)?);
    }
    if sums[0] == sums[1] { Ok(()) } else { Err(format!("{sums:?}")) }
}

fn inodes_are_sane() -> Check {
    let size = 64 * MIB;
    let (ours, theirs) = (Blank::new("ours", size)?, Blank::new("theirs", size)?);
    make(&ours.path, &parse(size, "-t ext4 -O orphan_file")?)?;
    make_by_mke2fs(&theirs.path, "-t ext4 -O orphan_file")?;
    for number in [2, 7, 8, 11, 12] {
        let ask = |path: &Path| -> Check<Vec<String>> {
            let text = run_ok("debugfs", &["-R", &format!("stat <{number}>"), &path.to_string_lossy()])?;
            // Type, mode, links, size and space; not times, places and checksums.
            Ok(text.lines().take(5).map(str::to_string).collect())
        };
        let (ours, theirs) = (ask(&ours.path)?, ask(&theirs.path)?);
        if ours != theirs {
            return Err(format!("inode {number}: {theirs:?} by mke2fs, {ours:?} by us"));
        }
    }
    Ok(())
}

fn refused_by_name() -> Check {
    let cases = [
        (MIB, "-t ext4 -b 3000", "block_size 3000"),
        (MIB, "-t ext4 -b 131072", "block_size 131072"),
        (MIB, "-t ext4 -I 64", "inode_size 64"),
        (MIB, "-t ext4 -I 2048", "inode_size 2048"),
        (64 * MIB, "-t ext4 -I 128 -O inline_data", "inline_data"),
        (64 * MIB, "-t ext4 -C 65536", "cluster_size: needs the feature bigalloc"),
        (64 * MIB, "-t ext4 -O bigalloc -C 1024 -b 4096", "cluster_size 1024"),
        (64 * MIB, "-t ext4 -O quota", "feature quota"),
        (64 * MIB, "-t ext4 -O mmp", "feature mmp"),
        (64 * MIB, "-t ext4 -O journal_dev", "feature journal_dev"),
        (64 * MIB, "-t ext4 -O fancy", "unknown feature fancy"),
        (64 * MIB, "-t ext4 -O ^extent", "feature 64bit needs the feature extent"),
        (64 * MIB, "-t ext4 -O meta_bg", "resize_inode and meta_bg"),
        (64 * MIB, "-t ext4 -O ^sparse_super", "resize_inode needs the feature sparse_super"),
        (64 * MIB, "-t ext4 -O ^has_journal,orphan_file", "orphan_file needs the feature has_journal"),
        (64 * MIB, "-t ext4 -O ^metadata_csum,metadata_csum_seed", "metadata_csum_seed needs"),
        (MIB, "-t ext4 -O orphan_file", "too small for a journal"),
        (64 * MIB, "-t ext4 -J size=33", "journal_bytes"),
        (64 * MIB, "-t ext2 -J size=4", "journal_bytes: needs the feature has_journal"),
        (64 * MIB, "-t ext4 -G 3", "flex_groups 3"),
        (64 * MIB, "-t ext3 -G 4", "flex_groups: needs the feature flex_bg"),
        (64 * MIB, "-t ext4 -N 1000000", "inodes"),
        (64 * MIB, "-t ext4 -i 100", "inodes"),
        (64 * MIB, "-t ext4 -m 51", "reserved_percent 51"),
        (64 * MIB, "-t ext4 -L seventeen-letters", "label"),
        (16 * KIB, "-t ext4", "size_bytes"),
        (0, "-t ext2", "size_bytes 0"),
        (5 * TIB, "-t ext2 -b 1024", "64bit"),
    ];
    for (size, arguments, expected) in cases {
        let blank = Blank::new("refused", size)?;
        match make(&blank.path, &parse(size, arguments)?) {
            Err(what) if what.contains(expected) => {}
            other => return Err(format!("{arguments}: {other:?} instead of {expected:?}")),
        }
        if context(fs::metadata(&blank.path), "image")?.blocks() != 0 {
            return Err(format!("{arguments}: refused, but written to"));
        }
    }
    Ok(())
}

/// Informative: what it costs, never whether that is enough.
fn time_of_16_gib() -> Check {
    let (ours, theirs) = (Blank::new("ours", 16 * GIB)?, Blank::new("theirs", 16 * GIB)?);
    let started = Instant::now();
    make(&ours.path, &parse(16 * GIB, "-t ext4")?)?;
    let us = started.elapsed();
    let started = Instant::now();
    make_by_mke2fs(&theirs.path, "-t ext4")?;
    eprintln!("16 GiB: {us:?} by us, {:?} by mke2fs", started.elapsed());
    Ok(())
}
