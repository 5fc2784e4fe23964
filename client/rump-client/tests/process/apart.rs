//! Files, where each process makes and changes those of a directory of its own: the same calls have the same answers and leave
//! the same.

use crate::rig::Rig;
use crate::same;
use rump_abi::{
    AddressFamily, AllocateFlags, AtFlags, DevNumber, Errno, FileFlags, FileType, Ino, Mode, OpenFlags,
    SocketType, Stat, TimeSpec, XattrFlags,
};
use rump_kern::{ExtattrNamespace, ExtattrOf, Fd, MountedFs, PathConf, Whence};
use rump_kpi::character::request::{plain, reads, writes};

const RW: OpenFlags = OpenFlags::RDWR.union(OpenFlags::CREAT);
const MODE: Mode = Mode::new(0o640);
/// What no descriptor is.
const NONE: Fd = Fd(77);

/// A file without what tells it from another that was made alike.
fn likeness(stat: Stat) -> Stat {
    let never = TimeSpec::default();
    Stat { ino: Ino(0), atime: never, mtime: never, ctime: never, birthtime: None, ..stat }
}

#[test]
fn what_is_made_is_alike() {
    let rig = Rig::apart();
    let dir = same!(rig, |process| process.open(".", OpenFlags::DIRECTORY, MODE)).unwrap();
    let device = DevNumber { major: 3, minor: 0x12345 };
    let kinds = [
        ("fifo", FileType::Fifo),
        ("socket", FileType::Socket),
        ("characters", FileType::CharDevice),
        ("blocks", FileType::BlockDevice),
        ("regular", FileType::Regular),
        ("directory", FileType::Directory),
        ("link", FileType::Symlink),
        ("fifo", FileType::Fifo),
        ("none/in", FileType::Fifo),
        ("regular/in", FileType::Fifo),
        ("", FileType::Fifo),
    ];
    for (name, file_type) in kinds {
        same!(rig, |process| process.mknod(name, file_type, Mode::new(0o7644), device)).ok();
        same!(rig, |process| process.lstat(name).map(likeness)).ok();
        let (dirs, below) = ([Some(dir), None, Some(NONE)], format!("{name}.at"));
        for dir in dirs {
            same!(rig, |process| process.mknodat(dir, &below, file_type, MODE, device)).ok();
        }
        same!(rig, |process| process.lstat(&below).map(likeness)).ok();
    }
    for name in ["pipe", "pipe", "none/in", "", "with\0end"] {
        same!(rig, |process| process.mkfifo(name, MODE)).ok();
    }
    assert_eq!(same!(rig, |process| process.lstat("pipe").map(likeness)).unwrap().file_type, FileType::Fifo);
    for (target, name) in
        [("target", "named"), ("target", "named"), ("", "empty"), ("t", "none/in"), ("t", "")]
    {
        same!(rig, |process| process.symlink(target, name)).ok();
        same!(rig, |process| process.readlink(name)).ok();
    }
    let long = "x".repeat(1023);
    same!(rig, |process| process.symlink(&long, "long")).unwrap();
    assert_eq!(same!(rig, |process| process.readlink("long")).unwrap(), long.as_bytes());
}

#[test]
fn flags_keep_files_as_they_are() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    same!(rig, |process| process.symlink("f", "l")).unwrap();
    let sets = [
        FileFlags::UF_NODUMP,
        FileFlags::UF_IMMUTABLE,
        FileFlags::UF_APPEND | FileFlags::SF_ARCHIVED,
        FileFlags::SF_IMMUTABLE,
        FileFlags::empty(),
    ];
    for flags in sets {
        for fd in [fd, NONE] {
            same!(rig, |process| process.fchflags(fd, flags)).ok();
            same!(rig, |process| process.pwrite(fd, b"text", 0)).ok();
        }
        same!(rig, |process| process.stat("f").map(likeness)).unwrap();
        for name in ["l", "f", "none"] {
            same!(rig, |process| process.lchflags(name, flags)).ok();
            same!(rig, |process| process.lstat(name).map(likeness)).ok();
        }
    }
}

