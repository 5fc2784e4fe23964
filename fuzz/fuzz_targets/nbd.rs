//! Takes arbitrary bytes for what a server of NBD says.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::export::run(data));
