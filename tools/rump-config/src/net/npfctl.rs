//! `rump.npfctl`: there is nothing to control.

use crate::session::{Failure, Session};
use crate::tool::Run;
use std::io::Write;

/// Arguments of `rump.npfctl`.
#[derive(clap::Args)]
#[command(
    after_help = "The command says that there is no packet filter, and fails: scripts that rely on one stop there."
)]
pub struct Args {
    /// What npfctl(8) takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Run for Args {
    fn run(&self, _: &mut Session, _: &mut dyn Write) -> Result<(), Failure> {
        let what = self.words.join(" ");
        let what = if what.is_empty() { String::new() } else { format!("{what}: ") };
        Err(Failure::Other(format!("{what}rump kernels have no packet filter; nothing was done")))
    }
}
