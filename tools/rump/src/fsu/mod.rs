//! The fsu_* tools: `fsu_X [-o options] [-s options] [-t type] [-f] [-v] image [--] arguments` is `rump X`, with the
//! image named once and its paths plain.
//!
//! A link named `fsu_X` is this program. Its words are translated into those of `rump`, so that both have one
//! implementation and the same flags.

mod alias;
mod command;
mod front;
mod words;

pub use command::COMMANDS;

use crate::session::Failure;
use clap::{Arg, Command};
use command::{PREFIX, Spec};
use front::{Environment, Front};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A translated command line.
pub struct Call {
    /// The words for `rump`.
    pub words: Vec<OsString>,
    spec: &'static Spec,
}

/// The name of a program that is one of the tools.
pub fn tool_name(program: &OsStr) -> Option<String> {
    let name = Path::new(program).file_name()?.to_str()?;
    name.starts_with(PREFIX).then(|| name.to_string())
}

/// Translates the command line of a program that is one of the tools.
pub fn translate(words: &[OsString]) -> Option<Result<Call, Failure>> {
    let (program, words) = words.split_first()?;
    let name = tool_name(program)?;
    let Some(spec) = command::find(&name) else {
        let known: Vec<_> = COMMANDS.iter().map(|spec| spec.name).collect();
        let known = known.join(" ");
        return Some(Err(Failure::Usage(format!("there is no {name}; after {PREFIX} may come: {known}"))));
    };
    Some(call(spec, words, &Environment::of_process()).map_err(Failure::Usage))
}

fn call(spec: &'static Spec, words: &[OsString], environment: &Environment) -> Result<Call, String> {
    let mut whole: Vec<OsString> = vec!["rump".into(), spec.command.into()];
    let (front, rest) = Front::take(words, environment)?;
    if front.wants_help {
        whole.push("--help".into());
        return Ok(Call { words: whole, spec });
    }
    if front.is_read_only && !spec.reads {
        return Err("the image is to be mounted for reading only (ro), which this command cannot do".into());
    }
    if rest.iter().any(|word| word == "--help") {
        whole.push("--help".into());
        return Ok(Call { words: whole, spec });
    }
    whole.push(format!("--mount-options={}", front.options).into());
    whole.extend(front.fs_type.map(|name| OsString::from(format!("--fs-type={name}"))));
    whole.extend(front.tells.then(|| "--tell-type".into()));
    whole.extend(spec.fixed.iter().map(OsString::from));
    whole.extend(words::translated(spec, &front.image, rest)?);
    Ok(Call { words: whole, spec })
}

/// How the tool is called.
pub fn usage(spec: &Spec) -> String {
    format!("{PREFIX}{} [-o OPTIONS] [-s OPTIONS] [-t TYPE] [-f] [-v] IMAGE [--] {}", spec.name, spec.usage)
}

/// What all tools have in common, for their manuals.
const NOTES: &str = "\
The image comes first, with a partition (disk.img@2) or an offset (disk.img+1M) behind its name where there are several
file systems; FSU_DEVICE names it instead. Paths are those of the image; what is relative begins at its root.
-o and -s are options of the mount (also FSU_MNTOPTS; ro forbids changes), -t is the type that it has to have (FSU_TYPE),
-v tells the type. A name in ~/.fsurc stands for an image: name:path:type[:options], one a line; with -f none does.
Numbers, names and times are those of the image; times are UTC. Exit status: see rump(1).";

/// The commands of `rump` as the tools that they are, by their names.
pub fn manuals(rump: &Command) -> Vec<(String, Command)> {
    let manual = |spec: &Spec| {
        let name = format!("{PREFIX}{}", spec.name);
        let command = rump.find_subcommand(spec.command)?.clone();
        let command = command.mut_args(|arg| lettered(spec, arg));
        let command = command.name(&*Box::leak(name.clone().into_boxed_str())).display_name(name.clone());
        Some((name.clone(), command.bin_name(name).override_usage(usage(spec)).after_help(NOTES)))
    };
    COMMANDS.iter().filter_map(manual).collect()
}

/// A flag with the letter that it has at a tool.
fn lettered(spec: &Spec, arg: Arg) -> Arg {
    let Some(long) = arg.get_long().map(String::from) else { return arg };
    match spec.renamed.iter().find(|(_, name)| name.trim_start_matches('-') == long) {
        Some((letter, _)) => arg.short(char::from(*letter)),
        None if long == "quiet" && !spec.renamed.is_empty() => arg.short(None),
        None => arg,
    }
}

impl Call {
    /// The description of the command line, with the usage of the tool.
    pub fn described(&self, command: Command) -> Command {
        let usage = usage(self.spec);
        command.mut_subcommand(self.spec.command, |command| command.override_usage(usage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(name: &str, text: &str) -> Result<String, String> {
        let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
        let call = call(command::find(name).unwrap(), &words, &Environment::default())?;
        Ok(call.words.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn a_link_is_a_command_of_rump() {
        assert_eq!(tool_name(OsStr::new("/usr/bin/fsu_ls")).as_deref(), Some("fsu_ls"));
        assert_eq!(tool_name(OsStr::new("rump")), None);
        let whole = words_of("fsu_mkdir", "-t ext4 -v d.img@2 -p a").unwrap();
        assert_eq!(whole, "rump mkdir --mount-options= --fs-type=ext4 --tell-type -p d.img@2:/a");
    }

    #[test]
    fn a_change_of_what_is_read_only_is_refused() {
        assert!(words_of("fsu_rm", "-o ro d.img a").is_err());
        assert!(words_of("fsu_ls", "-o ro d.img a").is_ok());
    }

    #[test]
    fn the_flags_of_the_genuine_tools_are_there() {
        // Of NetBSD's rump manuals, but for what `words` takes away.
        let known = [
            ("cat", "benstv"),
            ("chflags", "HLPRh"),
            ("chgrp", "HLPRfhv"),
            ("chmod", "HLPRfh"),
            ("chown", "HLPRfhv"),
            ("cp", "HLNPRfiprv"),
            ("df", "aGghiklmnPt"),
            ("du", "HLPacdghkmnrsx"),
            ("find", "HLPdEhsXx"),
            ("ln", "fhinsv"),
            ("ls", "1ABCFLRSTWabcdfghiklmnopqrstuwx"),
            ("mkdir", "mp"),
            ("mkfifo", "m"),
            ("mknod", "rRFgmu"),
            ("mv", "iv"),
            ("rm", "dfiPRrvW"),
            ("rmdir", "p"),
            ("stat", "fFlLnqrsxt"),
            ("touch", "achmrt"),
            ("write", "a"),
        ];
        let manuals: std::collections::BTreeMap<_, _> =
            manuals(&<crate::Cli as clap::CommandFactory>::command()).into_iter().collect();
        for (name, letters) in known {
            let manual = &manuals[&format!("{PREFIX}{name}")];
            let has = |letter| {
                manual.get_arguments().any(|arg| {
                    arg.get_short_and_visible_aliases().is_some_and(|all| all.contains(&letter))
                        || arg.get_all_short_aliases().is_some_and(|all| all.contains(&letter))
                })
            };
            let missing: String = letters.chars().filter(|&letter| !has(letter)).collect();
            assert_eq!(missing, "", "{name}");
        }
    }

    #[test]
    fn help_may_stand_anywhere() {
        for text in ["--help", "d.img -l --help"] {
            assert_eq!(words_of("fsu_ls", text).unwrap(), "rump ls --help");
        }
    }
}
