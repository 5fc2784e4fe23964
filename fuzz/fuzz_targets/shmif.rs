//! Opens arbitrary bytes as a bus of shared memory, sends, receives, and changes words of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::bus::run(data));
