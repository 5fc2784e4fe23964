//! The compatible format, byte for byte, and a reader of it in another language that knows the description only.

use crate::rig::{FORMATS, Inbox, Scratch, frame, open, options, send};
use rump_host_posix::PosixHost;
use rump_kpi::Errno;
use rump_kpi::device::{Medium, NetworkDevice, Offloads};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use rumpnet_shmif::{Begin, Bus, Format, Options};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::sync::{Arc, Mutex};

const RING: usize = (1 << 20) - 32;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn header(bytes: &[u8]) -> [u32; 8] {
    std::array::from_fn(|index| word(bytes, index * 4))
}

#[test]
fn a_fresh_bus_is_laid_out_as_described() {
    let scratch = Scratch::new();
    let device = open(&scratch.0, &Options::default());
    let mut expected = vec![0; 1 << 20];
    for (at, value) in [(0, 0xca11_d054_u32), (4, 3), (16, RING as u32)] {
        expected[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
    assert!(scratch.bytes() == expected);
    send(&*device, [frame(1, 60), frame(2, 1514)]);
    let bytes = scratch.bytes();
    assert_eq!(header(&bytes), [0xca11_d054, 3, 0, 0, RING as u32, 24 + 84, 0, 0]);
    let ring = &bytes[32..];
    assert!(ring[..24].iter().all(|byte| *byte == 0));
    assert_eq!((word(ring, 24), word(ring, 108)), (60, 1514));
    assert_eq!(ring[48..108], frame(1, 60));
    assert_eq!(ring[132..132 + 1514], frame(2, 1514));
    assert_eq!(ring[40..48], ring[124..132], "one sender");
    assert_ne!(ring[40..48], [0; 8]);
    let (seconds, microseconds) = (word(ring, 28), word(ring, 32));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as u32;
    assert!(now.abs_diff(seconds) < 100 && microseconds < 1_000_000);
    assert!(ring[132 + 1514..].iter().all(|byte| *byte == 0));
}

/// Prints first, last and generation, and each packet's length and the sum of its bytes.
const PYTHON: &str = r#"
import struct, sys
bus = open(sys.argv[1], "rb").read()
magic, version, generation, first, last, lock, spare = struct.unpack_from("=IIQIIII", bus)
assert (magic, version, lock) == (0xca11d054, 3, 0), bus[:32]
ring = bus[32:]
print(generation, last)
at = first % len(ring)
seen = 0
while True:
    length, seconds, microseconds, sender = struct.unpack_from("=III4xQ", (ring + ring)[at:at + 24])
    data = (ring + ring)[at + 24:at + 24 + length]
    seen += 24 + length
    assert seen <= len(ring)
    print(length, sum(data))
    if at == last:
        break
    at = (at + 24 + length) % len(ring)
"#;

fn python(scratch: &Scratch) -> Option<Vec<String>> {
    let output = Command::new("python3").args(["-c", PYTHON]).arg(&scratch.0).output();
    let Ok(output) = output else {
        assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "no python3");
        eprintln!("format: skipped for want of python3");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect())
}

/// Frames of all lengths, some laps of the ring.
fn many() -> Vec<Vec<u8>> {
    (0..5000).map(|number| frame(number, 60 + (number as usize * 7919) % 1455)).collect()
}

#[test]
fn another_reader_finds_what_was_written_last() {
    let scratch = Scratch::new();
    let device = open(&scratch.0, &Options::default());
    let frames = many();
    for batch in frames.chunks(7) {
        send(&*device, batch.to_vec());
    }
    let Some(lines) = python(&scratch) else { return };
    let told = |frame: &Vec<u8>| {
        let sum: u64 = frame.iter().map(|byte| u64::from(*byte)).sum();
        format!("{} {sum}", frame.len())
    };
    let mut total = 24;
    let mut laps = 0;
    for frame in &frames {
        total += 24 + frame.len();
        if total >= RING {
            total -= RING;
            laps += 1;
        }
    }
    assert!(laps >= 3 && lines[0].starts_with(&format!("{laps} ")), "{} after {laps}", lines[0]);
    let (found, count) = (&lines[1..], lines.len() - 1);
    let expected: Vec<String> = frames[frames.len() - count..].iter().map(told).collect();
    assert_eq!(found, expected);
    let bytes: usize = frames[frames.len() - count..].iter().map(|frame| 24 + frame.len()).sum();
    assert!(bytes + 24 + 1514 > RING, "no more was overwritten than had to be");
}

#[test]
fn all_that_is_sent_arrives_in_order_over_many_laps() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &options(format)));
        let inbox = Inbox::of(&*receiver);
        let own = Inbox::of(&*sender);
        for batch in many().chunks(50) {
            send(&*sender, batch.to_vec());
            assert!(inbox.take(batch.len()) == batch);
        }
        assert!(own.taken().is_empty(), "one's own packets are not received");
    }
}

