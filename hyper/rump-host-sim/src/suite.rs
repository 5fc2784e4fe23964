//! What every host must do: the contract of each trait of `rump-hyper` as checks that run against any host.
//!
//! Invariant: a check makes its own files, under its own name, so that checks may run in any order.

use rump_abi::{Errno, FileType};
use rump_hyper::{Access, BlockIo, HostError, HostResult, Hypervisor, Lock, SharedMemory};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// The host under test, and what the suite cannot do through the traits.
pub trait Harness {
    /// The host.
    fn host(&self) -> Arc<dyn Hypervisor>;
    /// Makes a regular file in a folder that is there; returns its path on the host.
    fn file(&self, name: &str, bytes: &[u8]) -> Vec<u8>;
    /// Makes an empty folder in a folder that is there; returns its path on the host.
    fn folder(&self, name: &str) -> Vec<u8>;
    /// Makes a symbolic link in a folder that is there; returns its path on the host.
    fn link(&self, name: &str, target: &[u8]) -> Vec<u8>;
}

type Check = fn(&dyn Harness);

macro_rules! checks {
    ($($name:ident,)*) => { &[$((stringify!($name), $name),)*] };
}

const CHECKS: &[(&str, Check)] = checks![
    bytes_come_back_where_they_were_written,
    handles_of_one_file_see_the_same_bytes,
    ranges_beyond_the_end_are_refused_without_effect,
    a_file_opened_for_reading_refuses_writes,
    a_file_grows_by_zeros_and_never_shrinks,
    names_of_one_file_have_one_identity,
    readers_share_and_keep_a_writer_away,
    a_writer_keeps_everybody_else_away,
    a_lock_lasts_as_long_as_the_last_clone_of_its_handle,
    without_lock_nobody_is_kept_away,
    what_is_not_there_is_named,
    a_folder_is_not_an_image,
    a_file_is_not_a_folder,
    attributes_tell_files_from_folders,
    names_of_a_folder_come_sorted,
    symbolic_links_are_followed_by_path,
    a_file_or_nothing_is_no_folder,
    what_is_beneath_a_folder_is_reached,
    a_folder_is_not_left_by_name,
    a_folder_is_not_left_through_links,
    links_beneath_a_folder_are_shown_as_links,
    errors_beneath_a_folder_name_the_path,
    the_clock_never_goes_back,
    sleep_lasts_at_least_as_long_as_asked,
    wall_clock_is_after_1970_and_in_range,
    random_bytes_differ,
    console_takes_any_line,
    absent_parameters_are_none,
    spawned_threads_run,
    events_wake_and_time_out,
    shared_memory_is_made_once_and_seen_by_all,
    shared_memory_keeps_what_a_file_holds,
    shared_memory_is_copied_at_any_offset,
    shared_memory_refuses_ranges_beyond_its_end,
    words_of_shared_memory_are_replaced_by_one_alone,
    a_file_for_one_alone_is_not_shared,
    a_wait_for_a_word_ends_by_its_value_and_by_a_wake,
    a_watch_is_told_what_others_notify,
    a_number_belongs_to_whoever_claimed_it,
];

/// Runs every check; panics at the first that fails, after printing its name.
pub fn run(harness: &dyn Harness) {
    for (name, check) in CHECKS {
        eprintln!("checking that {}", name.replace('_', " "));
        check(harness);
    }
}

/// The error of what must fail.
fn refused<T>(result: HostResult<T>) -> HostError {
    result.err().expect("this must be refused")
}

fn opened(harness: &dyn Harness, path: &[u8], access: Access) -> Arc<dyn BlockIo> {
    harness.host().open(path, access, Lock::Advisory).expect("this must open")
}

/// Checks the number of an error and that its text names the file.
fn check_named(error: &HostError, errno: Errno, path: &[u8]) {
    assert_eq!(error.errno, errno, "{error}");
    let name = String::from_utf8_lossy(path);
    assert!(error.what.contains(&*name), "`{error}` does not name {name}");
}

