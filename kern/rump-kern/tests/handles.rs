//! Files by handles, files that are revoked, limits of files, and attributes by namespaces.

mod common;

use common::*;
use rump_abi::{Errno::*, FileFlags, OpenFlags, SyncFlags};
use rump_kern::{
    Advice, ExtattrNamespace, ExtattrOf, Fd, FileHandle, MountArgs, PIPE_BUF, PathConf, Unmount,
};

#[test]
fn a_handle_is_of_its_file_wherever_that_is() {
    let p = process();
    p.mkdir("/d", mode(0o700)).unwrap();
    put(&p, "/d/f", b"abc");
    let handle = FileHandle::from_bytes(&p.getfh("/d/f").unwrap().to_bytes()).unwrap();
    p.rename("/d/f", "/g").unwrap();
    assert_eq!(p.fhstat(handle).unwrap().ino, p.stat("/g").unwrap().ino);
    let fd = p.fhopen(handle, OpenFlags::RDWR).unwrap();
    let mut buf = [0; 3];
    assert_eq!((p.read(fd, &mut buf).unwrap(), &buf), (3, b"abc"));
    assert_eq!(p.fhstatvfs(handle).unwrap(), p.mounted("/").unwrap());
    // It is still there for those who have it open, but for nobody new.
    p.unlink("/g").unwrap();
    fails(p.fhopen(handle, OpenFlags::empty()), ESTALE);
    p.close(fd).unwrap();
    fails(p.fhstat(handle), ESTALE);
    put(&p, "/g", b"new");
    fails(p.fhstat(handle), ESTALE);
}

#[test]
fn handles_are_the_superusers_and_go_with_the_mount() {
    let p = process();
    p.mkdir("/m", mode(0o755)).unwrap();
    p.mount("tmpfs", "/m", MountArgs::default()).unwrap();
    put(&p, "/m/f", b"");
    let handle = p.getfh("/m/f").unwrap();
    let user = user(&p, 1);
    fails(user.getfh("/m/f"), EPERM);
    fails(user.fhopen(handle, OpenFlags::empty()), EPERM);
    fails(user.fhstat(handle), EPERM);
    fails(user.fhstatvfs(handle), EPERM);
    fails(p.fhopen(handle, OpenFlags::CREAT), EINVAL);
    p.unmount("/m", Unmount::Normal).unwrap();
    fails(p.fhstat(handle), ESTALE);
    p.mount("tmpfs", "/m", MountArgs::default()).unwrap();
    put(&p, "/m/f", b"");
    fails(p.fhstat(handle), ESTALE);
}

#[test]
fn forged_handles_lead_nowhere() {
    let p = process();
    let good = p.getfh("/").unwrap().to_bytes();
    fails(FileHandle::from_bytes(&good[1..]), EINVAL);
    for byte in 0..FileHandle::SIZE {
        let mut bytes = good;
        bytes[byte] ^= 0x40;
        fails(p.fhstat(FileHandle::from_bytes(&bytes).unwrap()), ESTALE);
    }
}

#[test]
fn what_is_revoked_is_of_no_use_until_it_is_opened_again() {
    let p = process();
    put(&p, "/f", b"abc");
    let (fd, other) = (open(&p, "/f", OpenFlags::RDWR).unwrap(), p.fork());
    fails(user(&p, 1).revoke("/f"), EPERM);
    p.revoke("/f").unwrap();
    for process in [&p, &other] {
        fails(process.read(fd, &mut [0; 3]), EIO);
        fails(process.write(fd, b"x"), EIO);
        fails(process.fstat(fd), EIO);
        process.close(fd).unwrap();
    }
    assert_eq!(get(&p, "/f"), b"abc");
}

