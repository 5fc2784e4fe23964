//! Files, as bytes in a client's memory.

use super::rig::Rig;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::dirent;
use rump_abi::netbsd::message::Iovec;
use rump_abi::netbsd::mount::TmpfsArgs;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::stat::StatBuf;
use rump_abi::netbsd::statvfs::{StatVfsBuf, name_in};
use rump_abi::netbsd::sysctl::*;
use rump_abi::netbsd::time::Timespec;
use rump_abi::{Errno, FileType};

#[test]
fn a_file_is_written_and_read_through_slots_with_padding() {
    let mut rig = Rig::new();
    let path = rig.text("/new");
    let fd = rig.call(OPEN, &[path, 0x202, 0o640]).unwrap() as u64;
    let text = rig.bytes(b"remote");
    assert_eq!(rig.call(PWRITE, &[fd, text, 6, 99, 2]), Ok(6));
    assert_eq!(rig.call(LSEEK, &[fd, 99, 3, 0]), Ok(3));
    let room = rig.room(8);
    assert_eq!(rig.call(READ, &[fd, room, 8]), Ok(5));
    assert_eq!(rig.at(room, 5), b"emote");
    let room = rig.room(152);
    assert_eq!(rig.call(__FSTAT50, &[fd, room]), Ok(0));
    let stat = rig.read::<StatBuf>(room).stat().unwrap();
    assert_eq!((stat.size, stat.file_type, stat.mode.bits()), (8, FileType::Regular, 0o640));
}

#[test]
fn what_is_longer_than_a_piece_goes_as_one() {
    let mut rig = Rig::new();
    let length = (3 << 19) + 7;
    let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    let text = rig.bytes(&content);
    assert_eq!(rig.call(WRITE, &[rig.file, text, length as u64]), Ok(length as i64));
    // In two parts, of which the second begins in the first piece.
    let (first, second) = (rig.room(1000), rig.room(length));
    let parts = [Iovec { base: first, length: 1000 }, Iovec { base: second, length: length as u64 }];
    let list = rig.place(&parts);
    assert_eq!(rig.call(PREADV, &[rig.file, list, 2, 0, 0]), Ok(length as i64));
    assert!(rig.at(first, 1000) == content[..1000]);
    assert!(rig.at(second, length - 1000) == content[1000..]);
}

#[test]
fn lists_of_parts_have_bounds() {
    let mut rig = Rig::new();
    let part = Iovec { base: 0, length: i64::MAX as u64 };
    let list = rig.place(&[part, Iovec { length: 1, ..part }]);
    assert_eq!(rig.call(READV, &[rig.file, list, 2]), Err(Errno::EINVAL));
    for count in [0, 1025, u64::MAX] {
        assert_eq!(rig.call(READV, &[rig.file, list, count]), Err(Errno::EINVAL), "{count}");
    }
    let list = rig.place(&Iovec { base: u64::MAX, length: 2 });
    assert_eq!(rig.call(READV, &[rig.file, list, 1]), Err(Errno::EFAULT));
}

#[test]
fn a_path_has_1024_bytes_at_most() {
    let mut rig = Rig::new();
    let room = rig.room(152);
    let long = rig.text(&"/".repeat(1024));
    assert_eq!(rig.call(__STAT50, &[long, room]), Err(Errno::ENAMETOOLONG));
    let fits = rig.text(&"/".repeat(1023));
    assert_eq!(rig.call(__STAT50, &[fits, room]), Ok(0));
    assert_eq!(rig.call(__STAT50, &[0, room]), Err(Errno::EFAULT));
}

#[test]
fn directories_are_listed_as_far_as_there_is_room() {
    let mut rig = Rig::new();
    let room = rig.room(64);
    assert_eq!(rig.call(__GETDENTS30, &[rig.root, room, 8]), Err(Errno::EINVAL));
    let mut names = Vec::new();
    loop {
        let count = rig.call(__GETDENTS30, &[rig.root, room, 40]).unwrap() as usize;
        if count == 0 {
            break;
        }
        let bytes = rig.at(room, count);
        names.extend(dirent::records(&bytes).map(|record| String::from_utf8_lossy(record.name).into_owned()));
    }
    names.sort();
    assert_eq!(names, [".", "..", "dir", "file", "link"]);
}