#[test]
fn writing_at_and_making_holes_are_alike() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let reading = same!(rig, |process| process.open("f", OpenFlags::empty(), MODE)).unwrap();
    let dir = same!(rig, |process| process.open(".", OpenFlags::DIRECTORY, MODE)).unwrap();
    let [end, other] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    let content = [7; 20_000];
    for fd in [fd, reading, dir, end, other, NONE] {
        for at in [0, 30_000, i64::MAX as u64, u64::MAX] {
            for content in [&content[..], b""] {
                same!(rig, |process| process.pwrite(fd, content, at)).ok();
            }
        }
        for (at, length) in [
            (4096, 8192),
            (100, 200),
            (0, 0),
            (1 << 20, 1),
            (0, i64::MAX as u64),
            (1, i64::MAX as u64),
            (0, u64::MAX),
            (u64::MAX, 1),
        ] {
            same!(rig, |process| process.fdiscard(fd, at, length)).ok();
            if at.max(length) > i64::MAX as u64 {
                same!(rig, |process| process.fallocate(fd, AllocateFlags::empty(), at, length)).ok();
            }
            same!(rig, |process| {
                let mut bytes = vec![0; 60_000];
                process.pread(fd, &mut bytes, 0).map(|count| bytes[..count].to_vec())
            })
            .ok();
        }
    }
    same!(rig, |process| process.fstat(fd).map(likeness)).unwrap();
    rig.there.sync().unwrap();
    rig.here.sync().unwrap();
}

/// What is told of a mount over the wire.
fn told(mounted: MountedFs) -> impl PartialEq + std::fmt::Debug {
    (mounted.id, mounted.info, mounted.facts)
}

#[test]
fn descriptors_tell_the_same_of_files_and_mounts() {
    let rig = Rig::apart();
    let file = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let dir = same!(rig, |process| process.open(".", OpenFlags::DIRECTORY, MODE)).unwrap();
    let device = same!(rig, |process| process.open("/dev/null", OpenFlags::RDWR, MODE)).unwrap();
    let [end, _] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    let (family, stream) = (AddressFamily::Local, SocketType::Stream);
    let socket = same!(rig, |process| process.socket(family, stream, 0, OpenFlags::empty())).unwrap();
    let queue = same!(rig, |process| process.kqueue()).unwrap();
    let limits = [
        PathConf::LinkMax,
        PathConf::MaxCanon,
        PathConf::MaxInput,
        PathConf::NameMax,
        PathConf::PathMax,
        PathConf::PipeBuf,
        PathConf::ChownRestricted,
        PathConf::NoTrunc,
        PathConf::Vdisable,
        PathConf::SyncIo,
        PathConf::FileSizeBits,
        PathConf::SymlinkMax,
        PathConf::TwoSymlinks,
        PathConf::AclExtended,
    ];
    for fd in [file, dir, device, end, socket, queue, NONE] {
        for limit in limits {
            same!(rig, |process| process.fpathconf(fd, limit)).ok();
        }
        same!(rig, |process| process.fstatvfs(fd)).ok();
        same!(rig, |process| process.fmounted(fd).map(told)).ok();
    }
    same!(rig, |process| process.getvfsstat().map(|all| all.into_iter().map(told).collect::<Vec<_>>()))
        .unwrap();
}

#[test]
fn data_and_holes_are_found_alike() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let dir = same!(rig, |process| process.open(".", OpenFlags::DIRECTORY, MODE)).unwrap();
    let [end, _] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    for (at, length) in [(0, 5000), (1 << 20, 10)] {
        same!(rig, |process| process.pwrite(fd, &vec![1; length], at)).unwrap();
    }
    for fd in [fd, dir, end, NONE] {
        for offset in [0, 4999, 5000, 20_000, 1 << 20, (1 << 20) + 9, (1 << 20) + 10, -1, i64::MAX] {
            for whence in [Whence::Data, Whence::Hole] {
                same!(rig, |process| process.lseek(fd, offset, whence)).ok();
                // The offset is where it was, where none was found.
                same!(rig, |process| process.lseek(fd, 0, Whence::Cur)).ok();
            }
        }
    }
    assert_eq!(rig.there.lseek(fd, 4999, Whence::Data).unwrap(), 4999);
    assert_eq!(rig.there.lseek(fd, 20_000, Whence::Data).unwrap(), 1 << 20);
}

