//! Random operations, and what is known to be durable.
//!
//! The content of a file consists of units of 16 bytes, each of which names the file it was written to and its place
//! there; so a block that turns up in another file gives itself away.

use crate::random::Random;
use crate::rig::{Family, Kind, Rig};
use interop::{Check, context};
use rumpkit::dev::{MemDevice, Recorder};
use rumpkit::kpi::{BlockDevice, Capabilities};
use rumpkit::{AtFlags, Fd, KResult, Mode, OpenFlags, Process, XattrFlags};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Bytes of a unit.
pub const UNIT: usize = 16;
const FOLDERS: u64 = 4;
const NAMES: u64 = 24;
const MOST_BYTES: u64 = 300 << 10;
/// Files without a name that are open at a time.
const MOST_HELD: usize = 4;

/// A file as it has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Its content.
    pub content: Vec<u8>,
    /// The value of `user.note`, if it is set.
    pub note: Option<Vec<u8>>,
}

/// Something that was durable from one event on, until somebody began to change it.
pub struct Durable {
    /// Path of the file.
    pub path: String,
    /// What it is; `None` if the name is gone.
    pub expected: Option<Expected>,
    /// Events that had happened when it became durable.
    pub from: usize,
    /// Events that had happened when it was about to be changed.
    pub until: usize,
}

/// What a workload leaves.
pub struct Record {
    /// The disk before.
    pub before: Vec<u8>,
    /// The device with its events.
    pub device: Arc<Recorder>,
    /// What was durable when.
    pub durable: Vec<Durable>,
    /// Who judges.
    pub family: Family,
    /// Renames that were not durable yet: events that had happened when each began, and when it was.
    pub moves: Vec<(usize, usize)>,
    /// Calls that failed, the unmount among them.
    pub failures: u64,
}

struct File {
    id: u32,
    expected: Expected,
}

struct Workload {
    rig: Rig,
    process: Process,
    device: Arc<Recorder>,
    random: Random,
    files: BTreeMap<String, File>,
    next_id: u32,
    version: u32,
    durable: Vec<Durable>,
    /// Names that changed since everything was durable last.
    changed: BTreeMap<String, ()>,
    /// Open files that lost their name, the oldest first: a crash has to free them.
    held: VecDeque<Fd>,
    has_xattrs: bool,
    moves: Vec<(usize, usize)>,
    /// Names that the operation at hand changes.
    touched: Vec<String>,
    /// Names of which nothing is known, since an operation on them failed: nobody uses them any more.
    unknown: BTreeSet<String>,
}

/// Runs `operations` on the file system in `before`; all have to go well.
pub fn run(family: Family, before: Vec<u8>, seed: u64, operations: u64) -> Check<Record> {
    let device = Recorder::new(MemDevice::new(before.clone()));
    let mut workload = Workload::mount(family, device, seed)?;
    workload.folders().map_err(|error| format!("mkdir: {error}"))?;
    for number in 0..operations {
        workload.step().map_err(|error| format!("seed {seed}, operation {number}: {error}"))?;
    }
    let (record, ended) = workload.finish(family, before);
    ended.map(|()| record)
}

/// The same on a device that may fail, and goes on then. Fails if it cannot be mounted.
pub fn run_on(
    family: Family,
    before: Vec<u8>,
    device: Arc<dyn BlockDevice>,
    seed: u64,
    operations: u64,
) -> Check<Record> {
    let mut workload = Workload::mount(family, Recorder::new(device), seed)?;
    let mut failures = u64::from(workload.folders().is_err());
    for _ in 0..operations {
        if workload.step().is_err() {
            failures += 1;
            workload.forget();
        }
    }
    let (mut record, ended) = workload.finish(family, before);
    record.failures = failures + u64::from(ended.is_err());
    Ok(record)
}

impl Workload {
    fn mount(family: Family, device: Arc<Recorder>, seed: u64) -> Check<Self> {
        let rig = Rig::mount(Kind::Writing(family, device.clone()))?;
        let can = context(rig.process().capabilities("."), "capabilities")?;
        Ok(Self {
            process: rig.process().fork(),
            rig,
            device,
            random: Random::new(seed),
            files: BTreeMap::new(),
            next_id: 1,
            version: 0,
            durable: Vec::new(),
            changed: BTreeMap::new(),
            held: VecDeque::new(),
            has_xattrs: can.contains(Capabilities::XATTRS),
            moves: Vec::new(),
            touched: Vec::new(),
            unknown: BTreeSet::new(),
        })
    }

