//! UDP_SEGMENT and UDP_GRO.

use crate::system::*;
use rump_kpi::{Errno, MessageFlags, SocketType};

crate::behaviours! {
    a_long_message_becomes_datagrams
    a_control_message_counts_more_than_the_option
    segments_are_received_together_if_that_is_asked
    a_message_of_one_segment_is_an_ordinary_one
    single_datagrams_are_told_no_size
    what_is_received_together_is_cut_to_the_buffer
    there_are_so_many_segments_and_no_more
    a_segment_is_no_longer_than_a_packet
    a_message_is_no_longer_than_before
    sizes_are_numbers_of_sixteen_bits
    segments_are_of_udp_alone
    each_message_of_a_batch_is_cut
}

const NONE: MessageFlags = MessageFlags::empty();

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn a_long_message_becomes_datagrams(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_segment(from, 1000).unwrap();
    assert_eq!(s.segment(from), 1000);
    let long = content(3500);
    assert_eq!(s.put(from, &long, Some(port)), Ok(1));
    let came = s.take_all(to);
    assert_eq!(came.iter().map(|came| came.bytes.len()).collect::<Vec<_>>(), [1000, 1000, 1000, 500]);
    assert_eq!(came.iter().flat_map(|came| came.bytes.clone()).collect::<Vec<_>>(), long);
    assert!(came.iter().all(|came| came.segment.is_none()));
    s.set_segment(from, 0).unwrap();
    s.put(from, &long, Some(port)).unwrap();
    assert_eq!(s.lengths(to), [3500]);
}

fn a_control_message_counts_more_than_the_option(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_segment(from, 1000).unwrap();
    s.send_batch(from, &[(&content(1000), Some(port))], Some(400), NONE).unwrap();
    assert_eq!(s.lengths(to), [400, 400, 200]);
    s.send_batch(from, &[(&content(1500), Some(port))], Some(0), NONE).unwrap();
    assert_eq!(s.lengths(to), [1500]);
}

fn segments_are_received_together_if_that_is_asked(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_coalescing(to, true).unwrap();
    let long = content(9100);
    s.send_batch(from, &[(&long, Some(port))], Some(1000), NONE).unwrap();
    assert_eq!(s.take_all(to), [Came { bytes: long.clone(), segment: Some(1000), is_cut: false }]);
    s.set_coalescing(to, false).unwrap();
    s.send_batch(from, &[(&long, Some(port))], Some(1000), NONE).unwrap();
    assert_eq!(s.take_all(to).len(), 10);
}

fn a_message_of_one_segment_is_an_ordinary_one(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_coalescing(to, true).unwrap();
    for length in [0, 1, 999, 1000] {
        s.send_batch(from, &[(&content(length), Some(port))], Some(1000), NONE).unwrap();
        assert_eq!(s.take_all(to), [Came { bytes: content(length), segment: None, is_cut: false }]);
    }
}

fn single_datagrams_are_told_no_size(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_coalescing(to, true).unwrap();
    for _ in 0..3 {
        s.put(from, b"alone", Some(port)).unwrap();
    }
    let came = s.take_all(to);
    assert_eq!(came.len(), 3);
    assert!(came.iter().all(|came| came.segment.is_none()));
}

fn what_is_received_together_is_cut_to_the_buffer(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    s.set_coalescing(to, true).unwrap();
    s.send_batch(from, &[(&content(2500), Some(port))], Some(1000), NONE).unwrap();
    let came = s.receive_batch(to, &[1200], MessageFlags::DONTWAIT, None).unwrap();
    assert_eq!(came, [Came { bytes: content(1200), segment: Some(1000), is_cut: true }]);
    assert_eq!(s.lengths(to), [0; 0]);
}

fn there_are_so_many_segments_and_no_more(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    assert_eq!(s.send_batch(from, &[(&content(1280), Some(port))], Some(10), NONE), Ok(1));
    assert_eq!(s.lengths(to), [10; 128]);
    assert_eq!(s.send_batch(from, &[(&content(1281), Some(port))], Some(10), NONE), Err(Errno::EINVAL));
    assert_eq!(s.lengths(to), [0; 0]);
}

fn a_segment_is_no_longer_than_a_packet(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    // The loopback takes all that a datagram can be.
    assert_eq!(s.send_batch(from, &[(&content(65_507), Some(port))], Some(65_507), NONE), Ok(1));
    assert_eq!(s.send_batch(from, &[(&content(65_507), Some(port))], Some(65_535), NONE), Ok(1));
    assert_eq!(s.lengths(to), [65_507, 65_507]);
}

fn a_message_is_no_longer_than_before(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    let answer = s.send_batch(from, &[(&content(65_508), Some(port))], Some(1000), NONE);
    assert_eq!((answer, s.lengths(to)), (Err(Errno::EMSGSIZE), vec![]));
    assert_eq!(s.send_batch(from, &[(&content(65_507), Some(port))], Some(1000), NONE), Ok(1));
    assert_eq!(s.take_all(to).len(), 66);
}

fn sizes_are_numbers_of_sixteen_bits(s: &dyn System) {
    let (fd, _) = s.bound();
    assert_eq!(s.set_segment(fd, -1), Err(Errno::EINVAL));
    assert_eq!(s.set_segment(fd, 65_536), Err(Errno::EINVAL));
    assert_eq!((s.set_segment(fd, 65_535), s.segment(fd)), (Ok(()), 65_535));
}

fn segments_are_of_udp_alone(s: &dyn System) {
    let stream = s.socket(SocketType::Stream);
    assert_eq!(s.set_segment(stream, 100), Err(Errno::ENOPROTOOPT));
    assert_eq!(s.set_coalescing(stream, true), Err(Errno::ENOPROTOOPT));
}

fn each_message_of_a_batch_is_cut(s: &dyn System) {
    let ((from, _), (to, port)) = (s.bound(), s.bound());
    let (one, two) = (content(250), content(130));
    let messages: [(&[u8], _); 2] = [(&one, Some(port)), (&two, Some(port))];
    assert_eq!(s.send_batch(from, &messages, Some(100), NONE), Ok(2));
    assert_eq!(s.lengths(to), [100, 100, 50, 100, 30]);
}
