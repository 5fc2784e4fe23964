//! Processes: who they are, whose children, and what forks share.

mod common;

use common::*;
use rump_abi::{AtFlags, Errno::*, OpenFlags};
use rump_kern::{Credentials, Fd, ForkDescriptors, NGROUPS_MAX};

#[test]
fn files_are_opened_as_the_effective_user_and_access_asks_for_the_real_one() {
    let p = process();
    put(&p, "/f", b"");
    p.chown("/f", Some(7), Some(7)).unwrap();
    p.chmod("/f", mode(0o600)).unwrap();
    p.seteuid(5).unwrap();
    fails(open(&p, "/f", OpenFlags::empty()), EACCES);
    p.access("/f", 4).unwrap();
    fails(p.faccessat(None, "/f", 4, AtFlags::EACCESS), EACCES);
    p.seteuid(0).unwrap();
    p.setreuid(Some(5), Some(7)).unwrap();
    open(&p, "/f", OpenFlags::empty()).unwrap();
    fails(p.access("/f", 4), EACCES);
}

#[test]
fn access_walks_as_the_real_user() {
    let p = process();
    p.mkdir("/d", mode(0o700)).unwrap();
    put(&p, "/d/f", b"");
    p.setreuid(Some(5), Some(0)).unwrap();
    fails(p.access("/d/f", 0), EACCES);
    p.faccessat(None, "/d/f", 0, AtFlags::EACCESS).unwrap();
}

#[test]
fn new_files_belong_to_the_effective_user() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    p.seteuid(5).unwrap();
    fails(open(&p, "/d/f", OpenFlags::CREAT), EACCES);
    put(&p, "/f", b"");
    assert_eq!(p.stat("/f").unwrap().uid, 5);
}

#[test]
fn what_a_process_is_goes_to_its_children() {
    let p = process();
    assert!(!p.fork().issetugid());
    p.setgroups(&[3, 4]).unwrap();
    p.setreuid(Some(5), Some(7)).unwrap();
    let child = p.fork();
    assert!(child.issetugid());
    assert_eq!((child.getuid(), child.geteuid(), child.getgroups()), (5, 7, vec![3, 4]));
    child.seteuid(5).unwrap();
    assert_eq!((child.geteuid(), p.geteuid()), (5, 7));
}

#[test]
fn what_changes_nothing_is_no_change() {
    let p = process();
    p.setuid(0).unwrap();
    p.setregid(None, None).unwrap();
    assert!(!p.issetugid());
}

#[test]
fn supplementary_groups_grant_and_are_bounded() {
    let p = process();
    put(&p, "/f", b"");
    p.chown("/f", None, Some(3)).unwrap();
    p.chmod("/f", mode(0o040)).unwrap();
    fails(p.setgroups(&[3; NGROUPS_MAX + 1]), EINVAL);
    p.setgroups(&[1, 3]).unwrap();
    p.setuid(5).unwrap();
    open(&p, "/f", OpenFlags::empty()).unwrap();
    fails(p.setgroups(&[]), EPERM);
    assert_eq!(p.getgroups(), [1, 3]);
}

#[test]
fn the_embedder_sets_all_identities() {
    let p = process();
    p.set_credentials(Credentials { uid: 5, gid: 6, groups: vec![] });
    assert_eq!((p.getuid(), p.geteuid(), p.getgid(), p.getegid()), (5, 5, 6, 6));
    fails(p.seteuid(0), EPERM);
    assert!(!p.issetugid());
}

#[test]
fn the_first_process_has_no_parent_and_takes_orphans() {
    let kernel = kernel();
    let init = kernel.init();
    assert_eq!((init.pid(), init.getppid(), kernel.process().getppid()), (1, 0, 1));
    let parent = kernel.process();
    let (child, other) = (parent.fork(), parent.fork());
    assert_eq!(child.getppid(), parent.pid());
    parent.exit();
    assert_eq!(child.getppid(), 1);
    drop(parent);
    assert_eq!(other.getppid(), 1);
}

#[test]
fn processes_are_found_until_they_end() {
    let kernel = kernel();
    let p = kernel.process();
    let child = p.fork();
    assert_eq!(kernel.find_process(child.pid()).unwrap().pid(), child.pid());
    assert_eq!(p.getpgid(child.pid()).unwrap(), 1);
    child.exit();
    fails(p.find(child.pid()), ESRCH);
    fails(p.getpgid(child.pid()), ESRCH);
    fails(child.getpgrp(), ESRCH);
    fails(child.setsid(), ESRCH);
    let pid = child.pid();
    drop(child);
    fails(kernel.find_process(pid), ESRCH);
}

#[test]
fn a_session_is_begun_once_and_its_leader_stays() {
    let p = process();
    assert_eq!(p.setsid().unwrap(), p.pid());
    fails(p.setsid(), EPERM);
    fails(p.setpgid(0, 0), EPERM);
    let child = p.fork();
    child.setpgid(0, 0).unwrap();
    fails(child.setsid(), EPERM);
    fails(p.setpgid(0, u32::MAX), EINVAL);
}

#[test]
fn a_shared_table_shows_all_what_one_opens_and_closes() {
    let p = process();
    let twin = p.fork_with(ForkDescriptors::Share);
    put(&p, "/f", b"abc");
    let fd = open(&twin, "/f", OpenFlags::empty()).unwrap();
    let mut buf = [0; 3];
    assert_eq!(p.read(fd, &mut buf).unwrap(), 3);
    p.close(fd).unwrap();
    fails(twin.fstat(fd), EBADF);
}

#[test]
fn a_shared_table_is_closed_with_the_last_that_has_it() {
    let p = process();
    let [read, write] = p.pipe().unwrap();
    let reader = p.fork();
    reader.close(write).unwrap();
    let twin = p.fork_with(ForkDescriptors::Share);
    let third = twin.fork_with(ForkDescriptors::Share);
    p.exit();
    p.exit();
    fails(p.write(write, b"x"), EBADF);
    fails(p.dup2(write, Fd(9)), EBADF);
    assert_eq!(twin.write(write, b"x").unwrap(), 1);
    drop(twin);
    assert_eq!(third.write(write, b"y").unwrap(), 1);
    third.exit();
    let mut buf = [0; 4];
    assert_eq!(reader.read(read, &mut buf).unwrap(), 2);
    assert_eq!(reader.read(read, &mut buf).unwrap(), 0);
}

#[test]
fn copies_and_empty_tables_are_apart() {
    let p = process();
    put(&p, "/f", b"abc");
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    let (copy, empty) = (p.fork_with(ForkDescriptors::Copy), p.fork_with(ForkDescriptors::Empty));
    fails(empty.fstat(fd), EBADF);
    p.close(fd).unwrap();
    copy.fstat(fd).unwrap();
}

#[test]
fn fchroot_goes_to_an_open_directory() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    put(&p, "/d/f", b"");
    let (dir, file) = (open(&p, "/d", OpenFlags::empty()), open(&p, "/d/f", OpenFlags::empty()));
    fails(p.fchroot(file.unwrap()), ENOTDIR);
    fails(p.fchroot(Fd(99)), EBADF);
    fails(user(&p, 1).fchroot(dir.as_ref().copied().unwrap()), EPERM);
    p.fchroot(dir.unwrap()).unwrap();
    p.stat("/f").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/");
}
