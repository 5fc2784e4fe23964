//! Files, devices and folders of the host in the kernel's tree.

mod common;

use common::*;
use rump_abi::{AllocateFlags, Errno::*, FileType, Ino, OpenFlags};
use rump_dev::{MemDevice, ReadOnly};
use rump_host_sim::SimHost;
use rump_hyper::{Access, HostFs, Lock};
use rump_kern::{EtfsKind, Kernel, Process};
use std::sync::Arc;

/// A kernel over a host with one folder, and a process in it.
fn booted() -> (Arc<SimHost>, Kernel, Process) {
    let host = SimHost::new(1);
    host.add_dir("/host");
    host.add_dir("/host/d");
    host.add_dir("/host/d/e");
    host.add_file("/host/f", *b"0123456789");
    host.add_file("/host/d/g", *b"deep");
    host.add_file("/host/d/e/h", *b"deeper");
    host.add_device("/host/device", [0; 512]);
    host.add_file("/secret", *b"secret");
    let kernel = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component()).boot().unwrap();
    let process = kernel.process();
    (host, kernel, process)
}

/// As [`booted`], with the folder at `/tree`.
fn with_tree() -> (Arc<SimHost>, Kernel, Process) {
    let (host, kernel, process) = booted();
    kernel.etfs_register("/tree", b"/host", EtfsKind::DirectorySubdirs, None).unwrap();
    (host, kernel, process)
}

#[test]
fn a_registered_file_is_read_and_written_within_its_range() {
    let (host, kernel, p) = booted();
    kernel.etfs_register("/file", b"/host/f", EtfsKind::Regular, Some((2, 4))).unwrap();
    let stat = p.stat("/file").unwrap();
    assert_eq!((stat.file_type, stat.size), (FileType::Regular, 4));
    assert_eq!(get(&p, "/file"), b"2345");
    let fd = open(&p, "/file", OpenFlags::RDWR).unwrap();
    assert_eq!(p.pwrite(fd, b"xy", 2).unwrap(), 2);
    fails(p.pwrite(fd, b"xy", 3), ENOSPC);
    p.fsync(fd).unwrap();
    assert_eq!(p.pread(fd, &mut [0; 9], 1).unwrap(), 3);
    assert_eq!(get(&p, "/file"), b"23xy");
    kernel.etfs_remove("/file").unwrap();
    p.close(fd).unwrap();
    let mut bytes = [0; 10];
    host.open(b"/host/f", Access::Read, Lock::Advisory).unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"0123xy6789");
}

#[test]
fn a_block_device_can_be_told_and_written() {
    let (_host, kernel, p) = booted();
    kernel.etfs_register("/dev/disk0", b"/host/device", EtfsKind::Block, None).unwrap();
    kernel.etfs_register("/dev/raw0", b"/host/f", EtfsKind::Character, None).unwrap();
    let (disk, raw) = (p.stat("/dev/disk0").unwrap(), p.stat("/dev/raw0").unwrap());
    assert_eq!((disk.file_type, disk.size), (FileType::BlockDevice, 512));
    assert_eq!(raw.file_type, FileType::CharDevice);
    assert_ne!(disk.rdev, raw.rdev);
    let fd = open(&p, "/dev/disk0", OpenFlags::RDWR).unwrap();
    p.pwrite(fd, b"x", 511).unwrap();
    let mut byte = [0];
    p.pread(fd, &mut byte, 511).unwrap();
    assert_eq!(&byte, b"x");
    fails(p.fallocate(fd, AllocateFlags::empty(), 0, 1), ENODEV);
    fails(p.stat("/dev"), ENOENT);
    fails(p.stat("/dev/disk0/x"), ENOTDIR);
    fails(p.stat("/dev/disk0/"), ENOTDIR);
    fails(open(&p, "/dev/disk0", OpenFlags::DIRECTORY), ENOTDIR);
    assert!(p.stat("//dev/./disk0").is_ok());
}

