//! `rump net dump`: what passes on a link, as lines or as a file of pcap.
//!
//! It has a device and no stack: nothing is sent, and nothing that comes can do more than be shown.

mod describe;
mod pcap;

use super::link::LinkArgs;
use super::signals::Signals;
use crate::output::Output;
use crate::session::{Failure, Session, warn};
use clap::{Args as ClapArgs, ValueHint};
use describe::Description;
use rumpkit::net::Receiver;
use rumpkit::net::packet::{Packet, offload};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Frames that wait to be shown, at most.
const MOST_WAITING: usize = 16_384;

/// Arguments of `rump net dump`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net dump --if shmif:/tmp/bus
  rump net dump --if shmif:/tmp/bus -w - | tshark -r -
Times are in UTC. A signal ends it; what was seen is counted on standard error.")]
pub struct Args {
    #[command(flatten)]
    link: LinkArgs,
    /// Stop after so many packets
    #[arg(short, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Write the packets to a file of pcap, or with - to standard output
    #[arg(short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write: Option<PathBuf>,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl", conflicts_with = "write")]
    json: bool,
}

/// A frame of Ethernet, and when it came, since 1970.
pub struct Frame {
    time: Duration,
    bytes: Vec<u8>,
}

/// What a dump waits for.
enum Event {
    Frame(Frame),
    Signal,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let device = args.link.open(session.host())?;
    let (sender, events) = sync_channel(MOST_WAITING);
    let signalled = sender.clone();
    // As many frames may wait as there is room for: the signal waits with them.
    let _signals = Signals::watch(move || drop(signalled.send(Event::Signal)))?;
    let tap = Arc::new(Tap { sender, lost: AtomicU64::new(0) });
    let mut shown = match &args.write {
        Some(path) if path.as_os_str() == "-" => Shown::Pcap(pcap::Writer::new(out)?),
        Some(path) => {
            let failed = |error| Failure::Network(format!("{}: {error}", path.display()));
            Shown::Pcap(pcap::Writer::new(BufWriter::new(File::create(path).map_err(failed)?))?)
        }
        None if args.json => Shown::Json(out),
        None => Shown::Lines(out),
    };
    device.start(tap.clone()).map_err(|error| Failure::Network(error.to_string()))?;
    let captured = show_all(&events, args.count, &mut shown);
    device.stop();
    let captured = captured?;
    if !session.is_quiet() {
        warn(&format!("{captured} packets captured, {} lost", tap.lost.load(Ordering::Relaxed)));
    }
    Ok(())
}

/// Until the count is reached or a signal comes; answers how many there were.
fn show_all(
    events: &std::sync::mpsc::Receiver<Event>,
    count: Option<u64>,
    shown: &mut Shown<'_>,
) -> io::Result<u64> {
    let mut captured = 0;
    while count.is_none_or(|count| captured < count) {
        let event = match events.try_recv() {
            // Whoever looks sees what there is before more is waited for.
            Err(TryRecvError::Empty) => {
                shown.flush()?;
                events.recv().ok()
            }
            event => event.ok(),
        };
        let Some(Event::Frame(frame)) = event else { break };
        shown.show(&frame)?;
        captured += 1;
    }
    shown.flush()?;
    Ok(captured)
}

/// Where frames go.
enum Shown<'a> {
    Lines(&'a mut dyn Write),
    Json(&'a mut dyn Write),
    Pcap(pcap::Writer<'a>),
}

impl Shown<'_> {
    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        match self {
            Self::Lines(out) => writeln!(out, "{}", Description::of(frame)),
            Self::Json(out) => {
                serde_json::to_writer(&mut **out, &Description::of(frame))?;
                writeln!(out)
            }
            Self::Pcap(out) => out.write(frame),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(out) | Self::Json(out) => out.flush(),
            Self::Pcap(out) => out.flush(),
        }
    }
}

/// Takes what a device receives.
struct Tap {
    sender: SyncSender<Event>,
    /// Frames that there was no room for.
    lost: AtomicU64,
}

impl Receiver for Tap {
    fn receive(&self, packets: Vec<Packet>) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for mut packet in packets {
            offload::complete(&mut packet);
            let frame = Frame { time, bytes: packet.to_vec() };
            if self.sender.try_send(Event::Frame(frame)).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
