//! Names, attributes, directories and content.

use crate::rig::Rig;
use crate::same;
use rump_abi::{AtFlags, DevNumber, Errno, FileFlags, FileType, Mode, OpenFlags, TimeSpec, XattrFlags};
use rump_kern::{ExtattrNamespace, ExtattrOf, Fd, MountArgs, PathConf, Unmount, Whence};
use rump_kpi::SetTime;

const RW: OpenFlags = OpenFlags::RDWR.union(OpenFlags::CREAT);
const MODE: Mode = Mode::new(0o640);

#[test]
fn what_one_writes_the_other_reads() {
    let rig = Rig::new();
    let (here, there) = (rig.here.open("/f", RW, MODE).unwrap(), rig.there.open("/f", RW, MODE).unwrap());
    assert_eq!(rig.there.write(there, b"some text").unwrap(), 9);
    let mut bytes = [0; 20];
    assert_eq!(rig.here.read(here, &mut bytes).unwrap(), 9);
    assert_eq!(&bytes[..9], b"some text");
    assert_eq!(rig.here.pwrite(here, b"more", 5).unwrap(), 4);
    assert_eq!(rig.there.pread(there, &mut bytes, 3).unwrap(), 6);
    assert_eq!(&bytes[..6], b"e more");
    assert_eq!(rig.there.pwritev(there, &[b"ab", b"", b"cde"], 0).unwrap(), 5);
    let (mut one, mut two) = ([0; 2], [0; 30]);
    assert_eq!(rig.there.lseek(there, 1, Whence::Set).unwrap(), 1);
    assert_eq!(rig.there.readv(there, &mut [&mut one, &mut two]).unwrap(), 8);
    assert_eq!((&one, &two[..6]), (b"bc", &b"demore"[..]));
    assert_eq!(rig.there.preadv(there, &mut [&mut one, &mut two], 7).unwrap(), 2);
    assert_eq!(rig.there.writev(there, &[b"!", b"?"]).unwrap(), 2);
    assert_eq!(rig.here.fstat(here).unwrap().size, 11);
}

#[test]
fn content_that_is_longer_than_a_message_comes_and_goes_whole() {
    let rig = Rig::new();
    let fd = rig.there.open("/long", RW, MODE).unwrap();
    let content: Vec<u8> = (0..3_000_001u32).map(|at| (at % 251) as u8).collect();
    assert_eq!(rig.there.write(fd, &content).unwrap(), content.len());
    let mut read = vec![0; content.len() + 5];
    assert_eq!(rig.there.pread(fd, &mut read, 0).unwrap(), content.len());
    assert!(read[..content.len()] == content);
}

#[test]
fn both_see_the_same_attributes() {
    let rig = Rig::new();
    rig.here.mkdir("/d", Mode::new(0o755)).unwrap();
    rig.here.open("/d/f", RW, MODE).unwrap();
    rig.here.symlink("f", "/d/l").unwrap();
    rig.here.mknod("/d/n", FileType::Fifo, MODE, DevNumber { major: 0, minor: 0 }).unwrap();
    for path in ["/", "/d", "/d/f", "/d/l", "/d/n", "/d/no", "/d/f/x", "/dev/null", "", "/d\0"] {
        same!(rig, |process| process.stat(path)).ok();
        same!(rig, |process| process.lstat(path)).ok();
        same!(rig, |process| process.fstatat(None, path, AtFlags::SYMLINK_NOFOLLOW)).ok();
        same!(rig, |process| process.access(path, 4)).ok();
        same!(rig, |process| process.faccessat(None, path, 1, AtFlags::EACCESS)).ok();
        same!(rig, |process| process.readlink(path)).ok();
        same!(rig, |process| process.statvfs(path)).ok();
        same!(rig, |process| process.pathconf(path, PathConf::NameMax)).ok();
        same!(rig, |process| process.mounted(path).map(|mounted| (mounted.id, mounted.info.fs_type))).ok();
    }
    let long = "x".repeat(2000);
    assert_eq!(same!(rig, |process| process.stat(&long)), Err(Errno::ENAMETOOLONG));
    let all = same!(rig, |process| {
        process
            .getvfsstat()
            .map(|all| all.into_iter().map(|one| (one.id, one.info.target)).collect::<Vec<_>>())
    });
    assert!(!all.unwrap().is_empty());
}

