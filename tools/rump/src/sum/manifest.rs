//! Manifests of trees in images: written, and compared with what is there.

use super::{CHUNK_BYTES, digest};
use crate::output::{Output, escaped, hex};
use crate::record::{JsonWriter, read_target, read_xattrs, text_and_hex};
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Listing, Step, Visitor, walk};
use rump_mtree::{Facts, Keyword, Manifest, Writer, mode_text, time_text};
use rumpkit::{FileType, KResult, Mode, OpenFlags, Stat};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};

/// What is not told, or not compared.
#[derive(Clone, Default)]
pub struct Without {
    /// Keywords of the form.
    pub keywords: Vec<Keyword>,
    /// Extended attributes, which are none.
    pub xattrs: bool,
}

impl Without {
    /// From words. Errors: what is no keyword.
    pub fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut without = Self::default();
        for word in words {
            match Keyword::ALL.into_iter().find(|keyword| keyword.name() == word) {
                Some(Keyword::Type) => {
                    return Err(Failure::Usage("--without: files have a type always".into()));
                }
                Some(keyword) => without.keywords.push(keyword),
                None if word == "xattrs" => without.xattrs = true,
                None => {
                    let names = Keyword::ALL.map(Keyword::name)[1..].join(", ");
                    let text = format!("--without {word}: the keywords are {names} and xattrs");
                    return Err(Failure::Usage(text));
                }
            }
        }
        Ok(without)
    }

    fn has(&self, keyword: Keyword) -> bool {
        self.keywords.contains(&keyword)
    }
}

/// Writes a manifest of the tree at `place` to the file `name`, or to `out` if that is `-`.
pub fn write(
    name: &OsStr,
    place: &Place,
    stat: &Stat,
    without: &Without,
    session: &mut Session,
    out: &mut Output,
) -> Result<(), Failure> {
    let text = name.to_string_lossy();
    let failed = |error: io::Error| match name == "-" {
        true => Failure::Output(error),
        false => Failure::Other(format!("{text}: {error}")),
    };
    let output: Box<dyn Write + '_> = match name == "-" {
        true => Box::new(out),
        false => Box::new(BufWriter::new(File::create(name).map_err(failed)?)),
    };
    let writer = Writer::new(output, !without.xattrs).map_err(failed)?;
    let look = Look { place, session, without, buffer: vec![0; CHUNK_BYTES] };
    let mut writing = Writing { look, writer, failed: &failed };
    walk(place.process(), &place.path, stat, &mut writing)?;
    writing.writer.finish().map_err(failed)
}

/// Reads a manifest from the file `name`, or from standard input if that is `-`.
pub fn read(name: &OsStr) -> Result<Manifest, Failure> {
    let text = name.to_string_lossy();
    let manifest = match name == "-" {
        true => Manifest::read(&mut io::stdin().lock()),
        false => match File::open(name) {
            Ok(file) => Manifest::read(&mut BufReader::new(file)),
            Err(error) => Err(error.to_string()),
        },
    };
    manifest.map_err(|why| Failure::Other(format!("{text}: {why}")))
}

/// Compares the tree at `place` with a manifest. What differs is written, and counted as a failure.
pub fn verify(
    manifest: Manifest,
    place: &Place,
    stat: &Stat,
    without: &Without,
    session: &mut Session,
    (out, json): (&mut Output, &mut JsonWriter),
) -> Result<(), Failure> {
    if !manifest.unknown.is_empty() {
        let words: Vec<&str> = manifest.unknown.iter().map(String::as_str).collect();
        session.note(&format!("not compared: {}", escaped(words.join(", ").as_bytes())));
    }
    let tells_xattrs = manifest.tells_xattrs && !without.xattrs;
    let look = Look { place, session, without, buffer: vec![0; CHUNK_BYTES] };
    let differences = Differences { out, json, count: 0 };
    let mut verifying = Verifying { look, files: manifest.files, tells_xattrs, differences };
    walk(place.process(), &place.path, stat, &mut verifying)?;
    let Verifying { files, mut differences, .. } = verifying;
    for (path, facts) in &files {
        if !facts.is_optional {
            differences.tell(path, "missing", None, None)?;
        }
    }
    if differences.count > 0 {
        session.count_failure();
    }
    Ok(())
}

