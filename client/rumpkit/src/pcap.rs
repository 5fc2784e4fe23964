//! Captures: what passes at interfaces into a file of pcapng, and interfaces that replay one.
//!
//! ```no_run
//! use rumpkit::net::Interface;
//! use rumpkit::pcap::{Begin, Options, Recording, replay};
//! # use rumpkit::PosixHost;
//! # fn main() -> std::io::Result<()> {
//! # let host = PosixHost::new();
//! # let kernel = rumpkit::kernel(host.clone())?;
//! let options = Options { begin: Begin::WhenTold, ..Options::default() };
//! let device = replay(host.clone(), "yesterday.pcapng", options, None)?;
//! let interface = Interface::attach(&kernel, "eth0", device.clone())?;
//! let mut recording = Recording::create(host, "today.pcapng")?;
//! recording.listen(&kernel, "eth0")?;
//! interface.up()?;
//! device.begin();
//! let totals = recording.finish()?;
//! println!("{} frames, {} lost", totals.recorded, totals.dropped);
//! # Ok(())
//! # }
//! ```

pub use rumpnet_pcap::{
    Begin, Capture, FileSource, FnSource, Frame, LinkType, Options, Pace, Reader, Recorder, Repeat, Replay,
    Sink, Source, Totals, write,
};

use crate::hyper::Hypervisor;
use crate::{AddressFamily, Errno, KError, KResult, Kernel};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What anything of the standard library reads, as a source of a [`Reader`].
pub fn source(mut from: impl Read + Send) -> impl Source {
    FnSource(move |into: &mut [u8]| {
        loop {
            match from.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => return answer.map_err(|error| of_host(&error)),
            }
        }
    })
}

/// Anything of the standard library that is written to, as a sink of a [`Recorder`].
pub fn sink(into: impl Write + Send + 'static) -> Box<dyn Sink> {
    struct Written<W>(W);
    impl<W: Write + Send> Sink for Written<W> {
        fn write(&mut self, bytes: &[u8]) -> KResult<()> {
            self.0.write_all(bytes).map_err(|error| of_host(&error))
        }

        fn flush(&mut self) -> KResult<()> {
            self.0.flush().map_err(|error| of_host(&error))
        }
    }
    Box::new(Written(into))
}

fn of_host(error: &io::Error) -> KError {
    let errno = match error.kind() {
        io::ErrorKind::NotFound => Errno::ENOENT,
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        io::ErrorKind::StorageFull => Errno::ENOSPC,
        io::ErrorKind::BrokenPipe => Errno::EPIPE,
        _ => Errno::EIO,
    };
    KError::new(errno, error.to_string())
}

fn open(path: &Path) -> KResult<File> {
    File::open(path).map_err(|error| {
        let KError { errno, what } = of_host(&error);
        KError::new(errno, format!("{}: {what}", path.display()))
    })
}

/// A device whose kernel receives what stands in a file; `output` records what the kernel sends.
///
/// Errors: those of the file, EFTYPE (not a capture), Unsupported (neither of Ethernet nor of IP).
pub fn replay(
    host: Arc<dyn Hypervisor>,
    path: impl Into<PathBuf>,
    options: Options,
    output: Option<Recorder>,
) -> io::Result<Arc<Replay>> {
    let path = path.into();
    let again = move || Ok(Box::new(source(open(&path)?)) as Box<dyn Source>);
    Ok(Replay::new(host, Box::new(again), options, output)?)
}

/// What a text says how a file is replayed: its path, and behind commas `times` (with the time between frames that was
/// between them), `forever`, `address=02:00:00:00:00:01` (the device's own) and `output=PATH` (where what is sent goes), each
/// once at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayArgs {
    /// The capture.
    pub path: PathBuf,
    /// How it is replayed.
    pub options: Options,
    /// The capture of what is sent.
    pub output: Option<PathBuf>,
}

