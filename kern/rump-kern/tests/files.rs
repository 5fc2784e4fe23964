//! Opening, reading, writing and seeking.

mod common;

use common::*;
use rump_abi::{Errno::*, OpenFlags};
use rump_kern::{Fcntl, Fd, Whence};

#[test]
fn what_was_written_is_read() {
    let p = process();
    put(&p, "/f", b"hello");
    assert_eq!(get(&p, "/f"), b"hello");
}

#[test]
fn open_takes_the_lowest_free_number() {
    let p = process();
    put(&p, "/f", b"");
    let fds: Vec<_> = (0..3).map(|_| open(&p, "/f", OpenFlags::empty()).unwrap()).collect();
    assert_eq!(fds, [Fd(0), Fd(1), Fd(2)]);
    p.close(Fd(1)).unwrap();
    assert_eq!(p.dup(Fd(2)).unwrap(), Fd(1));
}

#[test]
fn too_many_descriptors_are_refused() {
    let p = process();
    put(&p, "/f", b"");
    for _ in 0..1024 {
        open(&p, "/f", OpenFlags::empty()).unwrap();
    }
    fails(open(&p, "/f", OpenFlags::empty()), EMFILE);
}

#[test]
fn a_closed_descriptor_is_bad() {
    let p = process();
    fails(p.close(Fd(0)), EBADF);
    fails(p.read(Fd(7), &mut [0]), EBADF);
    fails(p.fstat(Fd(u32::MAX)), EBADF);
}

#[test]
fn reading_a_directory_fails() {
    let p = process();
    let fd = open(&p, "/", OpenFlags::empty()).unwrap();
    fails(p.read(fd, &mut [0]), EISDIR);
}

#[test]
fn writing_a_directory_cannot_be_opened() {
    let p = process();
    fails(open(&p, "/", OpenFlags::RDWR), EISDIR);
    fails(open(&p, "/", OpenFlags::CREAT), EISDIR);
}

#[test]
fn the_access_mode_binds() {
    let p = process();
    put(&p, "/f", b"x");
    let r = open(&p, "/f", OpenFlags::empty()).unwrap();
    let w = open(&p, "/f", OpenFlags::WRONLY).unwrap();
    fails(p.write(r, b"y"), EBADF);
    fails(p.read(w, &mut [0]), EBADF);
    fails(p.ftruncate(r, 0), EINVAL);
}

#[test]
fn both_access_bits_are_invalid() {
    let p = process();
    fails(open(&p, "/f", OpenFlags::WRONLY | OpenFlags::RDWR), EINVAL);
}

#[test]
fn exclusive_creation_fails_on_a_file_and_on_a_link() {
    let p = process();
    put(&p, "/f", b"");
    p.symlink("/none", "/l").unwrap();
    let flags = OpenFlags::CREAT | OpenFlags::EXCL;
    fails(open(&p, "/f", flags), EEXIST);
    fails(open(&p, "/l", flags), EEXIST);
}

#[test]
fn creation_through_a_dangling_link_makes_its_target() {
    let p = process();
    p.symlink("/target", "/l").unwrap();
    put(&p, "/l", b"x");
    assert_eq!(get(&p, "/target"), b"x");
}

#[test]
fn nofollow_refuses_a_link() {
    let p = process();
    p.symlink("/f", "/l").unwrap();
    fails(open(&p, "/l", OpenFlags::NOFOLLOW), ELOOP);
}

#[test]
fn directory_refuses_a_file() {
    let p = process();
    put(&p, "/f", b"");
    fails(open(&p, "/f", OpenFlags::DIRECTORY), ENOTDIR);
}

