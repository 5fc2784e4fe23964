//! A tap whose frames are without headers of their own.

use crate::Outcome;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::ErrorKind;
use std::time::Duration;
use tappers::Interface;

/// The tap, and the frame that came last.
pub struct Tap {
    tap: tappers::Tap,
    frame: Vec<u8>,
}

impl Tap {
    /// Makes one of this name.
    pub fn open(name: &str) -> Outcome<Self> {
        let mut tap = tappers::Tap::new_named(Interface::new(name)?)?;
        tap.set_nonblocking(true)?;
        Ok(Self { tap, frame: vec![0; 2048] })
    }

    /// The next frame, if there is one.
    pub fn receive(&mut self) -> Outcome<Option<&mut [u8]>> {
        match self.tap.recv(&mut self.frame) {
            Ok(length) => Ok(Some(&mut self.frame[..length])),
            // Linux's side may not be up yet.
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(5) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives Linux a frame.
    pub fn send(&self, frame: &[u8]) -> Outcome {
        match self.tap.send(frame) {
            Err(error) if error.raw_os_error() != Some(5) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Waits for a frame, but no longer than this, and no longer than a tenth of a second.
    pub fn wait(&self, limit: Option<Duration>) -> Outcome {
        let most = Duration::from_millis(100);
        let limit = Timespec::try_from(limit.map_or(most, |limit| limit.min(most)))?;
        poll(&mut [PollFd::new(&self.tap, PollFlags::IN)], Some(&limit))?;
        Ok(())
    }
}