#[test]
fn attributes_change_as_they_do_here() {
    let rig = Rig::new();
    let fd = rig.there.open("/f", RW, MODE).unwrap();
    let to = |sec| Some(SetTime::To(TimeSpec { sec, nsec: 5 }));
    rig.there.chmod("/f", Mode::new(0o4711)).unwrap();
    rig.there.chown("/f", Some(7), None).unwrap();
    rig.there.utimensat(None, "/f", [to(100), to(-200)], AtFlags::empty()).unwrap();
    let stat = rig.here.stat("/f").unwrap();
    assert_eq!((stat.mode.bits(), stat.uid, stat.gid), (0o4711, 7, 0));
    assert_eq!((stat.atime.sec, stat.mtime), (100, TimeSpec { sec: -200, nsec: 5 }));
    rig.there.futimens(fd, [None, to(3)]).unwrap();
    rig.there.fchown(fd, None, Some(8)).unwrap();
    rig.there.fchmod(fd, Mode::new(0o600)).unwrap();
    let stat = rig.here.stat("/f").unwrap();
    assert_eq!((stat.mode.bits(), stat.uid, stat.gid), (0o600, 7, 8));
    assert_eq!((stat.atime.sec, stat.mtime.sec), (100, 3));
    rig.there.utimensat(None, "/f", [Some(SetTime::Now), None], AtFlags::empty()).unwrap();
    assert!(rig.here.stat("/f").unwrap().atime.sec > 1_000_000_000);
    rig.there.ftruncate(fd, 12).unwrap();
    rig.there.truncate("/f", 10).unwrap();
    assert_eq!(rig.here.stat("/f").unwrap().size, 10);
    rig.here.symlink("f", "/l").unwrap();
    rig.there.lchown("/l", Some(1), Some(2)).unwrap();
    rig.there.fchownat(None, "/l", Some(3), None, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    let stat = rig.here.lstat("/l").unwrap();
    assert_eq!((stat.uid, stat.gid), (3, 2));
    rig.there.fchmodat(None, "/l", Mode::new(0o444), AtFlags::empty()).unwrap();
    assert_eq!(rig.here.stat("/f").unwrap().mode.bits(), 0o444);
    same!(rig, |process| process.chflags("/f", FileFlags::UF_IMMUTABLE)).ok();
    same!(rig, |process| process.chmod("/no", MODE)).unwrap_err();
}

#[test]
fn names_come_and_go() {
    let rig = Rig::new();
    let there = &rig.there;
    there.mkdir("/d", Mode::new(0o755)).unwrap();
    let dir = there.open("/d", OpenFlags::DIRECTORY, MODE).unwrap();
    let fd = there.openat(Some(dir), "a", RW, MODE).unwrap();
    there.linkat(Some(dir), "a", None, "/b", AtFlags::empty()).unwrap();
    there.link("/b", "/c").unwrap();
    assert_eq!(rig.here.stat("/c").unwrap().ino, there.fstat(fd).unwrap().ino);
    assert_eq!(rig.here.stat("/c").unwrap().nlink, 3);
    there.rename("/c", "/d/e").unwrap();
    there.renameat(Some(dir), "e", None, "/g").unwrap();
    there.symlinkat("target", Some(dir), "s").unwrap();
    assert_eq!(there.readlinkat(Some(dir), "s").unwrap(), b"target");
    there.mkdirat(Some(dir), "sub", Mode::new(0o700)).unwrap();
    there.mkfifoat(Some(dir), "fifo", MODE).unwrap();
    assert_eq!(rig.here.stat("/d/fifo").unwrap().file_type, FileType::Fifo);
    there.chdir("/d/sub").unwrap();
    assert_eq!(there.getcwd().unwrap(), b"/d/sub");
    there.fchdir(dir).unwrap();
    assert_eq!(there.getcwd().unwrap(), b"/d");
    there.unlinkat(Some(dir), "sub", AtFlags::REMOVEDIR).unwrap();
    for name in ["a", "s", "fifo", "/b", "/g"] {
        there.unlink(name).unwrap();
    }
    there.chdir("/").unwrap();
    there.rmdir("/d").unwrap();
    assert_eq!(same!(rig, |process| process.stat("/d")), Err(Errno::ENOENT));
    same!(rig, |process| process.rmdir("/")).unwrap_err();
    same!(rig, |process| process.link("/no", "/x")).unwrap_err();
    same!(rig, |process| process.rename("/no", "/x")).unwrap_err();
    same!(rig, |process| process.unlink("/dev")).unwrap_err();
    same!(rig, |process| process.mkdir("/dev", MODE)).unwrap_err();
}

/// Who takes entries, or does not.
type Taker<'a> = dyn FnMut(rump_kpi::DirEntry<'_>) -> bool + 'a;

