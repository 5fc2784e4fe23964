//! qcow2, read.

use crate::rig::{
    self, DISK_BYTES, Files, equal, folder, lacking, open_with, qemu_img, qemu_io, read_all, refused, same,
};
use interop::image::Scratch;
use interop::suite::Suite;
use interop::{Check, context};
use rump_dev::Traced;
use rump_hyper::Access;
use rumpdev_image::Options;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Options of `qemu-img convert` from a raw file.
const MADE: &[&str] = &[
    "-o compat=0.10",
    "-o compat=0.10,cluster_size=512",
    "-o compat=0.10,cluster_size=2M",
    "-c -o compat=0.10",
    "-o cluster_size=512",
    "-o cluster_size=1k",
    "-o cluster_size=4k",
    "-o cluster_size=64k",
    "-o cluster_size=2M",
    "-c",
    "-c -o cluster_size=512",
    "-c -o cluster_size=4k",
    "-c -o cluster_size=2M",
    "-c -o compression_type=zstd",
    "-c -o compression_type=zstd,cluster_size=512",
    "-c -o compression_type=zstd,cluster_size=2M",
    "-o extended_l2=on,cluster_size=16k",
    "-o extended_l2=on,cluster_size=64k",
    "-o extended_l2=on,cluster_size=2M",
    "-c -o extended_l2=on,compression_type=zstd",
    "-o refcount_bits=1",
    "-o refcount_bits=64",
    "-o lazy_refcounts=on",
    "-o preallocation=metadata",
    "-o preallocation=falloc",
    "-o preallocation=full,extended_l2=on",
    "-o data_file=@data",
    "-o data_file=@data,data_file_raw=on",
    "-o data_file=@data,extended_l2=on",
];

/// Commands of `qemu-io` on an image above another: name, options, commands.
const ABOVE: &[(&str, &str, &[&str])] = &[
    ("untouched", "", &[]),
    ("written", "", &["write -P 1 0 5k", "write -P 2 1000k 200k", "write -P 3 5M 1536"]),
    ("zeroed", "", &["write -z 64k 128k", "write -zu 1M 300k", "write -z 3k 2k"]),
    ("discarded", "", &["write -P 9 0 1M", "discard 128k 256k"]),
    ("in_version_2", "compat=0.10", &["write -P 1 0 5k", "discard 1M 1M"]),
    ("with_subclusters", "extended_l2=on", &["write -P 1 2k 2k", "write -z 70k 4k", "write -P 2 200k 100k"]),
    ("with_small_subclusters", "extended_l2=on,cluster_size=16k", &["write -P 1 512 512", "write -z 9k 2k"]),
    ("packed", "", &["write -c -P 5 64k 64k", "write -P 6 66k 1k"]),
    (
        "with_small_clusters",
        "cluster_size=512",
        &["write -P 1 1k 1k", "write -z 3k 2k", "write -P 4 4M 600k"],
    ),
];

pub fn add(suite: &mut Suite) {
    for options in MADE {
        let words: String =
            options.replace("-o ", "").replace("-c", "packed").replace(['=', ',', ' ', '@'], "_");
        suite.add(format!("qcow2_reads_{words}"), lacking(), move || {
            let scratch = folder("qcow2")?;
            qemu_img(&scratch, &format!("convert -f raw -O qcow2 {options} @raw @image"))?;
            same(&scratch, "image", "qcow2")
        });
    }
    for (name, options, commands) in ABOVE {
        for below in ["raw", "qcow2"] {
            suite.add(format!("qcow2_above_{below}_{name}"), lacking(), move || {
                above(below, options, commands)
            });
        }
    }
    for (name, length) in [("longer", "9M"), ("shorter", "2M")] {
        suite.add(format!("qcow2_{name}_than_what_is_below"), lacking(), move || {
            let scratch = folder("length")?;
            qemu_img(&scratch, &format!("create -q -f qcow2 -b @raw -F raw @image {length}"))?;
            same(&scratch, "image", "qcow2")
        });
    }
    suite.add("qcow2_shows_its_snapshots", lacking(), snapshots);
    suite.add("qcow2_marked_as_dirty_is_read_and_not_written", lacking(), || {
        marked("-o lazy_refcounts=on", 0, "counts are not up to date")
    });
    suite.add("qcow2_marked_as_corrupt_is_read_and_not_written", lacking(), || marked("", 1, "corrupt"));
    suite.add("qcow2_encrypted_is_refused_by_name", lacking(), encrypted);
    suite.add("qcow2_with_an_unknown_feature_is_refused_by_its_name", lacking(), unknown_feature);
    suite.add("qcow2_below_itself_is_refused", lacking(), loops);
    suite.add("qcow2_above_too_many_others_is_refused", lacking(), too_deep);
    suite.add("qcow2_above_a_protocol_is_refused_by_name", lacking(), protocol);
    suite.add("qcow2_of_a_terabyte_costs_a_few_kib_to_open", lacking(), terabyte);
}

