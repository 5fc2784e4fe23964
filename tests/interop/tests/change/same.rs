//! The steps on layouts, formats and by users.

use crate::stage::{Disk, PATIENCE, ensure, run_to, text};
use crate::steps::{COMMON, Step};
use interop::image::Scratch;
use interop::mount::Mounted;
use interop::program::{Finished, run_ok, run_within};
use interop::tree::compare;
use interop::{Check, context, rump, source};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

/// Size of the file systems that change, in MiB.
const SIZE: u64 = 48;

/// A folder with every shape of file, which a mount holds, and its image.
pub struct Source {
    /// The image.
    pub disk: Disk,
    mounted: Mounted,
}

impl Source {
    /// Makes it.
    pub fn make() -> Check<Self> {
        let disk = Disk::make("source", 64, 0, "", &["-t", "ext4"])?;
        let mounted = disk.mount("")?;
        source::fill(mounted.path(), 60)?;
        mounted.unmount()?;
        let mounted = disk.mount("ro")?;
        Ok(Self { disk, mounted })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }
}

/// Two images that have to stay the same.
struct Stage {
    source: Source,
    ours: Disk,
    theirs: Disk,
    mounted: Mounted,
    /// `$R`.
    command: String,
    /// Where temporary files go.
    kept: Scratch,
}

impl Stage {
    fn new(ours: Disk) -> Check<Self> {
        let theirs = ours.copy()?;
        let mounted = theirs.mount("")?;
        let command = text(rump::binary()?)?.to_string();
        Ok(Self { source: Source::make()?, ours, theirs, mounted, command, kept: Scratch::new("kept")? })
    }

    fn shell(&self, line: &str, folder: &Path) -> Check<Finished> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("set -e; umask 022; {line}")).current_dir(folder);
        shell.env("R", &self.command).env("I", self.ours.place()).env("S", self.source.path());
        shell.env("J", self.source.disk.place());
        // What an editor that fails has left is kept there.
        shell.env("TMPDIR", self.kept.path(""));
        run_within(&mut shell, PATIENCE)
    }

    fn step(&self, (ours, theirs): &Step) -> Check {
        let named = |what: String| format!("{ours}: {what}");
        let expected = self.shell(theirs, self.mounted.path())?;
        let found = self.shell(ours, &self.source.disk.scratch.path(""))?;
        let told = || named(format!("{} / {}", expected.verdict(), found.verdict()));
        ensure((expected.status == Some(0)) == (found.status == Some(0)), told)?;
        let is_defect =
            found.stderr.contains("internal error") || found.timed_out || found.status == Some(70);
        ensure(!is_defect, told)?;
        ensure(
            (found.status == Some(0)) == found.stderr.is_empty()
                || ours.contains("true $R")
                || ours.contains("2>&-"),
            told,
        )?;
        self.ours.is_clean().map_err(named)?;
        let expected = crate::stage::comparable(self.mounted.path())?;
        compare(&expected, &self.ours.view()?).map_err(|what| format!("{ours}: {what}"))
    }

    fn run(self, steps: &[Step]) -> Check {
        let before = self.ours.surroundings()?;
        for step in steps {
            self.step(step)?;
        }
        ensure(self.ours.surroundings()? == before, || "bytes around the file system have changed".into())?;
        self.mounted.unmount()?;
        self.theirs.is_clean()
    }
}

pub fn ext4() -> Check {
    Stage::new(Disk::make("ext4", SIZE, 0, "", &["-t", "ext4"])?)?.run(COMMON)
}

pub fn inline_data() -> Check {
    let options = ["-t", "ext4", "-b", "1024", "-I", "512", "-O", "inline_data"];
    Stage::new(Disk::make("inline", SIZE, 0, "", &options)?)?.run(COMMON)
}

pub fn ext2() -> Check {
    Stage::new(Disk::make("ext2", SIZE, 0, "", &["-t", "ext2", "-I", "256"])?)?.run(COMMON)
}

/// Fills what is around a file system.
fn fill_around(disk: &Disk, before: u64) -> Check {
    let file = context(fs::OpenOptions::new().write(true).open(disk.path()), "image")?;
    let bytes = source::pattern(5, (before << 20) as usize);
    context(file.write_all_at(&bytes, 0), "image")?;
    context(file.write_all_at(&bytes, (before + SIZE) << 20), "image")
}

pub fn offset() -> Check {
    let disk = Disk::make("offset", SIZE, 3, "+3M", &["-t", "ext4"])?;
    fill_around(&disk, 3)?;
    Stage::new(disk)?.run(COMMON)
}

