//! `rump`: files out of disk images and into them, without root and without mounting, and kernels on a network.
//!
//! Exit statuses: 0 done; 1 some of it failed; 2 usage; 3 the image could not be opened; 4 another program holds
//! it; 70 a defect of this program; 130 interrupted; 143 terminated.
#![forbid(unsafe_code)]
// Types of the host have other widths on other hosts.
#![allow(clippy::useless_conversion, clippy::type_complexity)]

mod ask;
mod cat;
mod chain;
mod change;
mod chflags;
mod chmod;
mod chown;
mod container;
mod cp;
mod df;
mod diff;
mod du;
mod edit;
mod entries;
mod exec;
mod fill;
mod find;
mod fsu;
mod generate;
mod glob;
mod info;
mod jobs;
mod line;
mod ln;
mod ls;
mod mkdir;
mod mkfifo;
mod mkfs;
mod mknod;
#[cfg(target_os = "linux")]
mod mount;
mod mv;
mod net;
mod outcome;
mod output;
mod owner;
mod packetdrill;
mod progress;
mod put;
mod record;
mod rm;
mod rmdir;
#[cfg(target_os = "linux")]
mod run;
mod session;
mod sh;
mod source;
mod stat;
mod steps;
mod stop;
mod sum;
mod tar;
mod touch;
mod tree;
mod truncate;
mod tui;
#[cfg(target_os = "linux")]
mod umount;
mod unit;
mod unpacking;
mod walk;
mod write;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use output::Output;
use rump_cli::{mode, units};
use rumpkit::image::{Format, Keys, LockPolicy, Opening};
use session::{Chatter, Failure, Session};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

const EXAMPLES: &str = "\
An ADDRESS is IMAGE[@PARTITION|@VOLUME|+OFFSET][:/PATH]:
  disk.img:/etc/fstab        the only file system of the image
  disk.img@2:/etc/fstab      partition 2 (a disklabel has letters: @a; GPT names work too)
  disk.img@vg0/root:/etc     a logical volume (LVM2); arrays (MD) are @md0 or @md/NAME
  disc.iso@eltorito1         a boot image of a CD; without a path, rump cat gives the bytes of a part
  disk.img+1M:/etc/fstab     the file system that begins at byte 1048576
IMAGE may be a URL: nbd://HOST[:PORT]/[EXPORT], nbd+unix:///[EXPORT]?socket=PATH, and for reading http://, https:// and, where that
is built in, objects of stores: s3://BUCKET/KEY, gs://, az://, abfs:// (AWS_ENDPOINT, AWS_ACCESS_KEY_ID and its like say where and who).
  nbd://host/@2:/etc/fstab   partition 2 of the default export; @ and + of the server (http://me@host/) are its own
  https://host/disk.img:/etc in the rest of a URL, :/ is written %3A/, and @ and + in its last part are %40 and %2B

Examples:
  rump info disk.img
  rump ls -l disk.img:/home
  rump cp -r disk.img@1:/home/anna ./anna
  rump find disk.img -name '*.conf' -size +1M
  rump cp ./fstab disk.img@1:/etc/fstab
  rump edit disk.img@1:/etc/hostname
  rump mount disk.img@1 /mnt

Exit status: 0 done, 1 some of it failed, 2 usage, 3 the image could not be opened,
4 another program holds the image, 130 interrupted, 143 terminated.";

