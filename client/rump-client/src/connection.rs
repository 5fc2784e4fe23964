//! A process at a server, and how threads share the stream to it.
//!
//! Whoever waits for an answer while nobody reads does so for all, until its own is there. Locks: `link`; then `state`
//! alone, or `lent` and then the writer. The reader belongs to who has the role. A child of the program lets all of it go, and must
//! find nothing locked beside ([`crate::lock`]).

use crate::lock::{Condvar, Mutex, RwLock};
use crate::memory::{Lent, Region};
use crate::{Retry, Server};
use rump_abi::{Errno, Signal};
use rump_kpi::{KError, KResult};
use rump_sysproxy::frame::{Class, Handshake, Header, Kind, Refusal};
use rump_sysproxy::transport::{Reader, Stream, Writer};
use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// By what the server knows the child of a process.
pub type Cookie = [u8; 16];

/// With what the banner of a server begins that we understand.
const BANNER: &str = "RUMPSP-0.";

/// Between two looks for a server that has gone.
const PAUSE: Duration = Duration::from_millis(50);

/// What becomes of signals that the kernel raises for the process.
type Raise = dyn Fn(Signal) + Send + Sync;

/// The lowest number that a stream's descriptor may have.
static LOWEST: AtomicI32 = AtomicI32::new(0);

/// Lets the descriptors of later streams have this number or a higher one, for programs that choose low ones themselves.
pub fn keep_streams_from(lowest: RawFd) {
    LOWEST.store(lowest, Ordering::Relaxed);
}

/// A process of a kernel that is elsewhere.
pub struct Connection {
    link: RwLock<Arc<Link>>,
    server: Server,
    name: String,
    /// The number of a [`Retry`]: a child finds no lock of it held.
    retry: AtomicI64,
    raise: Arc<Raise>,
}

/// A stream to a server.
struct Link {
    stream: Stream,
    reader: Mutex<Reader>,
    writer: Mutex<Writer>,
    state: Mutex<State>,
    changed: Condvar,
    lent: Mutex<Lent>,
    last: AtomicU64,
    raise: Arc<Raise>,
}

#[derive(Default)]
struct State {
    has_reader: bool,
    is_over: bool,
    answers: HashMap<u64, (Header, Vec<u8>)>,
}

/// Why there is no answer.
enum Fault {
    /// The server had gone before it was asked.
    Unasked,
    /// It went while it was asked.
    Lost,
    /// It does not want to.
    Refused(Refusal),
}

impl From<Fault> for KError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unasked | Fault::Lost => KError::new(Errno::ENOTCONN, "the server has gone"),
            Fault::Refused(why) => KError::new(why.errno().unwrap_or(Errno::EINVAL), "the server refuses"),
        }
    }
}

impl Connection {
    /// A fresh process, of a program of a name. `raise` is called, by whichever thread reads, with signals that the kernel
    /// raises. Errors: ECONNREFUSED (there is no server, or it does not let us in), EACCES (it does not
    /// know the key), EPROTONOSUPPORT (it is no server of system
    /// calls), those of the server.
    pub fn new(
        server: impl Into<Server>,
        name: &str,
        raise: impl Fn(Signal) + Send + Sync + 'static,
    ) -> KResult<Self> {
        let (server, raise): (_, Arc<Raise>) = (server.into(), Arc::new(raise));
        let link = Link::connect(&server, raise.clone())?;
        link.guest(name)?;
        Ok(Self::at(link, server, name, raise))
    }

    /// The process that another one announced by [`Connection::prefork`]. Errors: as [`Connection::new`], ESRCH (the
    /// server knows nothing of it).
    pub fn child(
        server: impl Into<Server>,
        name: &str,
        cookie: &Cookie,
        raise: impl Fn(Signal) + Send + Sync + 'static,
    ) -> KResult<Self> {
        Self::announced(server.into(), name, cookie, Arc::new(raise))
    }

