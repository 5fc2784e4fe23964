//! The commands: those of `rump` that a shell has, and its own.

use super::base::normal;
use super::shell::{Shell, USAGE};
use crate::output::escaped;
use crate::session::Failure;
use crate::{Cli, Command};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use rumpkit::FileType;
use rumpkit::image::Address;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Commands of `rump` that a shell has, in the order of their names.
pub const OF_RUMP: &[&str] = &[
    "cat", "chflags", "chmod", "chown", "cp", "df", "diff", "du", "edit", "exec", "find", "info", "ln", "ls",
    "mkdir", "mkfifo", "mknod", "mv", "rm", "rmdir", "stat", "sum", "touch", "tree", "truncate",
];

/// Commands that show the directory that the shell is in if they are told nothing.
const OF_DIRECTORY: &[&str] = &["df", "du", "ls", "stat", "sum", "tree"];

/// A command of the shell's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Changes the directory.
    Cd,
    /// Prints its words.
    Echo,
    /// Leaves.
    Exit,
    /// Copies out of the image.
    Get,
    /// Tells what there is.
    Help,
    /// Changes the directory of the host.
    Lcd,
    /// Prints it.
    Lpwd,
    /// Copies into the image.
    Put,
    /// Prints the directory.
    Pwd,
}

/// Each with its name, its arguments and what it does, in the order of their names.
pub const OWN: &[(Own, &str, &str, &str)] = &[
    (Own::Cd, "cd", "[DIRECTORY|-]", "Go to a directory, to the root, or back"),
    (Own::Echo, "echo", "[WORD...]", "Print words; $? is the status of the last command"),
    (Own::Exit, "exit", "[STATUS]", "Leave the shell"),
    (Own::Get, "get", "[FLAGS] FILE... [TARGET]", "Copy to this host, with the flags of cp"),
    (Own::Help, "help", "[COMMAND]", "Tell what there is"),
    (Own::Lcd, "lcd", "[DIRECTORY]", "Go to a directory of this host"),
    (Own::Lpwd, "lpwd", "", "Print the directory of this host"),
    (Own::Put, "put", "[FLAGS] FILE... [TARGET]", "Copy from this host into the image, with the flags of cp"),
    (Own::Pwd, "pwd", "", "Print the directory"),
];

impl Own {
    /// The one of this name.
    pub fn find(name: &str) -> Option<Self> {
        OWN.iter().find(|(_, known, ..)| *known == name).map(|(own, ..)| *own)
    }

    /// Runs it; answers its exit status.
    pub fn run(self, shell: &mut Shell<'_>, words: &[OsString]) -> Result<u8, Failure> {
        let most = match self {
            Self::Pwd | Self::Lpwd => 0,
            Self::Cd | Self::Lcd | Self::Help => 1,
            _ => usize::MAX,
        };
        if words.len() > most {
            return Err(Failure::Status(USAGE, format!("{}: too many words", self.name())));
        }
        match self {
            Self::Cd => change_directory(shell, words.first())?,
            Self::Echo => {
                shell.output.write_all(escaped(words.join(OsStr::new(" ")).as_bytes()).as_bytes())?;
                shell.output.write_all(b"\n")?;
            }
            Self::Pwd => writeln!(shell.output, "{}", escaped(shell.directory()))?,
            Self::Lpwd => {
                let here =
                    std::env::current_dir().map_err(|error| Failure::Other(format!("lpwd: {error}")))?;
                writeln!(shell.output, "{}", escaped(here.as_os_str().as_bytes()))?;
            }
            Self::Lcd => change_host_directory(shell, words.first())?,
            Self::Help => return help(shell, words.first()),
            Self::Get | Self::Put => return copy(shell, self, words),
            // The shell sees to it.
            Self::Exit => {}
        }
        Ok(0)
    }

    fn name(self) -> &'static str {
        OWN.iter().find(|(own, ..)| *own == self).map_or("", |(_, name, ..)| name)
    }
}

fn change_directory(shell: &mut Shell<'_>, word: Option<&OsString>) -> Result<(), Failure> {
    let Some(base) = &mut shell.session.base else { return Ok(()) };
    let path = match word {
        None => b"/".to_vec(),
        Some(word) if word == "-" => shell.previous.clone().unwrap_or_else(|| base.directory.clone()),
        Some(word) => normal(&base.path(word.as_bytes())),
    };
    let failed = |why: &dyn std::fmt::Display| Failure::Other(format!("cd: {}: {why}", escaped(&path)));
    match shell.place.process().stat(&path) {
        Ok(stat) if stat.file_type == FileType::Directory => {}
        Ok(_) => return Err(failed(&"is no directory")),
        Err(error) => return Err(failed(&error)),
    }
    shell.previous = Some(std::mem::replace(&mut base.directory, path));
    Ok(())
}

fn change_host_directory(shell: &mut Shell<'_>, word: Option<&OsString>) -> Result<(), Failure> {
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    let path = word.unwrap_or(&home);
    if let Some(base) = &mut shell.session.base {
        base.make_absolute();
    }
    std::env::set_current_dir(path)
        .map_err(|error| Failure::Other(format!("lcd: {}: {error}", escaped(path.as_bytes()))))
}

