//! `rump-config`: the configuration of a rump kernel at a server, by tools that NetBSD's administrators know: `rump-config
//! ifconfig`, or `rump.ifconfig` by a link of that name.
//!
//! Exit statuses: 0 done; 1 some of it failed; 2 the command line is wrong, or says no server.
#![forbid(unsafe_code)]

mod files;
mod net;
mod session;
mod sysctl;
mod tool;

use clap::{ArgMatches, Command};
use session::Session;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use tool::{TOOLS, Tool};

const NOTES: &str = "Each command is also a program of its own: rump.ifconfig is rump-config ifconfig.
RUMP_SERVER says where the server is:
  $ rump_allserver unix:///tmp/sock
  $ export RUMP_SERVER=unix:///tmp/sock
  $ rump.ifconfig -a

Exit status: 0 done, 1 some of it failed, 2 the command line is wrong, or says no server.";

fn main() -> ExitCode {
    let pages = TOOLS.iter().map(|tool| tool.command(tool.link));
    if let Some(done) = rump_cli::man::asked_for(pages.chain([whole()])) {
        return done;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    match words.first().and_then(called_by) {
        Some(tool) => {
            let matches = tool.command(tool.link).get_matches_from(words);
            run(tool, tool.link.into(), &matches)
        }
        None => {
            let matches = whole().get_matches_from(words);
            let Some((word, matches)) = matches.subcommand() else { return ExitCode::from(2) };
            match TOOLS.iter().find(|tool| tool.name == word) {
                Some(tool) => run(tool, format!("rump-config {word}"), matches),
                None => ExitCode::from(2),
            }
        }
    }
}

/// The tool whose link a program was called by.
fn called_by(program: &OsString) -> Option<&'static Tool> {
    let name = Path::new(program).file_name()?.to_str()?;
    TOOLS.iter().find(|tool| tool.link == name)
}

fn whole() -> Command {
    let tools = TOOLS.iter().map(|tool| tool.command(tool.name));
    Command::new("rump-config")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The configuration of a rump kernel at a server")
        .after_help(NOTES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommands(tools)
}

fn run(tool: &Tool, name: String, matches: &ArgMatches) -> ExitCode {
    let mut session = Session::new(name);
    let mut out = BufWriter::new(io::stdout().lock());
    let done = (tool.run)(matches, &mut session, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::from(u8::from(session.has_failures())),
        Err(failure) => {
            // What was found so far is worth having; a second failure here adds nothing.
            let _ = out.flush();
            ExitCode::from(session.finish(failure))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_are_consistent() {
        whole().debug_assert();
        for tool in TOOLS {
            tool.command(tool.link).debug_assert();
        }
    }

    #[test]
    fn the_links_are_those_that_are_installed() {
        let links: Vec<&str> = TOOLS.iter().map(|tool| tool.link).collect();
        assert_eq!(links, buildrump::CONFIG_TOOLS);
    }

    #[test]
    fn a_tool_is_known_by_the_name_of_its_link() {
        let name = |program: &str| called_by(&program.into()).map(|tool| tool.name);
        assert_eq!(name("/usr/bin/rump.ifconfig"), Some("ifconfig"));
        assert_eq!(name("rump.ping6"), Some("ping6"));
        assert_eq!(name("rump.nothing"), None);
        assert_eq!(name("rump-config"), None);
        assert_eq!(name("ifconfig"), None);
    }
}
