//! Recovery by ours and by e2fsck, and what has to be there afterwards.

use crate::random::Random;
use crate::rig::{Family, Kind, Rig, bytes_of, e2fsck};
use crate::states::Player;
use crate::workload::{Durable, Record, check_units};
use interop::image::Scratch;
use interop::{Check, context};
use rumpkit::dev::MemDevice;
use rumpkit::{FileType, Mode, OpenFlags, Process};

/// What was looked at.
#[derive(Default, Debug)]
pub struct Account {
    /// Images made.
    pub states: u64,
    /// Different ones among them.
    pub different: u64,
    /// Durable files compared.
    pub compared: u64,
}

/// Judges images of `cuts` instants, spread over the record.
pub fn judge(record: &Record, seed: u64, cuts: usize) -> Check<Account> {
    let scratch = Scratch::in_memory("crash")?;
    let mut player = Player::new(record.before.clone(), record.device.events());
    let mut account = Account::default();
    let mut seen = std::collections::HashSet::new();
    for index in 0..cuts {
        let cut = player.count() * index / cuts;
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(index as u64));
        let image = player.state(cut, &mut random);
        account.states += 1;
        account.different += u64::from(seen.insert(hash(&image)));
        let durable = record.durable.iter().filter(|durable| durable.from <= cut && cut <= durable.until);
        let durable: Vec<&Durable> = durable.collect();
        account.compared += durable.len() as u64;
        let place =
            |what| format!("seed {seed}, cut {index} (after {cut} of {} events): {what}", player.count());
        if record.family != Family::Ext {
            let moving = record.moves.iter().any(|(begin, end)| (*begin..=*end).contains(&cut));
            by_fsck(record.family, &image, &durable, moving, &scratch).map_err(place)?;
            continue;
        }
        by_ours(&image, &durable, &scratch).map_err(|what| place(format!("our recovery: {what}")))?;
        by_e2fsck(&image, &durable, &scratch).map_err(|what| place(format!("e2fsck's recovery: {what}")))?;
    }
    Ok(account)
}

/// Judges what a workload left on a device that works again: all that was durable is there.
pub fn judge_end(record: &Record, image: &[u8], scratch: &Scratch) -> Check {
    let durable: Vec<&Durable> =
        record.durable.iter().filter(|durable| durable.until == usize::MAX).collect();
    let moving = record.moves.iter().any(|(_, end)| *end == usize::MAX);
    match record.family {
        Family::Fat | Family::Exfat => by_fsck(record.family, image, &durable, moving, scratch),
        Family::Ext => by_e2fsck(image, &durable, scratch),
    }
}

fn hash(image: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    image.hash(&mut hasher);
    hasher.finish()
}

/// A mount for writing recovers; what it leaves has to be clean.
fn by_ours(image: &[u8], durable: &[&Durable], scratch: &Scratch) -> Check {
    let device = MemDevice::new(image.to_vec());
    let rig = Rig::mount(Kind::Writing(Family::Ext, device.clone()))?;
    check_tree(rig.process(), durable, Length::Exact)?;
    rig.unmount()?;
    e2fsck(&bytes_of(&*device)?, "-fn", &[0], scratch).map(drop)
}

/// e2fsck recovers; a mount for reading has to show the same.
fn by_e2fsck(image: &[u8], durable: &[&Durable], scratch: &Scratch) -> Check {
    let repaired = e2fsck(image, "-fy", &[0, 1], scratch)?;
    let rig = Rig::mount(Kind::Reading(Family::Ext, MemDevice::new(repaired)))?;
    check_tree(rig.process(), durable, Length::Exact)
}

/// FAT and exFAT have nothing to recover by: what is there has to be sound as it is, but for clusters that nobody has
/// and chains that are longer than their files. The judge finds nothing worse, and leaves it as it was. Only while a
/// rename is on its way may a file have two names.
fn by_fsck(family: Family, image: &[u8], durable: &[&Durable], moving: bool, scratch: &Scratch) -> Check {
    let as_it_is = Rig::mount(Kind::Reading(family, MemDevice::new(image.to_vec())))?;
    check_tree(as_it_is.process(), durable, Length::Exact).map_err(|what| format!("before fsck: {what}"))?;
    let (repaired, said) = family.repair(image, scratch)?;
    let is_harm = |line: &&str| {
        family.harm().iter().any(|harm| line.contains(harm)) && !line.contains("Free cluster summary")
    };
    if let Some(line) = said.lines().find(is_harm).filter(|_| !moving) {
        return Err(format!("fsck found worse than lost clusters: {line}\n{said}"));
    }
    // A folder that had two names it repairs in two steps.
    let repaired = if moving { family.repair(&repaired, scratch)?.0 } else { repaired };
    family.check_clean(&repaired, scratch)?;
    let after = Rig::mount(Kind::Reading(family, MemDevice::new(repaired)))?;
    check_tree(after.process(), durable, Length::after_repair_of(family))
        .map_err(|what| format!("after fsck: {what}\n{said}"))?;
    if moving { Ok(()) } else { goes_on(family, image, durable, scratch) }
}

