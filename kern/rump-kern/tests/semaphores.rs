//! Semaphores: names and numbers, permissions, and waiting.

mod common;

use common::*;
use rump_abi::{Errno::*, OpenFlags, TimeSpec};
use rump_host_sim::SimHost;
use rump_kern::{Kernel, Process, SEM_VALUE_MAX, SemaphoreId, Sharing};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

const CREATE: OpenFlags = OpenFlags::CREAT;
const NONE: OpenFlags = OpenFlags::empty();

fn boot() -> (Arc<SimHost>, Process) {
    let host = SimHost::new(1);
    let kernel = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component()).boot().unwrap();
    (host, kernel.process())
}

fn drive<T>(host: &SimHost, thread: JoinHandle<T>, mut meanwhile: impl FnMut()) -> T {
    while !thread.is_finished() {
        meanwhile();
        host.advance(Duration::from_millis(10));
        std::thread::yield_now();
    }
    thread.join().unwrap()
}

#[test]
fn it_counts_and_refuses_at_its_ends() {
    let (_, p) = boot();
    for sharing in [Sharing::Private, Sharing::Shared] {
        let s = p.ksem_init(1, sharing).unwrap();
        p.ksem_wait(s).unwrap();
        fails(p.ksem_trywait(s), EAGAIN);
        p.ksem_post(s).unwrap();
        p.ksem_post(s).unwrap();
        assert_eq!(p.ksem_getvalue(s).unwrap(), 2);
        p.ksem_destroy(s).unwrap();
        for answer in [p.ksem_post(s), p.ksem_wait(s), p.ksem_trywait(s), p.ksem_destroy(s), p.ksem_close(s)]
        {
            fails(answer, EINVAL);
        }
        fails(p.ksem_init(SEM_VALUE_MAX + 1, sharing), EINVAL);
    }
    let full = p.ksem_init(SEM_VALUE_MAX, Sharing::Private).unwrap();
    fails(p.ksem_post(full), EOVERFLOW);
}

#[test]
fn a_name_leads_every_process_to_the_same_semaphore() {
    let (_, p) = boot();
    let s = p.ksem_open("/s", CREATE, mode(0o600), 3).unwrap();
    fails(p.ksem_open("/s", CREATE | OpenFlags::EXCL, mode(0o600), 3), EEXIST);
    let other = p.fork();
    let of_other = other.ksem_open("/s", CREATE, mode(0o600), 77).unwrap();
    other.ksem_wait(of_other).unwrap();
    assert_eq!(p.ksem_getvalue(s).unwrap(), 2);
    fails(p.ksem_destroy(s), EINVAL);
    p.ksem_unlink("/s").unwrap();
    fails(p.ksem_open("/s", NONE, mode(0), 0), ENOENT);
    let new = p.ksem_open("/s", CREATE, mode(0o600), 9).unwrap();
    p.ksem_post(s).unwrap();
    assert_eq!((other.ksem_getvalue(of_other).unwrap(), p.ksem_getvalue(new).unwrap()), (3, 9));
    p.ksem_close(s).unwrap();
    fails(p.ksem_close(s), EINVAL);
    // Numbers are used again, and a named one outlives those who had it open.
    assert_eq!(p.ksem_open("/s", NONE, mode(0), 0).unwrap(), s);
    p.exit();
    other.exit();
    fails(other.ksem_open("/s", NONE, mode(0), 0), ESRCH);
}

#[test]
fn names_are_a_slash_and_a_component() {
    let (_, p) = boot();
    for name in ["", "/", "s", "/a/b", "//s"] {
        fails(p.ksem_open(name, CREATE, mode(0o600), 0), EINVAL);
        fails(p.ksem_unlink(name), EINVAL);
    }
    let long = format!("/{}", "x".repeat(255));
    fails(p.ksem_open(&long, CREATE, mode(0o600), 0), ENAMETOOLONG);
    p.ksem_open(&long[..255], CREATE, mode(0o600), 0).unwrap();
    fails(p.ksem_open("/s", CREATE | OpenFlags::RDWR, mode(0o600), 0), EINVAL);
    fails(p.ksem_open("/s", CREATE, mode(0o600), SEM_VALUE_MAX + 1), EINVAL);
}

#[test]
fn a_mode_and_the_umask_say_who_may_open_and_unlink() {
    let (_, p) = boot();
    let owner = user(&p, 5);
    owner.umask(mode(0o002));
    owner.ksem_open("/own", CREATE, mode(0o200), 0).unwrap();
    owner.ksem_open("/group", CREATE, mode(0o020), 0).unwrap();
    owner.ksem_open("/all", CREATE, mode(0o222), 0).unwrap();
    let (member, stranger) = (user(&p, 6), user(&p, 7));
    member.set_credentials(rump_kern::Credentials { uid: 6, gid: 6, groups: vec![5] });
    let may =
        |p: &Process| ["/own", "/group", "/all"].map(|name| p.ksem_open(name, NONE, mode(0), 0).is_ok());
    assert_eq!(may(&owner), [true, false, true]);
    assert_eq!(may(&member), [false, true, true]);
    // The umask took the right of others.
    assert_eq!(may(&stranger), [false; 3]);
    assert_eq!(may(&p), [true; 3]);
    fails(stranger.ksem_open("/own", NONE, mode(0), 0), EACCES);
    fails(stranger.ksem_unlink("/all"), EACCES);
    member.ksem_unlink("/all").unwrap();
}