fn bytes_come_back_where_they_were_written(harness: &dyn Harness) {
    let path = harness.file("bytes.img", &[7; 64]);
    let io = opened(harness, &path, Access::ReadWrite);
    assert_eq!((io.size_bytes(), io.access()), (64, Access::ReadWrite));
    io.write_at(10, b"hello").unwrap();
    io.flush().unwrap();
    let mut buf = [0; 7];
    io.read_at(9, &mut buf).unwrap();
    assert_eq!(&buf, b"\x07hello\x07");
    drop(io);
    opened(harness, &path, Access::Read).read_at(9, &mut buf).unwrap();
    assert_eq!(&buf, b"\x07hello\x07", "the file must outlive its handle");
}

fn handles_of_one_file_see_the_same_bytes(harness: &dyn Harness) {
    let path = harness.file("handles.img", &[0; 64]);
    let host = harness.host();
    let reader = host.open(&path, Access::Read, Lock::None).unwrap();
    host.open(&path, Access::ReadWrite, Lock::None).unwrap().write_at(0, b"new").unwrap();
    let mut buf = [0; 3];
    reader.read_at(0, &mut buf).unwrap();
    assert_eq!(&buf, b"new");
}

fn ranges_beyond_the_end_are_refused_without_effect(harness: &dyn Harness) {
    let path = harness.file("ranges.img", &[7; 64]);
    let io = opened(harness, &path, Access::ReadWrite);
    let mut buf = [0; 8];
    for offset in [57, 64, 65, i64::MAX as u64, u64::MAX - 7, u64::MAX] {
        check_named(&refused(io.read_at(offset, &mut buf)), Errno::EINVAL, &path);
        check_named(&refused(io.write_at(offset, &[1; 8])), Errno::EINVAL, &path);
    }
    assert_eq!(io.size_bytes(), 64, "a refused write must not grow the file");
    io.read_at(56, &mut buf).unwrap();
    assert_eq!(buf, [7; 8], "a refused write must not write its first part");
    io.write_at(56, &[1; 8]).unwrap();
    io.read_at(64, &mut []).unwrap();
    io.write_at(64, &[]).unwrap();
    assert_eq!(refused(io.read_at(65, &mut [])).errno, Errno::EINVAL);
}

fn a_file_opened_for_reading_refuses_writes(harness: &dyn Harness) {
    let path = harness.file("read-only.img", &[7; 64]);
    let io = opened(harness, &path, Access::Read);
    assert_eq!(io.access(), Access::Read);
    assert_eq!(refused(io.write_at(0, b"x")).errno, Errno::EROFS);
    assert_eq!(refused(io.write_at(u64::MAX, b"x")).errno, Errno::EROFS, "EROFS is checked first");
    let mut buf = [0; 64];
    io.read_at(0, &mut buf).unwrap();
    assert_eq!(buf, [7; 64]);
}

/// Checks that the file cannot be locked for `access`, and that the text says so.
fn a_file_grows_by_zeros_and_never_shrinks(harness: &dyn Harness) {
    let path = harness.file("grows", b"abc");
    assert_eq!(refused(opened(harness, &path, Access::Read).grow(9)).errno, Errno::EROFS);
    let io = opened(harness, &path, Access::ReadWrite);
    io.grow(9).unwrap();
    io.grow(4).unwrap();
    io.write_at(7, b"z").unwrap();
    drop(io);
    let mut bytes = [1; 9];
    let io = opened(harness, &path, Access::Read);
    io.read_at(0, &mut bytes).unwrap();
    assert_eq!((io.size_bytes(), &bytes), (9, b"abc\0\0\0\0z\0"));
}

fn names_of_one_file_have_one_identity(harness: &dyn Harness) {
    let (path, other) = (harness.file("identity", b"a"), harness.file("identity-other", b"a"));
    let link = harness.link("identity-link", &path);
    let identity = |path: &[u8]| harness.host().stat(path).unwrap().identity.unwrap();
    assert_eq!(identity(&path), identity(&link));
    assert_ne!(identity(&path), identity(&other));
}

fn check_busy(harness: &dyn Harness, path: &[u8], access: Access) {
    let error = refused(harness.host().open(path, access, Lock::Advisory));
    check_named(&error, Errno::EBUSY, path);
    assert!(error.what.contains("is locked by"), "`{error}` does not tell the holder");
}

