//! Numbers that are one's own: locks on single bytes far behind the end of a file.
//!
//! They are locks of an open file (`F_OFD_SETLK`), not of a process: two kernels in one process are kept apart, and a
//! lock is gone with the last descriptor of its open file, that is when the claim is dropped or the process has ended.

#[cfg(target_os = "linux")]
pub use linux::take;
#[cfg(not(target_os = "linux"))]
pub use none::take;

#[cfg(target_os = "linux")]
mod linux {
    use crate::errno;
    use rump_hyper::{Claim, HostError, HostResult};
    use std::fs::{File, OpenOptions};
    use std::os::fd::AsRawFd;
    use std::path::Path;

    /// Where the byte of number 0 is: no file is so long.
    const FIRST: i64 = 1 << 62;

    /// The open file that has the lock.
    struct Held(#[allow(dead_code, reason = "it is closed when it is dropped")] File);

    impl Claim for Held {}

    /// See [`rump_hyper::SharedMemory::claim`].
    pub fn take(shared: &File, path: &Path, number: u32) -> HostResult<Box<dyn Claim>> {
        let failed = |error| errno::of_path(path, error);
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path);
        // Another file may be at the path by now; without /proc, that is not seen.
        let own = format!("/proc/self/fd/{}", shared.as_raw_fd());
        let file = open(Path::new(&own)).or_else(|_| open(path)).map_err(failed)?;
        match lock(&file, FIRST + i64::from(number)) {
            Ok(()) => Ok(Box::new(Held(file))),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let what = format!("{}: number {number} is somebody else's", path.display());
                Err(HostError { errno: rump_abi::Errno::EBUSY, what })
            }
            Err(error) => Err(failed(error)),
        }
    }

    #[allow(unsafe_code)]
    fn lock(file: &File, at: i64) -> std::io::Result<()> {
        let lock = libc::flock {
            l_type: libc::F_WRLCK as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: at,
            l_len: 1,
            l_pid: 0,
        };
        // SAFETY: the descriptor is open, and this command reads a flock, which lives as long as the call.
        match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use rump_abi::Errno;
    use rump_hyper::{Claim, HostError, HostResult};
    use std::fs::File;
    use std::path::Path;

    /// There is no such thing on this host.
    pub fn take(_shared: &File, path: &Path, _number: u32) -> HostResult<Box<dyn Claim>> {
        let what = format!("{}: this host has no locks of open files", path.display());
        Err(HostError { errno: Errno::ENOTSUP, what })
    }
}