#[test]
fn a_number_is_of_its_process_and_its_children_unless_it_is_shared() {
    let (_, p) = boot();
    let private = p.ksem_init(0, Sharing::Private).unwrap();
    let shared = p.ksem_init(0, Sharing::Shared).unwrap();
    let child = p.fork();
    child.ksem_post(private).unwrap();
    child.ksem_post(shared).unwrap();
    p.ksem_wait(private).unwrap();
    p.ksem_wait(shared).unwrap();
    let stranger = user(&p, 9);
    stranger.exit();
    let kernel = p.fork();
    let later = child.ksem_init(0, Sharing::Private).unwrap();
    fails(kernel.ksem_getvalue(later), EINVAL);
    let user = user(&p, 9);
    fails(user.ksem_destroy(shared), EPERM);
    p.exit();
    fails(child.ksem_getvalue(shared), EINVAL);
    assert_eq!(child.ksem_getvalue(private).unwrap(), 0);
}

#[test]
fn waiting_ends_by_a_post_an_interruption_a_moment_or_the_end() {
    let (host, p) = boot();
    let s = p.ksem_init(0, Sharing::Shared).unwrap();
    let waiting = |p: &Process| {
        let p = p.clone();
        std::thread::spawn(move || p.ksem_wait(s))
    };
    let thread = waiting(&p);
    p.ksem_post(s).unwrap();
    thread.join().unwrap().unwrap();
    let thread = waiting(&p);
    fails(drive(&host, thread, || p.interrupt()), EINTR);
    let until = |sec| TimeSpec { sec, nsec: 0 };
    fails(p.ksem_timedwait(s, until(5)), ETIMEDOUT);
    fails(p.ksem_timedwait(s, TimeSpec { sec: 5, nsec: 1_000_000_000 }), EINVAL);
    let timed = p.clone();
    let thread = std::thread::spawn(move || timed.ksem_timedwait(s, until(1_000_000_500)));
    fails(drive(&host, thread, || ()), ETIMEDOUT);
    assert!(p.gettimeofday().unwrap() >= until(1_000_000_500));
    p.ksem_post(s).unwrap();
    p.ksem_timedwait(s, TimeSpec { sec: 0, nsec: u32::MAX }).unwrap();
    let other = p.fork();
    let thread = waiting(&other);
    let mut is_over = false;
    let answer = drive(&host, thread, || {
        if !is_over {
            is_over = true;
            p.exit();
        }
    });
    fails(answer, EINVAL);
}

#[test]
fn one_that_somebody_waits_for_is_not_destroyed() {
    let (_, p) = boot();
    for attempt in 0.. {
        let s = p.ksem_init(0, Sharing::Private).unwrap();
        let waiter = p.clone();
        let thread = std::thread::spawn(move || waiter.ksem_wait(s));
        std::thread::sleep(Duration::from_millis(attempt));
        if p.ksem_destroy(s).is_err_and(|error| error.errno == EBUSY) {
            p.ksem_post(s).unwrap();
            thread.join().unwrap().unwrap();
            return p.ksem_destroy(s).unwrap();
        }
        // It was destroyed before the other came to wait.
        fails(thread.join().unwrap(), EINVAL);
    }
}

#[test]
fn every_post_lets_one_wait_go_on() {
    let (_, p) = boot();
    let s = p.ksem_open("/many", CREATE, mode(0o600), 0).unwrap();
    let spawn = |call: fn(&Process, SemaphoreId)| {
        let p = p.clone();
        std::thread::spawn(move || (0..2_000).for_each(|_| call(&p, s)))
    };
    let waiting: Vec<_> = (0..4).map(|_| spawn(|p, s| p.ksem_wait(s).unwrap())).collect();
    let posting: Vec<_> = (0..4).map(|_| spawn(|p, s| p.ksem_post(s).unwrap())).collect();
    waiting.into_iter().chain(posting).for_each(|thread| thread.join().unwrap());
    assert_eq!(p.ksem_getvalue(s).unwrap(), 0);
}

#[test]
fn there_is_an_end_to_how_many_there_are() {
    let (_, p) = boot();
    let all: Vec<_> = (0..1024).map(|_| p.ksem_init(0, Sharing::Private).unwrap()).collect();
    fails(p.ksem_init(0, Sharing::Private), EMFILE);
    p.ksem_destroy(all[500]).unwrap();
    assert_eq!(p.ksem_init(0, Sharing::Private).unwrap(), all[500]);
    for number in 1024..8192 {
        p.ksem_init(0, Sharing::Shared).unwrap_or_else(|error| panic!("{number}: {error:?}"));
    }
    fails(p.ksem_init(0, Sharing::Shared), ENOSPC);
    fails(p.ksem_open("/s", CREATE, mode(0o600), 0), ENOSPC);
    p.ksem_destroy(all[0]).unwrap();
    p.ksem_open("/s", CREATE, mode(0o600), 0).unwrap();
}