fn readers_share_and_keep_a_writer_away(harness: &dyn Harness) {
    let path = harness.file("readers.img", &[0; 64]);
    let first = opened(harness, &path, Access::Read);
    let second = opened(harness, &path, Access::Read);
    check_busy(harness, &path, Access::ReadWrite);
    drop(first);
    check_busy(harness, &path, Access::ReadWrite);
    drop(second);
    opened(harness, &path, Access::ReadWrite);
}

fn a_writer_keeps_everybody_else_away(harness: &dyn Harness) {
    let path = harness.file("writer.img", &[0; 64]);
    let writer = opened(harness, &path, Access::ReadWrite);
    check_busy(harness, &path, Access::Read);
    check_busy(harness, &path, Access::ReadWrite);
    drop(writer);
    opened(harness, &path, Access::Read);
}

fn a_lock_lasts_as_long_as_the_last_clone_of_its_handle(harness: &dyn Harness) {
    let path = harness.file("clones.img", &[0; 64]);
    let writer = opened(harness, &path, Access::ReadWrite);
    let clone = writer.clone();
    drop(writer);
    check_busy(harness, &path, Access::Read);
    drop(clone);
    opened(harness, &path, Access::Read);
}

fn without_lock_nobody_is_kept_away(harness: &dyn Harness) {
    let path = harness.file("no-lock.img", &[0; 64]);
    let host = harness.host();
    let writer = opened(harness, &path, Access::ReadWrite);
    let knowing = host.open(&path, Access::ReadWrite, Lock::None).expect("no lock is asked for");
    drop(knowing);
    check_busy(harness, &path, Access::Read);
    drop(writer);
    let _knowing = host.open(&path, Access::ReadWrite, Lock::None).unwrap();
    opened(harness, &path, Access::ReadWrite);
}

fn what_is_not_there_is_named(harness: &dyn Harness) {
    let host = harness.host();
    let path = [&harness.folder("empty")[..], b"/missing.img"].concat();
    for access in [Access::Read, Access::ReadWrite] {
        check_named(&refused(host.open(&path, access, Lock::Advisory)), Errno::ENOENT, &path);
    }
    check_named(&refused(host.stat(&path)), Errno::ENOENT, &path);
    check_named(&refused(host.read_dir(&path)), Errno::ENOENT, &path);
}

fn a_folder_is_not_an_image(harness: &dyn Harness) {
    let path = harness.folder("folder");
    for access in [Access::Read, Access::ReadWrite] {
        let error = refused(harness.host().open(&path, access, Lock::Advisory));
        check_named(&error, Errno::EISDIR, &path);
    }
}

fn a_file_is_not_a_folder(harness: &dyn Harness) {
    let path = harness.file("no-folder.img", b"");
    check_named(&refused(harness.host().read_dir(&path)), Errno::ENOTDIR, &path);
}

fn attributes_tell_files_from_folders(harness: &dyn Harness) {
    let host = harness.host();
    let file = host.stat(&harness.file("attributes.img", &[0; 1000])).unwrap();
    assert_eq!((file.file_type, file.size_bytes), (FileType::Regular, 1000));
    assert!(file.mtime.nsec < 1_000_000_000);
    let folder = host.stat(&harness.folder("attributes")).unwrap();
    assert_eq!(folder.file_type, FileType::Directory);
}

fn names_of_a_folder_come_sorted(harness: &dyn Harness) {
    let path = harness.folder("names");
    for name in ["names/b", "names/a.b", "names/C", "names/é"] {
        harness.file(name, b"");
    }
    harness.folder("names/a");
    harness.file("names/a/deeper", b"");
    let names = harness.host().read_dir(&path).unwrap();
    assert_eq!(names, ["C", "a", "a.b", "b", "é"].map(|name| name.as_bytes().to_vec()));
    let empty = harness.folder("no-names");
    assert!(harness.host().read_dir(&empty).unwrap().is_empty());
}

