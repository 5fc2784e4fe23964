//! Proves that an installation works: the installed program reads every sample image of `share/samples`.
//!
//! No sample, no program or no listing is a failure, never a pass.

use crate::Outcome;
use crate::build::absolute;
use crate::options::Options;
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A sample, and where in it the file system is, as the `rump` command takes it.
const SAMPLES: &[(&str, &str)] = &[("ext2-1k", ""), ("ext4", ""), ("disk-mbr", "@1"), ("disk-gpt", "@1")];

/// Sample images unpack to a few mebibytes; more than this is not one of ours.
const LARGEST_SAMPLE: u64 = 64 << 20;

/// Runs every test; prints `Success` or `FAILED n tests!` last.
pub fn prove(options: &Options) -> Outcome<bool> {
    let work = std::env::temp_dir().join(format!("buildrump-tests-{}", std::process::id()));
    fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let mut failed = count("the installed program starts", starts(options));
    failed += count("man pages and completions are there", has_manual(options));
    for (name, place) in SAMPLES {
        let title = format!("VFS test with actual file system ({name}{place})");
        failed += count(&title, read_sample(options, &work, name, place));
    }
    let _ = fs::remove_dir_all(&work);
    if failed == 0 {
        println!("Success");
    } else {
        println!("FAILED {failed} tests!");
    }
    Ok(failed == 0)
}

/// Prints how a test went; answers how many failures that makes.
fn count(title: &str, outcome: Outcome) -> usize {
    match outcome {
        Ok(()) => {
            println!("{title} ... done");
            0
        }
        Err(why) => {
            println!("{title} ... FAILED: {why}");
            1
        }
    }
}

fn program(options: &Options) -> Outcome<PathBuf> {
    absolute(&options.destination.join("bin/rump"))
}

fn starts(options: &Options) -> Outcome {
    run(Command::new(program(options)?).arg("--version")).map(drop)
}

/// What people and their shells look for below `share`.
const GENERATED: &[&str] = &[
    "man/man1/rump.1",
    "man/man1/rump-cp.1",
    "bash-completion/completions/rump",
    "zsh/site-functions/_rump",
    "fish/vendor_completions.d/rump.fish",
];

fn has_manual(options: &Options) -> Outcome {
    for name in GENERATED {
        let path = options.destination.join("share").join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if !text.contains("rump") {
            return Err(format!("{} does not speak of rump", path.display()));
        }
    }
    Ok(())
}

/// Compares what `rump sum` prints with the listing beside the sample.
fn read_sample(options: &Options, work: &Path, name: &str, place: &str) -> Outcome {
    let samples = options.source.join("share/samples");
    let image = work.join(name);
    unpack(&samples.join(format!("{name}.img.gz")), &image)?;
    let listing = samples.join(format!("{name}.sha256"));
    let expected = fs::read_to_string(&listing).map_err(|error| format!("{}: {error}", listing.display()))?;
    let root = format!("{}{place}:/", image.display());
    let printed = run(Command::new(program(options)?).args(["sum", &root]))?;
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

fn run(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(format!("{name}: {}: {complaint}", output.status))
}
