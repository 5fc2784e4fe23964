//! Questions to whoever sits at the terminal. Without a terminal the answer is no.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether the user says yes to `question`.
pub fn agrees(question: &str) -> bool {
    let input = io::stdin();
    if !input.is_terminal() {
        return false;
    }
    let mut error = io::stderr();
    let mut answer = String::new();
    let asked = write!(error, "{question} ").and_then(|()| error.flush());
    asked.is_ok()
        && input.lock().read_line(&mut answer).is_ok()
        && answer.trim_start().starts_with(['y', 'Y'])
}
