//! `rump mount`: a file system of an image at a directory of the host.
//!
//! Unless it is to stay in the foreground, the program begins itself once more, as a process of a session of its own that opens
//! the image, mounts and serves. The first process waits for the word that it is mounted, or for the status of the failure.

mod options;

use crate::net::signals::Signals;
use crate::outcome::Wanted;
use crate::output::{Output, escaped};
use crate::session::{Failure, Place, Session, warn};
use clap::{Args as ClapArgs, ValueHint};
use options::{Permissions, Wish};
use rump_fuse::Unmounter;
use rumpkit::Errno;
use rumpkit::hyper::Access;
use rumpkit::image::{Address, OpenError, Url};
use serde::Serialize;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Tells the second process what it is.
const IS_SECOND: &str = "RUMP_MOUNT_SECOND";
/// What that says to the first.
const MOUNTED: &[u8] = b"mounted\n";
/// How long a mount that is out of sight is served to those who still use it, once the program is to end.
const GRACE: Duration = Duration::from_secs(2);

/// Arguments of `rump mount`.
#[derive(ClapArgs)]
#[command(
    after_help = "Options of -o, besides those of FUSE (allow_other, default_permissions, dev, suid, noexec):
  ro, rw             read-only; or fail if it cannot be written. Without either, it is written if that can be
  uid=N, gid=N       all files appear to be of this user or group; what is made is stored as of 0
  entry_timeout=S    seconds that the host remembers names (86400), attr_timeout=S attributes (60)
  writeback_cache    the host keeps what is written, and writes it later in larger pieces
  max_readahead=N    bytes that the host reads ahead, max_write=N of the largest write (1048576)
Root's mounts are for everybody, as permissions grant. An ordinary user's are for that user alone, who may do everything, unless
allow_other or default_permissions let the host check. 'rump umount', umount, fusermount3 -u, SIGTERM and Ctrl-C unmount, and
everything is written out; 'rump umount' says so if that cannot be. Options of the driver go to --mount-options.

Examples:
  rump mount disk.img /mnt
  rump mount -o ro disk.img@2:/home ~/mnt
  rump umount ~/mnt"
)]
pub struct Args {
    /// What to mount: IMAGE, IMAGE@PARTITION, with :/DIRECTORY behind it if it is not the root
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::FilePath)]
    address: OsString,
    /// Where
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// Options of the mount, listed below
    #[arg(short = 'o', long = "options", value_name = "OPTION[=VALUE],...", value_delimiter = ',')]
    options: Vec<String>,
    /// Serve in the foreground, until it is unmounted
    #[arg(short, long)]
    foreground: bool,
    /// How many requests are served at once; as many as there are processors, and at least two
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: Option<u8>,
    #[command(flatten)]
    wanted: Wanted,
}

/// What was mounted, for JSON.
#[derive(Serialize)]
struct Mount {
    source: String,
    dir: String,
    r#type: String,
    read_only: bool,
}

/// Mounts, and in the foreground serves.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let is_second = env::var_os(IS_SECOND).is_some();
    // The first process says what the second one cannot, since that has failed.
    session.outcome.ask(args.wanted.json && !is_second, false);
    if !args.foreground && !is_second {
        return begin_second(session);
    }
    serve(args, session, out, is_second)
}

/// Begins the process that serves; returns once it is mounted.
fn begin_second(session: &mut Session) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Other(format!("cannot begin a process that serves: {error}"));
    let mut command = Command::new(env::current_exe().map_err(failed)?);
    command.args(env::args_os().skip(1)).env(IS_SECOND, "1");
    let mut second = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut said = Vec::new();
    if let Some(mut stdout) = second.stdout.take() {
        stdout.read_to_end(&mut said).map_err(failed)?;
    }
    if let Some(mount) = said.strip_prefix(MOUNTED) {
        session.progress.add_file();
        let mount: serde_json::Value = serde_json::from_slice(mount).map_err(|error| failed(error.into()))?;
        return session.outcome.add(&mount).map_err(failed);
    }
    let status = second.wait().map_err(failed)?.code().and_then(|code| u8::try_from(code).ok());
    Err(Failure::Status(status.filter(|&status| status != 0).unwrap_or(1), String::new()))
}

