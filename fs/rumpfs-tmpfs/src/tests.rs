//! Tests on the traits that the kernel calls.

use crate::component;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};
use rump_kpi::*;

type Fs = Arc<dyn FileSystem>;
type N = Arc<dyn Node>;

fn mount(options: &str, read_only: bool) -> KResult<Fs> {
    let ticks = AtomicI64::new(1);
    let now = move || TimeSpec { sec: ticks.fetch_add(1, Relaxed), nsec: 123_456_789 };
    let environment = Environment::new(now, |_| {});
    let Component::FileSystem(tmpfs) = component() else { panic!("tmpfs is a file system") };
    tmpfs.mount(None, read_only, options, &environment)
}

fn fresh() -> (Fs, N) {
    let fs = mount("", false).unwrap();
    let root = fs.node(fs.root()).unwrap();
    (fs, root)
}

fn new(file_type: FileType) -> NewNode<'static> {
    let rdev = DevNumber { major: 4, minor: 7 };
    NewNode { file_type, mode: Mode::new(0o644), uid: 5, gid: 6, rdev, target: b"" }
}

fn make(fs: &Fs, dir: &N, name: &str, file_type: FileType) -> N {
    fs.node(dir.create(name.as_bytes(), new(file_type)).unwrap()).unwrap()
}

fn file(fs: &Fs, dir: &N, name: &str) -> N {
    make(fs, dir, name, FileType::Regular)
}

fn folder(fs: &Fs, dir: &N, name: &str) -> (Ino, N) {
    let node = make(fs, dir, name, FileType::Directory);
    (dir.lookup(name.as_bytes()).unwrap(), node)
}

fn errno<T>(result: KResult<T>) -> Errno {
    result.err().expect("it must fail").errno
}

fn nlink(node: &N) -> u64 {
    node.attr().unwrap().nlink
}

fn content(node: &N) -> Vec<u8> {
    let mut buf = vec![0xAA; node.attr().unwrap().size as usize + 10];
    let count = node.read_at(0, &mut buf).unwrap();
    buf.truncate(count);
    buf
}

fn names(dir: &N) -> Vec<String> {
    let mut names = Vec::new();
    dir.read_dir(0, &mut |entry| {
        names.push(String::from_utf8(entry.name.to_vec()).unwrap());
        true
    })
    .unwrap();
    names
}

fn resize(node: &N, size: u64) -> KResult<()> {
    node.set_attr(SetAttr { size: Some(size), ..SetAttr::default() })
}

#[test]
fn root_is_an_empty_directory() {
    let (fs, root) = fresh();
    assert_eq!(names(&root), [".", ".."]);
    assert_eq!((nlink(&root), root.lookup(b"..").unwrap()), (2, fs.root()));
}

#[test]
fn created_file_has_the_attributes_asked_for() {
    let (fs, root) = fresh();
    let attr = file(&fs, &root, "a").attr().unwrap();
    assert_eq!((attr.mode.bits(), attr.uid, attr.gid, attr.nlink, attr.size), (0o644, 5, 6, 1, 0));
    assert_eq!(attr.birthtime, Some(attr.mtime));
}

#[test]
fn create_over_existing_name_fails() {
    let (fs, root) = fresh();
    file(&fs, &root, "a");
    assert_eq!(errno(root.create(b"a", new(FileType::Regular))), Errno::EEXIST);
}

#[test]
fn written_bytes_are_read_back() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    let data: Vec<u8> = (0..20_000_u32).map(|i| i as u8).collect();
    assert_eq!(node.write_at(3, &data).unwrap(), data.len());
    assert_eq!(content(&node)[3..], data);
    assert_eq!(content(&node)[..3], [0; 3]);
}

#[test]
fn holes_read_as_zero_and_take_no_space() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    node.write_at(1 << 40, b"x").unwrap();
    let mut buf = [1; 100];
    assert_eq!(node.read_at(1 << 30, &mut buf).unwrap(), 100);
    assert_eq!((buf, node.attr().unwrap().blocks), ([0; 100], 8));
}

