//! An end whose other side comes and goes.
//!
//! The thread that receives makes connections, and brings out what waits; any thread sends.
//!
//! # Locks
//! `receiving`, held by the thread that receives as long as it waits, before `sending`, which is held for a call that does
//! not block.

use super::framing::{Backlog, Deframer, Framed, MOST_BYTES, Misframed};
use super::socket::Listener;
use super::{LEAST_MTU, MOST_MTU, is_mtu};
use crate::place::Place;
use crate::selfpipe::SelfPipe;
use crate::{errno, random_address};
use rump_abi::Errno;
use rump_hyper::packet::{Medium, Offloads, Outgoing, PacketInfo, PacketIo, Received, Sent};
use rump_hyper::{Console, HostError, HostResult};
use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, SocketType, sendmsg, shutdown, sockopt};
use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Parts that one call takes at most (IOV_MAX).
const MOST_PARTS: usize = 1024;
/// Pause before the second attempt to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long an attempt has for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Somebody who is gone sends no signal.
#[cfg(not(target_vendor = "apple"))]
const FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const FLAGS: SendFlags = SendFlags::empty();

/// Where connections come from.
pub enum Source {
    /// There is one.
    Given(OwnedFd),
    /// They are made, to the first of these that answers.
    Places { places: Vec<Place>, longest_pause: Duration },
    /// Others make them.
    Listener(Listener),
}

/// See the module.
pub struct End {
    console: Arc<dyn Console>,
    info: PacketInfo,
    pipe: SelfPipe,
    receiving: Mutex<Receiving>,
    sending: Mutex<Sending>,
    /// Connections that began, and those that ended.
    changes: AtomicU64,
}

struct Receiving {
    /// `None` once the only connection was made.
    source: Option<Source>,
    deframer: Deframer,
    attempts: Attempts,
}

/// Attempts to connect.
struct Attempts {
    /// The one that goes on, and when it has failed.
    current: Option<(OwnedFd, Instant)>,
    /// Which place is next.
    next: usize,
    /// When.
    at: Option<Instant>,
    pause: Duration,
    /// That it fails was told.
    is_told: bool,
}

#[derive(Default)]
struct Sending {
    socket: Option<Arc<OwnedFd>>,
    backlog: Backlog,
    /// There will be no other connection.
    is_over: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Attempts {
    fn new() -> Self {
        Self { current: None, next: 0, at: None, pause: FIRST_PAUSE, is_told: false }
    }
}

impl End {
    /// Errors: EINVAL.
    pub fn new(
        console: Arc<dyn Console>,
        name: String,
        source: Source,
        mtu: u32,
        hardware: Option<[u8; 6]>,
    ) -> HostResult<Self> {
        if !is_mtu(&mtu) {
            let what = format!("stream {name}: an MTU of {mtu}, which is from {LEAST_MTU} to {MOST_MTU}");
            return Err(HostError { errno: Errno::EINVAL, what });
        }
        let pipe = SelfPipe::new().map_err(|why| errno::named(&name, why))?;
        let medium = Medium::Ethernet { address: hardware.map_or_else(random_address, Ok)? };
        let info = PacketInfo { name, medium, mtu, offloads: Offloads::empty() };
        let (source, socket) = match source {
            Source::Given(socket) => (None, Some(Arc::new(socket))),
            source => (Some(source), None),
        };
        let receiving = Receiving { source, deframer: Deframer::default(), attempts: Attempts::new() };
        let sending = Sending { socket, ..Sending::default() };
        let (receiving, sending) = (Mutex::new(receiving), Mutex::new(sending));
        Ok(Self { console, info, pipe, receiving, sending, changes: AtomicU64::new(0) })
    }

    fn tell(&self, what: &str) {
        self.console.write_line(&format!("stream {}: {what}", self.info.name));
    }

    fn gone(&self, why: &str) -> HostError {
        HostError { errno: Errno::ENETDOWN, what: format!("{}: {why}", self.info.name) }
    }

    /// Takes in what is there, then waits if that was nothing. Errors: ENETDOWN (there will be no other connection).
    fn receive_from(
        &self,
        socket: &Arc<OwnedFd>,
        deframer: &mut Deframer,
        frames: &mut Vec<Received>,
        timeout: Option<Duration>,
    ) -> Result<(), String> {
        let before = frames.len();
        for has_waited in [false, true] {
            read(socket, deframer, frames)?;
            if frames.len() > before || has_waited {
                break;
            }
            let mut events = PollFlags::IN;
            events.set(PollFlags::OUT, !lock(&self.sending).backlog.is_empty());
            let ready = self.pipe.wait(Some((socket.as_fd(), events)), timeout).map_err(text)?;
            if ready.contains(PollFlags::OUT) {
                // If it fails, so does reading.
                let _ = lock(&self.sending).flush(socket);
            }
        }
        Ok(())
    }

