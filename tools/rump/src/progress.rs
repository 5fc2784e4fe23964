//! The progress line: on standard error, for people only.

use crate::output::escaped;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(100);

/// How far work is, for who watches it.
pub struct Seen<'a> {
    /// Files, links and directories done.
    pub files: u64,
    /// Bytes read out of the image.
    pub bytes: u64,
    /// Since it began.
    pub seconds: f64,
    /// What is worked on.
    pub path: &'a [u8],
}

/// What is told how far work is, a few times in a second.
pub type Watcher = Box<dyn FnMut(&Seen<'_>)>;

/// What was done so far, and the line that shows it.
pub struct Progress {
    bar: Option<ProgressBar>,
    watcher: Option<Watcher>,
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
        Self { bar: None, watcher: None, began: now, shown: now, current: Vec::new(), bytes: 0, files: 0 }
    }

    /// Goes on counting, with a line if standard error is a terminal.
    pub fn show_on_terminal(&mut self) {
        if self.bar.is_none() && std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            // The template is constant; without it the line only looks plainer.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
        if self.bytes == 0 {
            self.began = Instant::now();
        }
    }

    /// Counts, and tells `watcher`.
    pub fn watched(watcher: Watcher) -> Self {
        Self { watcher: Some(watcher), ..Self::hidden() }
    }

    /// Names the file that is worked on.
    pub fn begin(&mut self, path: &[u8]) {
        if self.bar.is_some() || self.watcher.is_some() {
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
        if (self.bar.is_none() && self.watcher.is_none()) || self.shown.elapsed() < INTERVAL {
            return;
        }
        self.shown = Instant::now();
        if let Some(watcher) = &mut self.watcher {
            let seconds = self.began.elapsed().as_secs_f64();
            watcher(&Seen { files: self.files, bytes: self.bytes, seconds, path: &self.current });
        }
        let Some(bar) = &self.bar else { return };
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
