//! Linux' vfat as the judge, in user-mode Linux: it sees what we wrote, and we see what it wrote.

use crate::trees;
use crate::volume::{SHAPES, Shape, Volume, put};
use interop::rump::view_with;
use interop::source::pattern;
use interop::tree::{Contents, Tree, compare};
use interop::uml::{Answers, Machine, Step};
use interop::{Check, context};
use rumpkit::kpi::{SetTime, TimeSpec};
use rumpkit::{AtFlags, Mode, OpenFlags, Process};

/// What makes both sides speak of the same: times are those of the stamps, names are UTF-8 for Linux as well.
/// With the code page and the character set that are its defaults.
const MODULES: &[&str] = &["vfat", "nls_cp437", "nls_iso8859-1"];

const LINUX: &str = "-t vfat -o utf8=1,tz=UTC,umask=022";
const OURS: &str = "tz=UTC,umask=022";

/// Leaves what both store. Numbers of inodes are made up by each; Linux has the count of subdirectories for links of a
/// directory, we have 1, and the root has no times.
fn comparable(mut tree: Tree) -> Tree {
    for (path, entry) in &mut tree {
        entry.ino = 0;
        if entry.kind == "dir" {
            entry.nlink = 1;
        }
        if path == "/" {
            (entry.mtime, entry.atime, entry.ctime) = ((0, 0), (0, 0), (0, 0));
        }
    }
    tree
}

/// A volume, and what Linux saw in it.
fn agrees(volume: &Volume, options: &str, answers: &Answers, step: Step) -> Check {
    let shown = answers.shown(step)?;
    let ours = view_with(options, &volume.path().to_string_lossy(), Contents::Hashed)?;
    compare(&comparable(shown.tree), &comparable(ours))?;
    let space = volume.read(options, |process| {
        let space = context(process.statvfs("."), "statvfs")?;
        Ok([space.block_size.into(), space.blocks, space.blocks_free])
    })?;
    if space == shown.space { Ok(()) } else { Err(format!("space: Linux {:?}, ours {space:?}", shown.space)) }
}

/// Files of the directory of many files, which is large on one volume.
fn many(shape: &Shape) -> usize {
    if shape.name == "fat16-sectors-4k" { 3000 } else { 100 }
}

fn at(process: &Process, path: &str, sec: i64) -> Check {
    let time = Some(SetTime::To(TimeSpec { sec, nsec: 0 }));
    context(process.utimensat(None, path, [time, time], AtFlags::empty()), path)
}

/// Everything that can be written: trees, attributes, times to the ends of what can be stored, many files, a file in
/// pieces, and what deletions and renames leave.
fn fill(process: &Process, shape: &Shape) -> Check {
    trees::put_all(process, shape)?;
    context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
    for number in 0..many(shape) {
        let length = if number % 50 == 0 { 700 } else { 0 };
        put(process, &format!("d/one of many files {number}"), &pattern(number as u64, length))?;
    }
    for number in (0..many(shape)).step_by(7) {
        context(process.unlink(format!("d/one of many files {number}")), "unlink")?;
    }
    for number in (1..many(shape)).step_by(14) {
        context(process.rename(format!("d/one of many files {number}"), format!("d/n{number}")), "rename")?;
    }
    in_pieces(process)?;
    // 1980-01-01, an odd second, a leap day, 2107-12-31 23:59:58.
    for (name, sec) in
        [("1980", 315_532_800), ("odd", 1_622_865_783), ("leap", 951_782_400), ("2107", 4_354_819_198)]
    {
        put(process, name, name.as_bytes())?;
        at(process, name, sec)?;
    }
    put(process, "locked", b"x")?;
    context(process.chmod("locked", Mode::new(0o555)), "chmod")
}

/// Two files that grow by turns: the clusters of each are apart.
fn in_pieces(process: &Process) -> Check {
    let flags = OpenFlags::CREAT | OpenFlags::WRONLY;
    let names = ["pieces 1", "pieces 2"];
    for turn in 0..12 {
        for name in names {
            let fd = context(process.open(name, flags, Mode::new(0o644)), name)?;
            context(process.pwrite(fd, &pattern(turn, 5000), turn * 5000), name)?;
            context(process.close(fd), name)?;
        }
    }
    context(process.truncate("pieces 1", 30_000), "truncate")
}

/// What Linux does, with names and lengths of its own.
const CHANGES: &str = r"
mkdir 'made by Linux' 'made by Linux/deep'; cd 'made by Linux'
for size in 0 1 511 512 4095 4097 65537; do head -c $size /dev/urandom >size.$size; done
cp size.65537 'Ünïcode 日本 😀.bin'; cp size.1 SHORT.TXT; cp size.1 lower.txt; cp size.1 Mixed.Txt
cp size.1 'trailing.dots.and more.of it'
seq -f 'a file with a long name %g' 300 | xargs -d '\n' touch
seq -f 'a file with a long name %g' 3 3 300 | xargs -d '\n' rm
printf appended >>../README.TXT
printf appended >>'../pieces 1'
mv ../lower.txt 'deep/moved.txt'
mv '../many' deep
mv ../folder '../folder of another name'
rm '../x+y=z;[1],2'
truncate -s 90000 ../MIXED.txt
truncate -s 10 '../pieces 2'
chmod a-w size.512
touch -d '2001-02-03 04:05:06' size.511
touch -d '1980-01-01 00:00:00' size.0
touch -d '2107-12-31 23:59:58' deep
rm -r ../d
";

