//! What Tab offers: commands, flags, and paths of the image or of the host.

use super::base::Base;
use super::commands::{OF_RUMP, OWN};
use super::expand::{InImage, Names, OnHost};
use super::shell::Shell;
use super::words::{quoted, unfinished};
use crate::Cli;
use crate::output::escaped;
use crate::session::Place;
use clap::CommandFactory;

/// Most names that are offered.
const MOST: usize = 10_000;

/// Something that the word could become.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As it is shown.
    pub shown: String,
    /// As it is written in the line.
    pub text: String,
}

/// What is known where the shell is.
pub struct Completions {
    place: Place,
    base: Base,
}

/// Whose paths a word may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Image,
    Host,
    Both,
}

impl Completions {
    /// Those where `shell` is.
    pub fn new(shell: &Shell<'_>) -> Option<Self> {
        let base = shell.session.base.as_ref()?;
        let base = Base { volume: base.volume.clone(), directory: base.directory.clone(), is_aside: false };
        Some(Self { place: shell.place.clone(), base })
    }

    /// Where the last word of `line` begins, and what it could become.
    pub fn of(&self, line: &str) -> (usize, Vec<Candidate>) {
        let (begin, word, before) = unfinished(line);
        let Some((command, words)) = before.split_first() else { return (begin, commands(&word)) };
        let command = String::from_utf8_lossy(command);
        if command == "help" {
            return (begin, commands(&word));
        }
        if word.starts_with(b"-") {
            return (begin, flags(&command, &word));
        }
        let is_first = words.iter().all(|word| word.starts_with(b"-"));
        let (whose, is_directory) = match &*command {
            "cd" => (Whose::Image, true),
            "lcd" => (Whose::Host, true),
            "put" if is_first => (Whose::Host, false),
            "get" if is_first => (Whose::Image, false),
            "put" | "get" => (Whose::Both, false),
            _ => (Whose::Image, false),
        };
        let mut found = Vec::new();
        if whose != Whose::Host {
            let names = InImage { process: self.place.process(), base: &self.base };
            paths(&word, &names, is_directory, &mut found);
        }
        if whose != Whose::Image {
            paths(&word, &OnHost, is_directory, &mut found);
        }
        found.sort_by(|one, other| one.text.cmp(&other.text));
        found.dedup();
        (begin, found)
    }
}

/// A word that is complete.
fn whole(text: &str) -> Candidate {
    Candidate { shown: text.into(), text: format!("{text} ") }
}

fn commands(word: &[u8]) -> Vec<Candidate> {
    let own = OWN.iter().map(|(_, name, ..)| *name);
    let mut names: Vec<_> =
        own.chain(OF_RUMP.iter().copied()).filter(|name| name.as_bytes().starts_with(word)).collect();
    names.sort_unstable();
    names.into_iter().map(whole).collect()
}

fn flags(command: &str, word: &[u8]) -> Vec<Candidate> {
    let name = if matches!(command, "get" | "put") { "cp" } else { command };
    let described = Cli::command();
    let Some(described) = described.find_subcommand(name).filter(|_| name == "cp" || OF_RUMP.contains(&name))
    else {
        return Vec::new();
    };
    let long = described.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| arg.get_long());
    let mut flags: Vec<_> = long.chain(["help"]).map(|name| format!("--{name}")).collect();
    flags.retain(|flag| flag.as_bytes().starts_with(word));
    flags.sort_unstable();
    flags.iter().map(|flag| whole(flag)).collect()
}

fn paths(word: &[u8], names: &dyn Names, directories: bool, found: &mut Vec<Candidate>) {
    let split = word.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    let (folder, begun) = word.split_at(split);
    for (name, is_directory) in names.names(folder) {
        let is_hidden = name.starts_with(b".") && !begun.starts_with(b".");
        if is_hidden || !name.starts_with(begun) {
            continue;
        }
        let path = [folder, &name].concat();
        // A link may lead to a directory, and some formats do not say in a directory what is one.
        let is_directory = is_directory || names.is_directory(&path);
        if directories && !is_directory {
            continue;
        }
        let (Some(text), end) = (quoted(&path), if is_directory { "/" } else { " " }) else { continue };
        let slash = if is_directory { "/" } else { "" };
        found.push(Candidate { shown: format!("{}{slash}", escaped(&name)), text: format!("{text}{end}") });
        if found.len() > MOST {
            return;
        }
    }
}
