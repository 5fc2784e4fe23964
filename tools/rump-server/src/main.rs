//! `rump_server`: a kernel that answers remote clients. As `rump_allserver` it has every component.
//!
//! Who starts it gets its prompt back when clients may come: the program starts itself once more, in a session of its own, and
//! is told through a pipe. What a flag says about the kernel (`-c`, `-r`, `-v`) is said to it by its environment, as C
//! programs say it.
#![forbid(unsafe_code)]

mod config;
mod drive;
mod library;

use clap::{CommandFactory, Parser};
use drive::Drive;
use rump_cli::man;
use rump_sysproxy::seal::Key;
use rump_sysproxy::server::{Limits, Server};
use rump_sysproxy::url::Url;
use rumpkit::kpi::Component;
use rumpkit::net::{Config, Netconfig};
use rumpkit::{BootMessages, Kernel, PosixHost};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

/// Says to the program that it is the one in the background.
const BACKGROUND: &str = "RUMP_SERVER__BACKGROUND";

/// A rump kernel that answers remote clients.
///
/// It goes to the background once it accepts connections; SIGTERM, SIGINT and rump_halt end it, with everything written out.
/// Clients find it by RUMP_SERVER=URL.
#[derive(Parser)]
#[command(name = "rump_server", version, args_override_self = true)]
#[command(
    after_help = "A file of --config has, each of them if it is needed: urls, libraries, modules and drives, which are lists of
