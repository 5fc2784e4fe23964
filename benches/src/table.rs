//! The table: medians of five, what was promised of them, and whether it was kept.

use crate::Outcome;
use serde_json::{Value, json};
use std::time::Duration;

const RUNS: usize = 5;

/// What is promised of a row.
#[derive(Clone, Copy)]
pub enum Target {
    /// So many times as fast as the peer, at least.
    Speed(f64),
    /// Either so many times as fast as the peer, or so many operations in a second.
    SpeedOrRate { speed: f64, operations: u64, per_second: f64 },
    /// So many operations in a second.
    Rate { operations: u64, per_second: f64 },
    /// No longer than this.
    Within(Duration),
    /// No more memory than this, in bytes.
    Memory(u64),
    /// Nothing: the row is there to compare with.
    Context,
}

impl Target {
    fn is_met(self, row: &Row) -> Option<bool> {
        let speed = row.speed().unwrap_or(0.0);
        match self {
            Self::Speed(least) => Some(speed >= least),
            Self::SpeedOrRate { speed: least, operations, per_second } => {
                let rate = operations as f64 / row.rump.as_secs_f64();
                Some(speed >= least || rate >= per_second)
            }
            Self::Rate { operations, per_second } => {
                Some(operations as f64 / row.rump.as_secs_f64() >= per_second)
            }
            Self::Within(most) => Some(row.rump <= most),
            Self::Memory(most) => row.memory.map(|bytes| bytes <= most),
            Self::Context => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Speed(least) => format!(">= {least} x"),
            Self::SpeedOrRate { speed, per_second, .. } => format!(">= {speed} x or {per_second}/s"),
            Self::Rate { per_second, .. } => format!(">= {per_second}/s"),
            Self::Within(most) => format!("<= {}", shown(most)),
            Self::Memory(most) => format!("<= {} MiB", most >> 20),
            Self::Context => String::new(),
        }
    }
}

/// One line of the table.
struct Row {
    title: String,
    rump: Duration,
    peer: Option<(&'static str, Duration)>,
    memory: Option<u64>,
    target: Target,
}

impl Row {
    /// How many times as fast as the peer.
    fn speed(&self) -> Option<f64> {
        self.peer.map(|(_, peer)| peer.as_secs_f64() / self.rump.as_secs_f64())
    }

    fn verdict(&self) -> &'static str {
        match self.target.is_met(self) {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
    }

    fn print(&self) {
        let peer = self.peer.map(|(name, time)| format!("{name} {}", shown(time))).unwrap_or_default();
        let speed = self.speed().map(|speed| format!("{speed:.2} x")).unwrap_or_default();
        let memory = self.memory.map(|bytes| format!(", {:.1} MiB", bytes as f64 / 1048576.0));
        let rump = format!("{}{}", shown(self.rump), memory.unwrap_or_default());
        let (title, target, verdict) = (&self.title, self.target.text(), self.verdict());
        println!("{title:<34} {rump:>22} {peer:>26} {speed:>8} {target:>22} {verdict}");
    }

    fn json(&self) -> Value {
        json!({
            "title": self.title,
            "rump_seconds": self.rump.as_secs_f64(),
            "peer": self.peer.map(|(name, _)| name),
            "peer_seconds": self.peer.map(|(_, time)| time.as_secs_f64()),
            "times_as_fast": self.speed(),
            "peak_bytes": self.memory,
            "target": self.target.text(),
            "met": self.target.is_met(self),
        })
    }
}

/// How the table is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A row as soon as it is there.
    Text,
    /// One JSON array at the end.
    Json,
}

/// What one run took.
#[derive(Clone, Copy)]
pub struct Measure {
    /// Wall time.
    pub time: Duration,
    /// Most memory that the process had, in bytes, if it was one of its own.
    pub memory: Option<u64>,
}

impl From<Duration> for Measure {
    fn from(time: Duration) -> Self {
        Self { time, memory: None }
    }
}

/// A table, and which rows are wanted, by the program's arguments: `--json`, and a word that titles have.
pub fn chosen() -> (Table, impl Fn(&str) -> bool) {
    let (mut format, mut only) = (Format::Text, None);
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--json" => format = Format::Json,
            _ => only = Some(word),
        }
    }
    (Table::new(format), move |title: &str| only.as_deref().is_none_or(|only| title.contains(only)))
}

/// The rows so far.
pub struct Table {
    format: Format,
    rows: Vec<Row>,
}

impl Table {
    /// A table without rows.
    pub fn new(format: Format) -> Self {
        if format == Format::Text {
            let (title, rump) = ("median of 5", "rump");
            println!("{title:<34} {rump:>22} {:>26} {:>8} {:>22}", "peer", "speed", "target");
        }
        Self { format, rows: Vec::new() }
    }

    /// Measures without a peer.
    pub fn alone<M: Into<Measure>>(
        &mut self,
        title: &str,
        target: Target,
        rump: impl Fn() -> Outcome<M>,
    ) -> Outcome {
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            runs.push(rump()?.into());
        }
        self.add(title, runs, None, target);
        Ok(())
    }

    /// What was measured once, since it cannot be done again in the same process.
    pub fn once(&mut self, title: &str, target: Target, rump: impl Into<Measure>) {
        self.add(title, vec![rump.into()], None, target);
    }

    /// Measures beside a peer, in turns, so that both see the same machine.
    pub fn beside<M: Into<Measure>>(
        &mut self,
        title: &str,
        target: Target,
        rump: impl Fn() -> Outcome<M>,
        (name, peer): (&'static str, impl Fn() -> Outcome<Duration>),
    ) -> Outcome {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(rump()?.into());
            theirs.push(peer()?);
        }
        let peer = (name, median(theirs));
        self.add(title, ours, Some(peer), target);
        Ok(())
    }

    /// Says what is left out, and why.
    pub fn skip(&self, what: &str, why: impl std::fmt::Display) {
        eprintln!("skipped: {what}: {why}");
    }

    fn add(
        &mut self,
        title: &str,
        runs: Vec<Measure>,
        peer: Option<(&'static str, Duration)>,
        target: Target,
    ) {
        let memory = runs.iter().filter_map(|run| run.memory).max();
        let rump = median(runs.iter().map(|run| run.time).collect());
        let row = Row { title: title.into(), rump, peer, memory, target };
        if self.format == Format::Text {
            row.print();
        }
        self.rows.push(row);
    }

    /// Ends the table.
    pub fn finish(self) {
        if self.format == Format::Json {
            println!("{:#}", Value::Array(self.rows.iter().map(Row::json).collect()));
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1e-6 {
        return format!("{} ns", time.as_nanos());
    }
    if seconds < 1e-3 { format!("{:.1} us", seconds * 1e6) } else { format!("{:.2} ms", seconds * 1e3) }
}