#[test]
fn entries_that_are_not_taken_come_again() {
    let rig = Rig::new();
    rig.here.mkdir("/d", Mode::new(0o755)).unwrap();
    for number in 0..2000 {
        let fd = rig.here.open(format!("/d/name of a file {number}"), RW, MODE).unwrap();
        rig.here.close(fd).unwrap();
    }
    let list = |most: usize, read: &dyn Fn(&mut Taker<'_>)| {
        let mut names = Vec::new();
        loop {
            let before = names.len();
            read(&mut |entry| {
                let takes = names.len() < before + most;
                if takes {
                    names.push((entry.name.to_vec(), entry.ino, entry.file_type));
                }
                takes
            });
            if names.len() == before {
                return names;
            }
        }
    };
    let here = rig.here.open("/d", OpenFlags::DIRECTORY, MODE).unwrap();
    let expected = list(usize::MAX, &|sink| rig.here.getdents_while(here, sink).unwrap());
    assert_eq!(expected.len(), 2002);
    for most in [7, 999, usize::MAX] {
        let there = rig.there.open("/d", OpenFlags::DIRECTORY, MODE).unwrap();
        assert!(list(most, &|sink| rig.there.getdents_while(there, sink).unwrap()) == expected, "{most}");
    }
    assert_eq!(same!(rig, |process| process.getdents_while(Fd(77), &mut |_| true)), Err(Errno::EBADF));
}

#[test]
fn extended_attributes_are_those_of_the_file() {
    let rig = Rig::new();
    let fd = rig.there.open("/f", RW, MODE).unwrap();
    rig.there.setxattr("/f", "user.one", b"value", XattrFlags::empty()).unwrap();
    rig.there.fsetxattr(fd, "user.two", b"", XattrFlags::empty()).unwrap();
    for name in ["user.one", "user.two", "user.no"] {
        same!(rig, |process| process.getxattr("/f", name)).ok();
        same!(rig, |process| process.lgetxattr("/f", name)).ok();
    }
    assert_eq!(rig.there.fgetxattr(fd, "user.one").unwrap(), b"value");
    assert_eq!(same!(rig, |process| process.listxattr("/f")).unwrap().len(), 2);
    same!(rig, |process| process.setxattr("/f", "user.one", b"", XattrFlags::CREATE)).unwrap_err();
    let (of, space) = (ExtattrOf::File(b"/f"), ExtattrNamespace::User);
    assert_eq!(rig.there.extattr_set(of, space, "three", b"abc").unwrap(), 3);
    assert_eq!(same!(rig, |process| process.extattr_get(of, space, "three")).unwrap(), b"abc");
    assert_eq!(same!(rig, |process| process.extattr_list(of, space)).unwrap().len(), 3);
    rig.there.extattr_delete(ExtattrOf::Open(fd), space, "three").unwrap();
    rig.there.removexattr("/f", "user.one").unwrap();
    rig.there.fremovexattr(fd, "user.two").unwrap();
    assert!(rig.here.listxattr("/f").unwrap().is_empty());
}

#[test]
fn file_systems_are_mounted_with_what_a_structure_can_say() {
    let rig = Rig::new();
    rig.there.mkdir("/m", Mode::new(0o755)).unwrap();
    let options = "mode=750,size=1048576".to_owned();
    rig.there.mount("tmpfs", "/m", MountArgs { options, ..MountArgs::default() }).unwrap();
    let mounted = same!(rig, |process| process.mounted("/m").map(|mounted| (mounted.id, mounted.facts)));
    assert!(mounted.unwrap().1.blocks > 0);
    assert_eq!(rig.here.stat("/m").unwrap().mode.bits(), 0o750);
    let handle = rig.there.getfh("/m").unwrap();
    assert_eq!(same!(rig, |process| process.getfh("/m")).unwrap(), handle);
    same!(rig, |process| process.fhstat(handle)).unwrap();
    rig.there.unmount("/m", Unmount::Normal).unwrap();
    let options = "noatime".to_owned();
    let refused = rig.there.mount("tmpfs", "/m", MountArgs { options, ..MountArgs::default() });
    assert_eq!(refused.unwrap_err().errno, Errno::EOPNOTSUPP);
    let of_disk = || MountArgs { source: Some(b"/dev/no".to_vec()), ..MountArgs::default() };
    same!(rig, |process| process.mount("nofs", "/m", of_disk())).unwrap_err();
    same!(rig, |process| process.mount("ext2fs", "/m", of_disk())).unwrap_err();
    same!(rig, |process| process.unmount("/m", Unmount::Normal)).unwrap_err();
}

#[test]
fn a_root_is_changed_for_the_process_alone_and_handles_lead_out_of_it() {
    let rig = Rig::new();
    rig.there.mkdir("/r", Mode::new(0o755)).unwrap();
    rig.there.open("/r/f", RW, MODE).unwrap();
    let handle = rig.there.getfh("/r/f").unwrap();
    let file = rig.here.stat("/r/f").unwrap();
    assert_eq!(
        same!(rig, |process| process.fhstatvfs(handle).map(|mounted| mounted.facts)).unwrap().name_max,
        255
    );
    rig.there.chroot("/r").unwrap();
    assert_eq!(rig.there.stat("/f").unwrap(), file);
    assert_eq!(rig.here.stat("/f").unwrap_err().errno, Errno::ENOENT);
    let fd = rig.there.fhopen(handle, OpenFlags::empty()).unwrap();
    assert_eq!(rig.there.fstat(fd).unwrap(), file);
}
