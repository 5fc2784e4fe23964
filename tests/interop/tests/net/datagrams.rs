//! Frames as datagrams: two kernels of ours.

use crate::joined::converse;
use crate::station::Station;
use interop::Check;
use interop::image::Scratch;
use rumpkit::Errno;
use rumpkit::dgram::{self, Options};
use rumpkit::hyper::packet::PacketIo;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long who was there before may take to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// An end, once who was there before has gone.
pub fn open(text: &str) -> Check<Arc<dyn PacketIo>> {
    let options = Options::parse(text.as_bytes()).map_err(|error| error.what)?;
    let begin = Instant::now();
    loop {
        match dgram::open(&options) {
            Err(error) if error.errno == Errno::EADDRINUSE && begin.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            result => return result.map_err(|error| error.what),
        }
    }
}

pub fn kernels() -> Check {
    let scratch = Scratch::new("net-datagrams")?;
    let [a, b] = ["a", "b"].map(|name| scratch.path(name).display().to_string());
    let (udp_a, udp_b) = ("127.0.0.1:40931", "127.0.0.1:40932");
    for (one, other) in [
        (format!("unix:{a},{b}"), format!("unix:{b},{a}")),
        (format!("mtu=9000:unix:{a},{b}"), format!("mtu=9000:unix:{b},{a}")),
        (format!("udp:{udp_a},{udp_b}"), format!("udp:{udp_b},{udp_a}")),
        (format!("mtu=65489:udp:{udp_a},{udp_b}"), format!("mtu=65489:udp:{udp_b},{udp_a}")),
    ] {
        let first = Station::new(open(&one)?, &["10.0.0.1/24", "fd00::1/64"])?;
        // One goes, and another comes in its place.
        for last in [2, 3] {
            let addresses = [format!("10.0.0.{last}/24"), format!("fd00::{last}/64")];
            let second = Station::new(open(&other)?, &[&addresses[0], &addresses[1]])?;
            converse(&first, &second).map_err(|why| format!("{one}: {why}"))?;
            let statistics = second.device.statistics();
            if statistics.malformed + statistics.refused > 0 {
                return Err(format!("{one}: {statistics:?}"));
            }
        }
    }
    Ok(())
}
