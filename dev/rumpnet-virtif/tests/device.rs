//! The device over a wire of a simulation: what it tells the other side, and what it believes of it.

use bytes::Bytes;
use proptest::prelude::*;
use rump_host_sim::{SimHost, SimWire};
use rump_hyper::packet::{HEADER_BYTES, Offloads as Takes, Outgoing, PacketIo, Received};

use rump_kpi::device::{NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments, offload};
use rump_kpi::sync::Mutex;
use rumpnet_virtif::VirtIf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LINK: usize = 14;

#[derive(Default)]
struct Inbox(Mutex<Vec<Packet>>);

impl Receiver for Inbox {
    fn receive(&self, mut packets: Vec<Packet>) {
        self.0.lock().append(&mut packets);
    }
}

impl Inbox {
    /// What came, once there are so many; they come from another thread.
    fn wait(&self, count: usize) -> Vec<Packet> {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.0.lock().len() < count {
            assert!(Instant::now() < patience, "{} of {count} came", self.0.lock().len());
            std::thread::yield_now();
        }
        std::mem::take(&mut *self.0.lock())
    }
}

struct Rig {
    host: Arc<SimHost>,
    device: Arc<VirtIf>,
    inbox: Arc<Inbox>,
    peer: Arc<SimWire>,
}

fn rig(takes: Takes) -> Rig {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "1");
    let [ours, peer] = host.wire(1500, takes);
    let device = VirtIf::new(host.clone(), ours);
    let inbox = Arc::new(Inbox::default());
    device.start(inbox.clone()).unwrap();
    Rig { host, device, inbox, peer }
}

impl Rig {
    fn sent(&self) -> Vec<Received> {
        let mut frames = Vec::new();
        self.peer.receive(&mut frames, Some(Duration::ZERO)).unwrap();
        frames
    }

    fn inject(&self, header: [u8; HEADER_BYTES], bytes: &[u8]) {
        self.peer.send(&[Outgoing { header, parts: vec![bytes].into() }]).unwrap();
    }
}

/// A frame whose checksum is missing.
fn frame(kind: Segments, content: usize) -> Packet {
    let mut packet = Packet::with_content([Bytes::from(vec![5; content])]);
    let offset = if kind == Segments::Udp {
        packet.prepend(8);
        6
    } else {
        packet.prepend(20)[12..14].copy_from_slice(&[0x50, 0x90]);
        16
    };
    packet.checksum = Checksum::Missing { start: 0, offset };
    if kind == Segments::Tcp6 {
        let ip = packet.prepend(40);
        (ip[0], ip[6]) = (0x60, 6);
    } else {
        let ip = packet.prepend(20);
        (ip[0], ip[9]) = (0x45, if kind == Segments::Udp { 17 } else { 6 });
    }
    packet.prepend(LINK)[12] = 8;
    packet
}

fn long(kind: Segments) -> Packet {
    let mut packet = frame(kind, 3000);
    packet.segmentation = Some(Segmentation { kind, size: 1000 });
    packet
}

#[test]
fn what_the_host_takes_is_left_to_it() {
    let rig = rig(Takes::all());
    assert_eq!(rig.device.info().offloads, Offloads::all());
    let plain = Packet::received(Bytes::from_static(&[0; 60]));
    let all =
        [plain, frame(Segments::Tcp4, 10), long(Segments::Tcp4), long(Segments::Tcp6), long(Segments::Udp)];
    rig.device.send(&mut all.to_vec()).unwrap();
    let headers: Vec<_> = rig.sent().iter().map(|frame| frame.header).collect();
    // Flags, type (with ECN, since CWR is set), length of headers, size, start and offset of the checksum, buffers.
    let expected = [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0],
        [1, 0x81, 54, 0, 0xe8, 3, 34, 0, 16, 0, 0, 0],
        [1, 0x84, 74, 0, 0xe8, 3, 54, 0, 16, 0, 0, 0],
        [1, 5, 42, 0, 0xe8, 3, 34, 0, 6, 0, 0, 0],
    ];
    assert_eq!(headers, expected);
    assert_eq!(rig.device.statistics().sent, 5);
}