#[test]
fn who_blocks_at_what_is_revoked_is_told() {
    let p = process();
    p.mkfifo("/q", mode(0o666)).unwrap();
    let fd = open(&p, "/q", OpenFlags::RDWR).unwrap();
    let answer = std::thread::scope(|scope| {
        let reader = scope.spawn(|| p.read(fd, &mut [0; 3]).map_err(|error| error.errno));
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!reader.is_finished());
        p.revoke("/q").unwrap();
        reader.join().unwrap()
    });
    assert_eq!(answer, Err(EIO));
}

#[test]
fn limits_are_those_of_the_file_system() {
    let p = process();
    put(&p, "/f", b"");
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    for (name, expected) in [
        (PathConf::LinkMax, None),
        (PathConf::NameMax, Some(255)),
        (PathConf::PathMax, Some(4096)),
        (PathConf::PipeBuf, Some(PIPE_BUF as u64)),
        (PathConf::ChownRestricted, Some(1)),
        (PathConf::NoTrunc, Some(1)),
        (PathConf::FileSizeBits, Some(64)),
        (PathConf::SymlinkMax, Some(4095)),
        (PathConf::TwoSymlinks, Some(1)),
        (PathConf::AclExtended, Some(1)),
    ] {
        assert_eq!(p.pathconf("/f", name).unwrap(), expected, "{name:?}");
        assert_eq!(p.fpathconf(fd, name).unwrap(), expected, "{name:?}");
    }
    fails(p.pathconf("/f", PathConf::MaxCanon), EINVAL);
    fails(p.pathconf("/none", PathConf::NameMax), ENOENT);
    let [read, _] = p.pipe().unwrap();
    assert_eq!(p.fpathconf(read, PathConf::PipeBuf).unwrap(), Some(PIPE_BUF as u64));
    fails(p.fpathconf(read, PathConf::NameMax), EINVAL);
    // What is said of the longest names is so.
    p.symlink("x".repeat(4095), "/l").unwrap();
    fails(p.symlink("x".repeat(4096), "/m"), ENAMETOOLONG);
    put(&p, &format!("/{}", "n".repeat(255)), b"");
    fails(open(&p, &format!("/{}", "n".repeat(256)), OpenFlags::CREAT), ENAMETOOLONG);
}

#[test]
fn mounts_are_told_as_seen_from_the_root_of_the_process() {
    let p = process();
    for dir in ["/a", "/a/b", "/c"] {
        p.mkdir(dir, mode(0o755)).unwrap();
    }
    for dir in ["/a/b", "/c"] {
        let args = MountArgs { options: "size=1m".into(), ..MountArgs::default() };
        p.mount("tmpfs", dir, args).unwrap();
    }
    let seen = |p: &rump_kern::Process| -> Vec<String> {
        let all = p.getvfsstat().unwrap();
        all.iter().map(|fs| String::from_utf8_lossy(&fs.info.target).into_owned()).collect()
    };
    assert_eq!(seen(&p), ["/", "/a/b", "/c"]);
    let of_b = p.mounted("/a/b").unwrap();
    assert_eq!((of_b.id, of_b.facts), (p.stat("/a/b").unwrap().dev, p.statvfs("/a/b").unwrap()));
    let fd = open(&p, "/a/b", OpenFlags::empty()).unwrap();
    assert_eq!(p.fmounted(fd).unwrap(), of_b);
    p.chroot("/a").unwrap();
    assert_eq!(seen(&p), ["/", "/b"]);
    p.chroot("/b").unwrap();
    assert_eq!(seen(&p), ["/"]);
    assert_eq!(p.mounted("/").unwrap().id, of_b.id);
}

