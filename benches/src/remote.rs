//! System calls of a program whose kernel is in another process: `cargo run --release --bin remote [-- --json]`.
//!
//! The peer is the least that such a call can cost here: as many bytes there and back between two processes, by sockets of the
//! standard library.

use rump_benches::Outcome;
use rump_benches::table::{Format, Table, Target};
use rump_client::Connection;
use rump_client::memory::Region;
use rump_sysproxy::server::{Limits, Server};
use rump_sysproxy::url::Url;
use rumpkit::PosixHost;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const CALLS: u32 = 20_000;
/// Bytes of a call without arguments, and of its answer.
const ASKED: usize = 24;
const ANSWERED: usize = 48;
const GETPID: u32 = 20;
const MKFIFO: u32 = 132;

/// A process of this program that does something else, ended with this.
struct Other {
    process: Child,
    socket: PathBuf,
}

impl Other {
    fn start(what: &str) -> Outcome<Self> {
        let socket = std::env::temp_dir().join(format!("rump-remote-{what}-{}", std::process::id()));
        let process = Command::new(std::env::current_exe()?).arg(what).arg(&socket).spawn()?;
        let other = Self { process, socket };
        let until = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(&other.socket).is_err() {
            if Instant::now() > until {
                return Err(format!("{what} does not come").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(other)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn serve(socket: &Path) -> Outcome {
    let server = Server::new(rumpkit::kernel(PosixHost::new())?, Limits::default())?;
    server.listen(&Url::Unix(socket.into()))?;
    Ok(server.wait()?)
}

fn echo(socket: &Path) -> Outcome {
    for stream in UnixListener::bind(socket)?.incoming() {
        let mut stream = stream?;
        while stream.read_exact(&mut [0; ASKED]).is_ok() {
            stream.write_all(&[0; ANSWERED])?;
        }
    }
    Ok(())
}

fn timed(mut run: impl FnMut() -> Outcome) -> Outcome<Duration> {
    let begin = Instant::now();
    for _ in 0..CALLS {
        run()?;
    }
    Ok(begin.elapsed() / CALLS)
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => return serve(Path::new(arguments.get(1).ok_or("where?")?)),
        Some("echo") => return echo(Path::new(arguments.get(1).ok_or("where?")?)),
        _ => {}
    }
    let is_json = arguments.iter().any(|argument| argument == "--json");
    let mut table = Table::new(if is_json { Format::Json } else { Format::Text });
    let (server, echo) = (Other::start("serve")?, Other::start("echo")?);
    let connection = Connection::new(Url::Unix(server.socket.clone()), "bench", |_| ())?;
    let stream = UnixStream::connect(&echo.socket)?;
    let bytes_there_and_back = || {
        timed(|| {
            let mut stream = &stream;
            stream.write_all(&[0; ASKED])?;
            Ok(stream.read_exact(&mut [0; ANSWERED])?)
        })
    };
    table.beside(
        "getpid over a unix socket",
        Target::Within(Duration::from_micros(8)),
        || {
            timed(|| {
                connection.call(GETPID, &[], &[])?;
                Ok(())
            })
        },
        ("sockets alone", &bytes_there_and_back),
    )?;
    // One that fails, after its path was asked for: EEXIST.
    let path = b"/dev\0";
    table.beside(
        "a call with a path",
        Target::Context,
        || {
            timed(|| {
                let region = Region::read(path);
                let failed = connection.call(MKFIFO, &[region.address(), 0o600], &[region]);
                if failed.is_ok() { Err("there was no /dev".into()) } else { Ok(()) }
            })
        },
        ("sockets alone", &bytes_there_and_back),
    )?;
    table.finish();
    Ok(())
}