/// Files out of disk images and into them, without root and without mounting.
#[derive(Parser)]
#[command(name = "rump", version, after_help = EXAMPLES, disable_help_flag = true, args_override_self = true)]
struct Cli {
    /// Print help
    #[arg(long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Do not lock the image: what is read may change underneath
    #[arg(long, global = true)]
    no_lock: bool,
    /// Format of the images, where it is not to be found out: raw, qcow2, vhd, vhdx, vdi, vmdk, dmg, gzip,
    /// xz, zstd or bzip2
    #[arg(long = "format", global = true, value_name = "FORMAT", value_parser = image_format)]
    image_format: Option<Format>,
    /// Show the images as they were at the snapshot of this name or number
    #[arg(long, global = true, value_name = "NAME")]
    snapshot: Option<String>,
    /// Open what is encrypted (LUKS) with the passphrase in the first line of this file
    #[arg(long = "passphrase-file", global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    passphrase_files: Vec<PathBuf>,
    /// Open what is encrypted (LUKS) with all bytes of this file
    #[arg(long = "key-file", global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    key_files: Vec<PathBuf>,
    /// What is encrypted (LUKS) in the image has its header in this file: a part in which nothing is known, or one of which this is
    /// a copy of the header
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    header: Option<OsString>,
    /// Another image with a part of what the image is made of: a disk of the same array, or of the same volume group
    #[arg(long, global = true, value_name = "IMAGE", value_hint = ValueHint::AnyPath)]
    with: Vec<OsString>,
    /// Options of the mount, as the driver takes them, e.g. session=1
    #[arg(long, global = true, value_name = "KEY[=VALUE],...", default_value = "")]
    mount_options: String,
    /// The type that the file system has to have
    #[arg(long, global = true, value_name = "TYPE", hide = true)]
    fs_type: Option<String>,
    /// Tell the type of each file system that is opened
    #[arg(long, global = true, hide = true)]
    tell_type: bool,
    /// No progress and no notes: only what failed is told
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show partition tables and file systems of an image
    Info(info::Args),
    /// List directories
    Ls(ls::Args),
    /// Write files to standard output
    Cat(cat::Args),
    /// Show all attributes of files
    Stat(stat::Args),
    /// Draw the tree of directories
    Tree(tree::Args),
    /// Find files by name, type, size and time
    Find(find::Args),
    /// Compare files and trees
    Diff(diff::Args),
    /// Add up the space that files use
    Du(du::Args),
    /// Show the size and free space of file systems
    Df(df::Args),
    /// Print SHA-256 checksums, of whole trees too
    Sum(sum::Args),
    /// Copy files out of an image, into one, and between images
    Cp(cp::Args),
    /// Move and rename files
    Mv(mv::Args),
    /// Remove files and trees
    Rm(rm::Args),
    /// Make directories
    Mkdir(mkdir::Args),
    /// Make fifos
    Mkfifo(mkfifo::Args),
    /// Make device files, fifos and sockets
    Mknod(mknod::Args),
    /// Remove empty directories
    Rmdir(rmdir::Args),
    /// Make hard and symbolic links
    Ln(ln::Args),
    /// Change permission bits
    Chmod(chmod::Args),
    /// Change owners and groups
    Chown(chown::Args),
    /// Change flags of files
    Chflags(chflags::Args),
    /// Set times, and make empty files
    Touch(touch::Args),
    /// Write standard input to a file
    Write(write::Args),
    /// Make files shorter or longer
    Truncate(truncate::Args),
    /// Change a file with an editor
    Edit(edit::Args),
    /// Run a command on a copy of a file
    Exec(exec::Args),
    /// Work in an image that stays open, by commands
    Sh(sh::Args),
    /// Look through an image on the whole terminal, and extract
    Tui(tui::Args),
    /// Make a file system, and fill it from a directory or an archive
    Mkfs(mkfs::Args),
    /// Move archives into an image, or out of one
    Tar(tar::Args),
    /// Mount a file system of an image at a directory of this host, by FUSE
    #[cfg(target_os = "linux")]
    Mount(mount::Args),
    /// Unmount what 'rump mount' mounted, and wait until the image is written out
    #[cfg(target_os = "linux")]
    Umount(umount::Args),
    /// Run a program with a rump kernel behind it
    #[cfg(target_os = "linux")]
    Run(run::Args),
    /// Ping, netcat and a packet dump, each as a kernel of its own on a bus
    Net(net::Args),
    /// Run scripts of packets and system calls against the network of a rump kernel
    Packetdrill(packetdrill::Args),
    /// Write man pages and completions, for an installation
    #[command(hide = true)]
    Generate(generate::Args),
}

/// Most bytes of a key: as many as cryptsetup takes.
const LONGEST_KEY: u64 = 8 << 20;

/// Exit status of a defect of this program.
const DEFECT: u8 = 70;

