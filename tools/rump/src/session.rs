//! What lasts for one run: the opened images, each opened once, and the count of what failed.
//!
//! A command that changes an image opens it for writing before it opens anything for reading, since one kernel
//! serves all addresses that lead to the same file system. [`Session::close`] writes everything out, on every way
//! out of the program.

use crate::ask;
use crate::outcome::Outcome;
use crate::output::{Output, escaped};
use crate::progress::Progress;
use crate::sh::base::Base;
use crate::stop::Stop;
use crate::unpacking;
use rumpkit::hyper::{Access, HostError};
use rumpkit::image::{Address, Image, OpenError, Opening, Refusal, Selector, Survey};
use rumpkit::kpi::BlockDevice;
use rumpkit::{Errno, PosixHost, Process};
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
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
    /// A network could not be joined, or a question not be asked.
    Network(String),
    /// What another program has an exit status of its own for.
    Status(u8, String),
    /// What was told already, with its exit status.
    Told(u8),
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
    pub fn finish(self) -> u8 {
        let (text, status) = self.told();
        if !text.is_empty() {
            warn(&text);
        }
        status
    }

    /// What there is to say of it.
    pub fn text(self) -> String {
        self.told().0
    }

    /// What there is to say of it, and the exit status.
    fn told(self) -> (String, u8) {
        match self {
            // Whoever read us has seen enough: no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => (String::new(), 0),
            Self::Output(error) => (format!("standard output: {error}"), 1),
            Self::Usage(text) => (format!("{text}\nTry '{} --help'.", program_name()), 2),
            Self::Open(name, error) => {
                let status = if error.is_locked() { 4 } else { 3 };
                let is_missing = matches!(&error, OpenError::Host(error) if error.errno == Errno::ENOENT);
                let mut text = error.of(&name);
                if is_missing && name.contains(':') && !name.contains("://") {
                    text.push_str(" (a path in an image begins with a slash: IMAGE:/PATH)");
                }
                (text, status)
            }
            Self::Told(status) => (String::new(), status),
            Self::Other(text) => (text, 1),
            Self::Network(text) => (text, 2),
            Self::Status(status, text) => (text, status),
            Self::Interrupted(text) => (text, 130),
            Self::Terminated(text) => (text, 143),
        }
    }
}

/// Texts that are kept.
const KEPT: usize = 1000;

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
    let _ = writeln!(io::stderr(), "{}: {text}", program_name());
}

/// The name that this program was called by, if it is one of its own.
fn program_name() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    crate::fsu::tool_name(&program).unwrap_or_else(|| "rump".into())
}

/// A path in an opened image.
#[derive(Clone)]
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

/// The bytes of a part of an image, whatever is in them.
pub struct Part {
    /// Image and selector as the user writes them.
    pub volume: String,
    /// The bytes.
    pub device: Arc<dyn BlockDevice>,
}

struct Opened {
    address: Address,
    /// Device and number of the host's file, which may have many names.
    file: Option<(u64, u64)>,
    access: Access,
    volume: String,
    image: Rc<Image>,
}

/// See the module.
pub struct Session {
    host: Arc<PosixHost>,
    opening: Opening,
    chatter: Chatter,
    /// Options of every mount.
    pub mount_options: String,
    /// The type that every file system has to have.
    pub fs_type: Option<String>,
    /// The type of what is opened is told.
    pub tells_type: bool,
    /// Where words are that name no image: of a shell.
    pub base: Option<Base>,
    /// Whether the user wants to stop; watched once an image is open for writing.
    pub stop: Stop,
    /// What long work counts, and shows.
    pub progress: Progress,
    /// What there is to say of the work besides, as JSON.
    pub outcome: Outcome,
    opened: Vec<Opened>,
    failures: u64,
    /// What is told, where it is not to be told at once.
    kept: Option<Vec<String>>,
}

impl Session {
    /// A session without images.
    pub fn new(opening: Opening, chatter: Chatter) -> Self {
        let (host, progress) = (PosixHost::new(), Progress::hidden());
        let (stop, mount_options, opened) = (Stop::default(), String::new(), Vec::new());
        let opening = Opening { watch: unpacking::watch(chatter, stop.clone()), ..opening };
        let (fs_type, tells_type, base) = (None, false, None);
        Self {
            host,
            opening,
            chatter,
            mount_options,
            fs_type,
            tells_type,
            base,
            stop,
            progress,
            outcome: Outcome::default(),
            opened,
            failures: 0,
            kept: None,
        }
    }

    /// Shows progress from now on, if somebody can see it and wants to.
    pub fn show_progress(&mut self) {
        if self.chatter == Chatter::Usual {
            self.progress.show_on_terminal();
        }
    }

    /// Says what is no failure.
    pub fn note(&self, text: &str) {
        if self.chatter == Chatter::Usual {
            self.progress.suspend(|| warn(text));
        }
    }

