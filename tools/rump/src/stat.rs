//! `rump stat`: all attributes of files.

use crate::mode::mode_text;
use crate::output::{Output, escaped};
use crate::record::{Format, Record, add_xattrs, read_target, stat_path, type_word};
use crate::session::{Failure, Place, Session};
use crate::{units, walk};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{FileType, KResult, Stat};
use std::ffi::OsString;
use std::io::{self, Write};

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
    /// Files, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
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
