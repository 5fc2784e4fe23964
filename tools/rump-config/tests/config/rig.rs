//! A server with every component, and the tools at it.

use rump_server_rig::{Said, Scratch, Server, program};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The program of all tools.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_rump-config");

/// See the module.
pub struct Kernel {
    pub scratch: Scratch,
    pub server: Server,
}

/// A tool by its link, without a server.
pub fn tool(scratch: &Scratch, name: &str, words: &[&str]) -> Command {
    let mut command = scratch.command(PROGRAM, words);
    command.arg0(format!("rump.{name}"));
    command
}

impl Kernel {
    /// With options of `rump_allserver`, which are about what is in `scratch`.
    pub fn in_folder(scratch: Scratch, options: &[&str]) -> Self {
        let server = server(&scratch, "sock", options);
        Self { scratch, server }
    }

    pub fn new() -> Self {
        Self::in_folder(Scratch::new(), &[])
    }

    /// Runs a tool to its end.
    pub fn run(&self, name: &str, words: &[&str]) -> Said {
        run_at(&self.scratch, &self.server, name, words)
    }

    /// What a tool says that does what it is asked for.
    pub fn ok(&self, name: &str, words: &[&str]) -> String {
        ok_at(&self.scratch, &self.server, name, words)
    }

    /// What a tool says on standard error that fails, but not for its command line.
    pub fn fails(&self, name: &str, words: &[&str]) -> String {
        let said = self.run(name, words);
        assert_eq!(said.code, Some(1), "{name} {words:?}: {said:?}");
        said.err
    }
}

/// A server with every component.
pub fn server(scratch: &Scratch, socket: &str, options: &[&str]) -> Server {
    let all = scratch.path("rump_allserver");
    if !all.exists() {
        symlink(program("rump_server"), &all).unwrap();
    }
    scratch.server_of(&all, socket, options)
}

/// Runs a tool at a server to its end.
pub fn run_at(scratch: &Scratch, server: &Server, name: &str, words: &[&str]) -> Said {
    scratch.finish(tool(scratch, name, words).env("RUMP_SERVER", &server.url))
}

/// What a tool at a server says that does what it is asked for.
pub fn ok_at(scratch: &Scratch, server: &Server, name: &str, words: &[&str]) -> String {
    let said = run_at(scratch, server, name, words);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{name} {words:?}: {said:?}");
    said.out
}

/// The words of a line.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}
