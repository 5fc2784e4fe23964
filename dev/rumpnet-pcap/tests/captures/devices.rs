//! An interface that replays, and a listener that records.

use crate::{datagram, frames, packet};
use core::time::Duration;
use rump_host_posix::PosixHost;
use rump_hyper::Hypervisor;
use rump_kpi::KResult;
use rump_kpi::device::{Medium, NetworkDevice, Receiver};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use rump_kpi::port::{Direction, Port};
use rumpnet_pcap::{Capture, LinkType, Options, Pace, Recorder, Repeat, Replay, Sink, Source, write};
use rumpnet_wire::Wire;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Shows what is received, and when.
struct Seen(Mutex<Sender<(Vec<u8>, Instant)>>);

impl Receiver for Seen {
    fn receive(&self, packets: Vec<Packet>) {
        let sender = self.0.lock().unwrap();
        packets.iter().for_each(|packet| drop(sender.send((packet.to_vec(), Instant::now()))));
    }
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> KResult<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }
}

const GAP: Duration = Duration::from_millis(60);
const PATIENCE: Duration = Duration::from_secs(20);

/// Three frames with a gap between them, the middle one having gone out.
fn capture() -> Vec<u8> {
    let mut file = Vec::new();
    write::section(&mut file);
    write::interface(&mut file, "eth0", LinkType::ETHERNET);
    for (number, direction) in [None, Some(Direction::Out), Some(Direction::In)].into_iter().enumerate() {
        let time = Duration::from_secs(1_795_651_201) + GAP * number as u32;
        write::frame(&mut file, 0, time, direction, &packet(&datagram(&[number as u8])));
    }
    file
}

fn replay(options: Options, output: Option<Recorder>) -> Arc<Replay> {
    let open = || {
        let mut left = capture();
        let source = rumpnet_pcap::FnSource(move |into: &mut [u8]| {
            let length = into.len().min(left.len());
            into[..length].copy_from_slice(&left[..length]);
            left.drain(..length);
            Ok(length)
        });
        Ok(Box::new(source) as Box<dyn Source>)
    };
    Replay::new(PosixHost::new(), Box::new(open), options, output).unwrap()
}

#[test]
fn frames_of_a_file_are_received() {
    let device = replay(Options::default(), None);
    assert_eq!(device.info().medium, Medium::Ethernet { address: *b"\x02pcap\0" });
    let (sender, receiver) = channel();
    device.start(Arc::new(Seen(Mutex::new(sender)))).unwrap();
    let received = [receiver.recv_timeout(PATIENCE), receiver.recv_timeout(PATIENCE)];
    assert_eq!(received.map(|it| it.unwrap().0), [datagram(&[0]), datagram(&[2])]);
    device.stop();
    // The receiver is let go of.
    assert!(receiver.recv().is_err());
}

#[test]
fn they_come_in_their_time() {
    let device = replay(Options { pace: Pace::ByTimes, ..Options::default() }, None);
    let (sender, receiver) = channel();
    device.start(Arc::new(Seen(Mutex::new(sender)))).unwrap();
    let [first, second] = [(); 2].map(|()| receiver.recv_timeout(PATIENCE).unwrap().1);
    assert!(second - first >= GAP, "{:?}", second - first);
    device.stop();
}

#[test]
fn they_come_again_until_it_is_stopped() {
    let options = Options { repeat: Repeat::Forever, pace: Pace::ByTimes, ..Options::default() };
    let device = replay(options, None);
    let (sender, receiver) = channel();
    device.start(Arc::new(Seen(Mutex::new(sender)))).unwrap();
    (0..6).for_each(|number| {
        let expected = datagram(&[number % 2 * 2]);
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().0, expected);
    });
    device.stop();
    while receiver.recv_timeout(PATIENCE).is_ok() {}
}

#[test]
fn what_is_sent_is_recorded() {
    let host: Arc<dyn Hypervisor> = PosixHost::new();
    let kept = Kept::default();
    let recorder = Recorder::new(host, Box::new(kept.clone())).unwrap();
    let device = replay(Options::default(), Some(recorder));
    let mut packets = vec![packet(&datagram(b"sent"))];
    device.send(&mut packets).unwrap();
    assert!(packets.is_empty());
    drop(device);
    let all = frames(&kept.0.lock().unwrap()).unwrap();
    assert_eq!((all.len(), &all[0].bytes[..]), (1, &datagram(b"sent")[..]));
    assert_eq!(all[0].direction, Some(Direction::Out));
}

/// What a stack hands over to be cut and completed is in the file as it is on the wire.
#[test]
fn a_capture_is_what_passed() {
    let host: Arc<dyn Hypervisor> = PosixHost::new();
    let kept = Kept::default();
    let recorder = Recorder::new(host, Box::new(kept.clone())).unwrap();
    let wire = Wire::new();
    let port = Port::new("wire0", wire.end());
    let other = wire.end();
    let (sender, receiver) = channel();
    port.start(Arc::new(Seen(Mutex::new(sender)))).unwrap();
    let capture = Capture::begin(port.clone(), &recorder);
    other.send(&mut vec![packet(&datagram(b"in"))]).unwrap();
    let mut large = packet(&datagram(&[5; 2500]));
    large.checksum = Checksum::Missing { start: 34, offset: 6 };
    large.segmentation = Some(Segmentation { kind: Segments::Udp, size: 1000 });
    port.send(&mut vec![large]).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().0, datagram(b"in"));
    drop(capture);
    port.send(&mut vec![packet(&datagram(b"not heard"))]).unwrap();
    let totals = recorder.finish().unwrap();
    assert_eq!((totals.recorded, totals.dropped), (4, 0));
    let all = frames(&kept.0.lock().unwrap()).unwrap();
    let lengths: Vec<_> = all.iter().map(|frame| (frame.direction.unwrap(), frame.bytes.len())).collect();
    let out = |length: usize| (Direction::Out, length);
    assert_eq!(lengths, [(Direction::In, 44), out(1042), out(1042), out(542)]);
    assert!(all[1..].iter().all(|frame| frame.bytes[40..42] != [0, 0]), "a checksum is missing");
}

/// A disk that is slow costs frames, which are counted, and nothing else.
#[test]
fn what_there_is_no_room_for_is_counted() {
    struct Slow(std::sync::mpsc::Receiver<()>, Kept);
    impl Sink for Slow {
        fn write(&mut self, bytes: &[u8]) -> KResult<()> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }
    }
    let (go, gate) = channel();
    let kept = Kept::default();
    let recorder = Recorder::new(PosixHost::new(), Box::new(Slow(gate, kept.clone()))).unwrap();
    let wire = Wire::new();
    let port = Port::new("wire0", wire.end());
    let _capture = Capture::begin(port.clone(), &recorder);
    for _ in 0..20_000 {
        port.send(&mut vec![packet(&datagram(&[1; 1000]))]).unwrap();
    }
    drop(go);
    let totals = recorder.finish().unwrap();
    assert_eq!(totals.recorded + totals.dropped, 20_000);
    assert!(totals.dropped > 1000 && totals.recorded > 1000, "{totals:?}");
    assert_eq!(frames(&kept.0.lock().unwrap()).unwrap().len() as u64, totals.recorded);
}
