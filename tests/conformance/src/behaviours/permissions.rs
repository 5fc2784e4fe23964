//! Owners, modes and who may do what: chmod(2), chown(2), access(2), umask(2).

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::{Capabilities, SetTime};
use rumpkit::{AtFlags, DevNumber, Errno::*, FileType, OpenFlags};

const OWNERS: Capabilities = Capabilities::OWNERS;
const READ: OpenFlags = OpenFlags::empty();

behaviours! {
    modes_are_kept: OWNERS;
    the_umask_is_taken_off: OWNERS;
    owners_are_kept: OWNERS;
    large_owners_are_kept: OWNERS;
    a_new_file_belongs_to_who_made_it: OWNERS;
    one_class_decides: OWNERS;
    supplementary_groups_count: OWNERS;
    search_needs_the_x_bit: OWNERS;
    listing_needs_the_r_bit: OWNERS;
    changes_of_names_need_a_writable_directory: OWNERS;
    removing_needs_no_right_on_the_file: OWNERS;
    an_open_file_outlives_its_permission: OWNERS;
    only_owners_change_modes: OWNERS;
    owners_do_not_give_files_away: OWNERS;
    writing_takes_set_id_bits_away: OWNERS;
    cutting_takes_set_id_bits_away: OWNERS;
    changing_the_owner_takes_set_id_bits_away: OWNERS;
    a_sticky_directory_keeps_the_files_of_others: OWNERS;
    a_moved_directory_must_be_writable: OWNERS;
    the_superuser_runs_only_programs: OWNERS;
    access_tells_what_is_allowed: OWNERS;
    times_are_set_by_owners_and_to_the_present_by_writers: OWNERS;
    devices_are_made_by_the_superuser: OWNERS.union(Capabilities::SPECIAL);
    a_link_has_an_owner_of_its_own: OWNERS.union(Capabilities::SYMLINKS);
}

fn modes_are_kept(p: &Process) {
    put(p, "f", b"");
    mkdir(p, "d");
    for bits in [0, 0o644, 0o777, 0o4755, 0o2755, 0o1777, 0o7777, 0o100] {
        p.chmod("f", mode(bits)).unwrap();
        p.chmod("d", mode(bits)).unwrap();
        assert_eq!((stat(p, "f").mode, stat(p, "d").mode), (mode(bits), mode(bits)), "{bits:o}");
    }
    let fd = open(p, "f", READ).unwrap();
    p.fchmod(fd, mode(0o640)).unwrap();
    assert_eq!((stat(p, "f").mode, stat(p, "f").file_type), (mode(0o640), FileType::Regular));
}

fn the_umask_is_taken_off(p: &Process) {
    let q = p.fork();
    q.umask(mode(0o027));
    q.open("f", OpenFlags::CREAT, mode(0o666)).unwrap();
    q.mkdir("d", mode(0o777)).unwrap();
    assert_eq!((stat(p, "f").mode, stat(p, "d").mode), (mode(0o640), mode(0o750)));
    assert_eq!(q.umask(mode(0)), mode(0o027));
    q.exit();
}

fn owners_are_kept(p: &Process) {
    put(p, "f", b"");
    p.chown("f", Some(5), Some(6)).unwrap();
    assert_eq!((stat(p, "f").uid, stat(p, "f").gid), (5, 6));
    p.chown("f", None, Some(7)).unwrap();
    p.chown("f", Some(8), None).unwrap();
    assert_eq!((stat(p, "f").uid, stat(p, "f").gid), (8, 7));
}

fn large_owners_are_kept(p: &Process) {
    put(p, "f", b"");
    for id in [65_535, 65_536, 100_000, 0x7fff_ffff, 0xffff_fffe] {
        p.chown("f", Some(id), Some(id - 1)).unwrap();
        assert_eq!((stat(p, "f").uid, stat(p, "f").gid), (id, id - 1));
    }
}

fn a_new_file_belongs_to_who_made_it(p: &Process) {
    mkdir_for_all(p, "d");
    p.chown("d", None, Some(50)).unwrap();
    let u = user(p, 5);
    put(&u, "d/f", b"");
    mkdir(&u, "d/e");
    for path in ["d/f", "d/e"] {
        // The group is that of the directory, as in BSD.
        assert_eq!((stat(p, path).uid, stat(p, path).gid), (5, 50), "{path}");
    }
}

