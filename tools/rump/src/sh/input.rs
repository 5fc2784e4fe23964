//! Lines of standard input without an editor of lines: waiting for one ends when the program is to end.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use std::io;

/// How often the wish to end is asked for.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
const CHUNK_BYTES: usize = 64 << 10;
/// Longest line.
const LINE_BYTES: usize = 1 << 20;

/// Standard input.
#[derive(Default)]
pub struct Lines {
    buffer: Vec<u8>,
    is_over: bool,
}

impl Lines {
    /// The next line without its end; nothing at the end of all, or once `is_ending` says so. Errors: those of the host; a line
    /// is too long.
    pub fn next(&mut self, is_ending: &dyn Fn() -> bool) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            if self.is_over {
                let line = std::mem::take(&mut self.buffer);
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
            if self.buffer.len() > LINE_BYTES {
                return Err(io::Error::other("a line is too long"));
            }
            if is_ending() {
                return Ok(None);
            }
            self.wait()?;
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let input = io::stdin();
        match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&PATIENCE)) {
            Ok(0) | Err(Errno::INTR) => return Ok(()),
            other => other?,
        };
        let begin = self.buffer.len();
        self.buffer.resize(begin + CHUNK_BYTES, 0);
        let count = read(&input, &mut self.buffer[begin..]);
        self.buffer.truncate(begin + *count.as_ref().unwrap_or(&0));
        match count {
            Ok(0) => self.is_over = true,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
