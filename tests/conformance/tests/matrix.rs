//! The matrix of all file systems that can be written, with the calls of the rump kernel.
#![forbid(unsafe_code)]

mod rows;

use conformance::{Carrier, trials};
use libtest_mimic::Arguments;

fn main() {
    match trials(&rows::rows(), Carrier::RUMP) {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit(),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