fn one_class_decides(p: &Process) {
    put(p, "f", b"x");
    p.chown("f", Some(5), Some(6)).unwrap();
    // Whom the class of the owner or group denies, the class of the others does not help.
    let table = [(0o077, 5, false), (0o707, 6, false), (0o770, 7, false), (0o400, 5, true), (0o040, 6, true)];
    for (bits, uid, granted) in table {
        p.chmod("f", mode(bits)).unwrap();
        let result = open(&user(p, uid), "f", READ);
        assert_eq!(result.map_err(|error| error.errno).err(), (!granted).then_some(EACCES), "{bits:o} {uid}");
    }
    p.chmod("f", mode(0o004)).unwrap();
    open(&user(p, 7), "f", READ).unwrap();
    fails(open(&user(p, 7), "f", OpenFlags::WRONLY), EACCES);
}

fn supplementary_groups_count(p: &Process) {
    put(p, "f", b"x");
    p.chown("f", None, Some(60)).unwrap();
    p.chmod("f", mode(0o640)).unwrap();
    fails(open(&user(p, 5), "f", READ), EACCES);
    open(&user_in(p, 5, &[59, 60]), "f", READ).unwrap();
}

fn search_needs_the_x_bit(p: &Process) {
    mkdir(p, "d");
    put(p, "d/f", b"x");
    p.chmod("d", mode(0o744)).unwrap();
    let u = user(p, 5);
    fails(u.stat("d/f"), EACCES);
    fails(u.chdir("d"), EACCES);
    fails(u.stat("d/none"), EACCES);
    assert_eq!(names(&u, "d"), ["f"]);
    p.chmod("d", mode(0o711)).unwrap();
    assert_eq!(get(&u, "d/f"), b"x");
}

fn listing_needs_the_r_bit(p: &Process) {
    mkdir(p, "d");
    p.chmod("d", mode(0o711)).unwrap();
    fails(open(&user(p, 5), "d", OpenFlags::DIRECTORY), EACCES);
}

fn changes_of_names_need_a_writable_directory(p: &Process) {
    mkdir(p, "d");
    put(p, "d/f", b"");
    p.chmod("d/f", mode(0o666)).unwrap();
    let u = user(p, 5);
    fails(open(&u, "d/new", OpenFlags::CREAT), EACCES);
    fails(u.mkdir("d/new", mode(0o755)), EACCES);
    fails(u.unlink("d/f"), EACCES);
    fails(u.rename("d/f", "d/g"), EACCES);
    put(&u, "d/f", b"content is another matter");
}

fn removing_needs_no_right_on_the_file(p: &Process) {
    mkdir_for_all(p, "d");
    put(p, "d/f", b"");
    p.chmod("d/f", mode(0)).unwrap();
    user(p, 5).unlink("d/f").unwrap();
}

fn an_open_file_outlives_its_permission(p: &Process) {
    put(p, "f", b"x");
    p.chmod("f", mode(0o666)).unwrap();
    let u = user(p, 5);
    let fd = open(&u, "f", OpenFlags::RDWR).unwrap();
    p.chmod("f", mode(0)).unwrap();
    u.write(fd, b"y").unwrap();
    assert_eq!(content(&u, fd), b"y");
    fails(open(&u, "f", READ), EACCES);
}

fn only_owners_change_modes(p: &Process) {
    put(p, "f", b"");
    p.chmod("f", mode(0o666)).unwrap();
    fails(user(p, 5).chmod("f", mode(0o777)), EPERM);
    p.chown("f", Some(5), Some(6)).unwrap();
    user(p, 5).chmod("f", mode(0o600)).unwrap();
    // Who is not in the group does not set the group id.
    user(p, 5).chmod("f", mode(0o2755)).unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o755));
    user_in(p, 5, &[6]).chmod("f", mode(0o2755)).unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o2755));
}

fn owners_do_not_give_files_away(p: &Process) {
    put(p, "f", b"");
    p.chown("f", Some(5), Some(5)).unwrap();
    let u = user_in(p, 5, &[7]);
    fails(u.chown("f", Some(6), None), EPERM);
    fails(u.chown("f", None, Some(6)), EPERM);
    u.chown("f", Some(5), Some(7)).unwrap();
    assert_eq!(stat(p, "f").gid, 7);
    fails(user(p, 6).chown("f", None, Some(6)), EPERM);
}

fn with_set_id(p: &Process) -> Process {
    put(p, "f", b"0123456789");
    p.chown("f", Some(5), Some(5)).unwrap();
    p.chmod("f", mode(0o6777)).unwrap();
    user(p, 5)
}

fn writing_takes_set_id_bits_away(p: &Process) {
    let u = with_set_id(p);
    let fd = open(&u, "f", OpenFlags::WRONLY).unwrap();
    u.write(fd, b"").unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o6777));
    u.write(fd, b"x").unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o777));
}

