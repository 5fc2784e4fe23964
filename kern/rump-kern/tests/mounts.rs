//! Mounting and unmounting.

mod common;

use common::*;
use rump_abi::{Errno::*, MountFlags, OpenFlags, RenameFlags};
use rump_kern::{MountArgs, Process, Unmount};
use rump_kpi::Capabilities;

fn mounted(p: &Process) {
    p.mkdir("/m", mode(0o755)).unwrap();
    p.mount("tmpfs", "/m", MountArgs::default()).unwrap();
}

#[test]
fn a_mount_covers_and_uncovers() {
    let p = process();
    p.mkdir("/m", mode(0o755)).unwrap();
    put(&p, "/m/under", b"");
    p.mount("tmpfs", "/m", MountArgs::default()).unwrap();
    fails(p.stat("/m/under"), ENOENT);
    put(&p, "/m/f", b"x");
    p.unmount("/m", Unmount::Normal).unwrap();
    assert!(p.stat("/m/under").is_ok());
}

#[test]
fn dot_dot_leaves_a_mount() {
    let p = process();
    mounted(&p);
    p.chdir("/m").unwrap();
    assert_eq!(p.getcwd().unwrap(), b"/m");
    assert_eq!(p.stat("..").unwrap(), p.stat("/").unwrap());
}

#[test]
fn an_open_file_keeps_a_mount() {
    let p = process();
    mounted(&p);
    put(&p, "/m/f", b"x");
    let fd = open(&p, "/m/f", OpenFlags::empty()).unwrap();
    fails(p.unmount("/m", Unmount::Normal), EBUSY);
    p.unmount("/m", Unmount::Force).unwrap();
    fails(p.read(fd, &mut [0]), EIO);
}

#[test]
fn names_do_not_move_across_mounts() {
    let p = process();
    mounted(&p);
    put(&p, "/f", b"");
    fails(p.rename("/f", "/m/f"), EXDEV);
    fails(p.link("/f", "/m/f"), EXDEV);
}

#[test]
fn a_mount_point_is_busy() {
    let p = process();
    mounted(&p);
    fails(p.rmdir("/m"), EBUSY);
    fails(p.rename("/m", "/n"), EBUSY);
    fails(p.unmount("/", Unmount::Normal), EBUSY);
}

#[test]
fn a_mount_point_is_not_exchanged() {
    let p = process();
    mounted(&p);
    p.mkdir("/d", mode(0o755)).unwrap();
    for flags in [RenameFlags::EXCHANGE, RenameFlags::NOREPLACE] {
        fails(p.renameat2(None, "/d", None, "/m", flags), EBUSY);
        fails(p.renameat2(None, "/m", None, "/d", flags), EBUSY);
    }
    put(&p, "/m/f", b"");
    fails(p.renameat2(None, "/m/f", None, "/d", RenameFlags::EXCHANGE), EXDEV);
}

#[test]
fn a_mount_is_unmounted_once() {
    let p = process();
    mounted(&p);
    p.unmount("/m", Unmount::Normal).unwrap();
    fails(p.unmount("/m", Unmount::Normal), EINVAL);
    let fd = open(&p, "/m", OpenFlags::DIRECTORY).unwrap();
    p.rmdir("/m").unwrap();
    p.fchdir(fd).unwrap();
    fails(p.mount("tmpfs", ".", MountArgs::default()), ENOENT);
}

#[test]
fn a_file_system_tells_what_it_can_do() {
    let p = process();
    let can = p.capabilities("/").unwrap();
    assert!(can.contains(Capabilities::WRITE | Capabilities::ACLS));
    assert!(!can.contains(Capabilities::CASE_FOLDING));
    fails(p.capabilities("/none"), ENOENT);
}

#[test]
fn what_is_no_mount_point_is_not_unmounted() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    fails(p.unmount("/d", Unmount::Normal), EINVAL);
}

#[test]
fn an_unknown_type_is_refused() {
    let p = process();
    fails(p.mount("none", "/", MountArgs::default()), ENODEV);
}

#[test]
fn a_mount_over_a_file_is_refused() {
    let p = process();
    put(&p, "/f", b"");
    fails(p.mount("tmpfs", "/f", MountArgs::default()), ENOTDIR);
}

#[test]
fn a_read_only_mount_refuses_changes() {
    let p = process();
    p.mkdir("/m", mode(0o755)).unwrap();
    let args = MountArgs { flags: MountFlags::RDONLY, ..MountArgs::default() };
    p.mount("tmpfs", "/m", args).unwrap();
    fails(open(&p, "/m/f", OpenFlags::CREAT), EROFS);
    fails(p.chmod("/m", mode(0o777)), EROFS);
}

#[test]
fn a_halted_kernel_answers_enxio() {
    let p = process();
    p.reboot().unwrap();
    fails(p.stat("/"), ENXIO);
    fails(p.reboot(), ENXIO);
}

#[test]
fn kernels_share_nothing() {
    let p = process();
    put(&p, "/f", b"");
    fails(process().stat("/f"), ENOENT);
}