    /// The same in a child of this program, which has a copy of the parent's. That copy is left as it is: its locks may be
    /// held by threads that the child has not. Errors: as [`Connection::child`].
    pub fn child_of(&self, cookie: &Cookie) -> KResult<Self> {
        let child = Self::announced(self.server.clone(), &self.name, cookie, self.raise.clone())?;
        child.retry.store(self.retry.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(child)
    }

    fn announced(server: Server, name: &str, cookie: &Cookie, raise: Arc<Raise>) -> KResult<Self> {
        let link = Link::connect(&server, raise.clone())?;
        link.handshake(Handshake::Fork, &fork_body(cookie, false))?;
        Ok(Self::at(link, server, name, raise))
    }

    /// The process whose stream a program got that was executed. Errors: ENOTCONN (the server has gone), EBADF (it is no
    /// stream), those of the server.
    pub fn executed(
        server: impl Into<Server>,
        name: &str,
        fd: OwnedFd,
        raise: impl Fn(Signal) + Send + Sync + 'static,
    ) -> KResult<Self> {
        let raise: Arc<Raise> = Arc::new(raise);
        let stream = Stream::from_fd(fd).map_err(|_| Errno::EBADF)?;
        let (reader, writer) = (Reader::new(stream.clone()), Writer::new(stream.clone()));
        let link = Link::at(stream, reader, writer, raise.clone());
        let connection = Self::at(link, server.into(), name, raise);
        connection.exec()?;
        // Calls of the program before end by then; their answers are nobody's.
        connection.link.read().state.lock().answers.clear();
        Ok(connection)
    }

    /// Tells the server that another program runs in the process: descriptors are closed that are to be closed then.
    /// Errors: ENOTCONN, those of the server.
    pub fn exec(&self) -> KResult<()> {
        self.link.read().clone().handshake(Handshake::Exec, &with_end(&self.name))
    }

    fn at(link: Link, server: Server, name: &str, raise: Arc<Raise>) -> Self {
        let (link, retry) = (RwLock::new(Arc::new(link)), AtomicI64::new(Retry::default().number()));
        Self { link, server, name: name.into(), retry, raise }
    }

    /// What becomes of it when the server goes.
    pub fn set_retry(&self, retry: Retry) {
        self.retry.store(retry.number(), Ordering::Relaxed);
    }

    /// Where its server is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its stream, for who forks or executes.
    pub fn with_fd<T>(&self, run: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        let link = self.link.read().clone();
        // SAFETY: the stream is open as long as the link is there.
        run(unsafe { BorrowedFd::borrow_raw(link.stream.fd()) })
    }

    /// Whether no call is in flight. While one is, the stream cannot be left to a program that is executed: a part of an
    /// answer may have been read.
    pub fn is_idle(&self) -> bool {
        !self.link.read().state.lock().has_reader
    }

    /// Makes a call; `regions` are what its arguments name. Errors: ENOTCONN (the server has gone, and [`Retry`] did not
    /// help), EAGAIN (too many calls are in flight), those of the call.
    pub fn call(&self, number: u32, args: &[u64], regions: &[Region<'_>]) -> KResult<[i64; 2]> {
        let body: Vec<u8> = args.iter().flat_map(|arg| arg.to_ne_bytes()).collect();
        self.call_with(number, &body, regions)
    }

    /// The same with the arguments as the server gets them. Errors: as [`Connection::call`], EINVAL (the server finds them
    /// too long or too short).
    pub fn call_with(&self, number: u32, body: &[u8], regions: &[Region<'_>]) -> KResult<[i64; 2]> {
        let answer = loop {
            let link = self.link.read().clone();
            match link.ask(Kind::Syscall, number, body, regions) {
                Err(Fault::Unasked) => self.reconnect(&link)?,
                answer => break answer?,
            }
        };
        let (errno, rest) = answer.split_first_chunk().ok_or_else(malformed)?;
        check(i32::from_ne_bytes(*errno))?;
        let value = |at: usize| {
            let bytes = rest.get(at..at + 8).and_then(|bytes| bytes.first_chunk());
            bytes.map(|bytes| i64::from_ne_bytes(*bytes)).ok_or_else(malformed)
        };
        Ok([value(4)?, value(12)?])
    }

    /// Lets the server see and change some bytes until they are given back, or the server goes; their address.
    pub(crate) fn keep(&self, bytes: Vec<u8>) -> u64 {
        self.link.read().lent.lock().keep(bytes)
    }

    /// What is now in the bytes at an address that are kept.
    pub(crate) fn kept(&self, address: u64) -> Option<Vec<u8>> {
        self.link.read().lent.lock().kept(address).map(<[u8]>::to_vec)
    }

    /// The server does not have the bytes at an address any more.
    pub(crate) fn give_back(&self, address: u64) {
        self.link.read().lent.lock().give_back(address);
    }

    /// Announces a child. Errors: ENOTCONN, EAGAIN (too many are announced), EIO.
    pub fn prefork(&self) -> KResult<Cookie> {
        let link = self.link.read().clone();
        let answer = link.ask(Kind::Prefork, 0, &[], &[])?;
        answer.try_into().map_err(|_| malformed())
    }

    /// There will be no child after all. Errors: ENOTCONN, ESRCH.
    pub fn cancel_fork(&self, cookie: &Cookie) -> KResult<()> {
        self.link.read().clone().handshake(Handshake::Fork, &fork_body(cookie, true))
    }

    /// Finds the server again. Errors: ENOTCONN.
    fn reconnect(&self, lost: &Arc<Link>) -> KResult<()> {
        let until = match Retry::from_number(self.retry.load(Ordering::Relaxed)).unwrap_or_default() {
            Retry::Never => return Err(Fault::Unasked.into()),
            Retry::Die => std::process::exit(1),
            Retry::Forever => None,
            Retry::Once => Some(Instant::now()),
            Retry::For(time) => Some(Instant::now() + time),
        };
        let mut link = self.link.write();
        // Another thread may have found it.
        while Arc::ptr_eq(&link, lost) {
            let found = Link::connect(&self.server, self.raise.clone());
            match found.and_then(|found| found.guest(&self.name).map(|()| found)) {
                Ok(found) => *link = Arc::new(found),
                Err(_) if until.is_some_and(|until| Instant::now() >= until) => {
                    return Err(Fault::Unasked.into());
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.get_mut().stream.shut_down();
    }
}

pub(crate) fn malformed() -> KError {
    KError::new(Errno::EIO, "the server's answer makes no sense")
}

/// Errors: the one that the number is.
pub(crate) fn check(errno: i32) -> KResult<()> {
    if errno == 0 {
        return Ok(());
    }
    let known = Errno::ALL.iter().find(|known| **known as i32 == errno);
    Err(known.copied().map_or_else(malformed, KError::from))
}

fn with_end(name: &str) -> Vec<u8> {
    name.bytes().filter(|byte| *byte != 0).chain([0]).collect()
}

fn fork_body(cookie: &Cookie, is_cancelled: bool) -> Vec<u8> {
    [&cookie[..], &i32::from(is_cancelled).to_ne_bytes()].concat()
}

/// What a call lends, until this is dropped.
struct Loan<'l> {
    link: &'l Link,
    call: u64,
}

impl<'l> Loan<'l> {
    /// # Safety
    /// It is dropped before the borrows of the regions end.
    unsafe fn begin(link: &'l Link, call: u64, regions: &[Region<'_>]) -> Self {
        // SAFETY: the caller's promise; dropping takes it back.
        unsafe { link.lent.lock().lend(call, regions) };
        Self { link, call }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.link.lent.lock().take_back(self.call);
    }
}

impl Link {
    fn connect(Server { url, key }: &Server, raise: Arc<Raise>) -> KResult<Self> {
        let refused = |_| KError::new(Errno::ECONNREFUSED, format!("there is no server at {url}"));
        let stream = Stream::connect(url).and_then(|stream| match LOWEST.load(Ordering::Relaxed) {
            0 => Ok(stream),
            lowest => stream.renumbered(lowest),
        });
        let stream = stream.map_err(refused)?;
        let not_known = |error: std::io::Error| KError::new(Errno::EACCES, format!("{url}: {error}"));
        let (mut reader, writer) = stream.to_server(key.as_ref()).map_err(not_known)?;
        let banner = reader.banner().map_err(refused)?;
        if !banner.starts_with(BANNER) {
            return Err(KError::new(
                Errno::EPROTONOSUPPORT,
                format!("what is at {url} is no server of system calls"),
            ));
        }
        Ok(Self::at(stream, reader, writer, raise))
    }

    fn at(stream: Stream, reader: Reader, writer: Writer, raise: Arc<Raise>) -> Self {
        Self {
            reader: Mutex::new(reader),
            writer: Mutex::new(writer),
            stream,
            state: Mutex::default(),
            changed: Condvar::default(),
            lent: Mutex::default(),
            last: AtomicU64::new(0),
            raise,
        }
    }

    fn guest(&self, name: &str) -> KResult<()> {
        self.handshake(Handshake::Guest, &with_end(name))
    }

    fn handshake(&self, kind: Handshake, body: &[u8]) -> KResult<()> {
        let answer = self.ask(Kind::Handshake, kind as u32, body, &[])?;
        check(i32::from_ne_bytes(*answer.first_chunk().ok_or_else(malformed)?))
    }

    /// Asks, and waits for the answer. The regions are lent meanwhile.
    fn ask(&self, kind: Kind, code: u32, body: &[u8], regions: &[Region<'_>]) -> Result<Vec<u8>, Fault> {
        if self.state.lock().is_over {
            return Err(Fault::Unasked);
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // SAFETY: what is lent is taken back when this is dropped, at the latest as this function answers.
        let loan = (!regions.is_empty()).then(|| unsafe { Loan::begin(self, number, regions) });
        let sent = self.writer.lock().message(&Header::request(kind, number, code, body.len()), body, &[]);
        let answer = if sent.is_ok() { self.wait(number) } else { None };
        drop(loan);
        if sent.is_err() {
            self.end();
            return Err(Fault::Unasked);
        }
        let (header, body) = answer.ok_or(Fault::Lost)?;
        if header.class == Class::Error {
            Err(Fault::Refused(Refusal::from_code(header.code)))
        } else {
            Ok(body)
        }
    }

    /// None: the server has gone.
    fn wait(&self, number: u64) -> Option<(Header, Vec<u8>)> {
        let mut state = self.state.lock();
        loop {
            if let Some(answer) = state.answers.remove(&number) {
                return Some(answer);
            }
            if state.is_over {
                return None;
            }
            if state.has_reader {
                state = self.changed.wait(state);
                continue;
            }
            state.has_reader = true;
            drop(state);
            let answer = self.read_until(number);
            state = self.state.lock();
            state.has_reader = false;
            self.changed.notify_all();
            if answer.is_some() {
                return answer;
            }
        }
    }

    /// Reads for all, until the answer to `number` comes.
    fn read_until(&self, number: u64) -> Option<(Header, Vec<u8>)> {
        let mut reader = self.reader.lock();
        loop {
            let Some((header, body)) = reader.message().ok().flatten() else {
                self.end();
                return None;
            };
            match header.class {
                Class::Request => {
                    if self.serve(&header, &body).is_none() {
                        self.end();
                        return None;
                    }
                }
                _ if header.request == number => return Some((header, body)),
                _ => {
                    self.state.lock().answers.insert(header.request, (header, body));
                    self.changed.notify_all();
                }
            }
        }
    }

    /// Does what the server asks for. None: it has gone, or asks for what no server asks for.
    fn serve(&self, header: &Header, body: &[u8]) -> Option<()> {
        let word = |at: usize| Some(u64::from_ne_bytes(*body.get(at..)?.first_chunk()?));
        // What is sent stays lent until it is.
        let mut lent = self.lent.lock();
        let answer = match header.kind {
            Kind::CopyIn => lent.copyin(word(8)?, usize::try_from(word(0)?).ok()?),
            Kind::CopyInStr => lent.copyinstr(word(8)?, usize::try_from(word(0)?).ok()?),
            Kind::CopyOut | Kind::CopyOutStr => {
                lent.copyout(word(8)?, body.get(16..)?);
                return Some(());
            }
            Kind::Raise => {
                drop(lent);
                if let Some(signal) = Signal::from_number(header.code) {
                    (self.raise)(signal);
                }
                return Some(());
            }
            // Nothing is mapped for a server.
            Kind::AnonMmap => None,
            Kind::Handshake | Kind::Syscall | Kind::Prefork => return None,
        };
        let (header, bytes) = match answer {
            Some(bytes) => (header.answer(bytes.len()), bytes),
            None => (header.refusal(Refusal::Malformed), &[][..]),
        };
        self.writer.lock().message(&header, &[], bytes).ok()
    }

    fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }
}
