//! ThreadSanitizer over the C interface: a library that is instrumented down to the standard one, under programs of
//! `tests/capi/c` that begin threads. It fails on a report, and if a planted race is not reported.
//!
//! Nothing of the standard library may be left as it was compiled elsewhere: its locks, and the fences of `Arc`, would be
//! unknown, and what they order would be reported. So it is built, too, for which Debian's package of its source is taken,
//! with the compiler that it belongs to and that compiler's runtime of ThreadSanitizer; there is nothing to suppress.

use crate::run::step;
use crate::{compilers, debian, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the programs are linked with. File systems of disks would take minutes to build, and have no `unsafe`.
const COMPONENTS: &[&str] = &[
    "rumpdev",
    "rumpdev_rnd",
    "rumpfs_kernfs",
    "rumpfs_tmpfs",
    "rumpnet",
    "rumpnet_config",
    "rumpnet_local",
    "rumpnet_net",
    "rumpnet_netinet",
    "rumpnet_shmif",
    "rumpnet_tap",
    "rumpuser",
    "rumpvfs",
];

/// What a source says that begins threads, or lets the library begin some.
const THREADS: &[&str] = &["<pthread.h>", "\"crew.h\"", "<aio.h>"];

/// The exit status of a program that was reported.
const REPORTED: i32 = 66;
/// What a report begins with.
const REPORT: &str = "WARNING: ThreadSanitizer: data race";
/// Seconds after which a program hangs.
const PATIENCE: &str = "120";

/// How to look for races.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What lacks a tool fails instead of being skipped.
    pub no_skips: bool,
    /// How often each program runs.
    pub rounds: u32,
}

impl Options {
    /// Parses `--no-skips` and `--rounds N`.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { no_skips: false, rounds: 3 };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--no-skips" => options.no_skips = true,
                "--rounds" => {
                    let value = words.next().ok_or("--rounds wants a value")?;
                    options.rounds = value.parse().map_err(|error| format!("--rounds: {error}"))?;
                }
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }
}

/// Builds, finds what is planted, and runs everything. Errors: a report, a program that fails, a planted race without report;
/// what is missing, if nothing may be skipped.
pub fn run(options: Options) -> Result<(), String> {
    let bench = match Bench::prepare() {
        Err(lacking) if !options.no_skips => {
            println!("== races: not checked: {lacking}");
            return Ok(());
        }
        outcome => outcome?,
    };
    bench.build_library()?;
    bench.find_planted()?;
    for source in sources(&bench.root.join("tests/capi/c"))?.iter().filter(|source| begins_threads(source)) {
        let program = bench.compile(source)?;
        for _ in 0..options.rounds {
            let outcome = bench.execute(&program)?;
            if outcome.status != Some(0) {
                return Err(format!("{}: {:?}\n{}", source.display(), outcome.status, outcome.said));
            }
        }
        println!("   {}: no race in {} runs", name(source), options.rounds);
    }
    Ok(())
}

/// The compilers, and where things go.
struct Bench {
    root: PathBuf,
    folder: PathBuf,
    host: String,
    compiler: debian::Compiler,
    runtime: PathBuf,
    symbolizer: Option<PathBuf>,
}

/// How a program ended, and what it said.
struct Outcome {
    status: Option<i32>,
    said: String,
}

impl Bench {
    /// Errors: what is missing.
    fn prepare() -> Result<Self, String> {
        let root = workspace::root();
        let clang = Command::new("clang").arg("--version").output();
        clang.map_err(|error| format!("clang: {error}"))?;
        let prefix = root.join("target/races/compiler");
        let compiler = debian::Compiler::at(&prefix, debian::newest_with_source)?;
        let runtime = find(&prefix.join("usr/lib"), "libclang_rt.tsan-x86_64.a")
            .ok_or("the packages have no runtime of ThreadSanitizer for this machine")?;
        let symbolizer = ["/usr/bin/llvm-symbolizer", "/usr/bin/addr2line"].map(PathBuf::from);
        let symbolizer = symbolizer.into_iter().find(|path| path.exists());
        let folder = root.join("target/races");
        make_folder(&folder.join("empty"))?;
        Ok(Self { folder, root, host: compilers::host()?, compiler, runtime, symbolizer })
    }

    /// Runs cargo with the compiler that instruments, standard library and all.
    fn cargo(&self, title: &str, parts_of_std: &str, arguments: &[&str]) -> Result<(), String> {
        let (verb, rest) = arguments.split_first().ok_or("no command for cargo")?;
        let (folder, parts) = (self.folder.to_string_lossy(), format!("-Zbuild-std={parts_of_std}"));
        let of_build = [*verb, "--quiet", &parts, "--target", &self.host, "--target-dir", &folder];
        let link = format!("-Clink-arg=-Wl,--whole-archive,{},--no-whole-archive", self.runtime.display());
        let flags = format!(
            "-Zsanitizer=thread -Zexternal-clangrt -Clinker=clang {link} -Clink-arg=-Wl,--export-dynamic -Clink-arg=-lresolv"
        );
        let variables = [
            ("RUSTC", self.compiler.program("rustc")),
            ("LD_LIBRARY_PATH", self.compiler.libraries().to_string()),
            // What is not stable is instrumenting, and building the standard library.
            ("RUSTC_BOOTSTRAP", "1".to_string()),
            ("RUSTFLAGS", flags),
            ("RUSTC_WRAPPER", String::new()),
            // Optimising takes longer than it saves.
            ("CARGO_PROFILE_DEV_OPT_LEVEL", "0".to_string()),
            ("TSAN_OPTIONS", self.settings()),
        ];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        step(title, "cargo", &[&of_build, rest].concat(), &variables)
    }

