//! Bytes both ways, until the other side has sent all; if the end of our input is told to it, until we have, too.
//!
//! A thread takes the host's input to the socket; what the socket receives is written by the caller. The host's input
//! and the kernel's sockets cannot be waited for together, so the thread waits for one after the other, each time together
//! with something of the same side that tells it to end. It is joined before the conversation returns.

use super::super::bell::{Bell, Waited};
use super::How;
use super::connect::Connection;
use rumpkit::kpi::socket::OptionValue;
use rumpkit::kpi::{TcpInfo, TcpState};
use rumpkit::sockopt::{IPPROTO_TCP, TCP_INFO};
use rumpkit::{Errno, Fd, KError, MessageFlags, PollEvents, PollFd, Process, Shutdown};
use rustix::event::{PollFd as HostPollFd, PollFlags, poll as host_poll};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much is read at once, from either side; no datagram is longer.
const PIECE_BYTES: usize = 65_536;
/// The longest datagram of IPv4.
const MOST_DATAGRAM: usize = 65_507;
/// How long what was sent may take to arrive, once all is said.
const PARTING: Duration = Duration::from_secs(10);
/// The same if the other side ended before all was said: it may not listen any more.
const HURRIED: Duration = Duration::from_secs(1);
/// How often it is seen whether it has arrived.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const NO_WAIT: MessageFlags = MessageFlags::DONTWAIT;

/// See the module.
pub struct Conversation<'a> {
    process: &'a Process,
    fd: Fd,
    is_stream: bool,
    ends_with_input: bool,
    timeout: Option<Duration>,
    /// Rung by a signal, and when the input is what ends it.
    stop: &'a Bell,
    /// Wakes the thread where it waits for the kernel.
    over: Bell,
    /// Rung by the thread when it ends.
    sent: Bell,
    last_active: Mutex<Instant>,
}

/// Why sending ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// The input has ended.
    All,
    /// The conversation did before.
    Some,
}

impl<'a> Conversation<'a> {
    /// Errors: EMFILE.
    pub fn new(process: &'a Process, connection: &Connection, how: &How, stop: &'a Bell) -> io::Result<Self> {
        let fd = connection.fd();
        Ok(Self {
            process,
            fd,
            is_stream: connection.is_stream(),
            ends_with_input: how.shutdown,
            timeout: how.timeout,
            stop,
            over: Bell::new(process)?,
            sent: Bell::new(process)?,
            last_active: Mutex::new(Instant::now()),
        })
    }

