//! Streams and connections.

use crate::system::*;
use rump_abi::SocketType::{Datagram, SeqPacket, Stream};
use rump_abi::{Errno::*, MessageFlags, PollEvents, Shutdown};
use std::time::Duration;

behaviours! {
    bytes_come_in_order
    both_directions_are_apart
    read_and_write_are_receive_and_send
    vectors_are_one_write_and_one_read
    nothing_is_sent_by_an_empty_write
    reading_into_nothing_reads_nothing
    peeked_bytes_stay
    what_was_sent_is_received_after_the_sender_closed
    sending_to_who_closed_fails
    closing_with_unread_bytes_resets
    the_error_that_waits_is_taken_by_asking
    a_duplicate_keeps_the_connection
    shutting_down_writing_is_the_end_for_the_other
    shutting_down_reading_refuses_more
    shutting_down_both_ends_both
    poll_tells_what_can_be_done
    poll_tells_of_the_end
    what_waits_is_bounded
    a_smaller_buffer_takes_less
    a_large_write_without_blocking_is_partial
    how_much_can_be_read_is_known
    a_timeout_ends_a_receive
    a_timeout_ends_waiting_for_all_with_what_there_is
    an_address_is_not_for_streams
    without_a_connection_nothing_is_sent_or_received
    a_connection_is_accepted
    connections_are_accepted_in_order
    who_connects_may_send_before_it_is_accepted
    a_listener_is_readable_when_somebody_came
    accepting_without_blocking_does_not_block
    a_full_backlog_refuses_who_does_not_block
    a_connected_socket_does_not_connect_again
    only_what_has_a_name_listens
    only_who_listens_accepts
    whether_it_listens_is_known
    nobody_listens_nobody_connects
    a_listener_that_closes_resets_who_waits
    a_listener_that_was_shut_down_refuses
    the_other_side_is_known
    the_type_is_known
}

fn bytes_come_in_order(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.put(a, b"hello "), Ok(6));
    assert_eq!(s.put(a, b"world"), Ok(5));
    assert_eq!(s.take(b, 8), Ok(b"hello wo".to_vec()));
    assert_eq!(s.take(b, 8), Ok(b"rld".to_vec()));
    assert_eq!(s.take(b, 8), Err(EAGAIN));
}

fn a_timeout_ends_waiting_for_all_with_what_there_is(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.set_timeouts(b, Duration::from_millis(30)).unwrap();
    assert_eq!(s.put(a, b"abc"), Ok(3));
    let mut bytes = [0; 6];
    let came = s.receive(b, &mut bytes, MessageFlags::WAITALL, 0).unwrap();
    assert_eq!((came.length, &bytes[..3]), (3, &b"abc"[..]));
    assert_eq!(s.receive(b, &mut bytes, MessageFlags::WAITALL, 0).unwrap_err(), EAGAIN);
    // Without blocking nothing is waited for.
    assert_eq!(s.put(a, b"de"), Ok(2));
    assert_eq!(s.take_with(b, 6, MessageFlags::WAITALL), Ok(b"de".to_vec()));
}

fn both_directions_are_apart(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"there").unwrap();
    s.put(b, b"back").unwrap();
    assert_eq!(s.take(a, 9), Ok(b"back".to_vec()));
    assert_eq!(s.take(b, 9), Ok(b"there".to_vec()));
}

fn read_and_write_are_receive_and_send(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.write(a, b"abc"), Ok(3));
    let mut bytes = [0; 2];
    assert_eq!((s.read(b, &mut bytes), bytes), (Ok(2), *b"ab"));
}

fn vectors_are_one_write_and_one_read(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.writev(a, &[b"ab", b"", b"cde"]), Ok(5));
    let (mut first, mut second) = ([0; 1], [0; 9]);
    assert_eq!(s.readv(b, &mut [&mut first, &mut second]), Ok(5));
    assert_eq!((&first, &second[..4]), (b"a", &b"bcde"[..]));
}

fn nothing_is_sent_by_an_empty_write(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.put(a, b""), Ok(0));
    assert_eq!(s.take(b, 1), Err(EAGAIN));
}

fn reading_into_nothing_reads_nothing(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"x").unwrap();
    assert_eq!(s.read(b, &mut []), Ok(0));
    assert_eq!(s.take(b, 2), Ok(b"x".to_vec()));
}