pub fn partition() -> Check {
    let disk = Disk::make("partition", SIZE, 1, "@1", &["-t", "ext4"])?;
    fill_around(&disk, 1)?;
    let script = format!("label: dos\n2048,{},83\n", SIZE << 11);
    let table = disk.scratch.path("table");
    context(fs::write(&table, script), "table")?;
    let line = "sfdisk --quiet --wipe never --no-reread --no-tell-kernel \"$0\" < \"$1\"";
    run_ok("sh", &["-c".as_ref(), line.as_ref(), disk.path().as_os_str(), table.as_os_str()])?;
    Stage::new(disk)?.run(COMMON)
}

pub fn user() -> Check {
    let disk = Disk::make("user", SIZE, 0, "", &["-t", "ext4"])?;
    let mut stage = Stage::new(disk)?;
    let program = stage.ours.scratch.path("rump");
    run_ok("install", &["-m755".as_ref(), rump::binary()?.as_os_str(), program.as_os_str()])?;
    context(std::os::unix::fs::chown(stage.ours.path(), Some(65_534), Some(65_534)), "image")?;
    context(
        fs::set_permissions(stage.ours.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)),
        "image",
    )?;
    context(std::os::unix::fs::chown(stage.kept.path(""), Some(65_534), Some(65_534)), "temporary files")?;
    stage.command = format!("setpriv --reuid 65534 --regid 65534 --clear-groups {}", program.display());
    stage.run(COMMON)
}

/// From an image that is only read.
const BETWEEN: &[Step] = &[
    ("$R cp -a $J:/sizes $J:/links $J:/xattrs $I:/", "cp -a $S/sizes $S/links $S/xattrs ."),
    ("$R cp -a $J:/ $I:/all", "cp -a $S/. all"),
    ("$R cp -a $J:/ $I:/all", "cp -a $S/. all"),
    ("$R cp $J:/sizes/4096 $I:/sizes/1", "cp -p $S/sizes/4096 sizes/1"),
    ("$R cp -a $I:/all/many $I:/many; $R rm -r $I:/all", "cp -a $S/many .; rm -r all"),
];

pub fn between() -> Check {
    let stage = Stage::new(Disk::make("between", SIZE, 0, "", &["-t", "ext4"])?)?;
    let before = context(fs::read(stage.source.disk.path()), "source")?;
    for step in BETWEEN {
        stage.step(step)?;
    }
    ensure(context(fs::read(stage.source.disk.path()), "source")? == before, || {
        "the source was written".into()
    })?;
    moved(&stage)
}

/// What is moved between images is gone from its source.
fn moved(stage: &Stage) -> Check {
    let from = stage.source.disk.copy()?;
    run_to(0, &["mv", &from.at("/links"), &from.at("/deep"), &from.at("/fifo"), &stage.ours.at("/many")])?;
    from.is_clean()?;
    let line = "cp -a $S/links $S/deep $S/fifo many";
    ensure(stage.shell(line, stage.mounted.path())?.status == Some(0), || line.into())?;
    compare(&crate::stage::comparable(stage.mounted.path())?, &stage.ours.view()?)?;
    stage.ours.is_clean()?;
    let mut expected = crate::stage::comparable(stage.source.path())?;
    let gone = |path: &str| {
        ["/links", "/deep", "/fifo"].iter().any(|top| path == *top || path.starts_with(&format!("{top}/")))
    };
    expected.retain(|path, _| !gone(path));
    let found = from.view()?;
    ensure(found.keys().eq(expected.keys()), || "more or less was removed than what was moved".into())
}

/// `user::rwx,user:1000:rwx,group::r-x,mask::rwx,other::r-x` (posix_acl_xattr.h).
const LIST: &[(u16, u16, u32)] =
    &[(1, 7, u32::MAX), (2, 7, 1000), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 5, u32::MAX)];
/// `cap_net_raw=ep`, as the kernel stores it (revision 2).
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A folder with a list for what is made in it, and a program with a capability.
fn fill_with_attributes(disk: &Disk) -> Check {
    let mounted = disk.mount("")?;
    let folder = mounted.path().join("listed");
    context(fs::create_dir(&folder), "listed")?;
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in LIST {
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&permissions.to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    }
    let set = |path: &Path, key: &str, value: &[u8]| {
        context(rustix::fs::setxattr(path, key, value, rustix::fs::XattrFlags::empty()), key)
    };
    set(&folder, "system.posix_acl_default", &list)?;
    let program = mounted.path().join("able");
    context(fs::write(&program, "able"), "able")?;
    set(&program, "security.capability", CAPABILITY)?;
    mounted.unmount()
}

