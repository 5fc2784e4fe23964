//! Throws packets, well-formed ones and arbitrary bytes, at a stack that has sockets in all states, between calls on
//! those and the passing of time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rump_fuzz::network::Script;

fuzz_target!(|data: &[u8]| Script::new(data).run());
