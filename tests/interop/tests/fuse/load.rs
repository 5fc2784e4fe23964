//! Many threads that change one tree in all ways for some seconds, as fsstress does: what the judges find afterwards is sound,
//! and what was seen. `RUMP_FUSE_SECONDS=600` is a longer run, `RUMP_SEED` another one.

use crate::files::Random;
use crate::mounted::{Mounted, check_ext, text};
use crate::trees::hashed;
use interop::image::Image;
use interop::program::run_ok;
use interop::suite::number;
use interop::tree::compare;
use interop::{Check, context, mount};
use rustix::fs::{CWD, FallocateFlags, RenameFlags, XattrFlags, fallocate, renameat_with, setxattr};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 6;
const FOLDERS: usize = 4;
const NAMES: usize = 14;
const MOST_BYTES: usize = 70_000;

/// What a call may answer because somebody else was there first, the file is of another type, or there is no room.
const EXPECTED: &[Errno] = &[
    Errno::NOENT,
    Errno::EXIST,
    Errno::NOTEMPTY,
    Errno::NOTDIR,
    Errno::ISDIR,
    Errno::INVAL,
    Errno::LOOP,
    Errno::NOSPC,
    Errno::PERM,
    Errno::NODEV,
    Errno::MLINK,
];

pub fn threads() -> Check {
    run(&[])
}

pub fn threads_behind_cache() -> Check {
    run(&["-o", "writeback_cache"])
}

/// Four threads of fio, which finds out whether what it reads is what it wrote.
pub fn fio() -> Check {
    let image = Image::make("fuse-fio", 64, &["-t", "ext4"], None)?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    let directory = format!("--directory={}", ours.text(""));
    let how = [
        "--name=verify",
        &directory,
        "--rw=randrw",
        "--bs=4k-64k",
        "--size=8M",
        "--numjobs=4",
        "--fsync=64",
        "--verify=crc32c",
        "--verify_fatal=1",
        "--verify_backlog=512",
        "--verify_state_save=0",
        "--ioengine=psync",
        "--thread",
    ];
    run_ok("fio", &how)?;
    ours.unmount()?;
    check_ext(&image.path())
}

