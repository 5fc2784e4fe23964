//! Guided fuzzing with libFuzzer on the compiler at hand, and the proof that it finds what it should.
//!
//! The targets need no nightly compiler: the passes for coverage are part of the stable one, and without a
//! sanitizer nothing else is wanted, for what is fuzzed has no `unsafe`. libFuzzer itself needs a C++ compiler.

use crate::compilers;
use crate::run::step;
use crate::workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Each target with the longest input that it is given.
const TARGETS: &[(&str, u32)] = &[
    ("ext2fs_walk", 400_000),
    ("cd9660_walk", 200_000),
    ("msdos_walk", 100_000),
    ("exfat_walk", 120_000),
    ("bpf", 4_000),
    ("inet_stack", 20_000),
    ("packetdrill", 4_000),
    ("dhcp_client", 4_000),
    ("partitions", 40_000),
    ("image_formats", 300_000),
    ("mtree", 4_000),
    ("nbd", 4_000),
    ("oci", 20_000),
    ("packed_index", 2_000),
    ("pcap", 4_000),
    ("resolve", 2_000),
    ("shmif", 40_000),
    ("bridge", 8_000),
    ("sysproxy_calls", 4_000),
    ("sysproxy_server", 4_000),
    ("tar", 20_000),
    ("volumes", 20_000),
];

/// What instruments a target for libFuzzer.
const RUSTFLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Limits of one execution, in MiB and seconds.
const LIMITS: [&str; 2] = ["-rss_limit_mb=256", "-timeout=10"];

/// How to fuzz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long each target, or the search for each planted defect, may take.
    pub seconds: u32,
    /// This target only.
    pub target: Option<String>,
    /// Look for the planted defects instead.
    pub planted: bool,
    /// Where the random numbers begin: for a verdict on a change, which luck should not give. Campaigns have none.
    pub seed: Option<u32>,
}

impl Options {
    /// Parses `--seconds N`, `--target NAME`, `--seed N` and `--planted`.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { seconds: 60, target: None, planted: false, seed: None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--seconds" => {
                    options.seconds = value()?.parse().map_err(|error| format!("--seconds: {error}"))?;
                }
                "--seed" => {
                    options.seed = Some(value()?.parse().map_err(|error| format!("--seed: {error}"))?);
                }
                "--target" => options.target = Some(value()?.clone()),
                "--planted" => options.planted = true,
                other => return Err(format!("unknown option {other}")),
            }
        }
        let known = |name: &String| TARGETS.iter().any(|(target, _)| target == name);
        match options.target.as_ref().filter(|name| !known(name)) {
            Some(name) => {
                let known: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
                Err(format!("no target {name}; there are {}", known.join(", ")))
            }
            None => Ok(options),
        }
    }

    fn targets(&self) -> impl Iterator<Item = &'static (&'static str, u32)> {
        TARGETS.iter().filter(|(name, _)| self.target.as_ref().is_none_or(|only| only == name))
    }
}

