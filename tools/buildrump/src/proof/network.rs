//! Tests of the network: kernels in processes of their own, on buses of shared memory.

use super::programs::{Linkage, Programs, Run};
use super::remote::{self, Place};
use crate::Outcome;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A test.
pub struct Test {
    /// What its line says.
    pub title: &'static str,
    family: &'static str,
    has_router: bool,
}

/// In the order of the original.
pub const TESTS: &[Test] = &[
    Test { title: "IPv4 networking test", family: "4", has_router: false },
    Test { title: "IPv6 networking test", family: "6", has_router: false },
    Test { title: "Routed IPv4 networking test", family: "4", has_router: true },
    Test { title: "Routed IPv6 networking test", family: "6", has_router: true },
];

/// Runs it with shared and with static programs, each on buses of its own.
pub fn run(programs: &Programs, test: &Test) -> Outcome {
    // Which way a kernel was linked its peer cannot see: the client is static.
    let server = programs.run("nettest", Linkage::Shared)?;
    let client = programs.run("nettest", Linkage::Static)?;
    let buses = Buses::new(&programs.folder, test);
    let result = talk(programs, &server, &client, test, &buses);
    drop(buses);
    result
}

fn talk(programs: &Programs, server: &Run, client: &Run, test: &Test, buses: &Buses) -> Outcome {
    let arguments = |role: &'static str| -> Vec<&str> {
        [role, test.family]
            .into_iter()
            .chain(buses.0.iter().map(|path| path.to_str().unwrap_or_default()))
            .collect()
    };
    let place = Place::new(&format!("{}-{}", test.family, buses.0.len()));
    let router = match test.has_router {
        true => Some(Peer::start(server, "router", &arguments("router"), &place)?),
        false => None,
    };
    let serving = Peer::start(server, "server", &arguments("server"), &place)?;
    let asked = client.output(&arguments("client")).map_err(|error| format!("client: {error}"));
    if let Err(why) = asked {
        // It waits for a client that will not come; what it says may be the reason.
        return Err(format!("{why}{}", serving.kill()));
    }
    serving.end()?;
    let Some(router) = router else { return Ok(()) };
    remote::halt(programs, &place)?;
    router.end()
}

/// The files of buses, which are taken away in the end.
struct Buses(Vec<PathBuf>);

impl Buses {
    fn new(folder: &Path, test: &Test) -> Self {
        let name =
            |number: usize| folder.join(format!("bus-{}-{}-{number}", test.family, std::process::id()));
        let first = if test.has_router { 1 } else { 0 };
        let buses = Self((first..=first * 2).map(name).collect());
        buses.remove();
        buses
    }

    fn remove(&self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Buses {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A process with a kernel that is ready. It does not outlive the test.
struct Peer {
    role: &'static str,
    process: Child,
}

impl Peer {
    /// A router serves its clients at `place`.
    fn start(run: &Run, role: &'static str, arguments: &[&str], place: &Place) -> Outcome<Self> {
        let mut command = run.command(arguments);
        command.env("RUMP_SERVER", place.url());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().map_err(|error| format!("{role}: {error}"))?;
        let mut peer = Self { role, process };
        let mut line = String::new();
        if let Some(output) = peer.process.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        if line == "ready\n" { Ok(peer) } else { Err(format!("is not ready{}", peer.kill())) }
    }

    /// Lets it end. Errors: it failed.
    fn end(mut self) -> Outcome {
        drop(self.process.stdin.take());
        let role = self.role;
        let status = self.process.wait().map_err(|error| format!("{role}: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("{role}: {status}{}", self.words())) }
    }

    /// Ends it; answers what it said.
    fn kill(mut self) -> String {
        let _ = self.process.kill();
        self.words()
    }

    fn words(&mut self) -> String {
        let mut words = String::new();
        if let Some(mut errors) = self.process.stderr.take() {
            let _ = errors.read_to_string(&mut words);
        }
        format!("; {}: {}", self.role, words.trim())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