#[test]
fn read_past_the_end_gives_nothing() {
    let (fs, root) = fresh();
    assert_eq!(file(&fs, &root, "a").read_at(u64::MAX, &mut [0; 5]).unwrap(), 0);
}

#[test]
fn cut_and_grown_file_shows_zeroes() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    node.write_at(0, &[7; 9000]).unwrap();
    resize(&node, 4100).unwrap();
    resize(&node, 9000).unwrap();
    assert_eq!(content(&node), [vec![7; 4100], vec![0; 4900]].concat());
}

#[test]
fn write_beyond_the_longest_file_fails() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    assert_eq!(errno(node.write_at(i64::MAX as u64, b"x")), Errno::EFBIG);
    assert_eq!(errno(node.write_at(u64::MAX, b"x")), Errno::EFBIG);
    assert_eq!(errno(resize(&node, 1 << 63)), Errno::EFBIG);
    node.write_at(i64::MAX as u64 - 1, b"x").unwrap();
}

#[test]
fn seek_finds_data_and_holes() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    node.write_at(8192, &[1; 8192]).unwrap();
    resize(&node, 40_000).unwrap();
    assert_eq!((node.seek_data(5).unwrap(), node.seek_hole(5).unwrap()), (8192, 5));
    assert_eq!((node.seek_data(9000).unwrap(), node.seek_hole(9000).unwrap()), (9000, 16_384));
    assert_eq!(errno(node.seek_data(16_384)), Errno::ENXIO);
    assert_eq!(errno(node.seek_hole(40_000)), Errno::ENXIO);
}

#[test]
fn end_of_file_is_a_hole() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    node.write_at(0, &[1; 100]).unwrap();
    assert_eq!(node.seek_hole(0).unwrap(), 100);
}

#[test]
fn full_file_system_refuses_pages_and_frees_them() {
    let fs = mount("size=8k", false).unwrap();
    let root = fs.node(fs.root()).unwrap();
    let node = file(&fs, &root, "a");
    node.write_at(0, &[1; 8192]).unwrap();
    assert_eq!(errno(node.write_at(8192, b"x")), Errno::ENOSPC);
    assert_eq!((node.attr().unwrap().size, fs.statvfs().unwrap().blocks_free), (8192, 0));
    resize(&node, 1).unwrap();
    assert_eq!(fs.statvfs().unwrap().blocks_free, 1);
}

#[test]
fn full_inode_table_refuses_files() {
    let fs = mount("nr_inodes=2", false).unwrap();
    let root = fs.node(fs.root()).unwrap();
    root.create(b"a", new(FileType::Regular)).unwrap();
    assert_eq!(errno(root.create(b"b", new(FileType::Regular))), Errno::ENOSPC);
    root.unlink(b"a").unwrap();
    root.create(b"b", new(FileType::Regular)).unwrap();
}

#[test]
fn unlinked_file_lives_until_forgotten() {
    let fs = mount("size=4k", false).unwrap();
    let root = fs.node(fs.root()).unwrap();
    let node = file(&fs, &root, "a");
    let ino = root.lookup(b"a").unwrap();
    node.write_at(0, b"still here").unwrap();
    root.unlink(b"a").unwrap();
    assert_eq!((nlink(&node), content(&node)), (0, b"still here".to_vec()));
    assert!(fs.node(ino).is_ok());
    drop(node);
    fs.forget(ino);
    assert_eq!(errno(fs.node(ino)), Errno::ESTALE);
    assert_eq!(fs.statvfs().unwrap().blocks_free, 1);
}

#[test]
fn forgotten_file_with_a_link_stays() {
    let (fs, root) = fresh();
    file(&fs, &root, "a").write_at(0, b"x").unwrap();
    let ino = root.lookup(b"a").unwrap();
    fs.forget(ino);
    assert_eq!(content(&fs.node(ino).unwrap()), b"x");
}

#[test]
fn hard_link_shares_the_content() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    root.link(b"b", root.lookup(b"a").unwrap()).unwrap();
    assert_eq!((nlink(&node), root.lookup(b"a").unwrap()), (2, root.lookup(b"b").unwrap()));
    root.unlink(b"a").unwrap();
    assert_eq!((nlink(&node), names(&root).len()), (1, 3));
}