    fn build_library(&self) -> Result<(), String> {
        let features = format!("posix,{}", COMPONENTS.join(","));
        let library = ["build", "--package", "librump", "--no-default-features", "--features", &features];
        self.cargo("races: the library", "std,panic_unwind", &library)?;
        for component in COMPONENTS {
            let mut command = Command::new("clang");
            command.arg(format!("-DATTACH=rump_component_{component}")).arg("-c");
            command.arg(self.root.join("tools/buildrump/src/libraries/attach.c"));
            succeed(command.arg("-o").arg(self.constructor(component)))?;
        }
        Ok(())
    }

    /// The object that attaches a component.
    fn constructor(&self, component: &str) -> PathBuf {
        self.folder.join(format!("{component}.o"))
    }

    /// Compiles and links a program; answers where it is.
    fn compile(&self, source: &Path) -> Result<PathBuf, String> {
        let program = self.folder.join(name(source));
        let object = program.with_extension("o");
        let mut compile = Command::new("clang");
        compile
            .args(["-std=gnu99", "-g", "-O1", "-fsanitize=thread", "-c"])
            .arg(source)
            .arg("-o")
            .arg(&object);
        compile.arg("-I").arg(self.root.join("include")).arg("-I").arg(self.root.join("tests/capi/c"));
        succeed(&mut compile)?;
        let mut link = Command::new("clang");
        link.arg(&object).args(COMPONENTS.iter().map(|component| self.constructor(component)));
        link.arg(self.folder.join(&self.host).join("debug/liblibrump.a"));
        link.arg("-Wl,--whole-archive").arg(&self.runtime).arg("-Wl,--no-whole-archive,--export-dynamic");
        succeed(link.args(["-lpthread", "-ldl", "-lm", "-lrt", "-lresolv", "-o"]).arg(&program))?;
        Ok(program)
    }

    fn execute(&self, program: &Path) -> Result<Outcome, String> {
        let mut command = Command::new("timeout");
        command.arg(PATIENCE).arg(program).current_dir(self.folder.join("empty"));
        let output = command.env("TSAN_OPTIONS", self.settings()).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let said = [&output.stdout[..], &output.stderr].concat();
        Ok(Outcome { status: output.status.code(), said: String::from_utf8_lossy(&said).into_owned() })
    }

    /// What the runtime is told.
    fn settings(&self) -> String {
        let symbolizer = self.symbolizer.as_ref();
        let symbolizer = symbolizer.map(|path| format!(" external_symbolizer_path={}", path.display()));
        format!("exitcode={REPORTED}{}", symbolizer.unwrap_or_default())
    }

    /// A silence says something only where a race would have been reported.
    fn find_planted(&self) -> Result<(), String> {
        for source in sources(&self.root.join("tests/capi/c/planted"))? {
            let outcome = self.execute(&self.compile(&source)?)?;
            if outcome.status != Some(REPORTED) || !outcome.said.contains(REPORT) {
                return Err(format!("{}: not reported: {}", source.display(), outcome.said));
            }
            println!("   {}: reported, as planted", name(&source));
        }
        Ok(())
    }
}

/// Programs in C in a folder, by name.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    found.sort();
    if found.is_empty() { Err(format!("no programs in {}", folder.display())) } else { Ok(found) }
}

fn begins_threads(source: &Path) -> bool {
    let text = fs::read_to_string(source).unwrap_or_default();
    THREADS.iter().any(|word| text.contains(word))
}

fn name(source: &Path) -> String {
    source.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A file of that name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(open) = folders.pop() {
        for entry in fs::read_dir(&open).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if entry.file_name().to_string_lossy() == name => return Some(entry.path()),
                _ => {}
            }
        }
    }
    None
}

fn make_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Runs a compiler, of which people see what it complains of.
fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed ({status})")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let parse =
            |line: &str| Options::parse(&line.split_whitespace().map(str::to_string).collect::<Vec<_>>());
        assert_eq!(parse(""), Ok(Options { no_skips: false, rounds: 3 }));
        assert_eq!(parse("--no-skips --rounds 9"), Ok(Options { no_skips: true, rounds: 9 }));
        assert!(["--rounds", "--rounds x", "--fast"].iter().all(|line| parse(line).is_err()));
    }

    #[test]
    fn programs_with_threads_are_told_from_others() {
        let programs = workspace::root().join("tests/capi/c");
        let begins = |name: &str| begins_threads(&programs.join(name));
        assert!(["echo.c", "threads_files.c", "aio.c"].into_iter().all(begins));
        assert!(!begins("names.c"));
    }
}