#[test]
fn attributes_of_users_and_of_the_system_are_apart() {
    use ExtattrNamespace::{System, User};
    let p = process();
    put(&p, "/f", b"");
    p.symlink("f", "/l").unwrap();
    let fd = open(&p, "/f", OpenFlags::RDWR).unwrap();
    assert_eq!(p.extattr_set(ExtattrOf::File(b"/l"), User, "a", "one").unwrap(), 3);
    assert_eq!(p.extattr_set(ExtattrOf::Open(fd), System, "a", "system").unwrap(), 6);
    assert_eq!(p.extattr_get(ExtattrOf::File(b"/f"), User, "a").unwrap(), b"one");
    assert_eq!(p.extattr_get(ExtattrOf::Open(fd), System, "a").unwrap(), b"system");
    assert_eq!(p.getxattr("/f", "user.a").unwrap(), b"one");
    assert_eq!(p.extattr_list(ExtattrOf::File(b"/f"), User).unwrap(), [b"a"]);
    fails(p.extattr_get(ExtattrOf::Link(b"/l"), User, "a"), ENOATTR);
    let user = user(&p, 1);
    fails(user.extattr_get(ExtattrOf::File(b"/f"), System, "a"), EPERM);
    fails(user.extattr_list(ExtattrOf::File(b"/f"), System), EPERM);
    fails(user.extattr_set(ExtattrOf::File(b"/f"), User, "a", "x"), EACCES);
    assert_eq!(user.extattr_get(ExtattrOf::File(b"/f"), User, "a").unwrap(), b"one");
    p.chmod("/f", mode(0o600)).unwrap();
    fails(user.extattr_list(ExtattrOf::File(b"/f"), User), EACCES);
    fails(p.extattr_get(ExtattrOf::File(b"/f"), User, ""), EINVAL);
    fails(p.extattr_set(ExtattrOf::File(b"/f"), User, "n".repeat(255), ""), ENAMETOOLONG);
    p.extattr_delete(ExtattrOf::File(b"/f"), User, "a").unwrap();
    fails(p.extattr_delete(ExtattrOf::File(b"/f"), User, "a"), ENOATTR);
    let [read, _] = p.pipe().unwrap();
    fails(p.extattr_list(ExtattrOf::Open(read), User), EOPNOTSUPP);
}

#[test]
fn parts_of_files_are_synchronised_advised_on_and_discarded() {
    let p = process();
    put(&p, "/f", &[1; 9000]);
    let (fd, reader) =
        (open(&p, "/f", OpenFlags::RDWR).unwrap(), open(&p, "/f", OpenFlags::empty()).unwrap());
    p.fsync_range(fd, SyncFlags::DATASYNC, 0, 10).unwrap();
    p.fsync_range(fd, SyncFlags::FILESYNC | SyncFlags::DISKSYNC, 0, 0).unwrap();
    fails(p.fsync_range(fd, SyncFlags::DISKSYNC, 0, 0), EINVAL);
    fails(p.fsync_range(fd, SyncFlags::DATASYNC | SyncFlags::FILESYNC, 0, 0), EINVAL);
    fails(p.fsync_range(fd, SyncFlags::DATASYNC, 1 << 63, 1), EINVAL);
    fails(p.fsync_range(reader, SyncFlags::DATASYNC, 0, 0), EBADF);
    p.fadvise(fd, 0, 0, Advice::WillNeed).unwrap();
    let [read, _] = p.pipe().unwrap();
    fails(p.fadvise(read, 0, 0, Advice::Normal), ESPIPE);
    fails(p.fadvise(Fd(99), 0, 0, Advice::Normal), EBADF);
    p.fdiscard(fd, 0, 4096).unwrap();
    let mut buf = [9; 4097];
    assert_eq!(p.pread(fd, &mut buf, 0).unwrap(), 4097);
    assert!(buf[..4096].iter().all(|byte| *byte == 0) && buf[4096] == 1);
    assert_eq!(p.fstat(fd).unwrap().size, 9000);
    assert_eq!(p.fstat(fd).unwrap().flags, FileFlags::empty());
    p.symlink("f", "/l").unwrap();
    p.lchmod("/l", mode(0o700)).unwrap();
    assert_eq!((p.lstat("/l").unwrap().mode, p.stat("/l").unwrap().mode), (mode(0o700), mode(0o644)));
}
