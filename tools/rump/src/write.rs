//! `rump write`: standard input to a file, in its place.

use crate::change::{Change, Telling, ends_all};
use crate::output::Output;
use crate::put::{Content, Input, Trouble, write_all};
use crate::session::{Failure, Place, Session};
use crate::truncate::{create, parse_bytes};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{Errno, Fd, KResult, Mode, OpenFlags};
use std::ffi::OsString;

const CHUNK_BYTES: usize = 1 << 20;

/// Arguments of `rump write`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  echo rump | rump write disk.img:/etc/hostname
  rump write --append disk.img@1:/var/log/notes < notes
  rump write --offset 446 disk.img:/boot/table < table
The file keeps its number, owner, mode and links; one that is not there is made. To have all of it or nothing, use
`rump cp - ADDRESS`.")]
pub struct Args {
    /// Write after what is there
    #[arg(short, long)]
    append: bool,
    /// Write over what is there, from this byte on
    #[arg(long, value_name = "BYTES", value_parser = parse_offset, conflicts_with = "append")]
    offset: Option<u64>,
    #[command(flatten)]
    telling: Telling,
    /// The file, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
}

fn parse_offset(text: &str) -> Result<u64, String> {
    parse_bytes(text).ok_or_else(|| format!("{text:?} is no count of bytes"))
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let place = change.place(&args.address)?;
    change.session.show_progress();
    let (fd, start) = match open(args, &place) {
        Ok(opened) => opened,
        Err(error) => return change.fail(&place, &place.path, &error),
    };
    let written = copy(&mut change, &place, fd, start);
    change.session.progress.clear();
    let closed = place.process().close(fd);
    let count = match (written, closed) {
        (Ok(count), Ok(())) => count,
        (Err(Trouble::Target(error)), _) if ends_all(&error) => {
            let count = change.session.progress.bytes;
            let text = crate::output::escaped(&place.path);
            return Err(Failure::Other(format!(
                "{}:{text}: {error}; {count} bytes were written",
                place.volume
            )));
        }
        (Err(Trouble::Target(error)), _) | (Ok(_), Err(error)) => {
            return change.fail(&place, &place.path, &error);
        }
        (Err(Trouble::Stopped), _) => {
            let count = change.session.progress.bytes;
            return Err(change.session.stop.failure(&format!(" after {count} bytes")));
        }
        (Err(Trouble::Source(why)), _) => return Err(Failure::Other(format!("standard input: {why}"))),
        (Err(Trouble::Refused(why)), _) => return Err(Failure::Other(why.into())),
    };
    change.tell_more("write", &place, &place.path, &format!(": {count} bytes at {start}"))
}

/// Opens the file, and answers where to write.
fn open(args: &Args, place: &Place) -> KResult<(Fd, u64)> {
    let process = place.process();
    match process.stat(&place.path) {
        Ok(stat) if stat.file_type == rumpkit::FileType::Regular => {}
        Ok(stat) if stat.file_type == rumpkit::FileType::Directory => return Err(Errno::EISDIR.into()),
        Ok(_) => return Err(rumpkit::KError::new(Errno::ENXIO, "a device, fifo or socket has no content")),
        Err(error) if error.errno == Errno::ENOENT => create(place)?,
        Err(error) => return Err(error),
    }
    let is_new = !args.append && args.offset.is_none();
    let flags = OpenFlags::WRONLY | if is_new { OpenFlags::TRUNC } else { OpenFlags::empty() };
    let fd = process.open(&place.path, flags, Mode::new(0))?;
    let start = match args.offset {
        Some(offset) => offset,
        None => process.fstat(fd)?.size,
    };
    Ok((fd, start))
}

fn copy(change: &mut Change<'_>, place: &Place, fd: Fd, start: u64) -> Result<u64, Trouble> {
    let input = std::io::stdin();
    let mut content = Input::new(&input, start, change.session.stop.clone());
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Some((at, count)) = content.next(&mut buffer)? {
        write_all(place.process(), fd, &buffer[..count], at)?;
        change.session.progress.add_bytes(count);
    }
    Ok(change.session.progress.bytes)
}
