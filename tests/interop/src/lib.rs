//! Our view of an image against the host's own tools: what the suites share.
//!
//! The oracle is a program that nobody here wrote: the kernel's driver behind a loop mount, or the tree
//! that `mke2fs -d` was given. The image goes to the `rump` command, whose answers are read as JSON.
//! A test that lacks a tool or a privilege says so aloud ([`suite`]); with `RUMP_NO_SKIPS=1` it fails.
#![forbid(unsafe_code)]

pub mod image;
pub mod mount;
pub mod mutant;
pub mod program;
pub mod rump;
pub mod server;
pub mod source;
pub mod suite;
pub mod tree;
pub mod uml;
pub mod ustar;

/// What a check answers: nothing, or what is wrong.
pub type Check<T = ()> = Result<T, String>;

/// A path of a test as a word of a command.
pub fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Adds what was being done to an error of the host.
pub fn context<T, E: std::fmt::Display>(
    result: Result<T, E>,
    doing: impl std::fmt::Display,
) -> Result<T, String> {
    result.map_err(|error| format!("{doing}: {error}"))
}