fn above(below: &str, options: &str, commands: &[&str]) -> Check {
    let scratch = folder("above")?;
    if below == "qcow2" {
        qemu_img(&scratch, "convert -c -f raw -O qcow2 @raw @qcow2")?;
    }
    let options = if options.is_empty() { String::new() } else { format!("-o {options}") };
    qemu_img(&scratch, &format!("create -q -f qcow2 {options} -b {below} -F {below} @image"))?;
    qemu_io(&scratch.path("image"), "qcow2", commands)?;
    same(&scratch, "image", "qcow2")
}

fn snapshots() -> Check {
    let scratch = folder("snapshots")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
    for (name, command) in
        [("one", "write -P 1 0 200k"), ("two", "write -P 2 100k 3M"), ("three", "write -z 1M 1M")]
    {
        qemu_img(&scratch, &format!("snapshot -c {name} @image"))?;
        qemu_io(&scratch.path("image"), "qcow2", &[command])?;
    }
    same(&scratch, "image", "qcow2")?;
    for (name, id) in [("one", "1"), ("two", "2"), ("three", "3")] {
        qemu_img(&scratch, &format!("convert -l snapshot.name={name} -f qcow2 -O raw @image @{name}"))?;
        for wanted in [name, id] {
            let options = Options { snapshot: Some(wanted.into()), ..Options::default() };
            let opened =
                open_with(&scratch.path("image"), Access::Read, &options).map_err(|e| e.to_string())?;
            equal(&scratch.path(name), &read_all(&*opened.device)?)?;
        }
    }
    let options = Options { snapshot: Some("four".into()), ..Options::default() };
    refused(open_with(&scratch.path("image"), Access::Read, &options), "one, two, three")?;
    let options = Options { snapshot: Some("one".into()), ..Options::default() };
    refused(open_with(&scratch.path("image"), Access::ReadWrite, &options), "snapshots are not written")
}

fn image_file(scratch: &Scratch) -> Check<File> {
    context(File::options().read(true).write(true).open(scratch.path("image")), "image")
}

/// Sets a bit of the incompatible features, which are a number of 64 bits at 72.
fn set_feature(scratch: &Scratch, bit: u64) -> Check {
    let (file, at) = (image_file(scratch)?, 79 - bit / 8);
    let mut byte = [0];
    context(file.read_exact_at(&mut byte, at), "image")?;
    context(file.write_all_at(&[byte[0] | 1 << (bit % 8)], at), "image")
}

fn marked(options: &str, bit: u64, words: &str) -> Check {
    let scratch = folder("marked")?;
    qemu_img(&scratch, &format!("convert -f raw -O qcow2 {options} @raw @image"))?;
    set_feature(&scratch, bit)?;
    let ours = read_all(&*rig::open(&scratch.path("image"), Access::Read)?.device)?;
    equal(&scratch.path("raw"), &ours)?;
    refused(open_with(&scratch.path("image"), Access::ReadWrite, &Options::default()), words)
}

