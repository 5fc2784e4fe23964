//! connect with AF_UNSPEC.

use crate::system::*;
use rump_kpi::{Errno, MessageFlags, SocketType};

crate::behaviours! {
    a_dissolved_socket_hears_everybody_and_talks_to_nobody
    an_address_that_was_not_chosen_is_taken_back
    a_chosen_port_stays
    what_was_never_settled_can_be_dissolved
    a_dissolved_socket_can_settle_on_another
    a_connection_is_reset
    a_dissolved_stream_connects_anew
    a_dissolved_listener_is_a_fresh_socket
    a_fresh_stream_can_be_dissolved
}

const NONE: MessageFlags = MessageFlags::empty();

/// A port that is free, for a socket that chooses it.
fn free_port(s: &dyn System) -> u16 {
    let (fd, port) = s.bound();
    s.close(fd);
    port
}

fn a_dissolved_socket_hears_everybody_and_talks_to_nobody(s: &dyn System) {
    let port = free_port(s);
    let fd = s.socket(SocketType::Datagram);
    s.bind(fd, port).unwrap();
    let ((one, first), (two, _)) = (s.bound(), s.bound());
    s.connect(fd, first).unwrap();
    s.put(two, b"from two", Some(port)).unwrap();
    assert_eq!(s.lengths(fd), [0; 0]);
    s.dissolve(fd).unwrap();
    assert_eq!(s.peer(fd), Err(Errno::ENOTCONN));
    assert_eq!(s.put(fd, b"x", None), Err(Errno::EDESTADDRREQ));
    s.put(one, b"one", Some(port)).unwrap();
    s.put(two, b"two!", Some(port)).unwrap();
    assert_eq!(s.lengths(fd), [3, 4]);
}

fn an_address_that_was_not_chosen_is_taken_back(s: &dyn System) {
    let (_, port) = s.bound();
    let fd = s.socket(SocketType::Datagram);
    s.connect(fd, port).unwrap();
    let (is_any, own) = s.own(fd);
    assert!(!is_any && own != 0);
    s.dissolve(fd).unwrap();
    assert_eq!(s.own(fd), (true, 0));
    // Whoever binds without a port has not chosen one.
    let (fd, _) = s.bound();
    s.connect(fd, port).unwrap();
    s.dissolve(fd).unwrap();
    assert_eq!(s.own(fd), (true, 0));
    // It gets one again when it needs it.
    s.put(fd, b"x", Some(port)).unwrap();
    assert_ne!(s.own(fd).1, 0);
}

fn a_chosen_port_stays(s: &dyn System) {
    let (port, (_, other)) = (free_port(s), s.bound());
    let fd = s.socket(SocketType::Datagram);
    s.bind(fd, port).unwrap();
    s.connect(fd, other).unwrap();
    s.dissolve(fd).unwrap();
    assert_eq!(s.own(fd), (false, port));
}

fn what_was_never_settled_can_be_dissolved(s: &dyn System) {
    let fd = s.socket(SocketType::Datagram);
    assert_eq!((s.dissolve(fd), s.dissolve(fd)), (Ok(()), Ok(())));
    assert_eq!(s.own(fd), (true, 0));
}

fn a_dissolved_socket_can_settle_on_another(s: &dyn System) {
    let ((_, first), (two, second)) = (s.bound(), s.bound());
    let fd = s.socket(SocketType::Datagram);
    s.connect(fd, first).unwrap();
    s.dissolve(fd).unwrap();
    s.connect(fd, second).unwrap();
    assert_eq!(s.peer(fd), Ok(second));
    s.put(fd, b"hello", None).unwrap();
    assert_eq!(s.lengths(two), [5]);
}

/// A listener, its port, and both ends of a connection to it.
fn connection(s: &dyn System) -> (Fd, u16, Fd, Fd) {
    let listener = s.socket(SocketType::Stream);
    s.bind(listener, 0).unwrap();
    s.listen(listener);
    let port = s.own(listener).1;
    let client = s.socket(SocketType::Stream);
    s.connect(client, port).unwrap();
    (listener, port, client, s.accept(listener).unwrap())
}

fn receive(s: &dyn System, fd: Fd) -> Answer<usize> {
    s.receive_batch(fd, &[9], MessageFlags::DONTWAIT, None).map(|came| came[0].bytes.len())
}

fn a_connection_is_reset(s: &dyn System) {
    let (_, _, client, server) = connection(s);
    s.dissolve(client).unwrap();
    assert_eq!(receive(s, server), Err(Errno::ECONNRESET));
    assert_eq!(s.peer(client), Err(Errno::ENOTCONN));
    assert_eq!(s.error(client), Some(Errno::ECONNRESET as i32));
    assert_eq!(s.error(client), None);
}

fn a_dissolved_stream_connects_anew(s: &dyn System) {
    let (listener, port, client, server) = connection(s);
    s.send_batch(server, &[(b"never read", None)], None, NONE).unwrap();
    s.dissolve(client).unwrap();
    assert_eq!(s.error(client), Some(Errno::ECONNRESET as i32));
    s.connect(client, port).unwrap();
    let server = s.accept(listener).unwrap();
    assert_eq!(s.peer(client), Ok(port));
    s.send_batch(client, &[(b"again", None)], None, NONE).unwrap();
    assert_eq!(receive(s, server), Ok(5));
    s.send_batch(server, &[(b"back", None)], None, NONE).unwrap();
    assert_eq!(receive(s, client), Ok(4));
}

fn a_dissolved_listener_is_a_fresh_socket(s: &dyn System) {
    let (listener, port, _, _) = connection(s);
    let (other, other_port, _, _) = connection(s);
    s.dissolve(listener).unwrap();
    let late = s.socket(SocketType::Stream);
    assert_eq!(s.connect(late, port), Err(Errno::ECONNREFUSED));
    s.connect(listener, other_port).unwrap();
    s.accept(other).unwrap();
    assert_eq!(s.peer(listener), Ok(other_port));
}

fn a_fresh_stream_can_be_dissolved(s: &dyn System) {
    let fd = s.socket(SocketType::Stream);
    assert_eq!((s.dissolve(fd), s.error(fd)), (Ok(()), None));
}
