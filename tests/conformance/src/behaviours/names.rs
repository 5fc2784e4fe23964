//! Directories and the names in them: mkdir(2), rmdir(2), unlink(2), path resolution.

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{AtFlags, Errno::*, FileType, OpenFlags, RenameFlags};

const PLAIN: Capabilities = Capabilities::empty();
const FOLDS: Capabilities = Capabilities::CASE_FOLDING;

behaviours! {
    a_new_directory_is_empty: PLAIN;
    directories_count_their_subdirectories: Capabilities::OWNERS;
    a_directory_is_not_made_over_anything: PLAIN;
    a_directory_is_not_made_in_nothing: PLAIN;
    an_empty_directory_is_removed: PLAIN;
    a_full_directory_is_not_removed: PLAIN;
    rmdir_checks_what_it_removes: PLAIN;
    unlink_checks_what_it_removes: PLAIN;
    the_longest_name_works_and_a_longer_one_does_not: PLAIN;
    names_are_bytes: Capabilities::OWNERS;
    case_tells_names_apart: PLAIN, without FOLDS;
    case_is_kept_and_does_not_tell_names_apart: FOLDS;
    no_spelling_of_a_name_is_stale: FOLDS.union(Capabilities::HARD_LINKS).union(Capabilities::SYMLINKS);
    a_spelling_leads_to_what_replaced_it: FOLDS.union(Capabilities::EXCHANGE);
    dots_lead_here_and_up: PLAIN;
    a_slash_asks_for_a_directory: PLAIN;
    a_missing_name_is_found_once_made: PLAIN;
    a_name_may_change_its_type: PLAIN;
    a_removed_working_directory_takes_no_files: PLAIN;
    a_removed_directory_shows_nothing: PLAIN;
    at_calls_begin_at_their_directory: PLAIN;
    a_deep_tree_is_walked_and_found_again: PLAIN;
    a_path_through_a_file_fails: PLAIN;
}

fn a_new_directory_is_empty(p: &Process) {
    mkdir(p, "d");
    let stat = stat(p, "d");
    assert_eq!((stat.file_type, names(p, "d").len()), (FileType::Directory, 0));
    assert_eq!((ino(p, "d/."), ino(p, "d/..")), (stat.ino, ino(p, ".")));
}

fn directories_count_their_subdirectories(p: &Process) {
    let root = stat(p, ".").nlink;
    mkdir(p, "d");
    assert_eq!((stat(p, "d").nlink, stat(p, ".").nlink), (2, root + 1));
    for n in 0..5 {
        mkdir(p, &format!("d/{n}"));
        put(p, &format!("d/f{n}"), b"");
    }
    assert_eq!(stat(p, "d").nlink, 7);
    p.rmdir("d/3").unwrap();
    assert_eq!(stat(p, "d").nlink, 6);
}

fn a_directory_is_not_made_over_anything(p: &Process) {
    mkdir(p, "d");
    put(p, "f", b"");
    for path in ["d", "d/", "d/.", "d/..", "f", "."] {
        fails(p.mkdir(path, mode(0o755)), EEXIST);
    }
}

fn a_directory_is_not_made_in_nothing(p: &Process) {
    put(p, "f", b"");
    fails(p.mkdir("none/d", mode(0o755)), ENOENT);
    fails(p.mkdir("f/d", mode(0o755)), ENOTDIR);
    fails(p.mkdir("", mode(0o755)), ENOENT);
}

fn an_empty_directory_is_removed(p: &Process) {
    mkdir(p, "d");
    p.rmdir("d").unwrap();
    fails(p.stat("d"), ENOENT);
    mkdir(p, "d");
    put(p, "d/f", b"");
    p.unlink("d/f").unwrap();
    p.rmdir("d/").unwrap();
    fails(p.stat("d"), ENOENT);
}

fn a_full_directory_is_not_removed(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "d/e");
    fails(p.rmdir("d"), ENOTEMPTY);
    p.rmdir("d/e").unwrap();
    put(p, "d/f", b"kept");
    fails(p.rmdir("d"), ENOTEMPTY);
    assert_eq!(get(p, "d/f"), b"kept");
}

fn rmdir_checks_what_it_removes(p: &Process) {
    mkdir(p, "d");
    put(p, "f", b"");
    fails(p.rmdir("f"), ENOTDIR);
    fails(p.rmdir("none"), ENOENT);
    fails(p.rmdir("d/."), EINVAL);
    fails(p.rmdir("d/.."), ENOTEMPTY);
}

fn unlink_checks_what_it_removes(p: &Process) {
    mkdir(p, "d");
    put(p, "f", b"");
    fails(p.unlink("d"), EPERM);
    fails(p.unlink("none"), ENOENT);
    fails(p.unlink("f/"), ENOTDIR);
    fails(p.unlink("f/x"), ENOTDIR);
    p.unlink("f").unwrap();
    fails(p.unlink("f"), ENOENT);
}

