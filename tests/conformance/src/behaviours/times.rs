//! Which call moves which time: POSIX.1-2017 4.9 (file times update).

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::{Capabilities, SetTime};
use rumpkit::{AtFlags, Errno::*, Fd, OpenFlags, Stat, TimeSpec, XattrFlags};

const PLAIN: Capabilities = Capabilities::empty();
const TIMES: Capabilities = Capabilities::TIMES;

behaviours! {
    times_come_back_as_they_were_set: TIMES;
    a_time_may_be_left_alone: TIMES;
    times_of_a_link_are_its_own: Capabilities::SYMLINKS;
    wrong_times_are_refused: PLAIN;
    a_new_file_is_of_the_present: PLAIN;
    writing_moves_content_and_attributes: PLAIN;
    cutting_moves_content_and_attributes: PLAIN;
    changes_of_attributes_move_only_theirs: Capabilities::OWNERS;
    setting_times_moves_attributes: TIMES;
    extended_attributes_move_attributes: Capabilities::XATTRS;
    looking_moves_nothing: PLAIN;
    new_names_move_the_directory: PLAIN;
    removed_names_move_the_directory: PLAIN;
    a_rename_moves_both_directories: PLAIN;
    links_move_attributes_of_the_file: Capabilities::HARD_LINKS;
    refused_calls_move_nothing: PLAIN;
    birth_stays: PLAIN;
}

/// Whether content and attributes moved between two looks.
fn moved(before: &Stat, after: &Stat) -> (bool, bool) {
    assert!(after.mtime >= before.mtime && after.ctime >= before.ctime, "a time went back");
    (after.mtime != before.mtime, after.ctime != before.ctime)
}

/// What a call moves of `path`: content, attributes.
#[track_caller]
fn moves(p: &Process, path: &str, call: impl FnOnce()) -> (bool, bool) {
    let before = stat(p, path);
    call();
    moved(&before, &stat(p, path))
}

fn at(sec: i64) -> Option<SetTime> {
    Some(SetTime::To(TimeSpec { sec, nsec: 0 }))
}

fn times_come_back_as_they_were_set(p: &Process) {
    put(p, "f", b"");
    mkdir(p, "d");
    for path in ["f", "d"] {
        for (atime, mtime) in [(1_234_567_890, 987_654_321), (0, 1), (2_147_483_647, 86_400)] {
            p.utimensat(None, path, [at(atime), at(mtime)], AtFlags::empty()).unwrap();
            assert_eq!((stat(p, path).atime.sec, stat(p, path).mtime.sec), (atime, mtime));
        }
    }
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    p.futimens(fd, [at(5), at(6)]).unwrap();
    assert_eq!((stat(p, "f").atime.sec, stat(p, "f").mtime.sec), (5, 6));
}

fn a_time_may_be_left_alone(p: &Process) {
    put(p, "f", b"");
    p.utimensat(None, "f", [at(100), at(200)], AtFlags::empty()).unwrap();
    p.utimensat(None, "f", [at(300), None], AtFlags::empty()).unwrap();
    p.utimensat(None, "f", [None, at(400)], AtFlags::empty()).unwrap();
    assert_eq!((stat(p, "f").atime.sec, stat(p, "f").mtime.sec), (300, 400));
    p.utimensat(None, "f", [None, Some(SetTime::Now)], AtFlags::empty()).unwrap();
    assert!(stat(p, "f").atime.sec == 300 && stat(p, "f").mtime.sec > 400);
}

fn times_of_a_link_are_its_own(p: &Process) {
    put(p, "f", b"");
    p.symlink("f", "l").unwrap();
    let before = stat(p, "f").mtime;
    p.utimensat(None, "l", [at(100), at(200)], AtFlags::SYMLINK_NOFOLLOW).unwrap();
    assert_eq!((stat(p, "l").mtime.sec, stat(p, "f").mtime), (200, before));
    p.utimensat(None, "l", [at(100), at(300)], AtFlags::empty()).unwrap();
    assert_eq!((stat(p, "l").mtime.sec, stat(p, "f").mtime.sec), (200, 300));
}

fn wrong_times_are_refused(p: &Process) {
    put(p, "f", b"");
    let bad = Some(SetTime::To(TimeSpec { sec: 0, nsec: 1_000_000_000 }));
    fails(p.utimensat(None, "f", [bad, None], AtFlags::empty()), EINVAL);
    fails(p.utimensat(None, "none", [at(0), at(0)], AtFlags::empty()), ENOENT);
    fails(p.futimens(Fd(77), [at(0), at(0)]), EBADF);
}

fn a_new_file_is_of_the_present(p: &Process) {
    put(p, "before", b"");
    put(p, "f", b"");
    put(p, "after", b"");
    let (before, f, after) = (stat(p, "before"), stat(p, "f"), stat(p, "after"));
    assert!(before.mtime < f.mtime && f.mtime < after.mtime);
    assert!(f.atime >= before.atime && f.ctime >= before.ctime);
}