#[test]
fn link_to_directory_or_over_a_name_fails() {
    let (fs, root) = fresh();
    file(&fs, &root, "a");
    let (ino, _) = folder(&fs, &root, "d");
    assert_eq!(errno(root.link(b"e", ino)), Errno::EPERM);
    assert_eq!(errno(root.link(b"d", root.lookup(b"a").unwrap())), Errno::EEXIST);
}

#[test]
fn directories_count_their_links() {
    let (fs, root) = fresh();
    let (_, d) = folder(&fs, &root, "d");
    folder(&fs, &d, "e");
    assert_eq!((nlink(&root), nlink(&d)), (3, 3));
    d.rmdir(b"e").unwrap();
    root.rmdir(b"d").unwrap();
    assert_eq!((nlink(&root), nlink(&d)), (2, 0));
}

#[test]
fn rmdir_of_full_directory_or_file_fails() {
    let (fs, root) = fresh();
    let (_, d) = folder(&fs, &root, "d");
    file(&fs, &d, "a");
    assert_eq!(errno(root.rmdir(b"d")), Errno::ENOTEMPTY);
    assert_eq!(errno(d.rmdir(b"a")), Errno::ENOTDIR);
    assert_eq!(errno(root.rmdir(b"x")), Errno::ENOENT);
}

#[test]
fn removed_directory_takes_no_entries() {
    let (fs, root) = fresh();
    let (_, d) = folder(&fs, &root, "d");
    root.rmdir(b"d").unwrap();
    assert_eq!(errno(d.create(b"a", new(FileType::Regular))), Errno::ENOENT);
    assert!(names(&d).is_empty());
}

#[test]
fn rename_over_file_drops_the_old_one() {
    let (fs, root) = fresh();
    let (a, b) = (file(&fs, &root, "a"), file(&fs, &root, "b"));
    root.rename(b"a", fs.root(), b"b").unwrap();
    assert_eq!((nlink(&a), nlink(&b)), (1, 0));
    assert_eq!(names(&root), [".", "..", "b"]);
}

#[test]
fn rename_over_link_of_the_same_file_does_nothing() {
    let (fs, root) = fresh();
    let a = file(&fs, &root, "a");
    root.link(b"b", root.lookup(b"a").unwrap()).unwrap();
    root.rename(b"a", fs.root(), b"b").unwrap();
    assert_eq!((nlink(&a), names(&root).len()), (2, 4));
}

#[test]
fn rename_moves_directory_with_its_parent_and_links() {
    let (fs, root) = fresh();
    let ((_, from), (to_ino, to)) = (folder(&fs, &root, "from"), folder(&fs, &root, "to"));
    let (_, moved) = folder(&fs, &from, "d");
    from.rename(b"d", to_ino, b"e").unwrap();
    assert_eq!((nlink(&from), nlink(&to), moved.lookup(b"..").unwrap()), (2, 3, to_ino));
}

#[test]
fn rename_over_empty_directory_keeps_counts() {
    let (fs, root) = fresh();
    let (_, a) = folder(&fs, &root, "a");
    let (_, b) = folder(&fs, &root, "b");
    root.rename(b"a", fs.root(), b"b").unwrap();
    assert_eq!((nlink(&root), nlink(&a), nlink(&b)), (3, 2, 0));
}

#[test]
fn rename_over_full_directory_fails() {
    let (fs, root) = fresh();
    let (_, a) = folder(&fs, &root, "a");
    folder(&fs, &root, "b");
    let (_, inner) = folder(&fs, &a, "inner");
    assert_eq!(errno(root.rename(b"b", fs.root(), b"a")), Errno::ENOTEMPTY);
    folder(&fs, &inner, "x");
    assert_eq!(errno(a.rename(b"inner", fs.root(), b"a")), Errno::ENOTEMPTY);
}

