//! Datagrams, messages in order, and what goes with them.

use crate::system::*;
use rump_abi::SocketType::{Datagram, SeqPacket, Stream};
use rump_abi::{Errno::*, FileType, MessageFlags, PollEvents, Shutdown};

behaviours! {
    borders_are_kept
    what_does_not_fit_is_lost_and_said_so
    the_whole_length_is_answered_if_asked_for
    a_peeked_message_stays
    a_datagram_may_be_empty
    a_message_is_not_longer_than_the_buffer
    vectors_are_one_message
    messages_that_wait_are_bounded
    a_datagram_goes_to_a_name
    the_sender_of_a_datagram_is_known
    a_datagram_socket_settles_on_one
    a_datagram_to_who_is_gone_is_refused
    shutting_down_ends_datagrams
    types_do_not_mix
    each_type_has_its_own_abstract_names
    messages_in_order_have_an_end
    messages_in_order_are_connected
    how_much_the_next_datagram_is_is_known
    a_file_goes_with_a_message
    what_is_not_taken_is_closed
    what_waits_is_closed_with_the_socket
    too_little_room_for_files_is_said
    a_stream_is_not_read_beyond_files
    files_come_with_the_first_bytes
    peeking_gives_files_too
    a_socket_goes_through_itself
    what_is_not_open_is_not_sent
}

const NONE: MessageFlags = MessageFlags::DONTWAIT;

fn borders_are_kept(s: &dyn System) {
    for kind in [Datagram, SeqPacket] {
        let [a, b] = s.pair(kind);
        s.put(a, b"first").unwrap();
        s.put(a, b"second").unwrap();
        assert_eq!(s.take(b, 99), Ok(b"first".to_vec()));
        assert_eq!(s.take(b, 99), Ok(b"second".to_vec()));
        assert_eq!(s.take(b, 99), Err(EAGAIN));
    }
}

fn what_does_not_fit_is_lost_and_said_so(s: &dyn System) {
    for kind in [Datagram, SeqPacket] {
        let [a, b] = s.pair(kind);
        s.put(a, b"too long").unwrap();
        s.put(a, b"next").unwrap();
        let mut bytes = [0; 3];
        let came = s.receive(b, &mut bytes, NONE, 0).unwrap();
        assert_eq!((came.length, &bytes, came.flags), (3, b"too", MessageFlags::TRUNC));
        let came = s.receive(b, &mut [0; 4], NONE, 0).unwrap();
        assert_eq!((came.length, came.flags), (4, MessageFlags::empty()));
    }
}

fn the_whole_length_is_answered_if_asked_for(s: &dyn System) {
    for kind in [Datagram, SeqPacket] {
        let [a, b] = s.pair(kind);
        s.put(a, b"too long").unwrap();
        let came = s.receive(b, &mut [0; 3], NONE | MessageFlags::TRUNC | MessageFlags::PEEK, 0).unwrap();
        assert_eq!((came.length, came.flags), (8, MessageFlags::TRUNC));
        assert_eq!(s.take(b, 99), Ok(b"too long".to_vec()));
    }
}

fn a_peeked_message_stays(s: &dyn System) {
    for kind in [Datagram, SeqPacket] {
        let [a, b] = s.pair(kind);
        s.put(a, b"one").unwrap();
        s.put(a, b"two").unwrap();
        assert_eq!(s.take_with(b, 9, MessageFlags::PEEK), Ok(b"one".to_vec()));
        assert_eq!(s.take(b, 9), Ok(b"one".to_vec()));
        assert_eq!(s.take_with(b, 9, MessageFlags::PEEK), Ok(b"two".to_vec()));
    }
}

fn a_datagram_may_be_empty(s: &dyn System) {
    let [a, b] = s.pair(Datagram);
    assert_eq!(s.put(a, b""), Ok(0));
    assert_eq!(s.ready(b), PollEvents::IN | PollEvents::OUT);
    assert_eq!(s.take(b, 9), Ok(vec![]));
    assert_eq!(s.take(b, 9), Err(EAGAIN));
}

fn a_message_is_not_longer_than_the_buffer(s: &dyn System) {
    for kind in [Datagram, SeqPacket] {
        let [a, _b] = s.pair(kind);
        s.set_number(a, Number::SendBuffer, 8192).unwrap();
        assert_eq!(s.put(a, &[0; 100_000]), Err(EMSGSIZE));
        assert_eq!(s.put(a, &[0; 4096]), Ok(4096));
    }
}

fn vectors_are_one_message(s: &dyn System) {
    let [a, b] = s.pair(SeqPacket);
    assert_eq!(s.writev(a, &[b"ab", b"cd"]), Ok(4));
    assert_eq!(s.take(b, 9), Ok(b"abcd".to_vec()));
}

fn messages_that_wait_are_bounded(s: &dyn System) {
    for kind in [Datagram, SeqPacket] {
        let [a, b] = s.pair(kind);
        let sent = s.fill(a, 2000);
        assert!(sent >= 2000);
        assert!(!s.ready(a).contains(PollEvents::OUT));
        assert_eq!(s.drain(b), sent);
        assert_eq!(s.put(a, b"again"), Ok(5));
    }
}

