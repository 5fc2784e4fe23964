//! The programs, by what they do.
//!
//! The tests have a `main` of their own: clients that are killed, or another user's, are this program, too.

mod arguments;
mod drives;
mod dumpbus;
mod kills;
mod life;
mod limits;
mod restarts;
mod unit;

use libtest_mimic::{Arguments, Trial};

const SERVER: &str = env!("CARGO_BIN_EXE_rump_server");
const HALT: &str = env!("CARGO_BIN_EXE_rump_halt");

fn main() {
    if let Some(url) = std::env::var_os(kills::VICTIM) {
        kills::be_victim(url.to_str().unwrap());
    }
    if let Some(url) = std::env::var_os(limits::VISITOR) {
        limits::be_visitor(url.to_str().unwrap());
    }
    let groups = [
        life::all(),
        arguments::all(),
        drives::all(),
        limits::all(),
        kills::all(),
        dumpbus::all(),
        restarts::all(),
        unit::all(),
    ];
    let trials = groups.into_iter().flatten().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

/// Tests by their names.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn all() -> Vec<(&'static str, fn())> {
            vec![$((stringify!($name), $name as fn())),*]
        }
    };
}
use tests;
