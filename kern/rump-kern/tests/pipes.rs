//! Pipes without any family of protocols, and what calls answer for them.

mod common;

use common::*;
use rump_abi::{AllocateFlags, Errno::*, FileType, OpenFlags, PollEvents};
use rump_kern::{Fcntl, Fd, Ioctl, PIPE_BUF, PollFd};
use std::time::Duration;

#[test]
fn a_pipe_has_the_flags_that_it_was_made_with() {
    let p = process();
    let [r, w] = p.pipe2(OpenFlags::NONBLOCK | OpenFlags::CLOEXEC).unwrap();
    assert_eq!(p.fcntl(r, Fcntl::GetFl).unwrap(), OpenFlags::NONBLOCK.bits());
    assert_eq!(p.fcntl(w, Fcntl::GetFl).unwrap(), (OpenFlags::NONBLOCK | OpenFlags::WRONLY).bits());
    assert_eq!(p.fcntl(w, Fcntl::GetFd).unwrap(), 1);
    fails(p.read(r, &mut [0]), EAGAIN);
    p.ioctl(r, Ioctl::SetNonblocking { nonblocking: false }).unwrap();
    assert_eq!(p.fcntl(r, Fcntl::GetFl).unwrap(), 0);
    assert_eq!(p.ioctl(w, Ioctl::Space).unwrap(), 65_536);
    p.write(w, &[1; PIPE_BUF]).unwrap();
    assert_eq!(p.ioctl(r, Ioctl::Readable).unwrap(), PIPE_BUF);
}

#[test]
fn calls_for_files_refuse_a_pipe() {
    let p = process();
    let [r, w] = p.pipe().unwrap();
    fails(p.pread(r, &mut [0], 0), ESPIPE);
    fails(p.pwrite(w, &[0], 0), ESPIPE);
    fails(p.fallocate(w, AllocateFlags::empty(), 0, 1), ESPIPE);
    fails(p.fgetxattr(r, "user.a"), ENOTSUP);
    fails(p.fchmod(r, mode(0o600)), EINVAL);
    fails(p.fstatvfs(r), EINVAL);
    fails(p.getdents(r, &mut |_| true), ENOTDIR);
    fails(p.openat(Some(r), "f", OpenFlags::empty(), mode(0)), ENOTDIR);
    fails(p.kevent(r, &[], 1, None), EBADF);
}

#[test]
fn pipes_are_told_apart() {
    let p = process();
    let [first, second] = [p.pipe().unwrap(), p.pipe().unwrap()];
    let stats = [first[0], first[1], second[0]].map(|fd| p.fstat(fd).unwrap());
    assert!(stats.iter().all(|stat| stat.file_type == FileType::Fifo));
    assert_eq!(stats[0].ino, stats[1].ino);
    assert_ne!(stats[0].ino, stats[2].ino);
}

#[test]
fn a_fifo_has_the_attributes_of_its_node() {
    let p = process();
    p.mkfifo("/fifo", mode(0o640)).unwrap();
    let fd = p.open("/fifo", OpenFlags::RDWR, mode(0)).unwrap();
    assert_eq!(p.fstat(fd).unwrap(), p.stat("/fifo").unwrap());
    p.fchmod(fd, mode(0o600)).unwrap();
    assert_eq!(p.stat("/fifo").unwrap().mode, mode(0o600));
    let user = user(&p, 7);
    fails(user.open("/fifo", OpenFlags::NONBLOCK, mode(0)), EACCES);
}

#[test]
fn poll_passes_over_nothing_and_tells_of_what_is_not_open() {
    let p = process();
    let [r, w] = p.pipe().unwrap();
    p.write(w, b"x").unwrap();
    let mut fds = [
        PollFd::new(r, PollEvents::RDNORM),
        PollFd::new(Fd(99), PollEvents::IN),
        PollFd::new(r, PollEvents::IN),
    ];
    fds[2].fd = None;
    assert_eq!(p.poll(&mut fds, None).unwrap(), 2);
    assert_eq!(fds.map(|fd| fd.revents), [PollEvents::RDNORM, PollEvents::NVAL, PollEvents::empty()]);
    assert_eq!(p.poll(&mut [], Some(Duration::ZERO)).unwrap(), 0);
}

#[test]
fn a_forked_process_keeps_the_pipe_open() {
    let p = process();
    let [r, w] = p.pipe().unwrap();
    let child = p.fork();
    p.close(w).unwrap();
    child.write(w, b"from the child").unwrap();
    child.exit();
    let mut bytes = [0; 99];
    assert_eq!(p.read(r, &mut bytes).unwrap(), 14);
    assert_eq!(p.read(r, &mut bytes).unwrap(), 0);
}

#[test]
fn a_fifo_ends_for_a_reader_whose_writer_was_there_first() {
    let p = process();
    p.mkfifo("/fifo", mode(0o600)).unwrap();
    let both = p.open("/fifo", OpenFlags::RDWR, mode(0)).unwrap();
    let writer = p.open("/fifo", OpenFlags::WRONLY | OpenFlags::NONBLOCK, mode(0)).unwrap();
    p.close(both).unwrap();
    let reader = p.open("/fifo", OpenFlags::NONBLOCK, mode(0)).unwrap();
    let told = || {
        let mut fds = [PollFd::new(reader, PollEvents::IN)];
        p.poll(&mut fds, Some(Duration::ZERO)).unwrap();
        fds[0].revents
    };
    assert_eq!(told(), PollEvents::empty());
    p.close(writer).unwrap();
    assert_eq!(told(), PollEvents::HUP);
    // One who opens it now has not seen anybody yet.
    let later = p.open("/fifo", OpenFlags::NONBLOCK, mode(0)).unwrap();
    p.close(reader).unwrap();
    assert_eq!(p.poll(&mut [PollFd::new(later, PollEvents::IN)], Some(Duration::ZERO)).unwrap(), 0);
}
