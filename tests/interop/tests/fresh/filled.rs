//! Trees in fresh volumes, made by the command and copied out by mtools or exfat-fuse.

use crate::format::Format;
use crate::{MIB, rump_ends, says, text, told};
use interop::image::Scratch;
use interop::program::run_ok;
use interop::source::pattern;
use interop::suite::Suite;
use interop::tree::sha256_of_file;
use interop::{Check, context};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// With a name for each.
type Shapes = &'static [(&'static str, &'static [&'static str])];

const VFAT: Shapes = &[
    ("usual", &["--size", "64M"]),
    ("fat12", &["--size", "16M", "--fat", "12"]),
    ("fat12_64k", &["--size", "32M", "--fat", "12", "-b", "65536"]),
    ("fat16", &["--size", "9M", "--fat", "16", "-b", "512"]),
    (
        "fat16_4k_sectors",
        &["--size", "64M", "--fat", "16", "--sector-size", "4096", "--cluster-size", "4096"],
    ),
    ("fat32", &["--size", "40M", "--fat", "32"]),
    ("fat32_2k_sectors", &["--size", "150M", "--fat", "32", "--sector-size", "2048"]),
    ("fit", &["--fit"]),
    ("fit_fat32", &["--fit", "--fat", "32"]),
    ("fit_512", &["--fit", "-b", "512", "--slack", "5%"]),
    ("fit_32k", &["--fit", "-b", "32768", "--slack", "1M"]),
];
const EXFAT: Shapes = &[
    ("usual", &["--size", "64M"]),
    ("512", &["--size", "16M", "-b", "512"]),
    ("4k_sectors", &["--size", "64M", "--sector-size", "4096"]),
    ("1m", &["--size", "300M", "--cluster-size", "1048576"]),
    ("fit", &["--fit"]),
    ("fit_512", &["--fit", "-b", "512", "--slack", "5%"]),
    ("fit_32k", &["--fit", "-b", "32768", "--slack", "1M"]),
];
const SOURCES: &[Source] = &[
    Source::Small,
    Source::Large,
    Source::Deep,
    Source::Root,
    Source::LongNames,
    Source::AllNames,
    Source::Nothing,
];

