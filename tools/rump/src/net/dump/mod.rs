//! `rump net dump`: what passes on a link, or what a file of pcap or pcapng holds, as lines or as such a file.
//!
//! It has a device and no stack: nothing is sent, and nothing that comes can do more than be shown.

mod describe;
mod file;

use super::link::LinkArgs;
use super::signals::Signals;
use crate::output::Output;
use crate::session::{Failure, Session, warn};
use clap::{Args as ClapArgs, ValueHint};
use describe::Description;
use file::{Format, Frames, Writer};
use rumpkit::net::Receiver;
use rumpkit::net::packet::{Packet, offload};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
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
  rump net dump --if shmif:/tmp/bus -w trace.pcapng
  rump net dump -r trace.pcapng
Times are in UTC. A signal ends it; what was seen is counted on standard error.")]
pub struct Args {
    #[command(flatten)]
    link: LinkArgs,
    /// Show the packets of a file of pcap or pcapng, or with - of standard input, instead of a link's
    #[arg(short, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["link", "config"])]
    read: Option<PathBuf>,
    /// Stop after so many packets
    #[arg(short, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Write the packets to a file: of pcapng if its name ends so, else of pcap; with - of pcap to standard output
    #[arg(short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write: Option<PathBuf>,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl", conflicts_with = "write")]
    json: bool,
}

/// A frame of Ethernet, and when it came, since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    time: Duration,
    bytes: Vec<u8>,
    /// Bytes that it had, more than these if it was cut.
    length: usize,
}

/// What a dump waits for.
enum Event {
    Frame(Frame),
    Signal,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let (captured, lost) = match &args.read {
        Some(path) => (read_file(path, args, out)?, 0),
        None => capture(&args.link, args, session, out)?,
    };
    if !session.is_quiet() {
        warn(&format!("{captured} packets captured, {lost} lost"));
    }
    Ok(())
}

/// What passes on a link; answers how many packets there were, and how many more could not be shown.
fn capture(
    link: &LinkArgs,
    args: &Args,
    session: &mut Session,
    out: &mut Output,
) -> Result<(u64, u64), Failure> {
    let opened = link.open(session.host())?;
    let device = opened.device();
    let (sender, events) = sync_channel(MOST_WAITING);
    let signalled = sender.clone();
    // As many frames may wait as there is room for: the signal waits with them.
    let _signals = Signals::watch(move || drop(signalled.send(Event::Signal)))?;
    let tap = Arc::new(Tap { sender, lost: AtomicU64::new(0) });
    let mut shown = Shown::new(args, out)?;
    device.start(tap.clone()).map_err(|error| Failure::Network(error.to_string()))?;
    opened.begin();
    let captured = show_all(&events, args.count, &mut shown);
    device.stop();
    Ok((captured?, tap.lost.load(Ordering::Relaxed)))
}

/// What a file holds; answers how many packets were shown.
fn read_file(path: &Path, args: &Args, out: &mut Output) -> Result<u64, Failure> {
    let failed = |error: io::Error| Failure::Network(format!("{}: {error}", path.display()));
    let frames = match path.as_os_str() == "-" {
        true => Frames::new(io::stdin()),
        false => File::open(path).and_then(Frames::new),
    };
    let mut frames = frames.map_err(failed)?;
    let mut shown = Shown::new(args, out)?;
    let mut count = 0;
    while args.count.is_none_or(|most| count < most) {
        match frames.next() {
            Ok(Some(frame)) => shown.show(&frame)?,
            Ok(None) => break,
            Err(error) => {
                // What came before is whole.
                shown.flush()?;
                return Err(failed(error));
            }
        }
        count += 1;
    }
    shown.flush()?;
    Ok(count)
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
    File(Writer<'a>),
}

impl<'a> Shown<'a> {
    /// Errors: the file cannot be made.
    fn new(args: &Args, out: &'a mut Output) -> Result<Self, Failure> {
        let Some(path) = &args.write else {
            return Ok(if args.json { Self::Json(out) } else { Self::Lines(out) });
        };
        if path.as_os_str() == "-" {
            return Ok(Self::File(Writer::new(out, Format::Pcap)?));
        }
        let failed = |error| Failure::Network(format!("{}: {error}", path.display()));
        let file = BufWriter::new(File::create(path).map_err(failed)?);
        let is_pcapng = path.extension().is_some_and(|extension| extension == "pcapng");
        let format = if is_pcapng { Format::Pcapng } else { Format::Pcap };
        Ok(Self::File(Writer::new(file, format).map_err(failed)?))
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        match self {
            Self::Lines(out) => writeln!(out, "{}", Description::of(frame)),
            Self::Json(out) => {
                serde_json::to_writer(&mut **out, &Description::of(frame))?;
                writeln!(out)
            }
            Self::File(out) => out.write(frame),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(out) | Self::Json(out) => out.flush(),
            Self::File(out) => out.flush(),
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
            let frame = Frame { time, bytes: packet.to_vec(), length: packet.len() };
            if self.sender.try_send(Event::Frame(frame)).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