#[test]
fn rename_of_directory_below_itself_fails() {
    let (fs, root) = fresh();
    let (_, a) = folder(&fs, &root, "a");
    let (b, _) = folder(&fs, &a, "b");
    assert_eq!(errno(root.rename(b"a", b, b"c")), Errno::EINVAL);
}

#[test]
fn rename_between_types_fails() {
    let (fs, root) = fresh();
    folder(&fs, &root, "d");
    file(&fs, &root, "f");
    assert_eq!(errno(root.rename(b"d", fs.root(), b"f")), Errno::ENOTDIR);
    assert_eq!(errno(root.rename(b"f", fs.root(), b"d")), Errno::EISDIR);
}

#[test]
fn symlink_keeps_its_target() {
    let (fs, root) = fresh();
    let ino = root.create(b"s", NewNode { target: b"/x/y", ..new(FileType::Symlink) }).unwrap();
    let node = fs.node(ino).unwrap();
    assert_eq!((node.read_link().unwrap(), node.attr().unwrap().size), (b"/x/y".to_vec(), 4));
    assert_eq!(errno(root.read_link()), Errno::EINVAL);
}

#[test]
fn special_files_keep_type_and_number() {
    let (fs, root) = fresh();
    for kind in [FileType::Fifo, FileType::Socket, FileType::CharDevice, FileType::BlockDevice] {
        let attr = make(&fs, &root, &format!("{kind:?}"), kind).attr().unwrap();
        assert_eq!((attr.file_type, attr.rdev), (kind, DevNumber { major: 4, minor: 7 }));
    }
}

#[test]
fn listing_in_parts_survives_changes_between() {
    let (fs, root) = fresh();
    for i in 0..200 {
        file(&fs, &root, &format!("f{i}"));
    }
    let (mut cursor, mut seen, mut step) = (0, Vec::new(), 0);
    loop {
        let before = seen.len();
        root.read_dir(cursor, &mut |entry| {
            seen.push(String::from_utf8(entry.name.to_vec()).unwrap());
            cursor = entry.next_cursor;
            seen.len() - before < 10
        })
        .unwrap();
        if seen.len() == before || step > 50 {
            break;
        }
        if step < 5 {
            root.unlink(format!("f{step}").as_bytes()).unwrap();
            file(&fs, &root, &format!("new{step}"));
        }
        step += 1;
    }
    for i in 5..200 {
        assert_eq!(seen.iter().filter(|name| **name == format!("f{i}")).count(), 1, "f{i}");
    }
}

#[test]
fn xattrs_are_set_listed_and_removed() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    node.set_xattr(b"user.k", b"v", XattrFlags::CREATE).unwrap();
    assert_eq!(errno(node.set_xattr(b"user.k", b"w", XattrFlags::CREATE)), Errno::EEXIST);
    assert_eq!(errno(node.set_xattr(b"user.z", b"w", XattrFlags::REPLACE)), Errno::ENOATTR);
    assert_eq!(errno(node.set_xattr(b"odd.z", b"w", XattrFlags::empty())), Errno::ENOTSUP);
    assert_eq!(errno(node.set_xattr(b"user.z", &[0; 200_000], XattrFlags::empty())), Errno::ENOSPC);
    assert_eq!((node.xattr(b"user.k").unwrap(), node.list_xattrs().unwrap().len()), (b"v".to_vec(), 1));
    node.remove_xattr(b"user.k").unwrap();
    assert_eq!(errno(node.xattr(b"user.k")), Errno::ENOATTR);
}

#[test]
fn times_move_with_what_happens() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    let born = node.attr().unwrap();
    node.write_at(0, b"x").unwrap();
    let written = node.attr().unwrap();
    assert!(written.mtime > born.mtime && written.ctime > born.ctime && written.atime == born.atime);
    node.read_at(0, &mut [0; 1]).unwrap();
    let read = node.attr().unwrap();
    assert!(read.atime > written.atime && read.mtime == written.mtime);
    let time = TimeSpec { sec: -5, nsec: 999_999_999 };
    node.set_attr(SetAttr { mtime: Some(SetTime::To(time)), ..SetAttr::default() }).unwrap();
    let set = node.attr().unwrap();
    assert!(set.mtime == time && set.ctime > read.ctime && set.birthtime == born.birthtime);
}