    /// Talks. Errors: TimedOut, those of the connection, of the input and of the output.
    pub fn run(self, input: impl AsFd + Read + Send, output: &mut impl Write) -> io::Result<()> {
        let (waker, woken) = UnixStream::pair()?;
        let sent = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let sent = self.send_all(input, &woken);
                self.sent.ring();
                if sent.is_err() || !self.is_stream && self.ends_with_input {
                    self.stop.ring();
                }
                sent
            });
            let received = self.receive_all(output).and_then(|()| self.await_sent());
            self.over.ring();
            drop(waker);
            let sent = sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            received.and(sent)
        })?;
        if self.is_stream {
            self.part(sent);
        }
        Ok(())
    }

    fn last_active(&self) -> MutexGuard<'_, Instant> {
        self.last_active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much longer it may be silent.
    fn silence_left(&self) -> Option<Duration> {
        let end = *self.last_active() + self.timeout?;
        Some(end.saturating_duration_since(Instant::now()))
    }

    /// Until the other side has sent all, it was silent for too long, or the bell rings.
    fn receive_all(&self, output: &mut impl Write) -> io::Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match self.stop.wait(self.fd, PollEvents::IN, self.silence_left())? {
                Waited::Rung => return Ok(()),
                Waited::Ready => {}
                // The thread may have sent meanwhile.
                Waited::TimedOut if self.silence_left() != Some(Duration::ZERO) => continue,
                Waited::TimedOut if self.is_stream => return Err(KError::from(Errno::ETIMEDOUT).into()),
                Waited::TimedOut => return Ok(()),
            }
            match self.process.recv(self.fd, &mut buffer, NO_WAIT) {
                Ok(0) if self.is_stream => return Ok(()),
                Ok(length) => {
                    *self.last_active() = Instant::now();
                    output.write_all(&buffer[..length])?;
                    output.flush()?;
                }
                Err(error) if error.errno == Errno::EAGAIN => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Where the other side is told of the end of our input, it may wait for that. Errors: TimedOut.
    fn await_sent(&self) -> io::Result<()> {
        if !self.is_stream || !self.ends_with_input {
            return Ok(());
        }
        loop {
            match self.stop.wait(self.sent.fd(), PollEvents::IN, self.silence_left())? {
                Waited::TimedOut if self.silence_left() != Some(Duration::ZERO) => {}
                Waited::TimedOut => return Err(KError::from(Errno::ETIMEDOUT).into()),
                Waited::Rung | Waited::Ready => return Ok(()),
            }
        }
    }

    /// Until the input ends, or the conversation does.
    fn send_all(&self, mut input: impl AsFd + Read, woken: &UnixStream) -> io::Result<Sent> {
        let mut buffer = vec![0; if self.is_stream { PIECE_BYTES } else { MOST_DATAGRAM }];
        loop {
            let mut fds = [HostPollFd::new(&input, PollFlags::IN), HostPollFd::new(woken, PollFlags::IN)];
            match host_poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            if !fds[1].revents().is_empty() {
                return Ok(Sent::Some);
            }
            let length = match input.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                length => length?,
            };
            if length == 0 {
                break;
            }
            if self.send(&buffer[..length])? == Sent::Some {
                return Ok(Sent::Some);
            }
        }
        if self.ends_with_input && self.is_stream {
            match self.process.shutdown(self.fd, Shutdown::Write) {
                // It is over already.
                Err(error) if error.errno == Errno::ENOTCONN => {}
                done => done?,
            }
        }
        Ok(Sent::All)
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<Sent> {
        while !bytes.is_empty() {
            match self.process.send(self.fd, bytes, NO_WAIT) {
                Ok(length) => {
                    *self.last_active() = Instant::now();
                    bytes = &bytes[length..];
                }
                Err(error) if error.errno == Errno::EAGAIN => {
                    if self.over.wait(self.fd, PollEvents::OUT, None)? == Waited::Rung {
                        return Ok(Sent::Some);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Sent::All)
    }

    /// The kernel ends with the command: that all has arrived is waited for, and the end of it with it, since the other side
    /// waits for that.
    fn part(&self, sent: Sent) {
        let patience = if sent == Sent::All { PARTING } else { HURRIED };
        let end = Instant::now() + patience.min(self.timeout.unwrap_or(patience));
        let _ = self.process.shutdown(self.fd, Shutdown::Write);
        while !self.has_arrived() && Instant::now() < end {
            // Nothing wakes for this. The connection is not waited for: both directions have ended, which is a reason to
            // wake up by itself.
            let mut fds = [PollFd::new(self.stop.fd(), PollEvents::IN)];
            if self.process.poll(&mut fds, Some(LOOK_AGAIN)) != Ok(0) {
                return;
            }
        }
    }

    /// Whether the other side has acknowledged all, and the end of it. Where that is not told, a host goes on by itself.
    fn has_arrived(&self) -> bool {
        let state = match self.process.getsockopt(self.fd, IPPROTO_TCP, TCP_INFO) {
            Ok(OptionValue::Bytes(bytes)) => TcpInfo::from_bytes(&bytes).map(|info| info.state),
            _ => None,
        };
        state.is_none_or(|state| matches!(state, TcpState::FinWait2 | TcpState::TimeWait | TcpState::Closed))
    }
}
