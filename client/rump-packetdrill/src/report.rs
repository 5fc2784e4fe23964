//! How a script went.

use std::fmt;

/// What did not go as the script says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The line of the event; zero for none.
    pub line: u32,
    /// What went wrong.
    pub what: String,
    /// What was expected, in the language of scripts.
    pub expected: Option<String>,
    /// What was so.
    pub actual: Option<String>,
}

impl Failure {
    /// One without packets.
    pub fn new(line: u32, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), expected: None, actual: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)?;
        self.expected.iter().try_for_each(|expected| write!(f, "\nscript packet: {expected}"))?;
        self.actual.iter().try_for_each(|actual| write!(f, "\nactual packet: {actual}"))
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as it says.
    Passed,
    /// Something was not.
    Failed(Failure),
    /// It needs something that is not there: which line, and what.
    Skipped(u32, String),
}

/// How a script went.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// What was passed over.
    pub notes: Vec<String>,
    /// What happened, each line with its time.
    pub dialogue: Vec<String>,
}
