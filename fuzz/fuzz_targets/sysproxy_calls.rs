//! Makes system calls for a client whose arguments and memory are arbitrary bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::remote::run(data));
