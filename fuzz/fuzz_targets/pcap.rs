//! Reads arbitrary bytes as a capture.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::capture::run(data));
