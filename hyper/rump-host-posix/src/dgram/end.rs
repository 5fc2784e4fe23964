//! An end whose frames are datagrams.
//!
//! The thread that receives brings out what waits; any thread sends.
//!
//! # Locks
//! `buffer`, held by the thread that receives as long as it waits, before `sending`, which is held for calls that do not block.

use super::socket::Socket;
use crate::selfpipe::SelfPipe;
use crate::{errno, random_address};
use bytes::Bytes;
use rump_abi::Errno;
use rump_hyper::packet::{HEADER_BYTES, Medium, Offloads, Outgoing, PacketInfo, PacketIo, Received, Sent};
use rump_hyper::{HostError, HostResult};
use rustix::event::PollFlags;
use rustix::fd::AsFd;
use rustix::io::Errno as Host;
use rustix::net::{RecvFlags, recv};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest frame: 65,535 bytes of IP, with a header of Ethernet that has a tag.
const MOST_BYTES: usize = 65_553;
/// A frame that is shorter has no header of Ethernet.
const SHORTEST: usize = 14;
/// Frames that are received at once.
const MOST_FRAMES: usize = 128;
/// Parts that one call takes at most (IOV_MAX).
const MOST_PARTS: usize = 1024;
/// Bytes that wait at most, but for the frame that passes it.
const BACKLOG_BYTES: usize = 2 << 20;
/// What waits is tried again after this, and then ever more rarely: a host does not tell when the queue of a socket that we are
/// not connected to has room, and Linux's has it for eleven datagrams.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// See the module.
pub struct End {
    info: PacketInfo,
    pipe: SelfPipe,
    socket: Socket,
    /// Where frames are received: one byte longer than the longest, so that those that are longer are seen.
    buffer: Mutex<Vec<u8>>,
    sending: Mutex<Sending>,
}

struct Sending {
    backlog: VecDeque<Vec<u8>>,
    /// Of all that wait.
    bytes: usize,
    pause: Duration,
}

/// What became of a datagram.
enum Outcome {
    Gone,
    /// The other side has no room for it now.
    Busy,
    /// It is too long, or nobody is there.
    Refused,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl End {
    /// Errors: EMFILE.
    pub fn new(name: String, socket: Socket, mtu: u32, hardware: Option<[u8; 6]>) -> HostResult<Self> {
        let pipe = SelfPipe::new().map_err(|why| errno::named(&name, why))?;
        let medium = Medium::Ethernet { address: hardware.map_or_else(random_address, Ok)? };
        let info = PacketInfo { name, medium, mtu, offloads: Offloads::empty() };
        let sending = Sending { backlog: VecDeque::new(), bytes: 0, pause: FIRST_PAUSE };
        let (buffer, sending) = (Mutex::new(vec![0; MOST_BYTES + 1]), Mutex::new(sending));
        Ok(Self { info, pipe, socket, buffer, sending })
    }

    /// Receives what is there, to a bound. Datagrams that are no frames are nothing. Errors: ENETDOWN.
    fn receive_all(&self, buffer: &mut [u8], frames: &mut Vec<Received>) -> HostResult<()> {
        for _ in 0..MOST_FRAMES {
            match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((_, length)) if (SHORTEST..=MOST_BYTES).contains(&length) => {
                    let bytes = Bytes::copy_from_slice(&buffer[..length]);
                    frames.push(Received { header: [0; HEADER_BYTES], bytes });
                }
                // What we sent came to nobody: the host tells us of that here.
                Ok(_) | Err(Host::INTR | Host::CONNREFUSED | Host::HOSTUNREACH | Host::NETUNREACH) => {}
                Err(Host::AGAIN) => return Ok(()),
                Err(why) => return Err(self.gone(why)),
            }
        }
        Ok(())
    }

    fn gone(&self, why: Host) -> HostError {
        let what = format!("{}: {}", self.info.name, std::io::Error::from(why));
        HostError { errno: Errno::ENETDOWN, what }
    }
}

/// Sends a datagram without waiting.
fn send(socket: &Socket, parts: &[IoSlice<'_>]) -> Outcome {
    loop {
        match socket.send(parts) {
            Ok(()) => return Outcome::Gone,
            Err(Host::INTR) => {}
            Err(Host::AGAIN | Host::NOBUFS) => return Outcome::Busy,
            Err(_) => return Outcome::Refused,
        }
    }
}

/// Sends a frame, of which the host takes so many parts at once.
fn send_frame(socket: &Socket, frame: &Outgoing<'_>) -> Outcome {
    let length: usize = frame.parts.iter().map(|part| part.len()).sum();
    if !(1..=MOST_BYTES).contains(&length) {
        return Outcome::Refused;
    }
    match frame.parts.len() {
        0..=MOST_PARTS => {
            send(socket, &frame.parts.iter().map(|part| IoSlice::new(part)).collect::<Vec<_>>())
        }
        _ => send(socket, &[IoSlice::new(&frame.parts.concat())]),
    }
}

impl Sending {
    /// Sends what waits, as much as is taken; answers when to try again, if something waits still.
    fn flush(&mut self, socket: &Socket) -> Option<Duration> {
        let before = self.backlog.len();
        while let Some(frame) = self.backlog.front() {
            if matches!(send(socket, &[IoSlice::new(frame)]), Outcome::Busy) {
                break;
            }
            self.bytes -= frame.len();
            self.backlog.pop_front();
        }
        let has_moved = self.backlog.len() < before;
        self.pause = if has_moved { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        (!self.backlog.is_empty()).then_some(self.pause)
    }

    /// Lets a frame wait, if there is room.
    fn push(&mut self, frame: &Outgoing<'_>) -> bool {
        let has_room = self.bytes < BACKLOG_BYTES;
        if has_room {
            let bytes = frame.parts.concat();
            self.bytes += bytes.len();
            self.backlog.push_back(bytes);
        }
        has_room
    }
}

impl PacketIo for End {
    fn info(&self) -> PacketInfo {
        self.info.clone()
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let buffer = &mut *lock(&self.buffer);
        let before = frames.len();
        let again = lock(&self.sending).flush(&self.socket);
        self.receive_all(buffer, frames)?;
        if frames.len() == before {
            let timeout = [timeout, again].into_iter().flatten().min();
            let waited = self.pipe.wait(Some((self.socket.as_fd(), PollFlags::IN)), timeout);
            waited.map_err(|why| self.gone(why))?;
            self.receive_all(buffer, frames)?;
        }
        Ok(())
    }

    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent> {
        let mut sending = lock(&self.sending);
        let mut sent = Sent::default();
        let had_backlog = !sending.backlog.is_empty();
        for frame in frames {
            // Behind what waits, so that they stay in order.
            let outcome = match sending.backlog.is_empty() {
                true => send_frame(&self.socket, frame),
                false => Outcome::Busy,
            };
            match outcome {
                Outcome::Gone => {}
                Outcome::Refused => sent.refused += 1,
                Outcome::Busy if sending.push(frame) => {}
                Outcome::Busy => break,
            }
            sent.taken += 1;
        }
        if !had_backlog && !sending.backlog.is_empty() {
            sending.pause = FIRST_PAUSE;
            self.pipe.wake();
        }
        Ok(sent)
    }

    fn wake(&self) {
        self.pipe.wake();
    }
}
