//! The matrix of the builder: every compiler, profile and host of a copy of the sources whose path has a space, in separate
//! folders, and without a network once `checkout` was run.
//!
//! Limits are of processor time, which other work on the machine does not change: that of two cores for what is promised of
//! them. Linux counts it, elsewhere it is zero.

use crate::{planted, workspace};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// All that the builder reads; the members of the workspace, so that cargo takes it for one.
const SOURCES: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "abi",
    "buildrump.sh",
    "client",
    "component",
    "dev",
    "docs",
    "examples",
    "fs",
    "hyper",
    "include",
    "kern",
    "kpi",
    "lib",
    "net",
    "share",
    "tests",
    "tools",
    "xtask",
];

/// From nothing: three minutes of two cores.
const CLEAN: Option<u64> = Some(360);
/// With nothing to do.
const IDLE: Option<u64> = Some(2);
/// With one driver changed.
const TOUCHED: Option<u64> = Some(20);

/// The driver that is changed, and a text in it that is there once.
const DRIVER: &str = "fs/rumpfs-ext2fs";
const LINE: (&str, &str) = ("src/features.rs", "this is an external journal");

/// A program without any interface to reach others by.
const ALONE: &[&str] = &["unshare", "--map-root-user", "--net"];

/// Where everything happens, and what came of it.
struct Matrix {
    tree: PathBuf,
    folder: PathBuf,
    rows: Vec<String>,
    failed: usize,
}

/// Runs everything, then prints the table. Errors: how many rows failed or took too long.
pub fn run() -> Result<(), String> {
    let folder = workspace::root().join("target/builder matrix");
    let _ = fs::remove_dir_all(&folder);
    let mut matrix = Matrix { tree: folder.join("the sources"), folder, rows: Vec::new(), failed: 0 };
    planted::copy_sources(SOURCES, &matrix.tree)?;
    let mut checkout = matrix.clean(Command::new(matrix.tree.join("buildrump.sh")));
    checkout.args(["-q", "checkout"]);
    matrix.row("checkout", None, vec![checkout]);

    let mut limit = CLEAN;
    for profile in ["-r", "-D"] {
        for compiler in ["gcc", "clang"] {
            for host in [None, Some("-k")] {
                let name = [profile, compiler, host.unwrap_or_default()].join(" ").trim_end().to_string();
                let build = |commands: &[&str]| {
                    let mut builder = matrix.builder(compiler, &name);
                    builder.args([Some(profile), host].into_iter().flatten()).args(commands);
                    builder
                };
                let (whole, again) = (build(&["fullbuild", "tests"]), build(&["fullbuild"]));
                matrix.row(&name, limit.take(), vec![whole]);
                matrix.row(&format!("{name}, nothing to do"), IDLE, vec![again]);
                if compiler == "gcc" && host.is_none() {
                    matrix.change_driver(&name)?;
                }
            }
        }
    }
    matrix.finish()
}

impl Matrix {
    /// `rumpmake` as people call it, before and after one line was changed.
    fn change_driver(&mut self, name: &str) -> Result<(), String> {
        let rumpmake = |command: &str| {
            let mut rumpmake = self.alone(&self.folder.join(name).join("tools/rumpmake"));
            rumpmake.arg(command).current_dir(self.tree.join(DRIVER));
            rumpmake
        };
        let both = || vec![rumpmake("dependall"), rumpmake("install")];
        let (before, after) = (both(), both());
        self.row(&format!("{name}, rumpmake, nothing to do"), IDLE, before);
        let library = self.folder.join(name).join("installed/lib/librump.a");
        let told = |error: std::io::Error| format!("{}: {error}", library.display());
        let old = fs::read(&library).map_err(told)?;

        let (file, text) = LINE;
        let path = self.tree.join(DRIVER).join(file);
        let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let changed = source.replacen(text, &text.to_uppercase(), 1);
        fs::write(&path, &changed).map_err(|error| format!("{}: {error}", path.display()))?;
        self.row(&format!("{name}, rumpmake, a changed line"), TOUCHED, after);
        fs::write(&path, &source).map_err(|error| format!("{}: {error}", path.display()))?;
        let is_old = changed == source || fs::read(&library).map_err(told)? == old;
        if is_old { Err(format!("{}: the changed line is not in it", library.display())) } else { Ok(()) }
    }

    /// The builder without a network, into folders of this name.
    fn builder(&self, compiler: &str, name: &str) -> Command {
        let mut builder = self.alone(&self.tree.join("buildrump.sh"));
        let folder = self.folder.join(name);
        builder.env("CC", compiler).arg("-q").arg("-o").arg(self.folder.join("objects"));
        builder.arg("-d").arg(folder.join("installed")).arg("-T").arg(folder.join("tools"));
        builder
    }

    fn alone(&self, program: &std::path::Path) -> Command {
        let mut command = self.clean(Command::new(ALONE[0]));
        command.args(&ALONE[1..]).arg(program).env("CARGO_NET_OFFLINE", "true");
        command
    }

    /// As on a machine on which nobody set anything.
    fn clean(&self, mut command: Command) -> Command {
        for variable in
            ["CC", "RUSTC_WRAPPER", "CARGO_INCREMENTAL", "CARGO_TARGET_DIR", "CARGO_PROFILE_DEV_DEBUG"]
        {
            command.env_remove(variable);
        }
        command.current_dir(&self.folder);
        command
    }

    /// Runs commands up to the first that fails, and notes how long they took.
    fn row(&mut self, name: &str, limit: Option<u64>, commands: Vec<Command>) {
        println!("== {name}");
        let (start, before) = (Instant::now(), processor_time());
        let failure = commands.into_iter().find_map(|mut command| match command.status() {
            Ok(status) => (!status.success()).then(|| format!("FAILED ({status})")),
            Err(error) => Some(format!("FAILED ({}: {error})", command.get_program().to_string_lossy())),
        });
        let (elapsed, used) = (start.elapsed(), processor_time().saturating_sub(before));
        let limit = limit.map(Duration::from_secs);
        let late = limit.filter(|limit| used >= *limit).map(|_| "TOO LATE".to_string());
        let verdict = failure.or(late);
        self.failed += usize::from(verdict.is_some());
        let limit = limit.map_or(String::new(), |limit| format!("{} s", limit.as_secs()));
        let row = format!(
            "{name:40} {:>8.1} s {:>8.1} s {limit:>7}  {}",
            elapsed.as_secs_f64(),
            used.as_secs_f64(),
            verdict.as_deref().unwrap_or("ok")
        );
        // All of them take long: who breaks it off knows what there was.
        println!("{row}");
        self.rows.push(row);
    }

    /// Prints the table; what failed stays for whoever wants to look at it.
    fn finish(self) -> Result<(), String> {
        println!("{:40} {:>10} {:>10} {:>7}", "", "elapsed", "processor", "limit");
        self.rows.iter().for_each(|row| println!("{row}"));
        if self.failed > 0 {
            return Err(format!("{} rows of the builder's matrix failed", self.failed));
        }
        fs::remove_dir_all(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))
    }
}

/// What programs used that we ran and that have ended: fields 16 and 17 of proc(5)'s `stat`, in hundredths of a second.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_is_changed_is_in_the_sources_once() {
        let (file, text) = LINE;
        let source = fs::read_to_string(workspace::root().join(DRIVER).join(file)).unwrap();
        assert_eq!(source.matches(text).count(), 1);
    }

    #[test]
    fn processor_time_is_that_of_programs_that_ended() {
        let before = processor_time();
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done";
        assert!(Command::new("sh").args(["-c", busy]).status().unwrap().success());
        assert!(processor_time() > before);
    }
}
