//! Duplicates of descriptors and their flags.

mod common;

use common::*;
use rump_abi::{Errno::*, OpenFlags};
use rump_kern::{Fcntl, Fd};

#[test]
fn dup3_sets_flags_unless_both_are_one() {
    let p = process();
    let fd = open(&p, "/f", OpenFlags::CREAT).unwrap();
    let to = p.dup3(fd, Fd(5), OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::NOSIGPIPE).unwrap();
    assert_eq!((p.fcntl(to, Fcntl::GetFd).unwrap(), p.fcntl(fd, Fcntl::GetFd).unwrap()), (1, 0));
    assert_eq!(p.fcntl(fd, Fcntl::GetFl).unwrap(), OpenFlags::NONBLOCK.bits());
    assert_eq!(p.fcntl(fd, Fcntl::GetNoSigPipe).unwrap(), 1);
    p.dup3(fd, fd, OpenFlags::CLOEXEC).unwrap();
    assert_eq!(p.fcntl(fd, Fcntl::GetFd).unwrap(), 0);
    fails(p.dup3(fd, Fd(5), OpenFlags::APPEND), EINVAL);
    fails(p.dup3(Fd(9), Fd(5), OpenFlags::empty()), EBADF);
}

#[test]
fn no_signal_is_a_flag_of_the_open_file() {
    let p = process();
    let [_, write] = p.pipe2(OpenFlags::NOSIGPIPE).unwrap();
    let copy = p.dup(write).unwrap();
    assert_eq!(p.fcntl(copy, Fcntl::GetNoSigPipe).unwrap(), 1);
    p.fcntl(copy, Fcntl::SetNoSigPipe { no_sigpipe: false }).unwrap();
    assert_eq!(p.fcntl(write, Fcntl::GetNoSigPipe).unwrap(), 0);
}

#[test]
fn closefrom_leaves_those_below() {
    let p = process();
    assert_eq!(p.max_fd(), None);
    let fd = open(&p, "/f", OpenFlags::CREAT).unwrap();
    for to in [1, 2, 70, 900] {
        p.dup2(fd, Fd(to)).unwrap();
    }
    assert_eq!(p.max_fd(), Some(Fd(900)));
    p.closefrom(Fd(2));
    assert_eq!(p.max_fd(), Some(Fd(1)));
    p.closefrom(Fd(0));
    p.closefrom(Fd(0));
    assert_eq!(p.max_fd(), None);
}
