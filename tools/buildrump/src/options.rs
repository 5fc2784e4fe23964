//! The command line: options may be bundled and stand before the commands, as with getopts.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `-h` prints.
pub const USAGE: &str = "\
usage: buildrump.sh [options] [command...]

With no command: checkout fullbuild tests.

commands:
  checkout    fetch every dependency, so that later commands work offline
  probe       report what the toolchain can do
  tools       check the toolchain, write rumpmake and toolchain-conf
  build       build the components
  install     install into the destination
  fullbuild   tools build install
  tests       prove that the installation works

options:
  -d DIR   destination (./rump)
  -o DIR   objects (./obj)
  -T DIR   tools and rumpmake (OBJECTS/tooldir)
  -s DIR   source tree (where buildrump.sh is)
  -j N     parallel jobs
  -q       quiet
  -r       release build, which is the default
  -D       debugging build
  -k       kernel only: without the hypercalls of POSIX, without programs and librumpclient
  -H       skip the checks of the toolchain
  -V A=B   environment of the build, e.g. -V CARGO_NET_OFFLINE=true
  -F X=v   flags: CFLAGS, CPPFLAGS, CWARNFLAGS, DBG, LDFLAGS, ACFLAGS, RUSTFLAGS
  --components A,B,...
           build these components and what they need, e.g. rumpfs_ext2fs,rumpnet_netinet
  --parts P
           build the libraries and the programs (all), or the libraries alone (libraries)
  -h       this text

environment:
  CC       the compiler for C. If it is none of cc, gcc and clang, it is a cross compiler such as
           aarch64-linux-gnu-gcc, whose target is the part before the last dash.
";

/// A step of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Fetch the dependencies.
    Checkout,
    /// Describe the toolchain.
    Probe,
    /// Check the toolchain and write `rumpmake`.
    Tools,
    /// Compile.
    Build,
    /// Copy into the destination.
    Install,
    /// Tools, build and install.
    Fullbuild,
    /// Read the sample images with what was installed.
    Tests,
}

const COMMANDS: &[(&str, Command)] = &[
    ("checkout", Command::Checkout),
    ("probe", Command::Probe),
    ("tools", Command::Tools),
    ("build", Command::Build),
    ("install", Command::Install),
    ("fullbuild", Command::Fullbuild),
    ("tests", Command::Tests),
];

impl Command {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        COMMANDS.iter().find(|(_, command)| *command == self).map_or("", |(name, _)| *name)
    }
}

/// How to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Optimized.
    Release,
    /// With assertions and overflow checks.
    Debug,
}

impl Profile {
    /// The folder that cargo puts its results into.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Release => "installed",
            Self::Debug => "debug",
        }
    }

    /// Its name for cargo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "installed",
            Self::Debug => "dev",
        }
    }
}

/// What of the tree to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// The libraries, and the programs where there are hypercalls.
    All,
    /// The libraries.
    Libraries,
}

/// What carries kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypercalls {
    /// This process.
    Posix,
    /// A host of callbacks, which the program brings.
    Callbacks,
}

/// What the toolchain is asked before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Whether it is there and works.
    Diagnostic,
    /// Nothing.
    Skipped,
}

/// Where things are and how to go about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to install.
    pub destination: PathBuf,
    /// Where to compile.
    pub objects: PathBuf,
    /// Where `rumpmake` goes.
    pub tools: PathBuf,
    /// The source tree.
    pub source: PathBuf,
    /// Parallel jobs; cargo's default when `None`.
    pub jobs: Option<u32>,
    /// Print results only.
    pub quiet: bool,
    /// How to compile.
    pub profile: Profile,
    /// What carries kernels is in the libraries.
    pub hypercalls: Hypercalls,
    /// What the toolchain is asked before it is used.
    pub checks: Checks,
    /// The environment of the build.
    pub environment: Vec<(String, String)>,
    /// Flags by the name of their variable.
    pub flags: BTreeMap<String, String>,
    /// What of the tree to build.
    pub parts: Parts,
    /// Components to build, with what they need; all when `None`.
    pub components: Option<Vec<String>>,
}

impl Options {
    /// Prints a line of progress unless quiet was asked for.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            println!(">> {line}");
        }
    }

    /// Flags of a variable, each word one.
    pub fn flags(&self, variable: &str) -> Vec<&str> {
        self.flags.get(variable).map(|flags| flags.split_whitespace().collect()).unwrap_or_default()
    }
}

/// A command line that made sense.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Print the usage.
    Help,
    /// Run these.
    Run(Box<Options>, Vec<Command>),
}

