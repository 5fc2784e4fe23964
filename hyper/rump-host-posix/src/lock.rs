//! The lock that keeps two writers, or a writer and a reader, of an image apart.
//!
//! `flock`: it belongs to the open file, so two kernels in one process are kept apart as well, and it is gone with the
//! process however that ends. On a file system without locks nobody can be kept away, and opening goes on.

use crate::errno;
use rump_abi::Errno;
use rump_hyper::{Access, HostError, HostResult};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Takes the lock for `access`. Errors: EBUSY, with the name of the holder where the host tells it.
pub fn take(file: &File, path: &Path, access: Access) -> HostResult<()> {
    let operation = match access {
        Access::Read => FlockOperation::NonBlockingLockShared,
        Access::ReadWrite => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) | Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK | rustix::io::Errno::NOSYS) => {
            Ok(())
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let holder = find_holder(file).unwrap_or_else(|| "another process".into());
            Err(HostError { errno: Errno::EBUSY, what: format!("{} is locked by {holder}", path.display()) })
        }
        Err(error) => Err(errno::of_path(path, error.into())),
    }
}

/// Who holds a lock on this file, from /proc/locks where there is one (proc(5)).
fn find_holder(file: &File) -> Option<String> {
    let meta = file.metadata().ok()?;
    let device = meta.dev();
    let (major, minor) = (rustix::fs::major(device as _), rustix::fs::minor(device as _));
    let place = format!("{major:02x}:{minor:02x}:{}", meta.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        // 1: FLOCK  ADVISORY  WRITE 1234 08:02:5678 0 EOF; a waiter has "->" as its second field.
        let mut fields = line.split_whitespace().skip(1).filter(|&field| field != "->").skip(3);
        let pid: u32 = fields.next()?.parse().ok()?;
        (fields.next()? == place).then_some(pid)
    })?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(match name.trim() {
        "" => format!("process {pid}"),
        name => format!("process {pid} ({name})"),
    })
}