impl ReplayArgs {
    /// Parts of the text that are none of these belong to the path, commas and all. Errors: `None` (no path, or an address
    /// that is none).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut this = Self { path: PathBuf::new(), options: Options::default(), output: None };
        let mut rest = text;
        while let Some(comma) = rest.iter().rposition(|byte| *byte == b',') {
            let word = &rest[comma + 1..];
            if word == b"times" {
                this.options.pace = Pace::ByTimes;
            } else if word == b"forever" {
                this.options.repeat = Repeat::Forever;
            } else if let Some(address) = word.strip_prefix(b"address=") {
                this.options.address = hardware_address(std::str::from_utf8(address).ok()?)?;
            } else if let Some(path) = word.strip_prefix(b"output=") {
                this.output = Some(PathBuf::from(OsStr::from_bytes(path)));
            } else {
                break;
            }
            rest = &rest[..comma];
        }
        this.path = PathBuf::from(OsStr::from_bytes(rest));
        (!rest.is_empty()).then_some(this)
    }

    /// The device. Errors: as of [`replay`], those of making the output.
    pub fn open(&self, host: Arc<dyn Hypervisor>) -> io::Result<Arc<Replay>> {
        let output = match &self.output {
            Some(path) => {
                let file = BufWriter::new(File::create(path)?);
                Some(Recorder::new(host.clone(), sink(file))?)
            }
            None => None,
        };
        replay(host, &self.path, self.options, output)
    }
}

/// An address of one station.
fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let parts: Vec<u8> =
        text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect::<Option<_>>()?;
    let address: [u8; 6] = parts.try_into().ok()?;
    (address[0] & 1 == 0).then_some(address)
}

/// What passes at interfaces, in one file of pcapng. When it is dropped, everything that was heard is written first.
pub struct Recording {
    // The captures end first.
    captures: Vec<Capture>,
    recorder: Recorder,
}

impl Recording {
    /// Makes a file, or empties it. Errors: those of the file.
    pub fn create(host: Arc<dyn Hypervisor>, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(host, BufWriter::new(File::create(path)?))
    }

    /// Into anything of the standard library. Errors: ENOMEM, EAGAIN (no thread).
    pub fn new(host: Arc<dyn Hypervisor>, into: impl Write + Send + 'static) -> io::Result<Self> {
        Ok(Self { captures: Vec::new(), recorder: Recorder::new(host, sink(into))? })
    }

    /// Records what passes at an interface from now on. Errors: ENXIO (no such interface), Unsupported (one without a
    /// device).
    pub fn listen(&mut self, kernel: &Kernel, interface: &str) -> io::Result<()> {
        let domain = kernel.protocols(AddressFamily::Inet)?;
        let network = domain.network().ok_or_else(|| KError::from(Errno::EAFNOSUPPORT))?;
        let all = network.interfaces();
        let found = all.iter().find(|info| info.name == interface);
        let found = found.ok_or_else(|| KError::new(Errno::ENXIO, format!("no interface {interface}")))?;
        self.captures.push(Capture::begin(network.port(found.number)?, &self.recorder));
        Ok(())
    }

    /// What became of the frames as yet.
    pub fn totals(&self) -> Totals {
        self.recorder.totals()
    }

    /// Ends it, when everything that was heard is written. Errors: the first of writing.
    pub fn finish(self) -> io::Result<Totals> {
        drop(self.captures);
        Ok(self.recorder.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_how_a_file_is_replayed() {
        let parse = |text: &str| ReplayArgs::parse(text.as_bytes());
        let plain = ReplayArgs { path: "a.pcap".into(), options: Options::default(), output: None };
        assert_eq!(parse("a.pcap"), Some(plain.clone()));
        let all = parse("a,b,forever,address=02:0:0:0:0:a,output=out.pcapng,times").unwrap();
        let address = [2, 0, 0, 0, 0, 10];
        let (pace, repeat) = (Pace::ByTimes, Repeat::Forever);
        let options = Options { pace, repeat, address, ..Options::default() };
        assert_eq!(all, ReplayArgs { path: "a,b".into(), options, output: Some("out.pcapng".into()) });
        // What is no word of ours is the file's.
        assert_eq!(parse("forever,a").unwrap().path, Path::new("forever,a"));
        for text in ["", ",times", "a,address=", "a,address=01:0:0:0:0:0", "a,address=2:0:0:0:0:0:0"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
