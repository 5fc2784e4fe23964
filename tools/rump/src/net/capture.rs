//! What passes at the interfaces of a command, in one file of pcapng.

use crate::session::{Failure, warn};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::pcap::Recording;
use rumpkit::{Kernel, PosixHost};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The option.
#[derive(ClapArgs, Default)]
pub struct CaptureArgs {
    /// Write what passes at all interfaces to a file of pcapng
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    capture: Option<PathBuf>,
}

impl CaptureArgs {
    /// Makes the file. Errors: those of making it.
    pub fn begin(&self, host: &Arc<PosixHost>) -> Result<Captured, Failure> {
        let Some(path) = &self.capture else { return Ok(Captured(None)) };
        let recording = Recording::create(host.clone(), path);
        let recording =
            recording.map_err(|error| Failure::Network(format!("{}: {error}", path.display())))?;
        Ok(Captured(Some((path.clone(), recording))))
    }

    /// Whether there is a file to be made.
    pub fn is_wanted(&self) -> bool {
        self.capture.is_some()
    }
}

/// The file, if there is one. It is complete once this is dropped; frames that were lost, and errors, are told.
pub struct Captured(Option<(PathBuf, Recording)>);

impl Captured {
    /// Captures an interface, too. One that has no device carries nothing that others could see. Errors: ENXIO.
    pub fn listen(&mut self, kernel: &Kernel, interface: &str) -> io::Result<()> {
        let Some((_, recording)) = &mut self.0 else { return Ok(()) };
        match recording.listen(kernel, interface) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            outcome => outcome,
        }
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        let Some((path, recording)) = self.0.take() else { return };
        match recording.finish() {
            Ok(totals) if totals.dropped == 0 => {}
            Ok(totals) => warn(&format!("{}: {} frames were lost", path.display(), totals.dropped)),
            Err(error) => warn(&format!("{}: {error}", path.display())),
        }
    }
}
