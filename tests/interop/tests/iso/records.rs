//! Directory records with what few writers write: hidden and associated files, CD-ROM XA, records of attributes before
//! the content, entries of others in the system use field. Linux judges what is shown.

use crate::linux::{self, Case, agree};
use crate::make::Iso;
use crate::source;
use interop::program::run_ok;
use interop::rump::run;
use interop::uml::Machine;
use interop::{Check, context};
use std::path::{Path, PathBuf};

const SECTOR: usize = 2048;
/// Bytes of a record before the identifier.
const FIELDS: usize = 33;

/// An image by this command, of a file to change and two beside it.
fn image(name: &str, line: &str) -> Check<Iso> {
    let iso = Iso::new(name)?;
    let tree = tree(&iso)?;
    iso.run(line, &tree)?;
    Ok(iso)
}

fn tree(iso: &Iso) -> Check<PathBuf> {
    let tree = iso.beside("tree");
    for name in ["PLAIN.TXT", "CHANGED.TXT", "DIR/INSIDE.TXT"] {
        source::write(&tree, name, name.repeat(500).as_bytes())?;
    }
    Ok(tree)
}

const ROCK_RIDGE: &str = "genisoimage -quiet -R -o IMAGE TREE";

/// Changes the bytes of the record of `CHANGED.TXT`.
fn patch(iso: &Iso, change: impl FnOnce(&mut [u8]) -> Check) -> Check {
    let mut bytes = context(std::fs::read(iso.path()), "image")?;
    let name = bytes.windows(14).position(|bytes| bytes == b"\x0dCHANGED.TXT;1").ok_or("no record")?;
    let start = name + 1 - FIELDS;
    let length = usize::from(bytes[start]);
    change(&mut bytes[start..start + length])?;
    context(std::fs::write(iso.path(), bytes), "image")
}

/// The entry of a record with this signature.
fn entry<'a>(record: &'a mut [u8], signature: &[u8; 2]) -> Check<&'a mut [u8]> {
    let shown = String::from_utf8_lossy(signature).into_owned();
    let at = record[FIELDS + 14..].windows(2).position(|bytes| bytes == signature);
    let at = at.ok_or_else(|| format!("no entry {shown}"))? + FIELDS + 14;
    let length = usize::from(record[at + 2]);
    Ok(&mut record[at..at + length])
}

/// Linux shows all of them as we do.
pub fn as_linux_shows() -> Check {
    // The existence bit, set by the writer.
    let hidden = image("hidden", "genisoimage -quiet -R -J -hidden CHANGED.TXT -o IMAGE TREE")?;
    let listed = view(&hidden, &["ls", "--mount-options=hide"])?;
    if listed.contains("CHANGED") || !listed.contains("PLAIN") {
        return Err(format!("with hide there are {listed}"));
    }
    let mut cases = vec![
        Case::new("hidden", hidden)
            .with("", "")
            .with("hide", "hide")
            .with("norock,hide", "norrip,hide")
            .with("norock,nojoliet,hide", "norrip,nojoliet,hide"),
        Case::new("attributes and lists", with_attributes()?).with("", ""),
        Case::new("HFS+", image("hfsplus", "xorriso -as mkisofs -quiet -R -hfsplus -o IMAGE TREE")?)
            .with("", ""),
        Case::new("XA", with_xa()?).with("", "").with("norock", "norrip"),
    ];
    // 9.1.3: the content begins behind the record of its attributes, a block long here.
    let iso = image("attribute-record", ROCK_RIDGE)?;
    patch(&iso, |record| {
        record[1] = 1;
        let extent = u32::from_le_bytes([record[2], record[3], record[4], record[5]]) - 1;
        record[2..6].copy_from_slice(&extent.to_le_bytes());
        record[6..10].copy_from_slice(&extent.to_be_bytes());
        Ok(())
    })?;
    cases.push(Case::new("attribute record", iso).with("", "").with("norock", "norrip"));
    // Signatures that nobody gave a meaning, one of which is no letter.
    for signature in [*b"QQ", *b"9Z"] {
        let iso = image("unknown", ROCK_RIDGE)?;
        patch(&iso, |record| entry(record, b"TF").map(|entry| entry[..2].copy_from_slice(&signature)))?;
        cases.push(Case::new("unknown entries", iso).with("", ""));
    }
    agree(&cases, |_, _| {})
}

