//! Bytes as a bus of shared memory and what is done on it: packets come, words change, time passes.
//!
//! An input is the list of a file's blocks that are not zeros, as an image is (`image`); what of it lies behind the end of
//! the bus is a script.

use crate::image::Image;
use rump_host_sim::SimHost;
use rump_hyper::{Clock, HostMemory, Hypervisor};
use rump_kpi::BlockDevice;
use rump_kpi::device::{NetworkDevice, Receiver};
use rump_kpi::packet::Packet;
use rumpnet_shmif::{Begin, Bus, Format, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PATH: &[u8] = b"/bus";
/// Bytes of the bus: short, so that it is soon full.
const BUS_BYTES: usize = 32 << 10;
/// Steps of one script.
const MOST_STEPS: usize = 200;
/// Simulated time that one script may take.
const MOST_TIME: Duration = Duration::from_secs(3600);

/// Counts what comes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Receiver for Count {
    fn receive(&self, packets: Vec<Packet>) {
        assert!(packets.iter().all(|packet| packet.len() >= 14 && packet.len() < BUS_BYTES));
        self.0.fetch_add(packets.len(), Ordering::Relaxed);
    }
}

/// Opens the bytes as a bus, and does what the rest of them says. Afterwards the bus has to carry a packet.
pub fn run(data: &[u8]) {
    let image = Image::decode(data);
    let mut file = vec![0; BUS_BYTES];
    let size = usize::try_from(image.size_bytes()).unwrap_or(0);
    image.read(0, &mut file);
    let host = SimHost::new(1);
    host.add_file(PATH, file);
    let options = Options { format: Format::Compatible, begin: Begin::Oldest, ..Options::default() };
    let shared: Arc<dyn Hypervisor> = host.clone();
    let open = || Bus::open(shared.clone(), PATH, &options);
    let (Ok(first), Ok(second)) = (open(), open()) else { return };
    let counts = [&first, &second].map(|bus| {
        let count = Arc::new(Count::default());
        let _ = bus.start(count.clone());
        count
    });
    let mut script = vec![0; size.saturating_sub(BUS_BYTES).min(MOST_STEPS * 8)];
    image.read(BUS_BYTES as u64, &mut script);
    let Ok(memory) = host.shared_memory(PATH, 0) else { return };
    for step in script.chunks_exact(8) {
        let length = usize::from(u16::from_le_bytes([step[2], step[3]]));
        match step[0] % 5 {
            0 => drop(first.send(&mut packets(step[1], length))),
            1 => drop(second.send(&mut packets(step[1], length))),
            2 => {
                // Mostly the header.
                let at = if step[1] & 1 == 0 { length % 64 } else { length % (BUS_BYTES - 4) };
                let _ = memory.write(at as u64, &step[4..8]);
            }
            3 => host.advance(Duration::from_millis(length as u64)),
            _ => first.poll(),
        }
        second.poll();
    }
    check_it_carries(&host, &first, &second, &counts[1]);
}

fn packets(count: u8, length: usize) -> Vec<Packet> {
    (0..count % 8 + 1).map(|byte| Packet::received(vec![byte; length].into())).collect()
}

/// Whatever is in the file, a packet gets through in bounded time.
fn check_it_carries(host: &SimHost, from: &Bus, to: &Bus, count: &Count) {
    let end = host.monotonic() + MOST_TIME;
    let before = count.0.load(Ordering::Relaxed);
    while count.0.load(Ordering::Relaxed) == before {
        let _ = from.send(&mut packets(0, 60));
        to.poll();
        host.advance(Duration::from_millis(1));
        assert!(host.monotonic() < end, "it carries nothing any more");
    }
}

/// A bus on which packets went round once, and a script.
pub fn seed(seed: u8) -> Vec<u8> {
    let host = SimHost::new(seed.into());
    let shared: Arc<dyn Hypervisor> = host.clone();
    let memory = host.shared_memory(PATH, BUS_BYTES as u64);
    let (Ok(memory), Ok(bus)) = (memory, Bus::open(shared, PATH, &Options::default())) else {
        return Vec::new();
    };
    for number in 0..seed.saturating_mul(8) {
        let _ = bus.send(&mut packets(number, 60 + usize::from(number) * 13));
    }
    let mut file = vec![0; BUS_BYTES];
    let _ = memory.read(0, &mut file);
    file.extend((0..200).map(|at: u8| at.wrapping_mul(seed.wrapping_add(3))));
    file.resize(file.len().next_multiple_of(1024), 0);
    Image::from_raw(&file).encode()
}
