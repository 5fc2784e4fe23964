//! Mounts arbitrary bytes as ext2, ext3 or ext4 and walks what appears.
//!
//! Whatever the bytes are, the answer is a tree or an error: never a panic, a hang or a large allocation.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rump_fuzz::image::Image;
use rump_fuzz::mutate::mutate;
use rump_fuzz::repair::repair;
use rump_fuzz::walk;
use rump_kpi::BlockDevice;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let device: Arc<dyn BlockDevice> = Arc::new(Image::decode(data));
    // Without the journal where the mount refuses it.
    walk::mount_and_walk(rumpfs_ext2fs::component(), &device, &["", "noload"]);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut fuzzer = |window: &mut [u8]| fuzzer_mutate(window, window.len(), window.len());
    match mutate(&data[..size], max_size, seed, repair, &mut fuzzer) {
        Some(mutant) => {
            data[..mutant.len()].copy_from_slice(&mutant);
            mutant.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
