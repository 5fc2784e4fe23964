//! The server: a kernel, and connections of its clients.
//!
//! A client is a process of the kernel as long as its connection lasts. Nothing that one says or does ends another, or the
//! server; one that is killed leaves nothing behind. What a client may have at once is bounded ([`Limits`]).
//!
//! Locks: `clients`, then those of a connection (see `connection`); no call of the kernel is made with either.

mod connection;
mod crew;
mod forks;
mod memory;

use crate::listener::Listener;
use crate::seal::Key;
use crate::stream::{Peer, Stream};
use crate::url::Url;
use connection::Connection;
use forks::Forks;
use parking_lot::{Condvar, Mutex};
use rump_abi::{Errno, Signal};
use rump_kern::{Credentials, Handling, Kernel, Process, SignalModel};
use rump_kpi::{KError, KResult};
use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// What clients may have at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections; more wait at the door.
    pub clients: usize,
    /// Calls that one has in flight; more are answered with "try again". Each holds at most [`BODY_MAX`](crate::frame::BODY_MAX)
    /// bytes or a few of its like.
    pub calls: usize,
    /// Descriptors of one.
    pub descriptors: u32,
    /// Children that one announced and that did not come yet.
    pub forks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients: 1000, calls: 64, descriptors: rump_kern::OPEN_MAX, forks: 16 }
    }
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its process in the kernel.
    pub pid: u32,
    /// What it calls its program.
    pub name: String,
}

/// A kernel that answers clients. Dropping it sends them away.
pub struct Server {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    kernel: Kernel,
    limits: Limits,
    banner: String,
    forks: Forks,
    clients: Mutex<Clients>,
    /// One came or went, or the server ended.
    changed: Condvar,
    has_ended: AtomicBool,
    /// A client halts the kernel, and is told how that went before it is sent away.
    is_halting: AtomicBool,
    /// What becomes of the signals of clients.
    signals: SignalModel,
    /// Its other end is shut down for those who accept once the server has ended.
    bell: (UnixStream, UnixStream),
}

#[derive(Default)]
struct Clients {
    by_number: BTreeMap<u64, Arc<Connection>>,
    listening: Vec<Url>,
    /// Halts of the kernel that are under way.
    halting: usize,
    /// What went wrong with one.
    failure: Option<KError>,
}

