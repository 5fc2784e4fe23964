//! Files that are held by themselves, without paths and descriptors.

mod common;

use common::*;
use rump_abi::{Errno::*, FileType, Ino, OpenFlags, RenameFlags};
use rump_kern::{HeldFile, NewFile, Process, Whence};

fn regular(bits: u32, umask: u32) -> NewFile<'static> {
    let (file_type, rdev) = (FileType::Regular, Default::default());
    NewFile { file_type, mode: mode(bits), umask: mode(umask), uid: 7, gid: 8, rdev, target: b"" }
}

fn content(file: &HeldFile) -> Vec<u8> {
    let mut buf = vec![0; 64];
    let count = file.read_at(0, &mut buf).unwrap();
    buf.truncate(count);
    buf
}

fn made(p: &Process, root: &HeldFile, name: &[u8], text: &[u8]) -> HeldFile {
    let file = root.create(p, name, regular(0o666, 0o022)).unwrap();
    assert_eq!(file.write_at(p, 0, text).unwrap(), text.len());
    file
}

#[test]
fn a_file_that_is_held_lasts_without_names_and_is_gone_afterwards() {
    let p = process();
    let root = p.hold("/").unwrap();
    let file = made(&p, &root, b"f", b"abc");
    let ino = file.ino();
    let stat = p.stat("/f").unwrap();
    assert_eq!((stat.uid, stat.gid, stat.mode.bits(), stat.ino), (7, 8, 0o644, ino));
    root.link(&p, b"g", &file).unwrap();
    assert!(!root.unlink(&p, b"f").unwrap().is_removed());
    assert!(root.unlink(&p, b"g").unwrap().is_removed());
    assert_eq!(content(&root.other(ino).unwrap()), b"abc");
    fails(root.link(&p, b"h", &file), ENOENT);
    file.set_size(&p, 1).unwrap();
    assert_eq!((content(&file), file.stat().unwrap().nlink), (b"a".to_vec(), 0));
    drop(file);
    fails(root.other(ino).map(drop), ESTALE);
    fails(root.other(Ino(u64::MAX)).map(drop), ESTALE);
}

#[test]
fn a_rename_answers_what_it_moved_over() {
    let p = process();
    let root = p.hold("/").unwrap();
    p.mkdir("/d", mode(0o755)).unwrap();
    let dir = root.lookup(&p, b"d").unwrap();
    let (one, two) = (made(&p, &root, b"one", b"1"), made(&p, &dir, b"two", b"2"));
    assert!(root.rename(&p, b"one", &dir, b"two", RenameFlags::EXCHANGE).unwrap().is_none());
    assert_eq!((get(&p, "/one"), get(&p, "/d/two")), (b"2".to_vec(), b"1".to_vec()));
    fails(root.rename(&p, b"one", &dir, b"two", RenameFlags::NOREPLACE).map(drop), EEXIST);
    fails(root.rename(&p, b"one", &dir, b"two", RenameFlags::all()).map(drop), EINVAL);
    let victim = root.rename(&p, b"one", &dir, b"two", RenameFlags::empty()).unwrap().unwrap();
    assert!(victim.is_removed() && victim.ino() == one.ino());
    assert_eq!(
        (content(&one), content(&two), get(&p, "/d/two")),
        (b"1".to_vec(), b"2".to_vec(), b"2".to_vec())
    );
    fails(root.rename(&p, b"d", &two, b"x", RenameFlags::empty()).map(drop), ENOTDIR);
}

#[test]
fn names_are_those_of_entries_and_nothing_else() {
    let p = process();
    let root = p.hold("/").unwrap();
    let file = made(&p, &root, b"f", b"");
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
        fails(root.lookup(&p, name).map(drop), EINVAL);
        fails(root.create(&p, name, regular(0o600, 0)).map(drop), EINVAL);
        fails(root.link(&p, name, &file), EINVAL);
        fails(root.unlink(&p, name).map(drop), EINVAL);
        fails(root.rename(&p, b"f", &root, name, RenameFlags::empty()).map(drop), EINVAL);
    }
    fails(root.lookup(&p, &[b'n'; 256]).map(drop), ENAMETOOLONG);
    fails(root.lookup(&p, b"none").map(drop), ENOENT);
    fails(file.lookup(&p, b"f").map(drop), ENOTDIR);
    fails(file.create(&p, b"f", regular(0o600, 0)).map(drop), ENOTDIR);
    fails(root.rmdir(&p, b"f").map(drop), ENOTDIR);
}

#[test]
fn permissions_are_those_of_the_process() {
    let p = process();
    let root = p.hold("/").unwrap();
    p.chmod("/", mode(0o755)).unwrap();
    let (user, owner) = (user(&p, 1), user(&p, 7));
    let file = made(&p, &root, b"f", b"abc");
    fails(root.create(&user, b"g", regular(0o600, 0)).map(drop), EACCES);
    fails(file.set_mode(&user, mode(0o777)), EPERM);
    fails(file.set_owner(&user, Some(1), None), EPERM);
    fails(file.check_open(&user, OpenFlags::WRONLY), EACCES);
    file.check_open(&user, OpenFlags::empty()).unwrap();
    file.set_mode(&owner, mode(0o600)).unwrap();
    file.check_open(&owner, OpenFlags::RDWR).unwrap();
    p.chmod("/", mode(0o700)).unwrap();
    fails(root.lookup(&user, b"f").map(drop), EACCES);
    fails(root.list(&user, 0, &mut |_, _| true), EACCES);
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let p = process();
    let root = p.hold("/").unwrap();
    for name in [b"a", b"b", b"c"] {
        made(&p, &root, name, name);
    }
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        let before = seen.len();
        root.list(&p, cursor, &mut |entry, stat| {
            seen.push((entry.name.to_vec(), stat.unwrap().ino));
            cursor = entry.next_cursor;
            false
        })
        .unwrap();
        if seen.len() == before {
            break;
        }
    }
    seen.retain(|(name, _)| !matches!(&name[..], b"." | b".."));
    let expected = [b"a", b"b", b"c"].map(|name| (name.to_vec(), root.lookup(&p, name).unwrap().ino()));
    seen.sort();
    assert_eq!(seen, expected);
    let file = root.lookup(&p, b"a").unwrap();
    fails(file.list(&p, 0, &mut |_, _| true), ENOTDIR);
    assert_eq!((file.seek(0, Whence::Data).unwrap(), file.seek(0, Whence::Hole).unwrap()), (0, 1));
    fails(file.seek(0, Whence::End), EINVAL);
    fails(file.write_at(&p, 1 << 63, b"x"), EINVAL);
}
