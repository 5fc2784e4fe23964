//! Locks of files by several processes, and what closing and ending take away.

use crate::common::*;
use crate::limits::scratch;
use crate::workers::{Random, Workers, agree, answer_of, done};
use rump_abi::OpenFlags;
use rump_kern::{Fd, LockKind, LockRange, Process, Whence};

/// Processes that lock; none is the parent of another, so that all begin without locks.
const LOCKERS: [usize; 2] = [1, 2];

struct Site {
    ours: Vec<Process>,
    workers: Workers,
    /// Of each process, what is open; the same numbers are given to the host's.
    open: Vec<Vec<Option<Fd>>>,
    path: String,
}

impl Site {
    fn new(seed: u64) -> Self {
        let p = process();
        put(&p, "/f", &[0; 50]);
        let path = scratch(&format!("locks-{seed}"));
        std::fs::write(&path, [0; 50]).unwrap();
        let ours = (0..4).map(|_| p.fork()).collect();
        Self { ours, workers: Workers::begin(), open: vec![Vec::new(); 4], path }
    }

    fn open(&mut self, who: usize, flags: OpenFlags) {
        let fd = open(&self.ours[who], "/f", flags).unwrap();
        self.open[who].push(Some(fd));
        let mode = if flags.contains(OpenFlags::RDWR) {
            "os.O_RDWR"
        } else if flags.contains(OpenFlags::WRONLY) {
            "os.O_WRONLY"
        } else {
            "os.O_RDONLY"
        };
        let theirs = self.workers.ask(who, &format!("opened({:?}, {mode})", self.path));
        assert_eq!(theirs, (self.open[who].len() - 1).to_string());
    }
}

fn error_of_lock(answer: String) -> String {
    // POSIX leaves it to the system which of the two it is.
    answer.replace("EACCES", "EAGAIN")
}

#[test]
fn parts_of_files_are_locked_as_at_the_host() {
    for seed in 0..16 {
        let (mut site, mut random) = (Site::new(seed), Random::new(seed));
        for who in LOCKERS {
            site.open(who, OpenFlags::RDWR);
        }
        for step in 0..150 {
            let who = random.of(&LOCKERS);
            let number = random.below(site.open[who].len());
            let Some(fd) = site.open[who][number] else {
                site.open(who, random.of(&[OpenFlags::RDWR, OpenFlags::empty(), OpenFlags::WRONLY]));
                continue;
            };
            let p = &site.ours[who];
            let whence = random.of(&[(Whence::Set, "SET"), (Whence::End, "END")]);
            let base = if whence.0 == Whence::End { -50 } else { 0 };
            let start = random.below(44) as i64 - 4 + base;
            let length = random.of(&[0, 1, 5, 9, 20, -3, -8]);
            let range = LockRange { whence: whence.0, start, length };
            let part = format!("os.SEEK_{}, {start}, {length}", whence.1);
            let kind = random.of(&[None, Some(LockKind::Shared), Some(LockKind::Exclusive)]);
            let name = match kind {
                None => "UN",
                Some(LockKind::Shared) => "RD",
                Some(LockKind::Exclusive) => "WR",
            };
            let (expression, ours) = match random.below(12) {
                0..3 if kind.is_some() => {
                    let answer = p.getlk(fd, kind.unwrap(), range);
                    let held = answer_of(answer, |held| {
                        held.map_or("None".to_owned(), |held| {
                            let name = if held.kind == LockKind::Shared { "RD" } else { "WR" };
                            format!("('{name}', {}, {})", held.start, held.length)
                        })
                    });
                    (format!("held({number}, '{name}', {part})"), held)
                }
                3 if random.below(3) == 0 => {
                    site.open[who][number] = None;
                    (format!("os.close(files[{number}])"), done(p.close(fd)))
                }
                _ => (
                    format!("lock({number}, fcntl.F_SETLK, '{name}', {part}) and None"),
                    done(p.setlk(fd, kind, range)),
                ),
            };
            let theirs = error_of_lock(site.workers.ask(who, &expression));
            agree(seed, step, format!("{who}: {expression}"), &ours, &theirs);
        }
        std::fs::remove_file(&site.path).unwrap();
    }
}

#[test]
fn whole_files_are_locked_as_at_the_host() {
    for seed in 100..112 {
        let (mut site, mut random) = (Site::new(seed), Random::new(seed));
        for who in LOCKERS {
            site.open(who, OpenFlags::RDWR);
            site.open(who, OpenFlags::empty());
        }
        for step in 0..80 {
            let who = random.of(&LOCKERS);
            let number = random.below(site.open[who].len());
            let Some(fd) = site.open[who][number] else {
                site.open(who, OpenFlags::RDWR);
                continue;
            };
            let p = &site.ours[who];
            let (expression, ours) = match random.below(8) {
                0 => {
                    site.open[who][number] = None;
                    (format!("os.close(files[{number}])"), done(p.close(fd)))
                }
                1 => {
                    let copy = p.dup(fd).unwrap();
                    site.open[who].push(Some(copy));
                    (format!("dup({number})"), "None".to_owned())
                }
                2 | 3 => {
                    let ours = done(p.try_flock(fd, None));
                    (format!("flock({number}, fcntl.LOCK_UN)"), ours)
                }
                4 | 5 => {
                    let ours = done(p.try_flock(fd, Some(LockKind::Shared)));
                    (format!("flock({number}, fcntl.LOCK_SH)"), ours)
                }
                _ => {
                    let ours = done(p.try_flock(fd, Some(LockKind::Exclusive)));
                    (format!("flock({number}, fcntl.LOCK_EX)"), ours)
                }
            };
            agree(seed, step, format!("{who}: {expression}"), &ours, &site.workers.ask(who, &expression));
        }
        std::fs::remove_file(&site.path).unwrap();
    }
}