fn run(options: &[&str]) -> Check {
    let seconds = Duration::from_secs(number("RUMP_FUSE_SECONDS", 6));
    let seed = number("RUMP_SEED", 1);
    // A full image is among what threads meet. Behind a cache the host accepts what it cannot store later, and shows it.
    let mib = if options.is_empty() { 48 } else { 512 };
    let image = Image::make("fuse-load", mib, &["-t", "ext4", "-N", "4000"], None)?;
    let ours = Mounted::new(&text(&image.path()), options)?;
    for folder in 0..FOLDERS {
        context(fs::create_dir(ours.path().join(folder.to_string())), "folder")?;
    }
    let deadline = Instant::now() + seconds;
    let counts: Check<Vec<u64>> = thread::scope(|scope| {
        let begin = |thread| {
            let root = ours.path().to_path_buf();
            let random = Random(seed.wrapping_mul(1000).wrapping_add(thread as u64));
            scope.spawn(move || Worker { root, thread, random, own: BTreeMap::new() }.work(deadline))
        };
        let workers: Vec<_> = (0..THREADS).map(begin).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.map(|count| count.unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    });
    println!("{} operations", counts.map_err(|what| format!("seed {seed}: {what}"))?.iter().sum::<u64>());
    let mut seen = hashed(ours.path())?;
    ours.unmount()?;
    check_ext(&image.path())?;
    let kernel = mount::Mounted::read_only(&image.path())?;
    let mut oracle = hashed(kernel.path())?;
    kernel.unmount()?;
    if !options.is_empty() {
        // Behind its cache the host has times of its own; what is stored is that, or when it wrote.
        for tree in [&mut seen, &mut oracle] {
            tree.values_mut().for_each(|entry| (entry.mtime, entry.ctime) = ((0, 0), (0, 0)));
        }
    }
    compare(&oracle, &seen)
}

struct Worker {
    root: PathBuf,
    thread: usize,
    random: Random,
    /// What nobody else changes: the number of the pattern, and its length.
    own: BTreeMap<PathBuf, (u64, usize)>,
}

impl Worker {
    fn work(mut self, deadline: Instant) -> Check<u64> {
        let mut count = 0;
        while Instant::now() < deadline {
            let what = self.random.below(20);
            match self.step(what) {
                Err(error) if !is_expected(&error) => {
                    return Err(format!(
                        "thread {}, operation {count}, of kind {what}: {error}",
                        self.thread
                    ));
                }
                _ => count += 1,
            }
        }
        let all: Vec<PathBuf> = self.own.keys().cloned().collect();
        for path in all {
            self.verify(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(count)
    }

    fn folder(&mut self) -> PathBuf {
        self.root.join(self.random.below(FOLDERS).to_string())
    }

    /// A name that others have, too; some are directories, and some names are in those.
    fn shared(&mut self) -> PathBuf {
        let path = self.folder().join(format!("n{}", self.random.below(NAMES)));
        if self.random.below(3) == 0 { path.join(format!("n{}", self.random.below(NAMES))) } else { path }
    }

    fn own(&mut self) -> PathBuf {
        self.folder().join(format!("t{}-{}", self.thread, self.random.below(NAMES)))
    }

    fn step(&mut self, what: usize) -> io::Result<()> {
        match what {
            0..=2 => return self.change_own(),
            3 => {
                let path = self.own();
                return if self.own.contains_key(&path) { self.verify(&path) } else { Ok(()) };
            }
            _ => {}
        }
        let (path, other) = (self.shared(), self.shared());
        let (at, length) = (self.random.below(MOST_BYTES) as u64, self.random.below(MOST_BYTES));
        let open = || OpenOptions::new().read(true).write(true).open(&path);
        match what {
            4 | 5 => fs::write(&path, vec![what as u8; length]),
            6 => OpenOptions::new().append(true).create(true).open(&path)?.write_all(&vec![6; length / 8]),
            7 | 8 => fs::create_dir(&path),
            9 | 10 => fs::rename(&path, &other),
            11 => Ok(renameat_with(CWD, &path, CWD, &other, RenameFlags::EXCHANGE)?),
            12 => fs::hard_link(&path, &other),
            13 => symlink("n3", &path),
            14 => fs::remove_file(&path),
            15 => fs::remove_dir(&path).or_else(|_| fs::remove_file(&other)),
            16 => open()?.set_len(at),
            17 => {
                let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                let how = if length % 2 == 0 { holes } else { FallocateFlags::KEEP_SIZE };
                let file = open()?;
                fallocate(&file, how, at, length as u64 + 1)?;
                file.sync_data()
            }
            18 => {
                setxattr(&path, format!("user.{}", length % 5), &vec![1; length % 300], XattrFlags::empty())?;
                fs::set_permissions(&path, Permissions::from_mode(0o600 | (length as u32 % 64)))
            }
            _ => list(path.parent().unwrap_or(&path)),
        }
    }

    /// Writes, moves or removes a file of this thread.
    fn change_own(&mut self) -> io::Result<()> {
        let (path, other) = (self.own(), self.own());
        let (number, length) = (self.random.below(1 << 30) as u64, self.random.below(MOST_BYTES));
        match (self.random.below(6), self.own.get(&path).copied()) {
            (0, Some(content)) => {
                fs::rename(&path, &other)?;
                self.own.remove(&path);
                self.own.insert(other, content);
            }
            (1, Some(_)) => {
                fs::remove_file(&path)?;
                self.own.remove(&path);
            }
            (_, known) => {
                let bytes = interop::source::pattern(number, length);
                match fs::write(&path, bytes) {
                    Ok(()) => drop(self.own.insert(path, (number, length))),
                    // There was no room: what is there is not known.
                    Err(error) if error.raw_os_error() == Some(Errno::NOSPC.raw_os_error()) => {
                        self.own.remove(&path);
                        fs::remove_file(&path)
                            .or_else(|error| if known.is_none() { Ok(()) } else { Err(error) })?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn verify(&self, path: &Path) -> io::Result<()> {
        let Some(&(number, length)) = self.own.get(path) else { return Ok(()) };
        let is_lost = |error: io::Error| io::Error::other(format!("a file of one thread alone: {error}"));
        match fs::read(path).map_err(is_lost)? == interop::source::pattern(number, length) {
            true => Ok(()),
            false => Err(io::Error::other("a file of one thread alone has other content")),
        }
    }
}

fn list(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let _ = entry?.metadata()?;
    }
    Ok(())
}

fn is_expected(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| EXPECTED.iter().any(|errno| errno.raw_os_error() == number))
}