fn symbolic_links_are_followed_by_path(harness: &dyn Harness) {
    let folder = harness.folder("links");
    let file = harness.file("links/file", &[7; 9]);
    harness.link("links/relative", b"file");
    harness.link("links/absolute", &file);
    harness.link("links/up", b"../links");
    harness.link("links/loop", b"loop");
    let at = |name: &str| [&folder[..], b"/", name.as_bytes()].concat();
    let host = harness.host();
    for name in ["relative", "absolute", "up/file", "up/up/relative"] {
        assert_eq!(host.stat(&at(name)).unwrap().size_bytes, 9, "{name}");
        assert_eq!(opened(harness, &at(name), Access::Read).size_bytes(), 9, "{name}");
    }
    assert_eq!(host.read_dir(&at("up")).unwrap(), host.read_dir(&folder).unwrap());
    check_named(&refused(host.stat(&at("loop"))), Errno::ELOOP, &at("loop"));
}

fn a_file_or_nothing_is_no_folder(harness: &dyn Harness) {
    let file = harness.file("no-root", b"");
    check_named(&refused(harness.host().folder(&file)), Errno::ENOTDIR, &file);
    let missing = [&file[..], b"-at-all"].concat();
    check_named(&refused(harness.host().folder(&missing)), Errno::ENOENT, &missing);
}

fn what_is_beneath_a_folder_is_reached(harness: &dyn Harness) {
    let path = harness.folder("tree");
    harness.folder("tree/d");
    harness.folder("tree/d/e");
    harness.file("tree/d/e/file", b"deep");
    let link = harness.link("link-to-tree", b"tree");
    for path in [path, link] {
        let folder = harness.host().folder(&path).unwrap();
        assert_eq!(folder.stat(b"").unwrap().file_type, FileType::Directory);
        assert_eq!(folder.stat(b"d/e").unwrap().file_type, FileType::Directory);
        assert_eq!(folder.stat(b"d/e/file").unwrap().size_bytes, 4);
        assert_eq!(folder.read_dir(b"").unwrap(), [b"d"]);
        assert_eq!(folder.read_dir(b"d/e").unwrap(), [b"file"]);
        let io = folder.open(b"d/e/file", Access::ReadWrite, Lock::Advisory).unwrap();
        let mut buf = [0; 4];
        io.read_at(0, &mut buf).unwrap();
        assert_eq!(&buf, b"deep");
        io.write_at(0, b"deep").unwrap();
        assert_eq!(refused(folder.open(b"d/e/file", Access::Read, Lock::Advisory)).errno, Errno::EBUSY);
    }
}

/// What each call beneath a folder answers.
fn errnos(harness: &dyn Harness, folder: &[u8], path: &[u8]) -> [Option<Errno>; 4] {
    let folder = harness.host().folder(folder).unwrap();
    let open = folder.open(path, Access::Read, Lock::None).err();
    let answers = [open, folder.read_dir(path).err(), folder.stat(path).err(), folder.read_link(path).err()];
    answers.map(|answer| answer.map(|error| error.errno))
}

fn a_folder_is_not_left_by_name(harness: &dyn Harness) {
    harness.folder("cage");
    let inner = harness.folder("cage/inner");
    harness.file("cage/outside", b"");
    let outside = harness.file("cage/inner/file", b"");
    let paths: [&[u8]; 10] =
        [b"..", b"../outside", b"a/../..", b".", b"./file", b"a//b", b"a/", b"/", b"fi\0le", &outside];
    for path in paths {
        assert_eq!(errnos(harness, &inner, path), [Some(Errno::EINVAL); 4], "{:?}", path.escape_ascii());
    }
}

fn a_folder_is_not_left_through_links(harness: &dyn Harness) {
    let outside = harness.folder("outside");
    let secret = harness.file("outside/secret", b"secret");
    let jail = harness.folder("jail");
    harness.folder("jail/d");
    harness.file("jail/d/file", b"");
    harness.link("jail/relative", b"../outside");
    harness.link("jail/absolute", &outside);
    harness.link("jail/d/up", b"../../outside");
    harness.link("jail/file", &secret);
    harness.link("jail/harmless", b"d");
    for path in ["relative/secret", "absolute/secret", "d/up/secret", "harmless/file", "harmless/none"] {
        assert_eq!(errnos(harness, &jail, path.as_bytes()), [Some(Errno::ELOOP); 4], "{path}");
    }
    for path in ["relative", "absolute", "d/up", "file", "harmless"] {
        let [open, list, stat, link] = errnos(harness, &jail, path.as_bytes());
        assert_eq!((open, list), (Some(Errno::ELOOP), Some(Errno::ELOOP)), "{path}");
        assert_eq!((stat, link), (None, None), "{path}");
    }
}

