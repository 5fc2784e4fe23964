//! Descriptors: duplicates, flags, locks, pipes, waiting for several.

use crate::rig::Rig;
use crate::same;
use rump_abi::event::{Event, EventFlags, Filter};
use rump_abi::{AllocateFlags, Errno, Mode, OpenFlags, PollEvents, SyncFlags};
use rump_kern::{Advice, Fcntl, Fd, FdSet, Ioctl, LockKind, LockRange, PollFd};
use std::time::Duration;

const RW: OpenFlags = OpenFlags::RDWR.union(OpenFlags::CREAT);
const MODE: Mode = Mode::new(0o640);

#[test]
fn duplicates_and_flags_are_those_of_here() {
    let rig = Rig::new();
    let fd = same!(rig, |process| process.open("/f", RW, MODE)).unwrap();
    let other = same!(rig, |process| process.dup(fd)).unwrap();
    same!(rig, |process| process.dup2(fd, Fd(20))).unwrap();
    same!(rig, |process| process.dup3(fd, Fd(21), OpenFlags::CLOEXEC)).unwrap();
    for number in [fd, other, Fd(20), Fd(21), Fd(22)] {
        same!(rig, |process| process.fcntl(number, Fcntl::GetFd)).ok();
        same!(rig, |process| process.fcntl(number, Fcntl::GetFl)).ok();
        same!(rig, |process| process.fcntl(number, Fcntl::DupFd(40))).ok();
        same!(rig, |process| process.fcntl(number, Fcntl::SetFd { cloexec: true })).ok();
        same!(rig, |process| process.fcntl(number, Fcntl::SetFl(OpenFlags::NONBLOCK))).ok();
        same!(rig, |process| process.fcntl(number, Fcntl::GetFl)).ok();
        same!(rig, |process| process.fsync(number)).ok();
        same!(rig, |process| process.fdatasync(number)).ok();
        same!(rig, |process| process.fsync_range(number, SyncFlags::empty(), 0, 0)).ok();
        same!(rig, |process| process.fadvise(number, 0, 10, Advice::Random)).ok();
        same!(rig, |process| process.fallocate(number, AllocateFlags::empty(), 0, 100)).ok();
        same!(rig, |process| process.ioctl(number, Ioctl::Readable)).ok();
        same!(rig, |process| process.close(number)).ok();
    }
    same!(rig, |process| process.dup3(Fd(60), Fd(60), OpenFlags::empty())).unwrap_err();
}

#[test]
fn locks_keep_others_out() {
    let rig = Rig::new();
    let fd = same!(rig, |process| process.open("/f", RW, MODE)).unwrap();
    let range = LockRange { start: 3, length: 5, ..LockRange::ALL };
    rig.there.setlk(fd, Some(LockKind::Exclusive), range).unwrap();
    let held = rig.here.getlk(fd, LockKind::Shared, LockRange::ALL).unwrap().unwrap();
    assert_eq!((held.start, held.length, held.pid), (3, 5, Some(rig.there.pid().unwrap())));
    assert_eq!(rig.here.setlk(fd, Some(LockKind::Shared), range).unwrap_err().errno, Errno::EAGAIN);
    rig.there.setlk(fd, None, range).unwrap();
    rig.here.setlk(fd, Some(LockKind::Shared), LockRange::ALL).unwrap();
    let held = rig.there.getlk(fd, LockKind::Exclusive, range).unwrap().unwrap();
    assert_eq!((held.kind, held.pid), (LockKind::Shared, Some(rig.here.pid())));
    assert_eq!(rig.there.getlk(fd, LockKind::Shared, range).unwrap(), None);
    rig.here.setlk(fd, None, LockRange::ALL).unwrap();
    rig.here.flock(fd, Some(LockKind::Exclusive)).unwrap();
    assert_eq!(rig.there.try_flock(fd, Some(LockKind::Shared)).unwrap_err().errno, Errno::EAGAIN);
    rig.here.flock(fd, None).unwrap();
    rig.there.flock(fd, Some(LockKind::Shared)).unwrap();
}

#[test]
fn who_waits_hears_of_what_comes() {
    let rig = Rig::new();
    let there = &rig.there;
    let [reading, writing] = there.pipe2(OpenFlags::NONBLOCK).unwrap();
    let poll = || {
        let mut fds = [PollFd::new(reading, PollEvents::IN), PollFd::new(Fd(99), PollEvents::IN)];
        fds[1].fd = None;
        let count = there.poll(&mut fds, Some(Duration::ZERO)).unwrap();
        (count, fds[0].revents, fds[1].revents)
    };
    assert_eq!(poll(), (0, PollEvents::empty(), PollEvents::empty()));
    let queue = there.kqueue().unwrap();
    let ident = reading.0.into();
    let event = Event { ident, filter: Filter::Read, flags: EventFlags::ADD, fflags: 0, data: 0, udata: 77 };
    assert!(there.kevent(queue, &[event], 0, None).unwrap().is_empty());
    assert!(there.kevent(queue, &[], 4, Some(Duration::ZERO)).unwrap().is_empty());
    assert_eq!(there.read(reading, &mut [0; 4]).unwrap_err().errno, Errno::EAGAIN);
    there.write(writing, b"abc").unwrap();
    assert_eq!(poll(), (1, PollEvents::IN, PollEvents::empty()));
    let found = there.kevent(queue, &[], 4, None).unwrap();
    assert_eq!((found.len(), found[0].ident, found[0].data, found[0].udata), (1, ident, 3, 77));
    assert_eq!(there.ioctl(reading, Ioctl::Readable).unwrap(), 3);
    let mut read: FdSet = [reading, writing].into_iter().collect();
    let mut write: FdSet = [writing].into_iter().collect();
    let mut except = FdSet::default();
    assert_eq!(there.select(&mut read, &mut write, &mut except, None).unwrap(), 2);
    assert_eq!(read.iter().collect::<Vec<_>>(), [reading]);
    assert_eq!(write.iter().collect::<Vec<_>>(), [writing]);
    let mut fds = [PollFd::new(Fd(99), PollEvents::IN)];
    assert_eq!(there.poll(&mut fds, None).unwrap(), 1);
    assert_eq!(fds[0].revents, PollEvents::NVAL);
}
