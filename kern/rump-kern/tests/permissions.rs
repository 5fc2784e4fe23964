//! Who may do what.

mod common;

use common::*;
use rump_abi::{Errno::*, OpenFlags};
use rump_kpi::SetTime;

#[test]
fn the_umask_is_taken_off() {
    let p = process();
    p.umask(mode(0o077));
    p.open("/f", OpenFlags::CREAT, mode(0o666)).unwrap();
    assert_eq!(p.stat("/f").unwrap().mode, mode(0o600));
}

#[test]
fn others_cannot_open_a_private_file() {
    let p = process();
    put(&p, "/f", b"");
    p.chmod("/f", mode(0o600)).unwrap();
    let u = user(&p, 1);
    fails(open(&u, "/f", OpenFlags::empty()), EACCES);
    fails(u.access("/f", 4), EACCES);
    assert!(u.access("/f", 0).is_ok());
}

#[test]
fn search_needs_the_x_bit() {
    let p = process();
    p.mkdir("/d", mode(0o700)).unwrap();
    put(&p, "/d/f", b"");
    fails(user(&p, 1).stat("/d/f"), EACCES);
}

#[test]
fn creation_needs_a_writable_directory() {
    let p = process();
    p.mkdir("/d", mode(0o755)).unwrap();
    fails(open(&user(&p, 1), "/d/f", OpenFlags::CREAT), EACCES);
}

#[test]
fn only_owners_change_modes() {
    let p = process();
    put(&p, "/f", b"");
    fails(user(&p, 1).chmod("/f", mode(0o777)), EPERM);
    p.chown("/f", Some(1), Some(1)).unwrap();
    user(&p, 1).chmod("/f", mode(0o777)).unwrap();
}

#[test]
fn owners_cannot_give_files_away() {
    let p = process();
    put(&p, "/f", b"");
    p.chown("/f", Some(1), Some(1)).unwrap();
    let u = user(&p, 1);
    fails(u.chown("/f", Some(2), None), EPERM);
    fails(u.chown("/f", None, Some(2)), EPERM);
    u.chown("/f", None, Some(1)).unwrap();
}

#[test]
fn writing_takes_set_id_bits_away() {
    let p = process();
    put(&p, "/f", b"");
    p.chmod("/f", mode(0o6777)).unwrap();
    let u = user(&p, 1);
    let fd = open(&u, "/f", OpenFlags::WRONLY).unwrap();
    u.write(fd, b"x").unwrap();
    assert_eq!(p.stat("/f").unwrap().mode, mode(0o777));
}

#[test]
fn a_sticky_directory_keeps_others_files() {
    let p = process();
    p.mkdir("/t", mode(0o777)).unwrap();
    p.chmod("/t", mode(0o1777)).unwrap();
    put(&p, "/t/f", b"");
    let u = user(&p, 1);
    fails(u.unlink("/t/f"), EPERM);
    fails(u.rename("/t/f", "/t/g"), EPERM);
    put(&u, "/t/h", b"");
    u.unlink("/t/h").unwrap();
}

#[test]
fn the_superuser_runs_only_programs() {
    let p = process();
    put(&p, "/f", b"");
    fails(p.access("/f", 1), EACCES);
    p.chmod("/f", mode(0o100)).unwrap();
    p.access("/f", 7).unwrap();
    fails(p.access("/f", 8), EINVAL);
}

#[test]
fn present_times_need_write_permission_and_others_the_owner() {
    let p = process();
    put(&p, "/f", b"");
    p.chmod("/f", mode(0o666)).unwrap();
    let u = user(&p, 1);
    let fd = open(&u, "/f", OpenFlags::empty()).unwrap();
    u.futimens(fd, [Some(SetTime::Now), Some(SetTime::Now)]).unwrap();
    fails(u.futimens(fd, [Some(SetTime::Now), None]), EPERM);
}

#[test]
fn users_cannot_chroot_or_mount() {
    let p = process();
    let u = user(&p, 1);
    fails(u.chroot("/"), EPERM);
    fails(u.mount("tmpfs", "/", Default::default()), EPERM);
    fails(u.reboot(), EPERM);
}
