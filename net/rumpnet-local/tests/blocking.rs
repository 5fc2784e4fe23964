//! Calls that block: what wakes them, what interrupts them, and for how long.

mod common;

use common::*;
use rump_abi::{Errno::*, MessageFlags, OpenFlags, PollEvents, SocketType::*, sockopt};
use rump_kern::{PollFd, Process};
use rump_kpi::socket::OptionValue;
use std::time::{Duration, Instant};

fn blocked_read(
    p: &Process,
    fd: rump_kern::Fd,
) -> impl FnOnce() -> Result<usize, rump_abi::Errno> + Send + use<> {
    let p = p.clone();
    move || p.read(fd, &mut [0; 8]).map_err(|error| error.errno)
}

#[test]
fn a_read_waits_for_what_is_written() {
    let p = process();
    for kind in [Stream, Datagram, SeqPacket] {
        let [a, b] = pair(&p, kind);
        let read = while_blocked(blocked_read(&p, a), || {
            p.write(b, b"hello").unwrap();
        });
        assert_eq!(read, Ok(5));
    }
}

#[test]
fn closing_a_descriptor_wakes_who_blocks_on_it() {
    let p = process();
    let [a, _b] = pair(&p, Stream);
    assert_eq!(while_blocked(blocked_read(&p, a), || p.close(a).unwrap()), Err(EBADF));
    let [r, _w] = p.pipe().unwrap();
    assert_eq!(while_blocked(blocked_read(&p, r), || p.close(r).unwrap()), Err(EBADF));
    let [a, _b] = pair(&p, Stream);
    let poll = || {
        let mut fds = [PollFd::new(a, PollEvents::IN)];
        p.poll(&mut fds, None).unwrap();
        fds[0].revents
    };
    assert_eq!(while_blocked(poll, || p.close(a).unwrap()), PollEvents::NVAL);
}

#[test]
fn replacing_a_descriptor_wakes_who_blocks_on_it() {
    let p = process();
    let [a, b] = pair(&p, Stream);
    let replace = || {
        p.dup2(b, a).unwrap();
    };
    assert_eq!(while_blocked(blocked_read(&p, a), replace), Err(EBADF));
}

#[test]
fn an_interruption_ends_all_blocked_calls_of_the_process_alone() {
    let kernel = kernel();
    let (p, q) = (kernel.process(), kernel.process());
    let [a, b] = pair(&p, Stream);
    let [c, d] = pair(&q, Stream);
    let other = while_blocked(blocked_read(&q, c), || {
        let poll = || p.poll(&mut [PollFd::new(b, PollEvents::IN)], None).map_err(|error| error.errno);
        let both = while_blocked(
            || {
                std::thread::scope(|scope| {
                    (scope.spawn(poll).join().unwrap(), Ok::<usize, rump_abi::Errno>(0))
                })
            },
            || p.interrupt(),
        );
        assert_eq!(both.0, Err(EINTR));
        assert_eq!(while_blocked(blocked_read(&p, a), || p.interrupt()), Err(EINTR));
        q.write(d, b"x").unwrap();
    });
    assert_eq!(other, Ok(1));
}

#[test]
fn halting_the_kernel_ends_all_blocked_calls() {
    let kernel = kernel();
    let (p, q) = (kernel.process(), kernel.process());
    let [a, _b] = pair(&p, Stream);
    let [r, _w] = q.pipe().unwrap();
    let socket = || {
        while_blocked(blocked_read(&p, a), || {
            assert_eq!(while_blocked(blocked_read(&q, r), || kernel.init().reboot().unwrap()), Err(ENXIO));
        })
    };
    assert_eq!(socket(), Err(ENXIO));
}

#[test]
fn ending_a_process_ends_its_blocked_calls() {
    let p = process();
    let [a, _b] = pair(&p, Stream);
    assert_eq!(while_blocked(blocked_read(&p, a), || p.exit()), Err(EBADF));
}

