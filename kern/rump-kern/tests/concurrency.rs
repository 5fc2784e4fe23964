//! Many threads on one kernel: nothing is lost, counts are right, and nobody waits for ever.
//!
//! Each test has a number of turns per thread, and a watchdog that ends the process when they do not end.

mod common;

use common::*;
use rump_abi::{Errno, Errno::*, OpenFlags, RenameFlags, XattrFlags};
use rump_kern::{MountArgs, Process, Unmount};
use rump_kpi::KResult;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

const THREADS: usize = 6;
/// Far more than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the process, which says where a deadlock is: a thread that hangs cannot be ended.
struct Watchdog(Option<mpsc::Sender<()>>);

impl Watchdog {
    fn over(what: &'static str) -> Self {
        let (done, waiting) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{what}: threads wait for each other");
                std::process::exit(99);
            }
        });
        Self(Some(done))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

/// Runs `body` on every thread, with a process of its own and its number.
fn on_threads(p: &Process, what: &'static str, body: impl Fn(&Process, usize) + Sync) {
    let _watchdog = Watchdog::over(what);
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (process, body) = (p.fork(), &body);
            scope.spawn(move || {
                body(&process, number);
                process.exit();
            });
        }
    });
}

/// Whether the call did it; it may have been too late, which answers one of `late`.
#[track_caller]
fn won<T>(result: KResult<T>, late: &[Errno]) -> bool {
    match result {
        Ok(_) => true,
        Err(error) if late.contains(&error.errno) => false,
        Err(error) => panic!("{error:?}"),
    }
}

struct Random(u64);

