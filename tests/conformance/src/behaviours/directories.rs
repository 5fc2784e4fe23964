//! Listing directories, large ones and while they change: getdents(2).

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{Errno::*, Fd, FileType, OpenFlags, Whence};
use std::collections::BTreeMap;

const PLAIN: Capabilities = Capabilities::empty();

behaviours! {
    a_listing_names_each_entry_once: PLAIN;
    a_listing_has_dots: PLAIN;
    numbers_and_types_of_a_listing_are_those_of_stat: PLAIN;
    a_listing_goes_on_where_it_stopped: PLAIN;
    a_listing_begins_again_when_told: PLAIN;
    two_listings_do_not_disturb_each_other: PLAIN;
    a_file_is_not_listed: PLAIN;
    a_large_directory_is_made_found_and_removed: PLAIN;
    a_directory_of_long_names_keeps_them: PLAIN;
    half_removed_and_filled_again: PLAIN;
    what_stays_is_listed_once_while_others_go: PLAIN;
    what_stays_is_listed_once_while_others_come: PLAIN;
    everything_is_removed_while_it_is_listed: PLAIN;
    many_subdirectories_are_counted: Capabilities::OWNERS;
    many_directories_with_a_file_each: PLAIN;
}

/// The next `count` names of a listing; fewer at its end.
fn next(p: &Process, fd: Fd, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    p.getdents(fd, &mut |entry| {
        seen.push(String::from_utf8(entry.name.to_vec()).unwrap());
        seen.len() < count
    })
    .unwrap();
    seen
}

fn listing(p: &Process, path: &str) -> Fd {
    open(p, path, OpenFlags::DIRECTORY).unwrap()
}

/// A directory `d` of files named by their numbers.
fn fill(p: &Process, count: usize) {
    mkdir(p, "d");
    for n in 0..count {
        p.close(create(p, &format!("d/{n}"))).unwrap();
    }
}

fn a_listing_names_each_entry_once(p: &Process) {
    fill(p, 100);
    let mut expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    expected.sort();
    assert_eq!(names(p, "d"), expected);
}

fn a_listing_has_dots(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "d/e");
    let fd = listing(p, "d/e");
    let mut seen = BTreeMap::new();
    p.getdents(fd, &mut |entry| {
        seen.insert(entry.name.to_vec(), entry.ino);
        true
    })
    .unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[&b"."[..]], seen[&b".."[..]]), (ino(p, "d/e"), ino(p, "d")));
}

fn numbers_and_types_of_a_listing_are_those_of_stat(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "d/directory");
    put(p, "d/file", b"");
    let can = p.capabilities(".").unwrap();
    if can.contains(Capabilities::SYMLINKS) {
        p.symlink("x", "d/link").unwrap();
    }
    if can.contains(Capabilities::SPECIAL) {
        p.mkfifo("d/fifo", mode(0o644)).unwrap();
    }
    let (fd, mut seen) = (listing(p, "d"), Vec::new());
    p.getdents(fd, &mut |entry| {
        seen.push((String::from_utf8(entry.name.to_vec()).unwrap(), entry.ino, entry.file_type));
        true
    })
    .unwrap();
    for (name, ino, file_type) in seen.iter().filter(|(name, ..)| name != "..") {
        let stat = stat(p, &format!("d/{name}"));
        assert_eq!((*ino, file_type.unwrap_or(stat.file_type)), (stat.ino, stat.file_type), "{name}");
    }
}

fn a_listing_goes_on_where_it_stopped(p: &Process) {
    fill(p, 150);
    for step in [1, 2, 7, 64] {
        let (fd, mut seen) = (listing(p, "d"), Vec::new());
        loop {
            let part = next(p, fd, step);
            if part.is_empty() {
                break;
            }
            assert!(part.len() <= step);
            seen.extend(part);
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 152, "in steps of {step}");
        p.close(fd).unwrap();
    }
}

fn a_listing_begins_again_when_told(p: &Process) {
    fill(p, 30);
    let fd = listing(p, "d");
    let first = next(p, fd, 10);
    let at = p.lseek(fd, 0, Whence::Cur).unwrap();
    let second = next(p, fd, 10);
    p.lseek(fd, 0, Whence::Set).unwrap();
    assert_eq!(next(p, fd, 10), first);
    p.lseek(fd, at as i64, Whence::Set).unwrap();
    assert_eq!(next(p, fd, 10), second);
}

fn two_listings_do_not_disturb_each_other(p: &Process) {
    fill(p, 20);
    let (one, two) = (listing(p, "d"), listing(p, "d"));
    let first = next(p, one, 5);
    assert_eq!(next(p, two, 5), first);
    assert_ne!(next(p, one, 5), first);
}

