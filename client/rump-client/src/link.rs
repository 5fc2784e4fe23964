//! A stream to a server, and how threads share it.
//!
//! Whoever waits for an answer while nobody reads does so for all, until its own is there. Locks: `state` alone, or `lent` and
//! then the writer; the reader belongs to who has the role. A child of the program lets all of it go, and must find nothing locked
//! beside ([`crate::lock`]).
//!
//! Who sleeps has no lock: a handler that runs meanwhile may make calls. If it is one that ends calls of the host's, the server
//! is told, and ends the call that is waited for.

use crate::Server;
use crate::connection::{check, malformed, with_end};
use crate::lock::{Changes, Mutex};
use crate::memory::{Lent, Region};
use rump_abi::netbsd::numbers::*;
use rump_abi::sockopt::{SO_RCVTIMEO, SO_SNDTIMEO};
use rump_abi::{Errno, Signal};
use rump_kern::Handling;
use rump_kpi::{KError, KResult};
use rump_sysproxy::frame::{Class, Handled, Handshake, Header, Kind, Refusal, UNANSWERED};
use rump_sysproxy::transport::{Reader, Restart, Stream, Writer};
use rump_sysproxy::url::Url;
use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// With what the banner of a server begins that we understand.
const BANNER: &str = "RUMPSP-0.";

/// What becomes of signals that the kernel raises for the process.
pub(crate) type Raise = dyn Fn(Signal) -> Handling + Send + Sync;

/// What is done around the sleep of a thread.
static AROUND: OnceLock<fn(&mut dyn FnMut())> = OnceLock::new();

/// Lets `around` do what threads sleep by, and so what handlers do that run meanwhile: for a program that has something to
/// change for that time. The first one stays.
pub fn sleep_by(around: fn(&mut dyn FnMut())) {
    AROUND.get_or_init(|| around);
}

fn around<T>(run: impl FnOnce() -> T) -> Option<T> {
    let (mut run, mut answer) = (Some(run), None);
    let mut once = || answer = run.take().map(|run| run());
    match AROUND.get() {
        Some(around) => around(&mut once),
        None => once(),
    }
    answer
}

/// The lowest number that a stream's descriptor may have.
static LOWEST: AtomicI32 = AtomicI32::new(0);

/// Lets the descriptors of later streams have this number or a higher one, for programs that choose low ones themselves.
pub fn keep_streams_from(lowest: RawFd) {
    LOWEST.store(lowest, Ordering::Relaxed);
}

/// A stream to a server.
pub(crate) struct Link {
    pub(crate) stream: Stream,
    reader: Mutex<Reader>,
    writer: Mutex<Writer>,
    state: Mutex<State>,
    changed: Changes,
    pub(crate) lent: Mutex<Lent>,
    nap: Nap,
    last: AtomicU64,
    raise: Arc<Raise>,
}

#[derive(Default)]
struct State {
    /// The thread that reads.
    reader: Option<Thread>,
    is_over: bool,
    answers: HashMap<u64, Answer>,
}

type Answer = (Header, Vec<u8>);

/// The sleep of the thread that reads. A handler that interrupts it may ask as well, and read what the thread waits for; the
/// host goes on with the sleep after one of `SA_RESTART`, where nothing more comes.
#[derive(Default)]
struct Nap {
    /// How often handlers asked.
    asked: AtomicU32,
    is_asleep: AtomicBool,
    /// The sleep is to end soon.
    is_cut: AtomicBool,
}

/// How long a sleep that is to end goes on, if the host begins it again.
const CUT: Duration = Duration::from_micros(1);

/// A thread, while it lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Thread(usize);

impl Thread {
    fn current() -> Self {
        thread_local!(static OWN: u8 = const { 0 });
        Self(OWN.with(|own| std::ptr::from_ref(own).addr()))
    }
}

/// A request that was sent.
struct Asked {
    number: u64,
    /// Of a call, which handlers end: after which it goes on.
    restart: Option<Restart>,
}

