//! Clients of a server: `rumpclient.h`. The program is a process of the server's kernel, and its calls go there.
//!
//! A child has a copy of the parent's memory, with locks that threads may hold that the child has not, and of the descriptor
//! of its stream. So it lets go of both as they are, and connects as the process that its parent announced.

mod interface;

use crate::errno;
use crate::layout::signal;
use libc::{c_int, pid_t};
use rump_abi::Errno;
use rump_client::{Connection, Cookie, RemoteProcess, Server};
use rump_kpi::{KError, KResult};
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The descriptor of the stream, for a program that is executed.
const EXECUTED: &str = "RUMPCLIENT__EXECFD";
/// The cookie of a process that was announced, for a program that is begun otherwise.
const ANNOUNCED: &str = "RUMPCLIENT__COOKIE";

/// Who the program is; null: nobody. What was here once stays: a thread may be using it.
static PROCESS: AtomicPtr<RemoteProcess> = AtomicPtr::new(ptr::null_mut());

/// The process that calls are made in.
pub fn process() -> Option<RemoteProcess> {
    // SAFETY: it stays.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }.cloned()
}

/// A process that the program was, and the one before it.
struct Left {
    #[expect(dead_code, reason = "it is kept, and not looked at")]
    process: AtomicPtr<RemoteProcess>,
    before: AtomicPtr<Left>,
}

/// The last of them. They are not freed: a parent's has locks that nobody will let go, a child's that shared the program's memory a
/// descriptor that is not the program's. Who looks for memory that was lost finds them here.
static LEFT: AtomicPtr<Left> = AtomicPtr::new(ptr::null_mut());

fn leave(process: *mut RemoteProcess) {
    if process.is_null() {
        return;
    }
    let left = Box::leak(Box::new(Left { process: process.into(), before: AtomicPtr::default() }));
    let before = LEFT.swap(left, Ordering::AcqRel);
    left.before.store(before, Ordering::Release);
}

fn become_process(connection: Connection) {
    let process = Box::new(RemoteProcess::new(Arc::new(connection)));
    PROCESS.store(Box::into_raw(process), Ordering::Release);
}

/// The connection. Errors: ENOTCONN (there is none).
fn connection() -> KResult<Arc<Connection>> {
    Ok(process().ok_or(Errno::ENOTCONN)?.connection().clone())
}

/// The last part of the program's name.
fn name() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&name).file_name().unwrap_or(OsStr::new("client"));
    name.to_string_lossy().into_owned()
}

/// What the program is to the server after it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// What another program left it or announced, with descriptors and a working directory.
    Continued,
    /// A process that has nothing.
    Fresh,
}

/// Whether another program left this one a process, or announced one.
pub fn is_expected() -> bool {
    [EXECUTED, ANNOUNCED].iter().any(|name| std::env::var_os(name).is_some())
}

/// Whether an entry of an environment is for the program that is begun with it alone.
pub fn is_private(entry: &[u8]) -> bool {
    let is_of =
        |name: &&str| entry.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'='));
    [EXECUTED, ANNOUNCED].iter().any(is_of)
}

/// Connects, once, as what the environment says: the process of the program that executed this one, one that was announced,
/// or a fresh one. Errors: ENOENT (`RUMP_SERVER` is not set), EINVAL (it is no URL), those of connecting, which are told in
/// words.
pub fn connect() -> KResult<Origin> {
    if !PROCESS.load(Ordering::Acquire).is_null() {
        return Ok(Origin::Continued);
    }
    let server =
        Server::from_environment().ok_or_else(|| KError::new(Errno::ENOENT, "RUMP_SERVER is not set"))?;
    let server = server.map_err(|why| KError::new(Errno::EINVAL, why))?;
    let (executed, announced) = (take(EXECUTED), take(ANNOUNCED));
    let stream = executed.and_then(|text| text.parse().ok()).filter(|fd: &c_int| *fd > 2);
    if let Some(fd) = stream {
        // SAFETY: the program before this one left it for whoever finds its number.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        set_cloexec(&fd, true);
        if let Ok(connection) = Connection::executed(server.clone(), &name(), fd, signal::raise) {
            become_process(connection);
            return Ok(Origin::Continued);
        }
    }
    if let Some(cookie) = announced.and_then(|text| cookie(&text)) {
        let child = Connection::child(server.clone(), &name(), &cookie, signal::raise);
        if let Ok(connection) = child.and_then(|child| child.exec().map(|()| child)) {
            become_process(connection);
            return Ok(Origin::Continued);
        }
    }
    become_process(Connection::new(server, &name(), signal::raise)?);
    Ok(Origin::Fresh)
}