fn a_file_is_not_listed(p: &Process) {
    put(p, "f", b"");
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    fails(p.getdents(fd, &mut |_| true), ENOTDIR);
}

fn a_large_directory_is_made_found_and_removed(p: &Process) {
    let count = 3000;
    fill(p, count);
    assert_eq!(names(p, "d").len(), count);
    for n in (0..count).step_by(97) {
        assert_eq!(stat(p, &format!("d/{n}")).file_type, FileType::Regular);
    }
    fails(p.stat(format!("d/{count}")), ENOENT);
    for n in 0..count {
        p.unlink(format!("d/{n}")).unwrap();
    }
    assert!(names(p, "d").is_empty());
    p.rmdir("d").unwrap();
}

fn a_directory_of_long_names_keeps_them(p: &Process) {
    mkdir(p, "d");
    let name = |n: usize| format!("d/{n:03}{}", "\u{e4}".repeat(n % 120));
    for n in 0..400 {
        put(p, &name(n), format!("{n}").as_bytes());
    }
    for n in 0..400 {
        assert_eq!(get(p, &name(n)), format!("{n}").as_bytes());
    }
    assert_eq!(names(p, "d").len(), 400);
}

fn half_removed_and_filled_again(p: &Process) {
    fill(p, 600);
    for n in (0..600).step_by(2) {
        p.unlink(format!("d/{n}")).unwrap();
    }
    assert_eq!(names(p, "d").len(), 300);
    for n in 0..300 {
        put(p, &format!("d/again-with-another-length-{n}"), b"");
    }
    assert_eq!(names(p, "d").len(), 600);
    for n in (1..600).step_by(2) {
        p.stat(format!("d/{n}")).unwrap();
    }
}

/// Lists `d` in small steps with `change` between them; answers how often each name was seen.
fn list_while(p: &Process, mut change: impl FnMut(usize)) -> BTreeMap<String, usize> {
    let (fd, mut seen) = (listing(p, "d"), BTreeMap::new());
    for turn in 0.. {
        let part = next(p, fd, 9);
        if part.is_empty() {
            break;
        }
        assert!(turn < 2000, "the listing does not end");
        part.into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
        change(turn);
    }
    seen
}

fn what_stays_is_listed_once_while_others_go(p: &Process) {
    fill(p, 400);
    let seen = list_while(p, |turn| {
        for n in (0..400).filter(|n| n % 3 == 0 && n / 9 == turn) {
            p.unlink(format!("d/{n}")).unwrap();
        }
    });
    for n in (0..400).filter(|n| n % 3 != 0) {
        assert_eq!(seen.get(&n.to_string()), Some(&1), "{n}");
    }
}

fn what_stays_is_listed_once_while_others_come(p: &Process) {
    fill(p, 300);
    let mut came = 0;
    let seen = list_while(p, |turn| {
        if turn < 60 {
            put(p, &format!("d/new-{turn}"), b"");
            p.rename(format!("d/new-{turn}"), format!("d/newer-{turn}")).unwrap();
            came += 1;
        }
    });
    for n in 0..300 {
        assert_eq!(seen.get(&n.to_string()), Some(&1), "{n}");
    }
    assert_eq!(names(p, "d").len(), 300 + came);
}

fn everything_is_removed_while_it_is_listed(p: &Process) {
    fill(p, 500);
    let fd = listing(p, "d");
    loop {
        let part = next(p, fd, 20);
        for name in part.iter().filter(|name| !matches!(name.as_str(), "." | "..")) {
            p.unlink(format!("d/{name}")).unwrap();
        }
        if part.is_empty() {
            break;
        }
    }
    assert!(names(p, "d").is_empty());
    p.rmdir("d").unwrap();
}

fn many_subdirectories_are_counted(p: &Process) {
    mkdir(p, "d");
    for n in 0..300 {
        mkdir(p, &format!("d/{n}"));
    }
    assert_eq!((stat(p, "d").nlink, names(p, "d").len()), (302, 300));
    for n in 0..300 {
        p.rmdir(format!("d/{n}")).unwrap();
    }
    assert_eq!(stat(p, "d").nlink, 2);
}

fn many_directories_with_a_file_each(p: &Process) {
    for n in 0..100 {
        mkdir(p, &format!("d{n}"));
        put(p, &format!("d{n}/f"), &pattern(n * 50));
    }
    for n in 0..100 {
        assert_eq!(get(p, &format!("d{n}/f")), pattern(n * 50));
        p.unlink(format!("d{n}/f")).unwrap();
        p.rmdir(format!("d{n}")).unwrap();
    }
}
