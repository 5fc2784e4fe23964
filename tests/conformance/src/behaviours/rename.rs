//! Renaming in all its cases: rename(2), renameat2(2) of Linux.

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{Errno, Errno::*, KResult, OpenFlags, RenameFlags};

const PLAIN: Capabilities = Capabilities::empty();
const EXCHANGE: Capabilities = Capabilities::EXCHANGE;

behaviours! {
    a_file_gets_another_name: PLAIN;
    a_file_moves_to_another_directory: PLAIN;
    a_rename_replaces_a_file: PLAIN;
    a_rename_to_itself_does_nothing: PLAIN;
    a_rename_between_names_of_one_file_does_nothing: Capabilities::HARD_LINKS;
    what_is_missing_is_not_renamed: PLAIN;
    a_directory_replaces_an_empty_one: PLAIN;
    a_directory_does_not_replace_a_full_one: PLAIN;
    files_and_directories_do_not_replace_each_other: PLAIN;
    a_directory_does_not_move_into_itself: PLAIN;
    dots_are_not_renamed: PLAIN;
    a_moved_directory_has_a_new_parent: PLAIN;
    a_moved_directory_keeps_what_is_in_it: PLAIN;
    moved_directories_change_counts: Capabilities::OWNERS;
    a_directory_does_not_replace_its_own_parent: PLAIN;
    a_symbolic_link_moves_and_not_its_target: Capabilities::SYMLINKS;
    an_open_file_survives_its_rename: PLAIN;
    an_open_file_survives_its_replacement: PLAIN;
    a_working_directory_moves_along: PLAIN;
    many_renames_lose_nothing: PLAIN;
    names_of_all_lengths_are_exchanged_for_each_other: PLAIN;
    noreplace_refuses_what_is_there: PLAIN;
    noreplace_moves_to_a_free_name: PLAIN;
    exchange_swaps_files: EXCHANGE;
    exchange_swaps_a_file_with_a_directory: EXCHANGE;
    exchange_between_directories_keeps_parents_and_counts: EXCHANGE;
    exchange_asks_for_both_names: EXCHANGE;
    exchange_does_not_make_loops: EXCHANGE;
}

fn rename2(p: &Process, old: &str, new: &str, flags: RenameFlags) -> KResult<()> {
    p.renameat2(None, old, None, new, flags)
}

fn a_file_gets_another_name(p: &Process) {
    put(p, "a", b"x");
    let before = ino(p, "a");
    p.rename("a", "b").unwrap();
    fails(p.stat("a"), ENOENT);
    assert_eq!((get(p, "b"), ino(p, "b")), (b"x".to_vec(), before));
}

fn a_file_moves_to_another_directory(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "e");
    put(p, "d/a", b"x");
    p.rename("d/a", "e/b").unwrap();
    assert_eq!((names(p, "d"), names(p, "e")), (vec![], vec!["b".to_string()]));
    assert_eq!(get(p, "e/b"), b"x");
}

fn a_rename_replaces_a_file(p: &Process) {
    put(p, "a", b"a");
    put(p, "b", &pattern(10_000));
    p.rename("a", "b").unwrap();
    assert_eq!(get(p, "b"), b"a");
    fails(p.stat("a"), ENOENT);
    assert_eq!(stat(p, "b").nlink, 1);
}

fn a_rename_to_itself_does_nothing(p: &Process) {
    put(p, "a", b"x");
    mkdir(p, "d");
    p.rename("a", "a").unwrap();
    p.rename("d", "d").unwrap();
    p.rename("a", "./d/../a").unwrap();
    assert_eq!(get(p, "a"), b"x");
}

fn a_rename_between_names_of_one_file_does_nothing(p: &Process) {
    put(p, "a", b"x");
    p.link("a", "b").unwrap();
    p.rename("a", "b").unwrap();
    assert_eq!((stat(p, "a").nlink, ino(p, "a")), (2, ino(p, "b")));
}

fn what_is_missing_is_not_renamed(p: &Process) {
    put(p, "a", b"");
    fails(p.rename("none", "b"), ENOENT);
    fails(p.rename("a", "none/b"), ENOENT);
    fails(p.rename("none/a", "b"), ENOENT);
    fails(p.rename("a/x", "b"), ENOTDIR);
    fails(p.rename("a", ""), ENOENT);
}

fn a_directory_replaces_an_empty_one(p: &Process) {
    mkdir(p, "a");
    put(p, "a/f", b"x");
    mkdir(p, "b");
    p.rename("a", "b").unwrap();
    assert_eq!(get(p, "b/f"), b"x");
    fails(p.stat("a"), ENOENT);
}

