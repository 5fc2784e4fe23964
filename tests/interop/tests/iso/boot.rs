//! El Torito and hybrid images: boot images and partitions beside the file system.

use crate::make::Iso;
use crate::names::info;
use crate::source::{self, as_stored};
use interop::program::run_ok;
use interop::rump::{run, view};
use interop::tree::{Contents, compare, of_host};
use interop::{Check, context};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ISOLINUX: &str = "/usr/lib/ISOLINUX/isolinux.bin";
const MBR: &str = "/usr/lib/ISOLINUX/isohdpfx.bin";

const PATIENCE: Duration = Duration::from_secs(30);

/// What the tests need besides programs.
pub fn lacking() -> Option<&'static str> {
    [ISOLINUX, MBR].into_iter().find(|path| !Path::new(path).exists()).map(|_| "isolinux")
}

/// A tree with a boot loader and the image of a floppy that has a file system of its own.
fn tree(iso: &Iso) -> Check<PathBuf> {
    let (tree, inside) = (iso.beside("tree"), iso.beside("inside"));
    source::write(&inside, "loader", b"loads\n")?;
    source::write(&tree, "boot/isolinux.bin", &context(std::fs::read(ISOLINUX), ISOLINUX)?)?;
    source::write(&tree, "file", &interop::source::pattern(1, 50_000))?;
    let floppy = tree.join("floppy.img");
    context(context(std::fs::File::create(&floppy), "floppy")?.set_len(1440 << 10), "floppy")?;
    let (floppy, inside) = (floppy.to_string_lossy(), inside.to_string_lossy());
    run_ok("mke2fs", &["-q", "-F", "-t", "ext2", "-d", &inside, &floppy])?;
    Ok(tree)
}

const BIOS: &str = "-b boot/isolinux.bin -c boot/catalogue -no-emul-boot -boot-load-size 4 -boot-info-table";
const EFI: &str = "-eltorito-alt-boot -e floppy.img -no-emul-boot";

fn scheme<'a>(info: &'a Value, name: &str) -> Check<&'a Vec<Value>> {
    let tables = info["tables"].as_array().ok_or("no tables")?;
    let table =
        tables.iter().find(|table| table["scheme"] == name).ok_or_else(|| format!("no {name}: {info}"))?;
    table["partitions"].as_array().ok_or_else(|| "no partitions".to_string())
}

/// Every boot image, as xorriso reports it.
pub fn catalogue() -> Check {
    let iso = Iso::new("boot")?;
    let tree = tree(&iso)?;
    iso.run(&format!("xorriso -as mkisofs -quiet -R {BIOS} {EFI} -o IMAGE TREE"), &tree)?;
    let report = iso.run("xorriso -indev IMAGE -report_el_torito plain", &tree)?;
    let info = info(&iso)?;
    let ours = scheme(&info, "el-torito")?;
    let mut theirs = 0;
    for line in report.lines().filter_map(|line| line.strip_prefix("El Torito boot img :")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [number, platform, _, _, _, _, sectors, block] = words[..] else { return Err(line.to_string()) };
        let platform = if platform == "UEFI" { "EFI" } else { "x86" };
        let part = ours.iter().find(|part| part["number"].as_u64() == number.parse().ok());
        let part = part.ok_or_else(|| format!("no boot image {number}"))?;
        let kind = part["kind"].as_str().unwrap_or_default();
        let end = format!("{sectors} sectors, LBA {block}");
        if !kind.starts_with(platform) || !kind.ends_with(&end) || !kind.contains(", bootable,") {
            return Err(format!("xorriso: {line}, ours: {kind}"));
        }
        theirs += 1;
    }
    let length = context(std::fs::metadata(ISOLINUX), ISOLINUX)?.len();
    if theirs != 2 || ours.len() != 2 || ours[0]["size"] != length || ours[1]["size"] != 1440 << 10 {
        return Err(format!("{theirs} reported, ours: {ours:?}"));
    }
    // As it is in the image, where the writer has put a table into it.
    iso.run("xorriso -osirrox on -indev IMAGE -extract /boot/isolinux.bin FOLDERloader", &tree)?;
    is_raw(&iso, "@eltorito1", &iso.beside("loader"))?;
    is_raw(&iso, "@eltorito2", &tree.join("floppy.img"))?;
    let finished = run(&["cat", &format!("{}@eltorito3", iso.text())], PATIENCE)?;
    if finished.status != Some(3) || !finished.stdout.is_empty() {
        return Err(format!("a boot image that is not there: {}", finished.verdict()));
    }
    whole_and_parts(&iso, &tree, &["@eltorito2"])
}