fn writing_moves_content_and_attributes(p: &Process) {
    let fd = create(p, "f");
    let write = |bytes: &[u8]| assert_eq!(p.pwrite(fd, bytes, 0).unwrap(), bytes.len());
    assert_eq!(moves(p, "f", || write(b"x")), (true, true));
    assert_eq!(moves(p, "f", || write(b"x")), (true, true));
    assert_eq!(moves(p, "f", || write(&pattern(100_000))), (true, true));
}

fn cutting_moves_content_and_attributes(p: &Process) {
    put(p, "f", &pattern(10_000));
    for size in [5000, 20_000, 0] {
        assert_eq!(moves(p, "f", || p.truncate("f", size).unwrap()), (true, true), "{size}");
    }
    assert_eq!(moves(p, "f", || put(p, "f", b"")), (true, true));
}

fn changes_of_attributes_move_only_theirs(p: &Process) {
    put(p, "f", b"");
    assert_eq!(moves(p, "f", || p.chmod("f", mode(0o600)).unwrap()), (false, true));
    assert_eq!(moves(p, "f", || p.chown("f", Some(5), None).unwrap()), (false, true));
    mkdir(p, "d");
    assert_eq!(moves(p, "d", || p.chmod("d", mode(0o700)).unwrap()), (false, true));
}

fn setting_times_moves_attributes(p: &Process) {
    put(p, "f", b"");
    let set = || p.utimensat(None, "f", [at(100), None], AtFlags::empty()).unwrap();
    assert_eq!(moves(p, "f", set), (false, true));
}

fn extended_attributes_move_attributes(p: &Process) {
    put(p, "f", b"");
    let set = || p.setxattr("f", "user.a", b"x", XattrFlags::empty()).unwrap();
    assert_eq!(moves(p, "f", set), (false, true));
    assert_eq!(moves(p, "f", || p.removexattr("f", "user.a").unwrap()), (false, true));
}

fn looking_moves_nothing(p: &Process) {
    put(p, "f", b"x");
    mkdir(p, "d");
    let look = || {
        get(p, "f");
        names(p, "d");
        p.stat("d/..").unwrap();
        p.access("f", 4).unwrap();
        fails(p.stat("d/none"), ENOENT);
    };
    assert_eq!(moves(p, "d", || assert_eq!(moves(p, "f", look), (false, false))), (false, false));
}

fn new_names_move_the_directory(p: &Process) {
    mkdir(p, "d");
    assert_eq!(moves(p, "d", || put(p, "d/f", b"")), (true, true));
    assert_eq!(moves(p, "d", || mkdir(p, "d/e")), (true, true));
    if p.capabilities(".").unwrap().contains(Capabilities::SYMLINKS) {
        assert_eq!(moves(p, "d", || p.symlink("x", "d/l").unwrap()), (true, true));
    }
    assert_eq!(moves(p, "d", || put(p, "d/f", b"only content")), (false, false));
}

fn removed_names_move_the_directory(p: &Process) {
    mkdir(p, "d");
    put(p, "d/f", b"");
    mkdir(p, "d/e");
    assert_eq!(moves(p, "d", || p.unlink("d/f").unwrap()), (true, true));
    assert_eq!(moves(p, "d", || p.rmdir("d/e").unwrap()), (true, true));
}

fn a_rename_moves_both_directories(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "b");
    put(p, "a/f", b"");
    let rename = || p.rename("a/f", "b/g").unwrap();
    assert_eq!(moves(p, "a", || assert_eq!(moves(p, "b", rename), (true, true))), (true, true));
    assert_eq!(moves(p, "b", || p.rename("b/g", "b/h").unwrap()), (true, true));
}

fn links_move_attributes_of_the_file(p: &Process) {
    put(p, "f", b"");
    mkdir(p, "d");
    let link = || p.link("f", "d/g").unwrap();
    assert_eq!(moves(p, "d", || assert_eq!(moves(p, "f", link), (false, true))), (true, true));
    assert_eq!(moves(p, "f", || p.unlink("d/g").unwrap()), (false, true));
}

fn refused_calls_move_nothing(p: &Process) {
    mkdir(p, "d");
    put(p, "d/f", b"");
    mkdir(p, "e");
    put(p, "e/f", b"");
    let refused = || {
        fails(p.mkdir("d/f", mode(0o755)), EEXIST);
        fails(p.rename("d", "e"), ENOTEMPTY);
        fails(p.rmdir("e"), ENOTEMPTY);
        fails(p.unlink("d/none"), ENOENT);
    };
    assert_eq!(moves(p, "d", || assert_eq!(moves(p, "e", refused), (false, false))), (false, false));
}

fn birth_stays(p: &Process) {
    put(p, "f", b"");
    let born = stat(p, "f").birthtime;
    put(p, "f", b"written");
    p.rename("f", "g").unwrap();
    p.chmod("g", mode(0o555)).unwrap();
    assert_eq!(stat(p, "g").birthtime, born);
}