fn the_longest_name_works_and_a_longer_one_does_not(p: &Process) {
    let longest = "n".repeat(p.statvfs(".").unwrap().name_max as usize);
    put(p, &longest, b"x");
    mkdir(p, "d");
    mkdir(p, &format!("d/{longest}"));
    assert_eq!((get(p, &longest), names(p, "d")), (b"x".to_vec(), vec![longest.clone()]));
    let longer = format!("{longest}n");
    fails(open(p, &longer, OpenFlags::CREAT), ENAMETOOLONG);
    fails(p.mkdir(&longer, mode(0o755)), ENAMETOOLONG);
    fails(p.stat(&longer), ENAMETOOLONG);
    fails(p.rename(&longest, &longer), ENAMETOOLONG);
    fails(p.unlink(&longer), ENAMETOOLONG);
    p.unlink(&longest).unwrap();
}

fn names_are_bytes(p: &Process) {
    mkdir(p, "d");
    let odd: [&[u8]; 7] = [
        b"d/\xff\xfe",
        b"d/a b",
        b"d/new\nline",
        b"d/-",
        b"d/...",
        b"d/\x01",
        "d/\u{e9}\u{1f980}".as_bytes(),
    ];
    for (place, name) in odd.iter().enumerate() {
        let fd = p.open(name, OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR, mode(0o644)).unwrap();
        p.write(fd, &[place as u8]).unwrap();
        p.close(fd).unwrap();
    }
    for (place, name) in odd.iter().enumerate() {
        let fd = p.open(name, OpenFlags::empty(), mode(0)).unwrap();
        assert_eq!(content(p, fd), [place as u8], "{}", name.escape_ascii());
    }
    assert_eq!(names(p, "d").len(), odd.len());
}

fn case_tells_names_apart(p: &Process) {
    fails(p.stat("NAME"), ENOENT);
    put(p, "name", b"lower");
    fails(p.stat("NAME"), ENOENT);
    put(p, "NAME", b"upper");
    assert_eq!((get(p, "name"), get(p, "NAME")), (b"lower".to_vec(), b"upper".to_vec()));
}

fn case_is_kept_and_does_not_tell_names_apart(p: &Process) {
    mkdir(p, "d");
    fails(p.stat("d/NAME"), ENOENT);
    put(p, "d/Name", b"x");
    assert_eq!((get(p, "d/NAME"), names(p, "d")), (b"x".to_vec(), vec!["Name".to_string()]));
    fails(p.mkdir("d/nAME", mode(0o755)), EEXIST);
    p.rename("d/name", "d/NAME").unwrap();
    assert_eq!(names(p, "d"), ["NAME"]);
    p.unlink("d/nAmE").unwrap();
    fails(p.stat("d/Name"), ENOENT);
    fails(p.stat("d/NAME"), ENOENT);
}

/// Whether `d/NAME` is there, which is the same for every spelling.
#[track_caller]
fn is_there(p: &Process, name: &str) -> bool {
    let spellings = [name.to_lowercase(), name.to_uppercase(), name.to_string()];
    let found = spellings.map(|spelling| p.stat(format!("d/{spelling}")).map(|stat| stat.ino).ok());
    assert!(found.iter().all(|ino| *ino == found[0]), "{name}: {found:?}");
    found[0].is_some()
}

fn no_spelling_of_a_name_is_stale(p: &Process) {
    mkdir(p, "d");
    assert!(!is_there(p, "Name") && !is_there(p, "Other"));
    put(p, "d/NamE", b"");
    assert!(is_there(p, "Name"));
    p.link("d/name", "d/oTHER").unwrap();
    assert!(is_there(p, "Name") && is_there(p, "Other"));
    p.unlink("d/NAME").unwrap();
    assert!(!is_there(p, "Name") && is_there(p, "Other"));
    p.rename("d/Other", "d/name").unwrap();
    assert!(is_there(p, "Name") && !is_there(p, "Other"));
    p.rename("d/Name", "outside").unwrap();
    assert!(!is_there(p, "Name"));
    p.mkdir("d/NAme", mode(0o755)).unwrap();
    assert!(is_there(p, "Name"));
    p.rmdir("d/naME").unwrap();
    assert!(!is_there(p, "Name"));
    p.symlink("x", "d/OtheR").unwrap();
    fails(p.symlink("x", "d/OTHEr"), EEXIST);
    fails(p.mkdir("d/OTHEr", mode(0o755)), EEXIST);
    p.unlink("d/other").unwrap();
    assert!(!is_there(p, "Other") && names(p, "d").is_empty());
}

