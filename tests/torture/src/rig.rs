//! File systems under test, each in a kernel of its own on a simulated host.

use interop::image::Scratch;
use interop::program::run_within;
pub use interop::suite::number;
use interop::{Check, context};
use rump_host_sim::SimHost;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::BlockDevice;
use rumpkit::{Kernel, Mode, MountArgs, MountFlags, Process, Unmount};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const DEVICE: &str = "/dev/disk0";
const POINT: &str = "/img";
const ROOMY_KIBIBYTES: u64 = 96 << 10;

/// Who makes and judges a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ext2, ext3 and ext4: e2fsprogs.
    Ext,
    /// FAT: dosfstools.
    Fat,
    /// exFAT: exfatprogs.
    Exfat,
}

impl Family {
    /// The type that is mounted.
    fn fs_type(self) -> &'static str {
        match self {
            Self::Ext => "ext2fs",
            Self::Fat => "msdos",
            Self::Exfat => "exfat",
        }
    }

    /// The judge, which has nothing to complain of.
    pub fn check_clean(self, image: &[u8], scratch: &Scratch) -> Check {
        match self {
            Self::Ext => e2fsck(image, "-fn", &[0], scratch).map(drop),
            Self::Fat => fsck_fat(image, "-n", &[0], scratch).map(drop),
            Self::Exfat => fsck_exfat(image, "-n", &[0], scratch).map(drop),
        }
    }

    /// The judge repairs; answers the image afterwards, and what it said.
    pub fn repair(self, image: &[u8], scratch: &Scratch) -> Check<(Vec<u8>, String)> {
        match self {
            Self::Ext => e2fsck(image, "-fy", &[0, 1], scratch).map(|image| (image, String::new())),
            Self::Fat => fsck_fat(image, "-a", &[0, 1], scratch),
            Self::Exfat => fsck_exfat(image, "-y", &[0, 1], scratch),
        }
    }

    /// What a judge says of damage that no power cut may do where nothing is there to recover by.
    pub fn harm(self) -> &'static [&'static str] {
        match self {
            Self::Ext => &[],
            Self::Fat => &[
                "shares clusters",
                "free cluster",
                "bad cluster",
                "invalid",
                "Bad ",
                "Circular",
                "chain length is <",
            ],
            Self::Exfat => &[
                "allocated for the other file",
                "marked as free",
                "BAD cluster",
                "broken",
                "less clusters",
                "wrong",
                "too few",
                "greater than",
                "unknown entry",
                "cyclic",
                "not divisible",
                "first cluster",
                "no Fat chain",
            ],
        }
    }

    /// What this machine lacks of it.
    pub fn lacks(self) -> Option<&'static str> {
        interop::program::lacks(match self {
            Self::Ext => &["mke2fs", "tune2fs", "e2fsck"],
            Self::Fat => &["mkfs.fat", "fsck.fat"],
            Self::Exfat => &["mkfs.exfat", "fsck.exfat"],
        })
    }
}

/// A format.
pub struct Format {
    /// Its name.
    pub name: &'static str,
    /// Who makes it.
    pub family: Family,
    /// Size of a small volume, in KiB.
    kibibytes: u64,
    /// What the maker is told.
    arguments: &'static [&'static str],
    /// What it is told for a volume with room for many.
    roomy: &'static [&'static str],
    /// Which default mount options tune2fs sets; none if empty.
    defaults: &'static str,
}

impl Format {
    /// A small image; answers its bytes.
    pub fn image(&self) -> Check<Vec<u8>> {
        self.make(self.kibibytes, self.arguments)
    }

    /// An image with room for many; answers its bytes.
    pub fn roomy_image(&self) -> Check<Vec<u8>> {
        self.make(ROOMY_KIBIBYTES, self.roomy)
    }

    fn make(&self, kibibytes: u64, arguments: &[&str]) -> Check<Vec<u8>> {
        match self.family {
            Family::Ext => make(kibibytes, arguments, self.defaults),
            Family::Fat => make_fat(kibibytes, arguments),
            Family::Exfat => make_exfat(kibibytes, arguments),
        }
    }
}

