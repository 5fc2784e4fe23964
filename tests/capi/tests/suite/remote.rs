//! Clients: the programs of `c/remote`, which have servers of their own, and those of `c` that make system calls and nothing
//! else, once more, as clients of a server, where they say the same.

use super::compiler::GNU;
use super::installation::Installation;
use super::program::{self, Program, Variant};
use interop::suite::Suite;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Programs that are not run as clients, by the reason.
const NEVER_CLIENTS: &[(&str, &[&str])] = &[
    (
        "it asks for what a kernel here has, beside system calls",
        &[
            "absent",
            "boot",
            "etfs",
            "host",
            "image",
            "interrupted",
            "kernels",
            "locks",
            "lwp",
            "modctl",
            "mountargs",
            "netconfig",
            "packets",
            "serve",
            "signals",
            "socket_errors",
            "tap",
            "threads_files",
            "threads_kernels",
        ],
    ),
    ("no call is made", &["layout"]),
    ("it looks at the console of the kernel", &["inet4"]),
    ("it is the first process of its kernel", &["ids"]),
    ("semaphores without a name and timers that nobody waits for are not told of", &["clock"]),
];

/// Adds the tests.
pub fn add(suite: &mut Suite, installation: &Arc<Installation>, variants: &[Variant]) {
    let of_clients = program::all(&installation.programs().join("remote"));
    for program in of_clients.into_iter().filter(|program| program.name != "server").map(Arc::new) {
        for variant in variants.iter().copied() {
            let (name, program, installation) =
                (format!("remote {}: {variant}", program.name), program.clone(), installation.clone());
            suite.add(name, None, move || {
                program.run_in(&installation, variant, &[("RUMP_TEST_SERVER", installation.server()?)])
            });
        }
    }
    let (never, others): (Vec<_>, Vec<_>) =
        program::all(&installation.programs()).into_iter().partition(is_never_client);
    assert_eq!(never.len(), NEVER_CLIENTS.iter().map(|(_, names)| names.len()).sum::<usize>());
    for program in others {
        let (installation, program) = (installation.clone(), program.into_client(installation));
        suite.add(program.name.clone(), None, move || {
            let server = Server::start(&installation)?;
            program.run_in(&installation, Variant::shared(&GNU), &[("RUMP_SERVER", &server.url)])
        });
    }
}

fn is_never_client(program: &Program) -> bool {
    NEVER_CLIENTS.iter().any(|(_, names)| names.contains(&program.name.as_str()))
}

/// A server, gone with it.
struct Server {
    url: PathBuf,
    socket: PathBuf,
    process: Child,
}

impl Server {
    fn start(installation: &Installation) -> Result<Self, String> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let socket = std::env::temp_dir().join(format!("rump-capi-{}-{number}", std::process::id()));
        let url = Path::new(&format!("unix://{}", socket.display())).to_path_buf();
        let mut command = Command::new(installation.server()?);
        command.arg(&url).env("LD_LIBRARY_PATH", installation.lib()).stdout(Stdio::piped());
        let process = command.spawn().map_err(|error| format!("the server: {error}"))?;
        let mut server = Self { url, socket, process };
        let mut line = String::new();
        if let Some(output) = server.process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        }
        if line == "ready\n" { Ok(server) } else { Err("the server is not ready".to_string()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}
