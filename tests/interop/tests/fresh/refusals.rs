//! What is refused, with which exit status and which words.

use crate::format::{Format, checked_fat};
use crate::{rump_ends, says, text, told};
use interop::image::Scratch;
use interop::suite::Suite;
use interop::{Check, context};
use std::fs;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("what_a_format_does_not_have_is_refused", lacking, wishes);
    suite.add("a_wrong_size_is_refused", lacking, sizes);
    for format in [Format::Vfat, Format::Exfat] {
        let name = format!("{}_reports_what_it_cannot_hold", format.name());
        suite.add(name, lacking, move || sources(format));
    }
    suite.add("what_is_there_is_not_overwritten", lacking, occupied);
}

/// Wrong command lines, which make nothing.
fn wishes() -> Check {
    let scratch = Scratch::new("wishes")?;
    let image = text(&scratch.path("image"));
    let table = text(&scratch.path("table"));
    context(fs::write(&table, ""), "table")?;
    let uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    let cases: &[(&str, &[&str], &str)] = &[
        ("vfat", &["-L", "twelve chars"], "label \"twelve chars\": at most 11"),
        ("vfat", &["-L", "a/b"], "'/' cannot be stored"),
        ("vfat", &["-L", "日本"], "'日' cannot be stored"),
        ("vfat", &["-U", uuid], "a serial number looks like 1234-ABCD"),
        ("vfat", &["-U", "12345678"], "no serial number"),
        ("vfat", &["-N", "100"], "inodes: vfat has no such thing"),
        ("vfat", &["-I", "256"], "inode_size"),
        ("vfat", &["-m", "5"], "reserved_percent"),
        ("vfat", &["-O", "extent"], "features"),
        ("vfat", &["--journal", "1M"], "journal_bytes"),
        ("vfat", &["--owner", "0:0"], "no owners are stored"),
        ("vfat", &["--map", &table], "no owners, modes and devices are stored"),
        ("vfat", &["--fat", "24"], "fat_bits 24: 12, 16 or 32"),
        ("vfat", &["-b", "3000"], "block_size 3000"),
        ("vfat", &["-b", "256"], "block_size 256"),
        ("vfat", &["--sector-size", "8192"], "sector_size 8192"),
        ("exfat", &["-L", "twelve chars"], "label \"twelve chars\": at most 11"),
        ("exfat", &["-U", uuid], "a serial number looks like 1234-ABCD"),
        ("exfat", &["-N", "100"], "inodes: exfat has no such thing"),
        ("exfat", &["-m", "5"], "reserved_percent"),
        ("exfat", &["--fat", "32"], "fat_bits: exfat has no such thing"),
        ("exfat", &["--owner", "0:0"], "no owners are stored"),
        ("exfat", &["-b", "3000"], "block_size 3000"),
        ("exfat", &["-b", "67108864"], "block_size 67108864"),
        ("ext4", &["--fat", "32"], "fat_bits"),
        ("ext4", &["--sector-size", "512"], "sector_size"),
        ("ext4", &["-U", "1234-ABCD"], "a UUID has 32 digits"),
        ("msdos", &[], "vfat, exfat"),
    ];
    for (format, arguments, expected) in cases {
        let arguments = [&["mkfs", format, &image, "--size", "64M"], *arguments].concat();
        says(&rump_ends(2, &arguments)?, expected).map_err(|what| format!("{arguments:?}: {what}"))?;
        if scratch.path("image").exists() {
            return Err(format!("{arguments:?} made an image"));
        }
    }
    Ok(())
}