impl Random {
    fn new(seed: usize) -> Self {
        Self(seed as u64 + 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// All directories below `path`: counts of links are right, listings agree with lookups, `..` leads up.
fn check_tree(p: &Process, path: &str) -> usize {
    let here = p.stat(path).unwrap();
    let (mut directories, mut entries) = (0, 0);
    for name in names(p, path) {
        let below = format!("{path}/{name}");
        let stat = p.lstat(&below).unwrap();
        entries += 1;
        if stat.file_type == rump_abi::FileType::Directory {
            directories += 1;
            assert_eq!(p.stat(format!("{below}/..")).unwrap().ino, here.ino, "{below}/..");
            entries += check_tree(p, &below);
        } else {
            assert!(stat.nlink >= 1, "{below} has no links");
        }
    }
    assert_eq!(here.nlink, 2 + directories, "links of {path}");
    entries
}

#[test]
fn names_made_by_many_are_all_there() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    on_threads(&p, "create", |p, number| {
        for turn in 0..300 {
            put(p, &format!("/d/{number}-{turn}"), format!("{number} {turn}").as_bytes());
        }
    });
    assert_eq!(names(&p, "/d").len(), THREADS * 300);
    for number in 0..THREADS {
        assert_eq!(get(&p, &format!("/d/{number}-299")), format!("{number} 299").as_bytes());
    }
}

#[test]
fn one_of_many_makes_a_name_and_one_removes_it() {
    let p = process();
    let (made, removed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(&p, "create and unlink", |p, number| {
        let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR;
        for turn in 0..500 {
            let name = format!("/n{}", (turn + number) % 7);
            match open(p, &name, flags) {
                Ok(fd) => {
                    made.fetch_add(1, SeqCst);
                    p.close(fd).unwrap();
                }
                Err(error) => assert_eq!(error.errno, EEXIST),
            }
            if won(p.unlink(&name), &[ENOENT]) {
                removed.fetch_add(1, SeqCst);
            }
        }
    });
    assert_eq!(made.load(SeqCst), removed.load(SeqCst) + names(&p, "/").len());
}

#[test]
fn a_file_that_is_renamed_is_never_lost() {
    let p = process();
    p.mkdir("/a", mode(0o755)).unwrap();
    p.mkdir("/b", mode(0o755)).unwrap();
    for number in 0..THREADS {
        put(&p, &format!("/a/{number}"), format!("{number}").as_bytes());
    }
    on_threads(&p, "rename of files", |p, number| {
        let (mut here, mut there) = ("a", "b");
        for _ in 0..500 {
            p.rename(format!("/{here}/{number}"), format!("/{there}/{number}")).unwrap();
            fails(p.stat(format!("/{here}/{number}")), ENOENT);
            (here, there) = (there, here);
            let other = (number + 1) % THREADS;
            // Seen by another thread, it is in one place or on its way, and then in the other.
            let _ = p.stat(format!("/a/{other}")).or_else(|_| p.stat(format!("/b/{other}")));
        }
    });
    assert_eq!((names(&p, "/a").len(), names(&p, "/b").len()), (THREADS, 0));
    assert_eq!(check_tree(&p, "/"), THREADS + 2);
}

#[test]
fn a_name_that_is_replaced_is_always_there() {
    let p = process();
    put(&p, "/file", b"0");
    let stop = AtomicBool::new(false);
    let writers = AtomicUsize::new(THREADS / 2);
    on_threads(&p, "rename over a name", |p, number| {
        if number < THREADS / 2 {
            for turn in 0..500 {
                let new = format!("/new-{number}");
                put(p, &new, format!("{number}-{turn}").as_bytes());
                p.rename(new, "/file").unwrap();
            }
            if writers.fetch_sub(1, SeqCst) == 1 {
                stop.store(true, SeqCst);
            }
        } else {
            while !stop.load(SeqCst) {
                assert!(!get(p, "/file").is_empty());
                // Not of a file that was replaced since its name was looked at.
                (0..100).for_each(|_| assert_eq!(p.stat("/file").unwrap().nlink, 1));
            }
        }
    });
    assert_eq!((names(&p, "/"), p.stat("/file").unwrap().nlink), (vec!["file".to_string()], 1));
}

#[test]
fn directories_moved_by_many_stay_a_tree() {
    let p = process();
    let dirs = ["/a", "/b", "/c", "/a/x", "/b/y", "/c/z", "/a/x/deep"];
    for dir in dirs {
        p.mkdir(dir, mode(0o755)).unwrap();
        put(&p, &format!("{dir}/file"), b"x");
    }
    on_threads(&p, "rename of directories", |p, number| {
        let mut random = Random::new(number);
        let tops = ["/a", "/b", "/c"];
        let inner = ["x", "y", "z", "deep", "a", "b", "c"];
        for _ in 0..600 {
            let mut path = || {
                let mut path = tops[random.below(3)].to_string();
                for _ in 0..random.below(3) {
                    path = format!("{path}/{}", inner[random.below(7)]);
                }
                path
            };
            let (from, to) = (path(), path());
            let late = [ENOENT, EINVAL, ENOTEMPTY, ENOTDIR, EISDIR];
            if random.below(4) == 0 {
                won(p.renameat2(None, &from, None, &to, RenameFlags::EXCHANGE), &late);
            } else {
                won(p.rename(&from, &to), &late);
            }
        }
    });
    // Nothing was removed: an empty directory cannot be replaced, as each holds a file.
    assert_eq!(check_tree(&p, "/"), 2 * dirs.len());
}

#[test]
fn links_are_counted_whoever_makes_them() {
    let p = process();
    put(&p, "/f", b"x");
    on_threads(&p, "link and unlink", |p, number| {
        for turn in 0..400 {
            p.link("/f", format!("/{number}-{turn}")).unwrap();
            if turn % 2 == 0 {
                p.unlink(format!("/{number}-{turn}")).unwrap();
            }
        }
    });
    assert_eq!(p.stat("/f").unwrap().nlink, 1 + (THREADS * 200) as u64);
}

#[test]
fn trees_made_and_removed_by_many_leave_nothing() {
    let p = process();
    on_threads(&p, "mkdir and rmdir", |p, number| {
        for turn in 0..300 {
            let (dir, late) = (format!("/d{}", turn % 3), [EEXIST, ENOENT, ENOTEMPTY]);
            won(p.mkdir(&dir, mode(0o755)), &late);
            let file = format!("{dir}/{number}");
            if won(open(p, &file, OpenFlags::CREAT | OpenFlags::EXCL).map(|fd| p.close(fd)), &late) {
                p.unlink(&file).unwrap();
            }
            won(p.rmdir(&dir), &late);
        }
    });
    for dir in names(&p, "/") {
        p.rmdir(format!("/{dir}")).unwrap();
    }
    assert_eq!(p.stat("/").unwrap().nlink, 2);
}

#[test]
fn a_listing_sees_what_stays_while_others_change() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    for n in 0..200 {
        put(&p, &format!("/d/stays-{n}"), b"");
    }
    on_threads(&p, "listing", |p, number| {
        if number % 2 == 0 {
            for turn in 0..500 {
                put(p, &format!("/d/comes-{number}-{turn}"), b"");
                p.unlink(format!("/d/comes-{number}-{turn}")).unwrap();
            }
            return;
        }
        for _ in 0..40 {
            let seen = names(p, "/d");
            let staying: BTreeSet<&String> = seen.iter().filter(|name| name.starts_with("stays")).collect();
            assert_eq!(staying.len(), 200);
            assert_eq!(seen.iter().filter(|name| name.starts_with("stays")).count(), 200, "twice");
        }
    });
    assert_eq!(names(&p, "/d").len(), 200);
}

#[test]
fn appends_of_many_are_whole_and_all_there() {
    let p = process();
    on_threads(&p, "append", |p, number| {
        let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::APPEND;
        let fd = open(p, "/log", flags).unwrap();
        for _ in 0..300 {
            p.write(fd, &[number as u8; 97]).unwrap();
        }
    });
    let fd = open(&p, "/log", OpenFlags::empty()).unwrap();
    let mut bytes = vec![0; THREADS * 300 * 97 + 1];
    assert_eq!(p.read(fd, &mut bytes).unwrap(), bytes.len() - 1);
    bytes.pop();
    let mut counts = [0; THREADS];
    for record in bytes.chunks(97) {
        assert!(record.iter().all(|byte| *byte == record[0]), "a record is torn");
        counts[usize::from(record[0])] += 1;
    }
    assert_eq!(counts, [300; THREADS]);
}

#[test]
fn a_shared_offset_gives_each_byte_to_one() {
    let p = process();
    put(&p, "/f", &vec![1; 60_000]);
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    let read = AtomicUsize::new(0);
    on_threads(&p, "shared offset", |p, _| {
        // The fork shares the open file.
        while let count @ 1.. = p.read(fd, &mut [0; 7]).unwrap() {
            read.fetch_add(count, SeqCst);
        }
    });
    assert_eq!(read.load(SeqCst), 60_000);
}

#[test]
fn readers_see_zeroes_or_what_was_written() {
    let p = process();
    put(&p, "/f", &vec![0; 50_000]);
    on_threads(&p, "read and write", |p, number| {
        let fd = open(p, "/f", OpenFlags::RDWR).unwrap();
        let mut random = Random::new(number);
        for _ in 0..300 {
            let offset = random.below(45_000) as u64;
            match number % 3 {
                0 => drop(p.pwrite(fd, &[7; 5000], offset).unwrap()),
                1 => p.ftruncate(fd, random.below(50_000) as u64).unwrap(),
                _ => {
                    let mut buf = [1; 5000];
                    let count = p.pread(fd, &mut buf, offset).unwrap();
                    assert!(buf[..count].iter().all(|byte| matches!(byte, 0 | 7)));
                }
            }
        }
    });
    let fd = open(&p, "/f", OpenFlags::RDWR).unwrap();
    p.ftruncate(fd, 0).unwrap();
    assert_eq!(p.fstat(fd).unwrap().blocks, 0);
}

#[test]
fn an_unlinked_file_serves_who_has_it() {
    let p = process();
    on_threads(&p, "unlinked files", |p, number| {
        for turn in 0..300 {
            let name = format!("/f{}", turn % 2);
            let Ok(fd) = open(p, &name, OpenFlags::CREAT | OpenFlags::RDWR) else { continue };
            p.pwrite(fd, &[number as u8], number as u64).unwrap();
            won(p.unlink(&name), &[ENOENT]);
            let mut byte = [99];
            p.pread(fd, &mut byte, number as u64).unwrap();
            assert_eq!(byte, [number as u8]);
            p.close(fd).unwrap();
        }
    });
    let stat = p.statvfs("/").unwrap();
    names(&p, "/").into_iter().for_each(|name| p.unlink(format!("/{name}")).unwrap());
    assert_eq!(p.statvfs("/").unwrap().blocks, stat.blocks);
}

#[test]
fn mounts_come_and_go_under_those_who_walk() {
    let p = process();
    p.mkdir("/m", mode(0o755)).unwrap();
    put(&p, "/m/under", b"under");
    on_threads(&p, "mount and unmount", |p, number| {
        for _ in 0..200 {
            match number {
                0 => drop(won(p.mount("tmpfs", "/m", MountArgs::default()), &[EBUSY, EIO])),
                1 => drop(won(p.unmount("/m", Unmount::Normal), &[EBUSY, EINVAL, ENXIO, EIO])),
                2 => drop(won(p.unmount("/m", Unmount::Force), &[EBUSY, EINVAL, ENXIO, EIO])),
                _ => {
                    let gone = [ENOENT, ENXIO, EIO, EEXIST];
                    won(p.stat("/m/under"), &gone);
                    won(
                        open(p, "/m/over", OpenFlags::CREAT | OpenFlags::RDWR).and_then(|fd| p.close(fd)),
                        &gone,
                    );
                    won(p.stat("/m/.."), &gone);
                }
            }
        }
    });
    while p.unmount("/m", Unmount::Normal).is_ok() {}
    assert_eq!(get(&p, "/m/under"), b"under");
    assert_eq!(p.stat("/m/..").unwrap().ino, p.stat("/").unwrap().ino);
}

#[test]
fn calls_that_a_halt_catches_on_their_way_say_that_the_kernel_was_halted() {
    let _watchdog = Watchdog::over("halt");
    for _ in 0..200 {
        let p = process();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let p = p.fork();
                scope.spawn(move || {
                    let turn =
                        || open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).and_then(|fd| p.close(fd));
                    let error = std::iter::repeat_with(turn).find_map(Result::err);
                    assert_eq!(error.map(|error| error.errno), Some(ENXIO));
                });
            }
            p.reboot().unwrap();
        });
    }
}

