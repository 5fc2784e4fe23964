//! Signals that end a tool which waits at a server: SIGINT, SIGTERM and SIGHUP, unless they were ignored when it began, heard by
//! a thread, which rings a bell in the kernel.

use crate::session::{Failure, of};
use rump_cli::bell::Bell;
use rump_cli::signals::heeded;
use rump_client::RemoteProcess;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A bell that rings when a signal comes. Errors: the host has no room for a thread, those of the server.
pub fn bell(process: &RemoteProcess) -> Result<Bell<RemoteProcess>, Failure> {
    let cannot = |error: std::io::Error| Failure::Other(format!("cannot watch for signals: {error}"));
    let bell = Bell::new(process).map_err(of("a pipe"))?;
    let rung = bell.clone();
    let mut signals = Signals::new(heeded([SIGHUP, SIGINT, SIGTERM])).map_err(cannot)?;
    let hear = move || {
        // A second one ends what the server does not let end.
        for (count, _) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(1);
            }
            let rung = rung.clone();
            std::thread::spawn(move || rung.ring());
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(hear).map_err(cannot)?;
    Ok(bell)
}