#[test]
fn what_the_host_does_not_take_is_done_here() {
    for takes in [Takes::empty(), Takes::CHECKSUM] {
        let rig = rig(takes);
        rig.device.send(&mut vec![long(Segments::Tcp4), frame(Segments::Udp, 100)]).unwrap();
        let frames = rig.sent();
        let lengths: Vec<_> = frames.iter().map(|frame| frame.bytes.len()).collect();
        assert_eq!(lengths, [1054, 1054, 1054, 142]);
        // What is cut here gets its checksums here as well.
        let missing: Vec<_> = frames.iter().map(|frame| frame.header[0]).collect();
        assert_eq!(missing, [0, 0, 0, u8::from(takes == Takes::CHECKSUM)]);
        assert!(frames.iter().all(|frame| frame.header[1] == 0));
    }
    for kind in [Segments::Tcp4, Segments::Tcp6, Segments::Udp] {
        let rig = rig(Takes::empty());
        rig.device.send(&mut vec![long(kind)]).unwrap();
        let segments = offload::cut(long(kind), LINK).unwrap().into_iter().map(|mut segment| {
            offload::complete(&mut segment);
            segment.to_vec()
        });
        let frames = rig.sent();
        assert!(frames.iter().map(|frame| frame.bytes.to_vec()).eq(segments), "{kind:?}");
    }
}

#[test]
fn what_is_not_what_it_says_is_not_sent() {
    let rig = rig(Takes::all());
    let mut wrong = long(Segments::Tcp4);
    wrong.segmentation = Some(Segmentation { kind: Segments::Tcp6, size: 1000 });
    rig.device.send(&mut vec![wrong, frame(Segments::Tcp4, 1)]).unwrap();
    assert_eq!(rig.sent().len(), 1);
    assert_eq!((rig.device.statistics().sent, rig.device.statistics().refused), (1, 1));
}

#[test]
fn what_comes_is_as_its_header_says() {
    let rig = rig(Takes::all());
    let tcp = frame(Segments::Tcp4, 3000).to_vec();
    rig.inject([0; HEADER_BYTES], &tcp);
    rig.inject([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &tcp);
    rig.inject([1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0], &tcp);
    rig.inject([1, 0x81, 9, 9, 0xe8, 3, 34, 0, 16, 0, 7, 7], &tcp);
    rig.inject([2, 1, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0], &tcp);
    let packets = rig.inbox.wait(5);
    let missing = Checksum::Missing { start: 34, offset: 16 };
    let cut = Some(Segmentation { kind: Segments::Tcp4, size: 1000 });
    let told: Vec<_> = packets.iter().map(|packet| (packet.checksum, packet.segmentation)).collect();
    let expected = [
        (Checksum::Unknown, None),
        (Checksum::Good, None),
        (missing, None),
        (missing, cut),
        (Checksum::Good, cut),
    ];
    assert_eq!(told, expected);
    rig.inject([1, 5, 42, 0, 0xe8, 3, 34, 0, 6, 0, 0, 0], &frame(Segments::Udp, 2500).to_vec());
    let packets = rig.inbox.wait(1);
    assert_eq!(packets[0].segmentation, Some(Segmentation { kind: Segments::Udp, size: 1000 }));
    assert_eq!(packets[0].len() - 42, 2500);
    assert_eq!(rig.device.statistics().malformed, 0);
}

#[test]
fn a_header_that_lies_is_not_believed() {
    let rig = rig(Takes::all());
    let tcp = frame(Segments::Tcp4, 3000).to_vec();
    let lies: &[[u8; HEADER_BYTES]] = &[
        // Unknown flags and types, ECN of what is not TCP.
        [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 2, 0, 0, 1, 0, 34, 0, 16, 0, 0, 0],
        [1, 3, 0, 0, 1, 0, 34, 0, 16, 0, 0, 0],
        [1, 0x80, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0],
        [1, 0x85, 0, 0, 1, 0, 34, 0, 6, 0, 0, 0],
        // Checksums within the link's header, and beyond the end.
        [1, 0, 0, 0, 0, 0, 13, 0, 16, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
        [1, 0, 0, 0, 0, 0, 34, 0, 0xf0, 0x0b, 0, 0],
        // Segments of nothing, of another protocol, of another version, and from another place than the header of TCP.
        [1, 1, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0],
        [1, 5, 0, 0, 0xe8, 3, 34, 0, 6, 0, 0, 0],
        [1, 4, 0, 0, 0xe8, 3, 34, 0, 16, 0, 0, 0],
        [1, 1, 0, 0, 0xe8, 3, 35, 0, 16, 0, 0, 0],
        // Segments of which nobody knows the checksum.
        [0, 1, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0],
    ];
    lies.iter().for_each(|header| rig.inject(*header, &tcp));
    // A datagram for every byte.
    rig.inject([1, 5, 0, 0, 1, 0, 34, 0, 6, 0, 0, 0], &frame(Segments::Udp, 3000).to_vec());
    rig.inject([0; HEADER_BYTES], b"true");
    assert_eq!(rig.inbox.wait(1)[0].to_vec(), b"true");
    let statistics = rig.device.statistics();
    assert_eq!((statistics.received, statistics.malformed), (lies.len() as u64 + 2, lies.len() as u64 + 1));
}

proptest! {
    #[test]
    fn no_header_does_harm(header: [u8; HEADER_BYTES], flags in 0..4_u8, kind in 0..6_u8, length in 0..200_usize) {
        let rig = rig(Takes::empty());
        let tcp = frame(if kind == 5 { Segments::Udp } else { Segments::Tcp4 }, 150).to_vec();
        let mut likely = header;
        (likely[0], likely[1]) = (flags, kind);
        (likely[5], likely[7], likely[9]) = (0, 0, 0);
        for header in [header, likely] {
            rig.inject(header, &tcp[..length.min(tcp.len())]);
        }
        rig.inject([0; HEADER_BYTES], b"last");
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let packets = std::mem::take(&mut *rig.inbox.0.lock());
            let is_last = packets.last().is_some_and(|packet| packet.to_vec() == b"last");
            // What was believed can be sent on, by a device that does nothing for anybody.
            rig.device.send(&mut packets.clone()).unwrap();
            prop_assert_eq!(rig.device.statistics().refused, 0);
            if is_last {
                break;
            }
            prop_assert!(Instant::now() < patience);
        }
    }
}

#[test]
fn nothing_comes_once_it_is_stopped_and_it_may_start_again() {
    let rig = rig(Takes::empty());
    assert!(rig.device.start(rig.inbox.clone()).is_err());
    rig.inject([0; HEADER_BYTES], b"one");
    rig.inbox.wait(1);
    rig.device.stop();
    rig.device.stop();
    rig.inject([0; HEADER_BYTES], b"two");
    std::thread::sleep(Duration::from_millis(20));
    assert!(rig.inbox.0.lock().is_empty());
    rig.device.start(rig.inbox.clone()).unwrap();
    assert_eq!(rig.inbox.wait(1)[0].to_vec(), b"two");
}

#[test]
fn without_threads_what_came_is_received_when_it_is_polled() {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "0");
    let [ours, peer] = host.wire(1500, Takes::empty());
    let device = VirtIf::new(host.clone(), ours);
    let inbox = Arc::new(Inbox::default());
    device.poll();
    device.start(inbox.clone()).unwrap();
    assert_eq!(device.start(inbox.clone()).unwrap_err().errno, rump_kpi::Errno::EBUSY);
    let send = || {
        let sent =
            peer.send(&[Outgoing { header: [0; HEADER_BYTES], parts: vec![&[7; 60][..]].into() }]).unwrap();
        assert_eq!(sent.taken, 1);
    };
    send();
    assert_eq!(inbox.0.lock().len(), 0);
    device.poll();
    assert_eq!(inbox.0.lock().len(), 1);
    device.poll();
    assert_eq!(inbox.0.lock().len(), 1);
    device.stop();
    assert_eq!(Arc::strong_count(&inbox), 1);
    send();
    device.poll();
    assert_eq!(inbox.0.lock().len(), 1);
    assert_eq!(device.statistics().received, 1);
}

