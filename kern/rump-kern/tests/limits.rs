//! Limits of resources.

mod common;

use common::*;
use rump_abi::{Errno::*, OpenFlags, Resource, ResourceLimit};
use rump_kern::{Fd, ForkDescriptors, OPEN_MAX, OPEN_MAX_LIMIT};

const fn limit(soft: u64, hard: u64) -> ResourceLimit {
    ResourceLimit { soft, hard }
}

#[test]
fn nothing_but_descriptors_is_limited_at_first() {
    let p = process();
    for resource in Resource::ALL {
        let expected = match resource {
            Resource::OpenFiles => limit(OPEN_MAX.into(), OPEN_MAX_LIMIT.into()),
            _ => ResourceLimit::NONE,
        };
        assert_eq!(p.getrlimit(resource), expected, "{resource:?}");
    }
}

#[test]
fn hard_limits_are_raised_by_the_superuser_alone() {
    let p = process();
    let user = user(&p, 1);
    for resource in Resource::ALL {
        fails(p.setrlimit(resource, limit(7, 6)), EINVAL);
        user.setrlimit(resource, limit(3, 6)).unwrap();
        user.setrlimit(resource, limit(6, 6)).unwrap();
        fails(user.setrlimit(resource, limit(3, 7)), EPERM);
        assert_eq!(user.getrlimit(resource), limit(6, 6));
        assert_eq!(user.fork().getrlimit(resource), limit(6, 6));
        user.seteuid(1).unwrap();
        p.setrlimit(resource, limit(3, 6)).unwrap();
        p.setrlimit(resource, limit(3, 7)).unwrap();
    }
}

#[test]
fn descriptors_end_at_the_soft_limit() {
    let p = process();
    p.setrlimit(Resource::OpenFiles, limit(2, 4)).unwrap();
    let fd = open(&p, "/f", OpenFlags::CREAT).unwrap();
    p.dup(fd).unwrap();
    fails(p.dup(fd), EMFILE);
    fails(p.dup2(fd, Fd(2)), EBADF);
    p.setrlimit(Resource::OpenFiles, limit(4, 4)).unwrap();
    p.dup2(fd, Fd(3)).unwrap();
    p.setrlimit(Resource::OpenFiles, limit(0, 4)).unwrap();
    p.fstat(Fd(3)).unwrap();
    fails(p.dup(Fd(3)), EMFILE);
}

#[test]
fn no_limit_of_descriptors_is_more_than_there_can_be() {
    let p = process();
    p.setrlimit(Resource::OpenFiles, ResourceLimit::NONE).unwrap();
    let most = u64::from(OPEN_MAX_LIMIT);
    assert_eq!(p.getrlimit(Resource::OpenFiles), limit(most, most));
}

#[test]
fn the_embedder_raises_the_hard_limit_too() {
    let p = process();
    p.setrlimit(Resource::OpenFiles, limit(5, 5)).unwrap();
    p.set_open_max(9).unwrap();
    assert_eq!(p.getrlimit(Resource::OpenFiles), limit(9, 9));
    let empty = p.fork_with(ForkDescriptors::Empty);
    assert_eq!(empty.getrlimit(Resource::OpenFiles), limit(9, 9));
}

#[test]
fn what_is_longer_than_the_limit_stays_and_is_read() {
    let p = process();
    put(&p, "/f", &[7; 100]);
    p.setrlimit(Resource::FileSize, limit(10, 10)).unwrap();
    let fd = open(&p, "/f", OpenFlags::RDWR | OpenFlags::APPEND).unwrap();
    fails(p.write(fd, b"x"), EFBIG);
    fails(p.truncate("/f", 101), EFBIG);
    p.truncate("/f", 50).unwrap();
    assert_eq!(get(&p, "/f").len(), 50);
    p.truncate("/f", 8).unwrap();
    assert_eq!(p.writev(fd, &[b"a", b"bcd"]).unwrap(), 2);
    assert_eq!(get(&p, "/f").len(), 10);
}

#[test]
fn pipes_have_no_length() {
    let p = process();
    p.setrlimit(Resource::FileSize, limit(0, 0)).unwrap();
    let [read, write] = p.pipe().unwrap();
    assert_eq!(p.write(write, b"abc").unwrap(), 3);
    assert_eq!(p.read(read, &mut [0; 9]).unwrap(), 3);
}
