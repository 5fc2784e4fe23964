//! `rump run`: an ordinary program with a rump kernel behind it, which is inside the program's own process.
//!
//! It finds `librumphijack.so`, says in the environment what the kernel is to have, and becomes the program.

use crate::session::Failure;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::image::is_url;
use rumpkit::net::InterfaceAddress;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBRARY: &str = "librumphijack.so";

/// Arguments of `rump run`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump run --disk disk.img:/mnt -- ls -l /rump/mnt
  rump run --disk disk.img@2:/mnt:ro -- grep -r root /rump/mnt/etc
  rump run --if tap:tap0 --addr 10.0.0.2/24 --gateway 10.0.0.1 -- curl http://10.0.0.1/
What the kernel has, the program sees below /rump; a file system that is mounted at /mnt is at /rump/mnt. Sockets of IP are the
kernel's. Programs that are linked statically or set their user cannot be run so. A program that the program begins has a kernel
of its own; two of them do not write to one image, and none to an image at a server (nbd://host/:/mnt:ro). The exit status is the
program's.")]
pub struct Args {
    /// The network: sockin (that of this host, by its sockets), none, or a file in TOML as in 'rump net --config'
    #[arg(long, value_name = "sockin|none|FILE", default_value = "sockin", value_hint = ValueHint::FilePath)]
    net: OsString,
    /// Where the one interface of a network of its own is: tap:NAME, shmif:PATH and others, which 'rump net --help' lists
    #[arg(long = "if", value_name = "LINK", conflicts_with = "net")]
    link: Option<String>,
    /// An address of that interface, with the length of its network's prefix; may be repeated
    #[arg(long, visible_alias = "addr", value_name = "ADDRESS/LENGTH", requires = "link")]
    address: Vec<InterfaceAddress>,
    /// The router for everything that is not on the link
    #[arg(long, value_name = "ADDRESS", requires = "link")]
    gateway: Vec<IpAddr>,
    /// Get an address, routes and name servers by DHCP
    #[arg(long, requires = "link")]
    dhcp: bool,
    /// A file system of an image, and where in the kernel it is mounted; may be repeated
    #[arg(long, value_name = "IMAGE[@PARTITION]:/MOUNT-POINT[:ro]", value_hint = ValueHint::FilePath)]
    disk: Vec<OsString>,
    /// Which sockets are the kernel's: a list of local, inet and inet6 with colons between, or all, each with no before it
    #[arg(long, value_name = "LIST", default_value = "all:nolocal")]
    socket: String,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

/// Becomes the program, or says why not.
pub fn run(args: &Args) -> Failure {
    match prepare(args) {
        Ok(mut command) => {
            let error = command.exec();
            Failure::Other(format!("{}: {error}", args.program[0].to_string_lossy()))
        }
        Err(failure) => failure,
    }
}

fn prepare(args: &Args) -> Result<Command, Failure> {
    let library = library()?;
    check(&args.program[0])?;
    let mut preload = library.into_os_string();
    if let Some(others) = env::var_os("LD_PRELOAD") {
        preload.push(":");
        preload.push(others);
    }
    let mut command = Command::new(&args.program[0]);
    command.args(&args.program[1..]).env("LD_PRELOAD", preload);
    command.env("RUMPHIJACK", format!("path=/rump,socket={}", args.socket));
    command.env("RUMPHIJACK_LOCAL", description(args)?).env_remove("RUMP_SERVER");
    Ok(command)
}

/// Where the library is: `RUMP_LIBDIR`, beside this program, or in the `lib` beside its folder.
fn library() -> Result<PathBuf, Failure> {
    let own = env::current_exe().ok().and_then(|own| Some(own.parent()?.to_path_buf()));
    let beside = own.iter().flat_map(|folder| [folder.clone(), folder.join("../lib")]);
    let folders: Vec<PathBuf> =
        env::var_os("RUMP_LIBDIR").map(PathBuf::from).into_iter().chain(beside).collect();
    let found = folders.iter().map(|folder| folder.join(LIBRARY)).find(|path| path.is_file());
    let found = found.and_then(|path| path.canonicalize().ok());
    found.ok_or_else(|| {
        Failure::Other(format!("{LIBRARY} is not beside this program: RUMP_LIBDIR says where it is"))
    })
}

/// What the library reads: lines, and behind an empty one the network.
fn description(args: &Args) -> Result<OsString, Failure> {
    let network = network(args)?;
    let mut text = b"net=".to_vec();
    text.extend(if network.is_some() { &b"own\n"[..] } else { b"sockin\n" });
    for disk in &args.disk {
        text.extend(self::disk(disk)?);
    }
    text.push(b'\n');
    text.extend(network.unwrap_or_default().into_bytes());
    Ok(OsString::from_vec(text))
}

/// The line of a disk. Errors: usage.
fn disk(argument: &OsStr) -> Result<Vec<u8>, Failure> {
    let wrong = |what: &str| Failure::Usage(format!("--disk {}: {what}", argument.to_string_lossy()));
    let bytes = argument.as_bytes();
    let (place, access) = match bytes.strip_suffix(b":ro") {
        Some(place) => (place, "ro"),
        None => (bytes.strip_suffix(b":rw").unwrap_or(bytes), "rw"),
    };
    // That of a scheme is none.
    let colon = place.windows(2).rposition(|pair| pair == b":/");
    let colon = colon.filter(|at| !is_url(place) || !place[at + 1..].starts_with(b"//"));
    let colon = colon.ok_or_else(|| wrong("it says no mount point"))?;
    let (image, mount_point) = (OsStr::from_bytes(&place[..colon]), &place[colon + 1..]);
    if image.is_empty() || bytes.contains(&b'\n') {
        return Err(wrong("it says no image"));
    }
    // The program may go elsewhere before the kernel boots; a URL leads to the same place from there.
    let image = match is_url(image.as_bytes()) {
        true if access == "rw" => {
            return Err(wrong(
                "no lock keeps what this program begins from writing at a server, too: add :ro",
            ));
        }
        true => image.into(),
        false => std::path::absolute(image).map_err(|error| wrong(&error.to_string()))?,
    };
    Ok([b"disk=", mount_point, b":", access.as_bytes(), b":", image.as_os_str().as_bytes(), b"\n"].concat())
}

/// The network of the kernel's own, in TOML. Errors: a file that cannot be read.
fn network(args: &Args) -> Result<Option<String>, Failure> {
    let Some(link) = &args.link else {
        return match args.net.to_str() {
            Some("sockin") => Ok(None),
            Some("none") => Ok(Some(String::new())),
            _ => {
                let path = Path::new(&args.net);
                let text = fs::read_to_string(path);
                text.map(Some).map_err(|error| Failure::Network(format!("{}: {error}", path.display())))
            }
        };
    };
    let quoted = |text: &dyn ToString| serde_json::Value::String(text.to_string()).to_string();
    let addresses: Vec<String> = args.address.iter().map(|address| quoted(address)).collect();
    let mut text = format!(
        "[[interface]]\nname = \"if0\"\nlink = {}\naddresses = [{}]\ndhcp = {}\n",
        quoted(link),
        addresses.join(", "),
        args.dhcp
    );
    for (router, metric) in args.gateway.iter().zip(0..) {
        let prefix = if router.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let router = quoted(router);
        // A text takes all.
        let _ =
            write!(text, "[[route]]\ndestination = \"{prefix}\"\ngateway = {router}\nmetric = {metric}\n");
    }
    Ok(Some(text))
}

/// Refuses programs into which no library is loaded. What is not found is left to the host to tell of.
fn check(program: &OsStr) -> Result<(), Failure> {
    let Some(path) = find(program) else { return Ok(()) };
    let refuse = |why: &str| Err(Failure::Other(format!("{}: {why}", path.display())));
    let Ok(about) = fs::metadata(&path) else { return Ok(()) };
    let sets_user = about.mode() & 0o4000 != 0 && about.uid() != rustix::process::geteuid().as_raw();
    let sets_group = about.mode() & 0o2000 != 0 && about.gid() != rustix::process::getegid().as_raw();
    if sets_user || sets_group {
        return refuse("it sets its user, and so takes no library of others");
    }
    let Ok(content) = fs::read(&path) else { return Ok(()) };
    if let Some(interpreter) = content.strip_prefix(b"#!") {
        let line = interpreter.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        // An interpreter that is a script again is what the host follows.
        return words.next().map_or(Ok(()), |word| check(OsStr::from_bytes(word)));
    }
    match is_dynamic(&content) {
        Some(true) | None => Ok(()),
        Some(false) => refuse("it is linked statically, and so takes no library"),
    }
}

/// The program as the host finds it.
fn find(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if program.as_bytes().contains(&b'/') {
        return Some(path.to_path_buf());
    }
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(path)).find(is_program)
}

/// Whether a program of ELF names an interpreter (`PT_INTERP`), if it is one of 64 bits in the order of this host.
fn is_dynamic(content: &[u8]) -> Option<bool> {
    const INTERPRETER: u32 = 3;
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = content.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    if content.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let mut kinds = (0..count).map(|index| number(table.checked_add(index * size)?, 4));
    Some(kinds.any(|kind| kind == Some(INTERPRETER as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(argument: &str) -> Option<String> {
        disk(OsStr::new(argument)).ok().map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn a_disk_has_an_image_a_place_and_perhaps_ro() {
        assert_eq!(line("/a.img:/mnt").as_deref(), Some("disk=/mnt:rw:/a.img\n"));
        assert_eq!(line("/a.img@2:/mnt/x:ro").as_deref(), Some("disk=/mnt/x:ro:/a.img@2\n"));
        assert_eq!(line("/odd:/a.img:/mnt:rw").as_deref(), Some("disk=/mnt:rw:/odd:/a.img\n"));
        for wrong in ["/a.img", "/a.img:mnt", ":/mnt", "/a\nb:/mnt"] {
            assert_eq!(line(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn this_program_is_dynamic_and_damaged_ones_are_none() {
        let own = fs::read(env::current_exe().unwrap()).unwrap();
        assert_eq!(is_dynamic(&own), Some(true));
        assert_eq!(is_dynamic(&own[..64]), Some(false));
        assert_eq!(is_dynamic(b"#!/bin/sh\n"), None);
        assert_eq!(is_dynamic(b"\x7fELF\x02\x01"), None);
    }
}
