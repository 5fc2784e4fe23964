//! Bytes as a capture.

use bytes::Bytes;
use rump_kpi::packet::Packet;
use rump_kpi::port::Direction;
use rumpnet_pcap::{Frame, LinkType, Reader, write};
use std::time::Duration;

/// Reads it: no more comes out than went in, and what is written again is read as the same.
pub fn run(data: &[u8]) {
    let Ok(reader) = Reader::new(data) else { return };
    let frames: Vec<Frame> = reader.map_while(Result::ok).collect();
    assert!(frames.iter().map(|frame| frame.bytes.len()).sum::<usize>() <= data.len());
    let mut file = Vec::new();
    write::section(&mut file);
    write::interface(&mut file, "fuzzed", LinkType::ETHERNET);
    // Times are written in nanoseconds of 64 bits.
    let time =
        |frame: &Frame| frame.time.filter(|time| time.as_nanos() <= u64::MAX.into()).unwrap_or_default();
    for frame in &frames {
        let packet = Packet::received(frame.bytes.clone());
        write::frame(&mut file, 0, time(frame), frame.direction, &packet);
    }
    let again: Vec<Frame> = Reader::new(&file[..]).unwrap().map(Result::unwrap).collect();
    assert_eq!(again.len(), frames.len());
    for (again, frame) in again.iter().zip(&frames) {
        assert_eq!((&again.bytes, again.direction), (&frame.bytes, frame.direction));
        assert_eq!(again.time, Some(time(frame)));
    }
}

/// A capture to begin with: of pcapng, of pcap, and with the bytes of numbers in the other order.
pub fn seed(number: u64) -> Vec<u8> {
    let packet = Packet::received(Bytes::from(vec![number as u8; 20 + number as usize]));
    let time = Duration::new(1_795_651_201, number as u32);
    let mut file = Vec::new();
    if number % 3 == 0 {
        write::classic_header(&mut file, LinkType::ETHERNET);
        (0..3).for_each(|_| write::classic_frame(&mut file, time, &packet));
        return file;
    }
    write::section(&mut file);
    write::interface(&mut file, "eth0", LinkType::ETHERNET);
    for direction in [None, Some(Direction::In), Some(Direction::Out)] {
        write::frame(&mut file, 0, time, direction, &packet);
    }
    write::statistics(&mut file, 0, time, 3, 1);
    // A simple frame.
    file.extend([3, 20, 4].map(u32::to_le_bytes).concat());
    file.extend(*b"text");
    file.extend(20_u32.to_le_bytes());
    if number % 3 == 1 {
        // All numbers of a header are words, but for two halves that are told apart no more.
        file.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    }
    file
}