/// Makes the seeds, checks the repair of checksums against them, replays them, and fuzzes.
pub fn run(options: &Options) -> Result<(), String> {
    let seeds = make_seeds()?;
    let root = workspace::root();
    if options.planted {
        return crate::planted::find_all(options.seconds, &seeds);
    }
    let manifest = manifest(&root);
    let variables = [("RUMP_FUZZ_SEEDS", seeds.to_string_lossy().into_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let tests = ["test", "--release", "--quiet", "--manifest-path", &manifest, "--lib", "--tests"];
    step("fuzz: the repair of checksums", "cargo", &tests, &variables)?;
    let folder = build(&root, &folder_of("target"))?;
    for &(target, longest) in options.targets() {
        let binary = folder.join(target);
        let seeds = seeds.join(target);
        println!("== fuzz: {target} replays its seeds");
        execute(&binary, longest, &["-runs=0".into(), seeds.to_string_lossy().into_owned()])?;
        println!("== fuzz: {target} for {} s", options.seconds);
        let corpus = folder_of("corpus").join(target);
        make_folder(&corpus)?;
        let mut arguments = vec![format!("-max_total_time={}", options.seconds)];
        arguments.extend(options.seed.map(|seed| format!("-seed={seed}")));
        arguments.extend([corpus, seeds].map(|path| path.to_string_lossy().into_owned()));
        execute(&binary, longest, &arguments)?;
    }
    Ok(())
}

/// Makes the seeds; answers their folder.
pub fn make_seeds() -> Result<PathBuf, String> {
    let seeds = folder_of("seeds");
    let manifest = manifest(&workspace::root());
    let folder = seeds.to_string_lossy().into_owned();
    let arguments =
        ["run", "--quiet", "--release", "--manifest-path", &manifest, "--bin", "seeds", "--", &folder];
    step("fuzz: seeds", "cargo", &arguments, &[])?;
    Ok(seeds)
}

/// Builds the targets of the tree at `root`; answers the folder of the programs.
pub fn build(root: &Path, target_folder: &Path) -> Result<PathBuf, String> {
    let host = compilers::host()?;
    let (manifest, folder) = (manifest(root), target_folder.to_string_lossy().into_owned());
    let mut arguments = vec!["build", "--quiet", "--release", "--manifest-path", &manifest];
    // Naming the target keeps the flags away from build scripts.
    arguments.extend(["--target", &host, "--target-dir", &folder]);
    TARGETS.iter().for_each(|(name, _)| arguments.extend(["--bin", name]));
    step("fuzz: targets", "cargo", &arguments, &[("RUSTFLAGS", RUSTFLAGS)])?;
    Ok(target_folder.join(host).join("release"))
}

/// Looks for a crash in a target for `seconds`; answers after how many seconds it was found.
pub fn find_crash(folder: &Path, target: &str, seeds: &Path, seconds: u32) -> Result<Option<f64>, String> {
    let longest = TARGETS.iter().find(|(name, _)| *name == target).map_or(0, |(_, longest)| *longest);
    let corpus = folder_of("planted-corpus");
    let _ = fs::remove_dir_all(&corpus);
    make_folder(&corpus)?;
    let start = Instant::now();
    let status = fuzzer(&folder.join(target), longest)
        .arg(format!("-max_total_time={seconds}"))
        // What crashes on purpose does not belong to the artifacts.
        .arg(format!("-artifact_prefix={}/", corpus.display()))
        .args([corpus, seeds.join(target)])
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("{target}: {error}"))?;
    Ok((!status.success()).then(|| start.elapsed().as_secs_f64()))
}

fn execute(binary: &Path, longest: u32, arguments: &[String]) -> Result<(), String> {
    let shown = binary.display();
    let output = fuzzer(binary, longest).args(arguments).output();
    let output = output.map_err(|error| format!("{shown}: {error}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let telling = log.lines().filter(|line| line.contains("INITED") || line.contains("DONE"));
        telling.for_each(|line| println!("   {line}"));
        return Ok(());
    }
    let tail: Vec<&str> = log.lines().rev().take(40).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("{shown} failed ({})\n{}", output.status, tail.join("\n")))
}

fn fuzzer(binary: &Path, longest: u32) -> Command {
    let artifacts = folder_of("artifacts");
    let _ = fs::create_dir_all(&artifacts);
    let mut command = Command::new(binary);
    command
        .args(LIMITS)
        .arg(format!("-max_len={longest}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .stdin(Stdio::null());
    command
}

fn manifest(root: &Path) -> String {
    root.join("fuzz/Cargo.toml").to_string_lossy().into_owned()
}

/// A folder of the fuzzing crate that is not under version control.
pub fn folder_of(name: &str) -> PathBuf {
    workspace::root().join("fuzz/target").join(match name {
        "target" => "guided",
        other => other,
    })
}

fn make_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let options = parse("--seconds 5 --target partitions --planted --seed 7").unwrap();
        let target = Some("partitions".into());
        assert_eq!(options, Options { seconds: 5, target, planted: true, seed: Some(7) });
        assert_eq!(options.targets().count(), 1);
        assert_eq!(parse("").unwrap().targets().count(), TARGETS.len());
    }

    #[test]
    fn unknown_targets_and_bad_values_are_refused() {
        for line in ["--target x", "--seconds", "--seconds x", "--seed", "--fast"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
