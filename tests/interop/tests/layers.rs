//! The command on images in other formats: it names what they are made of, reads them as it reads the raw disk, and writes
//! those in qcow2, which `qemu-img` and `e2fsck` then have to find whole.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::program::{lacks, run_ok};
use interop::suite::Suite;
use interop::tree::Contents;
use interop::{Check, context, rump};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// Formats as `qemu-img` calls them, with options, and as we do.
const FORMATS: &[(&str, &str, &str)] = &[
    ("qcow2", "-c", "qcow2 (64 KiB clusters)"),
    ("qcow2", "-o compat=0.10,cluster_size=4k", "qcow2 (version 2, 4 KiB clusters)"),
    ("vpc", "", "vhd (dynamic)"),
    ("vpc", "-o subformat=fixed", "vhd (fixed)"),
    ("vhdx", "-o block_size=1M", "vhdx (1 MiB blocks)"),
    ("vdi", "", "vdi (dynamic)"),
    ("vmdk", "", "vmdk (monolithicSparse)"),
    ("vmdk", "-o subformat=streamOptimized", "vmdk (streamOptimized)"),
    ("vmdk", "-o subformat=twoGbMaxExtentFlat", "vmdk (twoGbMaxExtentFlat, extent image-f001)"),
];

fn main() {
    let mut suite = Suite::default();
    let lacking = lacks(&["qemu-img", "qemu-io", "sfdisk", "mke2fs", "e2fsck", "debugfs", "prlimit"]);
    for (format, options, name) in FORMATS {
        suite.add(
            format!("{format}_is_read_{}", options.replace([' ', '-', '=', ','], "_")),
            lacking,
            move || read(format, options, name),
        );
    }
    suite.add("qcow2_is_drawn_as_a_tree", lacking, tree);
    suite.add("qcow2_is_written_in_two_parts_at_once", lacking, written);
    suite.add("what_is_not_written_says_so", lacking, refused);
    suite.add("snapshots_are_shown", lacking, snapshots);
    suite.add("a_format_can_be_forced", lacking, forced);
    suite.add("mkfs_fills_the_disk_in_a_qcow2", lacking, mkfs);
    suite.run();
}

/// Words of a line, in which `@` and a name that ends one is a file here.
fn words(scratch: &Scratch, line: &str) -> Vec<String> {
    let path = |word: &str| match word.split_once('@') {
        Some((before, name)) if before.is_empty() || before.ends_with('=') => {
            format!("{before}{}", scratch.path(name).display())
        }
        _ => word.to_string(),
    };
    line.split_whitespace().map(path).collect()
}

fn qemu_img(scratch: &Scratch, line: &str) -> Check {
    run_ok("qemu-img", &words(scratch, line)).map(drop)
}

/// Runs `rump`, which has to end with this status; answers what it printed, to both.
fn run(scratch: &Scratch, line: &str, status: i32) -> Check<String> {
    let words = words(scratch, line);
    let finished = rump::run(&words.iter().map(String::as_str).collect::<Vec<_>>(), LIMIT)?;
    let text = format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr);
    if finished.status == Some(status) {
        Ok(text)
    } else {
        Err(format!("rump {line}: {}", finished.verdict()))
    }
}

fn contains(text: &str, wanted: &str) -> Check {
    if text.contains(wanted) { Ok(()) } else { Err(format!("no {wanted:?} in\n{text}")) }
}

/// A disk, `raw`, of two partitions with ext4 in both.
fn disk(name: &str) -> Check<Scratch> {
    let scratch = Scratch::in_memory(name)?;
    let tree = scratch.path("tree");
    context(fs::create_dir_all(tree.join("folder")), "tree")?;
    for number in 0..40_usize {
        context(
            fs::write(tree.join(format!("folder/{number}")), vec![b'a' + number as u8 % 26; number * 777]),
            "tree",
        )?;
    }
    let raw = context(File::create_new(scratch.path("raw")), "raw")?;
    context(raw.set_len(40 * MIB), "raw")?;
    context(fs::write(scratch.path("script"), "label: gpt\n2048,36864,L\n40960,36864,L\n"), "script")?;
    let mut sfdisk = Command::new("sfdisk");
    sfdisk.args(["-q", "--no-reread"]).arg(scratch.path("raw"));
    let script = context(File::open(scratch.path("script")), "script")?;
    if !context(sfdisk.stdin(script).status(), "sfdisk")?.success() {
        return Err("sfdisk failed".into());
    }
    for (part, at) in [("one", MIB), ("two", 20 * MIB)] {
        let line = format!("-q -F -t ext4 -L {part} -d @tree @{part} 18M");
        run_ok("mke2fs", &words(&scratch, &line))?;
        context(raw.write_all_at(&context(fs::read(scratch.path(part)), part)?, at), "raw")?;
    }
    Ok(scratch)
}

fn read(format: &str, options: &str, name: &str) -> Check {
    let scratch = disk("layers")?;
    qemu_img(&scratch, &format!("convert -f raw -O {format} {options} @raw @image"))?;
    let told = run(&scratch, "info @image", 0)?;
    contains(&told, &format!("\nLayers:\n  {name}\n"))?;
    contains(&told, "    gpt\n      @1: ext4\n      @2: ext4\n")?;
    let view = |name: &str| rump::view(&format!("{}@2", scratch.path(name).display()), Contents::Hashed);
    interop::tree::compare(&view("raw")?, &view("image")?)
}

