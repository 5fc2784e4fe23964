//! Lines that a person types: with history, and completed by Tab.

use super::complete::{Candidate, Completions};
use super::history::{History, LINES};
use super::shell::Shell;
use crate::session::Failure;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Helper};

/// See the module.
pub struct Editor {
    lines: rustyline::Editor<Assistant, MemHistory>,
    history: History,
}

/// What the editor of lines asks.
struct Assistant(Completions);

impl Helper for Assistant {}
impl Highlighter for Assistant {}
impl Validator for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (begin, found) = self.0.of(line.get(..at).unwrap_or(line));
        let pair = |Candidate { shown, text }| Pair { display: shown, replacement: text };
        Ok((begin, found.into_iter().map(pair).collect()))
    }
}

impl Editor {
    /// One, unless the terminal is none that lines can be edited on.
    pub fn new() -> Option<Self> {
        if std::env::var_os("TERM").is_none_or(|name| name == "dumb") {
            return None;
        }
        let config = Config::builder().completion_type(CompletionType::List).history_ignore_space(true);
        let config =
            config.max_history_size(LINES).and_then(|config| config.history_ignore_dups(true)).ok()?.build();
        let memory = MemHistory::with_config(&config);
        let mut lines = rustyline::Editor::with_history(config, memory).ok()?;
        let history = History::of_user();
        for line in history.lines() {
            // What is not wanted is told as such, which is no matter here.
            let _ = lines.add_history_entry(line);
        }
        Some(Self { lines, history })
    }

    /// The next line; nothing when the user leaves. Ctrl-C begins a new one.
    pub fn line(&mut self, shell: &Shell<'_>) -> Result<Option<String>, Failure> {
        self.lines.set_helper(Completions::new(shell).map(Assistant));
        let read = self.lines.readline(&shell.prompt());
        match read {
            Ok(line) => {
                if !line.trim().is_empty() && self.lines.add_history_entry(&*line).unwrap_or(false) {
                    self.history.add(&line);
                }
                Ok(Some(line))
            }
            Err(ReadlineError::Eof) => Ok(None),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Ok(Some(String::new())),
            Err(error) => Err(Failure::Other(format!("the terminal: {error}"))),
        }
    }

    /// Lets go of the image.
    pub fn forget(&mut self) {
        self.lines.set_helper(None);
    }
}