type Test = (&'static str, fn(Format) -> Check);

pub fn add(suite: &mut Suite, format: Format, lacking: Option<&'static str>) {
    let kind = format.name();
    let shapes = if format == Format::Vfat { VFAT } else { EXFAT };
    for &(name, shape) in shapes {
        suite.add(format!("{kind}_{name}_holds_a_tree"), lacking, move || holds(format, shape));
    }
    for &source in SOURCES {
        let name = format!("{kind}_fits_{source:?}").to_lowercase();
        suite.add(name, lacking, move || fits(format, source));
    }
    let tests: &[Test] = &[
        ("of_an_archive_is_as_of_its_tree", of_an_archive),
        ("in_a_partition_leaves_the_rest_alone", in_a_partition),
        ("is_reproducible", reproducible),
        ("has_the_label_and_serial_number_that_were_asked_for", asked_for),
        ("has_copies_of_hard_links", links_become_copies),
    ];
    for &(name, run) in tests {
        suite.add(format!("{kind}_{name}"), lacking, move || run(format));
    }
}

/// Content by path.
type Files = BTreeMap<String, Vec<u8>>;

fn tree() -> Files {
    let names = [
        "README.TXT",
        "lower.txt",
        "Capital.Txt",
        "a name with spaces and more.of.it",
        ".hidden",
        "x+y=z;[1],2",
        "Überraschung.öl",
        "日本語のファイル名.テキスト",
        "thirteen.char",
    ];
    let mut files = Files::new();
    for (number, name) in (0..).zip(names) {
        files.insert(name.into(), pattern(number, 4095 + number as usize));
        files.insert(format!("EFI/BOOT/{name}"), pattern(number * 7, 100_000 + number as usize));
    }
    files.insert("empty".into(), Vec::new());
    files.insert("n".repeat(200), pattern(99, 700));
    for number in 0..150 {
        files.insert(format!("many/one of many files, number {number}"), pattern(number, 20));
    }
    files
}

fn to_host(files: &Files, root: &Path) -> Check {
    context(fs::create_dir_all(root), root.display())?;
    for (path, content) in files {
        let path = root.join(path);
        context(fs::create_dir_all(path.parent().unwrap_or(root)), path.display())?;
        context(fs::write(&path, content), path.display())?;
    }
    // Of this file most is a hole.
    let sparse = context(File::create(root.join("sparse")), "sparse")?;
    context(sparse.set_len(300_000), "sparse")?;
    context(sparse.write_all_at(b"data", 200_000), "sparse")
}

fn from_host(root: &Path, prefix: &str, files: &mut Files) -> Check {
    for entry in context(fs::read_dir(root), root.display())? {
        let entry = context(entry, root.display())?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if context(entry.file_type(), &path)?.is_dir() {
            from_host(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path.clone(), context(fs::read(entry.path()), &path)?);
        }
    }
    Ok(())
}

/// The judge copies the same bytes out of a volume as are in `source`.
fn same(format: Format, source: &Path, image: &Path) -> Check {
    let scratch = Scratch::new("target")?;
    let target = scratch.path("target");
    context(fs::create_dir(&target), target.display())?;
    let (mut expected, mut found) = (Files::new(), Files::new());
    from_host(source, "", &mut expected)?;
    format.copy_out(image, &target)?;
    from_host(&target, "", &mut found)?;
    for (path, content) in &expected {
        match found.get(path) {
            Some(other) if other == content => {}
            Some(_) => return Err(format!("{path} is another")),
            None => return Err(format!("{path} is not among {:?}", found.keys().collect::<Vec<_>>())),
        }
    }
    let more = found.keys().find(|path| !expected.contains_key(*path));
    more.map_or(Ok(()), |path| Err(format!("{path} is there as well")))
}

fn source(scratch: &Scratch) -> Check<PathBuf> {
    let root = scratch.path("source");
    to_host(&tree(), &root)?;
    Ok(root)
}

fn holds(format: Format, shape: &[&str]) -> Check {
    let scratch = Scratch::new("holds")?;
    let (source, image) = (source(&scratch)?, scratch.path("image"));
    let (from, name) = (text(&source), text(&image));
    let arguments = [&["mkfs", format.name(), &name, "-d", &from, "-L", "tree"], shape].concat();
    let finished = rump_ends(0, &arguments)?;
    says(&finished, "stores no owners and modes: they are left out")?;
    format.checked(&image)?;
    same(format, &source, &image)
}

/// What shall fit.
#[derive(Clone, Copy, Debug)]
enum Source {
    Small,
    Large,
    Deep,
    Root,
    LongNames,
    AllNames,
    Nothing,
}

impl Source {
    fn files(self) -> Files {
        let mut files = Files::new();
        match self {
            Self::Small => {
                for number in 0..3000 {
                    let length = number as usize * 37 % 3000;
                    files.insert(format!("{}/{number}.txt", number % 30), pattern(number, length));
                }
            }
            Self::Large => {
                for number in 0..5 {
                    files.insert(format!("large {number}"), pattern(number, (7 << 20) + number as usize));
                }
            }
            Self::Deep => {
                for depth in 1..40 {
                    let folders = "folder/".repeat(depth);
                    files.insert(format!("{folders}file"), pattern(depth as u64, 1000));
                }
            }
            Self::Root => {
                for number in 0..1500 {
                    files.insert(format!("a name of two slots {number}"), pattern(number, 10));
                }
            }
            Self::LongNames => {
                for number in 0..700 {
                    files.insert(format!("folder/{}{number:04}", "long".repeat(60)), Vec::new());
                }
            }
            Self::AllNames => {
                for number in 0..2000_usize {
                    let name = "x".repeat(number * 7 % 97);
                    files.insert(format!("folder {}/{number}-{name}", number % 40), Vec::new());
                }
            }
            Self::Nothing => {}
        }
        files
    }
}

/// Everything fits, and not much is left over.
fn fits(format: Format, source: Source) -> Check {
    let scratch = Scratch::new("fits")?;
    let root = scratch.path("source");
    context(fs::create_dir(&root), "source")?;
    for (path, content) in &source.files() {
        let path = root.join(path);
        context(fs::create_dir_all(path.parent().unwrap_or(&root)), path.display())?;
        context(fs::write(&path, content), path.display())?;
    }
    let last: &[&str] = if format == Format::Vfat { &["--fat", "32"] } else { &["-b", "131072"] };
    let shapes: [&[&str]; 6] = [
        &[],
        &["-b", "512"],
        &["-b", "1024", "--sector-size", "1024"],
        &["-b", "4096"],
        &["-b", "16384", "--sector-size", "4096"],
        last,
    ];
    for (number, shape) in shapes.iter().enumerate() {
        let image = scratch.path(&format!("image-{number}"));
        let (from, name) = (text(&root), text(&image));
        rump_ends(0, &[&["mkfs", format.name(), &name, "--fit", "-d", &from], *shape].concat())?;
        let (used, all) = format.checked(&image).map_err(|what| format!("{shape:?}: {what}"))?;
        same(format, &root, &image).map_err(|what| format!("{shape:?}: {what}"))?;
        let size = context(fs::metadata(&image), "image")?.len();
        let spare = all.saturating_sub(used.max(least(format, shape)));
        // The shortest volume of exFAT has a MiB.
        if spare > 2 + used / 50 && (format == Format::Vfat || size > MIB) {
            return Err(format!("{shape:?}: {spare} of {all} clusters are left over in {size} bytes"));
        }
    }
    Ok(())
}

/// The least number of clusters.
fn least(format: Format, shape: &[&str]) -> u64 {
    match (format, shape) {
        (Format::Vfat, ["--fat", "32"]) => 65_525,
        _ => 0,
    }
}

fn of_an_archive(format: Format) -> Check {
    let scratch = Scratch::new("archive")?;
    let (source, archive, image) = (source(&scratch)?, scratch.path("archive"), scratch.path("image"));
    run_ok("tar", &["-cSzf", &text(&archive), "-C", &text(&source), "."])?;
    rump_ends(0, &["mkfs", format.name(), &text(&image), "--fit", "--from", &text(&archive)])?;
    format.checked(&image)?;
    same(format, &source, &image)
}

fn in_a_partition(format: Format) -> Check {
    let scratch = Scratch::new("partition")?;
    let source = source(&scratch)?;
    let (whole, part) = (scratch.path("whole"), scratch.path("part"));
    let name = text(&whole);
    context(fs::write(&whole, vec![0x5a; 100 << 20]), "image")?;
    run_ok("sh", &["-c", &format!("printf 'label: gpt\\n2048,64M,U\\n,\\n' | sfdisk -q {name}")])?;
    let before = context(fs::read(&whole), "image")?;
    rump_ends(0, &["mkfs", format.name(), &format!("{name}@1"), "-L", "ESP", "-d", &text(&source)])?;
    let after = context(fs::read(&whole), "image")?;
    let (begin, end) = ((MIB) as usize, (65 * MIB) as usize);
    if after[..begin] != before[..begin] || after[end..] != before[end..] {
        return Err("something else was changed".into());
    }
    context(fs::write(&part, &after[begin..end]), "part")?;
    format.checked(&part)?;
    same(format, &source, &part)?;
    let hidden_at = begin + if format == Format::Vfat { 28 } else { 64 };
    if after[hidden_at..hidden_at + 4] != 2048_u32.to_le_bytes() {
        return Err("the place in the disk is another".into());
    }
    // A part by its place, over what is there.
    let again = ["mkfs", format.name(), &name, "--offset", "1M", "--size", "1440K"];
    says(&rump_ends(1, &again)?, "--force")?;
    rump_ends(0, &[&again[..], &["--force"]].concat())?;
    let now = context(fs::read(&whole), "image")?;
    context(fs::write(&part, &now[begin..begin + (1440 << 10)]), "part")?;
    format.checked(&part)?;
    match (format, now[begin + 21]) {
        (Format::Vfat, medium) if medium != 0xf8 => Err(format!("medium {medium:#x}")),
        _ => Ok(()),
    }
}

fn reproducible(format: Format) -> Check {
    let scratch = Scratch::new("same")?;
    let source = source(&scratch)?;
    let copy = scratch.path("copy");
    run_ok("cp", &["-a", &text(&source), &text(&copy)])?;
    let mut sums = Vec::new();
    for (number, from) in [&source, &source, &copy].into_iter().enumerate() {
        let image = scratch.path(&format!("image-{number}"));
        let arguments = ["mkfs", format.name(), &text(&image), "--fit", "--reproducible", "-d", &text(from)];
        rump_ends(0, &arguments)?;
        format.checked(&image)?;
        sums.push(sha256_of_file(&image)?);
    }
    context(fs::write(source.join("one more"), "x"), "file")?;
    let other = scratch.path("other");
    rump_ends(0, &["mkfs", format.name(), &text(&other), "--fit", "--reproducible", "-d", &text(&source)])?;
    if sums[0] != sums[1] || sums[0] != sums[2] {
        return Err(format!("{sums:?}"));
    }
    let serial = |image: &Path| told("blkid", &["-p", "-s", "UUID", "-o", "value", &text(image)]);
    let (one, another) = (serial(&scratch.path("image-0"))?, serial(&other)?);
    if one == another { Err(format!("both are {one}")) } else { Ok(()) }
}

fn asked_for(format: Format) -> Check {
    let scratch = Scratch::new("asked")?;
    let (path, kind) = (scratch.path("new"), format.name());
    let image = text(&path);
    let arguments = ["mkfs", kind, &image, "--size", "1440K", "-L", "my boot", "-U", "0123-abcd", "--json"];
    let finished = rump_ends(0, &arguments)?;
    let report: serde_json::Value = context(serde_json::from_slice(&finished.stdout), "report")?;
    let (label, cluster, clusters, free, feature) = match format {
        Format::Vfat => ("MY BOOT", 512, 2847, 2847, "fat12"),
        Format::Exfat => ("my boot", 4096, 352, 348, "exfat"),
    };
    let expected = serde_json::json!({
        "format": kind, "image": image, "offset": 0, "size": 1_474_560, "uuid": "0123-ABCD", "label": label,
        "block_size": cluster, "blocks": clusters, "free_blocks": free, "features": [feature], "files": 0,
        "bytes": 0, "notes": [], "losses": {}, "errors": 0, "complete": true, "dry_run": false,
    });
    if report != expected {
        return Err(format!("{report}"));
    }
    format.checked(&path)?;
    let info = rump_ends(0, &["info", "--json", &image])?;
    let info = String::from_utf8_lossy(&info.stdout).into_owned();
    let judged = match format {
        Format::Vfat => told("mlabel", &["-s", "-i", &image, "::"])?,
        Format::Exfat => told("exfatlabel", &[&image])?,
    };
    for (said, text) in [(&info, label), (&info, "0123-ABCD"), (&judged, label)] {
        if !said.contains(text) {
            return Err(format!("{text:?} is not in {said}"));
        }
    }
    Ok(())
}

fn links_become_copies(format: Format) -> Check {
    let scratch = Scratch::new("links")?;
    let (source, image) = (scratch.path("source"), scratch.path("image"));
    context(fs::create_dir_all(source.join("folder")), "source")?;
    context(fs::write(source.join("one"), pattern(1, 3_000_000)), "one")?;
    context(fs::hard_link(source.join("one"), source.join("folder/two")), "two")?;
    context(fs::hard_link(source.join("one"), source.join("three")), "three")?;
    if context(fs::metadata(source.join("one")), "one")?.nlink() != 3 {
        return Err("no links".into());
    }
    let finished = rump_ends(0, &["mkfs", format.name(), &text(&image), "--fit", "-d", &text(&source)])?;
    says(&finished, "has no hard links: they become copies")?;
    format.checked(&image)?;
    same(format, &source, &image)
}