    /// The connection is no more.
    fn disconnect(&self, receiving: &mut Receiving, why: &str) -> HostResult<()> {
        receiving.deframer = Deframer::default();
        receiving.attempts = Attempts::new();
        let mut sending = lock(&self.sending);
        sending.socket = None;
        sending.backlog.clear();
        sending.is_over = receiving.source.is_none();
        self.changes.fetch_add(1, Ordering::Relaxed);
        if sending.is_over {
            return Err(self.gone(why));
        }
        drop(sending);
        self.tell(why);
        Ok(())
    }

    /// Makes a connection, or waits for one. Errors: ENETDOWN (there will be none).
    fn connect(&self, receiving: &mut Receiving, timeout: Option<Duration>) -> HostResult<()> {
        let connected = match &receiving.source {
            None | Some(Source::Given(_)) => return Err(self.gone("the connection has ended")),
            Some(Source::Listener(listener)) => self.accept(listener, timeout),
            Some(Source::Places { places, longest_pause }) => {
                self.attempt(&mut receiving.attempts, places, *longest_pause, timeout)
            }
        };
        if let Some(socket) = connected.map_err(|why| self.gone(&text(why)))? {
            lock(&self.sending).socket = Some(Arc::new(socket));
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn accept(&self, listener: &Listener, timeout: Option<Duration>) -> Result<Option<OwnedFd>, Host> {
        if let Some(socket) = listener.accept()? {
            return Ok(Some(socket));
        }
        self.pipe.wait(Some((listener.as_fd(), PollFlags::IN)), timeout)?;
        listener.accept()
    }

    /// Goes on with an attempt to connect, or begins one, or waits until one is due.
    fn attempt(
        &self,
        attempts: &mut Attempts,
        places: &[Place],
        longest_pause: Duration,
        timeout: Option<Duration>,
    ) -> Result<Option<OwnedFd>, Host> {
        let now = Instant::now();
        let within = |until: Instant| {
            let left = until.saturating_duration_since(now);
            Some(timeout.map_or(left, |timeout| timeout.min(left)))
        };
        if let Some(at) = attempts.at.filter(|at| *at > now) {
            self.pipe.wait(None, within(at))?;
            return Ok(None);
        }
        let (socket, limit) = match attempts.current.take() {
            Some(current) => current,
            None => match places[attempts.next % places.len()].begin(SocketType::STREAM) {
                Ok(socket) => (socket, now + PATIENCE),
                Err(why) => return self.failed(attempts, places, longest_pause, why),
            },
        };
        let ready = self.pipe.wait(Some((socket.as_fd(), PollFlags::OUT)), within(limit))?;
        if ready.is_empty() && Instant::now() < limit {
            attempts.current = Some((socket, limit));
            return Ok(None);
        }
        let failure =
            if ready.is_empty() { Some(Host::TIMEDOUT) } else { sockopt::socket_error(&socket)?.err() };
        match failure {
            None => Ok(Some(socket)),
            Some(why) => self.failed(attempts, places, longest_pause, why),
        }
    }

    /// The next attempt is at the next place, after a pause if all were tried.
    fn failed(
        &self,
        attempts: &mut Attempts,
        places: &[Place],
        longest_pause: Duration,
        why: Host,
    ) -> Result<Option<OwnedFd>, Host> {
        attempts.next += 1;
        if attempts.next % places.len() == 0 {
            attempts.at = Some(Instant::now() + attempts.pause);
            attempts.pause = (attempts.pause * 2).min(longest_pause);
            if !std::mem::replace(&mut attempts.is_told, true) {
                self.tell(&format!("{}; trying again", text(why)));
            }
        }
        Ok(None)
    }
}

fn text(why: Host) -> String {
    std::io::Error::from(why).to_string()
}

/// Reads once. Errors: why the connection is at its end.
fn read(socket: &OwnedFd, deframer: &mut Deframer, frames: &mut Vec<Received>) -> Result<(), String> {
    match rustix::io::read(socket, spare_capacity(deframer.space())) {
        Ok(0) if deframer.is_within_frame() => Err("the other side ended within a frame".into()),
        Ok(0) => Err("the other side ended the connection".into()),
        Ok(_) => deframer.take(frames).map_err(|Misframed(length)| {
            format!(
                "a frame of {length} bytes, where 1 to {MOST_BYTES} are possible: the connection is ended"
            )
        }),
        Err(Host::AGAIN | Host::INTR) => Ok(()),
        Err(why) => Err(text(why)),
    }
}

impl Sending {
    /// Writes what waits, as much as is taken.
    fn flush(&mut self, socket: &OwnedFd) -> Result<(), Host> {
        while !self.backlog.is_empty() {
            match write(socket, &self.backlog.slices())? {
                0 => break,
                written => self.backlog.advance(written),
            }
        }
        Ok(())
    }

    /// Writes frames behind what waits; those that are not taken at once wait, while there is room.
    fn send(&mut self, socket: &OwnedFd, frames: &[Framed<'_>]) -> Result<usize, Host> {
        self.flush(socket)?;
        let mut taken = 0;
        while taken < frames.len() && self.backlog.is_empty() {
            taken += self.write(socket, &frames[taken..])?;
        }
        while taken < frames.len() && self.backlog.has_room() {
            self.backlog.push(&frames[taken], 0);
            taken += 1;
        }
        Ok(taken)
    }

    /// Writes as many frames as go into one call; of the one that is not taken whole, the rest waits. Answers how many are
    /// done with.
    fn write(&mut self, socket: &OwnedFd, frames: &[Framed<'_>]) -> Result<usize, Host> {
        let (mut slices, mut count) = (Vec::with_capacity(MOST_PARTS.min(3 * frames.len())), 0);
        for frame in frames {
            if slices.len() + frame.count() > MOST_PARTS {
                break;
            }
            slices.extend(frame.slices());
            count += 1;
        }
        if count == 0 {
            // It is in more parts than one call takes.
            self.backlog.push(&frames[0], 0);
            self.flush(socket)?;
            return Ok(1);
        }
        let mut written = write(socket, &slices)?;
        for (at, frame) in frames[..count].iter().enumerate() {
            if written < frame.bytes {
                self.backlog.push(frame, written);
                return Ok(at + 1);
            }
            written -= frame.bytes;
        }
        Ok(count)
    }
}

/// How many bytes are taken without waiting.
fn write(socket: &OwnedFd, slices: &[IoSlice<'_>]) -> Result<usize, Host> {
    loop {
        match sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), FLAGS) {
            Ok(written) => return Ok(written),
            Err(Host::INTR) => {}
            Err(Host::AGAIN | Host::NOBUFS) => return Ok(0),
            Err(why) => return Err(why),
        }
    }
}

impl PacketIo for End {
    fn info(&self) -> PacketInfo {
        self.info.clone()
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let receiving = &mut *lock(&self.receiving);
        let socket = lock(&self.sending).socket.clone();
        let Some(socket) = socket else { return self.connect(receiving, timeout) };
        let before = frames.len();
        match self.receive_from(&socket, &mut receiving.deframer, frames, timeout) {
            Ok(()) => Ok(()),
            // What came before it comes first.
            Err(why) => self
                .disconnect(receiving, &why)
                .or_else(|why| if frames.len() > before { Ok(()) } else { Err(why) }),
        }
    }

    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent> {
        let mut sending = lock(&self.sending);
        let Some(socket) = sending.socket.clone() else {
            let nobody = Sent { taken: frames.len(), refused: frames.len() };
            return if sending.is_over { Err(self.gone("the connection has ended")) } else { Ok(nobody) };
        };
        let had_backlog = !sending.backlog.is_empty();
        let framed: Vec<_> = frames.iter().filter_map(Framed::new).collect();
        let refused = frames.len() - framed.len();
        match sending.send(&socket, &framed) {
            // Those that are no frames are done with in any case; they are few.
            Ok(taken) => {
                if !had_backlog && !sending.backlog.is_empty() {
                    self.pipe.wake();
                }
                Ok(Sent { taken: taken + refused, refused })
            }
            Err(_) => {
                // The thread that receives learns of it by that, and says why.
                let _ = shutdown(&*socket, Shutdown::Both);
                Ok(Sent { taken: frames.len(), refused: frames.len() })
            }
        }
    }

    fn wake(&self) {
        self.pipe.wake();
    }

    fn has_carrier(&self) -> bool {
        lock(&self.sending).socket.is_some()
    }

    fn carrier_changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}
