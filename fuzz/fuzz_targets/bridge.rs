//! Throws frames and messages of the spanning tree at a bridge, while time passes and an administrator changes it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::bridge::run(data));
