//! The progress line, for people only, and the wish to stop.

use indicatif::{HumanBytes, ProgressBar};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(100);

/// What was done so far.
pub struct Progress {
    bar: Option<ProgressBar>,
    shown: Instant,
    /// Bytes written.
    pub bytes: u64,
    /// Files, links and directories done.
    pub files: u64,
}

impl Progress {
    /// A line on standard error if that is a terminal.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        Self { bar, shown: Instant::now(), bytes: 0, files: 0 }
    }

    /// Counts bytes.
    pub fn add_bytes(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_add(count as u64);
        self.show();
    }

    /// Counts a file.
    pub fn add_file(&mut self) {
        self.files += 1;
        self.show();
    }

    fn show(&mut self) {
        if let Some(bar) = &self.bar {
            if self.shown.elapsed() >= INTERVAL {
                self.shown = Instant::now();
                bar.set_message(format!("{} files, {}", self.files, HumanBytes(self.bytes)));
                bar.tick();
            }
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
