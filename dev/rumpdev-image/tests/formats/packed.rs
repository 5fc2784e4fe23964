//! Files that are packed as a whole, by the programs that do so, read as a whole and at any place; and damaged ones, which are
//! refused, or read as what they were.

use crate::rig::{content, equal, open, open_with, read_all, refused};
use interop::image::Scratch;
use interop::program::{lacks, run_within};
use interop::suite::Suite;
use interop::{Check, context};
use rump_hyper::Access;
use rump_kpi::BlockDevice;
use rump_random::Random;
use rumpdev_image::Options;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// More than is unpacked in memory at each opening.
const BYTES: usize = (12 << 20) + 3 * 512;

/// How the raw file is packed, by the shell, and how it is read then.
const MADE: &[(&str, &str, &str)] = &[
    ("gzip_fast", "gzip -1 < raw", "gzip (index of 1"),
    ("gzip_best", "gzip -9 < raw", "gzip (index of 1"),
    ("gzip_named", "gzip -kc raw", "gzip (index of 1"),
    ("pigz", "pigz -p 4 < raw", "gzip (index of 1"),
    ("bgzip", "bgzip -c raw", "gzip (index of 1"),
    ("gzip_members", "(head -c 5000001 raw | gzip; tail -c +5000002 raw | gzip)", "gzip (index of 1"),
    ("gzip_and_more", "(gzip < raw; head -c 5000 /dev/zero)", "gzip (index of 1"),
    ("xz_one_block", "xz -1 -T1 < raw", "xz (1 block)"),
    ("xz_block_size", "xz -1 --block-size=1MiB < raw", "xz (13 blocks)"),
    ("xz_threads", "xz -1 -T2 < raw", "xz (5 blocks)"),
    ("xz_sha256", "xz -1 -Csha256 --block-size=4MiB --x86 --lzma2 < raw", "xz (4 blocks)"),
    (
        "xz_streams",
        "(head -c 5000001 raw | xz -1; head -c 400 /dev/zero; tail -c +5000002 raw | xz -1 -T2)",
        "xz (4 blocks)",
    ),
    ("zstd_one_frame", "zstd -c < raw", "zstd (unpacked in memory)"),
    ("zstd_sized", "zstd -qc raw", "zstd (1 frame)"),
    ("zstd_long", "zstd -c --long=27 < raw", "zstd (unpacked in memory)"),
    ("zstd_frames", "(split -b 3M --filter='cat > part; zstd -qc part' raw)", "zstd (5 frames)"),
    ("pzstd", "pzstd -qc -p 2 raw", "zstd ("),
    ("bzip2", "bzip2 -c raw", "bzip2 (unpacked in memory)"),
    (
        "bzip2_streams",
        "(head -c 5000001 raw | bzip2; tail -c +5000002 raw | bzip2)",
        "bzip2 (unpacked in memory)",
    ),
];

/// Of these every byte is under a sum.
const CHECKED: &[&str] =
    &["gzip_fast", "gzip_members", "xz_one_block", "xz_threads", "zstd_sized", "zstd_frames"];

pub fn add(suite: &mut Suite) {
    let lacking = lacks(&["gzip", "pigz", "bgzip", "xz", "zstd", "pzstd", "bzip2"]);
    for (name, how, layer) in MADE {
        suite.add(format!("packed_by_{name}"), lacking, move || read(how, layer));
        if CHECKED.contains(name) {
            suite.add(format!("packed_and_damaged_{name}"), lacking, move || damaged(how));
        }
    }
    suite.add("packed_short_and_empty", lacking, short);
    suite.add("packed_over_another_format", lacking, over);
    suite.add("packed_twice_is_refused", lacking, twice);
}

fn pack(scratch: &Scratch, how: &str) -> Check {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{how} > image")).current_dir(scratch.path(""));
    let finished = run_within(&mut shell, Duration::from_secs(60))?;
    if finished.status == Some(0) { Ok(()) } else { Err(format!("{how}: {}", finished.verdict())) }
}

fn raw(len: usize) -> Check<(Scratch, Vec<u8>)> {
    let scratch = Scratch::in_memory("packed")?;
    let bytes = content(7, len);
    context(fs::write(scratch.path("raw"), &bytes), "raw")?;
    Ok((scratch, bytes))
}