/// Whoever writes to such a volume without asking the judge does no harm either.
fn goes_on(family: Family, image: &[u8], durable: &[&Durable], scratch: &Scratch) -> Check {
    let device = MemDevice::new(image.to_vec());
    let rig = Rig::mount(Kind::Writing(family, device.clone()))?;
    for number in 0..8 {
        let flags = OpenFlags::CREAT | OpenFlags::RDWR;
        let fd = context(rig.process().open(format!("new {number}"), flags, Mode::new(0o644)), "a new file")?;
        context(rig.process().pwrite(fd, &[0; 20_000], 0), "a new file")?;
        context(rig.process().close(fd), "a new file")?;
    }
    rig.unmount()?;
    let (repaired, said) = family.repair(&bytes_of(&*device)?, scratch)?;
    if said.contains("shares clusters") || said.contains("allocated for the other file") {
        return Err(format!("new files take clusters of others\n{said}"));
    }
    let after = Rig::mount(Kind::Reading(family, MemDevice::new(repaired)))?;
    check_tree(after.process(), durable, Length::after_repair_of(family))
        .map_err(|what| format!("after new files and fsck: {what}\n{said}"))
}

/// How long a durable file has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    /// As long as it was.
    Exact,
    /// fsck.exfat, where the table goes on behind the end of a file, takes the end of its last cluster for that of the
    /// file: zeros come behind what was there.
    OrWholeClusters,
}

impl Length {
    fn after_repair_of(family: Family) -> Self {
        if family == Family::Exfat { Self::OrWholeClusters } else { Self::Exact }
    }
}

fn check_tree(process: &Process, durable: &[&Durable], length: Length) -> Check {
    for durable in durable {
        check_durable(process, durable, length).map_err(|what| format!("{}: {what}", durable.path))?;
    }
    check_folder(process, ".", 0)
}

fn check_durable(process: &Process, durable: &Durable, length: Length) -> Check {
    let Some(expected) = &durable.expected else {
        return match process.lstat(&durable.path) {
            Ok(_) => Err("is back although its removal was durable".into()),
            Err(_) => Ok(()),
        };
    };
    let mut content = read(process, &durable.path)?;
    let cluster = context(process.statvfs("."), "statvfs")?.block_size as usize;
    let behind = content.get(expected.content.len()..).unwrap_or_default();
    let is_rounded = content.len() == expected.content.len().next_multiple_of(cluster);
    if length == Length::OrWholeClusters && is_rounded && behind.iter().all(|byte| *byte == 0) {
        content.truncate(expected.content.len());
    }
    if content != expected.content {
        let length = content.iter().zip(&expected.content).take_while(|(a, b)| a == b).count();
        let sizes = (content.len(), expected.content.len());
        return Err(format!("{} bytes instead of {}, different from byte {length}", sizes.0, sizes.1));
    }
    let note = process.getxattr(&durable.path, "user.note").ok();
    if note == expected.note {
        Ok(())
    } else {
        Err(format!("user.note is {note:?} instead of {:?}", expected.note))
    }
}

fn check_folder(process: &Process, path: &str, depth: usize) -> Check {
    let fail = |error| format!("{path}: {error}");
    let fd = process.open(path, OpenFlags::DIRECTORY, Mode::new(0)).map_err(fail)?;
    let mut names = Vec::new();
    process
        .getdents(fd, &mut |entry| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        })
        .map_err(fail)?;
    process.close(fd).map_err(fail)?;
    // Where fsck.fat puts clusters that nobody had, whatever they hold.
    let is_found = |name: &str| depth == 0 && name.starts_with("FSCK") && name.ends_with(".REC");
    for name in names.iter().filter(|name| *name != "." && *name != ".." && !is_found(name)) {
        let path = format!("{path}/{name}");
        let stat = process.lstat(&path).map_err(|error| format!("{path}: {error}"))?;
        match stat.file_type {
            FileType::Directory if depth < 8 => check_folder(process, &path, depth + 1)?,
            FileType::Regular => {
                let content = read(process, &path)?;
                check_units(&content).map_err(|what| format!("{path}: {what}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn read(process: &Process, path: &str) -> Check<Vec<u8>> {
    let fail = |error| format!("{path}: {error}");
    let fd = process.open(path, OpenFlags::empty(), Mode::new(0)).map_err(fail)?;
    let size = process.fstat(fd).map_err(fail)?.size;
    let mut content = vec![0; size as usize];
    let length = process.pread(fd, &mut content, 0).map_err(fail)?;
    process.close(fd).map_err(fail)?;
    content.truncate(length);
    Ok(content)
}