fn cutting_takes_set_id_bits_away(p: &Process) {
    let u = with_set_id(p);
    u.truncate("f", 3).unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o777));
    p.chmod("f", mode(0o6777)).unwrap();
    open(&u, "f", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o777));
}

fn changing_the_owner_takes_set_id_bits_away(p: &Process) {
    let u = with_set_id(p);
    u.chown("f", None, Some(5)).unwrap();
    assert_eq!(stat(p, "f").mode, mode(0o777));
}

fn a_sticky_directory_keeps_the_files_of_others(p: &Process) {
    mkdir(p, "d");
    p.chmod("d", mode(0o1777)).unwrap();
    put(&user(p, 5), "d/of-5", b"");
    put(&user(p, 6), "d/of-6", b"");
    let u = user(p, 6);
    fails(u.unlink("d/of-5"), EPERM);
    fails(u.rename("d/of-5", "d/x"), EPERM);
    fails(u.rename("d/of-6", "d/of-5"), EPERM);
    u.rename("d/of-6", "d/x").unwrap();
    u.unlink("d/x").unwrap();
    // The owner of the directory may.
    p.chown("d", Some(7), None).unwrap();
    user(p, 7).unlink("d/of-5").unwrap();
}

fn a_moved_directory_must_be_writable(p: &Process) {
    mkdir_for_all(p, "a");
    mkdir_for_all(p, "b");
    mkdir(p, "a/d");
    p.chown("a/d", Some(5), None).unwrap();
    p.chmod("a/d", mode(0o555)).unwrap();
    // Its `..` would change.
    fails(user(p, 5).rename("a/d", "b/d"), EACCES);
    user(p, 5).rename("a/d", "a/e").unwrap();
}

fn the_superuser_runs_only_programs(p: &Process) {
    put(p, "f", b"");
    p.chmod("f", mode(0)).unwrap();
    p.access("f", 6).unwrap();
    fails(p.access("f", 1), EACCES);
    p.chmod("f", mode(0o001)).unwrap();
    p.access("f", 7).unwrap();
    mkdir(p, "d");
    p.chmod("d", mode(0)).unwrap();
    p.access("d", 7).unwrap();
}

fn access_tells_what_is_allowed(p: &Process) {
    put(p, "f", b"");
    p.chown("f", Some(5), Some(6)).unwrap();
    p.chmod("f", mode(0o751)).unwrap();
    for (uid, granted) in [(5, 7), (6, 5), (7, 1)] {
        let u = user(p, uid);
        for wanted in 0..8 {
            let result = u.access("f", wanted).map_err(|error| error.errno);
            let expected = if wanted & !granted == 0 { Ok(()) } else { Err(EACCES) };
            assert_eq!(result, expected, "{uid} {wanted}");
        }
    }
    fails(p.access("f", 8), EINVAL);
    fails(p.access("none", 0), ENOENT);
}

fn times_are_set_by_owners_and_to_the_present_by_writers(p: &Process) {
    put(p, "f", b"");
    p.chown("f", Some(5), Some(5)).unwrap();
    p.chmod("f", mode(0o602)).unwrap();
    let now = [Some(SetTime::Now); 2];
    let (owner, writer) = (user(p, 5), user(p, 7));
    owner.utimensat(None, "f", [Some(SetTime::Now), None], AtFlags::empty()).unwrap();
    writer.utimensat(None, "f", now, AtFlags::empty()).unwrap();
    fails(writer.utimensat(None, "f", [Some(SetTime::Now), None], AtFlags::empty()), EPERM);
    p.chmod("f", mode(0o604)).unwrap();
    fails(writer.utimensat(None, "f", now, AtFlags::empty()), EACCES);
}

fn devices_are_made_by_the_superuser(p: &Process) {
    mkdir_for_all(p, "d");
    let u = user(p, 5);
    for kind in [FileType::CharDevice, FileType::BlockDevice] {
        fails(u.mknod("d/x", kind, mode(0o600), DevNumber { major: 1, minor: 2 }), EPERM);
    }
    u.mkfifo("d/fifo", mode(0o600)).unwrap();
}

fn a_link_has_an_owner_of_its_own(p: &Process) {
    put(p, "f", b"");
    p.symlink("f", "l").unwrap();
    p.lchown("l", Some(5), Some(6)).unwrap();
    assert_eq!((stat(p, "l").uid, stat(p, "f").uid), (5, 0));
    p.chown("l", Some(7), None).unwrap();
    assert_eq!((stat(p, "l").uid, stat(p, "f").uid), (5, 7));
}
