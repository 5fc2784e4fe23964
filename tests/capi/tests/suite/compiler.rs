//! Compilers for C and C++, and what programs of ours are held to.

use std::process::{Command, Output};

/// A compiler.
#[derive(Debug)]
pub struct Compiler {
    /// For C.
    pub c: &'static str,
    /// For C++.
    pub cxx: &'static str,
}

/// Of GNU.
pub const GNU: Compiler = Compiler { c: "gcc", cxx: "g++" };

/// Those that programs are built with.
pub const ALL: &[Compiler] = &[GNU, Compiler { c: "clang", cxx: "clang++" }];

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    C99,
    Cxx17,
}

/// No program and no header gets away with a warning.
const STRICT: &[&str] =
    &["-U_GNU_SOURCE", "-D_GNU_SOURCE=", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic"];

impl Compiler {
    /// To compile in a language.
    pub fn command(&self, language: Language) -> Command {
        let (program, flags): (_, &[&str]) = match language {
            Language::C99 => (self.c, &["-std=c99"]),
            // Designated initializers are C's, and both compilers take them.
            Language::Cxx17 => (self.cxx, &["-std=c++17", "-x", "c++"]),
        };
        let mut command = Command::new(program);
        command.args(STRICT).args(flags).env("LC_ALL", "C");
        command
    }
}

/// Runs a command; answers what it printed, or all that it said.
pub fn run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(said);
    }
    Err(format!("{command:?}: {status}\n{said}{}", String::from_utf8_lossy(&stderr)))
}