#[test]
fn read_only_mount_refuses_changes() {
    let fs = mount("mode=750", true).unwrap();
    let root = fs.node(fs.root()).unwrap();
    assert_eq!(errno(root.create(b"a", new(FileType::Regular))), Errno::EROFS);
    assert_eq!(errno(root.set_attr(SetAttr::default())), Errno::EROFS);
    assert_eq!(root.attr().unwrap().mode.bits(), 0o750);
}

#[test]
fn unknown_options_are_named() {
    for options in ["size=", "size=1x", "size=99999999999g", "mode=9", "mode=77777", "colour=red", "size=+1"]
    {
        let error = mount(options, false).err().unwrap();
        assert!(error.errno == Errno::EINVAL && error.what.contains(options), "{options}");
    }
}

#[test]
fn calls_of_another_type_fail() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    assert_eq!(errno(node.lookup(b"x")), Errno::ENOTDIR);
    assert_eq!(errno(root.read_at(0, &mut [0])), Errno::EISDIR);
    assert_eq!(errno(resize(&root, 0)), Errno::EISDIR);
}

#[test]
fn a_mode_and_its_list_stay_in_step() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    let mut list = acl::Acl::of_mode(0o640).with_user(7, 6);
    node.set_xattr(acl::ACCESS, &list.emit(), XattrFlags::empty()).unwrap();
    assert_eq!(node.attr().unwrap().mode.bits(), 0o660);
    node.set_attr(SetAttr { mode: Some(Mode::new(0o4700)), ..SetAttr::default() }).unwrap();
    list.set_mode(0o700);
    assert_eq!(node.acl(acl::ACCESS).unwrap(), Some(list));
    let minimal = acl::Acl::of_mode(0o751);
    node.set_xattr(acl::ACCESS, &minimal.emit(), XattrFlags::empty()).unwrap();
    assert_eq!(node.attr().unwrap().mode.bits(), 0o4751);
    assert!(node.list_xattrs().unwrap().is_empty());
}

#[test]
fn lists_are_checked_before_they_are_kept() {
    let (fs, root) = fresh();
    let node = file(&fs, &root, "a");
    let list = acl::Acl::of_mode(0o640).with_user(7, 6).emit();
    let set = |name: &[u8], value: &[u8], flags| node.set_xattr(name, value, flags);
    assert_eq!(errno(set(acl::ACCESS, &list[..20], XattrFlags::empty())), Errno::EINVAL);
    assert_eq!(errno(set(acl::ACCESS, &[1, 0, 0, 0], XattrFlags::empty())), Errno::ENOTSUP);
    assert_eq!(errno(set(acl::DEFAULT, &list, XattrFlags::empty())), Errno::EACCES);
    assert_eq!(errno(set(acl::ACCESS, &list, XattrFlags::REPLACE)), Errno::ENOATTR);
    let link = make(&fs, &root, "l", FileType::Symlink);
    assert_eq!(errno(link.set_xattr(acl::ACCESS, &list, XattrFlags::empty())), Errno::ENOTSUP);
    assert_eq!(node.attr().unwrap().mode.bits(), 0o644);
}

#[test]
fn new_nodes_inherit_the_default_list() {
    let (fs, root) = fresh();
    let list = acl::Acl::of_mode(0o770).with_user(7, 7);
    root.set_xattr(acl::DEFAULT, &list.emit(), XattrFlags::empty()).unwrap();
    let node = file(&fs, &root, "a");
    assert_eq!(node.attr().unwrap().mode.bits(), 0o640);
    assert_eq!(node.list_xattrs().unwrap(), [acl::ACCESS]);
    let (_, directory) = folder(&fs, &root, "d");
    assert_eq!(directory.acl(acl::DEFAULT).unwrap(), Some(list));
    let link = make(&fs, &root, "l", FileType::Symlink);
    assert_eq!((link.attr().unwrap().mode.bits(), link.list_xattrs().unwrap().len()), (0o644, 0));
}

