//! `rump cat`: files, and parts of images, to standard output, unbuffered but in large pieces.

mod filter;

use crate::record::stat_path;
use crate::session::{Failure, Part, Place, Session};
use clap::{Args as ClapArgs, ValueHint};
use filter::{Filter, Wishes};
use rumpkit::{FileType, KError, Mode, OpenFlags};
use std::ffi::OsString;
use std::io::{self, Write};

const CHUNK_BYTES: usize = 1 << 20;

/// Arguments of `rump cat`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump cat disk.img:/etc/fstab
  rump cat disc.iso@eltorito1 > loader     the bytes of a part, whatever is in them
A part without a path in it is a boot image or a partition as it is; IMAGE@2:/ is the root of its file system.")]
pub struct Args {
    /// Number lines that are not empty
    #[arg(short = 'b', long)]
    number_nonblank: bool,
    /// As -v, and a $ at the end of each line
    #[arg(short = 'e')]
    ends: bool,
    /// Number all lines
    #[arg(short = 'n', long)]
    number: bool,
    /// One empty line in the place of several
    #[arg(short = 's', long)]
    squeeze_blank: bool,
    /// As -v, and ^I for tabs
    #[arg(short = 't')]
    tabs: bool,
    /// Show what is not shown, as ^X and M-x
    #[arg(short = 'v', long)]
    show_nonprinting: bool,
    /// Files to write, as IMAGE:/PATH, or whole parts, as IMAGE@PART
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

impl Args {
    fn wishes(&self) -> Wishes {
        Wishes {
            numbers: self.number,
            numbers_of_text: self.number_nonblank,
            ends: self.ends,
            tabs: self.tabs,
            visible: self.show_nonprinting || self.ends || self.tabs,
            squeeze: self.squeeze_blank,
        }
    }
}

/// Standard output, with a filter before it or none.
struct Sink<W> {
    out: W,
    filter: Option<Filter>,
    filtered: Vec<u8>,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(filter) = &mut self.filter else { return self.out.write(bytes) };
        self.filtered.clear();
        filter.push(bytes, &mut self.filtered);
        self.out.write_all(&self.filtered)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

enum Source {
    File(Place),
    Part(Part),
}

enum Stop {
    Nothing,
    Read(KError),
    Write(io::Error),
    Wanted(Failure),
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session) -> Result<(), Failure> {
    let wishes = args.wishes();
    let filter = wishes.is_any().then(|| Filter::new(wishes));
    let mut out = Sink { out: io::stdout().lock(), filter, filtered: Vec::new() };
    let mut buffer = Vec::new();
    let mut sources = Vec::new();
    for word in &args.addresses {
        sources.push(match session.part(word)? {
            Some(part) => Source::Part(part),
            None => Source::File(session.place(word)?),
        });
    }
    for source in sources {
        let (volume, path, copied) = match &source {
            Source::File(place) => (&place.volume, &*place.path, copy(place, &mut buffer, &mut out, session)),
            Source::Part(part) => (&part.volume, &b"/"[..], copy_part(part, &mut buffer, &mut out, session)),
        };
        match copied {
            Ok(()) => {}
            Err(Stop::Nothing) => session.report_in(volume, path, &"a device, fifo or socket has no content"),
            Err(Stop::Read(error)) => session.report_in(volume, path, &error),
            Err(Stop::Write(error)) => return Err(error.into()),
            Err(Stop::Wanted(failure)) => return Err(failure),
        }
    }
    Ok(())
}

fn copy_part(part: &Part, buffer: &mut Vec<u8>, out: &mut impl Write, session: &Session) -> Result<(), Stop> {
    buffer.resize(CHUNK_BYTES, 0);
    let size = part.device.size_bytes();
    let mut offset = 0;
    while offset < size {
        session.stop.check().map_err(Stop::Wanted)?;
        let count = usize::try_from(size - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        part.device.read_at(offset, &mut buffer[..count]).map_err(Stop::Read)?;
        out.write_all(&buffer[..count]).map_err(Stop::Write)?;
        offset += count as u64;
    }
    out.flush().map_err(Stop::Write)
}

fn copy(place: &Place, buffer: &mut Vec<u8>, out: &mut impl Write, session: &Session) -> Result<(), Stop> {
    let process = place.process();
    let file_type = stat_path(process, &place.path, true).map_err(Stop::Read)?.file_type;
    if !matches!(file_type, FileType::Regular | FileType::Directory) {
        return Err(Stop::Nothing);
    }
    let fd = process.open(&place.path, OpenFlags::empty(), Mode::new(0)).map_err(Stop::Read)?;
    let result = (|| {
        let size = process.fstat(fd).map_err(Stop::Read)?.size;
        // A small file needs no large buffer; one byte more shows the end in the same call.
        let wanted = usize::try_from(size).unwrap_or(CHUNK_BYTES).saturating_add(1).min(CHUNK_BYTES);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let mut offset = 0_u64;
        loop {
            session.stop.check().map_err(Stop::Wanted)?;
            let count = process.pread(fd, buffer, offset).map_err(Stop::Read)?;
            if count == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..count]).map_err(Stop::Write)?;
            offset += count as u64;
            if offset >= size && count < buffer.len() {
                return Ok(());
            }
        }
    })();
    // Closing what was only read cannot lose anything.
    let _ = process.close(fd);
    result.and_then(|()| out.flush().map_err(Stop::Write))
}