fn help(shell: &mut Shell<'_>, word: Option<&OsString>) -> Result<u8, Failure> {
    let described = Cli::command();
    if let Some(word) = word {
        let name = word.to_string_lossy();
        return match OWN.iter().find(|(_, known, ..)| *known == name) {
            Some((_, name, usage, what)) => {
                writeln!(shell.output, "{name} {usage}\n  {what}")?;
                Ok(0)
            }
            None => run_of_rump(shell, &[word.clone(), "--help".into()]),
        };
    }
    let of_rump = OF_RUMP.iter().filter_map(|name| described.find_subcommand(name));
    let of_rump = of_rump.map(|command| {
        (command.get_name().to_string(), command.get_about().map(ToString::to_string).unwrap_or_default())
    });
    let mut all: Vec<_> = OWN.iter().map(|(_, name, _, what)| (name.to_string(), what.to_string())).collect();
    all.extend(of_rump);
    all.sort();
    for (name, what) in all {
        writeln!(shell.output, "  {name:<9} {what}")?;
    }
    writeln!(shell.output, "'help COMMAND' tells more of one.")?;
    Ok(0)
}

/// Runs a command of `rump` in the directory of the shell; answers its exit status.
pub fn run_of_rump(shell: &mut Shell<'_>, words: &[OsString]) -> Result<u8, Failure> {
    let mut words = words.to_vec();
    let name = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if !OF_RUMP.contains(&&*name) {
        let text = format!("there is no command {}: 'help' tells which there are", escaped(name.as_bytes()));
        return Err(Failure::Status(USAGE, text));
    }
    let here = OsString::from_vec(shell.directory().to_vec());
    match &*name {
        "find" => name_directory_of_find(&mut words, &here),
        "info" => words.push(image_of(shell)),
        _ => {}
    }
    let filler = OF_DIRECTORY.contains(&&*name).then_some(&*here);
    match parse(&words, filler) {
        Ok(command) => {
            crate::run(command, shell.session, shell.output)?;
            Ok(0)
        }
        Err(error) => tell(shell, &error),
    }
}

/// Says what is wrong with words, or gives the help that they ask for.
fn tell(shell: &mut Shell<'_>, error: &clap::Error) -> Result<u8, Failure> {
    if error.use_stderr() {
        // There is nobody left to tell it to if this fails.
        let _ = error.print();
        return Ok(USAGE);
    }
    shell.output.write_all(error.to_string().as_bytes())?;
    Ok(0)
}

/// Reads words; `filler` is the argument that is taken if one is missing.
pub fn parse(words: &[OsString], filler: Option<&OsStr>) -> Result<Command, clap::Error> {
    let whole = |more: Option<&OsStr>| {
        let words = words.iter().cloned().chain(more.map(OsString::from));
        crate::translate([OsString::from("rump")].into_iter().chain(words).collect())
    };
    let read = |words| {
        let matches = Cli::command().try_get_matches_from(words)?;
        Cli::from_arg_matches(&matches).map(|cli| cli.command)
    };
    match read(whole(None)) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument && filler.is_some() => {
            read(whole(filler)).map_err(|_| error)
        }
        other => other,
    }
}

/// `find` without a path begins where the shell is.
fn name_directory_of_find(words: &mut Vec<OsString>, here: &OsStr) {
    let is_flag = |word: &OsString| {
        let letters = word.as_bytes().strip_prefix(b"-").unwrap_or_default();
        !letters.is_empty() && letters.iter().all(|letter| b"HLPdhsx".contains(letter))
    };
    let at = 1 + words.iter().skip(1).take_while(|word| is_flag(word)).count();
    let is_path = |word: &OsString| !matches!(word.as_bytes(), [b'-', _, ..] | b"(" | b"!");
    if !words.get(at).is_some_and(is_path) {
        words.insert(at, here.into());
    }
}

/// The image without partition and path.
fn image_of(shell: &Shell<'_>) -> OsString {
    let volume = shell.session.base.as_ref().map_or(&b""[..], |base| &base.volume);
    OsString::from_vec(Address::parse(&**shell.session.host(), volume).image().to_vec())
}

/// `get` and `put`: `cp` with one side on the host.
fn copy(shell: &mut Shell<'_>, own: Own, words: &[OsString]) -> Result<u8, Failure> {
    let words: Vec<_> = [OsString::from("cp")].into_iter().chain(words.iter().cloned()).collect();
    let mut args = match parse(&words, Some(OsStr::new("."))) {
        Ok(Command::Cp(args)) => args,
        Ok(_) => return Ok(USAGE),
        Err(error) => return tell(shell, &error),
    };
    match own {
        Own::Put => args.target = shell.address(&args.target),
        _ => args.addresses = args.addresses.iter().map(|word| shell.address(word)).collect(),
    }
    // What is in the image says so now.
    set_aside(shell, true);
    let copied = crate::run(Command::Cp(args), shell.session, shell.output);
    set_aside(shell, false);
    copied.map(|()| 0)
}

fn set_aside(shell: &mut Shell<'_>, is_aside: bool) {
    if let Some(base) = &mut shell.session.base {
        base.is_aside = is_aside;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_in_order_and_there() {
        assert!(OF_RUMP.is_sorted() && OWN.is_sorted_by_key(|(_, name, ..)| *name));
        let described = Cli::command();
        assert!(OF_RUMP.iter().all(|name| described.find_subcommand(name).is_some()));
    }

    #[test]
    fn find_begins_where_the_shell_is() {
        let with = |text: &str| {
            let mut words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
            name_directory_of_find(&mut words, OsStr::new("/d"));
            words.join(OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(with("find"), "find /d");
        assert_eq!(with("find -name x"), "find /d -name x");
        assert_eq!(with("find -L ( -true )"), "find -L /d ( -true )");
        assert_eq!(with("find -x /etc -name x"), "find -x /etc -name x");
    }

    #[test]
    fn a_missing_argument_is_filled_in() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(
            parse(&words("ls -l"), None).is_err() && parse(&words("ls -l"), Some(OsStr::new("."))).is_ok()
        );
        assert!(parse(&words("cp"), Some(OsStr::new("."))).is_err());
    }
}
