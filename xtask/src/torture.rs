//! The long form of `tests/torture`, and defects of crash safety that its power cuts have to find.

use crate::planted::{self, Defect};
use crate::{run, workspace};
use std::process::Command;

/// Each takes away one thing that is done so that a crash does no harm.
pub const DEFECTS: &[Defect] = &[
    Defect {
        name: "a commit block that may come before what it commits",
        target: "ext4-no-checksums",
        file: "fs/rumpfs-ext2fs/src/journal/write.rs",
        check: "        device.flush()?;\n        writer.push(&self.commit_block(",
        becomes: "        writer.push(&self.commit_block(",
    },
    Defect {
        name: "a sync that does not wait for its commit block",
        target: "ext4-seed",
        file: "fs/rumpfs-ext2fs/src/journal/write.rs",
        check: "        device.flush()?;\n        self.head = writer.position;",
        becomes: "        self.head = writer.position;",
    },
    Defect {
        name: "freed blocks that are given out at once",
        target: "ext4-1k",
        file: "fs/rumpfs-ext2fs/src/transaction/mod.rs",
        check: "            running.space.set_aside(extent.start.0, extent.len);",
        becomes: "",
    },
    Defect {
        name: "a log that begins anew before its blocks are at home",
        target: "ext4-1k",
        file: "fs/rumpfs-ext2fs/src/transaction/commit.rs",
        check: "        volume.device().flush()?;\n        journal.empty(volume.device())?;",
        becomes: "        journal.empty(volume.device())?;",
    },
    Defect {
        name: "files that lose their last name and are on no list",
        target: "ext4-seed",
        file: "fs/rumpfs-ext2fs/src/namespace/mod.rs",
        check: "    if left == 0 {\n        orphan::add(handle, cell);\n    }\n",
        becomes: "",
    },
    Defect {
        name: "directories that come before the table",
        target: "fat16",
        file: "kpi/rump-dosfs/src/transaction/commit.rs",
        check: "for kind in [Kind::Table, Kind::Directory] {",
        becomes: "for kind in [Kind::Directory, Kind::Table] {",
    },
    Defect {
        name: "clusters that are free before their name is gone",
        target: "fat16",
        file: "kpi/rump-dosfs/src/transaction/commit.rs",
        check: "        let epoch = core::mem::take(&mut state.epoch);",
        becomes: "        let freed = core::mem::take(&mut state.epoch.freed);\n        free(volume, &mut state, freed);\n        let epoch = core::mem::take(&mut state.epoch);",
    },
    Defect {
        name: "directories that begin with what was there",
        target: "fat16",
        file: "fs/rumpfs-msdos/src/dir/write.rs",
        check: "    volume.sectors().device().write_at(at, &bytes)?;",
        becomes: "",
    },
    Defect {
        name: "clusters of exFAT that are free before their name is gone",
        target: "exfat-4k",
        file: "kpi/rump-dosfs/src/transaction/commit.rs",
        check: "        let epoch = core::mem::take(&mut state.epoch);",
        becomes: "        let freed = core::mem::take(&mut state.epoch.freed);\n        free(volume, &mut state, freed);\n        let epoch = core::mem::take(&mut state.epoch);",
    },
    Defect {
        name: "directories of exFAT that come before the table",
        target: "exfat-4k",
        file: "kpi/rump-dosfs/src/transaction/commit.rs",
        check: "for kind in [Kind::Table, Kind::Directory] {",
        becomes: "for kind in [Kind::Directory, Kind::Table] {",
    },
];

const SOURCES: &[&str] = &[
    "abi",
    "lib",
    "hyper",
    "kpi",
    "kern",
    "fs",
    "dev",
    "client",
    "tools",
    "tests",
    "xtask",
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
];

/// Runs what was asked for. Errors: an unknown option, a failed test, a defect that was not found.
pub fn run(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [] => long(),
        [option] if option == "--planted" => find_all(),
        _ => Err(format!("torture: unknown option {}", arguments.join(" "))),
    }
}

/// 2,000 cuts and more for each format, a million operations on a file, and a minute of eight threads.
fn long() -> Result<(), String> {
    let environment = [
        ("RUMP_CRASH_SEEDS", "7"),
        ("RUMP_FSX_OPERATIONS", "1000000"),
        ("PROPTEST_CASES", "256"),
        ("RUMP_THREAD_SECONDS", "60"),
    ];
    run::step("torture", "cargo", &["test", "--release", "--package", "torture"], &environment)
}

fn find_all() -> Result<(), String> {
    let tree = workspace::root().join("target/planted");
    let mut missed = Vec::new();
    for defect in DEFECTS {
        planted::copy_sources(SOURCES, &tree)?;
        defect.plant(&tree)?;
        let cargo = |arguments: &[&str]| {
            let mut command = Command::new("cargo");
            command.args(arguments).current_dir(&tree).env("RUMP_CRASH_SEEDS", "3");
            command.output().map_err(|error| format!("cargo: {error}"))
        };
        let built = cargo(&["test", "--package", "torture", "--test", "crash", "--no-run"])?;
        if !built.status.success() {
            return Err(format!("{}: {}", defect.name, String::from_utf8_lossy(&built.stderr)));
        }
        let run = cargo(&["test", "--package", "torture", "--test", "crash", "--", defect.target])?;
        let found = String::from_utf8_lossy(&run.stdout)
            .lines()
            .find(|line| line.starts_with("seed "))
            .map(String::from);
        match found.filter(|_| !run.status.success()) {
            Some(line) => println!("planted: {}: found: {line}", defect.name),
            None => {
                println!("planted: {}: not found", defect.name);
                missed.push(defect.name);
            }
        }
    }
    planted::report(&missed, DEFECTS.len())
}