#[test]
fn truncation_at_open_empties() {
    let p = process();
    put(&p, "/f", b"long");
    open(&p, "/f", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(p.stat("/f").unwrap().size, 0);
}

#[test]
fn append_writes_at_the_end_wherever_the_offset_is() {
    let p = process();
    put(&p, "/f", b"ab");
    let fd = open(&p, "/f", OpenFlags::WRONLY | OpenFlags::APPEND).unwrap();
    p.lseek(fd, 0, Whence::Set).unwrap();
    p.write(fd, b"cd").unwrap();
    assert_eq!(get(&p, "/f"), b"abcd");
}

#[test]
fn duplicates_share_the_offset() {
    let p = process();
    put(&p, "/f", b"abcd");
    let a = open(&p, "/f", OpenFlags::empty()).unwrap();
    let b = p.dup(a).unwrap();
    let child = p.fork();
    p.read(a, &mut [0; 2]).unwrap();
    assert_eq!(p.lseek(b, 0, Whence::Cur).unwrap(), 2);
    assert_eq!(child.lseek(a, 0, Whence::Cur).unwrap(), 2);
}

#[test]
fn dup2_replaces() {
    let p = process();
    put(&p, "/f", b"x");
    let a = open(&p, "/f", OpenFlags::empty()).unwrap();
    assert_eq!(p.dup2(a, Fd(9)).unwrap(), Fd(9));
    assert_eq!(p.read(Fd(9), &mut [0]).unwrap(), 1);
    fails(p.dup2(a, Fd(1024)), EBADF);
    fails(p.dup2(Fd(5), a), EBADF);
}

#[test]
fn positioned_io_leaves_the_offset() {
    let p = process();
    put(&p, "/f", b"abcd");
    let fd = open(&p, "/f", OpenFlags::RDWR).unwrap();
    let mut buf = [0; 2];
    assert_eq!(p.pread(fd, &mut buf, 2).unwrap(), 2);
    assert_eq!(&buf, b"cd");
    p.pwrite(fd, b"X", 0).unwrap();
    assert_eq!(p.lseek(fd, 0, Whence::Cur).unwrap(), 0);
    fails(p.pread(fd, &mut buf, u64::MAX), EINVAL);
}

#[test]
fn vectors_are_one_stream() {
    let p = process();
    let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    assert_eq!(p.writev(fd, &[b"ab", b"", b"cd"]).unwrap(), 4);
    let (mut a, mut b) = ([0; 3], [0; 3]);
    assert_eq!(p.preadv(fd, &mut [&mut a, &mut b], 0).unwrap(), 4);
    assert_eq!((&a, b[0]), (b"abc", b'd'));
}

#[test]
fn seeking_checks_its_range() {
    let p = process();
    put(&p, "/f", b"abcd");
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    assert_eq!(p.lseek(fd, -1, Whence::End).unwrap(), 3);
    fails(p.lseek(fd, -1, Whence::Set), EINVAL);
    fails(p.lseek(fd, i64::MAX, Whence::Cur), EOVERFLOW);
    fails(p.lseek(fd, 4, Whence::Data), ENXIO);
    assert_eq!(p.lseek(fd, 0, Whence::Hole).unwrap(), 4);
}

#[test]
fn writing_beyond_the_largest_offset_fails() {
    let p = process();
    let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    fails(p.pwrite(fd, b"ab", i64::MAX as u64), EFBIG);
}

#[test]
fn flags_are_answered_and_changed() {
    let p = process();
    put(&p, "/f", b"");
    let fd = open(&p, "/f", OpenFlags::RDWR | OpenFlags::CLOEXEC).unwrap();
    assert_eq!(p.fcntl(fd, Fcntl::GetFd).unwrap(), 1);
    p.fcntl(fd, Fcntl::SetFl(OpenFlags::APPEND)).unwrap();
    assert_eq!(p.fcntl(fd, Fcntl::GetFl).unwrap(), (OpenFlags::RDWR | OpenFlags::APPEND).bits());
    assert_eq!(p.fcntl(fd, Fcntl::DupFd(10)).unwrap(), 10);
}

#[test]
fn an_unlinked_file_lives_while_open() {
    let p = process();
    put(&p, "/f", b"abc");
    let fd = open(&p, "/f", OpenFlags::RDWR).unwrap();
    p.unlink("/f").unwrap();
    assert_eq!(p.fstat(fd).unwrap().nlink, 0);
    assert_eq!(p.read(fd, &mut [0; 9]).unwrap(), 3);
    fails(p.stat("/f"), ENOENT);
}

#[test]
fn truncation_extends_with_zeros() {
    let p = process();
    put(&p, "/f", b"a");
    p.truncate("/f", 3).unwrap();
    assert_eq!(get(&p, "/f"), b"a\0\0");
    fails(p.truncate("/", 0), EISDIR);
}

#[test]
fn directories_are_read_in_steps() {
    let p = process();
    for n in 0..50 {
        put(&p, &format!("/f{n}"), b"");
    }
    let fd = open(&p, "/", OpenFlags::empty()).unwrap();
    let mut seen = 0;
    loop {
        let before = seen;
        p.getdents(fd, &mut |_| {
            seen += 1;
            false
        })
        .unwrap();
        if seen == before {
            break;
        }
    }
    assert_eq!(seen, 52);
}

#[test]
fn getdents_of_a_file_fails() {
    let p = process();
    put(&p, "/f", b"");
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    fails(p.getdents(fd, &mut |_| true), ENOTDIR);
}

#[test]
fn a_process_that_ended_has_nothing() {
    let p = process();
    put(&p, "/f", b"");
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    p.exit();
    fails(p.fstat(fd), EBADF);
    fails(p.stat("/"), ESRCH);
}
