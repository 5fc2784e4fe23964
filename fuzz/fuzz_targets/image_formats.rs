//! Opens arbitrary bytes as an image of every format that they may have, reads it, and writes it where that is possible. Any
//! file that it names is itself.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rump_fuzz::formats;
use rump_fuzz::image::Image;
use rump_fuzz::mutate::mutate;
use rump_fuzz::overlay::Overlay;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, KResult};
use rumpdev_image::{Format, Opened, Options, Sibling, Siblings};
use std::sync::Arc;

struct Itself(Image);

impl Siblings for Itself {
    fn open(&self, _from: &[u8], name: &[u8], access: Access) -> KResult<Sibling> {
        let device: Arc<dyn BlockDevice> = match access {
            Access::Read => Arc::new(self.0.clone()),
            Access::ReadWrite => Arc::new(Overlay::new(self.0.clone())),
        };
        Ok(Sibling { device, path: name.into(), identity: None })
    }
}

const PIECE: usize = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let image = Image::decode(data);
    let itself = Itself(image.clone());
    let open = |device: Arc<dyn BlockDevice>, format: Option<Format>| {
        let options = Options { format, snapshot: None };
        rumpdev_image::open(device, (b"image", None), &itself, &options)
    };
    let Ok(Opened { device, layer }) = open(Arc::new(image.clone()), None) else { return };
    let size = device.size_bytes();
    let mut bytes = vec![0; PIECE];
    let len = (size.min(PIECE as u64)) as usize;
    let places: Vec<u64> =
        (0..8).map(|part| (size - len as u64) / 8 * part).chain([size - len as u64]).collect();
    for place in &places {
        let _ = device.read_at(*place, &mut bytes[..len]);
    }
    let options = Options { format: None, snapshot: Some("1".into()) };
    let _ = rumpdev_image::open(Arc::new(image.clone()), (b"image", None), &itself, &options);
    if layer.format != Format::Qcow2 {
        return;
    }
    let Ok(Opened { device, .. }) = open(Arc::new(Overlay::new(image)), Some(Format::Qcow2)) else { return };
    for place in &places {
        let _ = device.write_at(*place, &data[..data.len().min(len)]);
        let _ = device.read_at(*place, &mut bytes[..len]);
    }
    let _ = device.flush();
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut fuzzer = |window: &mut [u8]| fuzzer_mutate(window, window.len(), window.len());
    match mutate(&data[..size], max_size, seed, formats::repair, &mut fuzzer) {
        Some(mutant) => {
            data[..mutant.len()].copy_from_slice(&mutant);
            mutant.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
