//! The formats that are only read.

use crate::rig::{
    DISK_BYTES, content, equal, folder, lacking, open, open_with, qemu_img, qemu_io, read_all, refused, same,
};
use interop::image::Scratch;
use interop::program::{lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::{Check, context};
use rump_hyper::Access;
use rumpdev_image::{Format, Options};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Format as `qemu-img` calls it, and options of `convert` from a raw file.
const MADE: &[(&str, &str)] = &[
    ("vpc", "-o subformat=dynamic"),
    ("vpc", "-o subformat=dynamic,force_size=on"),
    ("vpc", "-o subformat=fixed"),
    ("vpc", "-o subformat=fixed,force_size=on"),
    ("vdi", ""),
    ("vdi", "-o static=on"),
    ("vmdk", "-o subformat=monolithicSparse"),
    ("vmdk", "-o subformat=monolithicSparse,zeroed_grain=on"),
    ("vmdk", "-o subformat=monolithicFlat"),
    ("vmdk", "-o subformat=twoGbMaxExtentSparse"),
    ("vmdk", "-o subformat=twoGbMaxExtentFlat"),
    ("vmdk", "-o subformat=streamOptimized"),
    ("vhdx", ""),
    ("vhdx", "-o subformat=fixed"),
    ("vhdx", "-o block_size=2M"),
    ("vhdx", "-o block_state_zero=off,log_size=2M"),
];

pub fn add(suite: &mut Suite) {
    for (format, options) in MADE {
        let words = options.replace("-o ", "").replace("subformat=", "").replace(['=', ','], "_");
        suite.add(format!("{format}_reads_{words}"), lacking(), move || {
            let scratch = folder("made")?;
            qemu_img(&scratch, &format!("convert -f raw -O {format} {options} @raw @image"))?;
            same(&scratch, "image", format)?;
            let why = format!("{} images are not written", Format::parse(format).ok_or("no format")?.name());
            refused(open_with(&scratch.path("image"), Access::ReadWrite, &Options::default()), &why)
        });
        // QEMU does not write into packed ones.
        if options.contains("streamOptimized") {
            continue;
        }
        suite.add(format!("{format}_written_by_qemu_{words}"), lacking(), move || {
            let scratch = folder("written")?;
            qemu_img(&scratch, &format!("create -q -f {format} {options} @image 40M"))?;
            let commands = ["write -P 1 0 5k", "write -P 2 3M 200k", "write -z 3M 64k", "write -P 3 39M 1M"];
            qemu_io(&scratch.path("image"), format, &commands)?;
            same(&scratch, "image", format)
        });
    }
    for subformat in ["monolithicSparse", "twoGbMaxExtentSparse"] {
        suite.add(format!("vmdk_above_another_{subformat}"), lacking(), move || vmdk_above(subformat));
    }
    for subformat in ["twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] {
        suite.add(format!("vmdk_of_several_extents_{subformat}"), lacking(), move || {
            several_extents(subformat)
        });
    }
    suite.add("vhd_above_another", lacking(), vhd_above);
    suite.add("vhdx_with_a_log_to_replay", lacking(), vhdx_log);
    suite.add("dmg_as_qemu_reads_it", lacking(), || dmg(&["raw", "zero", "zlib"], true));
    suite.add("dmg_with_every_packing", lacks(&["bzip2"]), || {
        dmg(&["raw", "zero", "zlib", "bzip2", "lzfse", "adc", "ignored"], false)
    });
    for (name, options) in [("digits", "--numeric-suffixes=1 -a 3"), ("letters", "-a 2")] {
        suite.add(
            format!("parts_are_joined_that_count_by_{name}"),
            lacking().or(lacks(&["split"])),
            move || split(options, if name == "digits" { "disk.001" } else { "disk.aa" }),
        );
    }
    suite.add("raw_stays_raw_if_that_is_asked_for", lacking(), || {
        let scratch = folder("raw")?;
        qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
        let options = Options { format: Some(Format::Raw), ..Options::default() };
        let opened = open_with(&scratch.path("image"), Access::Read, &options).map_err(|e| e.to_string())?;
        equal(&scratch.path("image"), &read_all(&*opened.device)?)
    });
}

/// A disk, and one in a format, cut by split(1).
fn split(options: &str, first: &str) -> Check {
    for format in ["raw", "qcow2"] {
        let scratch = folder("split")?;
        qemu_img(&scratch, &format!("convert -f raw -O {format} @raw @image"))?;
        let (image, prefix) = (scratch.path("image"), scratch.path("disk."));
        let mut words: Vec<String> = options.split(' ').map(String::from).collect();
        words.extend([
            "-b".into(),
            "700001".into(),
            image.display().to_string(),
            prefix.display().to_string(),
        ]);
        run_ok("split", &words)?;
        let opened = open(&scratch.path(first), Access::Read)?;
        equal(&scratch.path("raw"), &read_all(&*opened.device)?)?;
        let written = open_with(&scratch.path(first), Access::ReadWrite, &Options::default());
        refused(written, "images in several parts are not written")?;
    }
    Ok(())
}

fn vmdk_above(subformat: &str) -> Check {
    let scratch = folder("above")?;
    qemu_img(&scratch, "convert -f raw -O vmdk @raw @below")?;
    qemu_img(&scratch, &format!("create -q -f vmdk -o subformat={subformat} -b @below -F vmdk @image"))?;
    qemu_io(&scratch.path("image"), "vmdk", &["write -P 1 100k 70k", "write -P 2 3M 64k"])?;
    same(&scratch, "image", "vmdk")
}

/// Places on both sides of where the second and the third extent begin.
fn several_extents(subformat: &str) -> Check {
    let scratch = folder("extents")?;
    qemu_img(&scratch, &format!("create -q -f vmdk -o subformat={subformat} @image 4500M"))?;
    let places =
        [0_u64, (2047 << 20) - 4096, (2 << 30) - 8192, 2 << 30, (4 << 30) + 4096, (4500 << 20) - 4096];
    let commands: Vec<String> =
        (1..).zip(places).map(|(byte, at)| format!("write -P {byte} {at} 4k")).collect();
    qemu_io(&scratch.path("image"), "vmdk", &commands.iter().map(String::as_str).collect::<Vec<_>>())?;
    let device = open(&scratch.path("image"), Access::Read)?.device;
    for (byte, at) in (1_u8..).zip(places) {
        let mut bytes = [0; 8192];
        let from = at.saturating_sub(2048).min(device.size_bytes() - 8192);
        device.read_at(from, &mut bytes).map_err(|error| format!("at {from}: {error}"))?;
        let begin = (at - from) as usize;
        if bytes[begin..begin + 4096].iter().any(|found| *found != byte) {
            return Err(format!("at {at}: {:?}", &bytes[begin..begin + 16]));
        }
        if bytes[..begin].iter().any(|found| *found != 0) {
            return Err(format!("before {at}: {:?}", &bytes[..16]));
        }
    }
    Ok(())
}

/// No tool of Debian makes differences of VHD: a dynamic one of QEMU's becomes one by its type, the name of what is below it,
/// and bits of its bitmaps.
fn vhd_above() -> Check {
    let scratch = folder("difference")?;
    qemu_img(&scratch, "convert -f raw -O vpc @raw @below.vhd")?;
    let mut expected = read_all(&*open(&scratch.path("below.vhd"), Access::Read)?.device)?;
    qemu_img(&scratch, &format!("create -q -f vpc @image {}", expected.len()))?;
    qemu_io(&scratch.path("image"), "vpc", &["write -P 5 1k 1k", "write -P 6 4M 256k"])?;
    let mut image = context(fs::read(scratch.path("image")), "image")?;
    for at in [0, image.len() - 512] {
        image[at + 60..at + 64].copy_from_slice(&4_u32.to_be_bytes());
        image[at + 64..at + 68].fill(0);
        let sum = image[at..at + 512].iter().fold(0_u32, |sum, byte| sum + u32::from(*byte));
        image[at + 64..at + 68].copy_from_slice(&(!sum).to_be_bytes());
    }
    let name: Vec<u8> = "below.vhd".encode_utf16().flat_map(u16::to_be_bytes).collect();
    image[512 + 64..][..name.len()].copy_from_slice(&name);
    let number = |at: usize| u32::from_be_bytes(std::array::from_fn(|index| image[at + index])) as usize;
    let table = number(512 + 20);
    let (first, last) = (number(table) * 512, number(table + 8) * 512);
    // Of the first block sectors 2 and 3 are here; of the third, the first 512 but every other eight.
    image[first..first + 512].fill(0);
    image[first] = 0b0011_0000;
    image[last..last + 512].fill(0);
    (0..64).step_by(2).for_each(|index| image[last + index] = 0xff);
    context(fs::write(scratch.path("image"), image), "image")?;
    expected[1024..2048].fill(5);
    (0..64).step_by(2).for_each(|index| expected[(4 << 20) + index * 4096..][..4096].fill(6));
    let opened = open(&scratch.path("image"), Access::Read)?;
    if opened.layer.to_string() != "vhd (differencing, backing below.vhd)" {
        return Err(opened.layer.to_string());
    }
    context(fs::write(scratch.path("expected"), expected), "expected")?;
    equal(&scratch.path("expected"), &read_all(&*opened.device)?)
}

/// What `qemu-io` left of its log becomes one that was not replayed: the headers name it again, and the table of blocks that it
/// changed is wiped.
fn vhdx_log() -> Check {
    let scratch = folder("log")?;
    qemu_img(&scratch, "create -q -f vhdx -o block_size=1M @image 6M")?;
    let image = scratch.path("image");
    qemu_io(&image, "vhdx", &["write -P 1 0 1M", "write -P 2 3M 2M"])?;
    let mut bytes = context(fs::read(&image), "image")?;
    let number = |bytes: &[u8], at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
    let log = number(&bytes, (64 << 10) + 72) as usize;
    let entries = (log..log + (1 << 20)).step_by(4096).filter(|at| bytes[*at..].starts_with(b"loge"));
    let newest = entries.max_by_key(|at| number(&bytes, at + 16)).ok_or("no log")?;
    let id = bytes[newest + 32..newest + 48].to_vec();
    for header in [64 << 10, 128 << 10] {
        bytes[header + 48..header + 64].copy_from_slice(&id);
        bytes[header + 4..header + 8].fill(0);
        let sum = !rump_checksum::crc32c(!0, &bytes[header..header + 4096]);
        bytes[header + 4..header + 8].copy_from_slice(&sum.to_le_bytes());
    }
    let bat = [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42];
    let entry =
        (192 << 10) + bytes[192 << 10..][..4096].windows(8).position(|id| id == bat).ok_or("no table")?;
    let at = number(&bytes, entry + 16) as usize;
    bytes[at..at + 4096].fill(0);
    context(fs::write(&image, &bytes), "image")?;
    let opened = open(&image, Access::Read)?;
    if !opened.layer.to_string().contains("log replayed in memory") {
        return Err(format!("no log: {}", opened.layer));
    }
    let ours = read_all(&*opened.device)?;
    equal(&image, &bytes)?;
    qemu_img(&scratch, "check -q -r all -f vhdx @image")?;
    qemu_img(&scratch, "convert -f vhdx -O raw @image @expected")?;
    equal(&scratch.path("expected"), &ours)?;
    if ours[0] != 1 || ours[3 << 20] != 2 {
        return Err("the log was not needed".into());
    }
    Ok(())
}

/// No tool of Debian makes images of UDIF: this does, with chunks of 300 sectors, each in the next of these ways.
fn dmg(ways: &[&str], is_judged: bool) -> Check {
    let scratch = folder("dmg")?;
    let mut disk = content(7, DISK_BYTES);
    let (mut image, mut table) = (Vec::new(), Vec::new());
    let mut count = 0_u32;
    for (index, chunk) in disk.chunks_mut(300 * 512).enumerate() {
        let (kind, packed) = packed(&scratch, ways[index % ways.len()], chunk)?;
        let numbers = [index as u64 * 300, chunk.len() as u64 / 512, image.len() as u64, packed.len() as u64];
        table.extend(kind.to_be_bytes());
        table.extend([0; 4]);
        table.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        image.extend(packed);
        count += 1;
    }
    table.extend(0xffff_ffff_u32.to_be_bytes());
    table.extend([0; 4]);
    table.extend(
        [disk.len() as u64 / 512, 0, image.len() as u64, 0].iter().flat_map(|number| number.to_be_bytes()),
    );
    let mut head = vec![0; 204];
    head[..8].copy_from_slice(b"mish\0\0\0\x01");
    head[16..24].copy_from_slice(&(disk.len() as u64 / 512).to_be_bytes());
    head[200..].copy_from_slice(&(count + 1).to_be_bytes());
    head.extend(table);
    let list = format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>resource-fork</key><dict><key>blkx</key><array>\
         <dict><key>Data</key><data>\n{}\n</data></dict></array></dict></dict></plist>\n",
        base64(&head)
    );
    let mut koly = vec![0; 512];
    koly[..12].copy_from_slice(b"koly\0\0\0\x04\0\0\x02\0");
    koly[32..40].copy_from_slice(&(image.len() as u64).to_be_bytes());
    koly[56..64].copy_from_slice(b"\0\0\0\x01\0\0\0\x01");
    koly[216..224].copy_from_slice(&(image.len() as u64).to_be_bytes());
    koly[224..232].copy_from_slice(&(list.len() as u64).to_be_bytes());
    koly[492..500].copy_from_slice(&(disk.len() as u64 / 512).to_be_bytes());
    image.extend(list.as_bytes());
    image.extend(koly);
    context(fs::write(scratch.path("image"), image), "image")?;
    context(fs::write(scratch.path("expected"), &disk), "expected")?;
    equal(&scratch.path("expected"), &read_all(&*open(&scratch.path("image"), Access::Read)?.device)?)?;
    if is_judged { same(&scratch, "image", "dmg") } else { Ok(()) }
}

