//! Takes arbitrary bytes for the index of a packed image, and reads the image by it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| drop(rump_fuzz::index::run(data)));
