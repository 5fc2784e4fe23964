//! Asks every partition scheme about arbitrary bytes; what it answers must lie within the device.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rump_fuzz::image::Image;
use rump_fuzz::mutate::mutate;
use rump_fuzz::tables;
use rump_kpi::{BlockDevice, Component};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let device: Arc<dyn BlockDevice> = Arc::new(Image::decode(data));
    for component in rumpdev_disk::components() {
        let Component::Partitions(scheme) = component else { continue };
        let Ok(Some(table)) = scheme.probe(&device) else { continue };
        for partition in &table.partitions {
            let end = partition.start_bytes.checked_add(partition.size_bytes);
            assert!(end.is_some_and(|end| end <= device.size_bytes()), "{partition:?}");
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut fuzzer = |window: &mut [u8]| fuzzer_mutate(window, window.len(), window.len());
    match mutate(&data[..size], max_size, seed, tables::repair, &mut fuzzer) {
        Some(mutant) => {
            data[..mutant.len()].copy_from_slice(&mutant);
            mutant.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