    fn folders(&self) -> KResult<()> {
        (0..FOLDERS).try_for_each(|folder| self.process.mkdir(format!("d{folder}"), Mode::new(0o755)))
    }

    /// Unmounts, which makes everything durable if it goes well.
    fn finish(mut self, family: Family, before: Vec<u8>) -> (Record, Check) {
        self.process.exit();
        let changed = std::mem::take(&mut self.changed);
        let Self { rig, durable, mut moves, device, files, unknown, .. } = self;
        let mut record = Record { before, device, durable, family, moves: Vec::new(), failures: 0 };
        let ended = rig.unmount();
        let now = record.device.count();
        if ended.is_ok() {
            moves.iter_mut().for_each(|(_, end)| *end = now.min(*end));
            for path in changed.into_keys().filter(|path| !unknown.contains(path)) {
                let expected = files.get(&path).map(|file| file.expected.clone());
                record.durable.push(Durable { path, expected, from: now, until: usize::MAX });
            }
        }
        record.moves = moves;
        (record, ended)
    }

    /// Nobody knows what an operation that failed has done: neither to what it changed, nor to what should have become
    /// durable.
    fn forget(&mut self) {
        self.unknown.extend(self.touched.drain(..));
        self.unknown.extend(std::mem::take(&mut self.changed).into_keys());
    }

    fn step(&mut self) -> KResult<()> {
        let path = format!("d{}/f{}", self.random.below(FOLDERS), self.random.below(NAMES));
        self.touched.clear();
        match self.random.below(100) {
            _ if self.unknown.contains(&path) => Ok(()),
            0..40 => self.write(&path),
            40..50 => self.truncate(&path),
            50..62 => self.unlink(&path),
            62..72 => self.rename(&path),
            72..80 => self.note(&path),
            80..84 => self.folder(),
            84..86 => {
                self.rig.write_behind();
                Ok(())
            }
            86..97 => self.fsync(&path),
            _ => self.sync(),
        }
    }

    /// From here on, what was durable of `path` may be gone.
    fn touch(&mut self, path: &str) {
        let now = self.device.count();
        for durable in self.durable.iter_mut().filter(|durable| durable.path == path) {
            durable.until = durable.until.min(now);
        }
        self.changed.insert(path.into(), ());
        self.touched.push(path.into());
    }

    fn write(&mut self, path: &str) -> KResult<()> {
        self.touch(path);
        let fd = self.process.open(path, OpenFlags::RDWR | OpenFlags::CREAT, Mode::new(0o644))?;
        let next_id = &mut self.next_id;
        let file = self.files.entry(path.into()).or_insert_with(|| {
            *next_id += 1;
            File { id: *next_id, expected: Expected { content: Vec::new(), note: None } }
        });
        let large = self.random.chance(15);
        let length = (1 + self.random.below(if large { MOST_BYTES / 16 } else { 600 })) * UNIT as u64;
        let offset = if self.random.chance(50) {
            file.expected.content.len() as u64
        } else {
            self.random.below(MOST_BYTES / 16) * UNIT as u64
        };
        self.version += 1;
        let bytes = units(file.id, self.version, offset, length);
        self.process.pwrite(fd, &bytes, offset)?;
        let end = (offset + length) as usize;
        if file.expected.content.len() < end {
            file.expected.content.resize(end, 0);
        }
        file.expected.content[offset as usize..end].copy_from_slice(&bytes);
        self.process.close(fd)
    }

    fn truncate(&mut self, path: &str) -> KResult<()> {
        if !self.files.contains_key(path) {
            return Ok(());
        }
        self.touch(path);
        let size = self.random.below(MOST_BYTES / 16) * UNIT as u64;
        self.process.truncate(path, size)?;
        if let Some(file) = self.files.get_mut(path) {
            file.expected.content.resize(size as usize, 0);
        }
        Ok(())
    }

