//! Trials and the account of what is skipped.

use crate::Check;
use libtest_mimic::{Arguments, Failed, Trial};
use std::io::Write;

/// A list of trials with one rule for what cannot run here.
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
    last: Option<fn()>,
}

impl Suite {
    /// Adds a trial, or its absence: `lacking` says what the machine does not have.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        lacking: Option<&str>,
        run: impl FnOnce() -> Check + Send + 'static,
    ) {
        let name = name.into();
        let trial = match lacking {
            None => Trial::test(name, move || run().map_err(Failed::from)),
            Some(why) => absent(name, why),
        };
        self.trials.push(trial);
    }

    /// Has something done when all trials are through: the end of the program drops nothing that is static.
    pub fn at_last(&mut self, last: fn()) {
        self.last = Some(last);
    }

    /// Runs the trials as `cargo test` asks.
    pub fn run(self) -> ! {
        let conclusion = libtest_mimic::run(&Arguments::from_args(), self.trials);
        if let Some(last) = self.last {
            last();
        }
        conclusion.exit()
    }
}

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Says that something was not looked at; where skips are forbidden, this ends the program with an error.
pub fn note_absence(what: &str, why: &str) {
    let message = format!("{what}: skipped for want of {why}");
    eprintln!("{message}");
    if std::env::var_os("RUMP_NO_SKIPS").is_some() {
        std::process::exit(1);
    }
    note_skip(what, why);
}

fn absent(name: String, why: &str) -> Trial {
    let message = format!("skipped for want of {why}");
    if std::env::var_os("RUMP_NO_SKIPS").is_some() {
        return Trial::test(name, move || Err(Failed::from(message)));
    }
    eprintln!("{name}: {message}");
    note_skip(&name, why);
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

/// Notes a skip where `cargo xtask test` finds it; without that, the line on the terminal has to do.
fn note_skip(name: &str, why: &str) {
    let Some(path) = std::env::var_os("RUMP_SKIP_LOG") else { return };
    if let Ok(mut log) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
        let _ = writeln!(log, "{name}\t{why}");
    }
}

/// Whether smaller trees were asked for.
pub fn is_quick() -> bool {
    std::env::var_os("RUMP_QUICK").is_some()
}

/// What loop mounts lack here, found by making a small image and mounting it.
pub fn lacks_kernel() -> Option<&'static str> {
    if let Some(missing) = crate::program::lacks(&["mke2fs", "mount", "umount", "dumpe2fs"]) {
        return Some(missing);
    }
    if !rustix::process::geteuid().is_root() {
        return Some("root, to mount images");
    }
    let probe = || -> Check {
        let image = crate::image::Image::make("probe", 4, &["-t", "ext2"], None)?;
        crate::mount::Mounted::read_only(&image.path()).map(drop)
    };
    match probe() {
        Ok(()) => None,
        Err(why) => {
            eprintln!("{why}");
            Some("loop mounts of ext2 in this kernel")
        }
    }
}