texts; cpus, clients, calls and descriptors, which are numbers; memory, net and key, which are texts; stay and verbose, which
are true or false. Flags count more than the file, and lists are joined.

  urls = [\"unix:///run/rump/sock\"]
  libraries = [\"rumpfs_ext2fs\"]
  drives = [\"key=/dev/disk0,hostpath=disk.img,size=host\"]
  memory = \"256m\""
)]
struct Options {
    /// Stay in the foreground
    #[arg(short = 's')]
    stay: bool,
    /// Tell what the kernel has and who comes and goes
    #[arg(short = 'v', long)]
    verbose: bool,
    /// How many processors programs are told of
    #[arg(short = 'c', value_name = "NCPU")]
    cpus: Option<u32>,
    /// Most bytes of files in memory and of caches, with k, m or g behind them
    #[arg(short = 'r', value_name = "RAM")]
    memory: Option<String>,
    /// A file of the host as a disk: key=/dev/disk0,hostpath=FILE,size=64m|host, and offset=0 or type=blk|chr|reg
    #[arg(short = 'd', value_name = "DRIVE", value_parser = Drive::parse)]
    drives: Vec<Drive>,
    /// A component, by the name of its library: rumpfs_ext2fs or librumpfs_ext2fs.so
    #[arg(short = 'l', value_name = "LIBRARY")]
    libraries: Vec<String>,
    /// The same
    #[arg(short = 'm', value_name = "MODULE")]
    modules: Vec<String>,
    /// What flags say, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Interfaces, addresses and routes, in TOML
    #[arg(long, value_name = "FILE")]
    net: Option<PathBuf>,
    /// Clients of tcp:// and tcp6:// have to know the 32 bytes of this file, and nobody else reads what is said; without,
    /// only this machine is let in
    #[arg(long, value_name = "FILE", env = "RUMP_SERVER_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
    /// Most clients at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().clients, value_parser = most)]
    clients: usize,
    /// Most calls in flight of a client
    #[arg(long, value_name = "N", default_value_t = Limits::default().calls, value_parser = most)]
    calls: usize,
    /// Most descriptors of a client
    #[arg(long, value_name = "N", default_value_t = Limits::default().descriptors)]
    descriptors: u32,
    /// Where clients come in: unix://PATH, tcp://ADDRESS:PORT or tcp6://ADDRESS:PORT
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
}

fn most(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or("a number above zero is needed".into())
}

fn main() -> ExitCode {
    if let Some(done) = man::asked_for([Options::command()]) {
        return done;
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let has_all = arguments.first().is_some_and(|name| {
        Path::new(name).file_name().is_some_and(|name| name.to_string_lossy().starts_with("rump_allserver"))
    });
    let options = match config::expanded(arguments.clone()) {
        Ok(words) => Options::parse_from(words),
        Err(why) => {
            eprintln!("rump_server: {why}");
            return ExitCode::from(2);
        }
    };
    let is_there = std::env::var_os(BACKGROUND).is_some();
    let done = if is_there { serve(&options, has_all) } else { start(&options, &arguments) };
    match done {
        Ok(code) => code,
        Err(why) => {
            eprintln!("rump_server: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the program that serves: in place of this one, or in the background.
fn start(options: &Options, arguments: &[OsString]) -> Result<ExitCode, String> {
    let wrong = |error: std::io::Error| format!("cannot start the server: {error}");
    let mut command = Command::new(std::env::current_exe().map_err(wrong)?);
    command.args(&arguments[1..]).env(BACKGROUND, "1");
    if let Some(name) = arguments.first() {
        command.arg0(name);
    }
    if let Some(cpus) = options.cpus {
        command.env("RUMP_NCPU", cpus.to_string());
    }
    if let Some(memory) = &options.memory {
        command.env("RUMP_MEMLIMIT", memory);
    }
    if options.stay {
        return Err(wrong(command.exec()));
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(wrong)?;
    let mut said = String::new();
    let read = child.stdout.take().map(|said_by| BufReader::new(said_by).read_line(&mut said));
    if said.starts_with("ready") {
        return Ok(ExitCode::SUCCESS);
    }
    read.transpose().map_err(wrong)?;
    // It has told why, or was killed.
    let status = child.wait().map_err(wrong)?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        None => Err(format!("the server ended: {status}")),
    }
}

/// Boots a kernel and serves until it is halted.
fn serve(options: &Options, has_all: bool) -> Result<ExitCode, String> {
    if !options.stay {
        // It fails for a leader of a group, which has its terminal anyway.
        let _ = rustix::process::setsid();
    }
    let kernel = boot(options, has_all)?;
    // Clients make interfaces of a bus or a tap, and say which.
    let _configuration = Netconfig::for_programs(&kernel);
    for drive in &options.drives {
        drive.attach(&kernel)?;
    }
    let network = options.net.as_ref().map(|path| {
        let config = Config::from_file(path).map_err(|error| error.to_string())?;
        config.apply(&kernel).map_err(|error| error.to_string())
    });
    let _network = network.transpose()?;
    let limits = Limits {
        clients: options.clients,
        calls: options.calls,
        descriptors: options.descriptors,
        ..Limits::default()
    };
    let server = Arc::new(Server::new(kernel, limits).map_err(|error| error.to_string())?);
    // Whoever sees a socket of the server may end it.
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(|error| error.to_string())?;
    let cwd = std::env::current_dir().map_err(|error| format!("the folder of the server: {error}"))?;
    let key = options
        .key
        .as_ref()
        .map(|path| Key::from_file(path).map_err(|error| format!("the key {}: {error}", path.display())));
    let key = key.transpose()?;
    for text in &options.urls {
        let url = Url::parse(text, &cwd).map_err(|error| error.to_string())?;
        let key = key.clone().filter(|_| matches!(url, Url::Tcp(_)));
        let url = server.listen_with(&url, key).map_err(|error| format!("{text}: {error}"))?;
        if options.stay || options.verbose {
            eprintln!("rump_server: clients may come to {url}");
        }
    }
    let of_signals = server.clone();
    std::thread::spawn(move || {
        // A second one ends a halt that takes long.
        for (count, _) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(1);
            }
            let of_halt = of_signals.clone();
            // Who waits for the server is told how it went.
            std::thread::spawn(move || of_halt.halt());
        }
    });
    if !options.stay {
        detach().map_err(|error| format!("cannot go to the background: {error}"))?;
    }
    server.wait().map_err(|error| format!("not everything could be written: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

fn boot(options: &Options, has_all: bool) -> Result<Kernel, String> {
    let host = PosixHost::new();
    let names: Vec<String> = options.libraries.iter().chain(&options.modules).cloned().collect();
    let named = library::named(&names, &host).map_err(|name| {
        let known: Vec<_> = library::names().collect();
        format!("{name}: there is no such component; there are {}", known.join(", "))
    })?;
    let parts = if has_all { library::all(&host) } else { named };
    let messages = if options.verbose { BootMessages::All } else { BootMessages::AsParameter };
    let builder = Kernel::builder(host).messages(messages);
    // There is always a root, as in C programs.
    let builder = match rumpfs_tmpfs::component() {
        Component::FileSystem(fs_type) => builder.root(fs_type),
        _ => builder,
    };
    let boot = parts.into_iter().fold(builder, rumpkit::Builder::component).boot();
    boot.map_err(|error| format!("no kernel: {error}"))
}

/// Tells who waits that clients may come, and lets go of the terminal.
fn detach() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    out.write_all(b"ready\n")?;
    out.flush()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
