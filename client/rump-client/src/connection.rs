//! A process at a server, with whichever stream leads there.
//!
//! Locks: `finding`, then `link`, a leaf. A child of the program has a copy of them, and must not take them: a thread may hold
//! them that it has not.

use crate::link::{Fault, Link, Raise, restart_of};
use crate::lock::{Mutex, RwLock};
use crate::memory::Region;
use crate::{Retry, Server};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::{GETSOCKOPT, SETSOCKOPT};
use rump_abi::netbsd::time::Timeval;
use rump_abi::sockopt::{SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET};
use rump_abi::{Errno, Signal};
use rump_kern::Handling;
use rump_kpi::{KError, KResult};
use rump_sysproxy::frame::{Handshake, Kind};
use rump_sysproxy::transport::{Reader, Restart, Stream, Writer};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// By what the server knows the child of a process.
pub type Cookie = [u8; 16];

/// Between two looks for a server that has gone.
const PAUSE: Duration = Duration::from_millis(50);

/// A process of a kernel that is elsewhere.
pub struct Connection {
    link: RwLock<Arc<Link>>,
    /// For whoever looks for a server.
    finding: Mutex<()>,
    /// The descriptors of the stream, and of one that may become it, or -1: a child finds no lock of them held.
    fds: [AtomicI32; 2],
    server: Server,
    name: String,
    /// The number of a [`Retry`]: a child finds no lock of it held.
    retry: AtomicI64,
    /// The program gave a socket a limit of time. Of those that the program before it gave, nothing is known.
    has_limits: AtomicBool,
    raise: Arc<Raise>,
}

impl Connection {
    /// A fresh process, of a program of a name. `raise` is called, by whichever thread reads, with signals that the kernel
    /// raises, and answers a [`Handling`]: what a handler ends is the call of that thread. Errors: ECONNREFUSED (there is no server, or it does not let us in), EACCES (it does not
    /// know the key), EPROTONOSUPPORT (it is no server of system
    /// calls), those of the server.
    pub fn new<H: Into<Handling>>(
        server: impl Into<Server>,
        name: &str,
        raise: impl Fn(Signal) -> H + Send + Sync + 'static,
    ) -> KResult<Self> {
        let (server, raise) = (server.into(), raising(raise));
        let link = Link::connect(Link::open(&server)?, &server, raise.clone())?;
        link.guest(name)?;
        Ok(Self::at(link, server, name, raise))
    }

    /// The process that another one announced by [`Connection::prefork`]. Errors: as [`Connection::new`], ESRCH (the
    /// server knows nothing of it).
    pub fn child<H: Into<Handling>>(
        server: impl Into<Server>,
        name: &str,
        cookie: &Cookie,
        raise: impl Fn(Signal) -> H + Send + Sync + 'static,
    ) -> KResult<Self> {
        Self::announced(server.into(), name, cookie, raising(raise))
    }