/// What looks at files.
struct Look<'a> {
    place: &'a Place,
    session: &'a mut Session,
    without: &'a Without,
    buffer: Vec<u8>,
}

impl Look<'_> {
    /// The path below the top; of a top that is a file, its name.
    fn path(&self, entry: &Entry<'_>) -> Vec<u8> {
        let rest = entry.path.strip_prefix(self.place.path.as_slice()).unwrap_or(entry.path);
        let rest = if entry.stat.file_type != FileType::Directory && entry.depth == 0 {
            crate::walk::file_name(entry.path)
        } else {
            rest
        };
        let begin = rest.iter().position(|&byte| byte != b'/').unwrap_or(rest.len());
        rest[begin..].to_vec()
    }

    /// What is known without reading content.
    fn facts(&self, entry: &Entry<'_>, wants_xattrs: bool) -> KResult<Facts> {
        let (stat, process) = (entry.stat, self.place.process());
        let mut facts = Facts::default();
        let number = |number: u64| number.to_string().into_bytes();
        let mut add = |keyword: Keyword, value: Vec<u8>| {
            if !self.without.has(keyword) {
                facts.values.insert(keyword, value);
            }
        };
        add(Keyword::Type, type_name(stat.file_type).into());
        add(Keyword::Mode, mode_text(stat.mode.bits() & 0o7777));
        add(Keyword::Uid, number(stat.uid.into()));
        add(Keyword::Gid, number(stat.gid.into()));
        add(Keyword::Time, time_text(stat.mtime.sec, stat.mtime.nsec));
        match stat.file_type {
            // What these count differs from format to format.
            FileType::Directory => {}
            _ => add(Keyword::Nlink, number(stat.nlink)),
        }
        match stat.file_type {
            FileType::Regular => add(Keyword::Size, number(stat.size)),
            FileType::CharDevice | FileType::BlockDevice => {
                let text = format!("native,{},{}", stat.rdev.major, stat.rdev.minor);
                add(Keyword::Device, text.into_bytes());
            }
            FileType::Symlink => {
                let target = read_target(process, entry.directory, entry.name, stat)?;
                add(Keyword::Link, target.unwrap_or_default());
            }
            _ => {}
        }
        if wants_xattrs {
            facts.xattrs = read_xattrs(process, entry.directory, entry.name)?.into_iter().collect();
        }
        Ok(facts)
    }

    fn sha256(&mut self, entry: &Entry<'_>) -> KResult<Vec<u8>> {
        let process = self.place.process();
        self.session.progress.begin(entry.path);
        let fd = process.openat(entry.directory, entry.name, OpenFlags::empty(), Mode::new(0))?;
        let result = digest(process, fd, &mut self.buffer, self.session);
        // Closing what was only read cannot lose anything.
        let _ = process.close(fd);
        result.map(|(digest, _)| digest.into_bytes())
    }

    fn report(&mut self, path: &[u8], why: &dyn std::fmt::Display) {
        self.session.report(self.place, path, why);
    }
}

fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Directory => "dir",
        FileType::Symlink => "link",
        FileType::CharDevice => "char",
        FileType::BlockDevice => "block",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        _ => "file",
    }
}

struct Writing<'a, W: Write> {
    look: Look<'a>,
    writer: Writer<W>,
    failed: &'a dyn Fn(io::Error) -> Failure,
}

impl<W: Write> Visitor<Failure> for Writing<'_, W> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let path = self.look.path(entry);
        let mut found = self.look.facts(entry, !self.look.without.xattrs);
        let wants_digest =
            entry.stat.file_type == FileType::Regular && !self.look.without.has(Keyword::Sha256);
        if let (Ok(facts), true) = (&mut found, wants_digest) {
            match self.look.sha256(entry) {
                Ok(digest) => drop(facts.values.insert(Keyword::Sha256, digest)),
                Err(error) => found = Err(error),
            }
        }
        match found {
            Ok(facts) => {
                self.writer.write(&path, &facts).map_err(self.failed)?;
                self.look.session.progress.add_file();
            }
            Err(error) => self.look.report(entry.path, &error),
        }
        Ok(Step::Into)
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.look.report(path, &why);
        Ok(())
    }
}

