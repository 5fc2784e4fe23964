//! Memory of a client, asked for over its connection.
//!
//! Whoever leads reads the answer itself; others are told by the leader.

use super::connection::{Connection, Leading};
use super::crew::Message;
use crate::frame::{BODY_MAX, Class, Header, Kind};
use crate::memory::ClientMemory;
use parking_lot::{Condvar, Mutex};
use rump_abi::Errno;
use rump_kpi::{KError, KResult};
use std::collections::HashMap;
use std::sync::Arc;

/// Most bytes that are moved by one message.
const PIECE: usize = BODY_MAX - 4096;

/// Questions to a client that are open, with their answers. A leaf.
#[derive(Default)]
pub(super) struct Questions {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    last: u64,
    open: HashMap<u64, Option<Message>>,
    is_over: bool,
}

impl Questions {
    fn ask(&self) -> u64 {
        let mut state = self.state.lock();
        state.last += 1;
        let number = state.last;
        state.open.insert(number, None);
        number
    }

    /// Takes an answer; false: nobody asked.
    pub(super) fn answer(&self, message: Message) -> bool {
        let mut state = self.state.lock();
        let Some(place) = state.open.get_mut(&message.0.request).filter(|place| place.is_none()) else {
            return false;
        };
        *place = Some(message);
        self.answered.notify_all();
        true
    }

    fn take(&self, number: u64) -> Option<Message> {
        let mut state = self.state.lock();
        let answer = state.open.get_mut(&number)?.take();
        if answer.is_some() {
            state.open.remove(&number);
        }
        answer
    }

    /// None: the client has gone.
    fn wait(&self, number: u64) -> Option<Message> {
        let mut state = self.state.lock();
        loop {
            if let Some(answer) = state.open.get_mut(&number)?.take() {
                state.open.remove(&number);
                return Some(answer);
            }
            if state.is_over {
                return None;
            }
            self.answered.wait(&mut state);
        }
    }

    /// Nobody answers any more.
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.answered.notify_all();
    }
}

/// Memory of the client at a connection, for one call.
pub(super) struct RemoteMemory<'c> {
    pub(super) connection: &'c Arc<Connection>,
    /// The thread that asks leads.
    pub(super) leading: Option<&'c mut Leading>,
}

fn gone() -> KError {
    KError::new(Errno::EIO, "the client has gone")
}

/// The front of a request for memory: its length and its address.
fn place(length: usize, address: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(length as u64).to_ne_bytes());
    bytes[8..].copy_from_slice(&address.to_ne_bytes());
    bytes
}

impl RemoteMemory<'_> {
    fn ask(&mut self, kind: Kind, body: &[u8]) -> KResult<Message> {
        let number = self.connection.questions.ask();
        let header = Header::request(kind, number, 0, body.len());
        self.connection.send(self.leading.as_deref_mut(), &header, body, &[])?;
        let answer = match &mut self.leading {
            Some(leading) => loop {
                if let Some(answer) = self.connection.questions.take(number) {
                    break Some(answer);
                }
                if !self.connection.read_for_another(leading) {
                    break None;
                }
            },
            None => self.connection.questions.wait(number),
        };
        let answer = answer.ok_or_else(gone)?;
        if answer.0.class == Class::Error { Err(Errno::EFAULT.into()) } else { Ok(answer) }
    }

    /// As many bytes as one message has at most.
    fn bytes(&mut self, address: u64, length: usize) -> KResult<Vec<u8>> {
        Self::not_null(address)?;
        let (_, body) = self.ask(Kind::CopyIn, &place(length, address))?;
        if body.len() == length {
            Ok(body)
        } else {
            Err(KError::new(Errno::EFAULT, "the client answered with another length"))
        }
    }

    fn not_null(address: u64) -> KResult<()> {
        if address == 0 { Err(Errno::EFAULT.into()) } else { Ok(()) }
    }
}

impl ClientMemory for RemoteMemory<'_> {
    fn copyin(&mut self, address: u64, into: &mut [u8]) -> KResult<()> {
        let mut at = address;
        for piece in into.chunks_mut(PIECE) {
            piece.copy_from_slice(&self.bytes(at, piece.len())?);
            at = at.checked_add(piece.len() as u64).ok_or(Errno::EFAULT)?;
        }
        Ok(())
    }

    fn take(&mut self, address: u64, length: usize) -> KResult<Vec<u8>> {
        if (1..=PIECE).contains(&length) {
            return self.bytes(address, length);
        }
        let mut bytes = vec![0; length];
        self.copyin(address, &mut bytes)?;
        Ok(bytes)
    }

    fn copyinstr(&mut self, address: u64, most: usize) -> KResult<Vec<u8>> {
        Self::not_null(address)?;
        let (_, mut body) = self.ask(Kind::CopyInStr, &place(most.min(PIECE), address))?;
        let end = body.iter().take(most).position(|byte| *byte == 0).ok_or(Errno::ENAMETOOLONG)?;
        body.truncate(end);
        Ok(body)
    }

    fn copyout(&mut self, address: u64, bytes: &[u8]) -> KResult<()> {
        let mut at = address;
        for piece in bytes.chunks(PIECE) {
            Self::not_null(address)?;
            let front = place(piece.len(), at);
            let header = Header::request(Kind::CopyOut, 0, 0, front.len() + piece.len());
            self.connection.send(self.leading.as_deref_mut(), &header, &front, piece)?;
            at = at.checked_add(piece.len() as u64).ok_or(Errno::EFAULT)?;
        }
        Ok(())
    }

    fn map(&mut self, length: u64) -> KResult<u64> {
        let (_, body) = self.ask(Kind::AnonMmap, &length.to_ne_bytes())?;
        let address = body.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
        address.filter(|address| *address != 0).ok_or_else(|| Errno::ENOMEM.into())
    }
}
