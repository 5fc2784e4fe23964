//! Paths, links, renames and directories.

mod common;

use common::*;
use rump_abi::{AtFlags, Errno::*, OpenFlags};

#[test]
fn an_empty_path_is_missing() {
    let p = process();
    fails(p.stat(""), ENOENT);
}

#[test]
fn a_nul_in_a_path_is_invalid() {
    let p = process();
    fails(p.stat("/a\0b"), EINVAL);
}

#[test]
fn long_names_and_paths_are_refused() {
    let p = process();
    fails(p.mkdir("/".to_string() + &"a".repeat(256), mode(0o755)), ENAMETOOLONG);
    p.mkdir("/".to_string() + &"a".repeat(255), mode(0o755)).unwrap();
    fails(p.stat("/".repeat(4096)), ENAMETOOLONG);
    p.stat("/".repeat(4095)).unwrap();
}

#[test]
fn dot_dot_stays_at_the_root() {
    let p = process();
    assert_eq!(p.stat("/../..").unwrap().ino, p.stat("/").unwrap().ino);
}

#[test]
fn a_slash_behind_a_file_fails() {
    let p = process();
    put(&p, "/f", b"");
    fails(p.stat("/f/"), ENOTDIR);
    fails(p.stat("/f/x"), ENOTDIR);
    fails(p.unlink("/f/"), ENOTDIR);
}

#[test]
fn slashes_behind_a_new_directory_are_fine() {
    let p = process();
    p.mkdir("/d//", mode(0o755)).unwrap();
    assert!(p.stat("/d/").is_ok());
}

#[test]
fn a_loop_of_links_ends() {
    let p = process();
    p.symlink("/b", "/a").unwrap();
    p.symlink("/a", "/b").unwrap();
    fails(p.stat("/a"), ELOOP);
    assert!(p.lstat("/a").is_ok());
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let p = process();
    put(&p, "/l0", b"x");
    for n in 1..=41 {
        p.symlink(format!("l{}", n - 1), format!("/l{n}")).unwrap();
    }
    assert!(p.stat("/l40").is_ok());
    fails(p.stat("/l41"), ELOOP);
}

#[test]
fn links_in_the_middle_are_followed() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    put(&p, "/d/f", b"x");
    p.symlink("d", "/l").unwrap();
    assert_eq!(get(&p, "/l/../l/f"), b"x");
}

#[test]
fn readlink_answers_the_target() {
    let p = process();
    p.symlink("any where", "/l").unwrap();
    assert_eq!(p.readlink("/l").unwrap(), b"any where");
    fails(p.readlink("/"), EINVAL);
}

#[test]
fn hard_links_are_one_file() {
    let p = process();
    put(&p, "/a", b"x");
    p.link("/a", "/b").unwrap();
    assert_eq!(p.stat("/a").unwrap().ino, p.stat("/b").unwrap().ino);
    assert_eq!(p.stat("/a").unwrap().nlink, 2);
    fails(p.link("/a", "/b"), EEXIST);
    fails(p.link("/none", "/c"), ENOENT);
}

#[test]
fn directories_are_not_linked() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    fails(p.link("/d", "/e"), EPERM);
}

#[test]
fn mkdir_over_anything_fails() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    fails(p.mkdir("/d", mode(0o755)), EEXIST);
    fails(p.mkdir("/", mode(0o755)), EEXIST);
    fails(p.mkdir("/x/y", mode(0o755)), ENOENT);
}

#[test]
fn unlink_of_a_directory_fails() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    fails(p.unlink("/d"), EPERM);
}

#[test]
fn rmdir_checks_what_it_removes() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    put(&p, "/d/f", b"");
    fails(p.rmdir("/d"), ENOTEMPTY);
    fails(p.rmdir("/d/f"), ENOTDIR);
    fails(p.rmdir("/d/."), EINVAL);
    fails(p.rmdir("/d/.."), ENOTEMPTY);
    fails(p.rmdir("/"), EBUSY);
    p.unlink("/d/f").unwrap();
    p.rmdir("/d").unwrap();
    fails(p.stat("/d"), ENOENT);
}

#[test]
fn rename_replaces_a_file() {
    let p = process();
    put(&p, "/a", b"a");
    put(&p, "/b", b"b");
    p.rename("/a", "/b").unwrap();
    assert_eq!(get(&p, "/b"), b"a");
    fails(p.stat("/a"), ENOENT);
}

#[test]
fn rename_between_names_of_one_file_does_nothing() {
    let p = process();
    put(&p, "/a", b"a");
    p.link("/a", "/b").unwrap();
    p.rename("/a", "/b").unwrap();
    assert_eq!(names(&p, "/"), ["a", "b"]);
}

#[test]
fn rename_into_itself_fails() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    p.mkdir("/d/e", mode(0o755)).unwrap();
    fails(p.rename("/d", "/d/e/f"), EINVAL);
    fails(p.rename("/d", "/d/x"), EINVAL);
}

#[test]
fn rename_checks_types() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    put(&p, "/f", b"");
    fails(p.rename("/f", "/d"), EISDIR);
    fails(p.rename("/d", "/f"), ENOTDIR);
    fails(p.rename("/f", "/g/"), ENOTDIR);
}

#[test]
fn rename_over_a_full_directory_fails() {
    let p = process();
    p.mkdir("/a", mode(0o755)).unwrap();
    p.mkdir("/b", mode(0o755)).unwrap();
    put(&p, "/b/f", b"");
    fails(p.rename("/a", "/b"), ENOTEMPTY);
    p.unlink("/b/f").unwrap();
    p.rename("/a", "/b").unwrap();
}

#[test]
fn a_moved_directory_has_a_new_parent() {
    let p = process();
    p.mkdir("/a", mode(0o755)).unwrap();
    p.mkdir("/b", mode(0o755)).unwrap();
    p.mkdir("/a/d", mode(0o755)).unwrap();
    p.chdir("/a/d").unwrap();
    p.rename("/a/d", "/b/e").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/b/e");
    assert_eq!(p.stat("..").unwrap().ino, p.stat("/b").unwrap().ino);
}

#[test]
fn at_calls_begin_at_their_directory() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    put(&p, "/d/f", b"x");
    let dir = open(&p, "/d", OpenFlags::DIRECTORY).unwrap();
    assert!(p.fstatat(Some(dir), "f", AtFlags::empty()).is_ok());
    let file = p.openat(Some(dir), "f", OpenFlags::empty(), mode(0)).unwrap();
    fails(p.fstatat(Some(file), "f", AtFlags::empty()), ENOTDIR);
    assert!(p.fstatat(Some(file), "/d", AtFlags::empty()).is_ok());
}

#[test]
fn a_removed_working_directory_takes_no_files() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    p.chdir("/d").unwrap();
    p.rmdir("/d").unwrap();
    fails(open(&p, "f", OpenFlags::CREAT), ENOENT);
    fails(p.getcwd(), ENOENT);
}

#[test]
fn chroot_binds_dot_dot() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    p.chroot("/d").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/");
    assert_eq!(p.stat("/..").unwrap().ino, p.stat("/").unwrap().ino);
}

#[test]
fn a_name_that_was_missing_is_found_once_made() {
    let p = process();
    fails(p.stat("/f"), ENOENT);
    put(&p, "/f", b"");
    assert!(p.stat("/f").is_ok());
    p.unlink("/f").unwrap();
    fails(p.stat("/f"), ENOENT);
}
