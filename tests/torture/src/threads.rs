//! Many threads on one file system, each of which knows what it left where.

use crate::random::Random;
use interop::{Check, context};
use rumpkit::{AtFlags, Mode, OpenFlags, Process};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const SHARED: u64 = 8;
const NAMES: u64 = 12;
const MOST_BYTES: u64 = 60_000;

/// Runs `count` threads for so long; each works in a folder of its own and in folders that all share.
pub fn run(process: &Process, count: u64, duration: Duration, seed: u64) -> Check<u64> {
    for folder in 0..SHARED {
        context(process.mkdir(format!("shared{folder}"), Mode::new(0o777)), "mkdir")?;
    }
    let deadline = Instant::now() + duration;
    let outcomes: Vec<Check<u64>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .map(|number| {
                let process = process.fork();
                scope.spawn(move || Worker::new(process, number, seed).work(deadline))
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.map(|outcome| outcome.unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    });
    outcomes.into_iter().sum()
}

struct Worker {
    process: Process,
    number: u64,
    random: Random,
    /// Content of every file of this thread: how long it is and what it is made of.
    files: BTreeMap<String, (u64, u8)>,
}

impl Worker {
    fn new(process: Process, number: u64, seed: u64) -> Self {
        let random = Random::new(seed.wrapping_add(number * 7919));
        Self { process, number, random, files: BTreeMap::new() }
    }

    fn work(mut self, deadline: Instant) -> Check<u64> {
        let mut count = 0;
        while Instant::now() < deadline {
            self.step().map_err(|what| format!("thread {}, operation {count}: {what}", self.number))?;
            count += 1;
        }
        for (path, (length, value)) in &self.files {
            self.verify(path, *length, *value)?;
        }
        self.process.exit();
        Ok(count)
    }

    fn path(&mut self) -> String {
        format!("shared{}/t{}-{}", self.random.below(SHARED), self.number, self.random.below(NAMES))
    }

    fn step(&mut self) -> Check {
        let path = self.path();
        let known = self.files.get(&path).copied();
        match (self.random.below(10), known) {
            (0..4, _) | (_, None) => self.write(&path),
            (4..6, Some((length, value))) => self.verify(&path, length, value),
            (6, Some(_)) => {
                context(self.process.unlink(&path), format!("unlink {path}"))?;
                self.files.remove(&path);
                Ok(())
            }
            (7, Some(content)) => {
                let to = self.path();
                context(self.process.rename(&path, &to), format!("rename {path} to {to}"))?;
                self.files.remove(&path);
                self.files.insert(to, content);
                Ok(())
            }
            (8, Some(_)) => self.list(&path),
            (_, Some((length, value))) => {
                let fd = context(self.process.open(&path, OpenFlags::RDWR, Mode::new(0)), &path)?;
                context(self.process.fsync(fd), &path)?;
                context(self.process.close(fd), &path)?;
                self.verify(&path, length, value)
            }
        }
    }

    fn write(&mut self, path: &str) -> Check {
        let (length, value) = (self.random.below(MOST_BYTES), self.random.draw() as u8);
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
        let fd = context(self.process.open(path, flags, Mode::new(0o644)), path)?;
        context(self.process.write(fd, &vec![value; length as usize]), path)?;
        context(self.process.close(fd), path)?;
        self.files.insert(path.into(), (length, value));
        Ok(())
    }

    fn verify(&self, path: &str, length: u64, value: u8) -> Check {
        let fd = context(self.process.open(path, OpenFlags::empty(), Mode::new(0)), path)?;
        let mut buffer = vec![!value; length as usize + 1];
        let count = context(self.process.pread(fd, &mut buffer, 0), path)?;
        context(self.process.close(fd), path)?;
        if count as u64 == length && buffer[..count].iter().all(|byte| *byte == value) {
            return Ok(());
        }
        let wrong = buffer[..count].iter().position(|byte| *byte != value);
        Err(format!("{path}: {count} bytes instead of {length} of {value:#x}, wrong at {wrong:?}"))
    }

    /// Every name of this thread in a folder is listed once.
    fn list(&mut self, path: &str) -> Check {
        let (folder, _) = path.split_once('/').unwrap_or((path, ""));
        let fd = context(self.process.open(folder, OpenFlags::DIRECTORY, Mode::new(0)), folder)?;
        let own = format!("t{}-", self.number);
        let mut names = Vec::new();
        let listed = self.process.getdents(fd, &mut |entry| {
            if entry.name.starts_with(own.as_bytes()) {
                names.push(String::from_utf8_lossy(entry.name).into_owned());
            }
            true
        });
        context(listed, folder)?;
        context(self.process.close(fd), folder)?;
        names.sort();
        let prefix = format!("{folder}/");
        let expected: Vec<&str> = self.files.keys().filter_map(|path| path.strip_prefix(&prefix)).collect();
        if names == expected { Ok(()) } else { Err(format!("{folder}: {names:?} instead of {expected:?}")) }
    }
}

/// Removes everything that [`run`] made.
pub fn clear(process: &Process) -> Check {
    for folder in (0..SHARED).map(|folder| format!("shared{folder}")) {
        let fd = context(process.open(&folder, OpenFlags::DIRECTORY, Mode::new(0)), &folder)?;
        let mut names = Vec::new();
        let listed = process.getdents(fd, &mut |entry| {
            names.push(entry.name.to_vec());
            true
        });
        context(listed, &folder)?;
        for name in names.iter().filter(|name| !matches!(name.as_slice(), b"." | b"..")) {
            context(process.unlinkat(Some(fd), name, AtFlags::empty()), &folder)?;
        }
        context(process.close(fd), &folder)?;
        context(process.rmdir(&folder), &folder)?;
    }
    Ok(())
}
