//! Symbolic links, hard links and special files.

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{AtFlags, DevNumber, Errno::*, FileType, OpenFlags};

const SYM: Capabilities = Capabilities::SYMLINKS;
const HARD: Capabilities = Capabilities::HARD_LINKS;
const SPECIAL: Capabilities = Capabilities::SPECIAL;

behaviours! {
    a_symbolic_link_keeps_its_target: SYM;
    targets_of_every_length_are_kept: SYM;
    a_symbolic_link_is_followed_but_for_the_last_name_of_some_calls: SYM;
    a_dangling_link_is_there_and_leads_nowhere: SYM;
    a_loop_of_links_ends: SYM;
    links_in_the_middle_are_followed: SYM;
    a_symbolic_link_is_not_made_over_anything: SYM;
    removing_a_symbolic_link_keeps_its_target: SYM;
    hard_links_are_one_file: HARD;
    a_file_lives_until_its_last_name_goes: HARD;
    hard_links_check_both_names: HARD;
    directories_have_no_hard_links: HARD;
    a_symbolic_link_has_hard_links: HARD.union(SYM);
    many_hard_links_are_counted: HARD;
    special_files_keep_type_and_number: SPECIAL;
    special_files_are_removed_and_renamed: SPECIAL;
    mknod_makes_regular_files_and_no_directories: SPECIAL;
}

fn a_symbolic_link_keeps_its_target(p: &Process) {
    p.symlink("any \u{fc} where/../x", "l").unwrap();
    let stat = stat(p, "l");
    assert_eq!((stat.file_type, stat.size, stat.nlink), (FileType::Symlink, 17, 1));
    assert_eq!(p.readlink("l").unwrap(), "any \u{fc} where/../x".as_bytes());
    fails(p.readlink("."), EINVAL);
}

fn targets_of_every_length_are_kept(p: &Process) {
    for length in [1, 58, 59, 60, 61, 120, 160, 255, 256, 500, 1000] {
        let (target, name) = ("t".repeat(length), format!("l{length}"));
        p.symlink(&target, &name).unwrap();
        assert_eq!(p.readlink(&name).unwrap(), target.as_bytes(), "{length}");
        assert_eq!(stat(p, &name).size, length as u64);
        p.unlink(&name).unwrap();
    }
    fails(p.symlink("", "l"), ENOENT);
    fails(p.symlink("t".repeat(4096), "l"), ENAMETOOLONG);
}

fn a_symbolic_link_is_followed_but_for_the_last_name_of_some_calls(p: &Process) {
    put(p, "f", b"x");
    p.symlink("f", "l").unwrap();
    assert_eq!((get(p, "l"), p.stat("l").unwrap().ino), (b"x".to_vec(), ino(p, "f")));
    assert_ne!(ino(p, "l"), ino(p, "f"));
    p.chmod("l", mode(0o600)).unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o600));
    p.truncate("l", 0).unwrap();
    assert_eq!(stat(p, "f").size, 0);
    let link = p.fstatat(None, "l", AtFlags::SYMLINK_NOFOLLOW).unwrap();
    assert_eq!(link.file_type, FileType::Symlink);
}

fn a_dangling_link_is_there_and_leads_nowhere(p: &Process) {
    p.symlink("none", "l").unwrap();
    fails(p.stat("l"), ENOENT);
    fails(open(p, "l", OpenFlags::empty()), ENOENT);
    assert_eq!(stat(p, "l").file_type, FileType::Symlink);
    put(p, "none", b"");
    p.stat("l").unwrap();
}

fn a_loop_of_links_ends(p: &Process) {
    p.symlink("b", "a").unwrap();
    p.symlink("a", "b").unwrap();
    p.symlink("self/x", "self").unwrap();
    fails(p.stat("a"), ELOOP);
    fails(p.stat("self"), ELOOP);
    fails(open(p, "b", OpenFlags::CREAT), ELOOP);
}

fn links_in_the_middle_are_followed(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "d/e");
    put(p, "d/f", b"x");
    p.symlink("d", "l").unwrap();
    p.symlink("../../l/e", "d/e/up").unwrap();
    assert_eq!(get(p, "l/e/up/up/../f"), b"x");
    p.stat("l/").unwrap();
    assert_eq!(p.lstat("l/").unwrap().ino, ino(p, "d"));
}

fn a_symbolic_link_is_not_made_over_anything(p: &Process) {
    put(p, "f", b"");
    p.symlink("f", "l").unwrap();
    for name in ["f", "l", "."] {
        fails(p.symlink("x", name), EEXIST);
    }
    fails(p.mkdir("l", mode(0o755)), EEXIST);
}