fn peeked_bytes_stay(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"abc").unwrap();
    assert_eq!(s.take_with(b, 2, MessageFlags::PEEK), Ok(b"ab".to_vec()));
    assert_eq!(s.take_with(b, 9, MessageFlags::PEEK), Ok(b"abc".to_vec()));
    assert_eq!(s.take(b, 9), Ok(b"abc".to_vec()));
    assert_eq!(s.take_with(b, 9, MessageFlags::PEEK), Err(EAGAIN));
}

fn what_was_sent_is_received_after_the_sender_closed(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"last").unwrap();
    s.close(a).unwrap();
    assert_eq!(s.take(b, 9), Ok(b"last".to_vec()));
    assert_eq!(s.take(b, 9), Ok(vec![]));
    assert_eq!(s.take(b, 9), Ok(vec![]));
}

fn sending_to_who_closed_fails(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.close(b).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
    assert_eq!(s.write(a, b"x"), Err(EPIPE));
}

fn closing_with_unread_bytes_resets(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"never read").unwrap();
    s.put(b, b"read").unwrap();
    s.close(b).unwrap();
    assert_eq!(s.take(a, 9), Ok(b"read".to_vec()));
    assert_eq!(s.take(a, 9), Err(ECONNRESET));
    assert_eq!(s.take(a, 9), Ok(vec![]));
}

fn the_error_that_waits_is_taken_by_asking(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"never read").unwrap();
    s.close(b).unwrap();
    assert!(s.ready(a).contains(PollEvents::ERR));
    assert_eq!(s.number(a, Number::Error), Ok(ECONNRESET as i64));
    assert_eq!(s.number(a, Number::Error), Ok(0));
    assert_eq!(s.take(a, 9), Ok(vec![]));
}

fn a_duplicate_keeps_the_connection(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    let copy = s.dup(a).unwrap();
    s.close(a).unwrap();
    assert_eq!(s.take(b, 1), Err(EAGAIN));
    s.put(copy, b"still").unwrap();
    assert_eq!(s.take(b, 9), Ok(b"still".to_vec()));
    s.close(copy).unwrap();
    assert_eq!(s.take(b, 1), Ok(vec![]));
}

fn shutting_down_writing_is_the_end_for_the_other(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(a, b"last").unwrap();
    s.shutdown(a, Shutdown::Write).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
    assert_eq!(s.take(b, 9), Ok(b"last".to_vec()));
    assert_eq!(s.take(b, 9), Ok(vec![]));
    s.put(b, b"answer").unwrap();
    assert_eq!(s.take(a, 9), Ok(b"answer".to_vec()));
}

fn shutting_down_reading_refuses_more(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(b, b"before").unwrap();
    s.shutdown(a, Shutdown::Read).unwrap();
    assert_eq!(s.put(b, b"after"), Err(EPIPE));
    assert_eq!(s.take(a, 9), Ok(b"before".to_vec()));
    assert_eq!(s.take(a, 9), Ok(vec![]));
    assert_eq!(s.put(a, b"x"), Ok(1));
}

fn shutting_down_both_ends_both(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.shutdown(a, Shutdown::Both).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
    assert_eq!(s.put(b, b"x"), Err(EPIPE));
    assert_eq!((s.take(a, 1), s.take(b, 1)), (Ok(vec![]), Ok(vec![])));
    assert!(s.ready(a).contains(PollEvents::HUP | PollEvents::IN));
    assert!(s.ready(b).contains(PollEvents::HUP | PollEvents::IN));
}

fn poll_tells_what_can_be_done(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.ready(a), PollEvents::OUT);
    s.put(b, b"x").unwrap();
    assert_eq!(s.ready(a), PollEvents::OUT | PollEvents::IN);
    s.take(a, 1).unwrap();
    assert_eq!(s.ready(a), PollEvents::OUT);
}

fn poll_tells_of_the_end(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.shutdown(b, Shutdown::Write).unwrap();
    assert_eq!(s.ready(a), PollEvents::OUT | PollEvents::IN);
    s.close(b).unwrap();
    assert_eq!(s.ready(a), PollEvents::OUT | PollEvents::IN | PollEvents::HUP);
}