const fn format(name: &'static str, kibibytes: u64, arguments: &'static [&'static str]) -> Format {
    Format { name, family: Family::Ext, kibibytes, arguments, roomy: arguments, defaults: "" }
}

const fn journaling(format: Format) -> Format {
    Format { defaults: "journal_data", ..format }
}

const fn fat(name: &'static str, kibibytes: u64, arguments: &'static [&'static str]) -> Format {
    Format { family: Family::Fat, ..format(name, kibibytes, arguments) }
}

const fn exfat(name: &'static str, kibibytes: u64, arguments: &'static [&'static str]) -> Format {
    Format { family: Family::Exfat, ..format(name, kibibytes, arguments) }
}

/// The formats.
pub const FORMATS: &[Format] = &[
    format("ext4", 16 << 10, &["-t", "ext4"]),
    format("ext4-1k", 12 << 10, &["-t", "ext4", "-b", "1024"]),
    format("ext4-orphan-file", 16 << 10, &["-t", "ext4", "-O", "orphan_file,metadata_csum_seed"]),
    format("ext4-inline", 16 << 10, &["-t", "ext4", "-O", "inline_data"]),
    format("ext4-bigalloc", 16 << 10, &["-t", "ext4", "-O", "bigalloc", "-C", "16384"]),
    format("ext4-no-checksums", 16 << 10, &["-t", "ext4", "-O", "^metadata_csum,^64bit"]),
    format("ext3", 12 << 10, &["-t", "ext3", "-b", "1024"]),
    journaling(format("ext4-data-journal", 12 << 10, &["-t", "ext4", "-b", "1024"])),
    Format { roomy: &["-F", "12", "-s", "64"], ..fat("fat12", 12 << 10, &["-F", "12", "-s", "8"]) },
    Format { roomy: &["-F", "16", "-s", "4"], ..fat("fat16", 12 << 10, &["-F", "16", "-s", "1"]) },
    fat("fat32", 12 << 10, &["-F", "32", "-s", "1"]),
    fat("fat32-4k", 12 << 10, &["-F", "32", "-S", "4096", "-s", "1"]),
    // So small that clusters are taken again.
    exfat("exfat-512", 12 << 10, &["-c", "512", "-b", "64K"]),
    exfat("exfat-4k", 12 << 10, &["-c", "4K", "-b", "64K"]),
    Format { roomy: &["-c", "4K"], ..exfat("exfat-16k", 16 << 10, &["-c", "16K", "-b", "64K"]) },
];

/// What to mount.
pub enum Kind {
    /// A file system in memory.
    Tmpfs,
    /// A format on this device.
    Writing(Family, Arc<dyn BlockDevice>),
    /// The same, for reading.
    Reading(Family, Arc<dyn BlockDevice>),
}

/// How long content may stay in memory.
const LONG: Duration = Duration::from_secs(31);

/// A mounted file system.
pub struct Rig {
    host: Arc<SimHost>,
    kernel: Kernel,
    process: Process,
}

impl Rig {
    /// Mounts in a kernel that does the same each time.
    pub fn mount(kind: Kind) -> Check<Self> {
        Self::mount_on(SimHost::new(1), kind, "")
    }

    /// Mounts in a kernel that has threads of its own, which are given much to do: time flies, and ext keeps little in
    /// memory.
    pub fn mount_threaded(kind: Kind) -> Check<Self> {
        let host = SimHost::new(1);
        host.set_param("RUMP_THREADS", "1");
        host.set_tick(Duration::from_micros(20));
        let options = if matches!(kind, Kind::Writing(Family::Ext, _)) { "dirty=1" } else { "" };
        Self::mount_on(host, kind, options)
    }

    fn mount_on(host: Arc<SimHost>, kind: Kind, options: &str) -> Check<Self> {
        let kernel = context(rumpkit::kernel(host.clone()), "boot")?;
        let process = kernel.process();
        context(process.mkdir(POINT, Mode::new(0o755)), "mkdir")?;
        let (fs_type, device, flags) = match kind {
            Kind::Tmpfs => ("tmpfs", None, MountFlags::empty()),
            Kind::Writing(family, device) => (family.fs_type(), Some(device), MountFlags::empty()),
            Kind::Reading(family, device) => (family.fs_type(), Some(device), MountFlags::RDONLY),
        };
        let source = device.is_some().then(|| DEVICE.into());
        if let Some(device) = device {
            context(kernel.attach_block(DEVICE, device), "attach")?;
        }
        context(
            process.mount(fs_type, POINT, MountArgs { source, flags, options: options.into() }),
            "mount",
        )?;
        context(process.chdir(POINT), "chdir")?;
        Ok(Self { host, kernel, process })
    }

    /// A process whose working directory is the root of the file system.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Lets time pass, until what is in memory is old, and the kernel write it out as its threads would.
    pub fn write_behind(&self) {
        self.host.advance(LONG);
        self.kernel.write_behind();
    }

    /// Unmounts, which has to go well.
    pub fn unmount(self) -> Check {
        context(self.process.chdir("/"), "chdir")?;
        context(self.process.unmount(POINT, Unmount::Normal), "unmount")
    }
}

/// A rig on an empty image, and what judges it at the end.
pub struct DiskRig {
    rig: Rig,
    family: Family,
    device: Arc<dyn BlockDevice>,
}

impl DiskRig {
    /// Makes a small image and mounts it.
    pub fn make(format: &Format) -> Check<Self> {
        let device = MemDevice::new(format.image()?);
        let family = format.family;
        Ok(Self { rig: Rig::mount(Kind::Writing(family, device.clone()))?, family, device })
    }

    /// The same with room for many, and with threads of the kernel's.
    pub fn make_threaded(format: &Format) -> Check<Self> {
        let device = MemDevice::new(format.roomy_image()?);
        let family = format.family;
        Ok(Self { rig: Rig::mount_threaded(Kind::Writing(family, device.clone()))?, family, device })
    }

    /// A process whose working directory is the root of the file system.
    pub fn process(&self) -> &Process {
        self.rig.process()
    }

    /// Unmounts and mounts again.
    pub fn remount(self) -> Check<Self> {
        self.rig.unmount()?;
        let Self { family, device, .. } = self;
        Ok(Self { rig: Rig::mount(Kind::Writing(family, device.clone()))?, family, device })
    }

    /// Unmounts; the judge has nothing to complain of.
    pub fn finish(self) -> Check {
        self.rig.unmount()?;
        self.family.check_clean(&bytes_of(&*self.device)?, &Scratch::in_memory("rig")?)
    }
}

/// All bytes of a device.
pub fn bytes_of(device: &dyn BlockDevice) -> Check<Vec<u8>> {
    let mut bytes = vec![0; device.size_bytes() as usize];
    context(device.read_at(0, &mut bytes), "device")?;
    Ok(bytes)
}

/// Runs e2fsck, which has to end with one of the `accepted` statuses; answers the image afterwards.
pub fn e2fsck(image: &[u8], how: &str, accepted: &[i32], scratch: &Scratch) -> Check<Vec<u8>> {
    let path = scratch.path("image");
    context(std::fs::write(&path, image), path.display())?;
    let finished = run_within(Command::new("e2fsck").arg(how).arg(&path), PATIENCE)?;
    if finished.status.is_some_and(|status| accepted.contains(&status)) {
        return context(std::fs::read(&path), path.display());
    }
    Err(format!("e2fsck {how}: {}\n{}", finished.verdict(), String::from_utf8_lossy(&finished.stdout)))
}

/// Runs fsck.fat, which has to end with one of the `accepted` statuses; answers the image afterwards, and what it said.
pub fn fsck_fat(image: &[u8], how: &str, accepted: &[i32], scratch: &Scratch) -> Check<(Vec<u8>, String)> {
    let path = scratch.path("image");
    context(std::fs::write(&path, image), path.display())?;
    let finished = run_within(Command::new("fsck.fat").arg(how).arg(&path), PATIENCE)?;
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    // It answers 0 where it corrects a sum, or would.
    let is_clean = !accepted.contains(&1) && said.contains("correcting");
    if finished.status.is_some_and(|status| accepted.contains(&status)) && !is_clean {
        return Ok((context(std::fs::read(&path), path.display())?, said));
    }
    Err(format!("fsck.fat {how}: {}\n{said}", finished.verdict()))
}

/// Runs fsck.exfat, which has to end with one of the `accepted` statuses; answers the image afterwards, and what it
/// said.
pub fn fsck_exfat(image: &[u8], how: &str, accepted: &[i32], scratch: &Scratch) -> Check<(Vec<u8>, String)> {
    let path = scratch.path("image");
    context(std::fs::write(&path, image), path.display())?;
    let finished = run_within(Command::new("fsck.exfat").arg(how).arg(&path), PATIENCE)?;
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    let is_right = accepted.contains(&1) || (said.contains(": clean. ") && !said.contains("ERROR"));
    if finished.status.is_some_and(|status| accepted.contains(&status)) && is_right {
        return Ok((context(std::fs::read(&path), path.display())?, said));
    }
    Err(format!("fsck.exfat {how}: {}\n{said}", finished.verdict()))
}

/// Makes an image of this size with mkfs.fat; answers its bytes.
pub fn make_fat(kibibytes: u64, arguments: &[&str]) -> Check<Vec<u8>> {
    make_by("mkfs.fat", kibibytes, arguments)
}

/// Makes an image of this size with mkfs.exfat; answers its bytes.
pub fn make_exfat(kibibytes: u64, arguments: &[&str]) -> Check<Vec<u8>> {
    make_by("mkfs.exfat", kibibytes, arguments)
}

fn make_by(program: &str, kibibytes: u64, arguments: &[&str]) -> Check<Vec<u8>> {
    let scratch = Scratch::in_memory("torture")?;
    let path = scratch.path("image");
    let file = context(std::fs::File::create(&path), path.display())?;
    context(file.set_len(kibibytes << 10), path.display())?;
    let finished = run_within(Command::new(program).args(arguments).arg(&path), PATIENCE)?;
    if finished.status != Some(0) {
        return Err(format!("{program}: {}", finished.verdict()));
    }
    context(std::fs::read(&path), path.display())
}

/// Makes an image of this size with mke2fs; answers its bytes.
pub fn make_image(kibibytes: u64, arguments: &[&str]) -> Check<Vec<u8>> {
    make(kibibytes, arguments, "")
}

fn make(kibibytes: u64, arguments: &[&str], defaults: &str) -> Check<Vec<u8>> {
    let scratch = Scratch::in_memory("torture")?;
    let path = scratch.path("image");
    let file = context(std::fs::File::create(&path), path.display())?;
    context(file.set_len(kibibytes << 10), path.display())?;
    let run = |name: &str, arguments: &[&str]| {
        let finished = run_within(Command::new(name).args(arguments).arg(&path), PATIENCE)?;
        if finished.status == Some(0) { Ok(()) } else { Err(format!("{name}: {}", finished.verdict())) }
    };
    run("mke2fs", &[&["-q", "-F"], arguments].concat())?;
    if !defaults.is_empty() {
        run("tune2fs", &["-o", defaults])?;
    }
    context(std::fs::read(&path), path.display())
}
