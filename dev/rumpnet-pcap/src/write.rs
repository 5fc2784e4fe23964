//! Blocks of pcapng and headers of pcap, little-endian and with times in nanoseconds.
//!
//! A file of pcapng is [`section`], an [`interface`] for each that there is, and [`frame`]s; [`statistics`] may end it. One of
//! pcap is [`classic_header`] and, for each frame, [`classic_frame`].

use crate::{LinkType, MOST_FRAME_BYTES};
use alloc::vec::Vec;
use core::time::Duration;
use rump_kpi::packet::Packet;
use rump_kpi::port::Direction;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const FRAME: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const CLASSIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Options: who wrote the section, the name and the resolution of an interface, what there is to say of a frame, frames that
/// an interface had and that were dropped.
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const FLAGS: u16 = 2;
const RECEIVED: u16 = 4;
const DROPPED: u16 = 5;
/// The exponent of ten of a nanosecond.
const NANOSECONDS: u8 = 9;
/// Names of interfaces are no longer.
const MOST_NAME_BYTES: usize = 255;

/// Begins a section, whose interfaces are counted from zero.
pub fn section(into: &mut Vec<u8>) {
    block(into, SECTION, |into| {
        into.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        // Version 1.0, and a length that is not said.
        into.extend_from_slice(&[1, 0, 0, 0]);
        into.extend_from_slice(&u64::MAX.to_le_bytes());
        option(into, APPLICATION, b"rump");
        option(into, 0, b"");
    });
}

/// Describes the next interface.
pub fn interface(into: &mut Vec<u8>, name: &str, link: LinkType) {
    block(into, INTERFACE, |into| {
        into.extend_from_slice(&link.0.to_le_bytes());
        into.extend_from_slice(&[0; 2]);
        into.extend_from_slice(&(MOST_FRAME_BYTES as u32).to_le_bytes());
        option(into, NAME, &name.as_bytes()[..name.len().min(MOST_NAME_BYTES)]);
        option(into, RESOLUTION, &[NANOSECONDS]);
        option(into, 0, b"");
    });
}

/// Adds a frame of an interface; `time` is since 1970.
pub fn frame(
    into: &mut Vec<u8>,
    interface: u32,
    time: Duration,
    direction: Option<Direction>,
    packet: &Packet,
) {
    cut_frame(into, interface, time, direction, packet, packet.len() as u32);
}

/// The same for the beginning of a frame, which had `length` bytes.
pub fn cut_frame(
    into: &mut Vec<u8>,
    interface: u32,
    time: Duration,
    direction: Option<Direction>,
    packet: &Packet,
    length: u32,
) {
    let kept = packet.len().min(MOST_FRAME_BYTES);
    block(into, FRAME, |into| {
        let [high, low] = halves(time);
        for word in [interface, high, low, kept as u32, length] {
            into.extend_from_slice(&word.to_le_bytes());
        }
        content(into, packet, kept);
        pad(into, kept);
        let flags: u32 = match direction {
            Some(Direction::In) => 1,
            Some(Direction::Out) => 2,
            None => return,
        };
        option(into, FLAGS, &flags.to_le_bytes());
        option(into, 0, b"");
    });
}

/// Says how many frames an interface had, and how many of them were dropped.
pub fn statistics(into: &mut Vec<u8>, interface: u32, time: Duration, received: u64, dropped: u64) {
    block(into, STATISTICS, |into| {
        let [high, low] = halves(time);
        for word in [interface, high, low] {
            into.extend_from_slice(&word.to_le_bytes());
        }
        option(into, RECEIVED, &received.to_le_bytes());
        option(into, DROPPED, &dropped.to_le_bytes());
        option(into, 0, b"");
    });
}

/// What a file of pcap begins with.
pub fn classic_header(into: &mut Vec<u8>, link: LinkType) {
    into.extend_from_slice(&CLASSIC_NANOSECONDS.to_le_bytes());
    // Version 2.4.
    into.extend_from_slice(&[2, 0, 4, 0]);
    for word in [0, 0, MOST_FRAME_BYTES as u32, link.0.into()] {
        into.extend_from_slice(&u32::to_le_bytes(word));
    }
}

/// Adds a frame to a file of pcap. Seconds have 32 bits there, until 2106.
pub fn classic_frame(into: &mut Vec<u8>, time: Duration, packet: &Packet) {
    classic_cut_frame(into, time, packet, packet.len() as u32);
}

/// The same for the beginning of a frame, which had `length` bytes.
pub fn classic_cut_frame(into: &mut Vec<u8>, time: Duration, packet: &Packet, length: u32) {
    let kept = packet.len().min(MOST_FRAME_BYTES);
    for word in [time.as_secs() as u32, time.subsec_nanos(), kept as u32, length] {
        into.extend_from_slice(&word.to_le_bytes());
    }
    content(into, packet, kept);
}

fn content(into: &mut Vec<u8>, packet: &Packet, kept: usize) {
    let mut left = kept;
    for chunk in packet.chunks() {
        let length = chunk.len().min(left);
        into.extend_from_slice(&chunk[..length]);
        left -= length;
    }
}

/// Nanoseconds as two numbers, the higher first; they have 64 bits until 2554.
fn halves(time: Duration) -> [u32; 2] {
    let nanoseconds = time.as_nanos() as u64;
    [(nanoseconds >> 32) as u32, nanoseconds as u32]
}

fn block(into: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = into.len();
    into.extend_from_slice(&kind.to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    body(into);
    let length = (into.len() - begin + 4) as u32;
    into[begin + 4..begin + 8].copy_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&length.to_le_bytes());
}

fn option(into: &mut Vec<u8>, code: u16, value: &[u8]) {
    into.extend_from_slice(&code.to_le_bytes());
    into.extend_from_slice(&(value.len() as u16).to_le_bytes());
    into.extend_from_slice(value);
    pad(into, value.len());
}

/// What comes after so many bytes.
fn pad(into: &mut Vec<u8>, length: usize) {
    into.resize(into.len() + length.next_multiple_of(4) - length, 0);
}
