//! The commands: what each is at `rump`, and which of its arguments are paths of the image.

/// What the arguments are that are no flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// Paths of the image, at least one.
    Paths,
    /// Paths of the image; the root if there are none.
    PathsOrRoot,
    /// A word with this in front, then paths.
    WordThenPaths(&'static str),
    /// A path, then words.
    PathThenWords,
    /// Paths; with -s all but the last are texts. One alone is linked to in the root.
    Links,
    /// Paths of the image, then one of the host; without that, its working directory.
    ToHost,
    /// Paths of the host, then one of the image; without that, its root.
    FromHost,
    /// As -g or -p says: [`Operands::ToHost`] or [`Operands::FromHost`].
    EitherWay,
    /// Paths, the root if there are none, then an expression.
    Expression,
    /// A command of the host, and then a path.
    Command,
}

/// One command.
#[derive(Debug)]
pub struct Spec {
    /// Its name, behind `fsu_`.
    pub name: &'static str,
    /// The command of `rump`.
    pub command: &'static str,
    /// Flags that it has in any case.
    pub fixed: &'static [&'static str],
    /// Letters of flags that take a value.
    pub valued: &'static str,
    /// Those whose value is a path of the image.
    pub paths: &'static str,
    /// Letters that have another meaning at `rump`, and the flags that have theirs.
    pub renamed: &'static [(u8, &'static str)],
    /// Its other arguments.
    pub operands: Operands,
    /// Whether the image is opened for reading only.
    pub reads: bool,
    /// What the usage says behind the image.
    pub usage: &'static str,
}

const fn spec(name: &'static str, operands: Operands, usage: &'static str) -> Spec {
    Spec {
        name,
        command: name,
        fixed: &[],
        valued: "",
        paths: "",
        renamed: &[],
        operands,
        reads: false,
        usage,
    }
}

const fn reader(name: &'static str, operands: Operands, usage: &'static str) -> Spec {
    Spec { reads: true, ..spec(name, operands, usage) }
}

/// All, in the order of their names.
pub const COMMANDS: &[Spec] = &[
    reader("cat", Operands::Paths, "FILE..."),
    spec("chflags", Operands::WordThenPaths(""), "[FLAGS] FLAGS-OF-FILES FILE..."),
    Spec { command: "chown", ..spec("chgrp", Operands::WordThenPaths(":"), "[FLAGS] GROUP FILE...") },
    spec("chmod", Operands::WordThenPaths(""), "[FLAGS] MODE FILE..."),
    spec("chown", Operands::WordThenPaths(""), "[FLAGS] OWNER[:GROUP] FILE..."),
    Spec { fixed: &["--force"], valued: "j", ..spec("cp", Operands::Paths, "[FLAGS] SOURCE... TARGET") },
    Spec {
        fixed: &["--without-type"],
        valued: "t",
        ..reader("df", Operands::PathsOrRoot, "[FLAGS] [FILE...]")
    },
    Spec {
        valued: "CU",
        renamed: &[(b'q', "--brief")],
        ..reader("diff", Operands::Paths, "[FLAGS] FILE FILE")
    },
    Spec { fixed: &["--literal"], valued: "d", ..reader("du", Operands::PathsOrRoot, "[FLAGS] [FILE...]") },
    Spec {
        command: "cp",
        fixed: &["--force"],
        valued: "j",
        ..spec("ecp", Operands::EitherWay, "-g|-p [FLAGS] SOURCE... TARGET")
    },
    Spec {
        command: "mv",
        fixed: &["--external"],
        ..spec("emv", Operands::EitherWay, "-g|-p [FLAGS] SOURCE... TARGET")
    },
    spec("exec", Operands::Command, "COMMAND... FILE"),
    reader("find", Operands::Expression, "[FILE...] [EXPRESSION]"),
    Spec {
        command: "cp",
        fixed: &["--force"],
        valued: "j",
        ..reader("get", Operands::ToHost, "[FLAGS] FILE... [TARGET]")
    },
    spec("ln", Operands::Links, "[FLAGS] TARGET... LINK"),
    Spec {
        fixed: &["-w", "--time-style=locale"],
        renamed: &[(b'q', "--hide-control-chars")],
        ..reader("ls", Operands::PathsOrRoot, "[FLAGS] [FILE...]")
    },
    Spec { valued: "m", ..spec("mkdir", Operands::Paths, "[FLAGS] DIRECTORY...") },
    Spec { valued: "m", ..spec("mkfifo", Operands::Paths, "[FLAGS] FILE...") },
    Spec {
        valued: "Fgmu",
        ..spec("mknod", Operands::PathThenWords, "[FLAGS] FILE b|c NUMBER... | FILE p|s")
    },
    spec("mv", Operands::Paths, "[FLAGS] SOURCE... TARGET"),
    Spec {
        command: "cp",
        fixed: &["--force"],
        valued: "j",
        ..spec("put", Operands::FromHost, "[FLAGS] FILE... [TARGET]")
    },
    spec("rm", Operands::Paths, "[FLAGS] FILE..."),
    spec("rmdir", Operands::Paths, "[FLAGS] DIRECTORY..."),
    Spec {
        fixed: &["--bsd"],
        valued: "ft",
        renamed: &[(b'q', "--silent")],
        ..reader("stat", Operands::PathsOrRoot, "[FLAGS] [FILE...]")
    },
    Spec { valued: "drt", paths: "r", ..spec("touch", Operands::Paths, "[FLAGS] FILE...") },
    spec("write", Operands::Paths, "[FLAGS] FILE"),
];

/// The command that a program of this name is.
pub fn find(program: &str) -> Option<&'static Spec> {
    let name = program.strip_prefix(PREFIX)?;
    COMMANDS.iter().find(|spec| spec.name == name)
}

/// How the names of the programs begin.
pub const PREFIX: &str = "fsu_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_found() {
        assert!(COMMANDS.is_sorted_by_key(|spec| spec.name));
        assert!(COMMANDS.iter().all(|spec| find(&format!("fsu_{}", spec.name)).is_some()));
        assert!(find("ls").is_none() && find("fsu_").is_none());
    }

    #[test]
    fn the_builder_links_all() {
        let names: Vec<_> = COMMANDS.iter().map(|spec| format!("{PREFIX}{}", spec.name)).collect();
        assert_eq!(names, buildrump::FSU_TOOLS);
    }

    #[test]
    fn a_value_that_is_a_path_is_a_value() {
        for spec in COMMANDS {
            assert!(spec.paths.chars().all(|letter| spec.valued.contains(letter)), "{}", spec.name);
        }
    }
}
