//! `rump_halt`: halts the server of `RUMP_SERVER`.
#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser};
use rump_cli::man;
use rump_cli::server::KeyArgs;
use std::process::ExitCode;

/// The number of reboot(2) at NetBSD.
const REBOOT: u32 = 208;
/// `RB_HALT`.
const HALT: u64 = 8;

/// Halts a rump kernel: what it knows is on its disks when this ends.
#[derive(Parser)]
#[command(name = "rump_halt", version)]
struct Options {
    /// Where the server is: unix://PATH, tcp://ADDRESS:PORT or tcp6://ADDRESS:PORT
    #[arg(env = "RUMP_SERVER", hide_env_values = true, value_name = "URL")]
    url: String,
    #[command(flatten)]
    key: KeyArgs,
}

fn main() -> ExitCode {
    if let Some(done) = man::asked_for([Options::command()]) {
        return done;
    }
    match halt(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("rump_halt: {why}");
            ExitCode::FAILURE
        }
    }
}

fn halt(options: &Options) -> Result<(), String> {
    let connection = options.key.connect(&options.url, "rump_halt")?;
    connection.call(REBOOT, &[HALT, 0], &[]).map_err(|error| format!("{}: {error}", options.url))?;
    Ok(())
}
