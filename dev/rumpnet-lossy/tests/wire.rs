//! A bad wire in simulated time: what becomes of packets, and that it is the same again.

use bytes::Bytes;
use core::time::Duration;
use proptest::prelude::*;
use rump_host_sim::SimHost;
use rump_kpi::KResult;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use rump_kpi::sync::Mutex;
use rumpnet_lossy::wire::Wire;
use rumpnet_lossy::{Both, Chance, Impairment, Lossy, Rate};
use std::sync::Arc;

const MS: Duration = Duration::from_millis(1);
const LINK: usize = 14;

/// A frame of IPv4 that bears a number.
fn frame(number: u32, length: usize) -> Packet {
    let mut bytes = vec![0; length.max(LINK + 24)];
    bytes[12] = 8;
    bytes[LINK + 20..LINK + 24].copy_from_slice(&number.to_be_bytes());
    Packet::received(Bytes::from(bytes))
}

fn number(packet: &Packet) -> u32 {
    u32::from_be_bytes(packet.to_vec()[LINK + 20..LINK + 24].try_into().unwrap())
}

/// Sends so many packets of 100 bytes, one each millisecond; answers which came when.
fn run(impairment: Impairment, seed: u64, count: u32) -> (Vec<(Duration, u32)>, rumpnet_lossy::Statistics) {
    let mut wire = Wire::new(impairment, seed, LINK);
    let mut came = Vec::new();
    for sent in 0..count {
        let now = MS * sent;
        while let Some(due) = wire.next_deadline().filter(|due| *due <= now) {
            came.push((due, number(&wire.take(due).unwrap())));
        }
        wire.offer(now, frame(sent, 100));
    }
    while let Some(due) = wire.next_deadline() {
        came.push((due, number(&wire.take(due).unwrap())));
    }
    (came, wire.statistics())
}

#[test]
fn a_good_wire_passes_all_at_once() {
    let (came, statistics) = run(Impairment::default(), 1, 100);
    assert_eq!(came, (0..100).map(|number| (MS * number, number)).collect::<Vec<_>>());
    assert_eq!((statistics.offered, statistics.delivered), (100, 100));
}

#[test]
fn chances_are_about_as_often_as_they_say() {
    let tenth = Chance::percent(10);
    let impairment = Impairment {
        loss: tenth,
        corruption: tenth,
        duplication: tenth,
        reordering: tenth,
        held_back: MS * 5,
        ..Impairment::default()
    };
    let (_, statistics) = run(impairment, 7, 10_000);
    for count in [statistics.lost, statistics.corrupted, statistics.duplicated, statistics.reordered] {
        assert!((750..1250).contains(&count), "{statistics:?}");
    }
    let arrives = statistics.offered - statistics.lost + statistics.duplicated;
    assert_eq!(statistics.delivered, arrives);
}

#[test]
fn damage_is_one_bit_behind_the_link_and_what_is_not_ip_is_lost() {
    let always = Impairment { corruption: Chance::percent(100), ..Impairment::default() };
    let mut wire = Wire::new(always, 3, LINK);
    for sent in 0..1000 {
        let before = frame(sent, 60).to_vec();
        let mut packet = frame(sent, 60);
        packet.checksum = Checksum::Good;
        wire.offer(Duration::ZERO, packet);
        let after = wire.take(Duration::ZERO).unwrap();
        assert_eq!(after.checksum, Checksum::Unknown);
        let after = after.to_vec();
        let turned: u32 = before.iter().zip(&after).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!(turned == 1 && before[..LINK] == after[..LINK]);
    }
    wire.offer(Duration::ZERO, Packet::received(Bytes::from_static(&[0; 60])));
    assert!(wire.take(Duration::ZERO).is_none());
    assert_eq!(wire.statistics().lost, 1);
}