fn main() -> ExitCode {
    tell_of_panics();
    let words: Vec<OsString> = std::env::args_os().collect();
    let (words, described) = match fsu::translate(&words) {
        None => (words, Cli::command()),
        Some(Ok(call)) => (call.words.clone(), call.described(Cli::command())),
        Some(Err(failure)) => return ExitCode::from(failure.finish()),
    };
    let matches = described.try_get_matches_from(translate(words));
    let cli = matches.and_then(|found| Cli::from_arg_matches(&found)).unwrap_or_else(|error| error.exit());
    let lock = if cli.no_lock { LockPolicy::NoLock } else { LockPolicy::Lock };
    let chatter = if cli.quiet { Chatter::Quiet } else { Chatter::Usual };
    let keys = match keys(&cli.passphrase_files, &cli.key_files) {
        Ok(keys) => keys,
        Err(failure) => return ExitCode::from(failure.finish()),
    };
    let with = cli.with.into_iter().map(OsString::into_encoded_bytes).collect();
    let header = cli.header.map(OsString::into_encoded_bytes);
    let (format, snapshot) = (cli.image_format, cli.snapshot);
    let opening = Opening { lock, format, snapshot, keys, header, with, ..Opening::default() };
    let mut session = Session::new(opening, chatter);
    session.mount_options = cli.mount_options;
    session.fs_type = cli.fs_type;
    session.tells_type = cli.tell_type;
    let mut output = Output::new();
    let work = || run(cli.command, &mut session, &mut output).and_then(|()| Ok(output.flush()?));
    // A panic takes back the operation that it broke; what was done before is still worth writing out.
    let result = catch_unwind(AssertUnwindSafe(work));
    let status = match result {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => {
            // What was found so far is worth having; a second failure here adds nothing.
            let _ = output.flush();
            session.progress.clear();
            session.ends_by(&failure);
            Some(failure.finish())
        }
        Err(_) => {
            session.outcome.end_early();
            Some(DEFECT)
        }
    };
    session.close();
    let told = session.tell_outcome(&mut output).and_then(|()| output.flush());
    let status = match told.map_err(Failure::Output) {
        Err(failure) if status.is_none() => Some(failure.finish()),
        _ => status,
    };
    match status {
        Some(status) if status != 0 => ExitCode::from(status),
        _ => ExitCode::from(u8::from(session.has_failures())),
    }
}

/// The keys in files.
fn keys(passphrases: &[PathBuf], raw: &[PathBuf]) -> Result<Keys, Failure> {
    let read = |path: &PathBuf| {
        let mut bytes = Vec::new();
        let file = File::open(path).and_then(|file| file.take(LONGEST_KEY).read_to_end(&mut bytes));
        let failed = |error| Failure::Other(format!("{}: {error}", path.display()));
        file.map(|_| bytes).map_err(failed)
    };
    let mut keys = Keys::default();
    for path in passphrases {
        let mut line = read(path)?;
        line.truncate(line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len()));
        keys.add(line);
    }
    raw.iter().try_for_each(|path| read(path).map(|key| keys.add(key)))?;
    Ok(keys)
}

fn image_format(word: &str) -> Result<Format, String> {
    let names = Format::ALL.map(Format::name).join(", ");
    Format::parse(word).ok_or_else(|| format!("the formats are {names}"))
}

/// One line for a panic. The first one of the main thread goes on to [`main`], which closes what is open.
fn tell_of_panics() {
    static IS_SECOND: AtomicBool = AtomicBool::new(false);
    let main_thread = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<&str>().copied().map(String::from);
        let message =
            message.or_else(|| panic.payload().downcast_ref::<String>().cloned()).unwrap_or_default();
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        // The line may go nowhere (a closed stderr); the exit status still tells.
        let _ = writeln!(std::io::stderr(), "rump: internal error: {message}{place}; please report");
        if IS_SECOND.swap(true, Ordering::SeqCst) || std::thread::current().id() != main_thread {
            std::process::exit(DEFECT.into());
        }
    }));
}