/// Reads a command line; the error names what was not understood.
pub fn parse(arguments: &[String]) -> Result<Parsed, String> {
    let mut options = defaults();
    let mut tools = None;
    let mut rest = arguments.iter();
    let mut commands = Vec::new();
    while let Some(argument) = rest.next() {
        let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            commands.push(command(argument)?);
            continue;
        };
        if let Some(option) = letters.strip_prefix('-') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = |rest: &mut std::slice::Iter<'_, String>| {
                value_of(&format!("--{name}"), value, rest.next_if_empty(value))
            };
            match name {
                "components" => {
                    options.components = Some(value(&mut rest)?.split(',').map(component).collect());
                }
                "parts" => options.parts = parts(&value(&mut rest)?)?,
                "help" => return Ok(Parsed::Help),
                _ => return Err(format!("unknown option --{name}")),
            }
            continue;
        }
        for (index, letter) in letters.char_indices() {
            let attached = &letters[index + letter.len_utf8()..];
            match letter {
                'h' => return Ok(Parsed::Help),
                'q' => options.quiet = true,
                'r' => options.profile = Profile::Release,
                'D' => options.profile = Profile::Debug,
                'k' => options.hypercalls = Hypercalls::Callbacks,
                'H' => options.checks = Checks::Skipped,
                'd' | 'o' | 'T' | 's' | 'j' | 'V' | 'F' => {
                    let value = value_of(&format!("-{letter}"), attached, rest.next_if_empty(attached))?;
                    match letter {
                        'V' => options.environment.push(assignment('V', &value)?),
                        'F' => add_flags(&mut options.flags, assignment('F', &value)?)?,
                        'd' => options.destination = value.into(),
                        'o' => options.objects = value.into(),
                        'T' => tools = Some(PathBuf::from(value)),
                        's' => options.source = value.into(),
                        _ => options.jobs = Some(jobs(&value)?),
                    }
                    break;
                }
                other => return Err(format!("unknown option -{other}")),
            }
        }
    }
    options.tools = tools.unwrap_or_else(|| options.objects.join("tooldir"));
    if commands.is_empty() {
        commands = vec![Command::Checkout, Command::Fullbuild, Command::Tests];
    }
    Ok(Parsed::Run(Box::new(options), commands))
}

/// The next argument, taken only when the option has no value attached.
trait NextIfEmpty {
    fn next_if_empty(&mut self, attached: &str) -> Option<String>;
}

impl NextIfEmpty for std::slice::Iter<'_, String> {
    fn next_if_empty(&mut self, attached: &str) -> Option<String> {
        if attached.is_empty() { self.next().cloned() } else { None }
    }
}

fn value_of(option: &str, attached: &str, next: Option<String>) -> Result<String, String> {
    let value = if attached.is_empty() { next } else { Some(attached.to_string()) };
    value.filter(|value| !value.is_empty()).ok_or_else(|| format!("option {option} needs a value"))
}

fn assignment(letter: char, text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    if name.is_empty() {
        return Err(format!("option -{letter} needs NAME=VALUE, not {text}"));
    }
    Ok((name.to_string(), value.to_string()))
}

/// The variables that flags may be given for.
const FLAGS: &[&str] = &["CFLAGS", "CPPFLAGS", "CWARNFLAGS", "DBG", "LDFLAGS", "AFLAGS", "RUSTFLAGS"];

/// Adds to the flags that were given before; those of ACFLAGS are for C and assembly.
fn add_flags(flags: &mut BTreeMap<String, String>, (name, value): (String, String)) -> Result<(), String> {
    let variables: &[&str] = if name == "ACFLAGS" { &["AFLAGS", "CFLAGS"] } else { &[&name] };
    for variable in variables {
        if !FLAGS.contains(variable) {
            return Err(format!("option -F knows {} and ACFLAGS, not {name}", FLAGS.join(", ")));
        }
        let known = flags.entry(variable.to_string()).or_default();
        *known = format!("{known} {value}").trim().to_string();
    }
    Ok(())
}

/// The name of a component, which may be written as that of its library, or as the linker takes it.
fn component(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_prefix("-l").or_else(|| name.strip_prefix("lib")).unwrap_or(name);
    name.to_string()
}

fn parts(name: &str) -> Result<Parts, String> {
    match name {
        "all" => Ok(Parts::All),
        "libraries" => Ok(Parts::Libraries),
        _ => Err(format!("option --parts needs all or libraries, not {name}")),
    }
}

fn jobs(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("option -j needs a number above zero, not {value}")),
    }
}

fn command(name: &str) -> Result<Command, String> {
    let found = COMMANDS.iter().find(|(known, _)| *known == name);
    found.map(|(_, command)| *command).ok_or_else(|| {
        let known: Vec<_> = COMMANDS.iter().map(|(known, _)| *known).collect();
        format!("unknown command {name}; there are: {}", known.join(" "))
    })
}

fn defaults() -> Options {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    Options {
        destination: "rump".into(),
        objects: "obj".into(),
        tools: PathBuf::new(),
        source: manifest.ancestors().nth(2).map(PathBuf::from).unwrap_or_default(),
        jobs: None,
        quiet: false,
        profile: Profile::Release,
        hypercalls: Hypercalls::Posix,
        checks: Checks::Diagnostic,
        environment: Vec::new(),
        flags: BTreeMap::new(),
        parts: Parts::All,
        components: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        parse(&arguments)
    }

    fn run(line: &str) -> (Options, Vec<Command>) {
        match parsed(line) {
            Ok(Parsed::Run(options, commands)) => (*options, commands),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_a_command_everything_is_done() {
        let (options, commands) = run("");
        assert_eq!(commands, [Command::Checkout, Command::Fullbuild, Command::Tests]);
        assert_eq!(options.tools, PathBuf::from("obj/tooldir"));
    }

    #[test]
    fn options_may_be_bundled_and_carry_their_value() {
        let (options, commands) = run("-qDj4 -d /x -oy build tests");
        assert!(options.quiet && options.profile == Profile::Debug);
        assert_eq!((options.jobs, options.destination), (Some(4), "/x".into()));
        assert_eq!(options.tools, PathBuf::from("y/tooldir"));
        assert_eq!(commands, [Command::Build, Command::Tests]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(parsed("-Z"), Err("unknown option -Z".to_string()));
        let unknown = parsed("explode").unwrap_err();
        assert!(unknown.contains("explode") && unknown.contains("fullbuild"), "{unknown}");
        assert_eq!(parsed("-d"), Err("option -d needs a value".to_string()));
        assert!(parsed("-j 0").is_err());
        assert_eq!(parsed("-h -Z"), Ok(Parsed::Help));
        assert_eq!(parsed("--help"), Ok(Parsed::Help));
    }
}