fn links_beneath_a_folder_are_shown_as_links(harness: &dyn Harness) {
    let path = harness.folder("shown");
    harness.file("shown/file", b"");
    harness.link("shown/link", b"no where");
    let folder = harness.host().folder(&path).unwrap();
    assert_eq!(folder.read_dir(b"").unwrap(), [&b"file"[..], b"link"]);
    let stat = folder.stat(b"link").unwrap();
    assert_eq!((stat.file_type, stat.size_bytes), (FileType::Symlink, 8));
    assert_eq!(folder.read_link(b"link").unwrap(), b"no where");
    assert_eq!(refused(folder.read_link(b"file")).errno, Errno::EINVAL);
    assert_eq!(refused(folder.read_link(b"")).errno, Errno::EINVAL);
}

fn errors_beneath_a_folder_name_the_path(harness: &dyn Harness) {
    let path = harness.folder("errors");
    harness.folder("errors/d");
    let file = harness.file("errors/file", b"");
    let folder = harness.host().folder(&path).unwrap();
    let missing = [&path[..], b"/none"].concat();
    check_named(&refused(folder.stat(b"none")), Errno::ENOENT, &missing);
    check_named(&refused(folder.open(b"none", Access::Read, Lock::None)), Errno::ENOENT, &missing);
    check_named(&refused(folder.read_dir(b"none")), Errno::ENOENT, &missing);
    check_named(&refused(folder.read_dir(b"file")), Errno::ENOTDIR, &file);
    let below = [&file[..], b"/x"].concat();
    let error = refused(folder.stat(b"file/x"));
    assert!(error.errno == Errno::ENOTDIR && below.starts_with(&file), "{error}");
    let directory = [&path[..], b"/d"].concat();
    check_named(&refused(folder.open(b"d", Access::Read, Lock::None)), Errno::EISDIR, &directory);
    assert_eq!(refused(folder.open(b"", Access::Read, Lock::None)).errno, Errno::EISDIR);
}

fn the_clock_never_goes_back(harness: &dyn Harness) {
    let host = harness.host();
    let mut last = host.monotonic();
    for _ in 0..10_000 {
        let now = host.monotonic();
        assert!(now >= last, "{now:?} came after {last:?}");
        last = now;
    }
}

fn sleep_lasts_at_least_as_long_as_asked(harness: &dyn Harness) {
    let host = harness.host();
    let before = host.monotonic();
    host.sleep(Duration::from_millis(5));
    assert!(host.monotonic() >= before + Duration::from_millis(5));
}

fn wall_clock_is_after_1970_and_in_range(harness: &dyn Harness) {
    let now = harness.host().realtime();
    assert!(now.sec > 0 && now.nsec < 1_000_000_000, "{now:?}");
}

fn random_bytes_differ(harness: &dyn Harness) {
    let host = harness.host();
    let (mut a, mut b) = ([0; 35], [0; 35]);
    host.fill(&mut a).unwrap();
    host.fill(&mut b).unwrap();
    assert_ne!(a, b);
    // More than a host gives at once, and the end must be filled as well.
    let mut long = vec![0; 100_003];
    host.fill(&mut long).unwrap();
    assert!(long[long.len() - 16..].iter().any(|byte| *byte != 0));
    host.fill(&mut []).unwrap();
}

fn console_takes_any_line(harness: &dyn Harness) {
    for line in ["a line of the suite", "", "two\nlines"] {
        harness.host().write_line(line);
    }
}

fn absent_parameters_are_none(harness: &dyn Harness) {
    assert_eq!(harness.host().find("RUMP_SUITE_PARAMETER_THAT_NOBODY_SETS"), None);
}

fn events_wake_and_time_out(harness: &dyn Harness) {
    let (event, answer) = (harness.host().event(), harness.host().event());
    event.set();
    event.set();
    assert!(event.wait(Some(Duration::ZERO)), "an event that was set before");
    assert!(!event.wait(Some(Duration::ZERO)), "an event stays set for one waiter");
    let (there, back) = (event.clone(), answer.clone());
    let body = move || {
        let woken = there.wait(None);
        assert!(woken);
        back.set();
    };
    harness.host().spawn("suite", Box::new(body)).unwrap();
    event.set();
    assert!(answer.wait(Some(Duration::from_secs(60))), "another thread sets an event");
}