struct Verifying<'a> {
    look: Look<'a>,
    /// What the manifest tells; what was found is taken away.
    files: BTreeMap<Vec<u8>, Facts>,
    tells_xattrs: bool,
    differences: Differences<'a>,
}

impl Verifying<'_> {
    fn compare(
        &mut self,
        entry: &Entry<'_>,
        path: &[u8],
        told: &Facts,
        found: &Facts,
    ) -> Result<(), Failure> {
        if told.values.get(&Keyword::Type).is_some_and(|kind| found.values.get(&Keyword::Type) != Some(kind))
        {
            let values = [told, found].map(|facts| facts.values.get(&Keyword::Type).map(Vec::as_slice));
            return self.differences.tell(path, "type", values[0], values[1]);
        }
        let mut is_larger = false;
        for (keyword, value) in &told.values {
            let (keyword, other) = (*keyword, found.values.get(keyword));
            // Of a directory, a count of links or a size says nothing here.
            if other.is_some_and(|other| other != value) {
                is_larger |= keyword == Keyword::Size;
                self.differences.tell(path, keyword.name(), Some(value), other.map(Vec::as_slice))?;
            }
        }
        if let Some(value) = told.values.get(&Keyword::Sha256) {
            let is_wanted =
                entry.stat.file_type == FileType::Regular && !self.look.without.has(Keyword::Sha256);
            if is_wanted && !is_larger {
                match self.look.sha256(entry) {
                    Ok(digest) if digest == *value => {}
                    Ok(digest) => self.differences.tell(path, "sha256", Some(value), Some(&digest))?,
                    Err(error) => self.look.report(entry.path, &error),
                }
            }
        }
        if !self.tells_xattrs {
            return Ok(());
        }
        let mut names: Vec<&Vec<u8>> = told.xattrs.keys().chain(found.xattrs.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let values =
                [told, found].map(|facts| facts.xattrs.get(name).map(|value| hex(value).into_bytes()));
            if values[0] != values[1] {
                let kind = format!("xattr {}", escaped(name));
                self.differences.tell(path, &kind, values[0].as_deref(), values[1].as_deref())?;
            }
        }
        Ok(())
    }
}

impl Visitor<Failure> for Verifying<'_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let path = self.look.path(entry);
        let Some(told) = self.files.remove(&path) else {
            // The top is there always, and some manifests do not tell of it.
            if entry.depth > 0 {
                self.differences.tell(&path, "extra", None, None)?;
            }
            return Ok(Step::Into);
        };
        match self.look.facts(entry, self.tells_xattrs) {
            Ok(found) => {
                self.compare(entry, &path, &told, &found)?;
                self.look.session.progress.add_file();
            }
            Err(error) => self.look.report(entry.path, &error),
        }
        Ok(Step::Into)
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.look.report(path, &why);
        Ok(())
    }
}

/// A difference, as JSON has it.
#[derive(Serialize)]
struct Record<'a> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    difference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

struct Differences<'a> {
    out: &'a mut Output,
    json: &'a mut JsonWriter,
    count: u64,
}

impl Differences<'_> {
    fn tell(
        &mut self,
        path: &[u8],
        kind: &str,
        told: Option<&[u8]>,
        found: Option<&[u8]>,
    ) -> Result<(), Failure> {
        self.count += 1;
        let path = if path.is_empty() { b".".to_vec() } else { [b"./", path].concat() };
        if self.json.is_wanted() {
            let (text, path_hex) = text_and_hex(&path);
            let value = |value: Option<&[u8]>| value.map(escaped);
            let (manifest, found) = (value(told), value(found));
            let record = Record { path: text, path_hex, difference: kind, manifest, found };
            return Ok(self.json.write(self.out, &record)?);
        }
        let path = escaped(&path);
        let shown = |value: Option<&[u8]>| value.map_or("none".to_string(), escaped);
        match (told, found) {
            (None, None) => writeln!(self.out, "{path}: {kind}")?,
            _ => writeln!(self.out, "{path}: {kind}: {}, in the manifest {}", shown(found), shown(told))?,
        }
        Ok(())
    }
}
