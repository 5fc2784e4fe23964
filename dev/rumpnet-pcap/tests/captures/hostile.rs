//! Files that lie.

use crate::build::{File, classic};
use crate::{datagram, frames, packet};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::port::Direction;
use rumpnet_pcap::{FnSource, LinkType, Reader, write};

fn is_refused(file: &[u8]) {
    assert_eq!(frames(file).unwrap_err().errno, Errno::EFTYPE);
}

/// One file with all that there is.
fn rich(is_big: bool) -> Vec<u8> {
    let mut file = File::new(is_big);
    file.block(0x0bad, b"unknown.");
    file.interface(1, 0, &[(2, b"eth0".to_vec()), (9, vec![9])]);
    file.interface(101, 20, &[(9, vec![0x8a]), (14, 5_i64.to_le_bytes().to_vec())]);
    let flags = file.option(2, &file.u32(2));
    file.frame(6, 0, 1_795_651_201_000_002_003, 44, &datagram(b"ab"), &flags);
    file.frame(2, 1, 1 << 10, 100, b"E...", &[]);
    file.simple(60, &datagram(b"cd")[..44]);
    file.section(!is_big);
    file.interface(1, 0, &[]);
    file.frame(6, 0, 7_000_001, 44, &datagram(b"ef"), &[]);
    file.bytes
}

#[test]
fn all_kinds_of_blocks_are_read_in_both_orders() {
    for is_big in [false, true] {
        let all = frames(&rich(is_big)).unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].time, Some(Duration::new(1_795_651_201, 2003)));
        assert_eq!((all[0].direction, &all[0].bytes[..]), (Some(Direction::Out), &datagram(b"ab")[..]));
        assert_eq!((all[1].interface, all[1].link, all[1].length), (1, LinkType::RAW, 100));
        if !is_big {
            assert_eq!(all[1].time, Some(Duration::from_secs(6)));
        }
        assert_eq!((all[2].time, all[2].length, all[2].bytes.len()), (None, 60, 44));
        assert_eq!(all[3].time, Some(Duration::new(7, 1000)));
    }
}

#[test]
fn times_have_the_resolution_that_the_interface_says() {
    for (resolution, ticks, expected) in [
        (0, 3, Duration::from_secs(3)),
        (3, 3001, Duration::from_millis(3001)),
        (12, 3_000_000_002_999, Duration::new(3, 2)),
        (127, u64::MAX, Duration::ZERO),
        (0x80, 3, Duration::from_secs(3)),
        (0x81, 3, Duration::from_millis(1500)),
        (0xc0, u64::MAX, Duration::new(0, 999_999_999)),
        (0xff, u64::MAX, Duration::ZERO),
        (0, u64::MAX, Duration::from_secs(u64::MAX)),
    ] {
        let mut file = File::new(false);
        file.interface(1, 0, &[(9, vec![resolution])]);
        file.frame(6, 0, ticks, 1, b"x", &[]);
        assert_eq!(frames(&file.bytes).unwrap()[0].time, Some(expected), "{resolution:#x}");
    }
}

#[test]
fn lengths_are_bounded() {
    // A frame of 4 GB, one byte more than there may be, and as many as there may be but are not there.
    for (kept, is_long) in [(u32::MAX, true), (262_145, true), (262_144, false)] {
        let mut file = classic(0xa1b2_c3d4, false, 1, &[]);
        file.extend([0, 0, kept, kept].map(u32::to_le_bytes).concat());
        is_refused(&file);
        file.resize(file.len() + 262_145, 0);
        assert_eq!(Reader::new(&file[..]).unwrap().read().is_err(), is_long);
    }
    for length in [0_u32, 11, 12, 13, 1 << 20, u32::MAX, u32::MAX - 3] {
        for kind in [1, 2, 3, 6, 0x0a0d_0d0a] {
            let mut file = File::new(false);
            file.bytes.extend([kind, length].map(u32::to_le_bytes).concat());
            file.bytes.resize(file.bytes.len() + 100, 0);
            is_refused(&file.bytes);
        }
    }
    let mut file = File::new(true);
    (0..=4096).for_each(|_| file.interface(1, 0, &[]));
    is_refused(&file.bytes);
    let mut file = File::new(true);
    file.interface(1, 0, &[]);
    file.frame(6, 1, 0, 1, b"of no interface", &[]);
    is_refused(&file.bytes);
    is_refused(b"");
    is_refused(b"\x0a\x0d\x0d\x0a");
    is_refused(b"MZ, and other things that begin otherwise");
}

/// Every file cut at every length, and with each byte changed: an answer each time, and frames within bounds.
#[test]
fn damage_is_an_answer() {
    let classics =
        [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34].map(|magic| classic(magic, true, 1, &[(1, 2, b"frame")]));
    for whole in classics.into_iter().chain([rich(false), rich(true)]) {
        let count = frames(&whole).unwrap().len();
        for length in 0..whole.len() {
            let read = Reader::new(&whole[..length]).map_or(0, |reader| reader.flatten().count());
            assert!(read <= count);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                if let Ok(reader) = Reader::new(&damaged[..]) {
                    assert!(reader.flatten().all(|frame| frame.bytes.len() <= damaged.len()));
                }
            }
        }
    }
}

/// However few bytes come at once, the frames are the same; and an error of the source comes through.
#[test]
fn sources_answer_as_little_as_they_like() {
    let file = rich(false);
    for piece in [1, 2, 3, 7, 100] {
        let mut at = 0;
        let source = FnSource(|into: &mut [u8]| {
            let length = piece.min(into.len()).min(file.len() - at);
            into[..length].copy_from_slice(&file[at..at + length]);
            at += length;
            Ok(length)
        });
        let all: Vec<_> = Reader::new(source).unwrap().map(Result::unwrap).collect();
        assert_eq!(all, frames(&file).unwrap());
    }
    let broken = FnSource(|_: &mut [u8]| Err(Errno::EIO.into()));
    assert_eq!(Reader::new(broken).err().unwrap().errno, Errno::EIO);
}

#[test]
fn what_is_written_is_read() {
    let mut file = Vec::new();
    write::section(&mut file);
    write::interface(&mut file, "virt0", LinkType::ETHERNET);
    write::interface(&mut file, &"long".repeat(100), LinkType::RAW);
    let time = Duration::new(1_795_651_201, 123_456_789);
    let long = vec![7; 300_000];
    for length in 0..9 {
        write::frame(&mut file, 0, time, Some(Direction::In), &packet(&long[..length]));
    }
    write::frame(&mut file, 1, time, None, &packet(&long));
    write::statistics(&mut file, 1, time, 5, 4);
    let all = frames(&file).unwrap();
    assert_eq!(all.len(), 10);
    for (length, frame) in all[..9].iter().enumerate() {
        assert_eq!((frame.bytes.len(), frame.length), (length, length as u32));
        assert_eq!((frame.time, frame.direction), (Some(time), Some(Direction::In)));
    }
    assert_eq!((all[9].bytes.len(), all[9].length, all[9].interface), (262_144, 300_000, 1));
}
