//! Takes arbitrary bytes for a program of the packet filter and a frame, and runs the one over the other.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::filter::run(data));
