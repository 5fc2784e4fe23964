//! A lease in a file of the host, for the next start.
//!
//! The file is replaced as a whole: after a failure of power, too, it has what was there before or what was written last. What
//! cannot be read or written is told at the console; the client goes on without.

use super::{ClientIdentifier, Lease};
use crate::hyper::Hypervisor;
use rumpnet_dhcp::{Clocks, Kept};
use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// See the module.
pub(super) struct LeaseFile {
    path: PathBuf,
    /// That of the interface, for messages.
    name: String,
    hardware: [u8; 6],
    identifier: ClientIdentifier,
}

impl LeaseFile {
    pub fn new(path: PathBuf, name: String, hardware: [u8; 6], identifier: ClientIdentifier) -> Self {
        Self { path, name, hardware, identifier }
    }

    fn tell(&self, host: &dyn Hypervisor, what: &str) {
        host.write_line(&format!("{}: {}: {what}", self.name, self.path.display()));
    }

    /// The lease that is kept, if it is of use here and now.
    pub fn read(&self, host: &dyn Hypervisor) -> Option<Lease> {
        let ignored = |why: &str| self.tell(host, &format!("the lease is ignored: {why}"));
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                ignored(&error.to_string());
                return None;
            }
        };
        let lease =
            Kept::parse(&bytes).and_then(|kept| kept.lease(self.hardware, &self.identifier, clocks(host)));
        lease.map_err(|why| ignored(&why.to_string())).ok()
    }

    pub fn write(&self, lease: &Lease, host: &dyn Hypervisor) {
        let kept = Kept::new(self.hardware, self.identifier.clone(), lease, clocks(host));
        if let Err(error) = replace(&self.path, kept.to_string().as_bytes()) {
            self.tell(host, &format!("the lease is not kept: {error}"));
        }
    }

    pub fn remove(&self, host: &dyn Hypervisor) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                self.tell(host, &format!("the lease is still kept: {error}"));
            }
            _ => {}
        }
    }
}

fn clocks(host: &dyn Hypervisor) -> Clocks {
    let wall = host.realtime();
    // Before 1970 is a clock that was never set.
    let seconds = u64::try_from(wall.sec).unwrap_or(0);
    Clocks { monotonic: host.monotonic(), wall: Duration::new(seconds, wall.nsec) }
}

/// What is in a regular file, and a byte more than any that is of use. Errors: InvalidInput (it is no regular file).
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Nobody may be at the other end of a FIFO.
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(Kept::MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file at once, and for good.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path)?;
    // What is left there of one that was interrupted is nobody's.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // It may not be there.
        let _ = fs::remove_file(&new);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The name that a file has until it is whole. Errors: InvalidInput (the path has no name).
fn beside(path: &Path) -> io::Result<PathBuf> {
    let no_name = || io::Error::new(ErrorKind::InvalidInput, "it has no name");
    let mut name = OsString::from(path.file_name().ok_or_else(no_name)?);
    name.push(".new");
    Ok(path.with_file_name(name))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
