//! Makes the seeds: `seeds FOLDER` fills a folder for each target in `FOLDER`.
//!
//! Images are as small as `mke2fs` lets them be, one for each way of storing things. Needs e2fsprogs, sfdisk, fdisk,
//! sgdisk, xorriso, genisoimage, dosfstools, mtools, exfatprogs and qemu-utils; a seed with fast commits needs a loop mount, and is left out
//! with a word where that is not allowed.
#![forbid(unsafe_code)]

use rump_fuzz::image::Image;
use rump_fuzz::overlay::Overlay;
use rump_kpi::{Component, DevNumber, Environment, FileType, KError, Mode, NewNode, TimeSpec};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

/// Name, size in KiB, options of `mke2fs`.
const FORMATS: &[(&str, u64, &str)] = &[
    ("ext2-1k", 256, "-t ext2 -b 1024 -I 128"),
    ("ext2-revision-0", 256, "-r 0 -b 1024"),
    ("ext2-without-filetype", 256, "-t ext2 -b 1024 -O ^filetype"),
    ("ext2-groups", 1200, "-t ext2 -b 1024 -g 256"),
    ("ext2-4k", 512, "-t ext2 -b 4096"),
    ("ext2-64k", 4096, "-t ext2 -b 65536"),
    ("ext4-1k", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode"),
    ("ext4-4k", 512, "-t ext4 -b 4096 -O ^has_journal,^resize_inode"),
    ("ext4-32bit", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,^64bit"),
    ("ext4-block-map", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,^extent,^64bit"),
    ("ext4-inline-data", 256, "-t ext4 -b 1024 -I 512 -O ^has_journal,^resize_inode,inline_data"),
    ("ext4-ea-inode", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,ea_inode"),
    ("ext4-gdt-csum", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,^metadata_csum,uninit_bg"),
    ("ext4-without-checksums", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,^metadata_csum"),
    ("ext4-checksum-seed", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,metadata_csum_seed"),
    ("ext4-meta-bg", 2400, "-t ext4 -b 1024 -g 256 -O ^has_journal,^resize_inode,meta_bg"),
    ("ext4-sparse-super2", 1200, "-t ext4 -b 1024 -g 256 -O ^has_journal,^resize_inode,sparse_super2"),
    ("ext4-bigalloc", 2048, "-t ext4 -b 1024 -C 4096 -O ^has_journal,^resize_inode,bigalloc"),
    ("ext4-casefold", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,casefold"),
    ("ext4-encrypt", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,encrypt"),
    ("ext4-large-dir", 256, "-t ext4 -b 1024 -O ^has_journal,^resize_inode,large_dir"),
];

/// Name, options of `mke2fs`, and how `debugfs` opens the journal.
const DIRTY: &[(&str, &str, &str)] = &[
    ("ext3-dirty", "-t ext3 -b 1024", "jo"),
    ("ext4-dirty-32bit", "-t ext4 -b 1024 -O ^64bit,^metadata_csum", "jo"),
    ("ext4-dirty-v1", "-t ext4 -b 1024 -O ^metadata_csum", "jo -c -v 1"),
    ("ext4-dirty-v2", "-t ext4 -b 1024", "jo -c -v 2"),
    ("ext4-dirty-v3", "-t ext4 -b 1024", "jo -c -v 3"),
];

/// Name, size in KiB, options of `mkfs.fat`.
const FAT: &[(&str, u64, &str)] = &[
    ("fat12", 128, "-F 12 -s 1 -r 112"),
    ("fat12-sectors-4k", 1024, "-F 12 -S 4096 -s 1"),
    ("fat16", 2400, "-F 16 -s 1 -n LABEL"),
    ("fat32", 36 << 10, "-F 32 -s 1"),
];

/// Name, size in KiB, options of `mkfs.exfat`.
const EXFAT: &[(&str, u64, &str)] = &[
    ("exfat-512", 4 << 10, "-c 512 -b 64K"),
    ("exfat-4k", 4 << 10, "-c 4K -b 64K -L LABEL"),
    ("exfat-64k", 8 << 10, "-c 64K"),
];

/// Partition tables: name, size in KiB, program with its options, and what it reads.
const TABLES: &[(&str, u64, &str, &str)] = &[
    ("mbr", 1024, "sfdisk -q", "label: dos\n64,200,83\n300,300,82\n"),
    ("mbr-logical", 1024, "sfdisk -q", "label: dos\n64,200,83\n300,1500,5\n310,100,83\n,100,83\n,100,82\n"),
    ("mbr-bsd", 1024, "sfdisk -q", "label: dos\n64,800,a9\n900,500,a5\n"),
    ("gpt", 1024, "sfdisk -q", "label: gpt\n64,200,L,*\nstart=300,size=100,type=U,name=\"caf\u{e9}\"\n"),
    ("gpt-hybrid", 1024, "sgdisk -a 1 -n 1:64:200 -n 2:300:400 -h 1:2", ""),
];

/// Images that `qemu-img` makes of a raw disk: name, format and options, and what `qemu-io` does to them.
const DISKS: &[(&str, &str, &[&str])] = &[
    ("qcow2", "qcow2 -o cluster_size=4k", &["write -P 1 8k 5k", "write -z 16k 4k"]),
    ("qcow2-version-2", "qcow2 -o compat=0.10,cluster_size=1k", &["write -P 1 8k 5k"]),
    ("qcow2-packed", "qcow2 -c -o cluster_size=4k", &["write -P 1 8k 1k"]),
    ("qcow2-zstd", "qcow2 -c -o compression_type=zstd,cluster_size=4k", &[]),
    (
        "qcow2-subclusters",
        "qcow2 -o extended_l2=on,cluster_size=16k",
        &["write -P 1 9k 1k", "write -z 40k 2k"],
    ),
    ("qcow2-narrow-counts", "qcow2 -o refcount_bits=2,cluster_size=4k", &["write -P 1 8k 5k"]),
    ("qcow2-data-file", "qcow2 -o data_file=DATA,cluster_size=4k", &["write -P 1 8k 5k"]),
    ("vhd-dynamic", "vpc", &["write -P 1 8k 5k"]),
    ("vhd-fixed", "vpc -o subformat=fixed", &[]),
    ("vhdx", "vhdx -o block_size=1M", &["write -P 1 8k 5k"]),
    ("vdi", "vdi", &["write -P 1 8k 5k"]),
    ("vmdk", "vmdk", &["write -P 1 8k 5k"]),
    ("vmdk-packed", "vmdk -o subformat=streamOptimized", &[]),
    ("vmdk-flat", "vmdk -o subformat=twoGbMaxExtentFlat", &[]),
];

/// Images of ISO 9660: name and command.
const DISCS: &[(&str, &str)] = &[
    ("rock-ridge", "xorriso -outdev IMAGE -padding 0 -hardlinks on -map TREE /"),
    ("joliet", "genisoimage -quiet -no-pad -J -joliet-long -o IMAGE TREE"),
    ("enhanced", "genisoimage -quiet -no-pad -iso-level 4 -o IMAGE TREE"),
    ("relocated", "genisoimage -quiet -no-pad -R -o IMAGE TREE"),
    ("zisofs", "xorriso -outdev IMAGE -padding 0 -map TREE / -find / -type f -exec set_filter --zisofs --"),
    (
        "zisofs-2",
        "xorriso -outdev IMAGE -padding 0 -zisofs version_2=on -map TREE / -find / -type f -exec set_filter --zisofs --",
    ),
    ("boot", "genisoimage -quiet -no-pad -R -b large -c catalogue -no-emul-boot -o IMAGE TREE"),
];

type Check<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds FOLDER");
        return ExitCode::from(2);
    };
    match make_all(&folder) {
        Ok(count) => {
            println!("{count} seeds in {}", folder.display());
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Buses of shared memory.
const BUSES: u8 = 6;
/// Programs of the packet filter, captures, manifests and their like.
const SHORT_INPUTS: u64 = 60;

/// Scripts for a stack of TCP/IP.
const SCRIPTS: u64 = 16;

/// Steps of all kinds, in no order: what is good for something in them, the fuzzer keeps.
fn script(seed: u64) -> Vec<u8> {
    let mut random = rump_random::Random::new(seed);
    (0..2000)
        .map(|_| (random.number() >> 8) as u8 & if random.number() & 3 == 0 { 0xff } else { 0x0f })
        .collect()
}

fn make_all(folder: &Path) -> Check<usize> {
    let scratch = folder.join("scratch");
    told(fs::create_dir_all(&scratch), &scratch)?;
    let tree = scratch.join("tree");
    fill(&tree)?;
    let volumes = folder.join("ext2fs_walk");
    told(fs::create_dir_all(&volumes), &volumes)?;
    let mut count = 0;
    for (name, kib, options) in FORMATS {
        let image = make_volume(&scratch, &tree, *kib, options)?;
        keep(&image, &volumes.join(name))?;
        count += 1;
    }
    for (name, options, open) in DIRTY {
        let image = make_volume(&scratch, &tree, 4096, options)?;
        make_dirty(&scratch, &image, open)?;
        keep(&image, &volumes.join(name))?;
        count += 1;
    }
    match make_fast_commit(&scratch, &tree) {
        Ok(image) => {
            keep(&image, &volumes.join("ext4-fast-commit"))?;
            count += 1;
        }
        Err(why) => println!("no seed with fast commits: {why}"),
    }
    let volumes = folder.join("msdos_walk");
    told(fs::create_dir_all(&volumes), &volumes)?;
    for (name, kib, options) in FAT {
        let image = make_fat(&scratch, &tree, *kib, options)?;
        keep(&image, &volumes.join(name))?;
        count += 1;
    }
    let volumes = folder.join("exfat_walk");
    told(fs::create_dir_all(&volumes), &volumes)?;
    for (name, kib, options) in EXFAT {
        let input = make_exfat(&scratch, *kib, options)?.encode();
        told(fs::write(volumes.join(name), input), &volumes)?;
        count += 1;
    }
    let scripts = folder.join("inet_stack");
    told(fs::create_dir_all(&scripts), &scripts)?;
    for seed in 0..SCRIPTS {
        told(fs::write(scripts.join(format!("script-{seed}")), script(seed)), &scripts)?;
        count += 1;
    }
    let buses = folder.join("shmif");
    told(fs::create_dir_all(&buses), &buses)?;
    for seed in 0..BUSES {
        told(fs::write(buses.join(format!("bus-{seed}")), rump_fuzz::bus::seed(seed)), &buses)?;
        count += 1;
    }
    let answers = folder.join("resolve");
    told(fs::create_dir_all(&answers), &answers)?;
    for (name, records) in ANSWERS {
        told(fs::write(answers.join(name), records), &answers)?;
        count += 1;
    }
    for (name, seed) in [
        ("bpf", rump_fuzz::filter::seed as fn(u64) -> Vec<u8>),
        ("mtree", rump_fuzz::manifest::seed),
        ("nbd", rump_fuzz::export::seed),
        ("oci", rump_fuzz::container::seed),
        ("packed_index", rump_fuzz::index::seed),
        ("pcap", rump_fuzz::capture::seed),
        ("sysproxy_calls", rump_fuzz::remote::seed),
        ("sysproxy_server", rump_fuzz::served::seed),
        ("tar", rump_fuzz::archive::seed),
        ("volumes", rump_fuzz::volumes::seed),
    ] {
        let inputs = folder.join(name);
        told(fs::create_dir_all(&inputs), &inputs)?;
        for number in 0..SHORT_INPUTS {
            told(fs::write(inputs.join(format!("seed-{number}")), seed(number)), &inputs)?;
            count += 1;
        }
    }
    let bridges = folder.join("bridge");
    told(fs::create_dir_all(&bridges), &bridges)?;
    for seed in 0..BUSES {
        told(
            fs::write(bridges.join(format!("script-{seed}")), rump_fuzz::bridge::seed(seed.into())),
            &bridges,
        )?;
        count += 1;
    }
    let dialogues = folder.join("packetdrill");
    told(fs::create_dir_all(&dialogues), &dialogues)?;
    count += copy_dialogues(Path::new(DIALOGUES), &dialogues)?;
    let lives = folder.join("dhcp_client");
    told(fs::create_dir_all(&lives), &lives)?;
    for (number, life) in LEASES.iter().enumerate() {
        told(fs::write(lives.join(format!("life-{number}")), life), &lives)?;
        count += 1;
    }
    let disks = folder.join("image_formats");
    told(fs::create_dir_all(&disks), &disks)?;
    for (name, format, commands) in DISKS {
        keep(&make_disk(&scratch, format, commands)?, &disks.join(name))?;
        count += 1;
    }
    let (discs, tables) = (folder.join("cd9660_walk"), folder.join("partitions"));
    told(fs::create_dir_all(&discs), &discs)?;
    told(fs::create_dir_all(&tables), &tables)?;
    let deep = tree.join("1/2/3/4/5/6/7/8/9");
    told(fs::create_dir_all(&deep), &deep)?;
    for (name, command) in DISCS {
        let image = make_disc(&scratch, &tree, command)?;
        keep(&image, &discs.join(name))?;
        if *name == "boot" {
            keep(&image, &tables.join("el-torito"))?;
        }
        count += 1;
    }
    let twice = make_disc(&scratch, &tree, DISCS[0].1)?;
    told(fs::write(tree.join("second"), "second session\n"), &tree)?;
    disc(&twice, &tree, "xorriso -dev IMAGE -padding 0 -map TREE /")?;
    keep(&twice, &discs.join("sessions"))?;
    count += 1;
    keep(&make_disklabel(&scratch)?, &tables.join("disklabel"))?;
    count += 1;
    for (name, kib, command, input) in TABLES {
        let image = empty(&scratch, *kib)?;
        let words: Vec<&str> = command.split(' ').collect();
        run(Command::new(words[0]).args(&words[1..]).arg(&image), input, &[0])?;
        keep(&image, &tables.join(name))?;
        count += 1;
    }
    told(fs::remove_dir_all(&scratch), &scratch)?;
    Ok(count)
}

/// Records of name servers' answers, after the two bytes that choose the question: an address of each kind, and an alias
/// with the address of what it stands for.
const ANSWERS: &[(&str, &[u8])] = &[
    ("a", b"\x01\x00\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04\x01\x02\x03\x04"),
    ("aaaa", b"\x01\x01\xc0\x0c\0\x1c\0\x01\0\0\0\x09\0\x10\x20\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
    (
        "alias",
        b"\x01\x00\xc0\x0c\0\x05\0\x01\0\0\0\x09\0\x04\x01b\xc0\x10\
          \x01b\xc0\x10\0\x01\0\x01\0\0\0\x09\0\x04\x01\x02\x03\x04",
    ),
];

/// Lives of leases, as the target `dhcp_client` reads them: an offer, an acknowledgement with options, a conflict or none,
/// renewals, a refusal, the end; a remembered address; information alone.
const LEASES: &[&[u8]] = &[
    b"\x01\x00\x04\x00\x06\x01\x04\xff\xff\xff\x00\x07\x01\x00\x04\x07\x01\x00\x07\x02\x00\x07\xf6",
    b"\x02\x00\x04\x00\x00\x07\x01\x15\x77\x07\x01a\x00\x01b\xc0\x00\x79\x0a\x08\x0a\x0a\x00\x00\x01\x00\x0a\x00\x02\x05\x07",
    b"\x03\x00\x04\x00\x00\x07\x01\x0c\x3a\x04\x00\x00\x00\x05\x3b\x04\x00\x00\x00\x09\x04\x07\x07\x07\x07\x07\x96\x07",
    b"\x04\x05\x04\x01\x00\x04\x07\x02\x00\x07",
    b"\x05\x02\x07\x01\x06\x06\x04\x0a\x00\x00\x35",
];

/// Scripts of packets and system calls.
const DIALOGUES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../net/rumpnet-inet/tests/packetdrill");

/// Copies all scripts to one folder; answers how many.
fn copy_dialogues(from: &Path, to: &Path) -> Check<usize> {
    let mut count = 0;
    for entry in told(fs::read_dir(from), from)? {
        let path = told(entry, from)?.path();
        if path.is_dir() {
            count += copy_dialogues(&path, to)?;
        } else if let Some(name) = path.file_name() {
            let folder = from.file_name().unwrap_or_default().to_string_lossy();
            told(fs::copy(&path, to.join(format!("{folder}-{}", name.to_string_lossy()))), &path)?;
            count += 1;
        }
    }
    Ok(count)
}

/// A tree with one of everything.
fn fill(root: &Path) -> Check {
    let _ = fs::remove_dir_all(root);
    told(fs::create_dir_all(root.join("names")), root)?;
    told(fs::write(root.join("small"), "forty-two bytes of text in a small file.\n"), root)?;
    told(fs::write(root.join("large"), [b'x'; 5 << 10]), root)?;
    let holes = told(File::create(root.join("holes")), root)?;
    for extent in 0..8 {
        told(holes.write_all_at(b"data", extent * 9000), root)?;
    }
    // Far enough for two levels of a block map.
    told(holes.write_all_at(b"data", 390_000), root)?;
    told(symlink("small", root.join("short")), root)?;
    told(symlink("l".repeat(200), root.join("long")), root)?;
    for number in 0..90 {
        told(File::create(root.join(format!("names/a name of some length {number}"))).map(drop), root)?;
    }
    run(Command::new("mkfifo").arg(root.join("fifo")), "", &[0])
}

/// A FAT volume with those files of the tree that FAT can have.
fn make_fat(scratch: &Path, tree: &Path, kib: u64, options: &str) -> Check<PathBuf> {
    let image = empty(scratch, kib)?;
    run(Command::new("mkfs.fat").args(options.split(' ')).arg(&image), "", &[0])?;
    let mut copy = Command::new("mcopy");
    copy.env("MTOOLS_SKIP_CHECK", "1").arg("-s").arg("-i").arg(&image);
    run(copy.args(["small", "large", "names"].map(|name| tree.join(name))).arg("::/"), "", &[0])?;
    Ok(image)
}

/// An exFAT volume with a few files. No program fills one without a mount: the driver does.
fn make_exfat(scratch: &Path, kib: u64, options: &str) -> Check<Image> {
    let image = empty(scratch, kib)?;
    run(Command::new("mkfs.exfat").args(options.split(' ')).arg(&image), "", &[0])?;
    let device = Arc::new(Overlay::new(Image::from_raw(&told(fs::read(&image), &image)?)));
    let Component::FileSystem(driver) = rumpfs_exfat::component() else { return Err("no driver".into()) };
    let environment = Environment::new(TimeSpec::default, |_| {});
    let filled = (|| {
        let volume = driver.mount(Some(device.clone()), false, "", &environment)?;
        let root = volume.node(volume.root())?;
        let new = |file_type| NewNode {
            file_type,
            mode: Mode::new(0o644),
            uid: 0,
            gid: 0,
            rdev: DevNumber { major: 0, minor: 0 },
            target: &[],
        };
        let folder = volume.node(root.create(b"folder", new(FileType::Directory))?)?;
        for number in 0..20 {
            let name = format!("a name of some length {number}");
            folder.create(name.as_bytes(), new(FileType::Regular))?;
        }
        // By turns, so that the table is needed.
        let woven =
            [root.create(b"one", new(FileType::Regular))?, root.create(b"two", new(FileType::Regular))?];
        for round in 0..3 {
            for ino in woven {
                volume.node(ino)?.write_at(round * 3000, &[b'x'; 3000])?;
            }
        }
        volume.unmount()
    })();
    filled.map_err(|error: KError| error.to_string())?;
    Ok(device.image())
}

fn empty(scratch: &Path, kib: u64) -> Check<PathBuf> {
    let image = scratch.join("image");
    told(File::create(&image).and_then(|file| file.set_len(kib << 10)), &image)?;
    Ok(image)
}

/// An image of a small disk that holds a few bytes, in the given format.
fn make_disk(scratch: &Path, format: &str, commands: &[&str]) -> Check<PathBuf> {
    let (raw, image) = (empty(scratch, 96)?, scratch.join("disk"));
    let file = told(File::options().write(true).open(&raw), &raw)?;
    told(file.write_all_at(&[b'x'; 9000], 20 << 10), &raw)?;
    told(file.write_all_at(b"a word at the end", (96 << 10) - 512), &raw)?;
    let data = scratch.join("data").to_string_lossy().into_owned();
    let words = format.replace("DATA", &data);
    run(
        Command::new("qemu-img")
            .args("convert -f raw -O".split(' '))
            .args(words.split(' '))
            .args([&raw, &image]),
        "",
        &[0],
    )?;
    if !commands.is_empty() {
        let mut program = Command::new("qemu-io");
        program.args(["-f", format.split(' ').next().unwrap_or_default()]);
        program.args(commands.iter().flat_map(|command| ["-c", *command]));
        run(program.arg(&image), "", &[0])?;
    }
    Ok(image)
}

fn make_disc(scratch: &Path, tree: &Path, command: &str) -> Check<PathBuf> {
    let image = scratch.join("disc");
    let _ = fs::remove_file(&image);
    disc(&image, tree, command)?;
    Ok(image)
}

fn disc(image: &Path, tree: &Path, command: &str) -> Check {
    let words: Vec<&str> = command.split(' ').collect();
    let paths = words[1..].iter().map(|word| match *word {
        "IMAGE" => image.as_os_str(),
        "TREE" => tree.as_os_str(),
        word => word.as_ref(),
    });
    run(Command::new(words[0]).args(paths), "", &[0])
}

fn make_volume(scratch: &Path, tree: &Path, kib: u64, options: &str) -> Check<PathBuf> {
    let image = empty(scratch, kib)?;
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-F", "-m", "0", "-N", "128", "-U", uuid, "-E", "lazy_itable_init=0"]);
    if kib == 4096 && options.contains("-b 1024") {
        make.args(["-J", "size=1"]);
    }
    run(make.args(options.split(' ')).arg("-d").arg(tree).arg(&image), "", &[0])?;
    let long = format!("ea_set large user.long {}\n", "v".repeat(300));
    if options.contains("ea_inode") {
        let value = scratch.join("value");
        told(fs::write(&value, [b'v'; 3000]), &value)?;
        debugfs(&image, &format!("ea_set -f {} large user.huge\n", value.display()))?;
    }
    debugfs(&image, &format!("ea_set small user.short value\n{long}mknod device c 5 1\n"))?;
    // Indexes the large directory.
    run(Command::new("e2fsck").args(["-fyD"]).arg(&image), "", &[0, 1])?;
    Ok(image)
}

/// Writes into the journal what adding some files would change on the volume.
fn make_dirty(scratch: &Path, image: &Path, open: &str) -> Check {
    let changed = scratch.join("changed");
    told(fs::copy(image, &changed), image)?;
    debugfs(&changed, "cd names\nmkdir fresh\nrm small\nunlink /short\nea_set /large user.later value\n")?;
    let (old, new) = (told(fs::read(image), image)?, told(fs::read(&changed), image)?);
    let mut script = format!("{open}\n");
    let blocks = old.chunks(1024).zip(new.chunks(1024)).enumerate().skip(2);
    for (number, (_, contents)) in blocks.filter(|(_, (before, after))| before != after) {
        let path = scratch.join(format!("block-{number}"));
        told(fs::write(&path, contents), image)?;
        script.push_str(&format!("jw -b {number} {}\n", path.display()));
    }
    // debugfs sums revocations in version 1, which recovery does not.
    script.push_str(if open.ends_with("-v 1") { "jc\n" } else { "jw -r 90,91\njc\n" });
    debugfs(image, &script)
}

fn make_fast_commit(scratch: &Path, tree: &Path) -> Check<PathBuf> {
    let image = make_volume(scratch, tree, 4096, "-t ext4 -b 1024 -O fast_commit")?;
    let (point, copy) = (scratch.join("mounted"), scratch.join("copy"));
    told(fs::create_dir_all(&point), &point)?;
    run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(&image).arg(&point), "", &[0])?;
    let changed = change_and_copy(&point, &image, &copy);
    run(Command::new("umount").arg(&point), "", &[0])?;
    changed.map(|()| copy)
}

fn change_and_copy(root: &Path, image: &Path, copy: &Path) -> Check {
    for number in 0..4 {
        let path = root.join(format!("names/fast-{number}"));
        let mut file = told(File::create(&path), &path)?;
        told(file.write_all(&[b'f'; 3000]).and_then(|()| file.sync_all()), &path)?;
    }
    told(fs::remove_file(root.join("small")), root)?;
    let large = told(File::options().write(true).open(root.join("large")), root)?;
    told(large.set_len(2000).and_then(|()| large.sync_all()), root)?;
    told(fs::copy(image, copy).map(drop), copy)
}

/// A BSD disklabel inside an MBR partition; `fdisk` wants a disk of some cylinders for it.
fn make_disklabel(scratch: &Path) -> Check<PathBuf> {
    let image = empty(scratch, 32 << 10)?;
    run(Command::new("sfdisk").arg("-q").arg(&image), "label: dos\n64,40000,a5\n", &[0])?;
    let script = "b\ny\nn\na\n\n+9000\nn\nb\n20000\n\nt\na\n7\nt\nb\n1\nw\nq\n";
    run(Command::new("fdisk").arg(&image), script, &[0])?;
    Ok(image)
}

fn debugfs(image: &Path, script: &str) -> Check {
    run(Command::new("debugfs").args(["-w", "-f", "-"]).arg(image), script, &[0])
}

/// Packs the image as an input.
fn keep(image: &Path, input: &Path) -> Check {
    let packed = Image::from_raw(&told(fs::read(image), image)?).encode();
    told(fs::write(input, packed), input)
}

fn run(command: &mut Command, input: &str, accepted: &[i32]) -> Check {
    let shown = format!("{command:?}");
    command.env("E2FSPROGS_FAKE_TIME", "1700000000").stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{shown}: {error}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that reads nothing may have ended already.
        let _ = pipe.write_all(input.as_bytes());
    }
    let ended = child.wait_with_output().map_err(|error| format!("{shown}: {error}"))?;
    if ended.status.code().is_some_and(|code| accepted.contains(&code)) {
        return Ok(());
    }
    Err(format!("{shown}: {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim()))
}

fn told<T>(result: std::io::Result<T>, path: &Path) -> Check<T> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}