fn spawned_threads_run(harness: &dyn Harness) {
    let (done, ran) = mpsc::channel();
    for number in 0..4 {
        let done = done.clone();
        let body = move || done.send((number, std::thread::current().id())).unwrap();
        harness.host().spawn("suite", Box::new(body)).unwrap();
    }
    let answer = |_| ran.recv_timeout(Duration::from_secs(60)).expect("a spawned thread must run");
    let mut answers: Vec<_> = (0..4).map(answer).collect();
    answers.sort_by_key(|(number, _)| *number);
    assert_eq!(answers.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(answers.iter().all(|(_, id)| *id != std::thread::current().id()));
}

/// New memory of 1000 bytes, or that which another check of this name made.
fn memory(harness: &dyn Harness, name: &str) -> Arc<dyn SharedMemory> {
    let path = [&harness.folder(name)[..], b"/bus"].concat();
    harness.host().shared_memory(&path, 1000).unwrap()
}

fn shared_memory_is_made_once_and_seen_by_all(harness: &dyn Harness) {
    let path = [&harness.folder("shared")[..], b"/bus"].concat();
    let first = harness.host().shared_memory(&path, 1000).unwrap();
    let second = harness.host().shared_memory(&path, 2000).unwrap();
    assert_eq!((first.size_bytes(), second.size_bytes()), (1000, 1000), "its length stays");
    let mut bytes = [1; 1000];
    first.read(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0), "new memory is zeros");
    first.write(500, b"hello").unwrap();
    second.read(499, &mut bytes[..7]).unwrap();
    assert_eq!(&bytes[..7], b"\0hello\0");
    second.store_u64(504, u64::from_ne_bytes(*b"o, world"));
    first.read(500, &mut bytes[..12]).unwrap();
    assert_eq!(&bytes[..12], b"hello, world");
    second.store_u32(508, u32::from_ne_bytes(*b"you!"));
    assert_eq!(first.load_u64(504), u64::from_ne_bytes(*b"o, wyou!"));
    assert_eq!(first.load_u32(508), u32::from_ne_bytes(*b"you!"));
}

fn shared_memory_keeps_what_a_file_holds(harness: &dyn Harness) {
    let path = harness.file("held.bus", b"what a file holds");
    let memory = harness.host().shared_memory(&path, 1000).unwrap();
    let mut content = b"It is ".to_vec();
    memory.append_to(&mut content, 0, 17).unwrap();
    assert_eq!((memory.size_bytes(), &content[..]), (17, &b"It is what a file holds"[..]));
    let empty = harness.file("empty.bus", b"");
    assert_eq!(harness.host().shared_memory(&empty, 24).unwrap().size_bytes(), 24);
    let folder = harness.folder("no-bus");
    check_named(&refused(harness.host().shared_memory(&folder, 24)), Errno::EISDIR, &folder);
}

fn shared_memory_is_copied_at_any_offset(harness: &dyn Harness) {
    let memory = memory(harness, "offsets");
    let pattern: Vec<u8> = (1..=60).collect();
    for start in 0..16 {
        for length in [0, 1, 7, 8, 9, 23, 24, 60] {
            memory.write(start, &[0xee; 90]).unwrap();
            memory.write(start + 3, &pattern[..length]).unwrap();
            let mut back = vec![0; length + 2];
            memory.read(start + 2, &mut back).unwrap();
            let expected = [&[0xee], &pattern[..length], &[0xee]].concat();
            assert_eq!(back, expected, "{length} bytes at {}", start + 3);
            let mut appended = vec![7; 3];
            memory.append_to(&mut appended, start + 2, length + 2).unwrap();
            assert_eq!(appended, [&[7, 7, 7], &expected[..]].concat());
        }
    }
}

