//! Takes arbitrary bytes for an image of a container: its documents, its layers, and what is left of their files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::container::run(data));