#[test]
fn times_of_files_know_the_present_and_what_stays() {
    let mut rig = Rig::new();
    let before = rig.process.stat("/file").unwrap();
    let times = [Timespec { sec: 5, nsec: 6 }, Timespec { sec: 0, nsec: (1 << 30) - 2 }];
    let (path, times) = (rig.text("/file"), rig.place(&times));
    let cwd = -100_i64 as u64;
    assert_eq!(rig.call(UTIMENSAT, &[cwd, path, times, 0]), Ok(0));
    let after = rig.process.stat("/file").unwrap();
    assert_eq!((after.atime.sec, after.atime.nsec, after.mtime), (5, 6, before.mtime));
    let wrong = rig.place(&[Timespec { sec: 0, nsec: 1_000_000_000 }; 2]);
    assert_eq!(rig.call(UTIMENSAT, &[cwd, path, wrong, 0]), Err(Errno::EINVAL));
    assert_eq!(rig.call(UTIMENSAT, &[cwd, path, times, 0x800]), Err(Errno::EINVAL));
}

#[test]
fn a_mount_is_told_by_its_structure() {
    let mut rig = Rig::new();
    let args =
        TmpfsArgs { version: 1, nodes_max: 0, size_max: 1 << 20, root_uid: 7, root_gid: 8, root_mode: 0o750 };
    let (fs_type, dir, at) = (rig.text("tmpfs"), rig.text("/dir"), rig.place(&args));
    assert_eq!(rig.call(__MOUNT50, &[fs_type, dir, 0, at, 39]), Err(Errno::EINVAL));
    assert_eq!(rig.call(__MOUNT50, &[fs_type, dir, 0, at, 40]), Ok(0));
    let root = rig.process.stat("/dir").unwrap();
    assert_eq!((root.uid, root.gid, root.mode.bits()), (7, 8, 0o750));

    assert_eq!(rig.call(GETVFSSTAT, &[0, 0, 2]), Ok(2));
    let room = rig.room(2 * StatVfsBuf::SIZE);
    assert_eq!(rig.call(GETVFSSTAT, &[room, 2 * StatVfsBuf::SIZE as u64, 2]), Ok(2));
    let facts: StatVfsBuf = rig.read(room + StatVfsBuf::SIZE as u64);
    assert_eq!((name_in(&facts.mntonname), name_in(&facts.fstypename)), (&b"/dir"[..], &b"tmpfs"[..]));
    assert_eq!(facts.blocks * facts.frsize, 1 << 20);

    assert_eq!(rig.call(UNMOUNT, &[dir, 1]), Err(Errno::EINVAL));
    assert_eq!(rig.call(UNMOUNT, &[dir, 0]), Ok(0));
    assert_eq!(rig.call(GETVFSSTAT, &[0, 0, 2]), Ok(1));
}

#[test]
fn attributes_are_told_with_their_lengths() {
    let mut rig = Rig::new();
    let (path, name, value) = (rig.text("/file"), rig.text("user.name"), rig.bytes(b"value"));
    assert_eq!(rig.call(SETXATTR, &[path, name, value, 5, 1]), Ok(0));
    assert_eq!(rig.call(SETXATTR, &[path, name, value, 5, 1]), Err(Errno::EEXIST));
    assert_eq!(rig.call(GETXATTR, &[path, name, 0, 0]), Ok(5));
    let room = rig.room(64);
    assert_eq!(rig.call(GETXATTR, &[path, name, room, 4]), Err(Errno::ERANGE));
    assert_eq!(rig.call(LISTXATTR, &[path, room, 64]), Ok(10));
    assert_eq!(rig.at(room, 10), b"user.name\0");
    assert_eq!(rig.call(EXTATTR_LIST_FILE, &[path, 1, room, 64]), Ok(5));
    assert_eq!(rig.at(room, 5), b"\x04name");
    assert_eq!(rig.call(EXTATTR_LIST_FILE, &[path, 3, room, 64]), Err(Errno::EINVAL));
}

#[test]
fn a_value_of_the_kernel_is_read_and_changed_by_its_numbers() {
    let mut rig = Rig::new();
    let (name, room, length) = (rig.place(&[1_i32, 10]), rig.room(16), rig.place(&16_u64));
    let new = rig.bytes(b"remote");
    assert!(rig.call(__SYSCTL, &[name, 2, 0, 0, new, 6]).is_ok());
    assert_eq!(rig.call(__SYSCTL, &[name, 2, room, length, 0, 0]), Ok(0));
    assert_eq!((rig.at(room, 7), rig.read::<u64>(length)), (b"remote\0".to_vec(), 7));
    let length = rig.place(&3_u64);
    assert_eq!(rig.call(__SYSCTL, &[name, 2, room, length, 0, 0]), Err(Errno::ENOMEM));
    assert_eq!(rig.read::<u64>(length), 7);
    assert_eq!(rig.call(__SYSCTL, &[name, 13, room, length, 0, 0]), Err(Errno::EINVAL));
}

