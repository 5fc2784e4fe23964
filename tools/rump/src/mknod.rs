//! `rump mknod`: makes device files, fifos and sockets.

use crate::change::{Change, Telling, give_to_owner_of_directory, replace};
use crate::mode::{ModeChange, umask};
use crate::output::Output;
use crate::owner::Owner;
use crate::session::{Failure, Place, Session};
use clap::{Args as ClapArgs, ValueEnum, ValueHint};
use rump_mtree::device;
use rumpkit::{AtFlags, DevNumber, Errno, FileType, KError, KResult, Mode, Stat};
use std::ffi::OsString;

const EVERYBODY: u32 = 0o666;

/// Arguments of `rump mknod`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump mknod -m 600 disk.img@1:/dev/null c 1 3
  rump mknod disk.img@1:/run/pipe p
  rump mknod -F solaris disk.img@1:/dev/tty c 7 0
Numbers may be decimal, octal (0...) or hexadecimal (0x...). New files belong to the owner of the directory that they
are in.")]
pub struct Args {
    /// Permission bits, as chmod takes them
    #[arg(short, long, value_name = "MODE", allow_hyphen_values = true)]
    mode: Option<ModeChange>,
    /// The owner, a name or a number
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// The group, a name or a number
    #[arg(short, long, value_name = "GROUP")]
    group: Option<String>,
    /// Replace what is there, unless it is the same
    #[arg(short = 'r', long)]
    replace: bool,
    /// As -r, and set mode and owner of what is the same
    #[arg(short = 'R', long)]
    renew: bool,
    /// The system for which the numbers are packed into one: native, 386bsd, 4bsd, bsdos, freebsd, hpux, isc, linux, netbsd, osf1, sco,
    /// solaris, sunos, svr3, svr4 or ultrix
    #[arg(short = 'F', long, value_name = "SYSTEM", default_value = device::FORMATS[0], value_parser = device::FORMATS)]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    packed_for: String,
    #[command(flatten)]
    telling: Telling,
    /// What to make, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
    /// Its type: b or c for devices, p for a fifo, s for a socket
    #[arg(value_name = "TYPE", hide_possible_values = true)]
    kind: Kind,
    /// Those of a device: its driver and itself; of bsdos also a driver, a unit and a part; or all in one
    #[arg(value_name = "NUMBER", num_args = 0..=3, value_parser = parse_number)]
    numbers: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A block device
    #[value(name = "b")]
    Block,
    /// A character device
    #[value(name = "c", alias = "u")]
    Char,
    /// A fifo
    #[value(name = "p")]
    Fifo,
    /// A socket
    #[value(name = "s")]
    Socket,
}

fn parse_number(text: &str) -> Result<u32, String> {
    let number = match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(digits), _) => u32::from_str_radix(digits, 16),
        (_, Some(digits)) if !digits.is_empty() => u32::from_str_radix(digits, 8),
        _ => text.parse(),
    };
    number.map_err(|_| format!("{text:?} is no number of a device"))
}

/// What is to be there in the end.
struct Node {
    file_type: FileType,
    device: DevNumber,
    mode: u32,
    has_mode: bool,
    owner: Owner,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let place = change.place(&args.address)?;
    let node = Node::new(args, &place)?;
    match node.put(args, &place) {
        Ok(()) => change.tell("make", &place, &place.path),
        Err(error) => change.fail(&place, &place.path, &error),
    }
}

impl Node {
    fn new(args: &Args, place: &Place) -> Result<Self, Failure> {
        let is_device = matches!(args.kind, Kind::Block | Kind::Char);
        let device = match (is_device, &args.numbers[..]) {
            (false, []) => Ok((0, 0)),
            (false, _) => Err("only devices have numbers".into()),
            (true, []) => Err("a device has a major and a minor number".into()),
            (true, &[packed]) => Ok(device::apart(packed)),
            (true, told) => device::numbers(&args.packed_for, told),
        };
        let (major, minor) = device.map_err(|why| Failure::Usage(format!("mknod: {why}")))?;
        let device = DevNumber { major, minor };
        let file_type = match args.kind {
            Kind::Block => FileType::BlockDevice,
            Kind::Char => FileType::CharDevice,
            Kind::Fifo => FileType::Fifo,
            Kind::Socket => FileType::Socket,
        };
        let mode = match &args.mode {
            Some(mode) => mode.apply(EVERYBODY, false, umask()),
            None => EVERYBODY & !umask(),
        };
        let user = args.user.as_ref().map(|user| Owner::resolve(user, place)).transpose()?;
        let group =
            args.group.as_ref().map(|group| Owner::resolve(&format!(":{group}"), place)).transpose()?;
        let owner = Owner { uid: user.and_then(|user| user.uid), gid: group.and_then(|group| group.gid) };
        Ok(Self { file_type, device, mode, has_mode: args.mode.is_some(), owner })
    }

    fn put(&self, args: &Args, place: &Place) -> KResult<()> {
        let (process, path) = (place.process(), &place.path);
        let there = match process.lstat(path) {
            Ok(there) if args.replace || args.renew => there,
            Ok(_) => return Err(Errno::EEXIST.into()),
            Err(error) if error.errno == Errno::ENOENT => return self.make(place, path),
            Err(error) => return Err(error),
        };
        if there.file_type == FileType::Directory {
            return Err(KError::new(Errno::EISDIR, "a directory is not replaced"));
        }
        match (self.is(&there), args.renew) {
            (false, _) => replace(process, path, |temporary| self.make(place, temporary)),
            (true, true) => self.set(place, path, self.has_mode),
            (true, false) => Ok(()),
        }
    }

    fn is(&self, there: &Stat) -> bool {
        (there.file_type, there.rdev) == (self.file_type, self.device)
    }

    fn make(&self, place: &Place, path: &[u8]) -> KResult<()> {
        place.process().mknod(path, self.file_type, Mode::new(self.mode), self.device)?;
        give_to_owner_of_directory(place.process(), path)?;
        self.set(place, path, true)
    }

    fn set(&self, place: &Place, path: &[u8], sets_mode: bool) -> KResult<()> {
        let Owner { uid, gid } = self.owner;
        if uid.is_some() || gid.is_some() {
            place.process().lchown(path, uid, gid)?;
        }
        if sets_mode {
            place.process().fchmodat(None, path, Mode::new(self.mode), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_bases() {
        assert_eq!(["10", "010", "0x10", "0"].map(|text| parse_number(text).unwrap()), [10, 8, 16, 0]);
        assert!(["", "x", "-1", "08", "4294967296"].iter().all(|text| parse_number(text).is_err()));
    }
}
