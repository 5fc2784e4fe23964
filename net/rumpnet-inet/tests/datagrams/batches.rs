//! sendmmsg and recvmmsg.

use crate::system::*;
use rump_kpi::{Errno, MessageFlags};
use std::time::{Duration, Instant};

crate::behaviours! {
    a_batch_arrives_in_order
    what_cannot_be_sent_ends_a_batch
    the_first_error_is_the_answer
    a_refusal_ends_a_batch_in_its_middle
    one_is_waited_for_if_that_is_asked
    all_are_waited_for_else
    a_timeout_is_looked_at_after_each_message
    the_timeout_of_the_socket_ends_waiting
    nothing_is_waited_for_without_blocking
    peeking_shows_the_first_again_and_again
    messages_are_cut_to_their_buffers
    an_error_behind_messages_stays_for_the_next_call
    an_empty_batch_is_nothing
}

const NONE: MessageFlags = MessageFlags::empty();
const WAITFORONE: MessageFlags = MessageFlags::WAITFORONE;

fn a_batch_arrives_in_order(s: &dyn System) {
    let ((from, _), (one, first), (two, second)) = (s.bound(), s.bound(), s.bound());
    let texts: Vec<Vec<u8>> = (0..100_u8).map(|number| vec![number; usize::from(number)]).collect();
    let messages: Vec<(&[u8], Option<u16>)> = texts
        .iter()
        .map(|text| (&text[..], Some(if text.len() % 3 == 0 { second } else { first })))
        .collect();
    assert_eq!(s.send_batch(from, &messages, None, NONE), Ok(100));
    let (mut all, others) = (s.take_all(one), s.take_all(two));
    assert_eq!((all.len(), others.len()), (66, 34));
    all.extend(others);
    all.sort_by_key(|came| came.bytes.len());
    assert!(all.iter().zip(&texts).all(|(came, text)| came.bytes == *text && came.segment.is_none()));
}

fn what_cannot_be_sent_ends_a_batch(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    let long = vec![0; 65_508];
    let messages: [(&[u8], _); 4] =
        [(b"one", Some(port)), (b"two", Some(port)), (&long, Some(port)), (b"four", Some(port))];
    assert_eq!(s.send_batch(from, &messages, None, NONE), Ok(2));
    assert_eq!(s.lengths(to), [3, 3]);
}

fn the_first_error_is_the_answer(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    let long = vec![0; 65_508];
    let messages: [(&[u8], _); 2] = [(&long, Some(port)), (b"two", Some(port))];
    assert_eq!(s.send_batch(from, &messages, None, NONE), Err(Errno::EMSGSIZE));
    assert_eq!(s.send_batch(from, &[(b"x", None)], None, NONE), Err(Errno::EDESTADDRREQ));
    assert_eq!(s.lengths(to), [0; 0]);
}

fn a_refusal_ends_a_batch_in_its_middle(s: &dyn System) {
    let ((from, _), (gone, port)) = (s.bound(), s.bound());
    s.connect(from, port).unwrap();
    s.close(gone);
    let messages: [(&[u8], _); 3] = [(b"one", None), (b"two", None), (b"three", None)];
    assert_eq!(s.send_batch(from, &messages, None, NONE), Ok(1));
    // The error was the second's, and nobody heard of it.
    assert_eq!(s.error(from), None);
    assert_eq!(s.send_batch(from, &messages[..1], None, NONE), Ok(1));
    assert_eq!(s.send_batch(from, &messages, None, NONE), Err(Errno::ECONNREFUSED));
}

fn one_is_waited_for_if_that_is_asked(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    let messages: [(&[u8], _); 3] = [(b"1", Some(port)), (b"22", Some(port)), (b"333", Some(port))];
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| s.receive_batch(to, &[9; 8], WAITFORONE, None).unwrap().len());
        std::thread::sleep(Duration::from_millis(20));
        s.put(from, b"first", Some(port)).unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
    s.send_batch(from, &messages, None, NONE).unwrap();
    let came = s.receive_batch(to, &[9; 8], WAITFORONE, None).unwrap();
    assert_eq!(came.iter().map(|came| came.bytes.len()).collect::<Vec<_>>(), [1, 2, 3]);
}

