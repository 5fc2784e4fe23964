//! One set of behaviours of the Internet's sockets, seen at a kernel over the host's sockets and at the host's sockets
//! themselves: the kernel's are to be no different.
//!
//! A behaviour is a function on a [`System`].
#![forbid(unsafe_code)]

macro_rules! behaviours {
    ($($name:ident)*) => {
        pub(super) const ALL: &[crate::Behaviour] =
            &[$(crate::Behaviour { name: stringify!($name), run: $name }),*];
    };
}

#[cfg(target_os = "linux")]
mod datagrams;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(target_os = "linux")]
mod system;

/// Something that a system does.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
struct Behaviour {
    /// A sentence.
    name: &'static str,
    /// Looks, and panics if it is not so.
    run: fn(&dyn system::System),
}

#[cfg(target_os = "linux")]
fn main() {
    use libtest_mimic::{Arguments, Trial};
    let mut trials = Vec::new();
    for behaviour in [streams::ALL, datagrams::ALL, options::ALL].into_iter().flatten() {
        trials.push(Trial::test(format!("kernel::{}", behaviour.name), || {
            (behaviour.run)(&kernel::Kernel::boot());
            Ok(())
        }));
        trials.push(Trial::test(format!("host::{}", behaviour.name), || {
            (behaviour.run)(&host::Host::default());
            Ok(())
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

#[cfg(not(target_os = "linux"))]
fn main() {}
