//! One set of behaviours of datagrams in batches, of segments, and of what is dissolved, seen at this kernel, at one over the
//! host's sockets, and at the host's own: what Linux does is right.
#![forbid(unsafe_code)]

mod batches;
mod dissolving;
mod host;
mod kernel;
mod segments;
mod system;

use libtest_mimic::{Arguments, Trial};
use system::System;

/// Something that a system does: a sentence, and whether it is so, else it panics.
type Behaviour = (&'static str, fn(&dyn System));

macro_rules! behaviours {
    ($($name:ident)*) => {
        pub(super) const ALL: &[crate::Behaviour] = &[$((stringify!($name), $name)),*];
    };
}
use behaviours;

fn main() {
    let mut trials = Vec::new();
    for (name, run) in [batches::ALL, segments::ALL, dissolving::ALL].into_iter().flatten().copied() {
        trials.push(Trial::test(format!("kernel::{name}"), move || {
            run(&kernel::Kernel::boot());
            Ok(())
        }));
        trials.push(Trial::test(format!("sockin::{name}"), move || {
            run(&kernel::Kernel::boot_over_host());
            Ok(())
        }));
        trials.push(Trial::test(format!("host::{name}"), move || {
            run(&host::Host::default());
            Ok(())
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}
