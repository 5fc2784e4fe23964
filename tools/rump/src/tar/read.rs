//! An archive as a source.

use super::input::{Input, Origin};
use crate::fill::{Content, Sink, Source, Take, Trouble, hand};
use crate::session::Failure;
use crate::stop::Stop;
use rump_tar::acl::USER;
use rump_tar::reader::{Item, Reader};
use std::io;
use std::ops::Range;

pub use rump_tar::reader::EndMark;

const CHUNK_BYTES: usize = 1 << 20;

/// See the module.
pub struct Archive {
    origin: Origin,
    stop: Stop,
}

impl Archive {
    /// What `origin` holds.
    pub fn new(origin: Origin, stop: Stop) -> Self {
        Self { origin, stop }
    }

    /// Makes sure that it can be run twice.
    pub fn keep(&mut self) -> Result<(), Failure> {
        self.origin.keep()
    }
}

impl Source for Archive {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        let input = self.origin.read()?;
        pass(input, self.origin.name(), EndMark::Expected, &self.stop, sink)
    }
}

/// Hands all that is in an archive to `sink`. `name` is for messages.
pub fn pass(
    input: Input,
    name: &str,
    end_mark: EndMark,
    stop: &Stop,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let is_stopped = || stop.is_wanted();
    let mut reader = Reader::new(input, end_mark, &number_on_host, &is_stopped);
    let (mut buffer, mut names_slash) = (vec![0; CHUNK_BYTES], false);
    loop {
        let item = reader.next_item().map_err(|what| match stop.check() {
            // What ends reading early for a signal is no fault of the archive.
            Err(stopped) => stopped,
            Ok(()) => Failure::Other(format!("{name}: at byte {}: {what}", reader.position())),
        })?;
        match item {
            Item::Member { entry, parts, complaints, had_slash } => {
                if had_slash && !names_slash {
                    names_slash = true;
                    sink.note("leading slashes of the archive are taken as the root of the image");
                }
                let (reader, buffer) = (&mut reader, &mut buffer[..]);
                hand(sink, &entry, &mut Data { reader, parts, buffer, stop, name })?;
                for complaint in &complaints {
                    sink.failed(&entry.path, complaint);
                }
            }
            Item::Refused(name, why) => sink.failed(&name, &why),
            Item::End { may_lack } => {
                if may_lack {
                    sink.failed(b"", "the archive has no end mark: it may not be complete");
                }
                return Ok(());
            }
        }
    }
}

/// The number of a user or group of this host, from `/etc/passwd` or `/etc/group`.
fn number_on_host(tag: u16, name: &str) -> Option<u32> {
    let file = if tag == USER { "/etc/passwd" } else { "/etc/group" };
    let lines = std::fs::read_to_string(file).ok()?;
    let line =
        lines.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))?;
    line.split(':').nth(2)?.parse().ok()
}

/// The data of a member.
struct Data<'a, 'r> {
    reader: &'a mut Reader<'r, Input>,
    parts: Vec<Range<u64>>,
    buffer: &'a mut [u8],
    stop: &'a Stop,
    name: &'a str,
}

impl Content for Data<'_, '_> {
    fn map(&mut self) -> Result<Vec<Range<u64>>, Trouble> {
        Ok(self.parts.clone())
    }

    fn copy(&mut self, take: &mut Take<'_>) -> Result<(), Trouble> {
        for part in std::mem::take(&mut self.parts) {
            let mut at = part.start;
            while at < part.end {
                self.stop.check()?;
                let wanted = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(self.buffer.len());
                // A broken archive is broken for all that follows.
                let count = match self.reader.read(&mut self.buffer[..wanted]) {
                    Ok(0) => {
                        let text = format!("{}: the archive ends too early", self.name);
                        return Err(Failure::Other(text).into());
                    }
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(Failure::Other(format!("{}: {error}", self.name)).into()),
                };
                take(at, &self.buffer[..count])?;
                at += count as u64;
            }
        }
        Ok(())
    }
}
