//! `rump stat`: all attributes of files.

mod format;

use crate::mode::mode_text;
use crate::output::{Output, escaped};
use crate::owner::Accounts;
use crate::record::{Format, Record, add_xattrs, read_target, stat_path, type_word};
use crate::session::{Failure, Place, Session};
use crate::{units, walk};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{FileType, KResult, Stat};
use std::ffi::OsString;
use std::io::{self, Write};

/// Flags that choose a form.
const FORMS: [&str; 6] = ["bsd_format", "classify", "list", "raw", "shell", "verbose"];

/// Arguments of `rump stat`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump stat --json disk.img:/etc/passwd
Records of --json: path, name, type, mode, uid, gid, nlink, size, blocks (of 512 bytes), ino, mtime, atime, ctime,
birthtime, where they apply target, rdev, xattrs, and path_hex, name_hex, target_hex beside what is not UTF-8.")]
pub struct Args {
    #[command(flatten)]
    format: Format,
    /// With --json or --jsonl: extended attributes too, their values in base 16
    #[arg(long, requires = "Format")]
    xattrs: bool,
    /// Follow symbolic links
    #[arg(short = 'L', long)]
    dereference: bool,
    /// In the usual form of BSD, which -f -F -l -r -s and -x have others of
    #[arg(long)]
    bsd: bool,
    /// A form of its own, as stat(1) of NetBSD takes it: %N %z %Sm ...
    #[arg(short = 'f', value_name = "FORMAT", overrides_with_all = FORMS)]
    bsd_format: Option<String>,
    /// As -l, with what tells the type behind the name
    #[arg(short = 'F', overrides_with_all = FORMS)]
    classify: bool,
    /// As ls -lT
    #[arg(short = 'l', overrides_with_all = FORMS)]
    list: bool,
    /// Numbers as they are
    #[arg(short = 'r', overrides_with_all = FORMS)]
    raw: bool,
    /// For shells: st_size=...
    #[arg(short = 's', overrides_with_all = FORMS)]
    shell: bool,
    /// Every line a part
    #[arg(short = 'x', overrides_with_all = FORMS)]
    verbose: bool,
    /// With -f: no line end behind
    #[arg(short = 'n')]
    no_line_end: bool,
    /// Say nothing of what is not there
    #[arg(long)]
    silent: bool,
    /// How times are shown, as strftime(3) has it
    #[arg(short = 't', value_name = "FORMAT", default_value = "%b %e %T %Y", hide_default_value = true)]
    time: String,
    /// Files, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

impl Args {
    /// The form of BSD that is asked for.
    fn form(&self) -> Option<&str> {
        match self {
            Self { bsd_format: Some(format), .. } => Some(format),
            Self { classify: true, .. } => Some(format::CLASSIFIED),
            Self { list: true, .. } => Some(format::LISTED),
            Self { raw: true, .. } => Some(format::RAW),
            Self { shell: true, .. } => Some(format::SHELL),
            Self { verbose: true, .. } => Some(format::VERBOSE),
            Self { bsd: true, .. } => Some(format::USUAL),
            _ => None,
        }
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let mut json = args.format.writer();
    for place in session.places(&args.addresses)? {
        match gather(&place, args) {
            Ok((stat, target)) if args.format.is_json() => {
                let mut record =
                    Record::new(&place.path, walk::file_name(&place.path), &stat, target.as_deref());
                if args.xattrs {
                    if let Err(error) = add_xattrs(&mut record, place.process(), None, &place.path) {
                        session.report(&place, &place.path, &error);
                    }
                }
                json.write(out, &record)?;
            }
            Ok((stat, target)) if args.form().is_some() => {
                write_formatted(args, out, &place, &stat, target.as_deref())?;
            }
            Err(_) if args.silent => session.count_failure(),
            Ok((stat, target)) => write_text(out, &place.path, &stat, target.as_deref())?,
            Err(error) => session.report(&place, &place.path, &error),
        }
    }
    Ok(json.finish(out)?)
}

fn gather(place: &Place, args: &Args) -> KResult<(Stat, Option<Vec<u8>>)> {
    let stat = stat_path(place.process(), &place.path, args.dereference)?;
    let target = read_target(place.process(), None, &place.path, &stat)?;
    Ok((stat, target))
}

/// Writes what a form of BSD makes of a file.
fn write_formatted(
    args: &Args,
    out: &mut Output,
    place: &Place,
    stat: &Stat,
    target: Option<&[u8]>,
) -> Result<(), Failure> {
    let format = args.form().unwrap_or(format::USUAL);
    let names = Accounts::read(place);
    let (user, group, target) = (names.user(stat.uid), names.group(stat.gid), target.map(escaped));
    let facts = format::Facts {
        name: &escaped(&place.path),
        stat,
        target: target.as_deref(),
        user: user.as_deref(),
        group: group.as_deref(),
    };
    let text = format::formatted(format, &args.time, &facts);
    let text = text.map_err(|why| Failure::Usage(format!("stat: {why}")))?;
    out.write_all(text.as_bytes())?;
    Ok(out.write_all(if args.no_line_end { b"" } else { b"\n" })?)
}

fn write_text(out: &mut Output, path: &[u8], stat: &Stat, target: Option<&[u8]>) -> io::Result<()> {
    let arrow = target.map(|target| format!(" -> {}", escaped(target))).unwrap_or_default();
    writeln!(out, "  File: {}{arrow}", escaped(path))?;
    let (size, blocks) = (stat.size, stat.blocks);
    writeln!(out, "  Size: {size:<15} Blocks: {blocks:<10} Type: {}", type_word(stat.file_type))?;
    write!(out, " Inode: {:<15} Links: {:<11}", stat.ino.0, stat.nlink)?;
    if matches!(stat.file_type, FileType::CharDevice | FileType::BlockDevice) {
        write!(out, " Device: {},{}", stat.rdev.major, stat.rdev.minor)?;
    }
    write!(out, "\n  Mode: {:04o}/", stat.mode)?;
    out.write_all(&mode_text(stat))?;
    writeln!(out, "   Uid: {}   Gid: {}", stat.uid, stat.gid)?;
    writeln!(out, "Access: {}", units::full(stat.atime))?;
    writeln!(out, "Modify: {}", units::full(stat.mtime))?;
    writeln!(out, "Change: {}", units::full(stat.ctime))?;
    match stat.birthtime {
        Some(time) => writeln!(out, " Birth: {}", units::full(time)),
        None => writeln!(out, " Birth: -"),
    }
}