#[test]
fn attributes_changed_by_many_are_those_of_one() {
    let p = process();
    put(&p, "/f", b"");
    on_threads(&p, "attributes", |p, number| {
        let id = number as u32 + 1;
        for turn in 0..300 {
            p.chown("/f", Some(id), Some(id)).unwrap();
            let stat = p.stat("/f").unwrap();
            assert_eq!(stat.uid, stat.gid, "half of a change is seen");
            let (name, value) = (format!("user.{number}"), format!("{turn}"));
            p.setxattr("/f", &name, &value, XattrFlags::empty()).unwrap();
            assert_eq!(p.getxattr("/f", &name).unwrap(), value.as_bytes());
        }
    });
    assert_eq!(p.listxattr("/f").unwrap().len(), THREADS);
}

#[test]
fn descriptors_of_one_process_are_given_once() {
    let p = process();
    put(&p, "/f", b"x");
    let _watchdog = Watchdog::over("descriptors");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..300 {
                    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
                    let copy = p.dup(fd).unwrap();
                    assert_ne!(fd, copy);
                    p.close(fd).unwrap();
                    assert_eq!(p.pread(copy, &mut [0; 2], 0).unwrap(), 1);
                    p.close(copy).unwrap();
                }
            });
        }
    });
    fails(p.fstat(rump_kern::Fd(0)), EBADF);
}

#[test]
fn a_halt_ends_all_calls() {
    let p = process();
    p.mkdir("/m", mode(0o755)).unwrap();
    p.mount("tmpfs", "/m", MountArgs::default()).unwrap();
    on_threads(&p, "reboot", |p, number| {
        for turn in 0..300 {
            let halted = [ENXIO, EIO, EEXIST, ENOENT];
            won(p.mkdir(format!("/m/{number}-{turn}"), mode(0o755)), &halted);
            won(p.stat("/m"), &halted);
            if number == 0 && turn == 150 {
                p.reboot().unwrap();
            }
        }
    });
    fails(p.stat("/"), ENXIO);
}
