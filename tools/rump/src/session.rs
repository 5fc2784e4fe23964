//! What lasts for one run: the opened images, each opened once, and the count of what failed.

use crate::output::escaped;
use crate::progress::Progress;
use rumpkit::image::{Address, Image, LockPolicy, OpenError};
use rumpkit::{Errno, PosixHost, Process};
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

/// Why the run ends early.
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// The image of this name could not be opened.
    Open(String, OpenError),
    /// Standard output could not be written.
    Output(io::Error),
    /// Something else, with the thing named.
    Other(String),
    /// The user pressed Ctrl-C.
    Interrupted(String),
    /// SIGTERM came.
    Terminated(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Says it, and gives the exit status.
    pub fn finish(self) -> ExitCode {
        let (text, status) = match self {
            // Whoever read us has seen enough: no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Self::Output(error) => (format!("standard output: {error}"), 1),
            Self::Usage(text) => (format!("{text}\nTry 'rump --help'."), 2),
            Self::Open(name, error) => {
                let status = if error.is_locked() { 4 } else { 3 };
                let is_missing = matches!(&error, OpenError::Host(error) if error.errno == Errno::ENOENT);
                match error {
                    OpenError::Host(error) if is_missing && name.contains(':') => {
                        (format!("{error} (a path in an image begins with a slash: IMAGE:/PATH)"), status)
                    }
                    // The host's texts name the file themselves.
                    OpenError::Host(error) => (error.to_string(), status),
                    error => (format!("{name}: {error}"), status),
                }
            }
            Self::Other(text) => (text, 1),
            Self::Interrupted(text) => (text, 130),
            Self::Terminated(text) => (text, 143),
        };
        warn(&text);
        ExitCode::from(status)
    }
}

/// Whether a run tells more than what failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Chatter {
    /// Progress on a terminal, and notes.
    Usual,
    /// Failures only.
    Quiet,
}

/// Lines on standard error. Texts of errors may quote an image, which may not command the terminal.
pub fn warn(text: &str) {
    let is_safe = |character: char| character == '\n' || !character.is_control();
    let text: String = text.chars().map(|c| if is_safe(c) { c } else { '?' }).collect();
    // Nothing is left to tell it to when standard error is gone.
    let _ = writeln!(io::stderr(), "rump: {text}");
}

/// A path in an opened image.
pub struct Place {
    image: Rc<Image>,
    /// Which of the session's images.
    pub index: usize,
    /// Image and selector as the user writes them.
    pub volume: String,
    /// The path inside.
    pub path: Vec<u8>,
}

impl Place {
    /// A process whose root is the image's.
    pub fn process(&self) -> &Process {
        self.image.process()
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

struct Opened {
    address: Address,
    image: Rc<Image>,
}

/// See the module.
pub struct Session {
    host: Arc<PosixHost>,
    lock: LockPolicy,
    chatter: Chatter,
    /// What long work counts, and shows.
    pub progress: Progress,
    opened: Vec<Opened>,
    failures: u64,
}

impl Session {
    /// A session without images.
    pub fn new(lock: LockPolicy, chatter: Chatter) -> Self {
        let (host, progress) = (PosixHost::new(), Progress::hidden());
        Self { host, lock, chatter, progress, opened: Vec::new(), failures: 0 }
    }

    /// Shows progress from now on, if somebody can see it and wants to.
    pub fn show_progress(&mut self) {
        if self.chatter == Chatter::Usual {
            self.progress = Progress::on_terminal();
        }
    }

    /// Says what is no failure.
    pub fn note(&self, text: &str) {
        if self.chatter == Chatter::Usual {
            self.progress.suspend(|| warn(text));
        }
    }

    /// Whether only failures are told.
    pub fn is_quiet(&self) -> bool {
        self.chatter == Chatter::Quiet
    }

    /// The host.
    pub fn host(&self) -> &Arc<PosixHost> {
        &self.host
    }

    /// Whether images are locked.
    pub fn lock(&self) -> LockPolicy {
        self.lock
    }

    /// Opens what `word` addresses, unless it is open already.
    pub fn place(&mut self, word: &OsStr) -> Result<Place, Failure> {
        let address = Address::parse(&*self.host, word.as_bytes());
        let volume = escaped(&address.volume_text());
        let path = address.path().to_vec();
        let same = |opened: &Opened| {
            opened.address.image() == address.image() && opened.address.selector() == address.selector()
        };
        if let Some(index) = self.opened.iter().position(same) {
            return Ok(Place { image: self.opened[index].image.clone(), index, volume, path });
        }
        let image = Image::open(self.host.clone(), &address, self.lock)
            .map_err(|error| Failure::Open(escaped(address.image()), error))?;
        if let Some(warning) = image.warning() {
            self.failures += 1;
            warn(&format!("{volume}: {warning}"));
        }
        let image = Rc::new(image);
        let index = self.opened.len();
        self.opened.push(Opened { address, image: image.clone() });
        Ok(Place { image, index, volume, path })
    }

    /// Opens all of `words`, at least one.
    pub fn places(&mut self, words: &[std::ffi::OsString]) -> Result<Vec<Place>, Failure> {
        words.iter().map(|word| self.place(word)).collect()
    }

    /// Reports that something at `path` failed, and counts it.
    pub fn report(&mut self, place: &Place, path: &[u8], why: &dyn Display) {
        self.report_in(&place.volume, path, why);
    }

    /// As [`Session::report`], in an image that is not read as a [`Place`].
    pub fn report_in(&mut self, volume: &str, path: &[u8], why: &dyn Display) {
        self.failures += 1;
        let path = escaped(path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        self.progress.suspend(|| warn(&format!("{volume}:{slash}{path}: {why}")));
    }

    /// Whether anything was reported.
    pub fn has_failures(&self) -> bool {
        self.failures > 0
    }
}