fn what_waits_is_bounded(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    let sent = s.fill(a, 4096);
    assert!(sent >= 4096);
    assert_eq!(s.ready(a), PollEvents::empty());
    assert_eq!(s.drain(b), sent);
    assert_eq!(s.ready(a), PollEvents::OUT);
    assert_eq!(s.put(a, b"again"), Ok(5));
}

fn a_smaller_buffer_takes_less(s: &dyn System) {
    let ([a, _b], [c, _d]) = (s.pair(Stream), s.pair(Stream));
    s.set_number(a, Number::SendBuffer, 8192).unwrap();
    assert!(s.fill(a, 1024) < s.fill(c, 1024));
    assert!(s.number(a, Number::SendBuffer).unwrap() < s.number(c, Number::SendBuffer).unwrap());
}

fn a_large_write_without_blocking_is_partial(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    let sent = s.put(a, &vec![1; 4 << 20]).unwrap();
    assert!(sent > 0 && sent < 4 << 20);
    assert_eq!(s.drain(b), sent);
}

fn how_much_can_be_read_is_known(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.readable(b), Ok(0));
    s.put(a, b"abc").unwrap();
    s.put(a, b"de").unwrap();
    assert_eq!(s.readable(b), Ok(5));
    s.take(b, 1).unwrap();
    assert_eq!(s.readable(b), Ok(4));
}

fn a_timeout_ends_a_receive(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    s.set_timeouts(a, Duration::from_millis(20)).unwrap();
    assert_eq!(s.read(a, &mut [0]), Err(EAGAIN));
}

fn an_address_is_not_for_streams(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    let name = s.abstract_name("x");
    let lonely = s.socket(Stream).unwrap();
    s.listener(Stream, &name, 1);
    assert_eq!(s.send(a, b"x", MessageFlags::empty(), Some(&name), &[]), Err(EISCONN));
    assert_eq!(s.send(lonely, b"x", MessageFlags::empty(), Some(&name), &[]), Err(EOPNOTSUPP));
}

fn without_a_connection_nothing_is_sent_or_received(s: &dyn System) {
    let fd = s.socket(Stream).unwrap();
    assert_eq!(s.put(fd, b"x"), Err(ENOTCONN));
    // POSIX says so; Linux answers EINVAL.
    assert_eq!(s.take(fd, 1), Err(if s.is_host() { EINVAL } else { ENOTCONN }));
    assert_eq!(s.peer_name(fd), Err(ENOTCONN));
    assert_eq!(s.ready(fd), PollEvents::OUT | PollEvents::HUP);
}

fn a_connection_is_accepted(s: &dyn System) {
    let name = s.path("socket");
    let listener = s.listener(Stream, &name, 5);
    let client = s.socket(Stream).unwrap();
    s.connect(client, &name).unwrap();
    let (server, from) = s.accept(listener).unwrap();
    assert_eq!(from, b"");
    s.put(client, b"question").unwrap();
    assert_eq!(s.take(server, 9), Ok(b"question".to_vec()));
    s.put(server, b"answer").unwrap();
    assert_eq!(s.take(client, 9), Ok(b"answer".to_vec()));
}

fn connections_are_accepted_in_order(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 5);
    for number in 0..3 {
        let client = s.socket(Stream).unwrap();
        s.connect(client, &name).unwrap();
        s.put(client, &[number]).unwrap();
    }
    for number in 0..3 {
        let (server, _) = s.accept(listener).unwrap();
        assert_eq!(s.take(server, 9), Ok(vec![number]));
    }
}

fn who_connects_may_send_before_it_is_accepted(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 1);
    let client = s.socket(Stream).unwrap();
    s.connect(client, &name).unwrap();
    s.put(client, b"early").unwrap();
    s.close(client).unwrap();
    let (server, _) = s.accept(listener).unwrap();
    assert_eq!(s.take(server, 9), Ok(b"early".to_vec()));
    assert_eq!(s.take(server, 9), Ok(vec![]));
}

fn a_listener_is_readable_when_somebody_came(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 1);
    assert_eq!(s.ready(listener), PollEvents::empty());
    s.connect(s.socket(Stream).unwrap(), &name).unwrap();
    assert_eq!(s.ready(listener), PollEvents::IN);
    s.accept(listener).unwrap();
    assert_eq!(s.ready(listener), PollEvents::empty());
}