/// What we do to what Linux left.
fn change(process: &Process) -> Check {
    let home = "made by Linux";
    put(process, &format!("{home}/deep/by us"), &pattern(5, 33_333))?;
    put(process, &format!("{home}/size.4097"), &pattern(6, 20_000))?;
    context(process.truncate(format!("{home}/size.65537"), 3), "truncate")?;
    context(process.rename(format!("{home}/Mixed.Txt"), format!("{home}/deep/MIXED.TXT")), "rename")?;
    context(process.rename(format!("{home}/SHORT.TXT"), format!("{home}/Short.txt")), "rename")?;
    context(process.unlink(format!("{home}/Ünïcode 日本 😀.bin")), "unlink")?;
    for number in (1..300).filter(|number| number % 3 == 1) {
        context(process.unlink(format!("{home}/a file with a long name {number}")), "unlink")?;
    }
    context(process.chmod(format!("{home}/size.512"), Mode::new(0o755)), "chmod")?;
    context(process.rename(format!("{home}/deep/many"), "many"), "rename")
}

/// Two of each width, of small clusters and of large ones.
fn shapes() -> impl Iterator<Item = &'static Shape> {
    SHAPES.iter().step_by(2)
}

/// A machine that looks at every volume, after a script there if there is one.
fn look(volumes: &[Volume], script: Option<&str>) -> Check {
    let mut linux = Machine::new(MODULES)?;
    let mut steps = Vec::new();
    for volume in volumes {
        let disk = linux.disk(&volume.path())?;
        let changed = script.map(|script| linux.change(disk, LINUX, script)).transpose()?;
        steps.push((changed, linux.show(disk, LINUX)?));
    }
    let answers = linux.run()?;
    for ((shape, volume), (changed, shown)) in shapes().zip(volumes).zip(steps) {
        changed
            .map_or(Ok(()), |step| answers.output(step).map(drop))
            .and_then(|()| agrees(volume, OURS, &answers, shown))
            .and_then(|()| volume.check())
            .map_err(|what| format!("{}: {what}", shape.name))?;
    }
    Ok(())
}

/// We write, Linux looks, Linux writes, we look, we write, Linux looks.
pub fn by_turns() -> Check {
    let mut volumes = Vec::new();
    for shape in shapes() {
        let volume = Volume::make(shape)?;
        volume
            .write(OURS, |process| fill(process, shape))
            .map_err(|what| format!("{}: {what}", shape.name))?;
        volumes.push(volume);
    }
    look(&volumes, None)?;
    look(&volumes, Some(CHANGES))?;
    for (shape, volume) in shapes().zip(&volumes) {
        volume.write(OURS, change).map_err(|what| format!("{}: {what}", shape.name))?;
    }
    look(&volumes, None)
}

/// Pairs of options that mean the same, Linux' before ours. Nobody but Linux has `utf8`.
const SAME_OPTIONS: &[(&str, &str)] = &[
    ("umask=027,uid=7,gid=8,tz=UTC", "umask=027,uid=7,gid=8"),
    ("fmask=0137,dmask=0072,tz=UTC", "fmask=137,dmask=072,tz=UTC"),
    ("umask=000,time_offset=330", "umask=0,time_offset=330"),
    ("umask=022,time_offset=-90", "umask=022,tz=-01:30"),
    ("umask=022,tz=UTC,codepage=850", "umask=022,codepage=850"),
    ("umask=022,tz=UTC,codepage=852", "umask=022,codepage=852"),
];

/// Short names with every byte beyond ASCII, and with the two marks for lower case that Windows NT keeps; by all code
/// pages and masks.
pub fn options() -> Check {
    let volume = Volume::make_with(16 << 10, &["-F", "16"])?;
    volume.write("", |process| {
        for byte in 128..=255 {
            put(process, &format!("XX{byte}.TXT"), b"x")?;
        }
        for name in ["LOWER.ALL", "LOWER.EXT", "LOWER", "LOCKED"] {
            put(process, name, b"x")?;
        }
        context(process.mkdir("FOLDER", Mode::new(0o755)), "mkdir")?;
        context(process.chmod("LOCKED", Mode::new(0o555)), "chmod")
    })?;
    let mut bytes = volume.bytes()?;
    let mut patch = |name: &[u8; 11], at: usize, value: u8| -> Check {
        let entry = bytes.windows(11).position(|bytes| bytes == name).ok_or("no such entry")?;
        bytes[entry + at] = value;
        Ok(())
    };
    for byte in 128..=255_u8 {
        let name = format!("XX{byte}   TXT").into_bytes();
        patch(name.as_slice().try_into().map_err(|_| "a long name")?, 1, byte)?;
    }
    for (name, marks) in [(b"LOWER   ALL", 0x18), (b"LOWER   EXT", 0x10), (b"LOWER      ", 0x08)] {
        patch(name, 12, marks)?;
    }
    volume.replace(&bytes)?;
    let mut linux = Machine::new(&["vfat", "nls_cp437", "nls_cp850", "nls_cp852", "nls_iso8859-1"])?;
    let disk = linux.disc(&volume.path())?;
    let mut steps = Vec::new();
    for (theirs, ours) in SAME_OPTIONS {
        steps.push((linux.show(disk, &format!("-t vfat -o utf8=1,{theirs}"))?, ours));
    }
    let answers = linux.run()?;
    for (step, ours) in steps {
        agrees(&volume, ours, &answers, step).map_err(|what| format!("{ours}: {what}"))?;
    }
    Ok(())
}
