//! All file systems that can be written.

mod folding;

use conformance::{Mounted, Process, Row};
use interop::image::Scratch;
use rump_host_sim::SimHost;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::BlockDevice;
use rumpkit::{Kernel, Mode, MountArgs, Unmount};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use torture::rig::{bytes_of, e2fsck, fsck_exfat, fsck_fat, make_exfat, make_fat, make_image};

const DEVICE: &str = "/dev/disk0";
const KIBIBYTES: u64 = 16 << 10;

const ROWS: &[Row] = &[
    Row { name: "tmpfs", make: || in_memory("tmpfs") },
    Row { name: "tmpfs-folding", make: || in_memory(folding::NAME) },
];

/// Those that are made and judged by e2fsprogs.
const EXT_ROWS: &[Row] = &[
    Row { name: "ext4", make: || on_disk(&["-t", "ext4"]) },
    Row { name: "ext4-1k", make: || on_disk(&["-t", "ext4", "-b", "1024"]) },
    Row { name: "ext4-inline", make: || on_disk(&["-t", "ext4", "-O", "inline_data"]) },
    Row { name: "ext4-bigalloc", make: || on_disk(&["-t", "ext4", "-O", "bigalloc", "-C", "16384"]) },
    Row { name: "ext4-ea-inode", make: || on_disk(&["-t", "ext4", "-O", "ea_inode,orphan_file"]) },
    Row { name: "ext4-no-journal", make: || on_disk(&["-t", "ext4", "-O", "^has_journal"]) },
    Row { name: "ext3", make: || on_disk(&["-t", "ext3", "-b", "2048"]) },
    Row { name: "ext2-old-inodes", make: || on_disk(&["-t", "ext2", "-I", "128", "-O", "^dir_index"]) },
];

/// Those that are made and judged by dosfstools.
const FAT_ROWS: &[Row] = &[
    Row { name: "fat12", make: || on_fat(&["-F", "12", "-s", "16"]) },
    Row { name: "fat16", make: || on_fat(&["-F", "16", "-s", "1"]) },
    Row { name: "fat32", make: || on_fat(&["-F", "32", "-s", "1"]) },
    Row { name: "fat32-4k", make: || on_fat(&["-F", "32", "-S", "4096", "-s", "1"]) },
];

/// Those that are made and judged by exfatprogs.
const EXFAT_ROWS: &[Row] = &[
    Row { name: "exfat-512", make: || on_exfat(&["-c", "512"]) },
    Row { name: "exfat-4k", make: || on_exfat(&["-c", "4K"]) },
];

/// Those whose makers and judges this machine has.
pub fn rows() -> Vec<Row> {
    let mut rows = ext_rows();
    match interop::program::lacks(&["mkfs.fat", "fsck.fat"]) {
        None => rows.extend(FAT_ROWS),
        Some(missing) => interop::suite::note_absence("conformance of FAT", missing),
    }
    match interop::program::lacks(&["mkfs.exfat", "fsck.exfat"]) {
        None => rows.extend(EXFAT_ROWS),
        Some(missing) => interop::suite::note_absence("conformance of exFAT", missing),
    }
    rows
}

fn ext_rows() -> Vec<Row> {
    match interop::program::lacks(&["mke2fs", "e2fsck"]) {
        None => [ROWS, EXT_ROWS].concat(),
        Some(missing) => {
            interop::suite::note_absence("conformance of ext", missing);
            ROWS.to_vec()
        }
    }
}

/// A file system that needs no device.
fn in_memory(fs_type: &str) -> Result<Mounted, String> {
    mounted(fs_type, None, || Ok(()))
}

/// An ext file system by mke2fs, made once for all behaviours, with e2fsck's word at the end.
fn on_disk(arguments: &'static [&'static str]) -> Result<Mounted, String> {
    static IMAGES: Mutex<BTreeMap<&[&str], Vec<u8>>> = Mutex::new(BTreeMap::new());
    let image = {
        let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
        match images.entry(arguments) {
            Entry::Occupied(made) => made.get().clone(),
            Entry::Vacant(vacant) => {
                vacant.insert(make_image(KIBIBYTES, &[arguments, &["-N", "4000"]].concat())?).clone()
            }
        }
    };
    let device = MemDevice::new(image);
    mounted("ext2fs", Some(device.clone()), move || {
        e2fsck(&bytes_of(&*device)?, "-fn", &[0], &Scratch::new("conformance")?).map(drop)
    })
}

/// A FAT file system by mkfs.fat, with fsck.fat's word at the end.
fn on_fat(arguments: &[&str]) -> Result<Mounted, String> {
    let device = MemDevice::new(make_fat(KIBIBYTES, arguments)?);
    mounted("msdos", Some(device.clone()), move || {
        fsck_fat(&bytes_of(&*device)?, "-n", &[0], &Scratch::new("conformance")?).map(drop)
    })
}

/// An exFAT file system by mkfs.exfat, with fsck.exfat's word at the end.
fn on_exfat(arguments: &[&str]) -> Result<Mounted, String> {
    let device = MemDevice::new(make_exfat(KIBIBYTES, arguments)?);
    mounted("exfat", Some(device.clone()), move || {
        fsck_exfat(&bytes_of(&*device)?, "-n", &[0], &Scratch::new("conformance")?).map(drop)
    })
}

fn mounted(
    fs_type: &str,
    device: Option<Arc<dyn BlockDevice>>,
    judge: impl FnOnce() -> Result<(), String> + 'static,
) -> Result<Mounted, String> {
    let host = SimHost::new(1);
    // FAT has even seconds alone, exFAT for the times of access.
    let is_coarse = matches!(fs_type, "msdos" | "exfat");
    host.set_tick(Duration::from_secs(if is_coarse { 3 } else { 1 }));
    let mut builder = Kernel::builder(host).component(folding::component());
    for component in rumpkit::components() {
        builder = builder.component(component);
    }
    let kernel = builder.boot().map_err(|error| error.to_string())?;
    let process = kernel.process();
    let source = device.is_some().then(|| DEVICE.into());
    let attached = device.map_or(Ok(()), |device| kernel.attach_block(DEVICE, device));
    let mounted = attached
        .and_then(|()| process.mkdir("/mnt", Mode::new(0o755)))
        .and_then(|()| process.mount(fs_type, "/mnt", MountArgs { source, ..MountArgs::default() }))
        .and_then(|()| process.chmod("/mnt", Mode::new(0o755)))
        .and_then(|()| process.chdir("/mnt"));
    mounted.map_err(|error| error.to_string())?;
    let finish = move |process: Process| unmount(&kernel, process).and_then(|()| judge());
    Ok(Mounted { process: Process::Rump(process), finish: Box::new(finish) })
}

/// Unmounts without force: nothing may be in use once the process ended.
fn unmount(kernel: &Kernel, process: Process) -> Result<(), String> {
    process.exit();
    kernel.process().unmount("/mnt", Unmount::Normal).map_err(|error| format!("unmount: {error}"))
}
