//! `shmif_dumpbus`: what is on a bus of shared memory, in words or as a capture.
//!
//! It looks at a copy of the file, takes no lock and changes nothing.
#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser};
use rump_cli::man;
use rumpkit::kpi::packet::Packet;
use rumpnet_pcap::{LinkType, write};
use rumpnet_shmif::compatible::dump::{self, HEADER_BYTES, Header};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Longer than any bus, in bytes.
const MOST_BYTES: u64 = 1 << 30;
/// How often one copies anew what changed meanwhile, and how long one waits in between.
const COPIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Prints what is on a bus of shared memory: its header, and a line for each packet.
///
/// The bus is in the format of NetBSD's rump kernels, and may be in use.
#[derive(Parser)]
#[command(name = "shmif_dumpbus", version, disable_help_flag = true)]
struct Options {
    /// The header only
    #[arg(short = 'h')]
    header: bool,
    /// Write the packets into a file of pcap as well; with `-` to the output, and the lines to where errors go
    #[arg(short = 'p', value_name = "PCAP")]
    pcap: Option<PathBuf>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The file of the bus
    bus: PathBuf,
}

fn main() -> ExitCode {
    if let Some(done) = man::asked_for([Options::command()]) {
        return done;
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("shmif_dumpbus: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let of_bus = |error: &dyn std::fmt::Display| format!("{}: {error}", options.bus.display());
    let file = copy(&options.bus).map_err(|error| of_bus(&error))?;
    let header = file.first_chunk().ok_or_else(|| of_bus(&"too short for a bus"))?;
    let header = Header::parse(header).map_err(|error| of_bus(&error.what))?;
    let mut lines = format!(
        "bus version {}, lock: {}, generation: {}, firstoff: 0x{:04x}, lastoff: 0x{:04x}\n",
        header.version, header.lock, header.generation, header.first, header.last
    );
    if options.header {
        return print(io::stdout(), lines.as_bytes());
    }
    let mut capture = Vec::new();
    write::classic_header(&mut capture, LinkType::ETHERNET);
    let mut damage = None;
    for (number, packet) in dump::packets(&file).map_err(|error| of_bus(&error.what))?.enumerate() {
        let packet = match packet {
            Ok(packet) => packet,
            // What came before is good.
            Err(error) => {
                damage = Some(of_bus(&error.what));
                break;
            }
        };
        let (seconds, microseconds) = (packet.time.as_secs(), packet.time.subsec_micros());
        let (offset, length) = (packet.offset, packet.frame.len());
        // A string takes everything.
        let _ = writeln!(
            lines,
            "packet {number}, offset 0x{offset:04x}, length 0x{length:04x}, ts {seconds}/{microseconds:06}"
        );
        write::classic_frame(&mut capture, packet.time, &Packet::received(packet.frame.into()));
    }
    match options.pcap.as_deref() {
        None => print(io::stdout(), lines.as_bytes())?,
        Some(path) if path == Path::new("-") => {
            print(io::stderr(), lines.as_bytes())?;
            print(io::stdout(), &capture)?;
        }
        Some(path) => {
            print(io::stdout(), lines.as_bytes())?;
            std::fs::write(path, &capture).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    damage.map_or(Ok(()), Err)
}

/// Errors: those of the host, but for a reader that wants no more.
fn print(mut to: impl Write, bytes: &[u8]) -> Result<(), String> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

/// The bytes of a file. Those of a bus are of one moment, if there is one when nobody writes.
fn copy(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than any bus"));
    }
    let mut copies = 0;
    loop {
        file.rewind()?;
        let mut bytes = Vec::new();
        (&file).take(MOST_BYTES).read_to_end(&mut bytes)?;
        copies += 1;
        let Some(before) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(bytes) };
        let mut after = [0; HEADER_BYTES];
        file.rewind()?;
        file.read_exact(&mut after)?;
        let is_still = Header::parse(before).map_or(true, |header| header.lock == 0 && *before == after);
        if is_still || copies == COPIES {
            return Ok(bytes);
        }
        std::thread::sleep(PAUSE);
    }
}