    fn unlink(&mut self, path: &str) -> KResult<()> {
        let Some(file) = self.files.remove(path) else { return Ok(()) };
        self.touch(path);
        if self.random.chance(50) {
            return self.process.unlink(path);
        }
        let fd = self.process.open(path, OpenFlags::RDWR, Mode::new(0))?;
        self.process.unlink(path)?;
        self.version += 1;
        self.process.pwrite(fd, &units(file.id, self.version, 0, MOST_BYTES / 16), 0)?;
        self.held.push_back(fd);
        let oldest = if self.held.len() > MOST_HELD { self.held.pop_front() } else { None };
        oldest.map_or(Ok(()), |fd| self.process.close(fd))
    }

    fn rename(&mut self, path: &str) -> KResult<()> {
        let to = format!("d{}/f{}", self.random.below(FOLDERS), self.random.below(NAMES));
        if to == path || !self.files.contains_key(path) || self.unknown.contains(&to) {
            return Ok(());
        }
        self.touch(path);
        self.touch(&to);
        self.begin_move();
        self.process.rename(path, &to)?;
        if let Some(file) = self.files.remove(path) {
            self.files.insert(to, file);
        }
        Ok(())
    }

    fn note(&mut self, path: &str) -> KResult<()> {
        if !self.has_xattrs || !self.files.contains_key(path) {
            return Ok(());
        }
        self.touch(path);
        let value: Vec<u8> = (0..1 + self.random.below(200)).map(|_| self.random.draw() as u8).collect();
        self.process.setxattr(path, "user.note", &value, XattrFlags::empty())?;
        if let Some(file) = self.files.get_mut(path) {
            file.expected.note = Some(value);
        }
        Ok(())
    }

    /// A folder comes, moves to another parent, or goes.
    fn folder(&mut self) -> KResult<()> {
        let (from, to) = (self.random.below(FOLDERS), self.random.below(FOLDERS));
        let name = self.random.below(4);
        let (old, new) = (format!("d{from}/e{name}"), format!("d{to}/e{name}"));
        if self.process.mkdir(&old, Mode::new(0o755)).is_ok() {
            return Ok(());
        }
        if self.random.chance(50) && old != new && self.process.lstat(&new).is_err() {
            self.begin_move();
            return self.process.rename(&old, &new);
        }
        self.process.unlinkat(None, &old, AtFlags::REMOVEDIR)
    }

    fn fsync(&mut self, path: &str) -> KResult<()> {
        let Some(file) = self.files.get(path) else { return Ok(()) };
        let expected = file.expected.clone();
        self.touched.push(path.into());
        let fd = self.process.open(path, OpenFlags::empty(), Mode::new(0))?;
        self.process.fsync(fd)?;
        self.end_moves();
        self.process.close(fd)?;
        self.settle(path.to_string(), Some(expected));
        Ok(())
    }

    fn sync(&mut self) -> KResult<()> {
        self.process.sync()?;
        self.end_moves();
        for (path, ()) in std::mem::take(&mut self.changed) {
            let expected = self.files.get(&path).map(|file| file.expected.clone());
            self.settle(path, expected);
        }
        Ok(())
    }

    fn begin_move(&mut self) {
        self.moves.push((self.device.count(), usize::MAX));
    }

    fn end_moves(&mut self) {
        let now = self.device.count();
        for (_, end) in &mut self.moves {
            *end = now.min(*end);
        }
    }

    fn settle(&mut self, path: String, expected: Option<Expected>) {
        self.durable.push(Durable { path, expected, from: self.device.count(), until: usize::MAX });
    }
}

/// Units for `length` bytes at `offset` of the file `id`.
fn units(id: u32, version: u32, offset: u64, length: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length as usize);
    for unit in offset / UNIT as u64..(offset + length) / UNIT as u64 {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// Checks that all of `content` was written to one file, at these places. Answers what is wrong.
pub fn check_units(content: &[u8]) -> Check {
    let mut owner = None;
    for (index, unit) in content.chunks(UNIT).enumerate() {
        if unit.iter().all(|byte| *byte == 0) {
            continue;
        }
        let id = unit.get(..4).map(<[u8]>::to_vec);
        let place = unit.get(8..16).map(|place| u64::from_le_bytes(place.try_into().unwrap_or_default()));
        if place != Some(index as u64) || *owner.get_or_insert(id.clone()) != id {
            return Err(format!("unit {index} is {unit:02x?}, which was not written there"));
        }
    }
    Ok(())
}
