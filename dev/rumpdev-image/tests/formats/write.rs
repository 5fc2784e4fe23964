//! qcow2, written: by seeds, beside a plain file.

use crate::rig::{content, equal, folder, lacking, open, open_with, qemu_img, qemu_io, read_all, refused};
use interop::image::Scratch;
use interop::suite::Suite;
use interop::{Check, context};
use rump_hyper::Access;
use rump_kpi::BlockDevice;
use rump_random::Random;
use rumpdev_image::Options;
use std::fs;

/// What is done to the image before we write: nothing, or by QEMU.
#[derive(Clone, Copy)]
pub enum Before {
    /// It is made of `raw`.
    Made,
    /// It is empty, and lies above `raw`.
    Above,
    /// It was made of `raw`, and a snapshot was taken; then `qemu-io` wrote.
    Snapshot,
}

/// Name, options, and what is there before.
pub const ROWS: &[(&str, &str, Before)] = &[
    ("version_2", "-o compat=0.10", Before::Made),
    ("clusters_of_512", "-o cluster_size=512", Before::Made),
    ("clusters_of_4k", "-o cluster_size=4k", Before::Made),
    ("clusters_of_64k", "", Before::Made),
    ("clusters_of_2m", "-o cluster_size=2M", Before::Made),
    ("packed_clusters", "-c", Before::Made),
    ("packed_small_clusters", "-c -o cluster_size=1k", Before::Made),
    ("clusters_packed_by_zstd", "-c -o compression_type=zstd", Before::Made),
    ("counts_of_1_bit", "-o refcount_bits=1,cluster_size=4k", Before::Made),
    ("counts_of_2_bits", "-o refcount_bits=2,cluster_size=4k", Before::Made),
    ("counts_of_4_bits", "-o refcount_bits=4,cluster_size=4k", Before::Made),
    ("counts_of_8_bits", "-o refcount_bits=8", Before::Made),
    ("counts_of_32_bits", "-o refcount_bits=32", Before::Made),
    ("counts_of_64_bits_and_a_growing_table", "-o refcount_bits=64,cluster_size=512", Before::Above),
    ("a_growing_table", "-o refcount_bits=32,cluster_size=512", Before::Above),
    ("subclusters", "-o extended_l2=on", Before::Made),
    ("subclusters_above", "-o extended_l2=on,cluster_size=16k", Before::Above),
    ("a_raw_file_below", "", Before::Above),
    ("small_clusters_above", "-o cluster_size=512", Before::Above),
    ("version_2_above", "-o compat=0.10", Before::Above),
    ("a_snapshot", "", Before::Snapshot),
    ("a_snapshot_of_small_clusters", "-o cluster_size=1k", Before::Snapshot),
    ("a_snapshot_of_packed_clusters", "-c", Before::Snapshot),
    ("a_snapshot_of_subclusters", "-o extended_l2=on", Before::Snapshot),
    ("metadata_made_before", "-o preallocation=metadata", Before::Made),
    ("lazy_counts", "-o lazy_refcounts=on", Before::Made),
    ("its_data_in_another_file", "-o data_file=@data", Before::Made),
    ("its_data_in_a_raw_file", "-o data_file=@data,data_file_raw=on", Before::Made),
];

pub fn add(suite: &mut Suite) {
    for (row, (name, options, before)) in ROWS.iter().enumerate() {
        suite.add(format!("qcow2_writes_with_{name}"), lacking(), move || {
            written(options, *before, row as u64)
        });
    }
    suite.add("qcow2_takes_marks_off_that_a_writer_breaks", lacking(), bitmaps);
    suite.add("qcow2_is_not_changed_by_being_opened_for_writing", lacking(), untouched);
    suite.add("qcow2_whose_tables_overlap_data_is_not_written", lacking(), overlap);
}

/// Makes an image, `image`.
pub fn make(scratch: &Scratch, options: &str, before: Before) -> Check {
    match before {
        Before::Above => {
            qemu_img(scratch, &format!("create -q -f qcow2 {options} -b raw -F raw @image"))?;
        }
        Before::Made | Before::Snapshot => {
            qemu_img(scratch, &format!("convert -f raw -O qcow2 {options} @raw @image"))?;
        }
    }
    if matches!(before, Before::Snapshot) {
        qemu_img(scratch, "snapshot -c kept @image")?;
        qemu_io(&scratch.path("image"), "qcow2", &["write -P 1 70k 300k", "write -z 3M 100k"])?;
    }
    Ok(())
}

/// Where and what to write next: lengths from one byte to some hundred KiB.
pub fn next_write(random: &mut Random, size: u64) -> (u64, Vec<u8>) {
    let most = 1_u64 << (random.number() % 19);
    let len = (1 + random.number() % most).min(size);
    let at = random.number() % (size - len + 1);
    // Some begin and end where sectors do.
    let (at, len) = if random.number() % 2 == 0 { (at & !511, (len & !511).max(512)) } else { (at, len) };
    let len = len.min(size - at);
    (at, content(random.number(), len as usize))
}