fn a_directory_does_not_replace_a_full_one(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "b");
    put(p, "b/f", b"kept");
    fails(p.rename("a", "b"), ENOTEMPTY);
    assert_eq!(get(p, "b/f"), b"kept");
    p.stat("a").unwrap();
}

fn files_and_directories_do_not_replace_each_other(p: &Process) {
    mkdir(p, "d");
    put(p, "f", b"");
    fails(p.rename("f", "d"), EISDIR);
    fails(p.rename("d", "f"), ENOTDIR);
    fails(p.rename("f", "g/"), ENOTDIR);
    p.rename("d", "e/").unwrap();
}

fn a_directory_does_not_move_into_itself(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "d/e");
    for to in ["d/x", "d/e/x", "d/e"] {
        fails(p.rename("d", to), EINVAL);
    }
    p.stat("d/e").unwrap();
}

fn dots_are_not_renamed(p: &Process) {
    mkdir(p, "d");
    for (from, to) in [("d/.", "x"), ("d/..", "x"), ("d", "d/."), ("d", ".")] {
        fails(p.rename(from, to), EINVAL);
    }
}

fn a_moved_directory_has_a_new_parent(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "b");
    mkdir(p, "a/d");
    p.rename("a/d", "b/e").unwrap();
    assert_eq!(ino(p, "b/e/.."), ino(p, "b"));
    p.rename("b/e", "b/f").unwrap();
    assert_eq!(ino(p, "b/f/.."), ino(p, "b"));
    p.rename("b/f", "top").unwrap();
    assert_eq!(ino(p, "top/.."), ino(p, "."));
}

fn a_moved_directory_keeps_what_is_in_it(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "b");
    mkdir(p, "a/d");
    mkdir(p, "a/d/e");
    for n in 0..50 {
        put(p, &format!("a/d/e/{n}"), format!("{n}").as_bytes());
    }
    p.rename("a/d", "b/d").unwrap();
    assert_eq!(names(p, "b/d/e").len(), 50);
    for n in 0..50 {
        assert_eq!(get(p, &format!("b/d/e/{n}")), format!("{n}").as_bytes());
    }
    p.rmdir("a").unwrap();
}

fn moved_directories_change_counts(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "b");
    mkdir(p, "a/d");
    p.rename("a/d", "b/d").unwrap();
    assert_eq!((stat(p, "a").nlink, stat(p, "b").nlink), (2, 3));
    mkdir(p, "a/d");
    p.rename("a/d", "b/d").unwrap();
    assert_eq!((stat(p, "a").nlink, stat(p, "b").nlink, stat(p, "b/d").nlink), (2, 3, 2));
    p.rename("b/d", "b/e").unwrap();
    assert_eq!(stat(p, "b").nlink, 3);
}

fn a_directory_does_not_replace_its_own_parent(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "a/b");
    mkdir(p, "a/b/c");
    fails(p.rename("a/b", "a"), ENOTEMPTY);
    fails(p.rename("a/b/c", "a"), ENOTEMPTY);
    p.stat("a/b/c").unwrap();
}

fn a_symbolic_link_moves_and_not_its_target(p: &Process) {
    put(p, "f", b"x");
    put(p, "g", b"");
    p.symlink("f", "l").unwrap();
    p.rename("l", "m").unwrap();
    assert_eq!((p.readlink("m").unwrap(), get(p, "f")), (b"f".to_vec(), b"x".to_vec()));
    p.rename("g", "m").unwrap();
    assert_eq!((get(p, "m"), get(p, "f")), (vec![], b"x".to_vec()));
}

fn an_open_file_survives_its_rename(p: &Process) {
    let fd = create(p, "a");
    p.rename("a", "b").unwrap();
    p.write(fd, b"written later").unwrap();
    assert_eq!(get(p, "b"), b"written later");
}

fn an_open_file_survives_its_replacement(p: &Process) {
    put(p, "a", b"new");
    put(p, "b", b"old");
    let fd = open(p, "b", OpenFlags::RDWR).unwrap();
    p.rename("a", "b").unwrap();
    assert_eq!(
        (content(p, fd), p.fstat(fd).unwrap().nlink, get(p, "b")),
        (b"old".to_vec(), 0, b"new".to_vec())
    );
}

fn a_working_directory_moves_along(p: &Process) {
    mkdir(p, "a");
    mkdir(p, "a/d");
    mkdir(p, "b");
    let q = p.fork();
    q.chdir("a/d").unwrap();
    p.rename("a/d", "b/e").unwrap();
    put(&q, "f", b"x");
    assert_eq!(get(p, "b/e/f"), b"x");
    assert!(q.getcwd().unwrap().ends_with(b"/b/e"));
    assert_eq!(q.stat("..").unwrap().ino, ino(p, "b"));
    q.exit();
}

