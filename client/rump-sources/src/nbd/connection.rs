//! A connection with requests of many threads in flight.
//!
//! Whoever waits for an answer while nobody reads becomes the reader, and puts what comes for others into the table. So no thread
//! is needed, and a call that ends leaves none. A connection that breaks, or whose server is silent for too long, is broken for
//! all. The lock of the sending side is held while a request is sent; the table's never while the socket is used.

use super::broken;
use super::handshake::{Export, negotiate};
use super::reply::read_head;
use super::request::Request;
use super::socket::Socket;
use crate::{Options, Url, socket_error};
use rump_kpi::{KError, KResult};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const REQUEST_MAGIC: u32 = 0x2560_9513;
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is asked of a server (`type`, and the flag FUA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Reads so many bytes.
    Read(u32),
    /// Writes.
    Write(&'a [u8]),
    /// Writes, and is done once that is durable.
    WriteDurably(&'a [u8]),
    /// Makes durable what was written.
    Flush,
    /// Says goodbye, which is not answered.
    Disconnect,
}

impl Command<'_> {
    /// Flags, type, length and data of the request.
    fn parts(&self) -> (u16, u16, u32, &[u8]) {
        match self {
            Self::Read(len) => (0, 0, *len, &[]),
            Self::Write(data) => (0, 1, data.len() as u32, data),
            Self::WriteDurably(data) => (1, 1, data.len() as u32, data),
            Self::Disconnect => (0, 2, 0, &[]),
            Self::Flush => (0, 3, 0, &[]),
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The server says so.
    Refused(KError),
    /// The connection is of no use any more.
    Broken(KError),
}

/// A connection to an export.
pub struct Connection {
    socket: Socket,
    export: Export,
    options: Options,
    sending: Mutex<()>,
    table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Default)]
struct Table {
    last: u64,
    /// What is in flight, but for the request whose answer is being read.
    requests: HashMap<u64, Request>,
    is_read: bool,
    broken: Option<KError>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Connects, and agrees on the export `name`. Errors: the host's, those of [`negotiate`].
    pub fn open(url: &Url, name: &str, options: &Options) -> KResult<Self> {
        let deadline = Instant::now() + options.limit;
        let socket = Socket::connect(url, options.limit)?;
        let export = negotiate(&mut socket.until(deadline), name)
            .map_err(|error| KError::new(error.errno, format!("{url}: {error}")))?;
        let (sending, table, changed) = (Mutex::default(), Mutex::default(), Condvar::new());
        Ok(Self { socket, export, options: options.clone(), sending, table, changed })
    }

    /// What was agreed on.
    pub fn export(&self) -> &Export {
        &self.export
    }

    /// Asks, and waits for the answer: what was read.
    pub fn call(&self, command: Command<'_>, offset: u64) -> Result<Vec<u8>, Failure> {
        let (.., len, _) = command.parts();
        let deadline = Instant::now() + self.options.limit_of(len as usize);
        let asked = if let Command::Read(len) = command { len } else { 0 };
        let mut table = lock(&self.table);
        table.last += 1;
        let cookie = table.last;
        table.requests.insert(cookie, Request::new(offset, asked));
        drop(table);
        if let Err(error) = self.send(command, cookie, offset, deadline) {
            self.end(error);
        }
        self.wait(cookie, deadline)
    }

    fn send(&self, command: Command<'_>, cookie: u64, offset: u64, deadline: Instant) -> KResult<()> {
        let (flags, kind, len, data) = command.parts();
        let mut head = Vec::with_capacity(28);
        head.extend(REQUEST_MAGIC.to_be_bytes());
        head.extend([flags, kind].map(u16::to_be_bytes).concat());
        head.extend([cookie, offset].map(u64::to_be_bytes).concat());
        head.extend(len.to_be_bytes());
        let _sending = lock(&self.sending);
        // Half a request may be in the stream already.
        if let Some(error) = &lock(&self.table).broken {
            return Err(error.clone());
        }
        let mut stream = self.socket.until(deadline);
        let sent = stream.write_all(&head).and_then(|()| stream.write_all(data));
        sent.map_err(|error| socket_error("request", &error))
    }

    fn wait(&self, cookie: u64, deadline: Instant) -> Result<Vec<u8>, Failure> {
        let mut table = lock(&self.table);
        loop {
            if let Some(request) = table.requests.remove(&cookie) {
                if request.is_done() {
                    return request.finish().map_err(Failure::Refused);
                }
                table.requests.insert(cookie, request);
            }
            if let Some(error) = table.broken.clone() {
                table.requests.remove(&cookie);
                return Err(Failure::Broken(error));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(table);
                self.end(broken("no answer in time"));
                table = lock(&self.table);
            } else if table.is_read {
                let waited = self.changed.wait_timeout(table, left);
                table = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                table.is_read = true;
                drop(table);
                let received = self.receive(deadline);
                lock(&self.table).is_read = false;
                if let Err(error) = received {
                    self.end(error);
                }
                self.changed.notify_all();
                table = lock(&self.table);
            }
        }
    }

    /// Reads one reply into the request that it is for.
    fn receive(&self, deadline: Instant) -> KResult<()> {
        let mut stream = self.socket.until(deadline);
        let head = read_head(&mut stream, self.export.is_structured)?;
        let cookie = head.cookie;
        let found = lock(&self.table).requests.remove(&cookie).filter(|request| !request.is_done());
        let mut request =
            found.ok_or_else(|| broken(format!("the server answers request {cookie}, which nobody made")))?;
        let filled = request.fill(head, &mut stream, self.export.is_structured);
        lock(&self.table).requests.insert(cookie, request);
        filled
    }

    /// Gives it up, for all.
    fn end(&self, why: KError) {
        lock(&self.table).broken.get_or_insert(why);
        self.socket.shutdown();
        self.changed.notify_all();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if lock(&self.table).broken.is_none() {
            // Whether it hears that or the end of the connection is the same to a server.
            let _ = self.send(Command::Disconnect, 0, 0, Instant::now() + GOODBYE);
        }
        self.socket.shutdown();
    }
}