fn removing_a_symbolic_link_keeps_its_target(p: &Process) {
    put(p, "f", b"x");
    mkdir(p, "d");
    p.symlink("f", "l").unwrap();
    p.symlink("d", "m").unwrap();
    fails(p.rmdir("m"), ENOTDIR);
    p.unlink("l").unwrap();
    p.unlink("m").unwrap();
    assert_eq!(get(p, "f"), b"x");
    p.stat("d").unwrap();
}

fn hard_links_are_one_file(p: &Process) {
    put(p, "a", b"x");
    mkdir(p, "d");
    p.link("a", "d/b").unwrap();
    assert_eq!((ino(p, "a"), stat(p, "a").nlink), (ino(p, "d/b"), 2));
    put(p, "d/b", b"changed");
    p.chmod("d/b", mode(0o600)).unwrap();
    assert_eq!((get(p, "a"), stat(p, "a").mode), (b"changed".to_vec(), mode(0o600)));
}

fn a_file_lives_until_its_last_name_goes(p: &Process) {
    put(p, "a", b"x");
    p.link("a", "b").unwrap();
    p.link("b", "c").unwrap();
    p.unlink("a").unwrap();
    p.unlink("c").unwrap();
    assert_eq!((stat(p, "b").nlink, get(p, "b")), (1, b"x".to_vec()));
    p.link("b", "a").unwrap();
    assert_eq!(stat(p, "a").nlink, 2);
}

fn hard_links_check_both_names(p: &Process) {
    put(p, "a", b"");
    mkdir(p, "d");
    fails(p.link("none", "x"), ENOENT);
    fails(p.link("a", "none/x"), ENOENT);
    fails(p.link("a", "a"), EEXIST);
    fails(p.link("a", "d"), EEXIST);
    fails(p.link("a", "x/"), ENOENT);
    assert_eq!(stat(p, "a").nlink, 1);
}

fn directories_have_no_hard_links(p: &Process) {
    mkdir(p, "d");
    fails(p.link("d", "e"), EPERM);
    fails(p.link(".", "e"), EPERM);
}

fn a_symbolic_link_has_hard_links(p: &Process) {
    put(p, "f", b"");
    p.symlink("f", "l").unwrap();
    p.link("l", "m").unwrap();
    assert_eq!((ino(p, "l"), stat(p, "m").nlink), (ino(p, "m"), 2));
    p.linkat(None, "l", None, "n", AtFlags::SYMLINK_FOLLOW).unwrap();
    assert_eq!(ino(p, "n"), ino(p, "f"));
}

fn many_hard_links_are_counted(p: &Process) {
    put(p, "f", b"x");
    mkdir(p, "d");
    for n in 0..500 {
        p.link("f", format!("d/{n}")).unwrap();
    }
    assert_eq!(stat(p, "f").nlink, 501);
    for n in 0..500 {
        p.unlink(format!("d/{n}")).unwrap();
    }
    assert_eq!((stat(p, "f").nlink, get(p, "f")), (1, b"x".to_vec()));
}

fn special_files_keep_type_and_number(p: &Process) {
    let number = |major, minor| DevNumber { major, minor };
    let none = DevNumber::default();
    let kinds = [
        (FileType::Fifo, none),
        (FileType::Socket, none),
        (FileType::CharDevice, number(4, 7)),
        (FileType::BlockDevice, number(8, 255)),
        (FileType::BlockDevice, number(300, 70_000)),
    ];
    for (n, (kind, rdev)) in kinds.into_iter().enumerate() {
        let name = format!("s{n}");
        p.mknod(&name, kind, mode(0o640), rdev).unwrap();
        let stat = stat(p, &name);
        assert_eq!((stat.file_type, stat.rdev, stat.mode, stat.size), (kind, rdev, mode(0o640), 0));
        fails(p.mknod(&name, kind, mode(0o640), rdev), EEXIST);
    }
}

fn special_files_are_removed_and_renamed(p: &Process) {
    p.mkfifo("fifo", mode(0o600)).unwrap();
    put(p, "f", b"");
    p.rename("fifo", "f").unwrap();
    assert_eq!(stat(p, "f").file_type, FileType::Fifo);
    p.unlink("f").unwrap();
    fails(p.lstat("f"), ENOENT);
}

fn mknod_makes_regular_files_and_no_directories(p: &Process) {
    let none = DevNumber::default();
    p.mknod("f", FileType::Regular, mode(0o600), none).unwrap();
    put(p, "f", b"x");
    fails(p.mknod("d", FileType::Directory, mode(0o755), none), EINVAL);
    fails(p.mknod("l", FileType::Symlink, mode(0o755), none), EINVAL);
}
