//! Mounts arbitrary bytes as ISO 9660 and walks each tree that appears.
//!
//! Whatever the bytes are, the answer is a tree or an error: never a panic, a hang or a large allocation.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rump_fuzz::image::Image;
use rump_fuzz::mutate::mutate;
use rump_fuzz::walk;
use rump_kpi::BlockDevice;
use std::sync::Arc;

/// One for each tree, and for the oldest session.
const OPTIONS: [&str; 4] = ["", "norrip", "norrip,nojoliet,noenhanced,showassoc", "session=1"];

fuzz_target!(|data: &[u8]| {
    let device: Arc<dyn BlockDevice> = Arc::new(Image::decode(data));
    for options in OPTIONS {
        walk::mount_and_walk(rumpfs_cd9660::component(), &device, &[options]);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut fuzzer = |window: &mut [u8]| fuzzer_mutate(window, window.len(), window.len());
    // The format has no checksums that could be made right.
    match mutate(&data[..size], max_size, seed, |_| {}, &mut fuzzer) {
        Some(mutant) => {
            data[..mutant.len()].copy_from_slice(&mutant);
            mutant.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
