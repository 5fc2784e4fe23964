//! Extended attributes and access control lists as the kernel sees them: permissions, mounts, name spaces. What a
//! file system does with them is in the matrix of `tests/conformance`.

mod common;

use common::*;
use rump_abi::{Errno::*, FileType, MountFlags, OpenFlags, XattrFlags};
use rump_host_sim::SimHost;
use rump_kern::{Credentials, EtfsKind, Kernel, MountArgs};
use rump_kpi::acl::{ACCESS, Acl, DEFAULT};

const ANY: XattrFlags = XattrFlags::empty();

#[test]
fn all_forms_of_the_calls_reach_the_same_attribute() {
    let p = process();
    put(&p, "/f", b"");
    p.symlink("/f", "/l").unwrap();
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    p.setxattr("/l", "user.a", "1", ANY).unwrap();
    p.fsetxattr(fd, "user.b", "2", ANY).unwrap();
    p.lsetxattr("/f", "user.c", "3", ANY).unwrap();
    assert_eq!(p.listxattr("/l").unwrap(), [b"user.a", b"user.b", b"user.c"]);
    assert_eq!(p.flistxattr(fd).unwrap(), p.llistxattr("/f").unwrap());
    assert_eq!(p.getxattr("/l", "user.b").unwrap(), b"2");
    assert_eq!(p.lgetxattr("/f", "user.a").unwrap(), b"1");
    assert_eq!(p.fgetxattr(fd, "user.c").unwrap(), b"3");
    p.removexattr("/l", "user.a").unwrap();
    p.fremovexattr(fd, "user.b").unwrap();
    p.lremovexattr("/f", "user.c").unwrap();
    assert!(p.listxattr("/f").unwrap().is_empty());
    // The link has its own, which only the superuser sets.
    p.lsetxattr("/l", "trusted.a", "4", ANY).unwrap();
    assert_eq!((p.llistxattr("/l").unwrap().len(), p.listxattr("/l").unwrap().len()), (1, 0));
    fails(p.fgetxattr(rump_kern::Fd(99), "user.a"), EBADF);
}

#[test]
fn a_read_only_mount_refuses_changes_before_it_looks() {
    let p = process();
    p.mkdir("/m", mode(0o755)).unwrap();
    p.mount("tmpfs", "/m", MountArgs { flags: MountFlags::RDONLY, ..MountArgs::default() }).unwrap();
    fails(p.setxattr("/m", "user.a", "1", ANY), EROFS);
    fails(p.removexattr("/m", "user.none"), EROFS);
    fails(p.setxattr("/m", ACCESS, Acl::of_mode(0o700).emit(), ANY), EROFS);
    fails(user(&p, 5).setxattr("/m", "trusted.a", "1", ANY), EROFS);
    fails(p.getxattr("/m", "user.none"), ENOATTR);
}

#[test]
fn limits_are_checked_in_their_order() {
    let p = process();
    put(&p, "/f", b"");
    let long = format!("user.{}", "n".repeat(251));
    let large = vec![0; 65_537];
    fails(p.setxattr("/f", &long, "", ANY), ERANGE);
    fails(p.setxattr("/f", "", "", ANY), EINVAL);
    fails(p.setxattr("/f", "user.a", &large, ANY), E2BIG);
    fails(p.setxattr("/f", "user.a", &large, XattrFlags::CREATE | XattrFlags::REPLACE), EINVAL);
    p.setxattr("/f", "user.a", &large[..65_536], ANY).unwrap();
    assert_eq!(p.getxattr("/f", "user.a").unwrap().len(), 65_536);
    fails(p.getxattr("/none", "user.a"), ENOENT);
    fails(p.getxattr("/f/x", "user.a"), ENOTDIR);
}