    /// The same in a child of this program, which has a copy of the parent's. That copy is left as it is: its locks may be
    /// held by threads that the child has not. Errors: as [`Connection::child`].
    pub fn child_of(&self, cookie: &Cookie) -> KResult<Self> {
        let child = Self::announced(self.server.clone(), &self.name, cookie, self.raise.clone())?;
        child.retry.store(self.retry.load(Ordering::Relaxed), Ordering::Relaxed);
        child.has_limits.store(self.has_limits.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(child)
    }

    fn announced(server: Server, name: &str, cookie: &Cookie, raise: Arc<Raise>) -> KResult<Self> {
        let link = Link::connect(Link::open(&server)?, &server, raise.clone())?;
        link.handshake(Handshake::Fork, &fork_body(cookie, false))?;
        Ok(Self::at(link, server, name, raise))
    }

    /// The process whose stream a program got that was executed. Errors: ENOTCONN (the server has gone), EBADF (it is no
    /// stream), those of the server.
    pub fn executed<H: Into<Handling>>(
        server: impl Into<Server>,
        name: &str,
        fd: OwnedFd,
        raise: impl Fn(Signal) -> H + Send + Sync + 'static,
    ) -> KResult<Self> {
        let raise = raising(raise);
        let stream = Stream::from_fd(fd).map_err(|_| Errno::EBADF)?;
        let (reader, writer) = (Reader::new(stream.clone()), Writer::new(stream.clone()));
        let link = Link::at(stream, reader, writer, raise.clone());
        let connection = Self::at(link, server.into(), name, raise);
        connection.exec()?;
        // Calls of the program before end by then; their answers are nobody's.
        connection.link.read().forget_answers();
        Ok(connection)
    }

    /// Tells the server that another program runs in the process: descriptors are closed that are to be closed then.
    /// Errors: ENOTCONN, those of the server.
    pub fn exec(&self) -> KResult<()> {
        self.link.read().clone().handshake(Handshake::Exec, &with_end(&self.name))
    }

    fn at(link: Link, server: Server, name: &str, raise: Arc<Raise>) -> Self {
        let fds = [link.stream.fd(), -1].map(AtomicI32::new);
        let (link, retry) = (RwLock::new(Arc::new(link)), AtomicI64::new(Retry::default().number()));
        let has_limits = AtomicBool::new(false);
        Self { link, finding: Mutex::default(), fds, server, name: name.into(), retry, has_limits, raise }
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

    /// The descriptors that a child has of it, which is to close them: another program has them open as well. No lock is taken,
    /// as a thread may have it that a child has not.
    pub fn inherited(&self) -> impl Iterator<Item = RawFd> {
        self.fds.iter().map(|fd| fd.load(Ordering::Acquire)).filter(|fd| *fd >= 0)
    }

    /// Whether no call is in flight. While one is, the stream cannot be left to a program that is executed: a part of an
    /// answer may have been read.
    pub fn is_idle(&self) -> bool {
        self.link.read().is_idle()
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
        if is_limit(number, body) {
            self.has_limits.store(true, Ordering::Relaxed);
        }
        let restart = restart_of(number, |limit| self.is_limited(body, limit));
        let answer = self.ask((Kind::Syscall, number), body, regions, Some(restart))?;
        let (errno, rest) = answer.split_first_chunk().ok_or_else(malformed)?;
        check(i32::from_ne_bytes(*errno))?;
        let value = |at: usize| {
            let bytes = rest.get(at..at + 8).and_then(|bytes| bytes.first_chunk());
            bytes.map(|bytes| i64::from_ne_bytes(*bytes)).ok_or_else(malformed)
        };
        Ok([value(4)?, value(12)?])
    }

    /// Whether the socket that a call begins with may not wait for ever. The server knows, whoever gave it a limit.
    fn is_limited(&self, body: &[u8], limit: i32) -> bool {
        if !self.has_limits.load(Ordering::Relaxed) {
            return false;
        }
        let (mut time, mut length) = ([0; Timeval::SIZE], (Timeval::SIZE as u32).to_bytes());
        let regions = [Region::write(&mut time), Region::write(&mut length)];
        let [place, room] = regions.each_ref().map(Region::address);
        let slots = [SOL_SOCKET as u64, limit as u64, place, room].into_iter().flat_map(u64::to_ne_bytes);
        let body: Vec<u8> = body.iter().take(8).copied().chain(slots).collect();
        // What is no socket has none.
        let _ = self.ask((Kind::Syscall, GETSOCKOPT), &body, &regions, Some(Restart::Often));
        time != [0; Timeval::SIZE]
    }

    /// Asks the server, or the next one if it has gone. Errors: ENOTCONN (and [`Retry`] did not help), those of refusing.
    fn ask(
        &self,
        what: (Kind, u32),
        body: &[u8],
        regions: &[Region<'_>],
        restart: Option<Restart>,
    ) -> KResult<Vec<u8>> {
        loop {
            let link = self.link.read().clone();
            match link.ask(what, body, regions, restart) {
                Err(Fault::Unasked) => self.reconnect(&link)?,
                answer => return Ok(answer?),
            }
        }
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

    /// Announces a child. Errors: as [`Connection::call`], EAGAIN (too many are announced), EIO.
    pub fn prefork(&self) -> KResult<Cookie> {
        let answer = self.ask((Kind::Prefork, 0), &[], &[], None)?;
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
        let _one = self.finding.lock();
        // Another thread may have found it.
        while Arc::ptr_eq(&self.link.read(), lost) {
            match self.find() {
                Ok(()) => break,
                Err(_) if until.is_some_and(|until| Instant::now() >= until) => {
                    return Err(Fault::Unasked.into());
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
        Ok(())
    }

    /// Errors: there is no server, or it does not want us.
    fn find(&self) -> KResult<()> {
        let [current, next] = &self.fds;
        let stream = Link::open(&self.server)?;
        next.store(stream.fd(), Ordering::Release);
        let found = Link::connect(stream.clone(), &self.server, self.raise.clone());
        let found = found.and_then(|found| found.guest(&self.name).map(|()| found)).map(|found| {
            current.store(stream.fd(), Ordering::Release);
            *self.link.write() = Arc::new(found);
        });
        // Nobody else has the number before it is not known any more.
        next.store(-1, Ordering::Release);
        drop(stream);
        found
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.get_mut().stream.shut_down();
    }
}

/// Whether a call gives a socket a limit of time, or takes it away.
fn is_limit(number: u32, body: &[u8]) -> bool {
    let slot = |at: usize| {
        body.get(8 * at..).and_then(|rest| rest.first_chunk()).map(|slot| i32::from_ne_bytes(*slot))
    };
    number == SETSOCKOPT && slot(1) == Some(SOL_SOCKET) && matches!(slot(2), Some(SO_RCVTIMEO | SO_SNDTIMEO))
}

fn raising<H: Into<Handling>>(raise: impl Fn(Signal) -> H + Send + Sync + 'static) -> Arc<Raise> {
    Arc::new(move |signal| raise(signal).into())
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

pub(crate) fn with_end(name: &str) -> Vec<u8> {
    name.bytes().filter(|byte| *byte != 0).chain([0]).collect()
}

fn fork_body(cookie: &Cookie, is_cancelled: bool) -> Vec<u8> {
    [&cookie[..], &i32::from(is_cancelled).to_ne_bytes()].concat()
}
