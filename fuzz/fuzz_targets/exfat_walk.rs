//! Mounts arbitrary bytes as exFAT, walks what appears, and changes it.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rump_fuzz::exfat;
use rump_fuzz::image::Image;
use rump_fuzz::mutate::mutate;
use rump_fuzz::walk;
use rump_kpi::BlockDevice;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let image = Image::decode(data);
    let device: Arc<dyn BlockDevice> = Arc::new(image.clone());
    walk::mount_and_walk(rumpfs_exfat::component(), &device, &[""]);
    walk::mount_and_change(rumpfs_exfat::component(), image);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut fuzzer = |window: &mut [u8]| fuzzer_mutate(window, window.len(), window.len());
    match mutate(&data[..size], max_size, seed, exfat::repair, &mut fuzzer) {
        Some(mutant) => {
            data[..mutant.len()].copy_from_slice(&mutant);
            mutant.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
