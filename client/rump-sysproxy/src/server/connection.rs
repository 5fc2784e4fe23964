//! A client, as the server has it: a stream, a process, and threads that make its calls.
//!
//! Locks: `reader` belongs to the thread that leads; then `writer`; then the leaves `crew`, `questions` and `waiting`.
//! What a request has read (`calls::Requests`) is before `writer`.

use super::Shared;
use super::crew::{Crew, Full, Job, Message};
use super::memory::{Questions, RemoteMemory};
use crate::calls::{self, Args, Requests};
use crate::frame::{Class, Handled, Handshake, Header, Kind, Refusal};
use crate::seal::Key;
use crate::stream::{Peer, Stream};
use crate::transport::{Reader, Writer};
use parking_lot::Mutex;
use rump_abi::netbsd::numbers;
use rump_abi::{Errno, Signal, SignalSet};
use rump_kern::{Handling, Interruption, Process};
use rump_kpi::{KError, KResult};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long somebody may take to say who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long who leads waits for others to write, before it reads again.
const TURN: Duration = Duration::from_millis(1);
/// Most bytes of a client's name, its end included.
const NAME_MAX: usize = 4096;

/// What the thread has that leads.
pub(super) type Leading = Reader;

/// A client.
pub(super) struct Connection {
    number: u64,
    shared: Arc<Shared>,
    stream: Stream,
    peer: Option<Peer>,
    /// What a client has to know.
    key: Option<Key>,
    /// There once it has shown that.
    ends: OnceLock<Ends>,
    process: OnceLock<Process>,
    requests: Requests,
    crew: Crew,
    pub(super) questions: Questions,
    /// Calls that may wait, by the numbers of their requests.
    waiting: Mutex<HashMap<u64, Arc<Interruption>>>,
    is_closed: AtomicBool,
}

/// What comes and what goes.
struct Ends {
    reader: Mutex<Reader>,
    writer: Mutex<Writer>,
}

/// Nothing more comes of this client: it has gone, or says what no client says.
struct Over;