#[test]
fn a_timeout_ends_receiving_and_sending() {
    let p = process();
    let [a, b] = pair(&p, Stream);
    let time = OptionValue::Time(Some(SHORT));
    p.setsockopt(a, sockopt::SOL_SOCKET, sockopt::SO_RCVTIMEO, &time).unwrap();
    p.setsockopt(a, sockopt::SOL_SOCKET, sockopt::SO_SNDTIMEO, &time).unwrap();
    assert_eq!(p.getsockopt(a, sockopt::SOL_SOCKET, sockopt::SO_RCVTIMEO).unwrap(), time);
    let begin = Instant::now();
    fails(p.read(a, &mut [0]), EAGAIN);
    assert!(begin.elapsed() >= SHORT);
    let mut sent = 0;
    while let Ok(count) = p.send(a, &[7; 30_000], MessageFlags::empty()) {
        sent += count;
    }
    let mut received = 0;
    while let Ok(count) = p.recv(b, &mut [0; 4000], MessageFlags::DONTWAIT) {
        received += count;
    }
    assert_eq!(received, sent);
}

#[test]
fn poll_ends_at_its_timeout_and_at_an_event() {
    let p = process();
    let [a, b] = pair(&p, Stream);
    let mut fds = [PollFd::new(a, PollEvents::IN)];
    let begin = Instant::now();
    assert_eq!(p.poll(&mut fds, Some(SHORT)).unwrap(), 0);
    assert!(begin.elapsed() >= SHORT);
    let poll = || {
        let mut fds = [PollFd::new(a, PollEvents::IN), PollFd::new(b, PollEvents::OUT | PollEvents::IN)];
        fds[1].events = PollEvents::IN;
        (p.poll(&mut fds, Some(LONG)).unwrap(), fds[0].revents, fds[1].revents)
    };
    let write = || {
        p.write(b, b"x").unwrap();
    };
    assert_eq!(while_blocked(poll, write), (1, PollEvents::IN, PollEvents::empty()));
}

#[test]
fn a_full_pipe_lets_the_writer_wait_until_everything_is_written() {
    let p = process();
    let [r, w] = p.pipe().unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| p.write(w, &bytes).unwrap());
        let mut part = [0; 1000];
        while read.len() < bytes.len() {
            let count = p.read(r, &mut part).unwrap();
            read.extend_from_slice(&part[..count]);
        }
        assert_eq!(writer.join().unwrap(), bytes.len());
    });
    assert!(read == bytes);
}

#[test]
fn opening_a_fifo_waits_for_the_other_side() {
    let p = process();
    p.mkfifo("/fifo", rump_abi::Mode::new(0o600)).unwrap();
    let open = |flags| p.open("/fifo", flags, rump_abi::Mode::new(0));
    let mut writer = None;
    let reader = while_blocked(
        || open(OpenFlags::empty()),
        || {
            writer = Some(open(OpenFlags::WRONLY).unwrap());
        },
    );
    p.write(writer.unwrap(), b"through").unwrap();
    let mut bytes = [0; 16];
    assert_eq!(p.read(reader.unwrap(), &mut bytes).unwrap(), 7);
    assert_eq!(&bytes[..7], b"through");
    let interrupted = while_blocked(|| kernelless(&p), || p.interrupt());
    assert_eq!(interrupted, Some(EINTR));
}

fn kernelless(p: &Process) -> Option<rump_abi::Errno> {
    p.mkfifo("/lonely", rump_abi::Mode::new(0o600)).unwrap();
    let opened = p.open("/lonely", OpenFlags::WRONLY, rump_abi::Mode::new(0));
    opened.err().map(|error| error.errno)
}

#[test]
fn accept_waits_for_a_connection_and_connect_for_a_place() {
    let p = process();
    let listener = socket(&p, Stream);
    p.bind(listener, &path("/socket")).unwrap();
    p.listen(listener, 0).unwrap();
    let client = socket(&p, Stream);
    let accepted =
        while_blocked(|| p.accept(listener).unwrap().0, || p.connect(client, &path("/socket")).unwrap());
    p.write(client, b"first").unwrap();
    let mut bytes = [0; 8];
    assert_eq!(p.read(accepted, &mut bytes).unwrap(), 5);
    let waiting = [socket(&p, Stream), socket(&p, Stream)];
    p.connect(waiting[0], &path("/socket")).unwrap();
    let connected = while_blocked(
        || p.connect(waiting[1], &path("/socket")),
        || {
            p.accept(listener).unwrap();
        },
    );
    connected.unwrap();
    p.accept(listener).unwrap();
}