/// AAIP, by xorriso: entries that fill continuation areas.
fn with_attributes() -> Check<Iso> {
    let iso = Iso::new("aaip")?;
    let tree = tree(&iso)?;
    let file = tree.join("CHANGED.TXT");
    run_ok("setfattr", &["-n", "user.long", "-v", &"v".repeat(3000), &file.to_string_lossy()])?;
    run_ok("setfacl", &["-m", "u:1234:r,g:567:rwx", &file.to_string_lossy()])?;
    run_ok("setfacl", &["-d", "-m", "u:1234:rw", &tree.join("DIR").to_string_lossy()])?;
    iso.run("xorriso -as mkisofs -quiet -R --acl --xattr -o IMAGE TREE", &tree)?;
    let bytes = context(std::fs::read(iso.path()), "image")?;
    if !bytes.windows(2).any(|bytes| bytes == b"AL") {
        return Err("xorriso wrote no attributes".into());
    }
    Ok(iso)
}

/// Puts the 14 bytes of CD-ROM XA before the system use entries of each record, and says so to SUSP (5.3).
fn with_xa() -> Check<Iso> {
    let iso = image("xa", ROCK_RIDGE)?;
    let mut bytes = context(std::fs::read(iso.path()), "image")?;
    let at = |bytes: &[u8], at: usize| {
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let root = at(&bytes, 16 * SECTOR + 158) as usize * SECTOR;
    let name = bytes.windows(4).position(|bytes| bytes == b"\x03DIR").ok_or("no directory")?;
    let inner = at(&bytes, name + 1 - FIELDS + 2) as usize * SECTOR;
    for directory in [root, inner] {
        let sector = &mut bytes[directory..directory + SECTOR];
        let widened = widen(sector);
        if widened.len() > SECTOR {
            return Err(format!("{} bytes of records", widened.len()));
        }
        sector.fill(0);
        sector[..widened.len()].copy_from_slice(&widened);
    }
    let sp = bytes[root..].windows(2).position(|bytes| bytes == b"SP").ok_or("no SP")?;
    bytes[root + sp + 6] = 14;
    context(std::fs::write(iso.path(), bytes), "image")?;
    Ok(iso)
}

/// The records of a sector, each with what XA adds: group, user, attributes of a file in form 1, signature, number.
fn widen(sector: &[u8]) -> Vec<u8> {
    let mut widened = Vec::new();
    let mut rest = sector;
    while rest[0] != 0 {
        let (record, behind) = rest.split_at(rest[0].into());
        // The identifier is padded to an even offset.
        let system_use = (FIELDS + usize::from(record[32])).next_multiple_of(2);
        let start = widened.len();
        widened.extend(&record[..system_use]);
        widened.extend(b"\0\0\0\0\x0d\x55XA\0\0\0\0\0\0");
        widened.extend(&record[system_use..]);
        widened[start] += 14;
        rest = behind;
    }
    widened
}

/// A sparse file of Rock Ridge: listed with its attributes, and its content refused by name, not shown wrong.
pub fn sparse() -> Check {
    let iso = image("sparse", ROCK_RIDGE)?;
    patch(&iso, |record| {
        let entry = entry(record, b"TF")?;
        if entry.len() != 26 {
            return Err(format!("TF of {} bytes", entry.len()));
        }
        // RRIP 1.12, 4.1.7: size in two words of both orders, depth of the table. Five bytes of padding follow.
        entry.fill(0);
        entry[..4].copy_from_slice(b"SF\x15\x01");
        (entry[12], entry[19], entry[20]) = (1, 1, 1);
        entry[21..].copy_from_slice(b"PD\x05\x01\0");
        Ok(())
    })?;
    let listed = view(&iso, &["find"])?;
    if !listed.contains("/CHANGED.TXT") {
        return Err(format!("not listed: {listed}"));
    }
    let place = format!("{}:/CHANGED.TXT", iso.text());
    let finished = run(&["cat", &place], interop::rump::PATIENCE)?;
    let is_refused = finished.status == Some(1) && finished.stdout.is_empty();
    if is_refused && finished.stderr.contains("sparse files of Rock Ridge") {
        Ok(())
    } else {
        Err(finished.verdict())
    }
}

fn view(iso: &Iso, words: &[&str]) -> Check<String> {
    let place = format!("{}:/", iso.text());
    let finished = run(&[words, &[&place]].concat(), interop::rump::PATIENCE)?;
    match finished.status {
        Some(0) => Ok(String::from_utf8_lossy(&finished.stdout).into_owned()),
        _ => Err(finished.verdict()),
    }
}

/// Resource forks, which Apple's extension stores as associated files: those alone who ask see them.
pub fn associated() -> Check {
    let iso = Iso::new("associated")?;
    let tree = tree(&iso)?;
    let fork = b"the resource fork\n".repeat(100);
    apple_double(&tree.join("%CHANGED.TXT"), &fork)?;
    iso.run("genisoimage -quiet -R -apple --double -o IMAGE TREE", &tree)?;
    let bytes = context(std::fs::read(iso.path()), "image")?;
    let records = bytes.windows(14).filter(|bytes| *bytes == b"\x0dCHANGED.TXT;1").count();
    if records != 2 || !bytes.windows(3).any(|bytes| bytes == b"AA\x0e") {
        return Err(format!("genisoimage wrote {records} records of CHANGED.TXT"));
    }
    let there = |options: &str| -> Check<usize> {
        let options = format!("--mount-options={options}");
        let listed = view(&iso, &["ls", "-1", &options])?;
        Ok(listed.lines().filter(|line| line.eq_ignore_ascii_case("CHANGED.TXT")).count())
    };
    let found = [there("")?, there("norrip")?, there("showassoc")?, there("norrip,showassoc")?];
    if found != [1, 1, 2, 2] {
        return Err(format!("{found:?} files of that name"));
    }
    let mut linux = Machine::new(linux::MODULES)?;
    let disc = linux.disc(&iso.path())?;
    let mut steps = Vec::new();
    for options in ["map=normal", "norock", "showassoc", "norock,showassoc"] {
        steps.push(linux.change(disc, &format!("-r -t iso9660 -o {options}"), "ls -1 | grep -ic changed")?);
    }
    let answers = linux.run()?;
    let shown: Check<Vec<_>> = steps.into_iter().map(|step| answers.output(step)).collect();
    if shown? != [b"1\n", b"1\n", b"2\n", b"2\n"] {
        return Err("Linux shows another number of them".into());
    }
    agree(&[Case::new("associated", iso).with("", "").with("norock", "norrip")], |_, _| {})
}

/// An AppleDouble file: a resource fork and the information of the Finder.
fn apple_double(path: &Path, fork: &[u8]) -> Check {
    let mut bytes = vec![0, 5, 0x16, 7, 0, 2, 0, 0];
    bytes.resize(24, 0);
    bytes.extend(2_u16.to_be_bytes());
    for (id, offset, length) in [(9, 50, 32), (2, 82, fork.len())] {
        for number in [id, offset, length] {
            bytes.extend((number as u32).to_be_bytes());
        }
    }
    bytes.extend(b"TEXTttxt");
    bytes.resize(82, 0);
    bytes.extend(fork);
    context(std::fs::write(path, bytes), path.display())
}
