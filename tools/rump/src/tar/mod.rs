//! `rump tar`: an archive into an image, or out of one.

mod compression;
mod input;
mod read;
mod write;

pub use compression::{Compression, MAGIC_BYTES};
pub use input::{Input, Origin};
pub use read::{Archive, EndMark, pass};

use crate::container::Chosen;
use crate::fill::Source;
use crate::fill::image::Filler;
use crate::fill::image_source::ImageTree;
use crate::fill::rules::Stripped;
use crate::outcome::Wanted;
use crate::output::escaped;
use crate::session::{Failure, Session};
use crate::source::Tree;
use crate::stop::Stop;
use clap::{ArgGroup, Args as ClapArgs, ValueHint};
use rumpkit::image::{Address, Image};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

const BUFFER_BYTES: usize = 256 << 10;

/// Arguments of `rump tar`.
#[derive(ClapArgs)]
#[command(group(ArgGroup::new("direction").required(true)), after_help = "Examples:
  rump tar -c -f etc.tar.zst disk.img@2:/etc
  rump tar -c disk.img:/ | ssh elsewhere tar -x --xattrs --acls
  rump tar -x -f layer.tar.gz disk.img:/
  docker save alpine | rump tar -x disk.img:/

Owners, modes, times with nanoseconds, devices, hard links, holes, extended attributes and access control lists are
kept both ways. Owners are numbers, as with tar --numeric-owner. Archives are recognised as ustar, pax or GNU tar,
plain or compressed with gzip, zstd, xz or bzip2; one that holds an image of a container gives the files of the image,
as with rump mkfs. Into an image: names with .. are refused, a leading slash means the
root of the image, symbolic links in the image are never followed on the way to a file, files replace files. What
failed is named, and the exit status is 1.")]
pub struct Args {
    /// Make an archive of what is in the image
    #[arg(short = 'c', long, group = "direction")]
    create: bool,
    /// Put what is in the archive into the image
    #[arg(short = 'x', long, group = "direction")]
    extract: bool,
    /// The archive; - is standard input or output, and the default
    #[arg(short, long, value_name = "ARCHIVE", value_hint = ValueHint::FilePath, default_value = "-")]
    file: OsString,
    /// With -x: leave out so many names at the front of each path
    #[arg(long, value_name = "N", default_value_t = 0, requires = "extract")]
    strip_components: usize,
    /// With -c: compress with gzip; without an option, the archive's name tells how
    #[arg(short = 'z', long, requires = "create", conflicts_with_all = ["zstd", "xz", "bzip2"])]
    gzip: bool,
    /// With -c: compress with zstd
    #[arg(long, requires = "create", conflicts_with_all = ["xz", "bzip2"])]
    zstd: bool,
    /// With -c: compress with xz
    #[arg(short = 'J', long, requires = "create", conflicts_with = "bzip2")]
    xz: bool,
    /// With -c: compress with bzip2
    #[arg(short = 'j', long, requires = "create")]
    bzip2: bool,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    wanted: Wanted,
    /// A file or directory in the image for -c, a directory for -x
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session) -> Result<(), Failure> {
    if args.create && args.wanted.json && args.file == "-" {
        return Err(Failure::Usage(
            "tar: --json: the archive goes to standard output, name a file with -f".into(),
        ));
    }
    session.outcome.ask(args.wanted.json, false);
    session.stop.watch()?;
    let stop = session.stop.clone();
    if args.extract { extract(args, session, stop) } else { create(args, session, stop) }
}

fn extract(args: &Args, session: &mut Session, stop: Stop) -> Result<(), Failure> {
    let mut tree = Tree::open(&args.file, &args.chosen.choice(), None, &stop)?;
    if matches!(tree, Tree::Host(_)) {
        let name = args.file.to_string_lossy();
        return Err(Failure::Other(format!("{name}: is a directory, not an archive")));
    }
    let address = Address::parse(&**session.host(), args.address.as_bytes());
    let volume = escaped(&address.volume_text());
    let image = Image::open_for_writing(session.host().clone(), &address, session.opening())
        .map_err(|error| Failure::Open(escaped(address.image()), error))?;
    session.show_progress();
    let process = image.process();
    let filled = fill(tree.source(), args, &address, &volume, &image, session, stop);
    process.umask(rumpkit::Mode::new(0o022));
    let closed = image.close().map_err(|error| Failure::Other(format!("{volume}: {error}")));
    session.progress.clear();
    filled.and(closed)
}

fn fill(
    source: &mut dyn Source,
    args: &Args,
    address: &Address,
    volume: &str,
    image: &Image,
    session: &mut Session,
    stop: Stop,
) -> Result<(), Failure> {
    let process = image.process();
    let mut filler = Filler::new(process, address.path(), volume.to_string(), session, stop)
        .map_err(|error| Failure::Other(format!("{volume}:{}: {error}", escaped(address.path()))))?;
    let passed = source.run(&mut Stripped::new(args.strip_components, &mut filler));
    // What is there is complete with its attributes, even if not all is there.
    let finished = filler.finish();
    passed.and(finished)
}

fn create(args: &Args, session: &mut Session, stop: Stop) -> Result<(), Failure> {
    if !args.chosen.choice().is_any() {
        return Err(Failure::Usage("tar: --tag and --platform are for -x".into()));
    }
    let compression = match args {
        _ if args.gzip => Compression::Gzip,
        _ if args.zstd => Compression::Zstd,
        _ if args.xz => Compression::Xz,
        _ if args.bzip2 => Compression::Bzip2,
        _ => Compression::of_name(args.file.as_bytes()),
    };
    let place = session.place(&args.address)?;
    let (output, name) = open_output(&args.file)?;
    session.show_progress();
    let failed = |error: io::Error| Failure::Other(format!("{name}: {error}"));
    let writer =
        compression.writer(Box::new(BufWriter::with_capacity(BUFFER_BYTES, output))).map_err(failed)?;
    let mut archive = write::Archive::new(writer, name.clone(), place.volume.clone(), session);
    ImageTree::new(&place, stop).run(&mut archive)?;
    archive.finish()?.finish().map_err(failed)?;
    session.progress.clear();
    Ok(())
}

fn open_output(name: &OsStr) -> Result<(Box<dyn Write>, String), Failure> {
    if name == "-" {
        if io::stdout().is_terminal() {
            return Err(Failure::Usage("tar: an archive is not for a terminal: name a file with -f".into()));
        }
        // Not through the standard library, which looks for ends of lines.
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        return Ok((Box::new(File::from(stdout)), "standard output".into()));
    }
    let text = name.to_string_lossy().into_owned();
    let file = File::create(name).map_err(|error| Failure::Other(format!("{text}: {error}")))?;
    Ok((Box::new(file), text))
}