#[test]
fn a_listener_that_closes_ends_waiting_connections() {
    let p = process();
    let listener = socket(&p, Stream);
    p.bind(listener, &path("/socket")).unwrap();
    p.listen(listener, 0).unwrap();
    let clients = [socket(&p, Stream), socket(&p, Stream)];
    p.connect(clients[0], &path("/socket")).unwrap();
    let second = while_blocked(|| p.connect(clients[1], &path("/socket")), || p.close(listener).unwrap());
    fails(second, ECONNREFUSED);
    fails(p.read(clients[0], &mut [0]), ECONNRESET);
    assert_eq!(p.read(clients[0], &mut [0]).unwrap(), 0);
}

#[test]
fn a_listener_that_is_shut_down_refuses_who_waits_for_a_place() {
    let p = process();
    let listener = socket(&p, Stream);
    p.bind(listener, &path("/socket")).unwrap();
    p.listen(listener, 0).unwrap();
    let clients = [socket(&p, Stream), socket(&p, Stream)];
    p.connect(clients[0], &path("/socket")).unwrap();
    let connect = || p.connect(clients[1], &path("/socket"));
    let second = while_blocked(connect, || p.shutdown(listener, rump_abi::Shutdown::Read).unwrap());
    fails(second, ECONNREFUSED);
}

#[test]
fn shutting_down_wakes_who_blocks_in_sending() {
    let p = process();
    for end in [0, 1] {
        let fds = pair(&p, Stream);
        let how = if end == 0 { rump_abi::Shutdown::Write } else { rump_abi::Shutdown::Read };
        let send = || p.send(fds[0], &[0; 1 << 20], MessageFlags::empty()).unwrap();
        // What was sent before counts.
        assert!(while_blocked(send, || p.shutdown(fds[end], how).unwrap()) < 1 << 20);
        fails(p.send(fds[0], &[0], MessageFlags::empty()), EPIPE);
    }
}

#[test]
fn a_process_that_ended_makes_no_sockets() {
    let p = process();
    p.exit();
    fails(p.pipe(), ESRCH);
    fails(p.kqueue(), ESRCH);
    fails(p.socket(rump_abi::AddressFamily::Local, Stream, 0, OpenFlags::empty()), ESRCH);
}

#[test]
fn a_datagram_waits_for_room() {
    let p = process();
    let [a, b] = pair(&p, Datagram);
    let mut count = 0;
    while p.send(a, &[1; 10_000], MessageFlags::DONTWAIT).is_ok() {
        count += 1;
        assert!(count < 1000, "memory is not bounded");
    }
    fails(p.send(a, &[1; 10_000], MessageFlags::DONTWAIT), EAGAIN);
    let sent = while_blocked(
        || p.send(a, &[2; 10_000], MessageFlags::empty()).unwrap(),
        || {
            for _ in 0..count {
                p.recv(b, &mut [0; 10_000], MessageFlags::empty()).unwrap();
            }
        },
    );
    assert_eq!(sent, 10_000);
}

#[test]
fn waitall_waits_for_all() {
    let p = process();
    let [a, b] = pair(&p, Stream);
    p.write(b, b"abc").unwrap();
    let read = || {
        let mut bytes = [0; 6];
        (p.recv(a, &mut bytes, MessageFlags::WAITALL).unwrap(), bytes)
    };
    let write = || {
        p.write(b, b"d").unwrap();
        std::thread::sleep(Duration::from_millis(20));
        p.write(b, b"efg").unwrap();
    };
    assert_eq!(while_blocked(read, write), (6, *b"abcdef"));
    p.shutdown(b, rump_abi::Shutdown::Write).unwrap();
    assert_eq!(p.recv(a, &mut [0; 6], MessageFlags::WAITALL).unwrap(), 1);
}
