//! Reads arbitrary bytes as a manifest of a tree.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::manifest::run(data));
