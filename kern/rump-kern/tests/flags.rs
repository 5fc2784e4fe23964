//! Flags of files: who may set which, and what the open keep doing.

mod common;

use common::*;
use rump_abi::{AllocateFlags, Errno::*, FileFlags, OpenFlags};
use rump_kern::{Fcntl, MountArgs};

#[test]
fn owners_set_theirs_and_the_superuser_all() {
    let p = process();
    put(&p, "/f", b"");
    p.chown("/f", Some(1), None).unwrap();
    let owner = user(&p, 1);
    owner.chflags("/f", FileFlags::UF_NODUMP | FileFlags::UF_IMMUTABLE).unwrap();
    fails(owner.chflags("/f", FileFlags::SF_ARCHIVED), EPERM);
    fails(user(&p, 2).chflags("/f", FileFlags::empty()), EPERM);
    assert_eq!(p.stat("/f").unwrap().flags, FileFlags::UF_NODUMP | FileFlags::UF_IMMUTABLE);
    fails(open(&p, "/f", OpenFlags::WRONLY), EPERM);
    owner.chflags("/f", FileFlags::empty()).unwrap();
    p.chflags("/f", FileFlags::SF_IMMUTABLE).unwrap();
    fails(owner.chflags("/f", FileFlags::SF_IMMUTABLE), EPERM);
    p.chflags("/f", FileFlags::empty()).unwrap();
    p.unlink("/f").unwrap();
}

#[test]
fn links_and_open_files_have_flags() {
    let p = process();
    put(&p, "/f", b"");
    p.symlink("f", "/l").unwrap();
    p.lchflags("/l", FileFlags::UF_IMMUTABLE).unwrap();
    assert_eq!(p.lstat("/l").unwrap().flags, FileFlags::UF_IMMUTABLE);
    fails(p.unlink("/l"), EPERM);
    let fd = open(&p, "/l", OpenFlags::WRONLY).unwrap();
    p.fchflags(fd, FileFlags::UF_IMMUTABLE).unwrap();
    fails(p.ftruncate(fd, 1), EPERM);
    fails(p.fallocate(fd, AllocateFlags::empty(), 0, 1), EPERM);
    let [read, _] = p.pipe().unwrap();
    fails(p.fchflags(read, FileFlags::empty()), EINVAL);
}

#[test]
fn what_is_only_appended_to_is_not_overwritten() {
    let p = process();
    put(&p, "/f", b"abc");
    p.chflags("/f", FileFlags::UF_APPEND).unwrap();
    let fd = open(&p, "/f", OpenFlags::RDWR | OpenFlags::APPEND).unwrap();
    fails(p.fcntl(fd, Fcntl::SetFl(OpenFlags::empty())), EPERM);
    p.fcntl(fd, Fcntl::SetFl(OpenFlags::APPEND | OpenFlags::NONBLOCK)).unwrap();
    fails(p.pwrite(fd, b"x", 1), EPERM);
    p.pwrite(fd, b"d", 3).unwrap();
    p.write(fd, b"e").unwrap();
    fails(p.fdiscard(fd, 0, 1), EPERM);
    p.fallocate(fd, AllocateFlags::empty(), 0, 9).unwrap();
    fails(p.ftruncate(fd, 1), EPERM);
    assert_eq!(get(&p, "/f"), b"abcde\0\0\0\0");
}

#[test]
fn where_flags_are_not_kept_none_are_set() {
    let kernel = rump_kern::Kernel::builder(rump_host_sim::SimHost::new(1))
        .component(rumpfs_tmpfs::component())
        .component(rumpfs_kernfs::component())
        .boot()
        .unwrap();
    let p = kernel.process();
    p.mkdir("/k", mode(0o755)).unwrap();
    p.mount("kernfs", "/k", MountArgs::default()).unwrap();
    fails(p.chflags("/k/version", FileFlags::UF_NODUMP), EOPNOTSUPP);
    fails(p.chflags("/k/version", FileFlags::empty()), EOPNOTSUPP);
}
