//! Servers, which end with the test.

use crate::{Check, context};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long one may take to begin: those in Python import much.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that serves.
pub struct Server(Child);

impl Server {
    /// Starts it, and waits until it answers.
    pub fn start(command: &mut Command, answers: impl Fn() -> bool) -> Check<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut server = Self(context(child, &name)?);
        let deadline = Instant::now() + PATIENCE;
        while !answers() {
            let ended = context(server.0.try_wait(), &name)?;
            if ended.is_some() || Instant::now() >= deadline {
                return Err(format!("{name} does not serve: {command:?}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Starts one that listens at a socket of the host.
    pub fn at_socket(command: &mut Command, socket: &Path) -> Check<Self> {
        Self::start(command, || UnixStream::connect(socket).is_ok())
    }

    /// Starts one that listens at a port.
    pub fn at_port(command: &mut Command, port: u16) -> Check<Self> {
        Self::start(command, || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    /// Kills it.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free just now.
pub fn free_port() -> Check<u16> {
    let listener = context(TcpListener::bind("127.0.0.1:0"), "port")?;
    Ok(context(listener.local_addr(), "port")?.port())
}
