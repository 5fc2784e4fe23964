//! Questions to whoever sits at the terminal. Without a terminal the answer is no.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Write};

/// What Ctrl-C writes where it is no signal.
const INTERRUPT: u8 = 3;

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

/// A passphrase, which the terminal does not show. `None` without a terminal, and where the user does not want to.
pub fn passphrase(prompt: &str) -> Option<Vec<u8>> {
    let input = io::stdin();
    let usual = tcgetattr(&input).ok()?;
    let mut hidden = usual.clone();
    // Ctrl-C is a byte meanwhile, so that the terminal is never left as it is now.
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
    let mut error = io::stderr();
    write!(error, "{prompt} ").and_then(|()| error.flush()).ok()?;
    tcsetattr(&input, OptionalActions::Flush, &hidden).ok()?;
    let mut line = Vec::new();
    let read = input.lock().read_until(b'\n', &mut line);
    let restored = tcsetattr(&input, OptionalActions::Flush, &usual);
    let _ = writeln!(error);
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    (read.is_ok() && restored.is_ok() && !line.is_empty() && !line.contains(&INTERRUPT)).then_some(line)
}