fn a_datagram_goes_to_a_name(s: &dyn System) {
    let name = s.path("there");
    let (to, from) = (s.named(&name), s.socket(Datagram).unwrap());
    assert_eq!(s.send(from, b"hello", NONE, Some(&name), &[]), Ok(5));
    assert_eq!(s.take(to, 9), Ok(b"hello".to_vec()));
    assert_eq!(s.send(from, b"x", NONE, Some(&s.abstract_name("nobody")), &[]), Err(ECONNREFUSED));
    assert_eq!(s.put(from, b"x"), Err(ENOTCONN));
}

fn the_sender_of_a_datagram_is_known(s: &dyn System) {
    let (name, own) = (s.abstract_name("to"), s.abstract_name("from"));
    let (to, from) = (s.named(&name), s.named(&own));
    s.send(from, b"x", NONE, Some(&name), &[]).unwrap();
    let came = s.receive(to, &mut [0; 9], NONE, 0).unwrap();
    assert_eq!(came.from, Some(own));
}

fn a_datagram_socket_settles_on_one(s: &dyn System) {
    let (name, own) = (s.abstract_name("to"), s.abstract_name("from"));
    let (to, from, other) = (s.named(&name), s.named(&own), s.socket(Datagram).unwrap());
    s.connect(from, &name).unwrap();
    assert_eq!(s.peer_name(from), Ok(name.clone()));
    assert_eq!(s.put(from, b"mine"), Ok(4));
    assert_eq!(s.take(to, 9), Ok(b"mine".to_vec()));
    s.connect(to, &own).unwrap();
    assert_eq!(s.send(other, b"x", NONE, Some(&name), &[]), Err(EPERM));
    assert_eq!(s.connect(other, &name), Err(EPERM));
    assert_eq!(s.put(from, b"still"), Ok(5));
}

fn a_datagram_to_who_is_gone_is_refused(s: &dyn System) {
    let [a, b] = s.pair(Datagram);
    s.close(b).unwrap();
    assert_eq!(s.put(a, b"x"), Err(ECONNREFUSED));
    assert_eq!(s.put(a, b"x"), Err(ENOTCONN));
}

fn shutting_down_ends_datagrams(s: &dyn System) {
    let [a, b] = s.pair(Datagram);
    s.shutdown(a, Shutdown::Write).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
    s.shutdown(a, Shutdown::Read).unwrap();
    assert_eq!(s.put(b, b"x"), Err(EPIPE));
    // That there is no more is also so for who does not block; on Linux only for who blocks.
    assert_eq!(s.take(a, 9), if s.is_host() { Err(EAGAIN) } else { Ok(vec![]) });
    assert_eq!(s.read(a, &mut [0; 9]), Ok(0));
}

fn types_do_not_mix(s: &dyn System) {
    let name = s.path("d");
    s.named(&name);
    assert_eq!(s.connect(s.socket(Stream).unwrap(), &name), Err(EPROTOTYPE));
    assert_eq!(s.connect(s.socket(SeqPacket).unwrap(), &name), Err(EPROTOTYPE));
    let stream = s.path("s");
    s.listener(Stream, &stream, 1);
    let datagram = s.socket(Datagram).unwrap();
    assert_eq!(s.send(datagram, b"x", NONE, Some(&stream), &[]), Err(EPROTOTYPE));
}

fn each_type_has_its_own_abstract_names(s: &dyn System) {
    let name = s.abstract_name("d");
    s.named(&name);
    assert_eq!(s.connect(s.socket(Stream).unwrap(), &name), Err(ECONNREFUSED));
    s.listener(Stream, &name, 1);
    assert_eq!(s.connect(s.socket(Stream).unwrap(), &name), Ok(()));
    assert_eq!(s.connect(s.socket(Datagram).unwrap(), &name), Ok(()));
}

fn messages_in_order_have_an_end(s: &dyn System) {
    let [a, b] = s.pair(SeqPacket);
    s.put(a, b"last").unwrap();
    s.close(a).unwrap();
    assert_eq!(s.take(b, 9), Ok(b"last".to_vec()));
    assert_eq!(s.take(b, 9), Ok(vec![]));
    assert_eq!(s.put(b, b"x"), Err(EPIPE));
}

fn messages_in_order_are_connected(s: &dyn System) {
    let name = s.abstract_name("q");
    let listener = s.listener(SeqPacket, &name, 1);
    let client = s.socket(SeqPacket).unwrap();
    assert_eq!(s.put(client, b"x"), Err(ENOTCONN));
    assert_eq!(s.take(client, 9), Err(ENOTCONN));
    s.connect(client, &name).unwrap();
    let (server, _) = s.accept(listener).unwrap();
    s.put(client, b"one").unwrap();
    s.put(client, b"two").unwrap();
    assert_eq!(s.take(server, 9), Ok(b"one".to_vec()));
}

fn how_much_the_next_datagram_is_is_known(s: &dyn System) {
    let [a, b] = s.pair(Datagram);
    s.put(a, b"abc").unwrap();
    s.put(a, b"de").unwrap();
    assert_eq!(s.readable(b), Ok(3));
}

