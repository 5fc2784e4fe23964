//! Peers that are killed at any instant, with the lock, or while they write.

use crate::rig::{
    FORMATS, Inbox, PATIENCE, Scratch, at, check_echo, echo_once, frame, kernel, listen, open, options, send,
};
use rump_host_posix::PosixHost;
use rump_hyper::HostMemory;
use rumpnet_shmif::{Begin, Format, Options};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often a peer is killed in each format.
fn deaths() -> u32 {
    std::env::var("RUMP_BUS_DEATHS").map_or(100, |count| count.parse().unwrap())
}

/// A process that writes frames of all lengths without end.
fn writer(path: &Path, format: Format) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "death::write_for_ever", "--nocapture"])
        .env("RUMP_BUS_WRITER", path)
        .env("RUMP_BUS_FORMAT", if format == Format::Lanes { "lanes" } else { "compatible" })
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the process does; without a word from its parent, nothing.
#[test]
fn write_for_ever() {
    let Some(path) = std::env::var_os("RUMP_BUS_WRITER") else { return };
    let lanes = std::env::var("RUMP_BUS_FORMAT").is_ok_and(|format| format == "lanes");
    let device = open(path.as_ref(), &options(if lanes { Format::Lanes } else { Format::Compatible }));
    for number in 0.. {
        let frames = (0..20).map(|index| frame(0xdead, 60 + (number * 20 + index) * 7919 % 1455));
        send(&*device, frames);
    }
}

/// Milliseconds that follow from a seed, so that deaths fall anywhere.
fn some_time(seed: u32) -> Duration {
    Duration::from_micros(u64::from(seed.wrapping_mul(2_654_435_761) >> 16) % 8000)
}

#[test]
fn peers_that_are_killed_while_they_write_stop_nobody() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &options(format)));
        let inbox = Inbox::of(&*receiver);
        let (mut held, mut slowest) = (0, Duration::ZERO);
        for death in 0..deaths() {
            let mut children = [(); 2].map(|()| writer(&scratch.0, format));
            assert!(inbox.sees(&frame(0xdead, 60)[..18], PATIENCE), "{format:?} {death}: it writes");
            std::thread::sleep(some_time(death));
            for child in &mut children {
                child.kill().unwrap();
                assert_eq!(child.wait().unwrap().signal(), Some(9));
            }
            let lock = u32::from_ne_bytes(scratch.bytes()[24..28].try_into().unwrap());
            held += u32::from(lock != 0);
            let start = Instant::now();
            send(&*sender, [frame(death, 99)]);
            assert!(inbox.sees(&frame(death, 99), PATIENCE), "{format:?} {death}: the others go on");
            slowest = slowest.max(start.elapsed());
        }
        eprintln!(
            "{format:?}: {} deaths, {held} with the lock; at most {slowest:?} until the next frame",
            deaths()
        );
    }
}

#[test]
fn connections_of_others_live_through_the_death_of_a_peer() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [server, client] = [1, 2].map(|number| kernel(&scratch.0, format, number));
        let process = server.process();
        let fd = listen(&process, 7);
        std::thread::scope(|scope| {
            scope.spawn(|| echo_once(&process, fd));
            scope.spawn(|| {
                for death in 0..10 {
                    let mut child = writer(&scratch.0, format);
                    std::thread::sleep(Duration::from_millis(20) + some_time(death));
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            });
            check_echo(&client.process(), &at(1, 7), 5, 4 << 20);
        });
    }
}

const LOCK: u64 = 24;

/// Puts a word into the lock of a bus, and sends on it; answers how long that took.
fn time_to_send_with_lock(word: u32) -> Duration {
    let scratch = Scratch::new();
    let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &Options::default()));
    let inbox = Inbox::of(&*receiver);
    send(&*sender, [frame(1, 60)]);
    inbox.take(1);
    let memory = PosixHost::new().shared_memory(scratch.0.as_os_str().as_bytes(), 0).unwrap();
    memory.store_u32(LOCK, word);
    let start = Instant::now();
    send(&*sender, [frame(2, 60)]);
    assert!(inbox.sees(&frame(2, 60), PATIENCE));
    assert_eq!(memory.load_u32(LOCK), 0);
    start.elapsed()
}

#[test]
fn the_lock_of_a_dead_one_is_taken_over() {
    // A number of ours that nobody has is known to be that of a dead one.
    let of_ours = time_to_send_with_lock(0x1234_5678);
    assert!(of_ours < Duration::from_millis(900), "{of_ours:?}");
    let genuine = time_to_send_with_lock(1);
    assert!(genuine > Duration::from_millis(900), "{genuine:?}: it might have lived");
}

#[test]
fn two_that_take_over_a_lock_do_not_get_in_each_others_way() {
    for round in 0..5 {
        let scratch = Scratch::new();
        let devices: Vec<_> = (0..4).map(|_| open(&scratch.0, &Options::default())).collect();
        let inboxes: Vec<_> = devices.iter().map(|device| Inbox::of(&**device)).collect();
        let memory = PosixHost::new().shared_memory(scratch.0.as_os_str().as_bytes(), 0).unwrap();
        memory.store_u32(LOCK, if round == 0 { 1 } else { 0x1234_5678 });
        std::thread::scope(|scope| {
            for (index, device) in devices.iter().enumerate() {
                scope.spawn(move || {
                    (0..50).for_each(|number| send(&**device, [frame(index as u32 * 1000 + number, 60)]));
                });
            }
        });
        for (index, inbox) in inboxes.iter().enumerate() {
            let mut frames = inbox.take(150);
            frames.sort();
            let others = (0..4).filter(|other| *other != index);
            let mut expected: Vec<_> = others
                .flat_map(|other| (0..50).map(move |number| frame(other as u32 * 1000 + number, 60)))
                .collect();
            expected.sort();
            assert!(frames == expected, "each frame arrives once");
        }
        assert_eq!(memory.load_u32(LOCK), 0);
    }
}

/// Where `last` is, and packets from there on.
const LAST: u64 = 20;
const RING: u64 = 32;

#[test]
fn a_ring_that_was_left_half_written_is_put_in_order() {
    // As a genuine kernel leaves it that dies after it has moved `last`, before it has written the packet; a length that
    // can be none, and one that leads nowhere.
    for length in [u32::MAX, 60_000, 7, 0] {
        let scratch = Scratch::new();
        let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &Options::default()));
        let inbox = Inbox::of(&*receiver);
        (0..3000).for_each(|number| send(&*sender, [frame(number, 700)]));
        assert!(inbox.sees(&frame(2999, 700), PATIENCE));
        let memory = PosixHost::new().shared_memory(scratch.0.as_os_str().as_bytes(), 0).unwrap();
        memory.store_u32(LOCK, 1);
        let next = (u64::from(memory.load_u32(LAST)) + 724) % ((1 << 20) - RING);
        memory.store_u32(LAST, next as u32);
        memory.write(RING + next, &length.to_ne_bytes()).unwrap();
        send(&*sender, [frame(9999, 60)]);
        assert!(inbox.sees(&frame(9999, 60), PATIENCE), "{length}");
        let late = open(&scratch.0, &Options { begin: Begin::Oldest, ..Options::default() });
        assert!(Inbox::of(&*late).sees(&frame(9999, 60), PATIENCE), "{length}");
    }
}
