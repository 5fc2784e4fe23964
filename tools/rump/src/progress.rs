//! The progress line: on standard error, for people only.

use crate::output::escaped;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(100);

/// What was done so far, and the line that shows it.
pub struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    shown: Instant,
    current: Vec<u8>,
    /// Bytes read out of the image.
    pub bytes: u64,
    /// Files, links and directories done.
    pub files: u64,
}

impl Progress {
    /// Counts, without a line.
    pub fn hidden() -> Self {
        let now = Instant::now();
        Self { bar: None, began: now, shown: now, current: Vec::new(), bytes: 0, files: 0 }
    }

    /// Counts, with a line if standard error is a terminal.
    pub fn on_terminal() -> Self {
        let mut progress = Self::hidden();
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            // The template is constant; without it the line only looks plainer.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            progress.bar = Some(bar);
        }
        progress
    }

    /// Names the file that is worked on.
    pub fn begin(&mut self, path: &[u8]) {
        if self.bar.is_some() {
            self.current.clear();
            self.current.extend_from_slice(path);
        }
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
        let Some(bar) = &self.bar else { return };
        if self.shown.elapsed() < INTERVAL {
            return;
        }
        self.shown = Instant::now();
        let rate = self.bytes as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let (files, bytes, rate) = (HumanCount(self.files), HumanBytes(self.bytes), HumanBytes(rate as u64));
        bar.set_message(format!("{files} files, {bytes}, {rate}/s  {}", escaped(&self.current)));
        bar.tick();
    }

    /// Does something to the terminal without the line in its way.
    pub fn suspend(&self, action: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(action),
            None => action(),
        }
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
