//! `rump.cat`, as cat(1) of NetBSD.

use crate::session::{Failure, Session};
use crate::tool::Run;
use rump_client::RemoteProcess;
use rump_client::abi::{Errno, FileType, Mode, OpenFlags};
use rump_client::kern::Fd;
use rump_client::kpi::KError;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// Bytes that are asked for at once.
const PIECE: usize = 1 << 16;

/// Arguments of `rump.cat`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.cat -n /mnt/etc/fstab")]
pub struct Args {
    /// Number lines that are not empty
    #[arg(short = 'b')]
    number_filled: bool,
    /// As -v, and a dollar sign at the end of each line
    #[arg(short = 'e')]
    ends: bool,
    /// Number lines
    #[arg(short = 'n')]
    number: bool,
    /// One empty line for several
    #[arg(short = 's')]
    squeeze: bool,
    /// As -v, and tabs as ^I
    #[arg(short = 't')]
    tabs: bool,
    /// Write at once what was read
    #[arg(short = 'u')]
    unbuffered: bool,
    /// What cannot be printed as ^X and M-X
    #[arg(short = 'v')]
    visible: bool,
    /// Files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let process = session.connect()?;
        let mut shape = Shape::new(self);
        for path in self.files.iter().map(|path| path.as_bytes()) {
            let fd = match open(&process, path) {
                Ok(fd) => fd,
                Err(error) => {
                    session.report(path, &error);
                    continue;
                }
            };
            let copied = self.copy(&process, fd, &mut shape, out)?;
            // Closing what was only read cannot lose anything.
            let _ = process.close(fd);
            if let Err(error) = copied {
                session.report(path, &error);
            }
        }
        Ok(())
    }
}

fn open(process: &RemoteProcess, path: &[u8]) -> Result<Fd, KError> {
    let fd = process.open(path, OpenFlags::empty(), Mode::new(0))?;
    if process.fstat(fd)?.file_type == FileType::Directory {
        process.close(fd)?;
        return Err(Errno::EISDIR.into());
    }
    Ok(fd)
}

impl Args {
    /// Errors: outside those of writing, inside those of reading.
    fn copy(
        &self,
        process: &RemoteProcess,
        fd: Fd,
        shape: &mut Shape,
        out: &mut dyn Write,
    ) -> io::Result<Result<(), KError>> {
        let mut piece = vec![0; PIECE];
        loop {
            let count = match process.read(fd, &mut piece) {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => count,
                Err(error) => return Ok(Err(error)),
            };
            shape.write(&piece[..count], out)?;
            if self.unbuffered {
                out.flush()?;
            }
        }
    }
}

/// How bytes are shown, and where in the text they are.
struct Shape {
    is_plain: bool,
    numbers: Option<Numbers>,
    squeezes: bool,
    ends: bool,
    tabs: bool,
    visible: bool,
    line: u64,
    is_begin: bool,
    /// Empty lines that were written just before.
    empty: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    All,
    Filled,
}

impl Shape {
    fn new(args: &Args) -> Self {
        let numbers = match (args.number_filled, args.number) {
            (true, _) => Some(Numbers::Filled),
            (_, true) => Some(Numbers::All),
            _ => None,
        };
        let visible = args.visible || args.ends || args.tabs;
        Self {
            is_plain: numbers.is_none() && !args.squeeze && !visible,
            numbers,
            squeezes: args.squeeze,
            ends: args.ends,
            tabs: args.tabs,
            visible,
            line: 0,
            is_begin: true,
            empty: 0,
        }
    }

    fn write(&mut self, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
        if self.is_plain {
            return out.write_all(bytes);
        }
        bytes.iter().try_for_each(|&byte| self.write_one(byte, out))
    }

    fn write_one(&mut self, byte: u8, out: &mut dyn Write) -> io::Result<()> {
        let is_empty = byte == b'\n' && self.is_begin;
        if is_empty && self.squeezes && self.empty > 0 {
            return Ok(());
        }
        if self.is_begin {
            self.empty = if is_empty { self.empty + 1 } else { 0 };
            if self.numbers == Some(Numbers::All) || (self.numbers.is_some() && !is_empty) {
                self.line += 1;
                write!(out, "{:6}\t", self.line)?;
            }
        }
        self.is_begin = byte == b'\n';
        match byte {
            b'\n' if self.ends => out.write_all(b"$\n"),
            b'\n' => out.write_all(b"\n"),
            b'\t' if !self.tabs => out.write_all(b"\t"),
            byte if self.visible => out.write_all(&shown(byte)),
            byte => out.write_all(&[byte]),
        }
    }
}

/// `^X` for a control character, `M-` before what has its highest bit.
fn shown(byte: u8) -> Vec<u8> {
    let low = byte & 0x7f;
    let mut text = if byte == low { Vec::new() } else { b"M-".to_vec() };
    match low {
        0x20..0x7f => text.push(low),
        _ => text.extend([b'^', low ^ 0x40]),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(words: &str, text: &[u8]) -> String {
        use clap::{Args as _, FromArgMatches};
        let command = Args::augment_args(clap::Command::new("cat"));
        let matches = command.get_matches_from(["cat", words, "file"]);
        let mut shape = Shape::new(&Args::from_arg_matches(&matches).unwrap());
        let mut out = Vec::new();
        // Wherever a piece ends.
        text.iter().for_each(|byte| shape.write(&[*byte], &mut out).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_numbered_squeezed_and_made_visible() {
        let text = b"a\n\n\n\nb\tc\x01\x7f\xe1\n";
        assert_eq!(shape("-u", b"a\n\n"), "a\n\n");
        assert_eq!(shape("-s", b"\n\n\na\n\n\nb"), "\na\n\nb");
        assert_eq!(shape("-bv", text), "     1\ta\n\n\n\n     2\tb\tc^A^?M-a\n");
        assert_eq!(shape("-nst", text), "     1\ta\n     2\t\n     3\tb^Ic^A^?M-a\n");
        assert_eq!(shape("-e", b"a\n\tb"), "a$\n\tb");
    }
}
