//! What is merged can be cut into the very frames that came.

#![allow(missing_docs)]

use bytes::Bytes;
use proptest::prelude::*;
use rump_kpi::packet::checksum::{self, Sum};
use rump_kpi::packet::coalesce::coalesce;
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments, offload};

const LINK: usize = 14;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// What a frame says.
#[derive(Clone, Debug)]
struct Said {
    version: u8,
    port: u16,
    sequence: u32,
    acknowledgment: u32,
    identification: u16,
    fragment: u16,
    traffic_class: u8,
    flags: u8,
    options: Vec<u8>,
    length: usize,
}

impl Said {
    /// A segment in the middle of a stream, the `number`th one.
    fn next(version: u8, number: u32, length: usize) -> Self {
        Self {
            version,
            port: 80,
            sequence: 0xffff_f000_u32.wrapping_add(number * length as u32),
            acknowledgment: 7,
            identification: 0xfffe_u16.wrapping_add(number as u16),
            fragment: 0x4000,
            traffic_class: 0,
            flags: ACK,
            options: vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
            length,
        }
    }

    /// The frame, with its checksums.
    fn frame(&self) -> Vec<u8> {
        let content: Vec<u8> =
            (0..self.length).map(|at| (at as u32).wrapping_add(self.sequence) as u8).collect();
        let mut tcp = [self.port.to_be_bytes(), 9_u16.to_be_bytes()].concat();
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledgment.to_be_bytes());
        tcp.extend([((20 + self.options.len()) / 4 * 16) as u8, self.flags, 1, 0, 0, 0, 0, 0]);
        tcp.extend(&self.options);
        tcp.extend(content);
        let (mut ip, addresses) = self.network(tcp.len());
        let mut sum = Sum::default();
        sum.add(&ip[addresses..]);
        sum.add_word(6);
        sum.add_word(tcp.len() as u16);
        sum.add(&tcp);
        tcp[16..18].copy_from_slice(&sum.finish().to_be_bytes());
        let mut frame = vec![2; 12];
        frame.extend(if self.version == 4 { [8, 0] } else { [0x86, 0xdd] });
        frame.append(&mut ip);
        frame.append(&mut tcp);
        frame
    }

    /// The header of IP, and where its addresses are.
    fn network(&self, behind: usize) -> (Vec<u8>, usize) {
        if self.version == 6 {
            let mut ip = vec![0x60 | self.traffic_class >> 4, self.traffic_class << 4, 0, 0];
            ip.extend((behind as u16).to_be_bytes());
            ip.extend([6, 64]);
            ip.extend([0xfd; 32]);
            return (ip, 8);
        }
        let mut ip = vec![0x45, self.traffic_class];
        ip.extend(((20 + behind) as u16).to_be_bytes());
        ip.extend(self.identification.to_be_bytes());
        ip.extend(self.fragment.to_be_bytes());
        ip.extend([64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        let sum = checksum::of(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        (ip, 12)
    }
}

fn merged(frames: &[Vec<u8>]) -> Vec<Packet> {
    coalesce(frames.iter().map(|frame| Packet::received(Bytes::copy_from_slice(frame))).collect(), LINK)
}

/// The frames that packets become on a device that does nothing itself.
fn cut(packets: Vec<Packet>) -> Vec<Vec<u8>> {
    let segments = packets.into_iter().flat_map(|packet| offload::cut(packet, LINK).expect("cut"));
    segments
        .map(|mut segment| {
            offload::complete(&mut segment);
            segment.to_vec()
        })
        .collect()
}

/// A stream of each version, with lengths of all frames.
fn stream(version: u8, count: u32) -> Vec<Said> {
    (0..count).map(|number| Said::next(version, number, 1000)).collect()
}

fn frames(all: &[Said]) -> Vec<Vec<u8>> {
    all.iter().map(Said::frame).collect()
}

#[test]
fn a_stream_becomes_one_packet() {
    for (version, kind) in [(4, Segments::Tcp4), (6, Segments::Tcp6)] {
        let mut all = stream(version, 20);
        all[0].flags |= CWR;
        (all[19].flags, all[19].length) = (ACK | PSH | 1, 7);
        let frames = frames(&all);
        let packets = merged(&frames);
        assert_eq!(packets.len(), 1);
        assert_eq!(packets[0].segmentation, Some(Segmentation { kind, size: 1000 }));
        assert!(matches!(packets[0].checksum, Checksum::Missing { offset: 16, .. }));
        assert!(cut(packets) == frames);
    }
}

#[test]
fn no_packet_is_longer_than_ip_has_them() {
    for version in [4, 6] {
        let frames = frames(&stream(version, 200));
        let packets = merged(&frames);
        assert_eq!(packets.len(), 4);
        assert!(packets.iter().all(|packet| packet.len() <= LINK + 65_535));
        assert!(cut(packets) == frames);
    }
}

#[test]
fn what_changes_in_the_middle_begins_anew() {
    type Change = fn(&mut Said);
    let changes: [(Change, usize); 12] = [
        (|said| said.acknowledgment += 1, 3),
        (|said| said.traffic_class = 3, 3),
        (|said| said.flags |= CWR, 2),
        (|said| said.flags |= 0x40, 3),
        (|said| said.flags |= 0x20, 3),
        (|said| said.flags |= 0x04, 3),
        (|said| said.flags |= PSH, 2),
        (|said| said.options[7] += 1, 3),
        (|said| said.length = 999, 2),
        (|said| said.length = 1001, 3),
        (|said| said.sequence += 1, 3),
        (|said| said.length = 0, 3),
    ];
    for (number, (change, expected)) in changes.into_iter().enumerate() {
        for version in [4, 6] {
            let mut all = stream(version, 20);
            change(&mut all[10]);
            let frames = frames(&all);
            let packets = merged(&frames);
            assert_eq!(packets.len(), expected, "change {number} of version {version}");
            assert!(cut(packets) == frames, "change {number} of version {version}");
        }
    }
}

#[test]
fn the_identification_of_ipv4_is_kept() {
    let of_ids = |ids: [u16; 3], fragment| {
        let all = ids.iter().enumerate().map(|(number, id)| {
            let said = Said::next(4, number as u32, 1000);
            Said { identification: *id, fragment, ..said }.frame()
        });
        let frames: Vec<_> = all.collect();
        let packets = merged(&frames);
        let count = packets.len();
        assert!(cut(packets) == frames, "{ids:?}");
        count
    };
    assert_eq!(of_ids([5, 6, 7], 0x4000), 1);
    assert_eq!(of_ids([5, 6, 7], 0), 1);
    assert_eq!(of_ids([0, 0, 0], 0x4000), 1, "there is none");
    assert_eq!(of_ids([0, 1, 2], 0), 1);
    assert_eq!(of_ids([0, 1, 2], 0x4000), 2);
    assert_eq!(of_ids([0, 0, 0], 0), 3);
    assert_eq!(of_ids([5, 6, 7], 0x2000), 3, "fragments");
}

#[test]
fn two_streams_at_once_are_two_packets() {
    let (one, other) = (stream(4, 10), stream(4, 10));
    let other = other.into_iter().map(|said| Said { port: 81, ..said });
    let mixed: Vec<Said> = one.into_iter().zip(other).flat_map(|(one, other)| [one, other]).collect();
    assert_eq!(merged(&frames(&mixed)).len(), 2);
}

#[test]
fn a_wrong_checksum_passes_as_it_came() {
    let mut frames = frames(&stream(4, 9));
    *frames[4].last_mut().unwrap() ^= 1;
    let packets = merged(&frames);
    let kinds: Vec<_> = packets.iter().map(|packet| packet.checksum).collect();
    let missing = Checksum::Missing { start: 34, offset: 16 };
    assert_eq!(kinds, [missing, Checksum::Unknown, missing]);
    assert!(cut(packets) == frames);
}

#[test]
fn a_checksum_that_is_still_missing_is_no_hindrance() {
    let frames = frames(&stream(6, 9));
    let packets = frames.iter().map(|frame| {
        let mut packet = Packet::received(Bytes::copy_from_slice(frame));
        packet.overwrite(70, &[0, 1]);
        packet.checksum = Checksum::Missing { start: 54, offset: 16 };
        packet
    });
    let packets = coalesce(packets.collect(), LINK);
    assert_eq!(packets.len(), 1);
    assert!(cut(packets) == frames);
}

/// One of a stream, to which something may have been done.
fn any_frame() -> impl Strategy<Value = (Said, Option<(usize, u8)>, usize)> {
    let said = (
        prop_oneof![Just(4_u8), Just(6)],
        80_u16..82,
        0_u32..6,
        prop_oneof![8 => Just(500_usize), 1 => Just(0), 1 => 1_usize..600],
        prop_oneof![8 => Just(ACK), 1 => any::<u8>()],
        prop_oneof![8 => Just(0_u8), 1 => Just(2), 1 => Just(3)],
        prop_oneof![8 => Just(0x4000_u16), 1 => Just(0), 1 => any::<u16>()],
    );
    let said = said.prop_map(|(version, port, number, length, flags, traffic_class, fragment)| Said {
        port,
        length,
        flags,
        traffic_class,
        fragment,
        ..Said::next(version, number, 500)
    });
    let damage = prop_oneof![6 => Just(None), 1 => (0_usize..80, any::<u8>()).prop_map(Some)];
    (said, damage, prop_oneof![9 => Just(usize::MAX), 1 => 0_usize..90])
}

/// Which frames have to stay in order.
fn key(frame: &[u8]) -> Vec<u8> {
    match frame.get(14).map(|byte| byte >> 4) {
        Some(4) => frame.get(26..38).unwrap_or_default().to_vec(),
        Some(6) => frame.get(22..58).unwrap_or_default().to_vec(),
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn cutting_gives_what_came_in_the_order_of_each_connection(
        all in proptest::collection::vec(any_frame(), 0..40),
    ) {
        let frames: Vec<Vec<u8>> = all
            .into_iter()
            .map(|(said, damage, length)| {
                let mut frame = said.frame();
                if let Some(byte) = damage.and_then(|(at, with)| Some((frame.get_mut(at)?, with))) {
                    *byte.0 = byte.1;
                }
                frame.truncate(length);
                frame
            })
            .collect();
        let again = cut(merged(&frames));
        prop_assert_eq!(frames.len(), again.len());
        let mut keys: Vec<_> = frames.iter().map(|frame| key(frame)).collect();
        keys.sort();
        keys.dedup();
        for of in keys {
            let select = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
                all.iter().filter(|frame| key(frame) == of).cloned().collect()
            };
            prop_assert!(select(&frames) == select(&again));
        }
    }

    #[test]
    fn any_bytes_pass(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..20)) {
        let packets = all.iter().map(|bytes| Packet::received(Bytes::copy_from_slice(bytes))).collect();
        let again: Vec<_> = coalesce(packets, 0).iter().map(Packet::to_vec).collect();
        prop_assert!(all == again);
    }
}
