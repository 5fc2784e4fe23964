//! A terminal of tmux, with a server of its own, whose end it is when this is dropped.

use interop::Check;
use interop::image::Scratch;
use interop::program::{run_ok, run_within};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(20);
/// What the shell of the host shows when it waits.
const PROMPT: &str = "host$ ";

/// See the module.
pub struct Pane {
    socket: String,
}

impl Pane {
    /// One with a shell of the host in it, in the folder of `scratch`, of so many columns and rows.
    pub fn new(scratch: &Scratch, size: (u16, u16), environment: &[(&str, &str)]) -> Check<Self> {
        let here = scratch.path("home").display().to_string();
        std::fs::create_dir_all(&here).map_err(|error| error.to_string())?;
        let pane = Self { socket: scratch.path("tmux").display().to_string() };
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let mut words: Vec<String> =
            ["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, "-c", &here]
                .map(String::from)
                .to_vec();
        let home = [("HOME", &*here), ("XDG_STATE_HOME", &*here), ("ENV", "")];
        for (name, value) in home.iter().chain(environment) {
            words.extend(["-e".into(), format!("{name}={value}")]);
        }
        words.push("exec sh -i".into());
        pane.tmux(&words)?;
        // In two pieces, so that what is typed is not what is waited for.
        let (one, other) = PROMPT.split_at(2);
        pane.line(&format!("PS1='{one}''{other}'; clear"))?;
        pane.wait_for_last(PROMPT.trim_end())?;
        Ok(pane)
    }

    fn tmux<S: AsRef<str>>(&self, words: &[S]) -> Check<String> {
        let mut all = vec!["-S", &self.socket];
        all.extend(words.iter().map(AsRef::as_ref));
        run_ok("tmux", &all)
    }

    /// Types text.
    pub fn text(&self, text: &str) -> Check {
        self.tmux(&["send-keys", "-l", "--", text]).map(drop)
    }

    /// Presses a key, by the name that tmux has for it.
    pub fn key(&self, name: &str) -> Check {
        self.tmux(&["send-keys", name]).map(drop)
    }

    /// Types a line.
    pub fn line(&self, text: &str) -> Check {
        self.text(text)?;
        self.key("Enter")
    }

    /// What is on the screen.
    pub fn screen(&self) -> Check<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits for a screen that `is_it` likes.
    pub fn wait(&self, what: &str, is_it: impl Fn(&str) -> bool) -> Check<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen()?;
            if is_it(&screen) {
                return Ok(screen);
            }
            if Instant::now() > deadline {
                return Err(format!("waited in vain for {what}:\n{screen}"));
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until `text` is on the screen.
    pub fn wait_for(&self, text: &str) -> Check<String> {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Waits until the last line that is not empty ends with `text`.
    pub fn wait_for_last(&self, text: &str) -> Check<String> {
        self.wait(text, |screen| screen.trim_end().ends_with(text))
    }

    /// Waits for the shell of the host, and has it tell the exit status.
    pub fn status(&self) -> Check<String> {
        self.wait_for_last(PROMPT.trim_end())?;
        self.line("echo status:$?:")?;
        // What is typed has no digit there.
        let told = |screen: &str| {
            let rest = screen.rsplit("status:").next()?;
            let (digits, _) = rest.split_once(':')?;
            digits.parse::<u8>().ok().map(|status| status.to_string())
        };
        let screen = self.wait("a status", |screen| told(screen).is_some())?;
        told(&screen).ok_or_else(|| "no status".into())
    }

    /// Makes the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) -> Check {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows]).map(drop)
    }

    /// Number of the process that the shell of the host has begun last.
    pub fn child(&self) -> Check<i32> {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"])?;
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let text = std::fs::read_to_string(&children).map_err(|error| format!("{children}: {error}"))?;
        let last = text.split_whitespace().next_back();
        last.and_then(|number| number.parse().ok()).ok_or_else(|| "no process in the terminal".into())
    }

    /// Sends SIGTERM to that process.
    pub fn terminate(&self) -> Check {
        let pid = rustix::process::Pid::from_raw(self.child()?).ok_or("no process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| error.to_string())
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        let _ = run_within(Command::new("tmux").args(["-S", &self.socket, "kill-server"]), LIMIT);
    }
}
