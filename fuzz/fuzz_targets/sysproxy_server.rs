//! Serves a client that sends arbitrary bytes, beside another one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::served::run(data));
