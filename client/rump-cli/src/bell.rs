//! Waiting for a descriptor of the kernel until somebody rings.

use crate::calls::Calls;
use rump_abi::{Errno, OpenFlags, PollEvents};
use rump_kern::{Fd, PollFd, Process};
use rump_kpi::KResult;
use std::time::{Duration, Instant};

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The descriptor is ready.
    Ready,
    /// The bell was rung.
    Rung,
    /// It took too long.
    TimedOut,
}

/// A pipe in the kernel that wakes whoever polls its end once it is rung, and stays rung.
#[derive(Clone)]
pub struct Bell<P = Process> {
    process: P,
    ends: [Fd; 2],
}

impl<P: Calls> Bell<P> {
    /// Errors: EMFILE.
    pub fn new(process: &P) -> KResult<Self> {
        Ok(Self { process: process.clone(), ends: process.pipe2(OpenFlags::NONBLOCK)? })
    }

    /// Rings it.
    pub fn ring(&self) {
        // A full pipe was rung before, and a kernel that was halted wakes everybody itself.
        let _ = self.process.write(self.ends[1], b"!");
    }

    /// Waits until a descriptor is ready for `events`, for `timeout` at most, or until the bell is rung, which comes first. A
    /// signal does not end it: whose handler is to, rings. Errors: those of polling.
    pub fn wait(&self, fd: Fd, events: PollEvents, timeout: Option<Duration>) -> KResult<Waited> {
        let mut fds = [PollFd::new(fd, events), PollFd::new(self.fd(), PollEvents::IN)];
        let begin = Instant::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(begin.elapsed()));
            match self.process.poll(&mut fds, left) {
                Err(error) if error.errno == Errno::EINTR => {}
                polled => {
                    polled?;
                    break;
                }
            }
        }
        Ok(match fds.map(|entry| entry.revents.is_empty()) {
            [_, false] => Waited::Rung,
            [false, _] => Waited::Ready,
            _ => Waited::TimedOut,
        })
    }

    /// What can be read from once it was rung.
    pub fn fd(&self) -> Fd {
        self.ends[0]
    }
}
