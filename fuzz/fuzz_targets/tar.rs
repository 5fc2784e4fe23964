//! Takes arbitrary bytes for a tar archive: its members, and their data.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| drop(rump_fuzz::archive::run(data)));