fn serve(args: &Args, session: &mut Session, out: &mut Output, is_second: bool) -> Result<(), Failure> {
    let mut wish = options::parse(&args.options).map_err(Failure::Usage)?;
    wish.choose(if rustix::process::geteuid().is_root() { Permissions::Root } else { Permissions::Ordinary });
    if is_second {
        // It has the group of a process, but leads none: nothing is in the way.
        let _ = rustix::process::setsid();
    }
    let place = open(args, &mut wish, session)?;
    let fuse = &mut wish.fuse;
    fuse.source = source(session, &args.address);
    let processors = thread::available_parallelism().map_or(2, usize::from);
    fuse.threads = args.threads.map_or(processors.clamp(2, 16), usize::from);
    let failed = |error: io::Error| {
        let place = format!("{}:{}", place.volume, escaped(&place.path));
        Failure::Other(format!("mounting {place} at {}: {error}", args.dir.display()))
    };
    let mounted = rump_fuse::Session::mount(place.process(), &place.path, &args.dir, fuse).map_err(failed)?;
    let (tell, events) = channel();
    let tell_of_end = tell.clone();
    // A signal unmounts, and does not what it always does, which opening a packed image may have gone back to.
    session.stop.watch()?;
    // Whoever listens no more has ended.
    let _signals = Signals::watch(move || drop(tell.send(Event::Signal)))?;
    let unmounter = mounted.unmounter();
    let serving = move || drop(tell_of_end.send(Event::Unmounted(mounted.run())));
    thread::Builder::new().name("fuse".into()).spawn(serving).map_err(failed)?;
    let dir = std::path::absolute(&args.dir).map_err(failed)?.display().to_string();
    let (source, read_only) = (fuse.source.clone(), fuse.read_only);
    let mount = Mount { source, dir, r#type: place.image().info().kind.to_string(), read_only };
    if is_second {
        let _ = env::set_current_dir("/");
        say_mounted(&mount).map_err(failed)?;
    } else {
        // It is to be known while it is served.
        session.progress.add_file();
        session.outcome.add(&mount)?;
        session.tell_outcome(out)?;
        out.flush()?;
    }
    wait(&events, &unmounter).map_err(failed)
}

/// Opens the image as it was wished.
fn open(args: &Args, wish: &mut Wish, session: &mut Session) -> Result<Place, Failure> {
    let refused = match wish.access {
        Some(access) => return session.place_as(&args.address, access),
        None => match session.place_as(&args.address, Access::ReadWrite) {
            Err(Failure::Open(name, error)) if is_read_only(&error) => error.of(name),
            opened => return opened,
        },
    };
    let place = session.place_as(&args.address, Access::Read)?;
    session.note(&format!("mounted for reading only: {refused}"));
    wish.fuse.read_only = true;
    Ok(place)
}

/// Whether an image could be opened, but not for writing.
fn is_read_only(error: &OpenError) -> bool {
    match error {
        OpenError::Host(error) => matches!(error.errno, Errno::EACCES | Errno::EPERM | Errno::EROFS),
        OpenError::Kernel(error) => matches!(error.errno, Errno::EROFS | Errno::ENOTSUP),
        _ => false,
    }
}

/// The address as the host lists it, for everybody: the image by its whole path, where `rump umount` finds it, or by its URL,
/// without what is secret in that.
fn source(session: &Session, word: &OsStr) -> String {
    let address = Address::parse(&**session.host(), word.as_bytes());
    let (image, text) = (OsStr::from_bytes(address.image()), address.volume_text());
    let path = || std::fs::canonicalize(image).unwrap_or_else(|_| image.into()).display().to_string();
    let whole = Url::parse(address.image()).map_or_else(|_| path(), |url| url.to_string());
    let selector = String::from_utf8_lossy(&text[address.image().len()..]).into_owned();
    format!("{whole}{selector}")
}

/// Tells the first process, and lets go of what it shares.
fn say_mounted(mount: &Mount) -> io::Result<()> {
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    let mut stdout = File::from(rustix::io::dup(rustix::stdio::stdout())?);
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    stdout.write_all(MOUNTED)?;
    Ok(serde_json::to_writer(stdout, mount)?)
}

enum Event {
    Signal,
    Unmounted(io::Result<()>),
}

/// Waits until it is unmounted, and unmounts when a signal comes.
fn wait(events: &Receiver<Event>, unmounter: &Unmounter) -> io::Result<()> {
    loop {
        // The thread that serves sends before it ends.
        match events.recv().map_err(io::Error::other)? {
            Event::Unmounted(served) => return served,
            Event::Signal => {}
        }
        if let Err(error) = unmounter.unmount() {
            warn(&format!("it stays mounted: {error}"));
            continue;
        }
        while let Ok(event) = events.recv_timeout(GRACE) {
            if let Event::Unmounted(served) = event {
                return served;
            }
        }
        return Ok(());
    }
}
