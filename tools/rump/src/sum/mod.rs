//! `rump sum`: SHA-256 of files, in the form that `sha256sum` prints, and manifests of whole trees.

mod manifest;

use crate::output::{Output, hex};
use crate::record::{Format, JsonWriter, stat_path, text_and_hex};
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Listing, Step, Visitor, file_name, walk};
use clap::{Args as ClapArgs, ValueHint};
use manifest::Without;
use rumpkit::{Errno, Fd, FileType, KError, KResult, Mode, OpenFlags, Process};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::io::{self, Write};

const CHUNK_BYTES: usize = 1 << 20;

/// Arguments of `rump sum`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump sum disk.img:/etc > etc.sha256
  rump sum disk.img:/etc --relative > etc.sha256; rump cp -a disk.img:/etc . && (cd etc && sha256sum -c ../etc.sha256)
  rump sum --manifest=etc.mtree disk.img:/etc; rump sum --verify etc.mtree other.img:/etc
Records of --json: path, size, sha256; with --verify: path, difference, manifest, found. With --manifest=FILE, --json prints
one object: files, bytes, errors.

A manifest has the form of mtree(5), which bsdtar and mtree read: type, mode, uid, gid, nlink, size, time, link, device
and sha256 of each file, sorted, and extended attributes as comments. --verify reads what they write, too, and compares
what it tells. Exit status: 1 if anything differs, is missing or is there besides.")]
pub struct Args {
    #[command(flatten)]
    format: Format,
    /// Print paths from the address on, not from the root of the image: for sha256sum -c in a copy
    #[arg(long)]
    relative: bool,
    /// Write a manifest of the tree, to a file or to standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 0..=1, require_equals = true,
        default_missing_value = "-", conflicts_with_all = ["jsonl", "relative", "verify"])]
    manifest: Option<OsString>,
    /// Compare the tree with a manifest; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "relative")]
    verify: Option<OsString>,
    /// Leave these out of a manifest, or of the comparison: keywords such as time,uid,gid, or xattrs
    #[arg(long, value_name = "KEYWORD,...", value_delimiter = ',')]
    without: Vec<String>,
    /// Files, or directories with all files below
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

#[derive(Serialize)]
struct Sum {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    size: u64,
    sha256: String,
}

struct Sums<'a> {
    args: &'a Args,
    place: &'a Place,
    session: &'a mut Session,
    out: &'a mut Output,
    json: &'a mut JsonWriter,
    buffer: &'a mut Vec<u8>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    if args.manifest.is_some() || args.verify.is_some() {
        return run_manifest(args, session, out);
    }
    if !args.without.is_empty() {
        return Err(Failure::Usage("--without is for --manifest and --verify".into()));
    }
    let mut json = args.format.writer();
    let mut buffer = vec![0; CHUNK_BYTES];
    if !out.is_terminal() {
        session.show_progress();
    }
    for place in session.places(&args.addresses)? {
        match stat_path(place.process(), &place.path, true) {
            Ok(stat) if !matches!(stat.file_type, FileType::Regular | FileType::Directory) => {
                session.report(&place, &place.path, &"neither a file nor a directory");
            }
            Ok(stat) => {
                let (json, buffer) = (&mut json, &mut buffer);
                let mut sums = Sums { args, place: &place, session, out, json, buffer };
                walk(place.process(), &place.path, &stat, &mut sums)?;
            }
            Err(error) => session.report(&place, &place.path, &error),
        }
    }
    session.progress.clear();
    Ok(json.finish(out)?)
}

fn run_manifest(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let [address] = args.addresses.as_slice() else {
        return Err(Failure::Usage("a manifest is about one address".into()));
    };
    let without = Without::parse(&args.without)?;
    if args.manifest.is_some() {
        if args.format.is_json() && args.manifest.as_deref() == Some("-".as_ref()) {
            let why = "sum: --json: the manifest goes to standard output, name a file with --manifest=FILE";
            return Err(Failure::Usage(why.into()));
        }
        session.outcome.ask(args.format.is_json(), false);
    }
    let told = args.verify.as_deref().map(manifest::read).transpose()?;
    let place = session.place(address)?;
    let stat = match stat_path(place.process(), &place.path, true) {
        Ok(stat) => stat,
        Err(error) => {
            session.report(&place, &place.path, &error);
            return Ok(());
        }
    };
    if !out.is_terminal() {
        session.show_progress();
    }
    let done = match (told, &args.manifest) {
        (Some(told), _) => {
            let mut json = args.format.writer();
            let verified = manifest::verify(told, &place, &stat, &without, session, (&mut *out, &mut json));
            verified.and_then(|()| Ok(json.finish(out)?))
        }
        (None, name) => {
            let name = name.as_deref().unwrap_or("-".as_ref());
            manifest::write(name, &place, &stat, &without, session, out)
        }
    };
    session.progress.clear();
    done
}

/// Digest and length of the open file `fd`.
fn digest(process: &Process, fd: Fd, buffer: &mut [u8], session: &mut Session) -> KResult<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut offset = 0_u64;
    loop {
        if session.stop.is_wanted() {
            return Err(Errno::EINTR.into());
        }
        let count = process.pread(fd, buffer, offset)?;
        if count == 0 {
            return Ok((hex(&hasher.finalize()), offset));
        }
        hasher.update(&buffer[..count]);
        offset += count as u64;
        session.progress.add_bytes(count);
    }
}

/// `sha256sum` marks a line with a backslash when the name in it is escaped.
fn write_line(out: &mut Output, digest: &str, path: &[u8]) -> io::Result<()> {
    if !path.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        write!(out, "{digest}  ")?;
        out.write_all(path)?;
        return out.write_all(b"\n");
    }
    write!(out, "\\{digest}  ")?;
    for &byte in path {
        match byte {
            b'\\' => out.write_all(b"\\\\")?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            _ => out.write_all(&[byte])?,
        }
    }
    out.write_all(b"\n")
}

impl Sums<'_> {
    fn shown<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let top = self.place.path.as_slice();
        match path.strip_prefix(top) {
            Some(rest) if self.args.relative => match rest.iter().position(|&byte| byte != b'/') {
                Some(begin) => &rest[begin..],
                None => file_name(path),
            },
            _ => path,
        }
    }

    fn sum(&mut self, entry: &Entry<'_>) -> Result<Option<(String, u64)>, KError> {
        self.session.progress.begin(entry.path);
        let process = self.place.process();
        let fd = process.openat(entry.directory, entry.name, OpenFlags::empty(), Mode::new(0))?;
        let result = digest(process, fd, self.buffer, self.session);
        // Closing what was only read cannot lose anything.
        let _ = process.close(fd);
        result.map(Some)
    }
}

impl Visitor<Failure> for Sums<'_> {
    const LISTING: Listing = Listing::Names;

    fn check(&self) -> Result<(), Failure> {
        self.session.stop.check()
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if entry.stat.file_type != FileType::Regular {
            return Ok(Step::Into);
        }
        let result = self.sum(entry).unwrap_or_else(|error| {
            self.session.report(self.place, entry.path, &error);
            None
        });
        if let Some((sha256, size)) = result {
            self.session.progress.add_file();
            let path = self.shown(entry.path);
            if self.args.format.is_json() {
                let (path, path_hex) = text_and_hex(path);
                self.json.write(self.out, &Sum { path, path_hex, size, sha256 })?;
            } else {
                write_line(self.out, &sha256, path)?;
                if self.out.is_terminal() {
                    self.out.flush()?;
                }
            }
        }
        Ok(Step::Over)
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