/// `cat` of a part gives its bytes, those of a file.
fn is_raw(iso: &Iso, part: &str, file: &Path) -> Check {
    let finished = run(&["cat", &format!("{}{part}", iso.text())], PATIENCE)?;
    let expected = context(std::fs::read(file), file.display())?;
    match finished.status {
        Some(0) if finished.stdout == expected => Ok(()),
        _ => Err(format!(
            "cat of {part}: {} bytes of {}; {}",
            finished.stdout.len(),
            expected.len(),
            finished.verdict()
        )),
    }
}

/// The image alone is its file system, and `parts` are the floppy.
fn whole_and_parts(iso: &Iso, tree: &Path, parts: &[&str]) -> Check {
    let mut ours = as_stored(view(&iso.text(), Contents::Hashed)?);
    let mut given = as_stored(of_host(tree, Contents::Hashed)?);
    // The writer puts its table into the one, some even into the source, and adds the other.
    ours.remove("/boot/catalogue");
    for tree in [&mut ours, &mut given] {
        let patched = tree.get_mut("/boot/isolinux.bin").ok_or("no boot loader")?;
        (patched.sha256, patched.mtime) = (None, (0, 0));
    }
    compare(&given, &ours)?;
    for part in parts {
        let inside = view(&format!("{}{part}", iso.text()), Contents::Hashed)?;
        if inside.get("/loader").is_none_or(|entry| entry.size != 6) {
            return Err(format!("{part}: {inside:?}"));
        }
    }
    Ok(())
}

/// A disk in the form of a floppy, booted as one.
pub fn emulated_floppy() -> Check {
    let iso = Iso::new("floppy")?;
    let tree = tree(&iso)?;
    iso.run("genisoimage -quiet -R -b floppy.img -c boot/catalogue -o IMAGE TREE", &tree)?;
    let info = info(&iso)?;
    let ours = scheme(&info, "el-torito")?;
    if ours.len() != 1 || ours[0]["size"] != 1440 << 10 {
        return Err(format!("{ours:?}"));
    }
    whole_and_parts(&iso, &tree, &["@eltorito1"])
}

/// An image that is a disk with an MBR as well.
pub fn hybrid_mbr() -> Check {
    let iso = Iso::new("hybrid-mbr")?;
    let tree = tree(&iso)?;
    let line = format!("xorriso -as mkisofs -quiet -R {BIOS} {EFI} -isohybrid-mbr {MBR} -o IMAGE TREE");
    iso.run(&line, &tree)?;
    scheme(&info(&iso)?, "mbr")?;
    whole_and_parts(&iso, &tree, &["@eltorito2"])?;
    compare(
        &as_stored(view(&iso.text(), Contents::Hashed)?),
        &as_stored(view(&format!("{}@1", iso.text()), Contents::Hashed)?),
    )
}

/// The same by the program of syslinux.
pub fn hybrid_by_isohybrid() -> Check {
    let iso = Iso::new("isohybrid")?;
    let tree = tree(&iso)?;
    iso.run(&format!("genisoimage -quiet -R {BIOS} -o IMAGE TREE"), &tree)?;
    iso.run("isohybrid IMAGE", &tree)?;
    scheme(&info(&iso)?, "mbr")?;
    whole_and_parts(&iso, &tree, &[])
}

/// With a GPT, whose second partition is the boot image.
pub fn hybrid_gpt() -> Check {
    let iso = Iso::new("hybrid-gpt")?;
    let tree = tree(&iso)?;
    let gpt = format!("-isohybrid-mbr {MBR} {EFI} -isohybrid-gpt-basdat");
    iso.run(&format!("xorriso -as mkisofs -quiet -R {BIOS} {gpt} -o IMAGE TREE"), &tree)?;
    scheme(&info(&iso)?, "gpt")?;
    is_raw(&iso, "@2", &tree.join("floppy.img"))?;
    whole_and_parts(&iso, &tree, &["@eltorito2", "@2"])
}

/// With a partition behind the file system, and the file system as a partition of its own.
pub fn appended_partition() -> Check {
    let iso = Iso::new("appended")?;
    let tree = tree(&iso)?;
    let line = "xorriso -as mkisofs -quiet -R -partition_offset 16 -append_partition 2 0x83 TREE/floppy.img -o IMAGE TREE";
    iso.run(&line.replace("TREE/floppy.img", &tree.join("floppy.img").to_string_lossy()), &tree)?;
    scheme(&info(&iso)?, "mbr")?;
    is_raw(&iso, "@2", &tree.join("floppy.img"))?;
    whole_and_parts(&iso, &tree, &["@2"])?;
    compare(
        &as_stored(view(&iso.text(), Contents::Hashed)?),
        &as_stored(view(&format!("{}@1", iso.text()), Contents::Hashed)?),
    )
}