pub fn whole() -> Check {
    const STEPS: &[Step] = &[
        ("$R cp -a $S/. $I:/", "cp -a $S/. ."),
        ("$R cp -a $S $I:/again", "cp -a $S again"),
        ("$R cp -a $S/. $I:/", "true"),
        // A list for what is made in a folder is none for copies, which have that of their source.
        ("$R cp -r $S/sizes $I:/listed", "cp -r --preserve=mode,timestamps,xattr $S/sizes listed"),
        ("$R cp -a $S/links $S/fifo $I:/listed", "cp -a $S/links $S/fifo listed"),
        ("$R mkdir $I:/listed/d; $R touch $I:/listed/t", "mkdir listed/d; touch listed/t"),
        ("echo | $R write $I:/listed/w", "echo > listed/w"),
        (
            "$R mkdir -p $I:/listed/e/f; $R truncate -s 1 $I:/listed/s",
            "mkdir -p listed/e/f; truncate -s 1 listed/s",
        ),
        ("$R cp -a $I:/able $I:/listed", "cp -a able listed"),
        ("$R mv $I:/listed/able $I:/moved", "mv listed/able moved"),
        ("$R chown 0:0 $I:/moved", "chown 0:0 moved"),
    ];
    let disk = Disk::make("whole", SIZE, 0, "", &["-t", "ext4"])?;
    fill_with_attributes(&disk)?;
    let stage = Stage::new(disk)?;
    for step in STEPS {
        stage.step(step)?;
    }
    same_holes(&stage)
}

/// Copies have the holes of their sources, to the block.
fn same_holes(stage: &Stage) -> Check {
    use std::os::unix::fs::MetadataExt;
    run_ok("sync", &["-f".as_ref(), stage.mounted.path().as_os_str()])?;
    let ours = stage.ours.mount("ro")?;
    for name in ["sparse", "only-a-hole", "sizes/1MiB+1"] {
        let blocks = |root: &Path| context(fs::metadata(root.join(name)), name).map(|facts| facts.blocks());
        let (expected, found) = (blocks(stage.mounted.path())?, blocks(ours.path())?);
        ensure(expected == found, || format!("{name}: {expected} / {found} blocks"))?;
    }
    ours.unmount()
}

pub fn modes() -> Check {
    let disk = Disk::make("modes", 8, 0, "", &["-t", "ext4"])?;
    let scratch = Scratch::new("modes")?;
    let files = ["file", "dir"].map(|name| scratch.path(name));
    context(fs::write(&files[0], ""), "file")?;
    context(fs::create_dir(&files[1]), "dir")?;
    run_to(0, &["touch", &disk.at("/file")])?;
    run_to(0, &["mkdir", &disk.at("/dir")])?;
    for mode in random_modes(120) {
        for (path, name) in files.iter().zip(["/file", "/dir"]) {
            let theirs = Command::new("chmod").arg("--").arg(&mode).arg(path).status();
            let ours = run_to_any(&["chmod", "--", &mode, &disk.at(name)])?;
            let is_taken = context(theirs, "chmod")?.success();
            ensure(is_taken == (ours.status == Some(0)), || format!("{mode}: {}", ours.verdict()))?;
            let json = run_to(0, &["stat", "--json", &disk.at(name)])?;
            use std::os::unix::fs::MetadataExt;
            let expected = context(fs::metadata(path), name)?.mode() & 0o7777;
            let shown = format!("\"mode\":\"{expected:04o}\"");
            let found = String::from_utf8_lossy(&json.stdout).replace(": ", ":");
            ensure(found.contains(&shown), || format!("{mode} {name}: {shown} / {found}"))?;
        }
    }
    Ok(())
}

fn run_to_any(arguments: &[&str]) -> Check<Finished> {
    crate::stage::run(arguments)
}

/// Words and numbers as chmod takes them, and some that it does not.
fn random_modes(count: usize) -> Vec<String> {
    let bytes = source::pattern(11, count * 32);
    let pick = |from: &'static str, byte: u8| {
        let letters: Vec<char> = from.chars().collect();
        letters[usize::from(byte) % letters.len()]
    };
    let word = |bytes: &[u8]| {
        if bytes[0] % 4 == 0 {
            let digits = 1 + usize::from(bytes[1]) % 5;
            let number: String = bytes[2..2 + digits].iter().map(|&byte| pick("01234567", byte)).collect();
            return number;
        }
        let parts = 1 + usize::from(bytes[1]) % 3;
        let part = |bytes: &[u8]| {
            let mut text = String::new();
            (0..bytes[0] % 3).for_each(|at| text.push(pick("ugoa", bytes[1 + usize::from(at)])));
            text.push(pick("+-=", bytes[4]));
            if bytes[5] % 5 == 0 {
                text.push(pick("ugo", bytes[6]));
            } else {
                (0..bytes[5] % 4).for_each(|at| text.push(pick("rwxXst", bytes[6 + usize::from(at)])));
            }
            text
        };
        bytes[2..].chunks(10).take(parts).map(part).collect::<Vec<_>>().join(",")
    };
    bytes.chunks(32).map(word).collect()
}
