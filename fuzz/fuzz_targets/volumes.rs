//! Takes arbitrary bytes for parts of disks: recognises LUKS, LVM2 and MD, assembles volumes, and reads from them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| rump_fuzz::volumes::run(data));
