//! `rump generate`: man pages and completions, from the same description as the command line.
//!
//! A step of the installation, not for users; the folders are those in which systems look below a `share`.

use crate::fsu;
use crate::session::Failure;
use crate::units;
use clap::{Args as ClapArgs, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use rumpkit::TimeSpec;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Arguments of `rump generate`.
#[derive(ClapArgs)]
pub struct Args {
    /// The folder `share` of the installation
    #[arg(value_name = "SHARE")]
    share: PathBuf,
}

/// Where each shell looks, and what it puts before and behind the name of a program.
const COMPLETIONS: &[(Shell, &str, &str)] = &[
    (Shell::Bash, "bash-completion/completions/", ""),
    (Shell::Zsh, "zsh/site-functions/_", ""),
    (Shell::Fish, "fish/vendor_completions.d/", ".fish"),
];

/// Runs it.
pub fn run(args: &Args, command: Command) -> Result<(), Failure> {
    write_completions(&args.share, "rump", &command)?;
    // Built as a whole, so that each command has the options that all have.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    for (name, tool) in fsu::manuals(&command) {
        write_completions(&args.share, &name, &tool)?;
        write_page(&args.share, &name, &tool)?;
    }
    write_pages(&args.share, &command)
}

fn write_completions(share: &Path, name: &str, command: &Command) -> Result<(), Failure> {
    for (shell, before, behind) in COMPLETIONS {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command.clone(), name, &mut script);
        write(&share.join(format!("{before}{name}{behind}")), &script)?;
    }
    Ok(())
}

/// The page of a command, and those of its own commands.
fn write_pages(share: &Path, command: &Command) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    write_page(share, name, command)?;
    let mut pages = command.get_subcommands().filter(|one| !one.is_hide_set());
    pages.try_for_each(|page| write_pages(share, page))
}

fn write_page(share: &Path, name: &str, command: &Command) -> Result<(), Failure> {
    let text = render(name, command).map_err(|error| Failure::Other(format!("{name}.1: {error}")))?;
    write(&share.join(format!("man/man1/{name}.1")), &text)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| Failure::Other(format!("{}: {error}", path.display())))
}

/// A page. What follows the help is set line by line, as it was written.
fn render(name: &str, command: &Command) -> io::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.get_subcommands().any(|one| !one.is_hide_set());
    let man = Man::new(command.clone())
        .title(name)
        .section("1")
        .date(units::day(build_time()))
        .source(concat!("rump ", env!("CARGO_PKG_VERSION")))
        .manual("rump");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    match fsu::tool_name(name.as_ref()) {
        // How it is called is no matter of its flags alone.
        Some(_) => {
            let usage = command.clone().render_usage().to_string();
            let usage = as_roff(usage.trim_start_matches("Usage: ").trim_end());
            page.extend_from_slice(format!(".SH SYNOPSIS\n{usage}").as_bytes());
        }
        None => man.render_synopsis_section(&mut page)?,
    }
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    if !notes.is_empty() {
        page.extend_from_slice(format!(".SH NOTES\n.nf\n{}.fi\n", as_roff(&notes)).as_bytes());
    }
    Ok(page)
}

/// Now, or what a reproducible build says instead.
fn build_time() -> TimeSpec {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    TimeSpec { sec: given.unwrap_or_else(now), nsec: 0 }
}

/// Lines of plain text for groff(7): no character starts a request or an escape.
fn as_roff(text: &str) -> String {
    let line = |line: &str| {
        format!("\\&{}\n", line.replace('\\', "\\(rs").replace('-', "\\-").replace('\'', "\\(aq"))
    };
    text.lines().map(line).collect()
}