/// A chunk's type and bytes; the chunk becomes what is to be read.
fn packed(scratch: &Scratch, way: &str, chunk: &mut [u8]) -> Check<(u32, Vec<u8>)> {
    Ok(match way {
        "raw" => (1, chunk.to_vec()),
        "zero" | "ignored" => {
            chunk.fill(0);
            (if way == "zero" { 0 } else { 2 }, Vec::new())
        }
        "zlib" => (0x8000_0005, miniz_oxide::deflate::compress_to_vec_zlib(chunk, 6)),
        "bzip2" => {
            context(fs::write(scratch.path("chunk"), &*chunk), "chunk")?;
            let mut command = Command::new("bzip2");
            let packed = run_within(command.arg("-c").arg(scratch.path("chunk")), Duration::from_secs(60))?;
            (0x8000_0006, packed.stdout)
        }
        "lzfse" => {
            let mut packed = Vec::new();
            context(lzfse_rust::encode_bytes(chunk, &mut packed), "lzfse")?;
            (0x8000_0007, packed)
        }
        "adc" => (0x8000_0004, adc(chunk)),
        other => return Err(format!("no way {other}")),
    })
}

/// Literals of 100 bytes, and copies, in both forms, of bytes that are equal to those before.
fn adc(chunk: &[u8]) -> Vec<u8> {
    let (mut packed, mut at) = (Vec::new(), 0);
    while at < chunk.len() {
        let equal = |distance: usize, most: usize| {
            let rest = chunk[at..].iter().take(most);
            rest.enumerate().take_while(|(index, byte)| chunk[at + index - distance] == **byte).count()
        };
        // Text repeats after 182 bytes; zeros after one.
        let (short, long) =
            (if at > 0 { equal(1, 18) } else { 0 }, if at >= 182 { equal(182, 67) } else { 0 });
        if short >= 3 && short >= long {
            packed.extend([((short - 3) << 2) as u8, 0]);
            at += short;
        } else if long >= 4 {
            packed.extend([0x40 | (long - 4) as u8, 0, 181]);
            at += long;
        } else {
            let literal = &chunk[at..(at + 100).min(chunk.len())];
            packed.push(0x80 | (literal.len() - 1) as u8);
            packed.extend(literal);
            at += literal.len();
        }
    }
    packed
}

fn base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for index in 0..4 {
            let letter = alphabet[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= group.len() { letter } else { '=' });
        }
    }
    text
}