#[test]
fn attributes_of_links_and_descriptors_are_alike() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    same!(rig, |process| process.symlink("f", "l")).unwrap();
    let (value, huge) = (vec![5; 65_536], vec![5; 65_537]);
    // Of several mistakes, the same is told.
    for name in ["with\0end", &"x".repeat(300), ""] {
        for path in ["f", "none"] {
            for value in [b"one", &huge[..]] {
                let user = format!("user.{name}");
                same!(rig, |process| process.lsetxattr(path, &user, value, XattrFlags::empty())).ok();
                same!(rig, |process| process.lgetxattr(path, &user)).unwrap_err();
                same!(rig, |process| process.lremovexattr(path, &user)).unwrap_err();
                let (of, space) = (ExtattrOf::File(path.as_bytes()), ExtattrNamespace::User);
                same!(rig, |process| process.extattr_set(of, space, name, value)).unwrap_err();
                same!(rig, |process| process.extattr_get(of, space, name)).unwrap_err();
                same!(rig, |process| process.extattr_delete(of, space, name)).unwrap_err();
            }
        }
    }
    let names = ["user.a", "trusted.b", "security.c", "nothing", "user.", ""];
    for name in names {
        for path in ["l", "f", "none"] {
            for (value, flags) in [
                (&b"one"[..], XattrFlags::REPLACE),
                (b"one", XattrFlags::CREATE),
                (b"two", XattrFlags::CREATE),
                (&huge, XattrFlags::empty()),
                (&value, XattrFlags::REPLACE),
            ] {
                same!(rig, |process| process.lsetxattr(path, name, value, flags)).ok();
                same!(rig, |process| process.lgetxattr(path, name)).ok();
            }
            same!(rig, |process| process.llistxattr(path)).ok();
        }
        for fd in [fd, NONE] {
            same!(rig, |process| process.flistxattr(fd)).ok();
        }
        for path in ["l", "f", "none", "l", "f"] {
            same!(rig, |process| process.lremovexattr(path, name)).ok();
        }
    }
}

#[test]
fn roots_of_descriptors_hold_for_all_paths() {
    let rig = Rig::apart();
    let file = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let dir = same!(rig, |process| process.open(".", OpenFlags::DIRECTORY, MODE)).unwrap();
    for fd in [file, NONE, dir] {
        same!(rig, |process| process.fchroot(fd)).ok();
        same!(rig, |process| process.stat("/f").map(likeness)).ok();
    }
    assert_eq!(
        same!(rig, |process| process.stat("/../../f").map(likeness)).unwrap().file_type,
        FileType::Regular
    );
    same!(rig, |process| process.chdir("/")).unwrap();
    assert_eq!(same!(rig, |process| process.getcwd()).unwrap(), b"/");
}

#[test]
fn what_is_revoked_is_of_no_use() {
    let rig = Rig::apart();
    let file = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    same!(rig, |process| process.pwrite(file, b"content", 0)).unwrap();
    for path in ["none", "", "f/in", "f", "f"] {
        same!(rig, |process| process.revoke(path)).ok();
        same!(rig, |process| process.read(file, &mut [0; 3])).ok();
        same!(rig, |process| process.pwrite(file, b"x", 0)).ok();
        same!(rig, |process| process.fstat(file).map(likeness)).ok();
    }
    same!(rig, |process| process.close(file)).unwrap();
    same!(rig, |process| process.setuid(1000)).unwrap();
    assert_eq!(same!(rig, |process| process.revoke("f")), Err(Errno::EPERM));
}

#[test]
fn requests_to_devices_are_alike() {
    let rig = Rig::apart();
    let file = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    same!(rig, |process| process.pwrite(file, b"content", 0)).unwrap();
    let [end, other] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    same!(rig, |process| process.write(other, b"abc")).unwrap();
    let filter = same!(rig, |process| process.open("/dev/bpf", OpenFlags::RDWR, MODE)).unwrap();
    let requests = [
        ("FIONREAD", reads(b'f', 127, 4), 4),
        ("FIONSPACE", reads(b'f', 120, 4), 4),
        ("FIONBIO", writes(b'f', 126, 4), 4),
        ("SIOCATMARK", reads(b's', 7, 4), 4),
        ("BIOCGBLEN", reads(b'B', 102, 4), 4),
        ("BIOCVERSION", reads(b'B', 113, 4), 4),
        ("BIOCGDLT, without an interface", reads(b'B', 106, 4), 4),
        ("BIOCFLUSH", plain(b'B', 104), 0),
        ("BIOCSETF, of no instructions", writes(b'B', 103, 16), 16),
        ("one that nobody has", reads(b'x', 1, 4), 4),
        ("FIONREAD with more room", reads(b'f', 127, 4), 9),
    ];
    for fd in [file, end, other, filter, NONE] {
        for (name, number, room) in requests {
            let answer = same!(rig, |process| {
                let mut argument = vec![0; room];
                process.ioctl_by_number(fd, number, &mut argument).map(|()| argument)
            });
            assert!(fd != NONE || answer == Err(Errno::EBADF), "{name}");
        }
    }
    for fd in [file, NONE] {
        same!(rig, |process| process.ioctl_by_number(fd, reads(b'f', 127, 4), &mut [0; 3])).unwrap_err();
    }
    same!(rig, |process| process.unlinkat(None, "f", AtFlags::empty())).unwrap();
}