fn a_file_goes_with_a_message(s: &dyn System) {
    for kind in [Stream, Datagram, SeqPacket] {
        let ([a, b], [reader, writer]) = (s.pair(kind), s.pipe().unwrap());
        assert_eq!(s.send(a, b"take", NONE, None, &[reader]), Ok(4));
        s.close(reader).unwrap();
        s.write(writer, b"through").unwrap();
        let came = s.receive(b, &mut [0; 9], NONE, 8).unwrap();
        assert_eq!((came.length, came.rights.len(), came.flags), (4, 1, MessageFlags::empty()));
        assert_eq!(s.type_of(came.rights[0]), Ok(FileType::Fifo));
        let mut bytes = [0; 7];
        assert_eq!((s.read(came.rights[0], &mut bytes), &bytes), (Ok(7), b"through"));
    }
}

fn what_is_not_taken_is_closed(s: &dyn System) {
    let ([a, b], [reader, writer]) = (s.pair(Stream), s.pipe().unwrap());
    s.send(a, b"take", NONE, None, &[reader]).unwrap();
    s.close(reader).unwrap();
    let came = s.receive(b, &mut [0; 9], NONE, 0).unwrap();
    assert_eq!((came.length, came.flags), (4, MessageFlags::CTRUNC));
    assert_eq!(s.write(writer, b"x"), Err(EPIPE));
}

fn what_waits_is_closed_with_the_socket(s: &dyn System) {
    let ([a, b], [reader, writer]) = (s.pair(Datagram), s.pipe().unwrap());
    s.send(a, b"take", NONE, None, &[reader]).unwrap();
    s.close(reader).unwrap();
    assert!(!s.ready(writer).contains(PollEvents::ERR));
    s.close(b).unwrap();
    assert_eq!(s.write(writer, b"x"), Err(EPIPE));
}

fn too_little_room_for_files_is_said(s: &dyn System) {
    let ([a, b], [reader, writer]) = (s.pair(Stream), s.pipe().unwrap());
    s.send(a, b"take", NONE, None, &[reader, reader, reader, writer, writer]).unwrap();
    let came = s.receive(b, &mut [0; 9], NONE, 1).unwrap();
    // A buffer for one file may have room for more, as its size is rounded up.
    assert!((1..5).contains(&came.rights.len()), "{}", came.rights.len());
    assert_eq!(came.flags, MessageFlags::CTRUNC);
}

fn a_stream_is_not_read_beyond_files(s: &dyn System) {
    let ([a, b], [reader, writer]) = (s.pair(Stream), s.pipe().unwrap());
    s.put(a, b"before").unwrap();
    s.send(a, b"with", NONE, None, &[reader]).unwrap();
    s.send(a, b"other", NONE, None, &[writer]).unwrap();
    s.put(a, b"after").unwrap();
    let lengths: Vec<_> = (0..3)
        .map(|_| {
            let came = s.receive(b, &mut [0; 99], NONE, 8).unwrap();
            (came.length, came.rights.len())
        })
        .collect();
    assert_eq!(lengths, [(10, 1), (5, 1), (5, 0)]);
}

fn files_come_with_the_first_bytes(s: &dyn System) {
    let ([a, b], [reader, _writer]) = (s.pair(Stream), s.pipe().unwrap());
    s.send(a, b"abc", NONE, None, &[reader]).unwrap();
    let came = s.receive(b, &mut [0; 1], NONE, 8).unwrap();
    assert_eq!((came.length, came.rights.len()), (1, 1));
    let came = s.receive(b, &mut [0; 9], NONE, 8).unwrap();
    assert_eq!((came.length, came.rights.len()), (2, 0));
}

fn peeking_gives_files_too(s: &dyn System) {
    let ([a, b], [reader, writer]) = (s.pair(Datagram), s.pipe().unwrap());
    s.send(a, b"abc", NONE, None, &[reader]).unwrap();
    s.close(reader).unwrap();
    let peeked = s.receive(b, &mut [0; 9], NONE | MessageFlags::PEEK, 8).unwrap();
    let came = s.receive(b, &mut [0; 9], NONE, 8).unwrap();
    assert_eq!((peeked.rights.len(), came.rights.len()), (1, 1));
    s.close(came.rights[0]).unwrap();
    assert_eq!(s.write(writer, b"x"), Ok(1));
    s.close(peeked.rights[0]).unwrap();
    assert_eq!(s.write(writer, b"x"), Err(EPIPE));
}

fn a_socket_goes_through_itself(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.send(a, b"x", NONE, None, &[b]).unwrap();
    let came = s.receive(b, &mut [0; 9], NONE, 8).unwrap();
    s.close(b).unwrap();
    s.put(a, b"still").unwrap();
    assert_eq!(s.take(came.rights[0], 9), Ok(b"still".to_vec()));
}

fn what_is_not_open_is_not_sent(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!(s.send(a, b"x", NONE, None, &[999]), Err(EBADF));
    assert_eq!(s.take(b, 1), Err(EAGAIN));
}