/// What a variable says, which is for this program alone.
fn take(variable: &str) -> Option<String> {
    let text = std::env::var(variable).ok()?;
    // SAFETY: programs connect before they have threads that read the environment, or with locks of their own.
    unsafe { std::env::remove_var(variable) };
    Some(text)
}

fn cookie(text: &str) -> Option<Cookie> {
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

fn set_cloexec(fd: &impl AsRawFd, is_set: bool) {
    // SAFETY: numbers.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, if is_set { libc::FD_CLOEXEC } else { 0 }) };
}

/// What a program that is executed has to have in its environment, and from then on is the process. Errors: ENOTCONN.
pub fn executing() -> KResult<Executing> {
    let connection = connection()?;
    // What is sealed is sealed for the two that met, and what another thread reads now is nobody's afterwards.
    if connection.server().key.is_some() || !connection.is_idle() {
        let announced = RumpclientFork::announce()?;
        return Ok(Executing { variable: announced.variable(), of: Of::Another(announced) });
    }
    let fd = connection.with_fd(|fd| {
        set_cloexec(&fd, false);
        fd.as_raw_fd()
    });
    Ok(Executing { variable: format!("{EXECUTED}={fd}"), of: Of::Same(connection) })
}

/// An execution that did not happen yet.
pub struct Executing {
    /// For the environment.
    pub variable: String,
    of: Of,
}

/// Which process the program will be.
enum Of {
    Same(Arc<Connection>),
    Another(RumpclientFork),
}

impl Drop for Executing {
    fn drop(&mut self) {
        match &self.of {
            Of::Same(connection) => connection.with_fd(|fd| set_cloexec(&fd, true)),
            Of::Another(announced) => announced.cancel(),
        }
    }
}

/// `struct rumpclient_fork`: a child that was announced.
pub struct RumpclientFork {
    cookie: Cookie,
    parent: *mut RemoteProcess,
}

impl RumpclientFork {
    /// Errors: ENOTCONN, EAGAIN (too many are announced), EIO.
    pub fn announce() -> KResult<Self> {
        let cookie = connection()?.prefork()?;
        Ok(Self { cookie, parent: PROCESS.load(Ordering::Acquire) })
    }

    /// What a program that is begun beside this one has to have in its environment to be the child.
    pub fn variable(&self) -> String {
        format!("{ANNOUNCED}={:032x}", u128::from_be_bytes(self.cookie))
    }

    /// In the child: becomes it. Errors: those of connecting; the child is nobody then.
    pub fn begin(&self) -> KResult<()> {
        leave(PROCESS.swap(ptr::null_mut(), Ordering::AcqRel));
        // SAFETY: it stays.
        let parent = unsafe { &*self.parent }.connection();
        let child = parent.child_of(&self.cookie);
        parent.inherited().for_each(|fd| {
            // SAFETY: the child's own number of it. The parent's stays open.
            unsafe { libc::close(fd) };
        });
        become_process(child?);
        Ok(())
    }

    /// In a parent whose memory the child shared: is itself again.
    pub fn return_to_parent(&self) {
        let child = PROCESS.swap(self.parent, Ordering::AcqRel);
        if child != self.parent {
            leave(child);
        }
    }

    /// In the parent: there is no child after all.
    pub fn cancel(&self) {
        if let Ok(connection) = connection() {
            // A server that has gone knows of none.
            let _ = connection.cancel_fork(&self.cookie);
        }
    }
}

/// Forks by `make`, which answers as fork(2) does.
pub fn fork_by(make: impl FnOnce() -> pid_t) -> pid_t {
    let fork = match RumpclientFork::announce() {
        Ok(fork) => fork,
        Err(error) => return errno::answer(Err::<c_int, _>(error)),
    };
    let pid = make();
    match pid {
        // A child that cannot be one answers ENOTCONN to all calls.
        0 => drop(fork.begin()),
        -1 => {
            // SAFETY: the place is the calling thread's own.
            let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN);
            fork.cancel();
            errno::set(number);
        }
        _ => {}
    }
    pid
}
