//! Buses whose bytes somebody changes while they are used.

use crate::rig::{FORMATS, Inbox, PATIENCE, Scratch, frame, open, options, send};
use rump_host_posix::PosixHost;
use rump_hyper::HostMemory;
use rumpnet_shmif::{Begin, Bus, Format, Options};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Numbers that follow from a seed (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A value that checks are likely to be wrong about, or any.
    fn nasty(&mut self) -> u32 {
        const NASTY: [u32; 10] = [
            0,
            1,
            23,
            24,
            (1 << 20) - 33,
            (1 << 20) - 32,
            (1 << 20) - 31,
            i32::MAX as u32,
            u32::MAX - 23,
            u32::MAX,
        ];
        match self.next() % 3 {
            0 => self.next() as u32,
            1 => self.next() as u32 % (2 << 20),
            _ => NASTY[self.next() as usize % NASTY.len()],
        }
    }
}

/// Sends until the frame arrives.
fn check_recovers(sender: &Bus, inbox: &Inbox, number: u32) {
    let end = Instant::now() + PATIENCE;
    let mut round = 0;
    while !inbox.sees(&frame(number, 80), Duration::from_millis(20 << round.min(5))) {
        assert!(Instant::now() < end, "it does not recover");
        send(sender, [frame(number, 80)]);
        round += 1;
    }
}

/// How much of a file's beginning is worth to be damaged: all words that are not content.
fn words_of_header(format: Format) -> u64 {
    match format {
        Format::Compatible => 40,
        Format::Lanes => 4096 + 16 * 128,
    }
}

#[test]
fn any_word_of_the_header_may_change_between_two_packets() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [sender, receiver] = [(); 2].map(|()| open(&scratch.0, &options(format)));
        let inbox = Inbox::of(&*receiver);
        let own = Inbox::of(&*sender);
        let memory = PosixHost::new().shared_memory(scratch.0.as_os_str().as_bytes(), 0).unwrap();
        let mut random = Random(7);
        for round in 0..300 {
            send(&*sender, (0..10).map(|number| frame(number, 1500)));
            let words = 1 + random.next() % 3;
            for _ in 0..words {
                let mut at = random.next() % words_of_header(format) / 4 * 4;
                if format == Format::Lanes && at >= 16 && random.next() % 8 > 0 {
                    // Most of it is unused.
                    at = 4096 + random.next() % 3 * 128 + [0, 64, 68, 72, 76][random.next() as usize % 5];
                }
                memory.write(at, &random.nasty().to_ne_bytes()).unwrap();
            }
            check_recovers(&sender, &inbox, round);
        }
        own.taken();
    }
}

#[test]
fn kernels_outlive_somebody_who_writes_anywhere_all_the_time() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let devices = [(); 3].map(|()| open(&scratch.0, &options(format)));
        let inboxes = devices.each_ref().map(|device| Inbox::of(&**device));
        let memory = PosixHost::new().shared_memory(scratch.0.as_os_str().as_bytes(), 0).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random(11);
                while !is_over.load(Ordering::Relaxed) {
                    let limit =
                        if random.next() % 2 == 0 { words_of_header(format) } else { memory.size_bytes() };
                    let at = random.next() % limit / 4 * 4;
                    memory.write(at, &random.nasty().to_ne_bytes()).unwrap();
                }
            });
            let senders = devices.each_ref().map(|device| {
                scope.spawn(move || {
                    let end = Instant::now() + Duration::from_secs(2);
                    let mut count = 0;
                    while Instant::now() < end {
                        // What is not taken is lost.
                        let mut packets: Vec<_> = (0..20)
                            .map(|number| {
                                rump_kpi::packet::Packet::received(
                                    frame(number, 60 + number as usize * 70).into(),
                                )
                            })
                            .collect();
                        rump_kpi::device::NetworkDevice::send(&**device, &mut packets).unwrap();
                        count += 1;
                    }
                    count
                })
            });
            for sender in senders {
                assert!(sender.join().unwrap() > 0);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        inboxes.iter().for_each(|inbox| drop(inbox.taken()));
        check_recovers(&devices[0], &inboxes[1], 77);
        check_recovers(&devices[1], &inboxes[2], 78);
        let start = Instant::now();
        devices.iter().for_each(|device| rump_kpi::device::NetworkDevice::stop(&**device));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn any_file_with_the_magic_is_opened_or_refused() {
    let magics = [0xca11_d054_u32, u32::from_ne_bytes(*b"rump")];
    let mut random = Random(3);
    for round in 0..200 {
        let size = [4096, 5000, 65_536, 1 << 20][random.next() as usize % 4];
        let mut bytes: Vec<u8> = (0..size / 8).flat_map(|_| (random.next() % 1000).to_ne_bytes()).collect();
        bytes[..4].copy_from_slice(&magics[round % 2].to_ne_bytes());
        bytes[4..8].copy_from_slice(&3_u32.to_ne_bytes());
        bytes[24..28].copy_from_slice(&0_u32.to_ne_bytes());
        let scratch = Scratch::holding(&bytes);
        let path = scratch.0.as_os_str().as_bytes();
        let choice = Options { begin: Begin::Oldest, ..Options::default() };
        let open = || Bus::open(PosixHost::new(), path, &choice);
        let (Ok(sender), Ok(receiver)) = (open(), open()) else { continue };
        let inbox: Arc<Inbox> = Inbox::of(&*receiver);
        check_recovers(&sender, &inbox, round as u32);
    }
}
