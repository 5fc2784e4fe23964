//! Signals, and how a process hears of what is done (`struct sigevent`).

use crate::pointer::Value;
use libc::{c_int, sigevent, sigset_t};
use rump_abi::{Errno, Signal, SignalSet};
use rump_kern::{Handling, Notify};
use rump_kpi::KResult;

/// Signals by their numbers at the host.
const SIGNALS: &[(c_int, Signal)] = &[
    (libc::SIGHUP, Signal::SIGHUP),
    (libc::SIGINT, Signal::SIGINT),
    (libc::SIGQUIT, Signal::SIGQUIT),
    (libc::SIGILL, Signal::SIGILL),
    (libc::SIGTRAP, Signal::SIGTRAP),
    (libc::SIGABRT, Signal::SIGABRT),
    (libc::SIGFPE, Signal::SIGFPE),
    (libc::SIGKILL, Signal::SIGKILL),
    (libc::SIGBUS, Signal::SIGBUS),
    (libc::SIGSEGV, Signal::SIGSEGV),
    (libc::SIGSYS, Signal::SIGSYS),
    (libc::SIGPIPE, Signal::SIGPIPE),
    (libc::SIGALRM, Signal::SIGALRM),
    (libc::SIGTERM, Signal::SIGTERM),
    (libc::SIGURG, Signal::SIGURG),
    (libc::SIGSTOP, Signal::SIGSTOP),
    (libc::SIGTSTP, Signal::SIGTSTP),
    (libc::SIGCONT, Signal::SIGCONT),
    (libc::SIGCHLD, Signal::SIGCHLD),
    (libc::SIGTTIN, Signal::SIGTTIN),
    (libc::SIGTTOU, Signal::SIGTTOU),
    (libc::SIGIO, Signal::SIGIO),
    (libc::SIGXCPU, Signal::SIGXCPU),
    (libc::SIGXFSZ, Signal::SIGXFSZ),
    (libc::SIGVTALRM, Signal::SIGVTALRM),
    (libc::SIGPROF, Signal::SIGPROF),
    (libc::SIGWINCH, Signal::SIGWINCH),
    (libc::SIGUSR1, Signal::SIGUSR1),
    (libc::SIGUSR2, Signal::SIGUSR2),
];

/// The host's number, if it has such a signal.
pub(crate) fn to_host(signal: Signal) -> Option<c_int> {
    SIGNALS.iter().find(|(_, ours)| *ours == signal).map(|(host, _)| *host)
}

/// Raises a signal in the program: what its kernel or its server raises is its own. Answers what it does with it.
pub fn raise(signal: Signal) -> Handling {
    let Some(number) = to_host(signal) else { return Handling::Ignored };
    let handling = handling(number);
    // SAFETY: a number of the host's; what its handler does is the program's.
    unsafe { libc::kill(libc::getpid(), number) };
    handling
}

/// What the program does with a signal of the host's.
fn handling(number: c_int) -> Handling {
    // SAFETY: all zeros is a structure, which is filled.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &mut action);
        action
    };
    match action.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => Handling::Ignored,
        _ if action.sa_flags & libc::SA_RESTART != 0 => Handling::Restarts,
        _ => Handling::Interrupts,
    }
}

/// The signal of a host's number. Errors: EINVAL.
pub(crate) fn of_host(number: c_int) -> KResult<Signal> {
    let found = SIGNALS.iter().find(|(host, _)| *host == number);
    found.map(|(_, signal)| *signal).ok_or_else(|| Errno::EINVAL.into())
}

/// The signals of a set of the host's that the kernel has.
pub(crate) fn set_of_host(set: &sigset_t) -> SignalSet {
    // SAFETY: numbers of the host's, which are in range.
    let members = SIGNALS.iter().filter(|(host, _)| unsafe { libc::sigismember(set, *host) == 1 });
    members.map(|(_, signal)| *signal).collect()
}

/// A set of the host's.
pub(crate) fn set_to_host(set: SignalSet) -> sigset_t {
    // SAFETY: all zeros is a set, which is emptied; numbers of the host's, which are in range.
    unsafe {
        let mut all: sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut all);
        set.iter().filter_map(to_host).for_each(|number| {
            libc::sigaddset(&mut all, number);
        });
        all
    }
}

/// What a call masks meanwhile; nothing, if it is null.
pub(crate) fn mask(mask: &Value<sigset_t>) -> Option<SignalSet> {
    mask.optional().map(|mask| set_of_host(&mask))
}

/// How a process hears of something. Errors: EINVAL (by a thread, or a signal that there is not).
pub(crate) fn notify(event: &sigevent) -> KResult<Notify> {
    match event.sigev_notify {
        libc::SIGEV_NONE => Ok(Notify::None),
        libc::SIGEV_SIGNAL => Ok(Notify::Signal(of_host(event.sigev_signo)?)),
        _ => Err(Errno::EINVAL.into()),
    }
}