#[test]
fn exchange_keeps_parents_and_counts() {
    let (fs, root) = fresh();
    let ((a_ino, a), (b_ino, b)) = (folder(&fs, &root, "a"), folder(&fs, &root, "b"));
    let (moved_ino, moved) = folder(&fs, &a, "d");
    file(&fs, &b, "f");
    a.exchange(b"d", b_ino, b"f").unwrap();
    assert_eq!((nlink(&a), nlink(&b)), (2, 3));
    assert_eq!((b.lookup(b"f").unwrap(), moved.lookup(b"..").unwrap()), (moved_ino, b_ino));
    assert_eq!(errno(root.exchange(b"b", moved_ino, b"none")), Errno::ENOENT);
    folder(&fs, &moved, "deep");
    assert_eq!(errno(root.exchange(b"b", moved_ino, b"deep")), Errno::EINVAL);
    root.exchange(b"a", fs.root(), b"b").unwrap();
    assert_eq!((root.lookup(b"a").unwrap(), root.lookup(b"b").unwrap()), (b_ino, a_ino));
}

#[test]
fn space_is_reserved_zeroed_and_freed() {
    let fs = mount("size=16k", false).unwrap();
    let root = fs.node(fs.root()).unwrap();
    let node = file(&fs, &root, "a");
    let free = || fs.statvfs().unwrap().blocks_free;
    node.allocate(0, 8192, Allocation::Reserve).unwrap();
    assert_eq!((node.attr().unwrap().size, free()), (0, 2));
    assert_eq!(errno(node.allocate(0, 20_000, Allocation::Extend)), Errno::ENOSPC);
    assert_eq!((node.attr().unwrap().size, free()), (0, 2));
    node.write_at(0, &[7; 12_288]).unwrap();
    node.allocate(100, 8092, Allocation::PunchHole).unwrap();
    assert_eq!((node.attr().unwrap().size, free()), (12_288, 2));
    assert_eq!(content(&node), [vec![7; 100], vec![0; 8092], vec![7; 4096]].concat());
    node.allocate(8192, 8192, Allocation::Zero).unwrap();
    assert_eq!((node.attr().unwrap().size, free()), (16_384, 1));
    assert_eq!(content(&node)[8192..], [0; 8192]);
    assert_eq!(errno(node.allocate(0, 1 << 62, Allocation::Reserve)), Errno::ENOSPC);
    assert_eq!(errno(node.allocate(1, u64::MAX, Allocation::Extend)), Errno::EFBIG);
}

#[test]
fn random_calls_agree_with_a_simple_model() {
    let (fs, root) = fresh();
    let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..5000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |shift: u32, below: u64| (seed >> shift) % below;
        let (name, other) = (format!("n{}", pick(20, 8)), format!("n{}", pick(24, 8)));
        let (offset, length) = (pick(30, 10_000) as usize, pick(45, 6000) as usize);
        match pick(60, 5) {
            0 => {
                let made = root.create(name.as_bytes(), new(FileType::Regular)).is_ok();
                assert_eq!(made, !model.contains_key(&name));
                model.entry(name).or_default();
            }
            1 => assert_eq!(root.unlink(name.as_bytes()).is_ok(), model.remove(&name).is_some()),
            2 => {
                let moved = root.rename(name.as_bytes(), fs.root(), other.as_bytes()).is_ok();
                let data = model.remove(&name);
                assert_eq!(moved, data.is_some());
                data.map(|data| model.insert(other, data));
            }
            action => {
                let Some(data) = model.get_mut(&name) else { continue };
                let node = fs.node(root.lookup(name.as_bytes()).unwrap()).unwrap();
                if action == 3 {
                    resize(&node, offset as u64).unwrap();
                    data.resize(offset, 0);
                } else {
                    node.write_at(offset as u64, &vec![length as u8; length]).unwrap();
                    if length > 0 {
                        data.resize(data.len().max(offset + length), 0);
                        data[offset..offset + length].fill(length as u8);
                    }
                }
                assert_eq!(content(&node), *data);
            }
        }
        assert_eq!(names(&root).len(), model.len() + 2);
    }
}