/// As Linux has it; `is_limited`: the socket that it is made of has a limit of time for it.
pub(crate) fn restart_of(number: u32, is_limited: impl FnOnce(i32) -> bool) -> Restart {
    let of_limit = |limit| if is_limited(limit) { Restart::Never } else { Restart::Often };
    match number {
        READ | READV | RECVFROM | RECVMSG | RECVMMSG | ACCEPT | PACCEPT => of_limit(SO_RCVTIMEO),
        WRITE | WRITEV | SENDTO | SENDMSG | SENDMMSG | CONNECT => of_limit(SO_SNDTIMEO),
        POLL | __POLLTS50 | __SELECT50 | __PSELECT50 | __KEVENT50 | __NANOSLEEP50 | CLOCK_NANOSLEEP => {
            Restart::Never
        }
        COMPAT_50_POLLTS | COMPAT_50_SELECT | COMPAT_50_PSELECT | COMPAT_50_KEVENT => Restart::Never,
        COMPAT_50_NANOSLEEP | __AIO_SUSPEND50 | COMPAT_50_AIO_SUSPEND => Restart::Never,
        _ => Restart::Often,
    }
}

/// Why there is no answer.
pub(crate) enum Fault {
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

fn no_server(url: &Url) -> KError {
    KError::new(Errno::ECONNREFUSED, format!("there is no server at {url}"))
}

impl Link {
    /// Errors: ECONNREFUSED.
    pub(crate) fn open(Server { url, .. }: &Server) -> KResult<Stream> {
        let stream = Stream::connect(url).and_then(|stream| match LOWEST.load(Ordering::Relaxed) {
            0 => Ok(stream),
            lowest => stream.renumbered(lowest),
        });
        stream.map_err(|_| no_server(url))
    }

    /// Errors: ECONNREFUSED, EACCES, EPROTONOSUPPORT.
    pub(crate) fn connect(stream: Stream, Server { url, key }: &Server, raise: Arc<Raise>) -> KResult<Self> {
        let not_known = |error: std::io::Error| KError::new(Errno::EACCES, format!("{url}: {error}"));
        let (mut reader, writer) = stream.to_server(key.as_ref()).map_err(not_known)?;
        let banner = reader.banner().map_err(|_| no_server(url))?;
        if !banner.starts_with(BANNER) {
            return Err(KError::new(
                Errno::EPROTONOSUPPORT,
                format!("what is at {url} is no server of system calls"),
            ));
        }
        Ok(Self::at(stream, reader, writer, raise))
    }

    pub(crate) fn at(stream: Stream, reader: Reader, writer: Writer, raise: Arc<Raise>) -> Self {
        Self {
            reader: Mutex::new(reader),
            writer: Mutex::new(writer),
            stream,
            state: Mutex::default(),
            changed: Changes::default(),
            lent: Mutex::default(),
            nap: Nap::default(),
            last: AtomicU64::new(0),
            raise,
        }
    }

    pub(crate) fn guest(&self, name: &str) -> KResult<()> {
        self.handshake(Handshake::Guest, &with_end(name))
    }

    pub(crate) fn handshake(&self, kind: Handshake, body: &[u8]) -> KResult<()> {
        let answer = self.ask((Kind::Handshake, kind as u32), body, &[], None)?;
        check(i32::from_ne_bytes(*answer.first_chunk().ok_or_else(malformed)?))
    }

