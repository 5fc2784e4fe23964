//! What of the builder tests use as well: the documentation in the headers, and files.
#![forbid(unsafe_code)]

pub mod file;
pub mod manual;

/// What a command answers: nothing, or what went wrong.
pub type Outcome<T = ()> = Result<T, String>;