#[test]
fn what_the_host_protects_is_read_only() {
    let (host, kernel, p) = booted();
    host.protect("/host/f");
    kernel.etfs_register("/file", b"/host/f", EtfsKind::Regular, None).unwrap();
    kernel.etfs_register("/disk", b"/host/f", EtfsKind::Block, None).unwrap();
    kernel.etfs_register("/tree", b"/host", EtfsKind::DirectorySubdirs, None).unwrap();
    for (path, errno) in [("/file", EROFS), ("/disk", EROFS), ("/tree/f", EACCES)] {
        let fd = open(&p, path, OpenFlags::RDWR).unwrap();
        assert_eq!(p.pread(fd, &mut [0; 4], 0).unwrap(), 4);
        fails(p.pwrite(fd, b"x", 0), errno);
    }
}

#[test]
fn an_attached_device_is_found_and_its_protection_holds() {
    let (_host, kernel, p) = booted();
    kernel.attach_block("/disk", ReadOnly::new(MemDevice::new(vec![7; 1024]))).unwrap();
    assert_eq!(p.stat("/disk").unwrap().size, 1024);
    let fd = open(&p, "/disk", OpenFlags::RDWR).unwrap();
    fails(p.pwrite(fd, b"x", 0), EROFS);
}

#[test]
fn errors_of_registration_are_named() {
    let (_host, kernel, _p) = booted();
    let register = |key: &str, path: &str, kind, range| {
        let error = kernel.etfs_register(key, path.as_bytes(), kind, range).unwrap_err();
        (error.errno, error.what.into_owned())
    };
    for key in ["", "/", "rel", "/a/", "/a//b", "/a/./b", "/../a", "/a\0"] {
        assert_eq!(register(key, "/host/f", EtfsKind::Block, None).0, EINVAL, "{key:?}");
    }
    assert_eq!(
        register("/x", "/host/none", EtfsKind::Regular, None),
        (ENOENT, "/host/none: no such file or directory".into())
    );
    assert_eq!(
        register("/x", "/host/f", EtfsKind::Directory, None),
        (ENOTDIR, "/host/f: not a directory".into())
    );
    assert_eq!(register("/x", "/host", EtfsKind::Regular, None).0, EISDIR);
    assert_eq!(register("/x", "/host", EtfsKind::Directory, Some((0, 1))).0, EINVAL);
    let range = register("/x", "/host/f", EtfsKind::Block, Some((4, 7)));
    assert_eq!(range, (EINVAL, "/x: the range ends beyond the host file".into()));
    assert_eq!(register("/x", "/host/f", EtfsKind::Block, Some((11, u64::MAX))).0, EINVAL);
    kernel.etfs_register("/x", b"/host/f", EtfsKind::Block, None).unwrap();
    assert_eq!(register("/x", "/host/f", EtfsKind::Block, None), (EEXIST, "/x is already registered".into()));
}

#[test]
fn a_removed_key_is_gone_and_what_is_open_goes_on() {
    let (_host, kernel, p) = with_tree();
    kernel.etfs_register("/file", b"/host/f", EtfsKind::Regular, None).unwrap();
    let (file, below) =
        (open(&p, "/file", OpenFlags::empty()).unwrap(), open(&p, "/tree/d/g", OpenFlags::empty()));
    kernel.etfs_remove("/file").unwrap();
    kernel.etfs_remove("/tree").unwrap();
    fails(kernel.etfs_remove("/tree"), ENOENT);
    for path in ["/file", "/tree", "/tree/d/g"] {
        fails(p.stat(path), ENOENT);
    }
    assert_eq!(p.read(file, &mut [0; 4]).unwrap(), 4);
    assert_eq!(p.read(below.unwrap(), &mut [0; 9]).unwrap(), 4);
    kernel.etfs_register("/file", b"/host/d/g", EtfsKind::Regular, None).unwrap();
    assert_eq!(get(&p, "/file"), b"deep");
}