#[test]
fn a_handle_opens_its_file_again() {
    let mut rig = Rig::new();
    let (path, handle, length) = (rig.text("/file"), rig.room(64), rig.place(&1_u64));
    assert_eq!(rig.call(__GETFH30, &[path, handle, length]), Err(Errno::E2BIG));
    let needed = rig.read::<u64>(length);
    assert_eq!(rig.call(__GETFH30, &[path, handle, length]), Ok(0));
    let fd = rig.call(__FHOPEN40, &[handle, needed, 0]).unwrap() as u64;
    let room = rig.room(16);
    assert_eq!(rig.call(READ, &[fd, room, 16]), Ok(7));
    assert_eq!(rig.call(__FHOPEN40, &[handle, needed - 1, 0]), Err(Errno::EINVAL));
}

#[test]
fn two_numbers_come_in_two_registers() {
    let mut rig = Rig::new();
    let pid = i64::from(rig.process.pid());
    assert_eq!(rig.both(GETPID, &[]), Ok([pid, rig.process.getppid().into()]));
    assert_eq!(rig.both(GETUID, &[]), Ok([0, 0]));
    let [reading, writing] = rig.both(PIPE, &[]).unwrap().map(|fd| fd as u64);
    let text = rig.bytes(b"x");
    assert_eq!(rig.call(WRITE, &[writing, text, 1]), Ok(1));
    assert_eq!(rig.call(READ, &[reading, text, 1]), Ok(1));
}

#[test]
fn the_names_below_a_name_are_told() {
    let mut rig = Rig::new();
    let asked =
        Sysctlnode { flags: SYSCTL_VERSION, number: 0, name: [0; SYSCTL_NAMELEN], children: [0; 2], size: 0 };
    let (new, length) = (rig.place(&asked), rig.place(&0_u64));
    let whole = Sysctlnode::SIZE as u64;
    let name = rig.place(&[1, CTL_QUERY]);
    assert_eq!(rig.call(__SYSCTL, &[name, 2, 0, length, new, whole]), Ok(0));
    let needed = rig.read::<u64>(length);
    let room = rig.room(needed as usize);
    assert_eq!(rig.call(__SYSCTL, &[name, 2, room, length, new, whole]), Ok(0));
    let nodes: Vec<Sysctlnode> = (0..needed / whole).map(|index| rig.read(room + index * whole)).collect();
    let host = nodes.iter().find(|node| name_in(&node.name) == b"hostname").unwrap();
    assert_eq!((host.number, host.flags & 0xf), (10, CTLTYPE_STRING));
    assert_eq!(host.flags & CTLFLAG_READWRITE, CTLFLAG_READWRITE);
    let release = nodes.iter().find(|node| name_in(&node.name) == b"osrelease").unwrap();
    assert_eq!((release.number, release.flags & CTLFLAG_READWRITE), (2, 0));
    let pipe = nodes.iter().find(|node| name_in(&node.name) == b"pipe").unwrap();
    assert_eq!((pipe.number, pipe.flags & 0xf), (56, CTLTYPE_NODE));

    let few = rig.place(&(needed - 1));
    assert_eq!(rig.call(__SYSCTL, &[name, 2, room, few, new, whole]), Err(Errno::ENOMEM));
    let other = rig.place(&Sysctlnode { flags: 0, ..asked });
    assert_eq!(rig.call(__SYSCTL, &[name, 2, room, length, other, whole]), Err(Errno::EINVAL));
    let of_value = rig.place(&[1, 10, CTL_QUERY]);
    assert_eq!(rig.call(__SYSCTL, &[of_value, 3, room, length, 0, 0]), Err(Errno::ENOTDIR));
    let of_nothing = rig.place(&[77, CTL_QUERY]);
    assert_eq!(rig.call(__SYSCTL, &[of_nothing, 2, room, length, 0, 0]), Err(Errno::ENOENT));
    let of_all = rig.place(&CTL_QUERY);
    assert_eq!(rig.call(__SYSCTL, &[of_all, 1, 0, length, 0, 0]), Ok(0));
}