fn accepting_without_blocking_does_not_block(s: &dyn System) {
    let listener = s.listener(Stream, &s.abstract_name("s"), 1);
    s.set_nonblocking(listener, true).unwrap();
    assert_eq!(s.accept(listener), Err(EAGAIN));
}

fn a_full_backlog_refuses_who_does_not_block(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 1);
    let clients: Vec<Fd> = (0..3).map(|_| s.socket(Stream).unwrap()).collect();
    clients.iter().for_each(|client| s.set_nonblocking(*client, true).unwrap());
    assert_eq!(s.connect(clients[0], &name), Ok(()));
    assert_eq!(s.connect(clients[1], &name), Ok(()));
    assert_eq!(s.connect(clients[2], &name), Err(EAGAIN));
    s.accept(listener).unwrap();
    assert_eq!(s.connect(clients[2], &name), Ok(()));
}

fn a_connected_socket_does_not_connect_again(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 5);
    let client = s.socket(Stream).unwrap();
    s.connect(client, &name).unwrap();
    assert_eq!(s.connect(client, &name), Err(EISCONN));
    assert_eq!(s.connect(listener, &name), Err(if s.is_host() { EINVAL } else { ECONNREFUSED }));
    let [a, _b] = s.pair(Stream);
    assert_eq!(s.connect(a, &name), Err(EISCONN));
}

fn only_what_has_a_name_listens(s: &dyn System) {
    let fd = s.socket(Stream).unwrap();
    assert_eq!(s.listen(fd, 1), Err(EINVAL));
    let [a, _b] = s.pair(Stream);
    assert_eq!(s.listen(a, 1), Err(EINVAL));
    let datagram = s.named(&s.abstract_name("d"));
    assert_eq!(s.listen(datagram, 1), Err(EOPNOTSUPP));
}

fn only_who_listens_accepts(s: &dyn System) {
    assert_eq!(s.accept(s.socket(Stream).unwrap()), Err(EINVAL));
    assert_eq!(s.accept(s.socket(Datagram).unwrap()), Err(EOPNOTSUPP));
    assert_eq!(s.accept(s.pair(Stream)[0]), Err(EINVAL));
}

fn whether_it_listens_is_known(s: &dyn System) {
    let listener = s.listener(Stream, &s.abstract_name("s"), 1);
    assert_eq!(s.number(listener, Number::Listens), Ok(1));
    assert_eq!(s.number(s.socket(Stream).unwrap(), Number::Listens), Ok(0));
}

fn nobody_listens_nobody_connects(s: &dyn System) {
    let name = s.abstract_name("s");
    let client = s.socket(Stream).unwrap();
    assert_eq!(s.connect(client, &name), Err(ECONNREFUSED));
    let bound = s.socket(Stream).unwrap();
    s.bind(bound, &name).unwrap();
    assert_eq!(s.connect(client, &name), Err(ECONNREFUSED));
}

fn a_listener_that_closes_resets_who_waits(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 1);
    let client = s.socket(Stream).unwrap();
    s.connect(client, &name).unwrap();
    s.close(listener).unwrap();
    assert_eq!(s.take(client, 1), Err(ECONNRESET));
    assert_eq!(s.take(client, 1), Ok(vec![]));
    assert_eq!(s.put(client, b"x"), Err(EPIPE));
}

fn a_listener_that_was_shut_down_refuses(s: &dyn System) {
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 1);
    s.shutdown(listener, Shutdown::Read).unwrap();
    assert_eq!(s.connect(s.socket(Stream).unwrap(), &name), Err(ECONNREFUSED));
    assert_eq!(s.accept(listener), Err(EINVAL));
}

fn the_other_side_is_known(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    let (pid, _) = s.peer_credentials(a).unwrap();
    assert_eq!(pid, s.pid());
    let name = s.abstract_name("s");
    let listener = s.listener(Stream, &name, 1);
    let client = s.socket(Stream).unwrap();
    s.connect(client, &name).unwrap();
    let (server, _) = s.accept(listener).unwrap();
    assert_eq!(s.peer_credentials(client).unwrap().0, s.pid());
    assert_eq!(s.peer_credentials(server).unwrap().0, s.pid());
}

fn the_type_is_known(s: &dyn System) {
    for kind in [Stream, Datagram, SeqPacket] {
        assert_eq!(s.number(s.socket(kind).unwrap(), Number::Type), Ok(kind as i64));
    }
}