    /// Keeps what is told from now on, for somebody else to tell it; of what is no failure, nothing is.
    pub fn keep_what_is_told(&mut self) {
        self.chatter = Chatter::Quiet;
        self.kept = Some(Vec::new());
    }

    /// What was told since this was asked last, and kept.
    pub fn take_told(&mut self) -> Vec<String> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Tells of a failure, and counts it.
    fn tell(&mut self, text: String) {
        self.failures += 1;
        match &mut self.kept {
            Some(kept) if kept.len() < KEPT => kept.push(text),
            Some(_) => {}
            None => self.progress.suspend(|| warn(&text)),
        }
    }

    /// Notes a failure that concerns no image.
    pub fn report_failure(&mut self, text: &str) {
        self.tell(text.into());
    }

    /// Counts a failure that nobody wants to hear of.
    pub fn count_failure(&mut self) {
        self.failures += 1;
    }

    /// Notes why the work ended early.
    pub fn ends_by(&mut self, failure: &Failure) {
        match failure {
            Failure::Usage(_) => self.outcome.forget(),
            // The status is that of another program.
            Failure::Told(_) => {}
            _ => self.outcome.end_early(),
        }
    }

    /// Says as JSON what was done, if that was asked for, once.
    pub fn tell_outcome(&mut self, out: &mut Output) -> io::Result<()> {
        std::mem::take(&mut self.outcome).write(&self.progress, self.failures, out)
    }

    /// Whether only failures are told.
    pub fn is_quiet(&self) -> bool {
        self.chatter == Chatter::Quiet
    }

    /// The host.
    pub fn host(&self) -> &Arc<PosixHost> {
        &self.host
    }

    /// How images are opened.
    pub fn opening(&self) -> Opening {
        self.opening.clone()
    }

    /// What `word` says, where the session is.
    fn address(&self, word: &OsStr) -> Address {
        match &self.base {
            Some(base) => Address::parse(&*self.host, &base.address(&*self.host, word.as_bytes())),
            None => Address::parse(&*self.host, word.as_bytes()),
        }
    }

    /// Opens what `word` addresses, unless it is open already.
    pub fn place(&mut self, word: &OsStr) -> Result<Place, Failure> {
        self.place_as(word, Access::Read)
    }

    /// As [`Session::place`], for reading and writing if `access` says so.
    pub fn place_as(&mut self, word: &OsStr, access: Access) -> Result<Place, Failure> {
        let address = self.address(word);
        let volume = escaped(&address.volume_text());
        let path = address.path().to_vec();
        let index = match self.find(&address)? {
            Some(index) => index,
            None => self.open(address, &volume, access)?,
        };
        let opened = &self.opened[index];
        if access == Access::ReadWrite && opened.access == Access::Read {
            let hint = if self.base.is_some() { ": 'rump sh -w' opens it for writing" } else { "" };
            return Err(Failure::Other(format!("{volume}: is open for reading only{hint}")));
        }
        Ok(Place { image: opened.image.clone(), index, volume, path })
    }

    /// The part of an image that `word` addresses, if it names one and no path in it.
    pub fn part(&self, word: &OsStr) -> Result<Option<Part>, Failure> {
        let address = self.address(word);
        if address.has_path() || matches!(address.selector(), Selector::Only | Selector::Offset(_)) {
            return Ok(None);
        }
        let image = address.image();
        let open = || {
            let survey = Survey::open(self.host.clone(), image, Access::Read, self.opening())?;
            Ok(survey.bytes_of(survey.part(image, address.selector())?)?)
        };
        let device = open().map_err(|error| self.not_opened(escaped(image), error))?;
        Ok(Some(Part { volume: escaped(&address.volume_text()), device }))
    }

    /// Which of the opened images has the file system at `address`.
    fn find(&self, address: &Address) -> Result<Option<usize>, Failure> {
        let file = file_of(address);
        let is_same_file = |opened: &Opened| match (opened.file, file) {
            (Some(one), Some(other)) => one == other,
            _ => opened.address.image() == address.image(),
        };
        let same = |opened: &Opened| is_same_file(opened) && opened.address.selector() == address.selector();
        if let Some(index) = self.opened.iter().position(same) {
            return Ok(Some(index));
        }
        let is_written = |opened: &&Opened| is_same_file(opened) && opened.access == Access::ReadWrite;
        let Some(written) = self.opened.iter().find(is_written) else { return Ok(None) };
        // Another address may mean the same file system, which two kernels must not serve.
        let survey = Survey::of_device(self.host.clone(), written.image.disk().clone(), self.opening());
        let volume = survey.and_then(|survey| survey.choose(address.image(), address.selector()));
        let volume = volume.map_err(|error| Failure::Open(escaped(address.image()), error))?;
        let same = |opened: &Opened| is_same_file(opened) && opened.image.volume().is_same(&volume);
        Ok(self.opened.iter().position(same))
    }