fn written(options: &str, before: Before, row: u64) -> Check {
    let scratch = folder("written")?;
    make(&scratch, options, before)?;
    let mut model = read_all(&*open(&scratch.path("image"), Access::Read)?.device)?;
    let mut random = Random::new(row + 1);
    for _ in 0..3 {
        let opened = open(&scratch.path("image"), Access::ReadWrite)?;
        write_some(&*opened.device, &mut model, &mut random)?;
        drop(opened);
        judge(&scratch, &model)?;
    }
    // QEMU goes on with it, and so do we.
    qemu_io(&scratch.path("image"), "qcow2", &["write -P 8 300k 1M", "discard 2M 1M"])?;
    let opened = open(&scratch.path("image"), Access::ReadWrite)?;
    let mut model = read_all(&*opened.device)?;
    write_some(&*opened.device, &mut model, &mut random)?;
    drop(opened);
    judge(&scratch, &model)?;
    if matches!(before, Before::Snapshot) {
        qemu_img(&scratch, "convert -l snapshot.name=kept -f qcow2 -O raw @image @kept")?;
        equal(&scratch.path("kept"), &context(fs::read(scratch.path("raw")), "raw")?)?;
    }
    Ok(())
}

fn write_some(device: &dyn BlockDevice, model: &mut [u8], random: &mut Random) -> Check {
    for number in 0..60 {
        let (at, bytes) = next_write(random, model.len() as u64);
        device.write_at(at, &bytes).map_err(|error| format!("{} bytes at {at}: {error}", bytes.len()))?;
        model[at as usize..][..bytes.len()].copy_from_slice(&bytes);
        if number % 16 == 7 {
            device.flush().map_err(|error| error.to_string())?;
        }
        if number % 20 == 9 && read_all(device)? != model {
            return Err(format!("what was written is not read, after {number}"));
        }
    }
    device.flush().map_err(|error| error.to_string())
}

/// QEMU's verdict: no error, no leak, the same content.
fn judge(scratch: &Scratch, model: &[u8]) -> Check {
    qemu_img(scratch, "check -q -f qcow2 @image")?;
    context(fs::write(scratch.path("model"), model), "model")?;
    qemu_img(scratch, "compare -q -f qcow2 -F raw @image @model").map(drop)
}

fn bitmaps() -> Check {
    let scratch = folder("bitmaps")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
    qemu_img(&scratch, "bitmap --add @image changes")?;
    let opened = open(&scratch.path("image"), Access::ReadWrite)?;
    opened.device.write_at(0, b"change").and_then(|()| opened.device.flush()).map_err(|e| e.to_string())?;
    drop(opened);
    let head = context(fs::read(scratch.path("image")), "image")?;
    if head[88..96] != [0; 8] {
        return Err(format!("autoclear features: {:?}", &head[88..96]));
    }
    let mut model = context(fs::read(scratch.path("raw")), "raw")?;
    model[..6].copy_from_slice(b"change");
    context(fs::write(scratch.path("model"), model), "model")?;
    qemu_img(&scratch, "compare -q -f qcow2 -F raw @image @model").map(drop)
}

fn untouched() -> Check {
    let scratch = folder("untouched")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
    qemu_img(&scratch, "bitmap --add @image changes")?;
    let before = context(fs::read(scratch.path("image")), "image")?;
    let opened = open(&scratch.path("image"), Access::ReadWrite)?;
    read_all(&*opened.device)?;
    opened.device.flush().map_err(|error| error.to_string())?;
    drop(opened);
    equal(&scratch.path("image"), &before)
}

/// An entry that leads to the header may be read, but nothing is written there.
fn overlap() -> Check {
    let scratch = folder("overlap")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
    let mut image = context(fs::read(scratch.path("image")), "image")?;
    let number = |image: &[u8], at: usize| u64::from_be_bytes(std::array::from_fn(|index| image[at + index]));
    let l1 = number(&image, 40);
    let l2 = number(&image, l1 as usize) & 0x00ff_ffff_ffff_fe00;
    // In the place of the first cluster: the first table, which has one reference.
    image[l2 as usize..][..8].copy_from_slice(&(l1 | 1 << 63).to_be_bytes());
    context(fs::write(scratch.path("image"), &image), "image")?;
    let opened = open(&scratch.path("image"), Access::ReadWrite)?;
    if opened.device.write_at(0, b"x").is_ok() {
        return Err("it was written".into());
    }
    drop(opened);
    equal(&scratch.path("image"), &image)?;
    let options = Options { format: Some(rumpdev_image::Format::Qcow2), ..Options::default() };
    refused(open_with(&scratch.path("raw"), Access::Read, &options), "qcow2")
}