fn encrypted() -> Check {
    for (format, word) in [("luks,encrypt.iter-time=10", "LUKS"), ("aes", "AES")] {
        let scratch = folder("encrypted")?;
        let options = format!("encrypt.format={format},encrypt.key-secret=s");
        qemu_img(
            &scratch,
            &format!("create -q --object secret,id=s,data=abc -f qcow2 -o {options} @image 1M"),
        )?;
        refused(open_with(&scratch.path("image"), Access::Read, &Options::default()), word)?;
    }
    Ok(())
}

fn unknown_feature() -> Check {
    let scratch = folder("feature")?;
    qemu_img(&scratch, "create -q -f qcow2 @image 1M")?;
    // The first row of QEMU's table of names becomes that of bit 40.
    let head = &context(fs::read(scratch.path("image")), "image")?[..4096];
    let row = head.windows(9).position(|name| name == b"dirty bit").ok_or("no table of names")?;
    context(image_file(&scratch)?.write_all_at(b"\x00\x28holograms", row as u64 - 2), "image")?;
    set_feature(&scratch, 40)?;
    set_feature(&scratch, 41)?;
    refused(open_with(&scratch.path("image"), Access::Read, &Options::default()), "holograms, feature 41")
}

fn loops() -> Check {
    let scratch = folder("loops")?;
    qemu_img(&scratch, "create -q -f qcow2 @one 1M")?;
    qemu_img(&scratch, "create -q -f qcow2 -b one -F qcow2 @image")?;
    qemu_img(&scratch, "rebase -u -f qcow2 -b image -F qcow2 @one")?;
    refused(open_with(&scratch.path("image"), Access::Read, &Options::default()), "image is below itself")
}

fn too_deep() -> Check {
    let scratch = folder("deep")?;
    qemu_img(&scratch, "create -q -f qcow2 @0 64k")?;
    for number in 1..=rumpdev_image::DEPTH {
        let options = format!("-b {} -F qcow2 @{number} 64k", number - 1);
        qemu_img(&scratch, &format!("create -q -u -f qcow2 {options}"))?;
    }
    let last = rumpdev_image::DEPTH;
    rig::open(&scratch.path(&(last - 1).to_string()), Access::Read)?;
    refused(
        open_with(&scratch.path(&last.to_string()), Access::Read, &Options::default()),
        "more than 32 images",
    )
}

fn protocol() -> Check {
    let scratch = folder("protocol")?;
    qemu_img(&scratch, "create -q -u -f qcow2 -b nbd://localhost/x -F raw @image 1M")?;
    refused(open_with(&scratch.path("image"), Access::Read, &Options::default()), "something of nbd:")
}

fn terabyte() -> Check {
    let scratch = folder("terabyte")?;
    for options in ["cluster_size=64k", "cluster_size=2M", "preallocation=metadata,cluster_size=2M"] {
        qemu_img(&scratch, &format!("create -q -f qcow2 -o {options} @image 1T"))?;
        qemu_io(&scratch.path("image"), "qcow2", &["write -P 7 1000G 4k"])?;
        let path = scratch.path("image");
        let (device, identity) = rig::file(&path, Access::Read).map_err(|error| error.to_string())?;
        let traced = Traced::new(device);
        let place = (path.as_os_str().as_encoded_bytes(), identity);
        let opened = rumpdev_image::open(traced.clone(), place, &Files, &Options::default());
        let opened = opened.map_err(|error| error.to_string())?;
        let mut bytes = [0; 512];
        for at in [0, 1000 << 30, (1 << 40) - 512] {
            opened.device.read_at(at, &mut bytes).map_err(|error| error.to_string())?;
        }
        if traced.reads() > 24 {
            return Err(format!("{options}: {} reads", traced.reads()));
        }
    }
    Ok(())
}

/// The rows above have a disk that fits no cluster.
const _: () = assert!(DISK_BYTES % 4096 != 0);