#[test]
fn a_rate_spaces_packets_and_loses_what_finds_the_queue_full() {
    // 100 bytes take 10 ms, and ten come in that time.
    let rate = Some(Rate { bits_per_second: 80_000, queue_bytes: 450 });
    let (came, statistics) = run(Impairment { rate, ..Impairment::default() }, 1, 1000);
    assert!(came.windows(2).all(|pair| pair[1].0 - pair[0].0 == MS * 10), "{came:?}");
    assert!((100..=106).contains(&came.len()), "{}", came.len());
    assert_eq!(statistics.overflowed, 1000 - came.len() as u64);
    assert!(came.iter().all(|(due, number)| *due - MS * *number <= MS * 60));
}

#[test]
fn the_link_is_down_at_its_times_and_long_packets_vanish() {
    let down = vec![MS * 10..MS * 20, MS * 50..MS * 51];
    let (came, _) = run(Impairment { down, ..Impairment::default() }, 1, 60);
    let expected: Vec<u32> = (0..10).chain(20..50).chain(51..60).collect();
    assert_eq!(came.iter().map(|(_, number)| *number).collect::<Vec<_>>(), expected);
    let mut wire = Wire::new(Impairment { black_hole: Some(1400), ..Impairment::default() }, 1, LINK);
    wire.offer(Duration::ZERO, frame(1, 1400 + LINK));
    wire.offer(Duration::ZERO, frame(2, 1401 + LINK));
    assert_eq!(wire.take(Duration::ZERO).map(|packet| number(&packet)), Some(1));
    assert!(wire.take(Duration::ZERO).is_none());
    assert_eq!(wire.statistics().vanished, 1);
}

#[test]
fn a_wire_that_nobody_empties_holds_a_bounded_number() {
    let delayed = Impairment { delay: MS * 1000, ..Impairment::default() };
    let mut wire = Wire::new(delayed, 1, LINK);
    (0..100_000).for_each(|sent| wire.offer(Duration::ZERO, frame(sent, 60)));
    let held = core::iter::from_fn(|| wire.take(MS * 2000)).count();
    assert_eq!(held, rumpnet_lossy::wire::MOST_WAITING);
    assert_eq!(wire.statistics().overflowed, 100_000 - held as u64);
}

fn impairments() -> impl Strategy<Value = Impairment> {
    let chances = (0..40_u32, 0..40_u32, 0..40_u32);
    let rate = proptest::option::of((100_000..10_000_000_u64, 0..100_000_u64));
    (chances, 0..50_u32, 0..20_u32, 0..50_u32, rate).prop_map(|(chances, delay, jitter, held_back, rate)| {
        Impairment {
            loss: Chance::percent(chances.0),
            duplication: Chance::percent(chances.1),
            reordering: Chance::percent(chances.2),
            delay: MS * delay,
            jitter: MS * jitter,
            held_back: MS * held_back,
            rate: rate.map(|(bits_per_second, queue_bytes)| Rate { bits_per_second, queue_bytes }),
            ..Impairment::default()
        }
    })
}

proptest! {
    #[test]
    fn the_same_seed_packets_and_times_are_the_same_run(impairment in impairments(), seed: u64) {
        prop_assert_eq!(run(impairment.clone(), seed, 300), run(impairment, seed, 300));
    }

    #[test]
    fn times_are_kept_and_only_what_is_held_back_is_overtaken(impairment in impairments(), seed: u64) {
        let (came, statistics) = run(impairment.clone(), seed, 300);
        prop_assert!(came.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        for (due, number) in &came {
            prop_assert!(*due >= MS * *number + impairment.delay);
        }
        let without = Impairment { reordering: Chance::default(), ..impairment };
        let (in_order, _) = run(without, seed, 300);
        prop_assert!(in_order.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        prop_assert_eq!(came.len(), in_order.len());
        let lost = statistics.lost + statistics.overflowed;
        prop_assert_eq!(statistics.delivered, statistics.offered + statistics.duplicated - lost);
    }

    #[test]
    fn one_impairment_does_not_change_another(seed: u64) {
        let tenth = Chance::percent(10);
        let lossy = Impairment { loss: tenth, ..Impairment::default() };
        let both = Impairment { duplication: tenth, ..lossy.clone() };
        let (mut once, _) = run(both, seed, 300);
        once.dedup();
        prop_assert_eq!(run(lossy, seed, 300).0, once);
    }
}

/// A device that gives back what it is sent.
#[derive(Default)]
struct Mirror {
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
    sent: Mutex<Vec<Vec<u8>>>,
}

impl NetworkDevice for Mirror {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            medium: Medium::Ethernet { address: [2, 0, 0, 0, 0, 1] },
            mtu: 1500,
            offloads: Offloads::all(),
        }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.sent.lock().extend(packets.iter().map(Packet::to_vec));
        let receiver = self.receiver.lock().clone();
        if let Some(receiver) = receiver {
            receiver.receive(core::mem::take(packets));
        }
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.receiver.lock() = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        *self.receiver.lock() = None;
    }
}

