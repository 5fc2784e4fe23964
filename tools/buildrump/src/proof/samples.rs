//! The samples of `share/samples`, as the installed command reads them.

use crate::Outcome;
use crate::build::absolute;
use crate::file;
use crate::install::SERVER_PROGRAMS;
use crate::options::Options;
use crate::run::output;
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sample images unpack to a few mebibytes; more than this is not one of ours.
const LARGEST_SAMPLE: u64 = 64 << 20;

/// An image of `share/samples`.
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// Where in it the file system is, as the command takes it.
    pub place: &'static str,
    /// The byte at which it begins.
    pub begin: u64,
    /// The type of the file system.
    pub fs_type: &'static str,
}

/// All that are read.
pub const SAMPLES: &[Sample] = &[
    Sample { name: "ext2-1k", place: "", begin: 0, fs_type: "ext2fs" },
    Sample { name: "ext4", place: "", begin: 0, fs_type: "ext2fs" },
    Sample { name: "disk-mbr", place: "@1", begin: 1 << 20, fs_type: "ext2fs" },
    Sample { name: "disk-gpt", place: "@1", begin: 1 << 20, fs_type: "ext2fs" },
    Sample { name: "fat", place: "", begin: 0, fs_type: "msdos" },
    Sample { name: "iso", place: "", begin: 0, fs_type: "cd9660" },
];

impl Sample {
    /// Unpacks it into a folder, unless it is there.
    pub fn unpack(&self, options: &Options, work: &Path) -> Outcome<PathBuf> {
        let image = work.join(self.name);
        let packed = options.source.join("share/samples").join(format!("{}.img.gz", self.name));
        file::make_folder(work)?;
        file::unless_done(&image.with_extension("unpacked"), &file::state(&packed), || {
            unpack(&packed, &image)
        })?;
        Ok(image)
    }
}

fn program(options: &Options) -> Outcome<PathBuf> {
    absolute(&options.destination.join("bin/rump"))
}

pub fn starts(options: &Options) -> Outcome {
    let program = program(options)?;
    for name in ["rump", "rump_allserver"].iter().chain(SERVER_PROGRAMS) {
        output(Command::new(program.with_file_name(name)).arg("--version"))?;
    }
    Ok(())
}

/// What people and their shells look for below `share`.
const GENERATED: &[&str] = &[
    "man/man1/rump.1",
    "man/man1/rump-cp.1",
    "man/man1/fsu_ls.1",
    "man/man1/rump_allserver.1",
    "man/man1/rump-config.1",
    "man/man1/rump.ifconfig.1",
    "man/man1/rump_halt.1",
    "man/man1/rump_server.1",
    "man/man1/shmif_dumpbus.1",
    "man/man3/rump_sys_open.3",
    "man/man3/rumpclient_fork.3",
    "man/man3/rump_sys_close.3",
    "man/man7/rump.7",
    "bash-completion/completions/rump",
    "bash-completion/completions/fsu_ls",
    "zsh/site-functions/_rump",
    "fish/vendor_completions.d/rump.fish",
];

pub fn has_manual(options: &Options) -> Outcome {
    for name in GENERATED {
        let path = options.destination.join("share").join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if !["rump", "fsu_"].iter().any(|program| text.contains(program)) {
            return Err(format!("{} speaks of no program", path.display()));
        }
    }
    Ok(())
}

/// Compares what `rump sum` prints with the listing beside the sample.
pub fn read(options: &Options, work: &Path, sample: &Sample) -> Outcome {
    let image = sample.unpack(options, work)?;
    let listing = options.source.join("share/samples").join(format!("{}.sha256", sample.name));
    let expected = fs::read_to_string(&listing).map_err(|error| format!("{}: {error}", listing.display()))?;
    let root = format!("{}{}:/", image.display(), sample.place);
    let printed = output(Command::new(program(options)?).args(["sum", &root]))?;
    let (expected, printed) = (sorted(&expected), sorted(&printed));
    let missing = expected.iter().find(|line| !printed.contains(line));
    let invented = printed.iter().find(|line| !expected.contains(line));
    match (missing, invented) {
        (None, None) if !expected.is_empty() => Ok(()),
        (Some(line), _) => Err(format!("not found: {line}")),
        (None, Some(line)) => Err(format!("not expected: {line}")),
        (None, None) => Err(format!("{} is empty", listing.display())),
    }
}

fn sorted(listing: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = listing.lines().collect();
    lines.sort_unstable();
    lines
}

fn unpack(packed: &Path, image: &Path) -> Outcome {
    let named = |error: io::Error| format!("{}: {error}", packed.display());
    let decoder = GzDecoder::new(File::open(packed).map_err(named)?);
    let mut bounded = io::Read::take(decoder, LARGEST_SAMPLE);
    io::copy(&mut bounded, &mut File::create(image).map_err(named)?).map_err(named)?;
    Ok(())
}
