//! One set of behaviours of sockets and pipes, seen at this kernel and at the host's: what Linux does is right.
//!
//! A behaviour is a function on a [`System`]; where this kernel does what BSD or POSIX says instead, the behaviour asks
//! which of the two it is.
#![forbid(unsafe_code)]

macro_rules! behaviours {
    ($($name:ident)*) => {
        pub(super) const ALL: &[crate::Behaviour] =
            &[$(crate::Behaviour { name: stringify!($name), run: $name }),*];
    };
}

#[cfg(target_os = "linux")]
mod host;
mod kernel;
mod messages;
mod names;
mod others;
mod pipes;
mod streams;
mod system;

use libtest_mimic::{Arguments, Trial};
use system::System;

/// Something that a system does.
#[derive(Clone, Copy)]
struct Behaviour {
    /// A sentence.
    name: &'static str,
    /// Looks, and panics if it is not so.
    run: fn(&dyn System),
}

fn main() {
    let modules = [streams::ALL, messages::ALL, names::ALL, pipes::ALL, others::ALL];
    let mut trials = Vec::new();
    for behaviour in modules.into_iter().flatten() {
        trials.push(Trial::test(format!("kernel::{}", behaviour.name), || {
            (behaviour.run)(&kernel::Kernel::boot());
            Ok(())
        }));
        #[cfg(target_os = "linux")]
        trials.push(Trial::test(format!("host::{}", behaviour.name), || {
            (behaviour.run)(&host::Host::new());
            Ok(())
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}