    fn open(&mut self, address: Address, volume: &str, access: Access) -> Result<usize, Failure> {
        let name = escaped(address.image());
        let file = file_of(&address);
        let is_held =
            |opened: &Opened| opened.access == Access::ReadWrite && file.is_some() && opened.file == file;
        if access == Access::ReadWrite {
            self.stop.watch()?;
        }
        let image = loop {
            let image = match self.opened.iter().find(|opened| is_held(opened)) {
                // One disk, one lock: what a format keeps of its tables in memory is there once.
                Some(held) => held.image.open_beside(&address, access, &self.mount_options),
                None => {
                    Image::open_as(self.host.clone(), &address, access, self.opening(), &self.mount_options)
                }
            };
            let Err(OpenError::Locked { what, refusal: Refusal::NoKey }) = &image else { break image };
            // What is asked for is a key from now on, and so this is asked once.
            match ask::passphrase(&format!("{name}{what}: passphrase:")) {
                Some(passphrase) => self.opening.keys.add(passphrase),
                None => break image,
            }
        };
        let image = image.map_err(|error| match access {
            Access::Read => error,
            Access::ReadWrite => explain_read_only(&name, error),
        });
        let image = image.map_err(|error| self.not_opened(name, error))?;
        let kind = &image.info().kind;
        if let Some(wanted) = self.fs_type.as_ref().filter(|wanted| !is_type(kind, wanted)) {
            return Err(Failure::Status(3, format!("{volume}: is {kind}, not {wanted}")));
        }
        if self.tells_type {
            warn(&format!("{volume}: {kind}"));
        }
        if let Some(warning) = image.warning() {
            self.tell(format!("{volume}: {warning}"));
        }
        self.opened.push(Opened { address, file, access, volume: volume.into(), image: Rc::new(image) });
        Ok(self.opened.len() - 1)
    }

    /// Why an image could not be opened: the user wants to stop, or there is an error.
    pub fn not_opened(&self, name: String, error: OpenError) -> Failure {
        self.stop.end_work();
        if self.stop.is_wanted() { self.stop.failure("") } else { Failure::Open(name, error) }
    }

    /// Device and number of the host's file that `place` is in.
    pub fn file_of(&self, place: &Place) -> Option<(u64, u64)> {
        self.opened.get(place.index).and_then(|opened| opened.file)
    }

    /// Whether `word` says itself that it is a place in an image: an image alone could be any file of the host.
    pub fn is_address(&self, word: &OsStr) -> bool {
        let address = self.address(word);
        address.has_path() || *address.selector() != Selector::Only
    }

    /// Closes every image. What could not be written out is reported, and counted.
    pub fn close(&mut self) {
        for opened in std::mem::take(&mut self.opened) {
            if opened.access == Access::Read {
                continue;
            }
            let closed = match Rc::try_unwrap(opened.image) {
                Ok(image) => image.close(),
                Err(image) => image.process().reboot(),
            };
            if let Err(error) = closed {
                self.failures += 1;
                warn(&format!(
                    "{}: writing it out failed, the last changes may be lost: {error}",
                    opened.volume
                ));
            }
        }
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
        let path = escaped(path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        self.tell(format!("{volume}:{slash}{path}: {why}"));
    }

    /// As [`Session::report`], of a file of the host.
    pub fn report_host(&mut self, path: &[u8], why: &dyn Display) {
        self.tell(format!("{}: {why}", escaped(path)));
    }

    /// Whether anything was reported since this was asked last.
    pub fn take_failures(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    /// Whether anything was reported.
    pub fn has_failures(&self) -> bool {
        self.failures > 0
    }
}

/// Whether a file system of this `kind` is one of the type that a user asks for, by the names of several systems.
pub fn is_type(kind: &str, wanted: &str) -> bool {
    let names: &[&str] = match wanted {
        "ext2fs" | "ext2" => &["ext2", "ext3", "ext4"],
        "msdos" | "msdosfs" | "fat" | "vfat" => &["vfat", "fat12", "fat16", "fat32", "msdos"],
        "cd9660" | "iso9660" => &["iso9660"],
        _ => &[wanted],
    };
    names.contains(&kind)
}

/// Device and number of the image's file.
fn file_of(address: &Address) -> Option<(u64, u64)> {
    let found = std::fs::metadata(OsStr::from_bytes(address.image())).ok()?;
    Some((found.dev(), found.ino()))
}

/// Says what a refusal to open for writing means.
fn explain_read_only(name: &str, error: OpenError) -> OpenError {
    match error {
        OpenError::Host(error) if matches!(error.errno, Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
            let what = format!("{name} is read-only here: {error}");
            OpenError::Host(HostError { errno: error.errno, what: what.into() })
        }
        error => error,
    }
}
