//! Waiting for a descriptor, until somebody else ends the wait: the self-pipe of select(2)'s users, which every host has.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno as Host;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// See the module.
pub struct SelfPipe {
    reader: UnixStream,
    writer: UnixStream,
}

impl SelfPipe {
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader, writer })
    }

    /// Ends the wait, or the next one.
    pub fn wake(&self) {
        // It is full only if it was written to before.
        let _ = (&self.writer).write(&[0]);
    }

    /// Waits until a descriptor, if there is one, is ready for something that is asked for, or until woken; answers what it
    /// is ready for.
    pub fn wait(
        &self,
        end: Option<(BorrowedFd<'_>, PollFlags)>,
        timeout: Option<Duration>,
    ) -> Result<PollFlags, Host> {
        let mut all = vec![PollFd::new(&self.reader, PollFlags::IN)];
        all.extend(end.map(|(fd, events)| PollFd::from_borrowed_fd(fd, events)));
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match poll(&mut all, timeout.as_ref()) {
            Ok(_) => {}
            Err(Host::INTR) => return Ok(PollFlags::empty()),
            Err(why) => return Err(why),
        }
        if !all[0].revents().is_empty() {
            // What is left ends the next wait, which does no harm.
            let _ = (&self.reader).read(&mut [0; 64]);
        }
        Ok(all.get(1).map_or(PollFlags::empty(), |end| end.revents()))
    }
}