impl Server {
    /// Signals that the kernel raises for the process of a client go to the client. When somebody halts the kernel, the server
    /// ends. Errors: ENXIO (halted), ENFILE.
    pub fn new(kernel: Kernel, limits: Limits) -> KResult<Self> {
        let names = kernel.init().uname()?;
        let bell = UnixStream::pair().map_err(|_| KError::new(Errno::ENFILE, "no sockets for the server"))?;
        let banner = format!("RUMPSP-0.4-{}-{}/{}\n", names.sysname, names.release, names.machine);
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let of_signals = shared.clone();
            let signals = SignalModel::Raise(Arc::new(move |pid, signal| {
                if let Some(shared) = of_signals.upgrade() {
                    shared.raise(pid, signal);
                }
                // What becomes of it there is not known here, and no message says that a call is to end.
                Handling::Ignored
            }));
            Shared {
                kernel,
                limits,
                banner,
                forks: Forks::default(),
                clients: Mutex::default(),
                changed: Condvar::new(),
                has_ended: AtomicBool::new(false),
                is_halting: AtomicBool::new(false),
                signals,
                bell,
            }
        });
        let of_halt = Arc::downgrade(&shared);
        shared.kernel.at_halt(move || {
            if let Some(shared) = of_halt.upgrade().filter(|shared| !shared.is_halting.load(Ordering::SeqCst))
            {
                shared.close();
            }
        })?;
        Ok(Self { shared })
    }

    /// Clients may come in here from now on; answers where that is, with the port if the host chose it. The name of a socket
    /// is gone when the server ends. Errors: AddrInUse, PermissionDenied (an address that other machines reach), those of the
    /// host.
    pub fn listen(&self, url: &Url) -> io::Result<Url> {
        self.listen_with(url, None)
    }

    /// The same, for clients that know a key: over a network there are no others. Errors: as [`Server::listen`].
    pub fn listen_with(&self, url: &Url, key: Option<Key>) -> io::Result<Url> {
        let listener = Listener::bind(url, key.is_some())?;
        let url = listener.url()?;
        self.shared.clients.lock().listening.push(url.clone());
        let (shared, at) = (self.shared.clone(), url.clone());
        let accept = move || shared.accept(listener, &at, key.as_ref());
        let spawned = thread::Builder::new().name("rump accept".into()).spawn(accept);
        spawned.inspect_err(|_| self.shared.clients.lock().listening.retain(|other| *other != url))?;
        Ok(url)
    }

    /// A client at a stream that is there already.
    pub fn serve(&self, stream: UnixStream) -> io::Result<()> {
        self.shared.begin(stream.into(), None)
    }

    /// The clients that there are.
    pub fn clients(&self) -> Vec<Client> {
        let connections: Vec<_> = self.shared.clients.lock().by_number.values().cloned().collect();
        let known = connections.iter().filter_map(|connection| connection.process());
        known.map(|process| Client { pid: process.pid(), name: String::from(&*process.name()) }).collect()
    }

    /// Waits until a client halted the kernel, or [`Server::halt`] did, and everything is written. Errors: as
    /// [`Server::halt`].
    pub fn wait(&self) -> KResult<()> {
        self.shared.wait();
        self.shared.clients.lock().failure.take().map_or(Ok(()), Err)
    }

    /// Lets nobody in any more, halts the kernel and sends the clients away. Errors: those of writing back what is not on its
    /// disks yet (EIO, ENOSPC).
    pub fn halt(&self) -> KResult<()> {
        let halted = self.shared.halt_kernel();
        self.shared.send_away();
        halted
    }

    /// Lets nobody in any more, and sends the clients away. The kernel goes on, unless a client halts it: this waits until that
    /// is done.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    fn accept(self: &Arc<Self>, listener: Listener, url: &Url, key: Option<&Key>) {
        loop {
            self.wait_for_room();
            let come = listener.wait(&self.bell.1, forks::GRACE);
            if self.has_ended() {
                break;
            }
            // What late children have stays in nobody's way, though nobody else comes.
            self.forks.forget_late();
            // A client that went away again, or no descriptor for it: the next may fare better.
            if come.and_then(|()| listener.accept()).and_then(|stream| self.begin(stream, key)).is_err() {
                thread::sleep(Duration::from_millis(10));
            }
        }
        drop(listener);
        self.clients.lock().listening.retain(|other| other != url);
        self.changed.notify_all();
    }

    fn wait_for_room(&self) {
        let mut clients = self.clients.lock();
        while clients.by_number.len() >= self.limits.clients && !self.has_ended() {
            self.changed.wait(&mut clients);
        }
    }

    fn begin(self: &Arc<Self>, stream: Stream, key: Option<&Key>) -> io::Result<()> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let peer = stream.peer()?;
        let connection = Connection::new(number, self.clone(), stream, peer, key.cloned());
        self.clients.lock().by_number.insert(number, connection.clone());
        // A server that ended meanwhile has sent all others away already.
        if self.has_ended() {
            connection.close();
        }
        connection.start().inspect_err(|_| self.forget(number))
    }

    /// The connection is over.
    fn forget(&self, number: u64) {
        let gone = self.clients.lock().by_number.remove(&number);
        drop(gone);
        self.changed.notify_all();
    }

    /// A fresh process, for somebody at the other end. Errors: ENXIO (halted), those of a limit.
    fn process_for(&self, peer: Option<Peer>) -> KResult<Process> {
        self.kernel.check_running()?;
        let process = self.kernel.process();
        process.set_open_max(self.limits.descriptors)?;
        process.set_signal_model(self.signals.clone());
        if let Some(peer) = peer.filter(|peer| !is_superuser(*peer)) {
            process.set_credentials(Credentials { uid: peer.uid, gid: peer.gid, groups: Vec::new() });
        }
        Ok(process)
    }

    fn raise(&self, pid: u32, signal: Signal) {
        let of_pid = |connection: &&Arc<Connection>| connection.process().is_some_and(|one| one.pid() == pid);
        let connection = self.clients.lock().by_number.values().find(of_pid).cloned();
        if let Some(connection) = connection {
            connection.raise(signal);
        }
    }

    /// Nobody comes in any more.
    fn end(&self) {
        {
            let _clients = self.clients.lock();
            self.has_ended.store(true, Ordering::SeqCst);
            self.changed.notify_all();
        }
        // It was shut down before, or is now.
        let _ = self.bell.0.shutdown(Shutdown::Both);
        let mut clients = self.clients.lock();
        while !clients.listening.is_empty() {
            self.changed.wait(&mut clients);
        }
    }

    fn close(&self) {
        // Calls that waited answer before everything is written, and their program may want to exit.
        if self.is_halting.load(Ordering::SeqCst) {
            return self.wait();
        }
        self.end();
        self.send_away();
    }

    /// Waits until the server has ended, everything is written, and the last client has gone.
    fn wait(&self) {
        let mut clients = self.clients.lock();
        let is_busy = |clients: &Clients| {
            clients.halting > 0 || !clients.by_number.is_empty() || !clients.listening.is_empty()
        };
        while !self.has_ended() || is_busy(&clients) {
            self.changed.wait(&mut clients);
        }
    }

    fn send_away(&self) {
        let connections: Vec<_> = self.clients.lock().by_number.values().cloned().collect();
        connections.iter().for_each(|connection| connection.close());
    }

    /// Lets nobody in any more, and halts the kernel. Errors: EIO, ENOSPC.
    fn halt_kernel(&self) -> KResult<()> {
        self.is_halting.store(true, Ordering::SeqCst);
        self.clients.lock().halting += 1;
        self.end();
        let halted = match self.kernel.init().reboot() {
            // It was halted before.
            Err(error) if error.errno == Errno::ENXIO => Ok(()),
            halted => halted,
        };
        let mut clients = self.clients.lock();
        clients.halting -= 1;
        clients.failure = halted.clone().err().or(clients.failure.take());
        self.changed.notify_all();
        halted
    }
}

/// Whoever runs the server may do everything in its kernel, as the host's superuser may.
fn is_superuser(peer: Peer) -> bool {
    peer.uid == 0 || peer.uid == rustix::process::geteuid().as_raw()
}
