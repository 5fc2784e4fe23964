//! A network namespace of Linux.

use interop::program::{Finished, run_within};
use interop::{Check, context};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest run of a program in it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What namespaces and taps lack here.
pub fn lacks() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("root, to make network namespaces");
    }
    if File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        return Some("/dev/net/tun");
    }
    match Namespace::new() {
        Ok(_) => None,
        Err(why) => {
            eprintln!("{why}");
            Some("network namespaces")
        }
    }
}

/// A namespace. A process holds it, which ends when it is dropped, and when this program ends, for its input ends then.
pub struct Namespace(Child);

impl Namespace {
    /// One with nothing but a loopback interface, which is up.
    pub fn new() -> Check<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let namespace = Self(context(command.spawn(), "unshare")?);
        let own = context(fs::read_link("/proc/self/ns/net"), "the own namespace")?;
        let patience = Instant::now() + Duration::from_secs(10);
        while fs::read_link(namespace.path()).map_or(true, |link| link == own) {
            if Instant::now() > patience {
                return Err("unshare made no network namespace".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Where it is in the host's file system.
    pub fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// What `ip` calls it: the process that holds it.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Begins a program in it that runs until it is killed.
    pub fn spawn(&self, program: &str, arguments: &[&str]) -> Check<Child> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg(program).args(arguments);
        context(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn(), program)
    }

    /// Does something on a thread that is in it: what that opens stays in it.
    pub fn enter<T: Send>(&self, body: impl FnOnce() -> Check<T> + Send) -> Check<T> {
        let place = context(File::open(self.path()), "the namespace")?;
        let inside = || {
            let moved = move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network));
            context(moved, "entering the namespace")?;
            body()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs a program in it.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Check<Finished> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg(program).args(arguments);
        run_within(&mut command, PATIENCE)
    }

    /// Runs a program that has to succeed; answers what it printed.
    pub fn run_ok(&self, program: &str, arguments: &[&str]) -> Check<String> {
        let finished = self.run(program, arguments)?;
        let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
        match finished.status {
            Some(0) => Ok(printed),
            _ => Err(format!("{program} {}: {}\n{printed}", arguments.join(" "), finished.verdict())),
        }
    }

    /// Configures it.
    pub fn ip(&self, words: &str) -> Check {
        self.run_ok("ip", &words.split(' ').collect::<Vec<_>>()).map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