fn tree() -> Check {
    let scratch = disk("tree")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 -c @raw @below")?;
    qemu_img(&scratch, "create -q -f qcow2 -o cluster_size=4k,data_file=@data -b @below -F qcow2 @image")?;
    let (below, data) = (scratch.path("below"), scratch.path("data"));
    let (below, data) = (below.display(), data.display());
    let told = run(&scratch, "info @image", 0)?;
    contains(
        &told,
        &format!(
            "\nLayers:\n  qcow2 (4 KiB clusters, data {data}, backing {below})\n    data {data}: raw\n    \
             backing {below}: qcow2 (64 KiB clusters)\n    gpt\n      @1: ext4\n      @2: ext4\n"
        ),
    )?;
    let json = run(&scratch, "info --json @image", 0)?;
    let json: Value = context(serde_json::from_str(&json), "rump info")?;
    let role = |index: usize| {
        (&json["layers"]["below"][index]["role"], &json["layers"]["below"][index]["layer"]["format"])
    };
    if (role(0), role(1)) != ((&"data".into(), &"raw".into()), (&"backing".into(), &"qcow2".into())) {
        return Err(format!("{}", json["layers"]));
    }
    let raw: Value = context(serde_json::from_str(&run(&scratch, "info --json @raw", 0)?), "rump info")?;
    if raw.get("layers").is_some() || run(&scratch, "info @raw", 0)?.contains("Layers") {
        return Err("a raw image has layers".into());
    }
    Ok(())
}

/// The verdict of `qemu-img` on the image and of `e2fsck` on both parts; answers what a file of the second one holds.
fn judged(scratch: &Scratch, file: &str) -> Check<String> {
    qemu_img(scratch, "check -q @image")?;
    qemu_img(scratch, "convert -O raw @image @after")?;
    let after = context(fs::read(scratch.path("after")), "after")?;
    for (part, at) in [("one", MIB), ("two", 20 * MIB)] {
        context(fs::write(scratch.path(part), &after[at as usize..][..18 << 20]), part)?;
        run_ok("e2fsck", &words(scratch, &format!("-fn @{part}")))?;
    }
    run_ok("debugfs", &["-R".to_string(), format!("cat {file}"), scratch.path("two").display().to_string()])
}

fn written() -> Check {
    let scratch = disk("written")?;
    qemu_img(&scratch, "create -q -f qcow2 -b @raw -F raw @image")?;
    let before = context(fs::read(scratch.path("raw")), "raw")?;
    context(fs::write(scratch.path("news"), "news\n".repeat(100_000)), "news")?;
    run(&scratch, "cp @news @image@1:/news", 0)?;
    let image = scratch.path("image").display().to_string();
    run(&scratch, &format!("cp -r {image}@1:/ {image}@2:/copy"), 0)?;
    run(&scratch, &format!("rm -r {image}@2:/folder"), 0)?;
    if judged(&scratch, "/copy/news")? != "news\n".repeat(100_000) {
        return Err("the copy of the file is another".into());
    }
    if context(fs::read(scratch.path("raw")), "raw")? != before {
        return Err("the image below was written".into());
    }
    Ok(())
}

fn refused() -> Check {
    for (format, name) in [("vmdk", "vmdk"), ("vpc", "vhd"), ("vdi", "vdi"), ("vhdx", "vhdx")] {
        let scratch = disk("refused")?;
        qemu_img(&scratch, &format!("convert -f raw -O {format} @raw @image"))?;
        let before = context(fs::read(scratch.path("image")), "image")?;
        let image = scratch.path("image").display().to_string();
        let told = run(&scratch, &format!("cp @raw {image}@1:/raw"), 3)?;
        contains(&told, &format!("{name} images are not written"))?;
        if context(fs::read(scratch.path("image")), "image")? != before {
            return Err(format!("{format}: it was changed"));
        }
    }
    Ok(())
}

fn snapshots() -> Check {
    let scratch = disk("snapshots")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
    qemu_img(&scratch, "snapshot -c before @image")?;
    let image = scratch.path("image").display().to_string();
    run(&scratch, &format!("rm -r {image}@1:/folder"), 0)?;
    contains(&run(&scratch, &format!("ls {image}@1:/folder"), 1)?, "no such file")?;
    contains(&run(&scratch, &format!("--snapshot before ls {image}@1:/folder"), 0)?, "39")?;
    let told = run(&scratch, &format!("--snapshot before rm {image}@1:/folder/1"), 3)?;
    contains(&told, "snapshots are not written")?;
    contains(&run(&scratch, &format!("--snapshot later ls {image}@1:/"), 3)?, "no snapshot later: before")
}

fn forced() -> Check {
    let scratch = disk("forced")?;
    qemu_img(&scratch, "convert -f raw -O qcow2 @raw @image")?;
    contains(&run(&scratch, "--format raw info @image", 3)?, "holds no partition table")?;
    contains(&run(&scratch, "--format vmdk info @image", 3)?, "vmdk")?;
    contains(&run(&scratch, "--format floppy info @image", 2)?, "raw, qcow2, vhd, vhdx, vdi, vmdk, dmg")
        .map(drop)
}

fn mkfs() -> Check {
    let scratch = disk("mkfs")?;
    qemu_img(&scratch, "create -q -f qcow2 @image 20M")?;
    run(&scratch, "mkfs ext4 @image -d @tree", 0)?;
    qemu_img(&scratch, "check -q -f qcow2 @image")?;
    qemu_img(&scratch, "convert -f qcow2 -O raw @image @after")?;
    run_ok("e2fsck", &words(&scratch, "-fn @after"))?;
    let told = run_ok("debugfs", &["-R", "cat /folder/1", &scratch.path("after").display().to_string()])?;
    if told.len() == 777 { Ok(()) } else { Err(format!("a file of {} bytes", told.len())) }
}
