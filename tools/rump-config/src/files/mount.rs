//! `rump.mount`, as mount(8) of NetBSD.

use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::escape::escaped;
use rump_client::RemoteProcess;
use rump_client::abi::{Errno, MountFlags};
use rump_client::kern::{MountArgs, MountedFs};
use serde_json::json;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// Types of what is on disks, in the order in which they are tried where nobody says one.
const ON_DISKS: [&str; 4] = ["ext2fs", "cd9660", "exfat", "msdos"];

/// Arguments of `rump.mount`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.mount
  rump.mount -t ext2fs -o ro /dev/disk0 /mnt
  rump.mount -t tmpfs -o size=1048576 tmpfs /tmp
Options of -o: ro, rw, noatime, atime, and what the type has itself; of tmpfs size, nr_inodes and mode.
Without -t, what is at SPECIAL says which type it is.
Records of --json: special, node, type, read_only, noatime.")]
pub struct Args {
    /// The type: ext2fs, cd9660, exfat, msdos, tmpfs or kernfs; with nothing to mount, show those of it alone
    #[arg(short = 't', value_name = "TYPE")]
    fs_type: Option<String>,
    /// Options
    #[arg(short = 'o', value_name = "OPTIONS")]
    options: Vec<String>,
    /// Read only
    #[arg(short = 'r')]
    read_only: bool,
    /// Say what was mounted
    #[arg(short = 'v')]
    verbose: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl", conflicts_with = "special")]
    json: bool,
    /// A device in the kernel
    #[arg(requires = "node")]
    special: Option<OsString>,
    /// The directory that it is to be at
    node: Option<OsString>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let (Some(special), Some(node)) = (&self.special, &self.node) else {
            let all = session.connect()?.getvfsstat().map_err(of("what is mounted"))?;
            let wanted =
                |one: &&MountedFs| self.fs_type.as_deref().is_none_or(|wanted| wanted == one.info.fs_type);
            return all.iter().filter(wanted).try_for_each(|one| self.show(one, out).map_err(Failure::from));
        };
        let (flags, own) = self.options()?;
        let process = session.connect()?;
        self.mount(&process, (special, node), flags, &own)?;
        if self.verbose {
            self.show(&process.mounted(node.as_bytes()).map_err(of(escaped(node.as_bytes())))?, out)?;
        }
        Ok(())
    }
}

impl Args {
    fn show(&self, one: &MountedFs, out: &mut dyn Write) -> io::Result<()> {
        let (info, flags) = (&one.info, one.info.flags);
        let (is_read_only, is_noatime) =
            (flags.contains(MountFlags::RDONLY), flags.contains(MountFlags::NOATIME));
        let special = if info.source.is_empty() { info.fs_type.as_bytes() } else { &info.source };
        let [special, node] = [special, &info.target].map(escaped);
        if self.json {
            let record = json!({"special": special, "node": node, "type": info.fs_type,
                "read_only": is_read_only, "noatime": is_noatime});
            return writeln!(out, "{record}");
        }
        let words = [(is_read_only, "read-only"), (is_noatime, "noatime")];
        let words: Vec<&str> = words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
        let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
        writeln!(out, "{special} on {node} type {}{words}", info.fs_type)
    }

    /// The flags, and what is left for the type.
    fn options(&self) -> Result<(MountFlags, String), Failure> {
        let mut flags = MountFlags::empty();
        flags.set(MountFlags::RDONLY, self.read_only);
        let mut own = Vec::new();
        for option in self.options.iter().flat_map(|list| list.split(',')).filter(|one| !one.is_empty()) {
            match option {
                "ro" | "rdonly" => flags |= MountFlags::RDONLY,
                "rw" => flags -= MountFlags::RDONLY,
                "noatime" => flags |= MountFlags::NOATIME,
                "atime" => flags -= MountFlags::NOATIME,
                "update" | "union" | "sync" => {
                    return Err(Failure::Other(format!("-o {option}: the kernel has no such mounts")));
                }
                option => own.push(option),
            }
        }
        Ok((flags, own.join(",")))
    }

    fn mount(
        &self,
        process: &RemoteProcess,
        (special, node): (&OsStr, &OsStr),
        flags: MountFlags,
        options: &str,
    ) -> Result<(), Failure> {
        let has_device = |fs_type: &str| ON_DISKS.contains(&fs_type);
        let types = match &self.fs_type {
            Some(one) => vec![one.as_str()],
            None => ON_DISKS.to_vec(),
        };
        let mut last = Errno::ENODEV.into();
        for fs_type in types {
            let source = has_device(fs_type).then(|| special.as_bytes().to_vec());
            let args = MountArgs { source, flags, options: options.into() };
            match process.mount(fs_type, node.as_bytes(), args) {
                Ok(()) => return Ok(()),
                // It is not of this type, or the kernel has not the type.
                Err(error) if self.fs_type.is_none() && is_of_another(error.errno) => last = error,
                Err(error) => {
                    let [special, node] = [special, node].map(|name| escaped(name.as_bytes()));
                    return Err(Failure::Other(format!("{special} on {node}: {error}")));
                }
            }
        }
        let [special, node] = [special, node].map(|name| escaped(name.as_bytes()));
        Err(Failure::Other(format!("{special} on {node}: {last}; -t says the type")))
    }
}

fn is_of_another(errno: Errno) -> bool {
    matches!(errno, Errno::EINVAL | Errno::ENODEV)
}
