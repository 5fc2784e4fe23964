//! Open files that wait in sockets: they are closed when nobody can reach them any more.

mod common;

use common::*;
use rump_abi::{Errno::*, MessageFlags, PollEvents, SocketType::*};
use rump_kern::{Fd, PollFd, Process, SendMessage};
use std::time::Duration;

fn send(p: &Process, fd: Fd, rights: &[Fd]) {
    let message = SendMessage { parts: &[b"x"], rights, ..SendMessage::default() };
    p.sendmsg(fd, &message, MessageFlags::DONTWAIT).unwrap();
}

/// Whether nobody has the reading end of a pipe any more.
fn is_broken(p: &Process, writer: Fd) -> bool {
    let mut fds = [PollFd::new(writer, PollEvents::empty())];
    p.poll(&mut fds, Some(Duration::ZERO)).unwrap();
    fds[0].revents.contains(PollEvents::ERR)
}

/// Lets the kernel look for what cannot be reached.
fn close_some(p: &Process) {
    for _ in 0..64 {
        pair(p, Stream).into_iter().for_each(|fd| p.close(fd).unwrap());
    }
}

#[test]
fn sockets_in_each_other_are_collected() {
    let p = process();
    for kind in [Stream, Datagram, SeqPacket] {
        let ([a, b], [c, d], [r, w]) = (pair(&p, kind), pair(&p, kind), p.pipe().unwrap());
        // b waits in d, and d in b; the pipe waits in b.
        send(&p, a, &[d, r]);
        send(&p, c, &[b]);
        [a, b, c, d, r].into_iter().for_each(|fd| p.close(fd).unwrap());
        close_some(&p);
        assert!(is_broken(&p, w), "{kind:?}");
    }
}

#[test]
fn a_socket_in_itself_is_collected() {
    let p = process();
    let ([a, b], [r, w]) = (pair(&p, Stream), p.pipe().unwrap());
    send(&p, a, &[b, r]);
    [a, b, r].into_iter().for_each(|fd| p.close(fd).unwrap());
    close_some(&p);
    assert!(is_broken(&p, w));
}

#[test]
fn what_waits_in_a_connection_that_was_never_accepted_is_collected() {
    let p = process();
    let (listener, client, [r, w]) = (socket(&p, Stream), socket(&p, Stream), p.pipe().unwrap());
    p.bind(listener, &path("/socket")).unwrap();
    p.listen(listener, 1).unwrap();
    p.connect(client, &path("/socket")).unwrap();
    send(&p, client, &[listener, r]);
    [listener, client, r].into_iter().for_each(|fd| p.close(fd).unwrap());
    close_some(&p);
    assert!(is_broken(&p, w));
}

#[test]
fn what_can_be_reached_is_kept() {
    let p = process();
    let ([a, b], [c, d], [r, w]) = (pair(&p, Stream), pair(&p, Stream), p.pipe().unwrap());
    // The pipe waits in d, which waits in b, which is open.
    send(&p, c, &[r]);
    send(&p, a, &[d]);
    [a, c, d, r].into_iter().for_each(|fd| p.close(fd).unwrap());
    close_some(&p);
    assert!(!is_broken(&p, w));
    let outer = p.recvmsg(b, &mut [&mut [0; 9]], 8, MessageFlags::empty()).unwrap();
    let inner = p.recvmsg(outer.rights[0], &mut [&mut [0; 9]], 8, MessageFlags::empty()).unwrap();
    p.write(w, b"kept").unwrap();
    let mut bytes = [0; 4];
    assert_eq!((p.read(inner.rights[0], &mut bytes).unwrap(), &bytes), (4, b"kept"));
}

#[test]
fn a_long_chain_is_dropped_without_a_deep_stack() {
    let p = process();
    let [r, w] = p.pipe().unwrap();
    let mut last = r;
    for _ in 0..20_000 {
        let [a, b] = pair(&p, Datagram);
        send(&p, a, &[last]);
        p.close(last).unwrap();
        p.close(a).unwrap();
        last = b;
    }
    assert!(!is_broken(&p, w));
    p.close(last).unwrap();
    assert!(is_broken(&p, w));
}

#[test]
fn files_on_their_way_are_limited() {
    let p = process();
    let [r, _w] = p.pipe().unwrap();
    let (many, most) = ([r; 254], [r; 253]);
    let one = [r];
    fn message(rights: &[Fd]) -> SendMessage<'_> {
        SendMessage { parts: &[b"x"], rights, ..SendMessage::default() }
    }
    let [a, _b] = pair(&p, Stream);
    fails(p.sendmsg(a, &message(&many), MessageFlags::empty()), EINVAL);
    let mut sockets = Vec::new();
    let refused = loop {
        let [a, b] = pair(&p, Datagram);
        sockets.push(b);
        assert!(sockets.len() < 500, "there is no limit");
        match p.sendmsg(a, &message(&most), MessageFlags::empty()) {
            Ok(_) => {}
            Err(error) => break error.errno,
        }
    };
    assert_eq!(refused, ETOOMANYREFS);
    sockets.into_iter().for_each(|fd| p.close(fd).unwrap());
    p.sendmsg(a, &message(&one), MessageFlags::empty()).unwrap();
}

#[test]
fn without_room_for_descriptors_files_are_closed() {
    let p = process();
    let ([a, b], [r, w]) = (pair(&p, Stream), p.pipe().unwrap());
    send(&p, a, &[r]);
    p.close(r).unwrap();
    p.set_open_max(4).unwrap();
    p.dup(w).unwrap();
    let came = p.recvmsg(b, &mut [&mut [0; 9]], 8, MessageFlags::empty()).unwrap();
    assert_eq!((came.rights.len(), came.flags), (0, MessageFlags::CTRUNC));
    assert!(is_broken(&p, w));
}

#[test]
fn collecting_while_others_send_and_receive_loses_nothing() {
    let p = process();
    p.set_open_max(100_000).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..300_u32 {
                    let ([a, b], [c, d]) = (pair(&p, Stream), pair(&p, Stream));
                    p.write(c, &round.to_le_bytes()).unwrap();
                    send(&p, a, &[d]);
                    send(&p, c, &[b]);
                    p.close(d).unwrap();
                    let came = p.recvmsg(b, &mut [&mut [0; 1]], 8, MessageFlags::empty()).unwrap();
                    let mut bytes = [0; 4];
                    assert_eq!(p.read(came.rights[0], &mut bytes).unwrap(), 4);
                    assert_eq!(bytes, round.to_le_bytes());
                    [a, b, c, came.rights[0]].into_iter().for_each(|fd| p.close(fd).unwrap());
                }
            });
            scope.spawn(|| {
                for _ in 0..300 {
                    let [a, b] = pair(&p, Datagram);
                    send(&p, a, &[b]);
                    [a, b].into_iter().for_each(|fd| p.close(fd).unwrap());
                }
            });
        }
    });
}
