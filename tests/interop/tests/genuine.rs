//! Images that NetBSD's own tools and drivers made, with what its drivers show of them: every name, type, length, time,
//! target and content is as they say; owners and modes as well where the format has them.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::program::run_within;
use interop::suite::Suite;
use interop::tree::{Contents, Entry};
use interop::{Check, context, rump};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Formats that we read, and whether they store owners and modes.
const FORMATS: [(&str, Owners); 4] = [
    ("cd9660-plain", Owners::Unknown),
    ("cd9660-rockridge", Owners::Stored),
    ("ext2-", Owners::Stored),
    ("msdos-", Owners::Unknown),
];

/// Where makefs keeps directories that lie too deep. The genuine driver shows them there, too.
const MOVED: &str = "/.rr_moved/";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owners {
    Stored,
    Unknown,
}

/// What is compared of each file, by path.
type Shown = BTreeMap<String, String>;

fn main() {
    let folder = std::env::var_os("RUMP_CORPUS")
        .map_or_else(|| rump::project().join("../shared/corpus"), PathBuf::from)
        .join("bsd");
    let mut images: Vec<(PathBuf, Owners)> = Vec::new();
    for path in std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = FORMATS.iter().find(|(format, _)| name.starts_with(format) && name.ends_with(".img.xz"));
        images.extend(known.map(|(_, owners)| (path, *owners)));
    }
    images.sort_by(|one, other| one.0.cmp(&other.0));
    let mut suite = Suite::default();
    if images.is_empty() {
        suite.add("images_of_netbsd", Some("the corpus (RUMP_CORPUS)"), || Ok(()));
    }
    for (image, owners) in images {
        let name = image.file_name().unwrap_or_default().to_string_lossy().replace(".img.xz", "");
        suite.add(name, interop::program::lacks(&["xz"]), move || agrees(&image, owners));
    }
    suite.run();
}

fn agrees(packed: &Path, owners: Owners) -> Check {
    let scratch = Scratch::new("genuine")?;
    let image = scratch.path("image");
    let unpack = |from: &Path| {
        let finished = run_within(Command::new("xz").arg("-dc").arg(from), Duration::from_secs(60))?;
        if finished.status == Some(0) { Ok(finished.stdout) } else { Err(finished.verdict()) }
    };
    context(std::fs::write(&image, unpack(packed)?), "image")?;
    let manifest = unpack(Path::new(&packed.to_string_lossy().replace(".img.xz", ".tsv.xz")))?;
    let expected = theirs(&String::from_utf8_lossy(&manifest), owners)?;
    let seen: Shown = rump::view(&image.to_string_lossy(), Contents::Hashed)?
        .into_iter()
        .filter(|(path, _)| path != "/")
        .map(|(path, entry)| (path, ours(&entry, owners)))
        .collect();
    let paths = expected.keys().chain(seen.keys().filter(|path| !expected.contains_key(*path)));
    let differences: Vec<String> = paths
        .filter(|path| expected.get(*path) != seen.get(*path))
        .map(|path| format!("{path}: {:?} / {:?}", expected.get(path), seen.get(path)))
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let first = differences.iter().take(8).cloned().collect::<Vec<_>>().join("\n  ");
    Err(format!("{} differences, theirs then ours:\n  {first}", differences.len()))
}

/// What the manifest says; the root is left out.
fn theirs(manifest: &str, owners: Owners) -> Check<Shown> {
    let mut shown = Shown::new();
    for line in manifest.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, kind, mode, _, uid, gid, size, mtime, _, content, ..] = fields[..] else {
            return Err(format!("a line of the manifest: {line}"));
        };
        let path = format!("/{}", decoded(path));
        if path == "/." || path.starts_with(MOVED) {
            continue;
        }
        let kind = match kind {
            "d" => "dir",
            "f" => "file",
            "l" => "symlink",
            "c" => "char",
            "b" => "block",
            "p" => "fifo",
            _ => "socket",
        };
        let number = |text: &str, radix| u32::from_str_radix(text, radix).unwrap_or(u32::MAX);
        let owner = (number(mode, 8), number(uid, 10), number(gid, 10));
        let content = if matches!(kind, "file" | "symlink") { decoded(content) } else { String::new() };
        let seconds = mtime.split('.').next().unwrap_or_default();
        shown.insert(path, described(kind, size, seconds, &content, owner, owners));
    }
    Ok(shown)
}

fn ours(entry: &Entry, owners: Owners) -> String {
    let content = entry.sha256.as_ref().or(entry.target.as_ref()).cloned().unwrap_or_default();
    let owner = (entry.mode, entry.uid, entry.gid);
    let (size, seconds) = (entry.size.to_string(), entry.mtime.0.to_string());
    described(&entry.kind, &size, &seconds, &content, owner, owners)
}

fn described(
    kind: &str,
    size: &str,
    seconds: &str,
    content: &str,
    owner: (u32, u32, u32),
    owners: Owners,
) -> String {
    let size = if kind == "file" { size } else { "" };
    let owner = if owners == Owners::Stored { format!("{owner:?}") } else { String::new() };
    format!("{kind} {size} {seconds} {content} {owner}")
}

/// Bytes outside 0x21..0x7e are written %XX.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