fn read(how: &str, layer: &str) -> Check {
    let (scratch, bytes) = raw(BYTES)?;
    pack(&scratch, how)?;
    let opened = open(&scratch.path("image"), Access::Read)?;
    let text = opened.layer.to_string();
    if !text.starts_with(layer) {
        return Err(format!("{text}, not {layer}"));
    }
    equal(&scratch.path("raw"), &read_all(&*opened.device)?)?;
    let opened = open(&scratch.path("image"), Access::Read)?;
    let mut random = Random::new(3);
    for _ in 0..60 {
        let at = random.number() as usize % bytes.len();
        let len = (random.number() as usize % 70_000).min(bytes.len() - at);
        let mut ours = vec![0; len];
        context(opened.device.read_at(at as u64, &mut ours), "reading")?;
        if ours != bytes[at..at + len] {
            return Err(format!("{len} bytes at {at} are others"));
        }
    }
    let writing = open_with(&scratch.path("image"), Access::ReadWrite, &Options::default());
    refused(writing, "images are not written")
}

/// Cuts, and flips bits: what can be read is what was packed.
fn damaged(how: &str) -> Check {
    let (scratch, bytes) = raw(BYTES)?;
    pack(&scratch, how)?;
    let packed = context(fs::read(scratch.path("image")), "image")?;
    let mut random = Random::new(11);
    for round in 0..16 {
        let mut other = packed.clone();
        let at = random.number() as usize % packed.len();
        match round % 4 {
            0 => other.truncate(at),
            _ => other[at] ^= 1 << (random.number() % 8),
        }
        context(fs::write(scratch.path("other"), &other), "other")?;
        let Ok(opened) = open(&scratch.path("other"), Access::Read) else { continue };
        let failed =
            agrees(&*opened.device, &bytes).map_err(|what| format!("byte {at} of {round}: {what}"))?;
        let is_whole = opened.device.size_bytes() == bytes.len() as u64 && failed == 0;
        if round % 4 == 0 && is_whole {
            return Err(format!("cut at {at}, it was read as a whole"));
        }
    }
    Ok(())
}

/// Compares what can be read; answers how many pieces cannot.
fn agrees(device: &dyn BlockDevice, bytes: &[u8]) -> Check<usize> {
    let mut failed = 0;
    for (index, expected) in bytes.chunks(1 << 20).enumerate() {
        let mut ours = vec![0; expected.len()];
        match device.read_at((index << 20) as u64, &mut ours) {
            Ok(()) if ours == expected => {}
            Ok(()) => return Err(format!("MiB {index} is another")),
            Err(_) => failed += 1,
        }
    }
    Ok(failed)
}

fn short() -> Check {
    for (len, how) in
        [(0, "gzip"), (1, "gzip"), (70_000, "gzip"), (70_000, "xz"), (70_000, "zstd -c"), (1, "bzip2")]
    {
        let (scratch, _) = raw(len)?;
        pack(&scratch, &format!("{how} < raw"))?;
        let opened = open(&scratch.path("image"), Access::Read)?;
        equal(&scratch.path("raw"), &read_all(&*opened.device)?)?;
    }
    Ok(())
}

fn over() -> Check {
    let (scratch, _) = raw(BYTES)?;
    crate::rig::qemu_img(&scratch, "convert -f raw -O qcow2 @raw @disk")?;
    pack(&scratch, "gzip < disk")?;
    let opened = open(&scratch.path("image"), Access::Read)?;
    let below = opened.layer.below.first().map(|(role, layer)| format!("{role} {}", layer.format.name()));
    if (opened.layer.format.name(), below.as_deref()) != ("qcow2", Some("packed gzip")) {
        return Err(format!("{} over {below:?}", opened.layer));
    }
    equal(&scratch.path("raw"), &read_all(&*opened.device)?)
}

fn twice() -> Check {
    let (scratch, _) = raw(1000)?;
    pack(&scratch, "gzip < raw | gzip")?;
    refused(open_with(&scratch.path("image"), Access::Read, &Options::default()), "packed twice")
}
