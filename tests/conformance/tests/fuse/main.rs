//! The same matrix with the calls of the host's kernel, to which the file systems are mounted by FUSE.
//!
//! What differs by the nature of that kernel is in `differences`. A behaviour that is skipped is listed as ignored, with the
//! reason; `--ignored` looks whether it still differs.
#![forbid(unsafe_code)]

mod differences;
mod mount;
#[path = "../rows/mod.rs"]
mod rows;

use conformance::{Carrier, trials};
use differences::DIFFERENCES;
use interop::suite::note_absence;
use libtest_mimic::Arguments;
use std::path::Path;

fn main() {
    if let Some(missing) = lacks() {
        return note_absence("conformance over FUSE", missing);
    }
    match trials(&rows::rows(), Carrier { carry: mount::carry, differences: DIFFERENCES }) {
        Ok(trials) => {
            let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
            println!("{}", differences::account());
            conclusion.exit()
        }
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

fn lacks() -> Option<&'static str> {
    match () {
        () if !Path::new("/dev/fuse").exists() => Some("/dev/fuse"),
        () if !rustix::process::geteuid().is_root() => Some("root, to mount for several users"),
        () => None,
    }
}