#[test]
fn a_frame_never_ends_right_at_the_end_of_the_ring() {
    let scratch = Scratch::new();
    let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &Options::default()));
    let inbox = Inbox::of(&*receiver);
    for lap in 0..20 {
        // Fills the ring up to a place from which a frame of 1000 bytes reaches its end, give or take.
        let mut at = {
            let bytes = scratch.bytes();
            let last = word(&bytes, 20) as usize;
            (last + 24 + word(&[&bytes[32..], &bytes[32..]].concat(), last) as usize) % RING
        };
        let target = RING - 1024 - 10 + lap;
        while at != target {
            let left = (target + RING - at) % RING;
            let length = if left > 3200 {
                1514
            } else if left > 1538 {
                left / 2 - 24
            } else {
                left - 24
            };
            send(&*sender, [frame(7, length)]);
            inbox.take(1);
            at = (at + 24 + length) % RING;
        }
        let before = word(&scratch.bytes(), 8);
        send(&*sender, [frame(lap as u32, 1000)]);
        let seen = inbox.take(1).remove(0);
        assert!(seen.starts_with(&frame(lap as u32, 1000)));
        assert_eq!(seen.len(), if lap == 10 { 1001 } else { 1000 }, "lap {lap}");
        let passed = u32::from(lap >= 10);
        assert_eq!(word(&scratch.bytes(), 8), before + passed, "lap {lap}");
    }
}

/// Keeps the receiving thread from going on.
struct Slow {
    inbox: Inbox,
    gate: Mutex<()>,
}

impl rump_kpi::device::Receiver for Slow {
    fn receive(&self, packets: Vec<Packet>) {
        drop(self.gate.lock());
        self.inbox.receive(packets);
    }
}

#[test]
fn a_reader_that_was_overtaken_goes_on() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &options(format)));
        let slow = Arc::new(Slow { inbox: Inbox::default(), gate: Mutex::new(()) });
        receiver.start(slow.clone()).unwrap();
        let closed = slow.gate.lock().unwrap();
        (0..5000).for_each(|number| send(&*sender, [frame(number, 1514)]));
        drop(closed);
        // Those that are left are in order; the last is there, or, where what is newest is all that is left, the next.
        assert!(format == Format::Lanes || slow.inbox.sees(&frame(4999, 1514), crate::rig::PATIENCE));
        let end = std::time::Instant::now() + crate::rig::PATIENCE;
        while !slow.inbox.sees(&frame(5001, 60), std::time::Duration::from_millis(10)) {
            assert!(std::time::Instant::now() < end);
            send(&*sender, [frame(5001, 60)]);
        }
    }
}