impl Connection {
    pub(super) fn new(
        number: u64,
        shared: Arc<Shared>,
        stream: Stream,
        peer: Option<Peer>,
        key: Option<Key>,
    ) -> Arc<Self> {
        Arc::new(Self {
            number,
            shared,
            peer,
            stream,
            key,
            ends: OnceLock::new(),
            process: OnceLock::new(),
            requests: Requests::default(),
            crew: Crew::default(),
            questions: Questions::default(),
            waiting: Mutex::default(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Its process, if it has said who it is.
    pub(super) fn process(&self) -> Option<&Process> {
        self.process.get()
    }

    /// Begins to serve. Errors: no thread can be had, or the client has gone.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        self.stream.set_read_timeout(Some(HANDSHAKE))?;
        self.spawn()
    }

    fn spawn(self: &Arc<Self>) -> io::Result<()> {
        let connection = self.clone();
        self.crew.enter();
        let spawned = std::thread::Builder::new().name("rump client".into()).spawn(move || connection.work());
        spawned.map(drop).inspect_err(|_| {
            self.crew.leave();
        })
    }

    /// Says what this is, to who knows the key. Errors: it does not, or has gone.
    fn greet(&self) -> io::Result<()> {
        let (reader, mut writer) = self.stream.to_client(self.key.as_ref())?;
        writer.banner(&self.shared.banner)?;
        self.ends.get_or_init(|| Ends { reader: Mutex::new(reader), writer: Mutex::new(writer) });
        Ok(())
    }

    fn work(self: Arc<Self>) {
        if self.ends.get().is_none() && self.greet().is_err() {
            self.close();
        }
        loop {
            let done = match self.crew.next() {
                Job::Lead => self.lead(),
                Job::Call(message) => self.make(&message, None),
                Job::Raise(signals) => self.tell(signals),
                Job::Leave => break,
            };
            if done.is_err() {
                self.close();
            }
        }
        if self.crew.leave() {
            self.shared.forget(self.number);
        }
    }

    /// Reads what comes, until there is something to do that may have to wait.
    fn lead(self: &Arc<Self>) -> Result<(), Over> {
        let mut reader = self.ends.get().ok_or(Over)?.reader.lock();
        loop {
            let message = self.read(&mut reader)?;
            let Some(message) = self.take(message, &mut reader)? else { continue };
            if !self.may_wait(&message) {
                self.make(&message, Some(&mut reader))?;
                continue;
            }
            if self.is_another_there().is_err() {
                self.crew.finish();
                self.refuse(Some(&mut reader), &message.0, Refusal::TryAgain)?;
                continue;
            }
            self.note(&message);
            drop(reader);
            self.crew.stop_leading();
            return self.make(&message, None);
        }
    }

    /// Reads a message for another thread, while this one waits for an answer; false: there are no more.
    pub(super) fn read_for_another(self: &Arc<Self>, leading: &mut Leading) -> bool {
        let mut read = || {
            let message = self.read(leading)?;
            let Some(message) = self.take(message, leading)? else { return Ok(()) };
            if self.is_another_there().is_err() {
                self.crew.finish();
                return self.refuse(Some(&mut *leading), &message.0, Refusal::TryAgain);
            }
            self.note(&message);
            self.crew.hand_over(message);
            Ok(())
        };
        let result: Result<(), Over> = read();
        if result.is_err() {
            self.close();
        }
        result.is_ok()
    }

    /// Sees to it that there is a thread that has nothing to do.
    fn is_another_there(self: &Arc<Self>) -> io::Result<()> {
        if self.crew.has_idle() { Ok(()) } else { self.spawn() }
    }

    fn read(&self, reader: &mut Reader) -> Result<Message, Over> {
        reader.message().ok().flatten().ok_or(Over)
    }

    /// Takes a message; a call for which there is room is left to do.
    fn take(&self, message: Message, leading: &mut Leading) -> Result<Option<Message>, Over> {
        let (header, body) = &message;
        match (header.class, header.kind) {
            (Class::Response | Class::Error, _) => {
                if !self.questions.answer(message) {
                    return Err(Over);
                }
            }
            (Class::Request, Kind::Handshake) => match Handshake::from_code(header.code) {
                Some(Handshake::Guest) => self.guest(leading, header, body)?,
                Some(Handshake::Fork) => self.child(leading, header, body)?,
                Some(Handshake::Auth) => self.refuse(Some(leading), header, Refusal::Auth)?,
                Some(Handshake::Exec) => return self.with_room(message, leading),
                None => return Err(Over),
            },
            (Class::Request, Kind::Prefork) => self.prefork(leading, header)?,
            (Class::Request, Kind::Syscall) => return self.with_room(message, leading),
            (Class::Request, Kind::Raise) => self.interrupt(header, body)?,
            (Class::Request, _) => return Err(Over),
        }
        Ok(None)
    }

    fn with_room(&self, message: Message, leading: &mut Leading) -> Result<Option<Message>, Over> {
        let refusal = match self.crew.begin(self.shared.limits.calls) {
            Ok(()) => return Ok(Some(message)),
            Err(Full::Calls) => Refusal::TryAgain,
            Err(Full::Exec) => Refusal::InExec,
        };
        self.refuse(Some(leading), &message.0, refusal)?;
        Ok(None)
    }

    fn may_wait(&self, (header, body): &Message) -> bool {
        match (self.process.get(), Args::new(body)) {
            (Some(process), Ok(args)) if header.kind == Kind::Syscall => {
                calls::may_wait(process, header.code, args)
            }
            // Executing waits for other calls.
            _ => header.kind == Kind::Handshake,
        }
    }

    /// The call of a message may be ended from now on.
    fn note(&self, (header, _): &Message) {
        if header.kind == Kind::Syscall {
            self.waiting.lock().insert(header.request, Arc::default());
        }
    }

    /// A handler of the client's ran, in the thread that made a call. One that was answered meanwhile is no more.
    fn interrupt(&self, header: &Header, body: &[u8]) -> Result<(), Over> {
        let number = u64::from_ne_bytes(body.try_into().map_err(|_| Over)?);
        let handling = match Handled::from_code(header.code).ok_or(Over)? {
            Handled::Interrupts => Handling::Interrupts,
            Handled::Restarts => Handling::Restarts,
        };
        let process = self.process.get().ok_or(Over)?;
        let interruption = self.waiting.lock().get(&number).cloned();
        if let Some(interruption) = interruption {
            process.interrupt_by(&interruption, handling);
        }
        Ok(())
    }

    /// Does what there was room for, and answers.
    fn make(self: &Arc<Self>, message: &Message, leading: Option<&mut Leading>) -> Result<(), Over> {
        let (header, body) = message;
        if header.kind == Kind::Handshake {
            self.crew.finish();
            return self.exec(header, body);
        }
        let Some(process) = self.process.get() else {
            self.crew.finish();
            return self.refuse(leading, header, Refusal::Auth);
        };
        let interruption = self.waiting.lock().get(&header.request).cloned();
        let interruptible = interruption.map(|interruption| process.interruptible(&interruption));
        let process = interruptible.as_ref().unwrap_or(process);
        let is_halt = header.code == numbers::REBOOT && process.credentials().is_root();
        let mut memory = RemoteMemory { connection: self, leading };
        let answer = if is_halt {
            self.shared.halt_kernel().map(|()| [0, 0])
        } else {
            let of_call = |args| calls::call(process, &self.requests, header.code, args, &mut memory);
            Args::new(body).and_then(of_call)
        };
        if interruptible.is_some() {
            self.waiting.lock().remove(&header.request);
        }
        self.crew.finish();
        let mut bytes = [0; 24];
        match &answer {
            Ok([first, second]) => {
                bytes[8..16].copy_from_slice(&first.to_ne_bytes());
                bytes[16..].copy_from_slice(&second.to_ne_bytes());
            }
            Err(error) => bytes[..4].copy_from_slice(&i32::from(error.errno as u16).to_ne_bytes()),
        }
        let sent = self.send(memory.leading, &header.answer(bytes.len()), &bytes, &[]);
        if is_halt {
            self.shared.send_away();
        }
        sent.map_err(|_| Over)
    }

    /// Somebody says its name.
    fn guest(&self, leading: &mut Leading, header: &Header, body: &[u8]) -> Result<(), Over> {
        let name = name_of(body).ok_or(Over)?;
        let named = |process: Process| {
            process.set_name(&name);
            self.become_process(process)
        };
        let made = self.shared.process_for(self.peer).and_then(named);
        self.answer_errno(Some(leading), header, made)
    }

    /// A child comes with its cookie, or its parent says that there will be none.
    fn child(&self, leading: &mut Leading, header: &Header, body: &[u8]) -> Result<(), Over> {
        let (cookie, rest) = body.split_first_chunk().ok_or(Over)?;
        let is_cancelled = rest != [0; 4];
        match self.shared.forks.take(cookie) {
            None => self.refuse(Some(leading), header, Refusal::InvalidPrefork),
            Some(process) if is_cancelled => {
                process.exit();
                self.answer_errno(Some(leading), header, Ok(()))
            }
            Some(process) => self.answer_errno(Some(leading), header, self.become_process(process)),
        }
    }

    /// Errors: EEXIST (it said who it is before).
    fn become_process(&self, process: Process) -> KResult<()> {
        if let Err(process) = self.process.set(process) {
            process.exit();
            return Err(KError::new(Errno::EEXIST, "the client said before who it is"));
        }
        if self.is_closed.load(Ordering::SeqCst) {
            self.process.get().into_iter().for_each(Process::exit);
        }
        // The client may have gone, which reading tells.
        let _ = self.stream.set_read_timeout(None);
        Ok(())
    }

    fn prefork(&self, leading: &mut Leading, header: &Header) -> Result<(), Over> {
        let leading = Some(leading);
        let Some(process) = self.process.get() else { return self.refuse(leading, header, Refusal::Auth) };
        match self.shared.forks.announce(self.number, process, self.shared.limits.forks) {
            Ok(Some(cookie)) => {
                self.send(leading, &header.answer(cookie.len()), &cookie, &[]).map_err(|_| Over)
            }
            Ok(None) => self.refuse(leading, header, Refusal::TryAgain),
            Err(_) => self.refuse(leading, header, Refusal::ForkFailed),
        }
    }

    /// The client's program is another from now on. Calls that the former one made end, and are answered.
    fn exec(&self, header: &Header, body: &[u8]) -> Result<(), Over> {
        let name = name_of(body).ok_or(Over)?;
        let Some(process) = self.process.get() else { return self.refuse(None, header, Refusal::Auth) };
        if !self.crew.begin_exec(|| process.interrupt()) {
            return self.refuse(None, header, Refusal::InExec);
        }
        process.exec();
        self.requests.clear();
        process.set_name(&name);
        self.crew.finish_exec();
        self.answer_errno(None, header, Ok(()))
    }

    fn answer_errno(
        &self,
        leading: Option<&mut Leading>,
        header: &Header,
        result: KResult<()>,
    ) -> Result<(), Over> {
        let number = result.map_or_else(|error| error.errno as i32, |()| 0);
        let bytes = number.to_ne_bytes();
        self.send(leading, &header.answer(bytes.len()), &bytes, &[]).map_err(|_| Over)
    }

    fn refuse(&self, leading: Option<&mut Leading>, header: &Header, why: Refusal) -> Result<(), Over> {
        self.send(leading, &header.refusal(why), &[], &[]).map_err(|_| Over)
    }

    /// Sends a message. Who leads never waits for the client without reading: it may be that the client is read from before it
    /// reads. Errors: EIO (the client has gone).
    pub(super) fn send(
        &self,
        leading: Option<&mut Leading>,
        header: &Header,
        front: &[u8],
        rest: &[u8],
    ) -> KResult<()> {
        let gone = || KError::new(Errno::EIO, "the client has gone");
        let writer = &self.ends.get().ok_or_else(gone)?.writer;
        let sent = match leading {
            None => writer.lock().message(header, front, rest),
            Some(reader) => loop {
                if let Some(mut writer) = writer.try_lock_for(TURN) {
                    break writer.message_of_reader(header, (front, rest), reader);
                }
                // Another thread writes, and waits for the client, perhaps.
                reader.take_ahead().map_err(|_| gone())?;
            },
        };
        sent.map_err(|_| gone())
    }

    fn tell(&self, signals: SignalSet) -> Result<(), Over> {
        signals.iter().try_for_each(|signal| {
            let header = Header::request(Kind::Raise, 0, signal.number(), 0);
            self.send(None, &header, &[], &[]).map_err(|_| Over)
        })
    }

    /// Tells the client of a signal, at once but not by this thread: the client may not listen.
    pub(super) fn raise(self: &Arc<Self>, signal: Signal) {
        // Without a thread, one that ends a call tells it.
        let _ = self.is_another_there();
        self.crew.raise(signal);
    }

    /// Ends the client: its process, its calls, its stream.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.crew.end();
        self.questions.end();
        self.stream.shut_down();
        self.process.get().into_iter().for_each(Process::exit);
        self.shared.forks.orphan(self.number);
    }
}

/// A name in the body of a handshake, up to its end; none: it is longer than any.
fn name_of(body: &[u8]) -> Option<String> {
    if body.len() > NAME_MAX {
        return None;
    }
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    Some(String::from_utf8_lossy(&body[..end]).into_owned())
}