#[test]
fn a_device_that_is_dropped_lets_go_of_its_end_and_its_receiver() {
    let Rig { device, inbox, .. } = rig(Takes::empty());
    drop(device);
    let patience = Instant::now() + Duration::from_secs(20);
    while Arc::strong_count(&inbox) > 1 {
        assert!(Instant::now() < patience);
        std::thread::yield_now();
    }
}

#[test]
fn an_end_that_is_gone_is_told_once_and_refuses() {
    let rig = rig(Takes::empty());
    rig.peer.cut();
    let patience = Instant::now() + Duration::from_secs(20);
    while rig.host.console_lines().is_empty() {
        assert!(Instant::now() < patience);
        std::thread::yield_now();
    }
    assert_eq!(rig.host.console_lines(), ["network device wire1: wire1: the wire is cut"]);
    let error = rig.device.send(&mut vec![frame(Segments::Tcp4, 1)]).unwrap_err();
    assert_eq!(error.errno, rump_kpi::Errno::ENETDOWN);
    rig.device.stop();
}

#[test]
fn a_host_that_is_busy_loses_what_it_has_no_room_for() {
    let host = SimHost::new(1);
    let [ours, _peer] = host.wire(1500, Takes::empty());
    let device = VirtIf::new(host, ours);
    for _ in 0..3 {
        device.send(&mut vec![frame(Segments::Udp, 1); 500]).unwrap();
    }
    let statistics = device.statistics();
    assert_eq!((statistics.sent, statistics.overrun), (1000, 500));
}