#[test]
fn a_file_system_without_attributes_says_so() {
    let kernel = Kernel::builder(SimHost::new(1))
        .component(rumpfs_tmpfs::component())
        .component(rumpfs_kernfs::component())
        .boot()
        .unwrap();
    let p = kernel.process();
    p.mkdir("/k", mode(0o755)).unwrap();
    p.mount("kernfs", "/k", MountArgs::default()).unwrap();
    fails(p.getxattr("/k/version", "user.a"), ENOTSUP);
    fails(p.setxattr("/k/version", "user.a", "1", ANY), EROFS);
    fails(p.removexattr("/k/version", "user.a"), EROFS);
    assert!(p.listxattr("/k/version").unwrap().is_empty());
}

#[test]
fn files_of_the_host_have_none() {
    let host = SimHost::new(1);
    host.add_file("/f", *b"x");
    let kernel = Kernel::builder(host).component(rumpfs_tmpfs::component()).boot().unwrap();
    kernel.etfs_register("/f", b"/f", EtfsKind::Regular, None).unwrap();
    let p = kernel.process();
    fails(p.getxattr("/f", "user.a"), ENOTSUP);
    fails(p.setxattr("/f", "user.a", "1", ANY), EROFS);
    assert!(p.listxattr("/f").unwrap().is_empty());
}

#[test]
fn lists_bind_every_way_to_a_file() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    put(&p, "/d/f", b"x");
    p.setxattr("/d/f", ACCESS, Acl::of_mode(0o600).with_user(5, 2).emit(), ANY).unwrap();
    let u = user(&p, 5);
    u.truncate("/d/f", 0).unwrap();
    u.setxattr("/d/f", "user.a", "1", ANY).unwrap();
    u.utimensat(None, "/d/f", [Some(rump_kpi::SetTime::Now); 2], rump_abi::AtFlags::empty()).unwrap();
    fails(u.getxattr("/d/f", "user.a"), EACCES);
    fails(open(&u, "/d/f", OpenFlags::empty()), EACCES);
    // To name and unname files is a matter of the directory.
    fails(u.unlink("/d/f"), EACCES);
    p.setxattr("/d", ACCESS, Acl::of_mode(0o755).with_user(5, 7).emit(), ANY).unwrap();
    u.rename("/d/f", "/d/g").unwrap();
    u.unlink("/d/g").unwrap();
    fails(user(&p, 6).mkdir("/d/e", mode(0o755)), EACCES);
    // The owner is bound by the owner's entry alone, the superuser by none.
    p.chown("/d", Some(5), None).unwrap();
    p.chmod("/d", mode(0o077)).unwrap();
    fails(u.mkdir("/d/e", mode(0o755)), EACCES);
    p.mkdir("/d/e", mode(0o755)).unwrap();
}

#[test]
fn groups_of_lists_are_those_of_the_process() {
    let p = process();
    put(&p, "/f", b"x");
    p.setxattr("/f", ACCESS, Acl::of_mode(0o604).with_group(50, 0).with_group(51, 4).emit(), ANY).unwrap();
    let as_user = |gid: u32, groups: &[u32]| {
        let u = p.fork();
        u.set_credentials(Credentials { uid: 7, gid, groups: groups.to_vec() });
        u.access("/f", 4).is_ok()
    };
    assert!(as_user(51, &[]) && as_user(9, &[51]) && as_user(50, &[51]) && as_user(9, &[]));
    assert!(!as_user(50, &[]) && !as_user(9, &[50, 49]));
}

#[test]
fn special_files_inherit_and_links_do_not() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    p.setxattr("/d", DEFAULT, Acl::of_mode(0o770).with_user(5, 6).emit(), ANY).unwrap();
    p.umask(mode(0o777));
    p.mkfifo("/d/fifo", mode(0o666)).unwrap();
    p.symlink("x", "/d/l").unwrap();
    let (fifo, link) = (p.stat("/d/fifo").unwrap(), p.lstat("/d/l").unwrap());
    assert_eq!((fifo.file_type, fifo.mode), (FileType::Fifo, mode(0o660)));
    assert_eq!((link.mode, p.llistxattr("/d/l").unwrap().len()), (mode(0o777), 0));
    p.mkfifo("/fifo", mode(0o666)).unwrap();
    assert_eq!(p.stat("/fifo").unwrap().mode, mode(0));
}
