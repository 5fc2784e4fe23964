//! A tree as `find`, `stat` and `sha256sum` print it.

use super::Shown;
use crate::tree::{Entry, Time, Tree};
use crate::{Check, context};

/// Prints space, files, devices and sums. Every field ends with a zero byte, every part with an empty field.
pub const SCRIPT: &str = r"
stat -f --printf='%S\0%b\0%f\0\0' .
find . -printf '%y\0%m\0%U\0%G\0%n\0%s\0%i\0%T@\0%A@\0%C@\0%l.\0%p\0'; printf '\0'
find . '(' -type b -o -type c ')' -exec stat --printf='%t\0%T\0%n\0' '{}' +; printf '\0'
find . -type f -exec sha256sum -z '{}' +; printf '\0'
";

/// Fields of a file in the listing.
const FILE: usize = 12;

/// Reads what [`SCRIPT`] printed.
pub fn parse(printed: &[u8]) -> Check<Shown> {
    let text = String::from_utf8_lossy(printed);
    let mut fields = text.split('\0');
    let mut part = || fields.by_ref().take_while(|field| !field.is_empty()).collect::<Vec<_>>();
    let (space, files, devices, sums) = (part(), part(), part(), part());
    let space: Vec<u64> = space.iter().filter_map(|field| field.parse().ok()).collect();
    let space = space.try_into().map_err(|found| format!("stat -f: {found:?}"))?;
    let mut tree = Tree::new();
    for file in files.chunks(FILE) {
        let (path, entry) = entry(file).map_err(|what| format!("{file:?}: {what}"))?;
        if tree.insert(path.clone(), entry).is_some() {
            return Err(format!("{path} is listed twice"));
        }
    }
    let named = |tree: &mut Tree, path: &str, change: &dyn Fn(&mut Entry)| -> Check {
        tree.get_mut(&absolute(path)).map(change).ok_or_else(|| format!("{path} is not listed"))
    };
    for device in devices.chunks(3) {
        let [major, minor, path] = device else { return Err(format!("device: {device:?}")) };
        let number = |text| context(u32::from_str_radix(text, 16), path);
        let numbers = (number(major)?, number(minor)?);
        named(&mut tree, path, &|entry| entry.device = Some(numbers))?;
    }
    for sum in sums {
        let (sum, path) = sum.split_once("  ").ok_or_else(|| format!("sum: {sum}"))?;
        named(&mut tree, path, &|entry| entry.sha256 = Some(sum.to_string()))?;
    }
    Ok(Shown { tree, space })
}

fn absolute(path: &str) -> String {
    let path = path.trim_start_matches('.');
    if path.is_empty() { "/".to_string() } else { path.to_string() }
}

fn entry(fields: &[&str]) -> Check<(String, Entry)> {
    let &[kind, mode, uid, gid, nlink, size, ino, mtime, atime, ctime, target, path] = fields else {
        return Err(format!("{} fields", fields.len()));
    };
    let kind = match kind {
        "f" => "file",
        "d" => "dir",
        "l" => "symlink",
        "c" => "char",
        "b" => "block",
        "p" => "fifo",
        "s" => "socket",
        other => return Err(format!("type {other}")),
    };
    let target = target.strip_suffix('.').unwrap_or(target);
    let entry = Entry {
        kind: kind.to_string(),
        mode: context(u32::from_str_radix(mode, 8), "mode")?,
        uid: context(uid.parse(), "uid")?,
        gid: context(gid.parse(), "gid")?,
        nlink: context(nlink.parse(), "nlink")?,
        size: context(size.parse(), "size")?,
        ino: context(ino.parse(), "ino")?,
        mtime: time(mtime)?,
        atime: time(atime)?,
        ctime: time(ctime)?,
        target: (kind == "symlink").then(|| target.to_string()),
        ..Entry::default()
    };
    Ok((absolute(path), entry))
}

/// Seconds, a point, and ten digits of which the last is zero. Before 1970, the fraction still counts forward.
fn time(text: &str) -> Check<Time> {
    let (seconds, fraction) = text.split_once('.').ok_or_else(|| format!("time {text}"))?;
    let nanoseconds = fraction.get(..9).ok_or_else(|| format!("time {text}"))?;
    let whole: i64 = context(seconds.parse(), text)?;
    Ok((whole, context(nanoseconds.parse(), text)?))
}
