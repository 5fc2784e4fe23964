//! What is no file and no directory: symbolic links, devices, fifos, sockets.

use super::error::CopyError;
use rumpkit::{FileType, Stat};
use rustix::fs::{self, FileType as HostType};
use std::os::fd::OwnedFd;

/// Makes it. `target` is that of a symbolic link.
pub fn make_special(
    parent: &OwnedFd,
    name: &[u8],
    stat: &Stat,
    target: Option<&[u8]>,
) -> Result<(), CopyError> {
    match target {
        Some(target) => Ok(fs::symlinkat(target, parent, name)?),
        None => make_node(parent, name, stat),
    }
}

fn host_type(file_type: FileType) -> Option<HostType> {
    match file_type {
        FileType::Symlink => Some(HostType::Symlink),
        FileType::CharDevice => Some(HostType::CharacterDevice),
        FileType::BlockDevice => Some(HostType::BlockDevice),
        FileType::Fifo => Some(HostType::Fifo),
        FileType::Socket => Some(HostType::Socket),
        FileType::Regular | FileType::Directory => None,
    }
}

/// Whether what the host has under `name` is the same thing, times apart.
pub fn is_same_special(
    stat: &Stat,
    target: Option<&[u8]>,
    host: &fs::Stat,
    parent: &OwnedFd,
    name: &[u8],
) -> bool {
    let is_same_type = host_type(stat.file_type) == Some(HostType::from_raw_mode(host.st_mode));
    is_same_type
        && match stat.file_type {
            FileType::Symlink => {
                fs::readlinkat(parent, name, Vec::new()).is_ok_and(|there| Some(there.as_bytes()) == target)
            }
            FileType::CharDevice | FileType::BlockDevice => is_same_device(stat, host),
            _ => true,
        }
}

#[cfg(not(target_vendor = "apple"))]
fn is_same_device(stat: &Stat, host: &fs::Stat) -> bool {
    host.st_rdev == fs::makedev(stat.rdev.major, stat.rdev.minor)
}

/// Device files are not made on this host.
#[cfg(target_vendor = "apple")]
fn is_same_device(_stat: &Stat, _host: &fs::Stat) -> bool {
    false
}

/// Device files need root; fifos and sockets do not.
#[cfg(not(target_vendor = "apple"))]
fn make_node(parent: &OwnedFd, name: &[u8], stat: &Stat) -> Result<(), CopyError> {
    let file_type = host_type(stat.file_type).ok_or(CopyError::Refused("its type cannot be created"))?;
    let device = fs::makedev(stat.rdev.major, stat.rdev.minor);
    match fs::mknodat(parent, name, file_type, fs::Mode::RUSR | fs::Mode::WUSR, device) {
        Err(rustix::io::Errno::PERM)
            if matches!(file_type, HostType::CharacterDevice | HostType::BlockDevice) =>
        {
            Err(CopyError::Refused("a device file: only root may create one"))
        }
        other => Ok(other?),
    }
}

/// This host has no call to create one relative to a directory.
#[cfg(target_vendor = "apple")]
fn make_node(_parent: &OwnedFd, _name: &[u8], _stat: &Stat) -> Result<(), CopyError> {
    Err(CopyError::Refused("a special file: this host cannot create one safely"))
}