    /// Asks, and waits for the answer. The regions are lent meanwhile. Handlers end calls, after which of them `restart` says.
    pub(crate) fn ask(
        &self,
        (kind, code): (Kind, u32),
        body: &[u8],
        regions: &[Region<'_>],
        restart: Option<Restart>,
    ) -> Result<Vec<u8>, Fault> {
        if self.state.lock().is_over {
            return Err(Fault::Unasked);
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // SAFETY: what is lent is taken back when this is dropped, at the latest as this function answers.
        let loan = (!regions.is_empty()).then(|| unsafe { Loan::begin(self, number, regions) });
        let sent = self.writer.lock().message(&Header::request(kind, number, code, body.len()), body, &[]);
        let answer = if sent.is_ok() { self.wait(&Asked { number, restart }) } else { None };
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

    /// Whether nobody waits for an answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().reader.is_none()
    }

    /// Answers that came are nobody's.
    pub(crate) fn forget_answers(&self) {
        self.state.lock().answers.clear();
    }

    /// None: the server has gone.
    fn wait(&self, asked: &Asked) -> Option<Answer> {
        let own = Thread::current();
        loop {
            let mut state = self.state.lock();
            if let Some(answer) = state.answers.remove(&asked.number) {
                return Some(answer);
            }
            if state.is_over {
                return None;
            }
            let before = state.reader;
            if before.is_some_and(|reader| reader != own) {
                let seen = self.changed.count();
                drop(state);
                self.sleep(asked, |restart| self.changed.sleep(seen, restart));
                continue;
            }
            // It may be a handler that asks, of a thread that sleeps as the one that reads.
            state.reader = Some(own);
            drop(state);
            let answer = self.read_until(asked);
            let mut state = self.state.lock();
            state.reader = before;
            let is_something_left = state.is_over || !state.answers.is_empty();
            drop(state);
            self.changed.tell();
            if before.is_some() {
                self.cut_nap(is_something_left);
            }
            if answer.is_some() {
                return answer;
            }
        }
    }

    /// Reads for all, until the answer comes, which a call of a handler may have read. None: the server has gone.
    fn read_until(&self, asked: &Asked) -> Option<Answer> {
        let has_come = || self.has_come();
        loop {
            let seen = self.nap.asked.load(Ordering::SeqCst);
            if !has_come() {
                let sleep = |_| {
                    self.sleep(asked, |restart| self.take_nap(seen, restart));
                    false
                };
                if !rump_spin::wait(None, has_come, sleep) {
                    let mut state = self.state.lock();
                    match state.answers.remove(&asked.number) {
                        None if !state.is_over => continue,
                        answer => return answer,
                    }
                }
            }
            let Some((header, body)) = self.reader.lock().message().ok().flatten() else {
                self.end();
                return None;
            };
            match header.class {
                Class::Request => {
                    if self.serve(asked, &header, &body).is_none() {
                        self.end();
                        return None;
                    }
                }
                _ if header.request == asked.number => return Some((header, body)),
                _ if header.request == UNANSWERED => {}
                _ => {
                    self.state.lock().answers.insert(header.request, (header, body));
                    self.changed.tell();
                }
            }
        }
    }

    /// Whether reading would not sleep. What goes wrong is told by reading.
    fn has_come(&self) -> bool {
        self.reader.lock().look().unwrap_or(true)
    }

    /// Sleeps until something comes, or a handler asked after `seen`; true: a handler ended it that ends calls.
    fn take_nap(&self, seen: u32, restart: Restart) -> bool {
        // Of a handler, too, which interrupts another sleep.
        let was_asleep = self.nap.is_asleep.swap(true, Ordering::SeqCst);
        let is_ended = self.nap.asked.load(Ordering::SeqCst) == seen && self.stream.sleep(restart);
        self.nap.is_asleep.store(was_asleep, Ordering::SeqCst);
        if self.nap.is_cut.swap(false, Ordering::SeqCst) {
            // Where that is refused, the stream is at its end.
            let _ = self.stream.set_read_timeout(None);
        }
        is_ended
    }

    /// In a handler that asked: the thread that it interrupts looks whether something is there for it.
    fn cut_nap(&self, is_something_left: bool) {
        self.nap.asked.fetch_add(1, Ordering::SeqCst);
        if self.nap.is_asleep.load(Ordering::SeqCst) && (is_something_left || self.has_come()) {
            self.nap.is_cut.store(true, Ordering::SeqCst);
            let _ = self.stream.set_read_timeout(Some(CUT));
        }
    }

    /// Sleeps by what answers whether a handler ran that ends calls.
    fn sleep(&self, asked: &Asked, sleep: impl FnOnce(Restart) -> bool) {
        if around(|| sleep(asked.restart.unwrap_or(Restart::Often))) == Some(true) {
            self.interrupt(asked, Handling::Interrupts);
        }
    }

    /// Tells the server of a handler that ran while a call is waited for.
    fn interrupt(&self, asked: &Asked, handling: Handling) {
        let code = match handling {
            Handling::Ignored => return,
            Handling::Interrupts => Handled::Interrupts,
            Handling::Restarts => Handled::Restarts,
        };
        if asked.restart.is_some() {
            let number = asked.number.to_ne_bytes();
            let header = Header::request(Kind::Raise, UNANSWERED, code as u32, number.len());
            // A server that has gone is noticed by reading.
            let _ = self.writer.lock().message(&header, &number, &[]);
        }
    }

    /// Does what the server asks for. None: it has gone, or asks for what no server asks for.
    fn serve(&self, asked: &Asked, header: &Header, body: &[u8]) -> Option<()> {
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
                let signal = Signal::from_number(header.code);
                if let Some(handling) = signal.and_then(|signal| around(|| (self.raise)(signal))) {
                    self.interrupt(asked, handling);
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
        self.changed.tell();
    }
}
