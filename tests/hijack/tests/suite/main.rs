//! Ordinary programs with a rump kernel behind them, judged by the same programs at the host.
//!
//! - `files`: a program runs on a folder of the host, and on an image that `mke2fs -d` made of it. What it prints, its
//!   exit status and what it leaves behind are the same, and `e2fsck -fn` finds the image whole.
//! - `network`: a program whose sockets are the kernel's talks to one whose sockets are the host's.
//! - `shared`: programs of which several have one kernel, at a server: scripts with pipes, and what begins others.
//! - `refusals`: what cannot be is told in words.
#![forbid(unsafe_code)]

mod files;
mod network;
mod refusals;
mod rig;
mod server;
mod shared;

fn main() {
    let mut suite = interop::suite::Suite::default();
    files::add(&mut suite);
    network::add(&mut suite);
    shared::add(&mut suite);
    refusals::add(&mut suite);
    suite.run();
}