fn sizes() -> Check {
    let scratch = Scratch::new("sizes")?;
    let image = text(&scratch.path("image"));
    let cases: &[(&str, &[&str], &str)] = &[
        ("exfat", &["--size", "1000K"], "exfat has 1048576 at least"),
        ("exfat", &["--size", "1M", "-b", "524288"], "too few for exfat's own structures"),
        ("exfat", &["--size", "4T", "-b", "512"], "exfat has 4294967285 at most"),
        ("vfat", &["--size", "8K"], "too small"),
        ("vfat", &["--size", "16M", "--fat", "32"], "fat32 has 65525 at least"),
        ("vfat", &["--size", "1M", "--fat", "16"], "fat16 has 4087 at least"),
        ("vfat", &["--size", "600M", "--fat", "12"], "fat12 has 4084 at most"),
        ("vfat", &["--size", "16M", "--fat", "12", "-b", "512"], "fat12 has 4084 at most"),
        ("vfat", &["--size", "8G", "--fat", "16"], "fat16 has 65524 at most"),
        ("vfat", &["--size", "3T"], "FAT counts them in 32 bits"),
    ];
    for (format, arguments, expected) in cases {
        let arguments = [&["mkfs", format, &image], *arguments].concat();
        says(&rump_ends(1, &arguments)?, expected).map_err(|what| format!("{arguments:?}: {what}"))?;
        if scratch.path("image").exists() {
            return Err(format!("{arguments:?} made an image"));
        }
    }
    rump_ends(0, &["mkfs", "vfat", &image, "--size", "64M", "--dry-run"])?;
    if scratch.path("image").exists() { Err("a dry run made an image".into()) } else { Ok(()) }
}

/// The rest is there, and the volume is sound.
fn sources(format: Format) -> Check {
    let scratch = Scratch::new("sources")?;
    let (source, image) = (scratch.path("source"), scratch.path("image"));
    for folder in ["folder", "Case", "case"] {
        context(fs::create_dir_all(source.join(folder)), folder)?;
    }
    let names = ["readme", "README", "folder/Straße", "folder/STRAßE", "plain", "colon:", "Long name.txt"];
    for name in names.into_iter().chain(["LONGNA~1.TXT"]) {
        context(fs::write(source.join(name), name), name)?;
    }
    context(std::os::unix::fs::symlink("plain", source.join("symlink")), "symlink")?;
    let arguments = ["mkfs", format.name(), &text(&image), "--fit", "-d", &text(&source)];
    let finished = rump_ends(1, &arguments)?;
    for expected in [
        ":/readme: the image takes the name for that of README, which is there already",
        ":/folder/Straße: the image takes the name for that of folder/STRAßE, which is there already",
        ":/case: the image takes the name for that of Case, which is there already",
        "FAT has files and directories alone",
        ":/symlink: ",
        ":/colon:: ",
    ] {
        says(&finished, expected)?;
    }
    format.checked(&image)?;
    let target = scratch.path("target");
    context(fs::create_dir(&target), "target")?;
    format.copy_out(&image, &target)?;
    let listed = told("find", &[&text(&target), "-mindepth", "1", "-printf", "%P\n"])?;
    let mut names: Vec<&str> = listed.lines().collect();
    names.sort_unstable();
    let expected = ["Case", "LONGNA~1.TXT", "Long name.txt", "README", "folder", "folder/STRAßE", "plain"];
    if names == expected { Ok(()) } else { Err(format!("{names:?}")) }
}

fn occupied() -> Check {
    let scratch = Scratch::new("occupied")?;
    let image = text(&scratch.path("image"));
    rump_ends(0, &["mkfs", "vfat", &image, "--size", "64M", "-L", "treasure"])?;
    let again = rump_ends(1, &["mkfs", "vfat", &image])?;
    says(&again, "holds a file system, fat16 \"TREASURE\"; --force overwrites it")?;
    rump_ends(0, &["mkfs", "ext4", &image, "--force"])?;
    says(&rump_ends(1, &["mkfs", "vfat", &image])?, "holds a file system, ext4; --force overwrites it")?;
    rump_ends(0, &["mkfs", "vfat", &image, "--force"])?;
    checked_fat(&scratch.path("image"))?;
    let kind = told("blkid", &["-p", "-s", "TYPE", "-o", "value", &image])?;
    if kind.trim() != "vfat" {
        return Err(kind);
    }
    rump_ends(0, &["mkfs", "exfat", &image, "--force", "-L", "other"])?;
    let again = rump_ends(1, &["mkfs", "vfat", &image])?;
    says(&again, "holds a file system, exfat \"other\"; --force overwrites it")?;
    let kind = told("blkid", &["-p", "-s", "TYPE", "-o", "value", &image])?;
    if kind.trim() == "exfat" { Ok(()) } else { Err(kind) }
}