fn a_spelling_leads_to_what_replaced_it(p: &Process) {
    mkdir(p, "d");
    put(p, "d/one", b"1");
    put(p, "d/two", b"2");
    assert_eq!((get(p, "d/ONE"), get(p, "d/TWO")), (b"1".to_vec(), b"2".to_vec()));
    p.rename("d/One", "d/Two").unwrap();
    for spelling in ["d/TWO", "d/two", "d/Two"] {
        assert_eq!(get(p, spelling), b"1");
    }
    put(p, "d/one", b"3");
    p.renameat2(None, "d/ONE", None, "d/TWO", RenameFlags::EXCHANGE).unwrap();
    for (spelling, content) in [("d/one", b"1"), ("d/ONE", b"1"), ("d/two", b"3"), ("d/TWO", b"3")] {
        assert_eq!(get(p, spelling), content);
    }
}

fn dots_lead_here_and_up(p: &Process) {
    mkdir(p, "d");
    mkdir(p, "d/e");
    put(p, "d/f", b"x");
    assert_eq!(get(p, "./d/e/./.././e/../f"), b"x");
    assert_eq!(ino(p, "d/e/../.."), ino(p, "."));
    p.chdir("d/e").unwrap();
    assert_eq!(get(p, "../f"), b"x");
}

fn a_slash_asks_for_a_directory(p: &Process) {
    put(p, "f", b"");
    mkdir(p, "d");
    p.stat("d///").unwrap();
    fails(p.stat("f/"), ENOTDIR);
    fails(open(p, "f/", OpenFlags::empty()), ENOTDIR);
    p.mkdir("e//", mode(0o755)).unwrap();
    fails(p.rename("f", "g/"), ENOTDIR);
}

fn a_missing_name_is_found_once_made(p: &Process) {
    for _ in 0..3 {
        fails(p.stat("f"), ENOENT);
        put(p, "f", b"");
        p.stat("f").unwrap();
        p.unlink("f").unwrap();
    }
    fails(p.stat("f"), ENOENT);
}

fn a_name_may_change_its_type(p: &Process) {
    put(p, "x", b"file");
    p.unlink("x").unwrap();
    mkdir(p, "x");
    put(p, "x/f", b"");
    p.unlink("x/f").unwrap();
    p.rmdir("x").unwrap();
    put(p, "x", b"file again");
    assert_eq!(get(p, "x"), b"file again");
}

fn a_removed_working_directory_takes_no_files(p: &Process) {
    mkdir(p, "d");
    let q = p.fork();
    q.chdir("d").unwrap();
    p.rmdir("d").unwrap();
    fails(open(&q, "f", OpenFlags::CREAT), ENOENT);
    fails(q.mkdir("d", mode(0o755)), ENOENT);
    fails(q.getcwd(), ENOENT);
    q.exit();
}

fn a_removed_directory_shows_nothing(p: &Process) {
    mkdir(p, "d");
    let fd = open(p, "d", OpenFlags::DIRECTORY).unwrap();
    p.rmdir("d").unwrap();
    let mut seen = Vec::new();
    p.getdents(fd, &mut |entry| {
        seen.push(entry.name.to_vec());
        true
    })
    .unwrap();
    seen.retain(|name| name != b"." && name != b"..");
    assert!(seen.is_empty() && p.fstat(fd).unwrap().nlink == 0);
}

fn at_calls_begin_at_their_directory(p: &Process) {
    mkdir(p, "d");
    put(p, "d/f", b"x");
    let dir = Some(open(p, "d", OpenFlags::DIRECTORY).unwrap());
    p.mkdirat(dir, "e", mode(0o755)).unwrap();
    p.renameat(dir, "f", dir, "e/g").unwrap();
    assert_eq!(get(p, "d/e/g"), b"x");
    let file = Some(p.openat(dir, "e/g", OpenFlags::empty(), mode(0)).unwrap());
    fails(p.fstatat(file, "x", AtFlags::empty()), ENOTDIR);
    p.unlinkat(dir, "e/g", AtFlags::empty()).unwrap();
    p.unlinkat(dir, "e", AtFlags::REMOVEDIR).unwrap();
    assert!(names(p, "d").is_empty());
}

fn a_deep_tree_is_walked_and_found_again(p: &Process) {
    let q = p.fork();
    for depth in 0..200 {
        mkdir(&q, "directory");
        q.chdir("directory").unwrap();
        put(&q, "depth", format!("{depth}").as_bytes());
    }
    let path = "directory/".repeat(100) + "depth";
    assert_eq!(get(p, &path), b"99");
    let length = p.getcwd().unwrap().len();
    assert_eq!(q.getcwd().unwrap().len(), length + 200 * "/directory".len());
    q.exit();
}

fn a_path_through_a_file_fails(p: &Process) {
    put(p, "f", b"");
    fails(p.stat("f/x"), ENOTDIR);
    fails(p.stat("f/.."), ENOTDIR);
    fails(p.stat("none/.."), ENOENT);
}
