//! The shell itself: where it is, and how a line is run.

use super::base::Base;
use super::commands::{self, Own};
use super::expand::{InImage, OnHost, expand};
use super::words::{Line, Word};
use crate::output::{Output, escaped};
use crate::progress::Progress;
use crate::session::{Failure, Place, Session, warn};
use crate::walk::file_name;
use rumpkit::FileType;
use rumpkit::hyper::Access;
use rumpkit::image::Address;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Exit status of what the user said wrong.
pub const USAGE: u8 = 2;
/// Exit status of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Whether the shell goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    On,
    /// It was left.
    Leave,
}

/// See the module.
pub struct Shell<'a> {
    /// The session; its base is where the shell is.
    pub session: &'a mut Session,
    /// Standard output.
    pub output: &'a mut Output,
    /// The root of the image.
    pub place: Place,
    /// Exit status of the last command.
    pub status: u8,
    /// That of the last command of the last line that failed; 0 if none did.
    pub failed: u8,
    /// The directory before the last `cd`.
    pub previous: Option<Vec<u8>>,
}

impl<'a> Shell<'a> {
    /// Opens what `word` addresses; from there on words of commands are paths in it.
    pub fn begin(
        session: &'a mut Session,
        output: &'a mut Output,
        word: &OsStr,
        access: Access,
    ) -> Result<Self, Failure> {
        let place = session.place_as(word, access)?;
        let address = Address::parse(&**session.host(), word.as_bytes());
        let base = Base {
            volume: address.volume_text(),
            directory: super::base::normal(&place.path),
            is_aside: false,
        };
        let is_directory = match place.process().stat(&base.directory) {
            Ok(stat) => stat.file_type == FileType::Directory,
            Err(error) => {
                return Err(Failure::Other(format!("{}:{}: {error}", place.volume, escaped(&place.path))));
            }
        };
        if !is_directory {
            return Err(Failure::Other(format!(
                "{}:{}: is no directory",
                place.volume,
                escaped(&place.path)
            )));
        }
        session.base = Some(base);
        Ok(Self { session, output, place, status: 0, failed: 0, previous: None })
    }

    /// Where it is.
    pub fn directory(&self) -> &[u8] {
        self.session.base.as_ref().map_or(b"/", |base| &base.directory)
    }

    /// What is shown before a line is typed.
    pub fn prompt(&self) -> String {
        let volume = self.session.base.as_ref().map_or(&b""[..], |base| &base.volume);
        format!("{}:{}> ", escaped(file_name(volume)), escaped(self.directory()))
    }

    /// Whether Ctrl-C ended the last command.
    pub fn is_interrupted(&self) -> bool {
        self.status == INTERRUPTED
    }

    /// Runs all commands of a line, up to the first that fails unless `keeps_going`. Errors: none goes on.
    pub fn line(&mut self, text: &[u8], keeps_going: bool) -> Result<Flow, Failure> {
        let mut line = Line::new(text);
        self.failed = 0;
        loop {
            let words = match line.next(self.status) {
                Ok(None) => return Ok(Flow::On),
                Ok(Some(words)) => self.expanded(words),
                Err(why) => Err(why),
            };
            let flow = match words {
                Ok(words) => self.command(words)?,
                Err(why) => {
                    warn(&why);
                    self.status = USAGE;
                    Flow::On
                }
            };
            if self.status != 0 {
                self.failed = self.status;
            }
            let stops = self.status != 0 && !keeps_going;
            if flow == Flow::Leave || stops || self.is_interrupted() {
                return Ok(flow);
            }
        }
    }

    /// Words with names for patterns. Those of what `put` and `lcd` are told are of the host.
    fn expanded(&self, words: Vec<Word>) -> Result<Vec<OsString>, String> {
        let Some(base) = &self.session.base else { return Ok(Vec::new()) };
        let in_image = InImage { process: self.place.process(), base };
        let is_of_host = words.first().is_some_and(|word| matches!(&*word.text, b"put" | b"lcd"));
        let mut expanded = Vec::new();
        for word in words {
            expanded.extend(if is_of_host { expand(word, &OnHost)? } else { expand(word, &in_image)? });
        }
        Ok(expanded)
    }

    fn command(&mut self, words: Vec<OsString>) -> Result<Flow, Failure> {
        self.session.stop.forget_interrupt();
        let Some((name, rest)) = words.split_first() else { return Ok(Flow::On) };
        let name = name.to_string_lossy();
        let done = match Own::find(&name) {
            Some(Own::Exit) => return self.exit(rest),
            Some(own) => own.run(self, rest),
            None => commands::run_of_rump(self, &words),
        };
        if let Err(failure) = &done {
            self.session.ends_by(failure);
        }
        let told = self.session.tell_outcome(self.output).and_then(|()| self.output.flush());
        let done = done.and_then(|status| told.map(|()| status).map_err(Failure::from));
        self.session.progress.clear();
        self.session.progress = Progress::hidden();
        self.status = match done {
            Ok(status) if self.session.take_failures() && status == 0 => 1,
            Ok(status) => status,
            Err(failure) => {
                self.session.take_failures();
                // What was found so far is worth having; a second failure here adds nothing.
                let _ = self.output.flush();
                failure.finish()
            }
        };
        Ok(Flow::On)
    }

    fn exit(&mut self, words: &[OsString]) -> Result<Flow, Failure> {
        match words {
            [] => Ok(Flow::Leave),
            [word] if word.to_str().is_some_and(|text| text.parse::<u8>().is_ok()) => {
                self.status = word.to_str().and_then(|text| text.parse().ok()).unwrap_or(USAGE);
                Ok(Flow::Leave)
            }
            _ => {
                warn("exit: one number up to 255 is the status");
                self.status = USAGE;
                Ok(Flow::On)
            }
        }
    }

    /// The address of a word.
    pub fn address(&self, word: &OsStr) -> OsString {
        match &self.session.base {
            Some(base) => OsString::from_vec(base.address(&**self.session.host(), word.as_bytes())),
            None => word.into(),
        }
    }
}