fn run(command: Command, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Info(args) => info::run(&args, session, output),
        Command::Ls(args) => ls::run(&args, session, output),
        Command::Cat(args) => cat::run(&args, session),
        Command::Stat(args) => stat::run(&args, session, output),
        Command::Tree(args) => tree::run(&args, session, output),
        Command::Find(args) => find::run(&args, session, output),
        Command::Diff(args) => diff::run(&args, session, output),
        Command::Du(args) => du::run(&args, session, output),
        Command::Df(args) => df::run(&args, session, output),
        Command::Sum(args) => sum::run(&args, session, output),
        Command::Cp(args) => cp::run(&args, session, output),
        Command::Mv(args) => mv::run(&args, session, output),
        Command::Rm(args) => rm::run(&args, session, output),
        Command::Mkdir(args) => mkdir::run(&args, session, output),
        Command::Mkfifo(args) => mkfifo::run(&args, session, output),
        Command::Mknod(args) => mknod::run(&args, session, output),
        Command::Rmdir(args) => rmdir::run(&args, session, output),
        Command::Ln(args) => ln::run(&args, session, output),
        Command::Chmod(args) => chmod::run(&args, session, output),
        Command::Chown(args) => chown::run(&args, session, output),
        Command::Chflags(args) => chflags::run(&args, session, output),
        Command::Touch(args) => touch::run(&args, session, output),
        Command::Write(args) => write::run(&args, session, output),
        Command::Truncate(args) => truncate::run(&args, session, output),
        Command::Edit(args) => edit::run(&args, session, output),
        Command::Exec(args) => exec::run(&args, session, output),
        Command::Sh(args) => sh::run(&args, session, output),
        Command::Tui(args) => tui::run(&args, session),
        Command::Mkfs(args) => mkfs::run(&args, session, output),
        Command::Tar(args) => tar::run(&args, session),
        #[cfg(target_os = "linux")]
        Command::Mount(args) => mount::run(&args, session, output),
        #[cfg(target_os = "linux")]
        Command::Umount(args) => umount::run(&args, session),
        #[cfg(target_os = "linux")]
        Command::Run(args) => Err(run::run(&args)),
        Command::Net(args) => net::run(&args, session, output),
        Command::Packetdrill(args) => packetdrill::run(&args, session, output),
        Command::Generate(args) => generate::run(&args, Cli::command()),
    }
}

/// Brings what is no part of `find`'s expression before that, and makes a leading `-h` the help.
fn translate(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.len() == 2 && words[1] == "-h" {
        words[1] = "--help".into();
    }
    let command = words.iter().skip(1).position(|word| !word.as_encoded_bytes().starts_with(b"-"));
    let Some(at) = command.map(|at| at + 1).filter(|&at| words[at] == "find") else { return words };
    let mut expression = words.split_off(at + 1);
    let end = expression.iter().position(|word| word == "-exec" || word == "-ok").unwrap_or(expression.len());
    let command = expression.split_off(end);
    let (moved, kept): (Vec<_>, Vec<_>) = expression.into_iter().partition(is_anywhere);
    words.extend(moved.into_iter().map(|word| {
        let dash = if word.as_encoded_bytes().starts_with(b"--") { "" } else { "-" };
        let mut whole = OsString::from(dash);
        whole.push(word);
        whole
    }));
    words.extend(kept);
    words.extend(command);
    words
}

/// Whether a word of `find` may stand anywhere.
fn is_anywhere(word: &OsString) -> bool {
    let text = word.to_str().unwrap_or_default();
    let with_value =
        ["--mount-options=", "--fs-type=", "--passphrase-file=", "--key-file=", "--header=", "--with="]
            .iter()
            .any(|begin| text.starts_with(begin));
    let short = text.strip_prefix("-").filter(|short| short.starts_with('-')).unwrap_or(text);
    with_value || text == "--tell-type" || find::ANYWHERE.contains(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn words_of_all_commands_come_before_an_expression() {
        let words = ["rump", "--no-lock", "find", "x:/", "-name", "*.c", "-json", "--quiet", "-size", "-5k"];
        let words = translate(words.iter().map(OsString::from).collect());
        let expected =
            ["rump", "--no-lock", "find", "--json", "--quiet", "x:/", "-name", "*.c", "-size", "-5k"];
        assert_eq!(words, expected);
        assert!(Cli::try_parse_from(words).is_ok());
    }

    #[test]
    fn other_commands_keep_their_words() {
        let words = translate(["rump", "ls", "-name"].iter().map(OsString::from).collect());
        assert_eq!(words[2], "-name");
    }
}