#[test]
fn a_tree_is_walked_as_any_other() {
    let (_host, _kernel, p) = with_tree();
    assert_eq!(get(&p, "/tree/d/e/h"), b"deeper");
    assert_eq!(get(&p, "//tree/./d//e/../g"), b"deep");
    assert_eq!(p.stat("/tree/d/../..").unwrap().ino, p.stat("/").unwrap().ino);
    assert_eq!(names(&p, "/tree"), ["d", "f"]);
    assert_eq!(names(&p, "/tree/d"), ["e", "g"]);
    p.chdir("/tree/d/e").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/tree/d/e");
    assert_eq!(get(&p, "../g"), b"deep");
    p.chdir("..").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/tree/d");
    fails(p.stat("/tree/none"), ENOENT);
    fails(p.stat("/tree/none/x"), ENOENT);
    fails(p.stat("/tree/f/x"), ENOTDIR);
    fails(p.stat("/tree/f/"), ENOTDIR);
    fails(p.stat("/tree/".to_string() + &"n".repeat(256)), ENAMETOOLONG);
    fails(p.stat("/tree/device"), ENOENT);
}

#[test]
fn numbers_of_listings_are_those_of_stat() {
    let (_host, _kernel, p) = with_tree();
    let fd = open(&p, "/tree/d", OpenFlags::DIRECTORY).unwrap();
    let mut listed: Vec<(String, Ino)> = Vec::new();
    p.getdents(fd, &mut |entry| {
        listed.push((String::from_utf8(entry.name.to_vec()).unwrap(), entry.ino));
        true
    })
    .unwrap();
    assert_eq!(listed.len(), 4);
    for (name, ino) in listed {
        assert_eq!(p.stat(format!("/tree/d/{name}")).unwrap().ino, ino, "{name}");
    }
    let root = open(&p, "/tree", OpenFlags::DIRECTORY).unwrap();
    let mut above = None;
    p.getdents(root, &mut |entry| {
        above = above.or((entry.name == b"..").then_some(entry.ino));
        true
    })
    .unwrap();
    assert_eq!(above, Some(p.stat("/").unwrap().ino));
}

#[test]
fn a_folder_without_subdirs_shows_its_files_only() {
    let (_host, kernel, p) = booted();
    kernel.etfs_register("/flat", b"/host", EtfsKind::Directory, None).unwrap();
    assert_eq!(names(&p, "/flat"), ["f"]);
    assert_eq!(get(&p, "/flat/f"), b"0123456789");
    fails(p.stat("/flat/d"), ENOENT);
    fails(p.stat("/flat/d/g"), ENOENT);
}

#[test]
fn a_tree_is_not_left_through_links() {
    let (host, _kernel, p) = with_tree();
    host.add_symlink("/host/up", "../secret");
    host.add_symlink("/host/absolute", "/secret");
    host.add_symlink("/host/d/out", "../../");
    host.add_symlink("/host/d/root", "/");
    for path in ["up", "absolute", "d/out/secret", "d/root/secret", "d/../../secret"] {
        fails(p.stat(format!("/tree/{path}")), ENOENT);
        fails(open(&p, &format!("/tree/{path}"), OpenFlags::RDWR), ENOENT);
    }
    // What they reach is the kernel's tree.
    put(&p, "/secret", b"of the kernel");
    for path in ["up", "absolute", "d/out/secret", "d/root/secret"] {
        assert_eq!(get(&p, &format!("/tree/{path}")), b"of the kernel", "{path}");
    }
}

#[test]
fn links_of_a_tree_are_shown_and_followed_by_the_walk() {
    let (host, _kernel, p) = with_tree();
    host.add_symlink("/host/near", "d/g");
    host.add_symlink("/host/d/far", "../d/e");
    host.add_symlink("/host/loop", "loop");
    assert_eq!(p.lstat("/tree/near").unwrap().file_type, FileType::Symlink);
    assert_eq!(p.readlink("/tree/near").unwrap(), b"d/g");
    assert_eq!(get(&p, "/tree/near"), b"deep");
    assert_eq!(get(&p, "/tree/d/far/h"), b"deeper");
    assert_eq!(names(&p, "/tree"), ["d", "f", "loop", "near"]);
    fails(p.stat("/tree/loop"), ELOOP);
    fails(open(&p, "/tree/near", OpenFlags::NOFOLLOW), ELOOP);
    p.symlink("/tree/d", "/into").unwrap();
    assert_eq!(get(&p, "/into/far/h"), b"deeper");
}

