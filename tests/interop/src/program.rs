//! Runs programs under a limit of time.

use crate::{Check, context};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status; `None` when a signal or the limit of time ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: String,
    /// Whether the limit of time ended it.
    pub timed_out: bool,
}

impl Finished {
    /// One line about how it ended, for messages.
    pub fn verdict(&self) -> String {
        let end = match (self.timed_out, self.status) {
            (true, _) => "did not finish in time".to_string(),
            (_, Some(status)) => format!("exit status {status}"),
            (_, None) => "ended by a signal".to_string(),
        };
        let complaint: String = self.stderr.trim().chars().take(600).collect();
        if complaint.is_empty() { end } else { format!("{end}: {complaint}") }
    }
}

/// Runs to the end or to the limit, whichever comes first.
pub fn run_within(command: &mut Command, limit: Duration) -> Check<Finished> {
    run_until(command, limit, |child| drop(child.kill()))
}

/// As [`run_within`], for a program that starts others: they end with it.
pub fn run_group_within(command: &mut Command, limit: Duration) -> Check<Finished> {
    run_until(command.process_group(0), limit, |child| {
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    })
}

fn run_until(command: &mut Command, limit: Duration, kill: impl Fn(&mut Child)) -> Check<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = context(child, &name)?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let deadline = Instant::now() + limit;
    let (status, timed_out) = loop {
        match context(child.try_wait(), &name)? {
            Some(status) => break (status.code(), false),
            None if Instant::now() >= deadline => {
                kill(&mut child);
                let _ = child.wait();
                break (None, true);
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let stdout = stdout.join().unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr.join().unwrap_or_default()).into_owned();
    Ok(Finished { status, stdout, stderr, timed_out })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Runs a program that has to succeed; answers what it printed. Whatever the user's language is, it speaks one that has all
/// letters.
pub fn run_ok<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Check<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    let finished = run_within(&mut command, Duration::from_secs(300))?;
    if finished.status == Some(0) {
        return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
    }
    let shown: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
    Err(format!("{program} {}: {}", shown.join(" "), finished.verdict()))
}

/// Runs `qemu-img`, as [`run_ok`]. To make LUKS it measures its own time on the processor, and gives up where that did not move,
/// as a host does that counts it in ticks: then again.
pub fn qemu_img<S: AsRef<OsStr>>(arguments: &[S]) -> Check<String> {
    for _ in 0..30 {
        match run_ok("qemu-img", arguments) {
            Err(what) if what.contains("Unable to get accurate CPU usage") => {}
            outcome => return outcome,
        }
    }
    run_ok("qemu-img", arguments)
}

/// The first of `programs` that is not installed.
pub fn lacks(programs: &[&'static str]) -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    programs.iter().copied().find(|program| !folders.iter().any(|folder| folder.join(program).is_file()))
}
