//! Processes of the host that make calls, and numbers that follow from a seed.

use rump_kpi::KResult;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// See `workers.py`. They end with this.
pub struct Workers {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub pids: Vec<u32>,
}

impl Workers {
    pub fn begin() -> Self {
        let mut python = Command::new("python3");
        python.arg("-c").arg(include_str!("workers.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("python3, of the host, makes the calls");
        let (commands, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut workers = Self { child, commands, answers, pids: Vec::new() };
        workers.pids = workers.answer().split(' ').map(|pid| pid.parse().unwrap()).collect();
        workers
    }

    /// What the worker with this number answers.
    pub fn ask(&mut self, number: usize, expression: &str) -> String {
        writeln!(self.commands.as_mut().unwrap(), "{number}\t{expression}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.child.wait();
    }
}

/// An answer as the workers write it.
pub fn answer_of<T>(answer: KResult<T>, write: impl FnOnce(T) -> String) -> String {
    match answer {
        Ok(value) => write(value),
        Err(error) => error.errno.name().to_owned(),
    }
}

/// As [`answer_of`], of calls that answer nothing.
pub fn done(answer: KResult<()>) -> String {
    answer_of(answer, |()| "None".to_owned())
}

/// Where the two answer alike.
#[track_caller]
pub fn agree(seed: u64, step: usize, what: impl Display, ours: &str, theirs: &str) {
    assert_eq!(ours, theirs, "seed {seed}, step {step}: {what}: ours, the host's");
}

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