#[derive(Default)]
struct Inbox(Mutex<Vec<u32>>);

impl Receiver for Inbox {
    fn receive(&self, packets: Vec<Packet>) {
        self.0.lock().extend(packets.iter().map(number));
    }
}

fn delayed(milliseconds: u32) -> Impairment {
    Impairment { delay: MS * milliseconds, ..Impairment::default() }
}

#[test]
fn both_ways_pass_by_the_clock_of_the_host() {
    let host = SimHost::new(1);
    host.advance(MS * 1000);
    let both = Both { outgoing: delayed(10), incoming: delayed(20) };
    let lossy = Lossy::new(host.clone(), Arc::new(Mirror::default()), 1, both);
    let inbox = Arc::new(Inbox::default());
    lossy.start(inbox.clone()).unwrap();
    lossy.send(&mut vec![frame(7, 60)]).unwrap();
    assert_eq!(lossy.poll(), Some(MS * 1010));
    host.advance(MS * 10);
    assert_eq!(lossy.poll(), Some(MS * 1030));
    host.advance(MS * 19);
    assert_eq!((lossy.poll(), inbox.0.lock().len()), (Some(MS * 1030), 0));
    host.advance(MS);
    assert_eq!((lossy.poll(), inbox.0.lock().clone()), (None, vec![7]));
    lossy.stop();
    lossy.send(&mut vec![frame(8, 60)]).unwrap();
    host.advance(MS * 100);
    lossy.poll();
    assert_eq!(inbox.0.lock().len(), 1);
}

#[test]
fn a_thread_does_what_is_due_and_ends_with_the_wire() {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "1");
    let mirror = Arc::new(Mirror::default());
    let lossy =
        Lossy::new(host.clone(), mirror.clone(), 1, Both { outgoing: delayed(10), incoming: delayed(20) });
    let inbox = Arc::new(Inbox::default());
    lossy.start(inbox.clone()).unwrap();
    for sent in 0..100 {
        lossy.send(&mut vec![frame(sent, 60)]).unwrap();
    }
    while inbox.0.lock().len() < 100 {
        host.advance(MS);
        std::thread::yield_now();
    }
    assert_eq!(*inbox.0.lock(), (0..100).collect::<Vec<_>>());
    drop(lossy);
    while Arc::strong_count(&mirror) > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_left_to_devices_is_done_before_the_wire() {
    let host = SimHost::new(1);
    let mirror = Arc::new(Mirror::default());
    let lossy = Lossy::new(
        host,
        mirror.clone(),
        1,
        Both { outgoing: Impairment::default(), incoming: Impairment::default() },
    );
    assert_eq!(lossy.info().offloads, Offloads::empty());
    let mut packet = Packet::with_content([Bytes::from(vec![7; 2500])]);
    let tcp = packet.prepend(20);
    tcp[12] = 0x50;
    packet.checksum = Checksum::Missing { start: 0, offset: 16 };
    let ip = packet.prepend(20);
    (ip[0], ip[9]) = (0x45, 6);
    packet.prepend(LINK)[12] = 8;
    packet.segmentation = Some(Segmentation { kind: Segments::Tcp4, size: 1000 });
    lossy.send(&mut vec![packet]).unwrap();
    let lengths: Vec<usize> = mirror.sent.lock().iter().map(|bytes| bytes.len() - LINK - 40).collect();
    assert_eq!(lengths, [1000, 1000, 500]);
    assert!(mirror.sent.lock().iter().all(|bytes| bytes[LINK + 36..][..2] != [0, 0]));
}