#[test]
fn a_tree_takes_no_changes_of_names() {
    let (_host, _kernel, p) = with_tree();
    put(&p, "/g", b"");
    fails(open(&p, "/tree/new", OpenFlags::CREAT | OpenFlags::RDWR), EROFS);
    fails(p.mkdir("/tree/new", mode(0o755)), EROFS);
    fails(p.symlink("x", "/tree/new"), EROFS);
    fails(p.unlink("/tree/f"), EROFS);
    fails(p.unlink("/tree"), EROFS);
    fails(p.rmdir("/tree/d"), EROFS);
    fails(p.rename("/tree/f", "/tree/g"), EROFS);
    fails(p.rename("/g", "/tree/g"), EXDEV);
    fails(p.link("/g", "/tree/g"), EXDEV);
    fails(p.link("/tree/f", "/h"), EXDEV);
    fails(p.mkdir("/tree", mode(0o755)), EEXIST);
    fails(open(&p, "/tree/f", OpenFlags::CREAT | OpenFlags::EXCL), EEXIST);
    fails(p.mount("tmpfs", "/tree/d", Default::default()), EINVAL);
    fails(p.truncate("/tree/f", 0), EROFS);
}

#[test]
fn files_of_a_tree_are_opened_by_many() {
    let (_host, _kernel, p) = with_tree();
    let fds: Vec<_> = (0..3).map(|_| open(&p, "/tree/f", OpenFlags::RDWR).unwrap()).collect();
    for (fd, byte) in fds.iter().zip(*b"abc") {
        assert_eq!(p.pread(*fd, &mut [0; 10], 0).unwrap(), 10);
        p.pwrite(*fd, &[byte], 0).unwrap();
    }
    assert_eq!(get(&p, "/tree/f"), b"c123456789");
}

#[test]
fn keys_within_a_tree_win_and_the_longest_key_is_taken() {
    let (_host, kernel, p) = with_tree();
    kernel.etfs_register("/tree/d/over", b"/host/f", EtfsKind::Regular, None).unwrap();
    kernel.etfs_register("/tree/f", b"/host/d/g", EtfsKind::Regular, None).unwrap();
    assert_eq!(get(&p, "/tree/d/over"), b"0123456789");
    assert_eq!(get(&p, "/tree/f"), b"deep");
    p.chdir("/tree/d").unwrap();
    assert_eq!(get(&p, "over"), b"0123456789");
}

#[test]
fn a_key_in_a_directory_of_the_kernel_has_it_above() {
    let (_host, kernel, p) = booted();
    p.mkdir("/mnt", mode(0o755)).unwrap();
    kernel.etfs_register("/mnt/tree", b"/host", EtfsKind::DirectorySubdirs, None).unwrap();
    p.chdir("/mnt/tree/d").unwrap();
    assert_eq!(p.stat("../..").unwrap(), p.stat("/mnt").unwrap());
}

#[test]
fn who_is_locked_into_a_tree_stays_there() {
    let (_host, _kernel, p) = with_tree();
    put(&p, "/outside", b"");
    p.chroot("/tree/d").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/");
    assert_eq!(get(&p, "/g"), b"deep");
    assert_eq!(p.stat("/..").unwrap().ino, p.stat("/").unwrap().ino);
    p.chdir("/e").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/e");
    fails(p.stat("../../outside"), ENOENT);
    fails(p.stat("/tree"), ENOENT);
}

#[test]
fn modes_of_the_host_bind_users() {
    let (_host, _kernel, p) = with_tree();
    let u = user(&p, 5);
    assert!(open(&u, "/tree/f", OpenFlags::empty()).is_ok());
    fails(open(&u, "/tree/f", OpenFlags::RDWR), EACCES);
}

#[test]
fn what_vanishes_on_the_host_is_missing() {
    let (host, _kernel, p) = with_tree();
    let fd = open(&p, "/tree/d/g", OpenFlags::empty()).unwrap();
    host.remove("/host/d");
    fails(p.stat("/tree/d/g"), ENOENT);
    fails(p.fstat(fd), ENOENT);
    assert_eq!(names(&p, "/tree"), ["f"]);
}