fn many_renames_lose_nothing(p: &Process) {
    mkdir(p, "d");
    for n in 0..100 {
        put(p, &format!("d/{n}"), format!("{n}").as_bytes());
    }
    for turn in 0..5 {
        for n in 0..100 {
            let (from, to) = (format!("d/{}{n}", "x".repeat(turn)), format!("d/{}{n}", "x".repeat(turn + 1)));
            p.rename(from, to).unwrap();
        }
    }
    assert_eq!(names(p, "d").len(), 100);
    for n in 0..100 {
        assert_eq!(get(p, &format!("d/xxxxx{n}")), format!("{n}").as_bytes());
    }
}

fn names_of_all_lengths_are_exchanged_for_each_other(p: &Process) {
    mkdir(p, "d");
    put(p, "d/other", b"other");
    put(p, "d/n", b"moving");
    let mut from = "d/n".to_string();
    for length in [200, 3, 60, 255, 1, 128, 4, 250, 2] {
        let to = format!("d/{}", "n".repeat(length));
        if to != from {
            p.rename(&from, &to).unwrap();
        }
        from = to;
        assert_eq!((names(p, "d").len(), get(p, &from)), (2, b"moving".to_vec()), "{length}");
    }
    assert_eq!(get(p, "d/other"), b"other");
}

fn noreplace_refuses_what_is_there(p: &Process) {
    put(p, "a", b"a");
    put(p, "b", b"b");
    mkdir(p, "d");
    for to in ["b", "d", "a"] {
        fails(rename2(p, "a", to, RenameFlags::NOREPLACE), EEXIST);
    }
    assert_eq!((get(p, "a"), get(p, "b")), (b"a".to_vec(), b"b".to_vec()));
}

fn noreplace_moves_to_a_free_name(p: &Process) {
    put(p, "a", b"a");
    mkdir(p, "d");
    rename2(p, "a", "d/b", RenameFlags::NOREPLACE).unwrap();
    assert_eq!(get(p, "d/b"), b"a");
    fails(rename2(p, "a", "c", RenameFlags::NOREPLACE), ENOENT);
}

fn exchange_swaps_files(p: &Process) {
    put(p, "a", b"a");
    put(p, "b", b"b");
    rename2(p, "a", "b", RenameFlags::EXCHANGE).unwrap();
    assert_eq!((get(p, "a"), get(p, "b")), (b"b".to_vec(), b"a".to_vec()));
    rename2(p, "a", "a", RenameFlags::EXCHANGE).unwrap();
    assert_eq!(get(p, "a"), b"b");
}

fn exchange_swaps_a_file_with_a_directory(p: &Process) {
    put(p, "f", b"x");
    mkdir(p, "d");
    put(p, "d/inside", b"y");
    rename2(p, "f", "d", RenameFlags::EXCHANGE).unwrap();
    assert_eq!((get(p, "d"), get(p, "f/inside")), (b"x".to_vec(), b"y".to_vec()));
}

fn exchange_between_directories_keeps_parents_and_counts(p: &Process) {
    for path in ["a", "b", "a/d", "a/d/deep"] {
        mkdir(p, path);
    }
    put(p, "b/f", b"x");
    rename2(p, "a/d", "b/f", RenameFlags::EXCHANGE).unwrap();
    assert_eq!((get(p, "a/d"), ino(p, "b/f/..")), (b"x".to_vec(), ino(p, "b")));
    assert_eq!((stat(p, "a").nlink, stat(p, "b").nlink), (2, 3));
    mkdir(p, "a/e");
    rename2(p, "a/e", "b/f", RenameFlags::EXCHANGE).unwrap();
    assert_eq!((ino(p, "a/e/.."), ino(p, "b/f/..")), (ino(p, "a"), ino(p, "b")));
    p.stat("a/e/deep").unwrap();
}

fn exchange_asks_for_both_names(p: &Process) {
    put(p, "a", b"");
    fails(rename2(p, "a", "none", RenameFlags::EXCHANGE), ENOENT);
    fails(rename2(p, "none", "a", RenameFlags::EXCHANGE), ENOENT);
    fails(rename2(p, "a", "a", RenameFlags::EXCHANGE | RenameFlags::NOREPLACE), EINVAL);
}

fn exchange_does_not_make_loops(p: &Process) {
    for path in ["a", "a/b", "a/b/c"] {
        mkdir(p, path);
    }
    let refused: [(&str, &str, Errno); 3] =
        [("a", "a/b", EINVAL), ("a/b/c", "a", EINVAL), ("a/b", "a", EINVAL)];
    for (from, to, errno) in refused {
        fails(rename2(p, from, to, RenameFlags::EXCHANGE), errno);
    }
}
