//! A network namespace of Linux with its end of a tap.

use crate::Outcome;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A namespace, as long as the process lives that holds it: that ends with this program.
pub struct Namespace(Child);

impl Namespace {
    /// One of its own; root alone may have it.
    pub fn new() -> Outcome<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let namespace = Self(command.spawn().map_err(|error| format!("unshare: {error}"))?);
        let (own, begin) = (fs::read_link("/proc/self/ns/net")?, Instant::now());
        while fs::read_link(namespace.path()).map_or(true, |link| link == own) {
            if begin.elapsed() > Duration::from_secs(10) {
                return Err("no network namespaces: they take root".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(namespace)
    }

    /// The process that holds it.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Where nsenter finds it.
    pub fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// Does something on a thread that is in it.
    pub fn enter<T: Send>(&self, body: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
        let place = File::open(self.path())?;
        let inside = || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| format!("entering the namespace: {error}"))?;
            body().map_err(|error| error.to_string())
        };
        let outcome = thread::scope(|scope| scope.spawn(inside).join());
        Ok(outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    }

    /// Configures it.
    pub fn ip(&self, words: &str) -> Outcome {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg("ip").args(words.split(' '));
        match command.status()?.success() {
            true => Ok(()),
            false => Err(format!("ip {words}").into()),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