fn shared_memory_refuses_ranges_beyond_its_end(harness: &dyn Harness) {
    let memory = memory(harness, "ends");
    let mut buf = [0; 8];
    for offset in [993, 1000, 1001, i64::MAX as u64, u64::MAX - 7, u64::MAX] {
        assert_eq!(refused(memory.read(offset, &mut buf)).errno, Errno::EINVAL, "{offset}");
        assert_eq!(refused(memory.write(offset, &[1; 8])).errno, Errno::EINVAL, "{offset}");
        let mut to = vec![7];
        assert_eq!(refused(memory.append_to(&mut to, offset, 8)).errno, Errno::EINVAL, "{offset}");
        assert_eq!(to, [7]);
    }
    assert!(memory.append_to(&mut Vec::new(), 0, usize::MAX).is_err());
    memory.read(992, &mut buf).unwrap();
    assert_eq!(buf, [0; 8], "a refused write must not write its first part");
}

fn words_of_shared_memory_are_replaced_by_one_alone(harness: &dyn Harness) {
    let memory = memory(harness, "words");
    assert!(memory.replace_u32(4, 0, 7));
    assert!(!memory.replace_u32(4, 0, 8));
    assert_eq!((memory.load_u32(0), memory.load_u32(4), memory.load_u32(8)), (0, 7, 0));
    let count = || {
        let once = || loop {
            let value = memory.load_u32(8);
            if memory.replace_u32(8, value, value + 1) {
                return;
            }
        };
        (0..1000).for_each(|_| once());
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count))));
    assert_eq!((memory.load_u32(4), memory.load_u32(8), memory.load_u32(12)), (7, 4000, 0));
}

fn a_file_for_one_alone_is_not_shared(harness: &dyn Harness) {
    let path = harness.file("alone.bus", &[0; 64]);
    let owner = opened(harness, &path, Access::ReadWrite);
    check_named(&refused(harness.host().shared_memory(&path, 1000)), Errno::EBUSY, &path);
    drop(owner);
    harness.host().shared_memory(&path, 1000).unwrap();
}

fn a_wait_for_a_word_ends_by_its_value_and_by_a_wake(harness: &dyn Harness) {
    const LONG: Duration = Duration::from_secs(600);
    let memory = memory(harness, "waits");
    memory.wait(16, 1, LONG);
    let waker = memory.clone();
    let (done, is_done) = mpsc::channel();
    let body = move || {
        waker.wait(16, 0, LONG);
        done.send(()).unwrap();
    };
    harness.host().spawn("suite", Box::new(body)).unwrap();
    // Woken until it waits: a wake before that is for nobody.
    let is_over = || {
        memory.wake(16);
        is_done.recv_timeout(Duration::from_millis(1)).is_ok()
    };
    assert!((0..60_000).any(|_| is_over()), "a wake ends a wait");
}

fn a_watch_is_told_what_others_notify(harness: &dyn Harness) {
    const LONG: Duration = Duration::from_secs(600);
    let path = harness.file("watched.bus", &[0; 64]);
    let memory = harness.host().shared_memory(&path, 0).unwrap();
    let watch = memory.watch().unwrap();
    let other = harness.host().shared_memory(&path, 0).unwrap();
    other.notify(4, 77).unwrap();
    watch.wait(LONG);
    assert_eq!(memory.load_u32(4), 77);
    let (done, is_done) = mpsc::channel();
    let body = move || {
        watch.wait(LONG);
        done.send(()).unwrap();
    };
    harness.host().spawn("suite", Box::new(body)).unwrap();
    other.notify(4, 78).unwrap();
    is_done.recv_timeout(Duration::from_secs(60)).expect("what is notified ends a wait");
    assert_eq!(memory.load_u32(4), 78);
}

fn a_number_belongs_to_whoever_claimed_it(harness: &dyn Harness) {
    let path = harness.file("claimed.bus", &[0; 64]);
    let [first, second] = [(); 2].map(|()| harness.host().shared_memory(&path, 0).unwrap());
    let claim = match first.claim(7) {
        Err(error) if error.errno == Errno::ENOTSUP => return,
        claim => claim.unwrap(),
    };
    let _other = second.claim(u32::MAX).unwrap();
    check_named(&refused(second.claim(7)), Errno::EBUSY, &path);
    check_named(&refused(first.claim(7)), Errno::EBUSY, &path);
    drop(claim);
    drop(second.claim(7).unwrap());
    first.claim(7).unwrap();
}