#[test]
fn lanes_carry_what_is_left_to_the_receiver() {
    #[derive(Default)]
    struct Packets(Mutex<Vec<Packet>>);
    impl rump_kpi::device::Receiver for Packets {
        fn receive(&self, packets: Vec<Packet>) {
            self.0.lock().unwrap().extend(packets);
        }
    }
    let scratch = Scratch::new();
    let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &options(Format::Lanes)));
    assert_eq!(sender.info().offloads, Offloads::all());
    let packets = Arc::new(Packets::default());
    receiver.start(packets.clone()).unwrap();
    let kinds = [Segments::Tcp4, Segments::Tcp6, Segments::Udp];
    let checksums = [Checksum::Unknown, Checksum::Good, Checksum::Missing { start: 34, offset: 16 }];
    for (kind, checksum) in kinds.into_iter().zip(checksums) {
        let mut packet = Packet::received(frame(9, 65_000).into());
        (packet.checksum, packet.segmentation) = (checksum, Some(Segmentation { kind, size: 1460 }));
        sender.send(&mut vec![packet]).unwrap();
        let end = std::time::Instant::now() + crate::rig::PATIENCE;
        let seen = loop {
            if let Some(seen) = packets.0.lock().unwrap().pop() {
                break seen;
            }
            assert!(std::time::Instant::now() < end);
        };
        assert_eq!((seen.checksum, seen.segmentation), (checksum, Some(Segmentation { kind, size: 1460 })));
        assert!(seen.to_vec() == frame(9, 65_000));
    }
}

#[test]
fn the_format_of_an_old_file_counts() {
    let scratch = Scratch::new();
    let lanes = open(&scratch.0, &options(Format::Lanes));
    let other = open(&scratch.0, &Options { begin: Begin::Oldest, ..Options::default() });
    assert_eq!(other.info().offloads, lanes.info().offloads);
    let scratch = Scratch::new();
    let device = open(&scratch.0, &Options::default());
    assert_eq!(open(&scratch.0, &options(Format::Lanes)).info().offloads, Offloads::empty());
    let Medium::Ethernet { address } = device.info().medium else { panic!() };
    assert_eq!((&address[..2], device.info().mtu), (&[0xb2, 0xa0][..], 1500));
}

#[test]
fn what_is_no_bus_is_refused_by_name() {
    for bytes in [&b"x"[..], &[0; 4095], &[7; 1 << 20]] {
        let scratch = Scratch::holding(bytes);
        let path = scratch.0.as_os_str().as_bytes();
        let error = Bus::open(PosixHost::new(), path, &Options::default()).err().unwrap();
        assert_eq!(error.errno, Errno::EINVAL);
        assert!(error.what.contains(scratch.0.to_str().unwrap()), "{error}");
        assert!(scratch.bytes() == bytes, "it stays as it was");
    }
}

#[test]
fn a_device_is_started_and_stopped_often() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &options(format)));
        for round in 0..50 {
            let inbox = Inbox::of(&*receiver);
            assert_eq!(receiver.start(inbox.clone()).unwrap_err().errno, Errno::EBUSY);
            send(&*sender, [frame(round, 100)]);
            if round % 2 == 0 {
                assert!(inbox.sees(&frame(round, 100), crate::rig::PATIENCE));
            }
            receiver.stop();
            inbox.taken();
            send(&*sender, [frame(round, 200)]);
            assert!(
                !inbox.sees(&[], std::time::Duration::from_millis(2)),
                "nothing comes once it is stopped"
            );
        }
    }
}

#[test]
fn many_that_open_a_new_bus_at_once_agree() {
    for round in 0..30 {
        let scratch = Scratch::new();
        let buses: Vec<Arc<Bus>> = std::thread::scope(|scope| {
            let opening = |number: usize| {
                let format = FORMATS[(number + round) % 2];
                let path = &scratch.0;
                scope
                    .spawn(move || Bus::open(PosixHost::new(), path.as_os_str().as_bytes(), &options(format)))
            };
            let threads: Vec<_> = (0..8).map(opening).collect();
            // Who finds a file that another format has no use for is refused; the others are on one bus.
            threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
        });
        assert!(buses.len() >= 4, "{} are on the bus", buses.len());
        let inboxes: Vec<_> = buses[1..].iter().map(|bus| Inbox::of(&**bus)).collect();
        send(&*buses[0], [frame(1, 77)]);
        assert!(inboxes.iter().all(|inbox| inbox.sees(&frame(1, 77), crate::rig::PATIENCE)));
    }
}