fn all_are_waited_for_else(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| s.receive_batch(to, &[9; 3], NONE, None).unwrap().len());
        for text in [b"a", b"b", b"c"] {
            std::thread::sleep(Duration::from_millis(10));
            s.put(from, text, Some(port)).unwrap();
        }
        assert_eq!(waiting.join().unwrap(), 3);
    });
}

fn a_timeout_is_looked_at_after_each_message(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    let messages: [(&[u8], _); 3] = [(b"1", Some(port)), (b"22", Some(port)), (b"333", Some(port))];
    s.send_batch(from, &messages, None, NONE).unwrap();
    // No time at all is enough for one.
    assert_eq!(s.receive_batch(to, &[9; 3], NONE, Some(Duration::ZERO)).unwrap().len(), 1);
    std::thread::scope(|scope| {
        let time = Some(Duration::from_millis(30));
        let waiting = scope.spawn(move || s.receive_batch(to, &[9; 8], NONE, time).unwrap().len());
        std::thread::sleep(Duration::from_millis(80));
        // The time has long been over, and yet this is what ends the call.
        s.put(from, b"late", Some(port)).unwrap();
        assert_eq!(waiting.join().unwrap(), 3);
    });
}

fn the_timeout_of_the_socket_ends_waiting(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_receive_timeout(to, Duration::from_millis(30));
    let begin = Instant::now();
    assert_eq!(s.receive_batch(to, &[9; 3], NONE, None), Err(Errno::EAGAIN));
    s.put(from, b"one", Some(port)).unwrap();
    assert_eq!(s.receive_batch(to, &[9; 3], NONE, None).unwrap().len(), 1);
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

fn nothing_is_waited_for_without_blocking(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    assert_eq!(s.receive_batch(to, &[9; 3], MessageFlags::DONTWAIT, None), Err(Errno::EAGAIN));
    s.put(from, b"one", Some(port)).unwrap();
    assert_eq!(s.receive_batch(to, &[9; 3], MessageFlags::DONTWAIT, None).unwrap().len(), 1);
}

fn peeking_shows_the_first_again_and_again(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.put(from, b"one", Some(port)).unwrap();
    s.put(from, b"another", Some(port)).unwrap();
    let came = s.receive_batch(to, &[9; 3], MessageFlags::PEEK | MessageFlags::DONTWAIT, None).unwrap();
    assert_eq!(came.iter().map(|came| came.bytes.len()).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!(s.lengths(to), [3, 7]);
}

fn messages_are_cut_to_their_buffers(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    for _ in 0..3 {
        s.put(from, b"12345", Some(port)).unwrap();
    }
    let came = s.receive_batch(to, &[2, 5, 0], MessageFlags::DONTWAIT, None).unwrap();
    let told: Vec<_> = came.iter().map(|came| (came.bytes.len(), came.is_cut)).collect();
    assert_eq!(told, [(2, true), (5, false), (0, true)]);
}

fn an_error_behind_messages_stays_for_the_next_call(s: &dyn System) {
    let ((one, own), (other, port)) = (s.bound(), s.bound());
    s.connect(one, port).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || s.receive_batch(one, &[9; 3], NONE, None).unwrap().len());
        std::thread::sleep(Duration::from_millis(20));
        s.put(other, b"hello", Some(own)).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        s.close(other);
        s.put(one, b"are you there?", None).unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
    assert_eq!(s.error(one), Some(Errno::ECONNREFUSED as i32));
}

fn an_empty_batch_is_nothing(s: &dyn System) {
    let (fd, _) = s.bound();
    assert_eq!(s.send_batch(fd, &[], None, NONE), Ok(0));
    assert_eq!(s.receive_batch(fd, &[], NONE, None).map(|came| came.len()), Ok(0));
}
