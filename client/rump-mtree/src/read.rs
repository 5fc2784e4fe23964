//! Reading manifests, those of other programs as well.

use crate::escape::unescaped;
use crate::{Facts, Keyword, XATTR};
use rump_names::path::{clean, split};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

/// What a line may have, with all that it goes on.
const MOST_LINE_BYTES: u64 = 1 << 20;
/// What is kept of a manifest: a short line stands for a long path below others, and for all that `/set` said.
const MOST_BYTES: usize = 1 << 30;

/// What a manifest says.
#[derive(Debug, Default)]
pub struct Manifest {
    /// By path, as [`Writer::write`](crate::Writer::write) takes it.
    pub files: BTreeMap<Vec<u8>, Facts>,
    /// Whether files that it tells no extended attributes of have none.
    pub tells_xattrs: bool,
    /// Words that say nothing here.
    pub unknown: BTreeSet<String>,
}

impl Manifest {
    /// Reads it. Errors: the number of the line, and what is wrong with it.
    pub fn read(input: &mut impl BufRead) -> Result<Self, String> {
        Self::read_within(input, MOST_BYTES)
    }

    fn read_within(input: &mut impl BufRead, most: usize) -> Result<Self, String> {
        let mut reading = Reading { left: most, ..Reading::default() };
        let mut number = 0;
        loop {
            let begin = number + 1;
            let wrong = |why: String| format!("line {begin}: {why}");
            let Some(line) = next_line(input, &mut number).map_err(wrong)? else { break };
            reading.line(line.trim_ascii()).map_err(wrong)?;
        }
        Ok(reading.manifest)
    }
}

/// A line with those that it goes on in.
fn next_line(input: &mut impl BufRead, number: &mut u64) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    loop {
        let left = MOST_LINE_BYTES - line.len() as u64;
        let count = io::Read::take(&mut *input, left)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        if line.len() as u64 == MOST_LINE_BYTES {
            return Err("it is too long".into());
        }
        if count == 0 {
            return Ok(Some(line).filter(|line| !line.is_empty()));
        }
        *number += 1;
        let text = line.trim_ascii_end().len();
        let slashes = line[..text].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if slashes % 2 == 0 || line.starts_with(b"#") {
            return Ok(Some(line));
        }
        line.truncate(text - 1);
        line.push(b' ');
    }
}

#[derive(Default)]
struct Reading {
    manifest: Manifest,
    /// The directory that names without a slash are in.
    directory: Vec<u8>,
    /// What `/set` said.
    set: BTreeMap<Keyword, Vec<u8>>,
    /// Bytes that may still be kept.
    left: usize,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix(XATTR.trim_ascii_end()) {
            self.manifest.tells_xattrs = true;
            return self.xattr(rest.trim_ascii());
        }
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match words.next() {
            None => {}
            Some(word) if word.starts_with(b"#") => {}
            Some(b"/set") => {
                let values = self.values(words);
                self.set.extend(values.values);
            }
            Some(b"/unset") => {
                for word in words {
                    match Keyword::of_name(word) {
                        Some(keyword) => drop(self.set.remove(&keyword)),
                        None if word == b"all" => self.set.clear(),
                        None => {}
                    }
                }
            }
            Some(b"..") => {
                self.directory.truncate(split(&self.directory).map_or(0, |(above, _)| above.len()));
            }
            Some(name) => {
                let path = self.path(name)?;
                let mut facts = self.values(words);
                let kept =
                    path.len() + facts.values.values().chain(self.set.values()).map(Vec::len).sum::<usize>();
                self.left = self.left.checked_sub(kept).ok_or("the manifest says too much")?;
                for (keyword, value) in &self.set {
                    facts.values.entry(*keyword).or_insert_with(|| value.clone());
                }
                let is_directory = facts.values.get(&Keyword::Type).is_some_and(|kind| kind == b"dir");
                if is_directory && !name.contains(&b'/') {
                    self.directory.clone_from(&path);
                }
                self.manifest.files.entry(path).or_default().clone_from(&facts);
            }
        }
        Ok(())
    }

    /// Names without a slash are in the directory of the last lines.
    fn path(&self, name: &[u8]) -> Result<Vec<u8>, String> {
        let plain = unescaped(name);
        let whole = if name.contains(&b'/') { plain } else { [&*self.directory, b"/", &plain].concat() };
        clean(&whole).map_err(str::to_string)
    }

    fn values<'w>(&mut self, words: impl Iterator<Item = &'w [u8]>) -> Facts {
        let mut facts = Facts::default();
        for word in words {
            let equals = word.iter().position(|&byte| byte == b'=');
            let (name, value) = equals.map_or((word, &b""[..]), |at| (&word[..at], &word[at + 1..]));
            let known = Keyword::of_name(name).and_then(|keyword| Some((keyword, keyword.usual(value)?)));
            match known {
                Some((keyword, value)) => drop(facts.values.insert(keyword, value)),
                None if name == b"optional" => facts.is_optional = true,
                None if name == b"nochange" || name == b"ignore" => {}
                None => drop(self.manifest.unknown.insert(String::from_utf8_lossy(name).into_owned())),
            }
        }
        facts
    }

    fn xattr(&mut self, rest: &[u8]) -> Result<(), String> {
        if rest.is_empty() {
            return Ok(());
        }
        let wrong = || "an extended attribute is PATH NAME=HEX".to_string();
        let blank = rest.iter().position(|&byte| byte == b' ').ok_or_else(wrong)?;
        let equals =
            rest.iter().rposition(|&byte| byte == b'=').filter(|&at| at > blank).ok_or_else(wrong)?;
        let path = clean(&unescaped(&rest[..blank]))?;
        let value = from_hex(&rest[equals + 1..]).ok_or_else(wrong)?;
        let file = self.manifest.files.get_mut(&path).ok_or("an extended attribute of no file above it")?;
        file.xattrs.insert(unescaped(&rest[blank + 1..equals]), value);
        Ok(())
    }
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;

    fn read(text: &str) -> Result<Manifest, String> {
        Manifest::read(&mut text.as_bytes())
    }

    fn shown(manifest: &Manifest) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let line = |(path, facts): (&Vec<u8>, &Facts)| {
            let values = facts.values.iter().map(|(key, value)| format!(" {}={}", key.name(), text(value)));
            format!("{}:{}", text(path), values.collect::<String>())
        };
        manifest.files.iter().map(line).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let any: Vec<u8> = (1..=255).filter(|&byte| byte != b'/').collect();
        let facts = Facts {
            values: BTreeMap::from([(Keyword::Type, b"link".to_vec()), (Keyword::Link, any.clone())]),
            xattrs: BTreeMap::from([(b"user.a=b c".to_vec(), vec![0, 255])]),
            is_optional: false,
        };
        let odd = Facts { values: BTreeMap::from([(Keyword::Type, b"a=b c".to_vec())]), ..Facts::default() };
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, true).unwrap();
        writer.write(b"", &Facts::default()).unwrap();
        writer.write(&[b"d/", &*any].concat(), &facts).unwrap();
        writer.write(b"odd", &odd).unwrap();
        writer.finish().unwrap();
        assert!(bytes.is_ascii());
        let manifest = Manifest::read(&mut &*bytes).unwrap();
        assert!(manifest.tells_xattrs && manifest.unknown.is_empty());
        assert_eq!(manifest.files.get(&[b"d/", &*any].concat()), Some(&facts));
        assert_eq!((manifest.files.get(&b"odd"[..]), manifest.files.len()), (Some(&odd), 3));
    }

    #[test]
    fn names_one_below_another_are_read() {
        let text = "#mtree\n/set type=file uid=0 mode=0644\n. type=dir mode=755\n  a\\sb size=2 \\\n   time=5.7\n\
            d type=dir\n  e type=dir uid=3\n  ..\n  f optional\n..\n/unset uid\ng md5=0\n./d/h mode=1\n";
        let manifest = read(text).unwrap();
        let expected = [
            ": type=dir mode=0755 uid=0",
            "a b: type=file mode=0644 uid=0 size=2 time=5.000000007",
            "d: type=dir mode=0644 uid=0",
            "d/e: type=dir mode=0644 uid=3",
            "d/f: type=file mode=0644 uid=0",
            "d/h: type=file mode=0001",
            "g: type=file mode=0644",
        ];
        assert_eq!(shown(&manifest), expected);
        assert!(manifest.files[&b"d/f"[..]].is_optional && !manifest.tells_xattrs);
        assert_eq!(manifest.unknown.iter().map(String::as_str).collect::<Vec<_>>(), ["md5"]);
    }

    #[test]
    fn what_short_lines_stand_for_is_bounded() {
        let long = format!("/set link={}\n{}", "x".repeat(1000), "a\n".repeat(100));
        let deep = "/set type=dir\n".to_string() + &"a\n".repeat(1000);
        for (text, line) in [(&long, 12), (&deep, 101)] {
            assert!(read(text).is_ok());
            let error = Manifest::read_within(&mut text.as_bytes(), 10_100).unwrap_err();
            assert_eq!(error, format!("line {line}: the manifest says too much"));
        }
    }

    #[test]
    fn numbers_of_devices_are_two() {
        let text = "a device=linux,7,010\nb device=native,7\nc device=native,7,8=9\nd device=hpux,7,8\ne device=vms,7,8\n";
        assert_eq!(
            shown(&read(text).unwrap()),
            ["a: device=native,7,10", "b:", "c:", "d: device=native,0,28680", "e:"]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("#mtree\n./../x type=file\n", "line 2: a name with .."),
            ("#xattr ./x user.a=00\n", "line 1: an extended attribute of no file"),
            ("./x type=file\n#xattr ./x user.a=0\n", "line 2: an extended attribute is"),
            (&"a".repeat(2 << 20), "line 1: it is too long"),
        ] {
            assert!(read(text).unwrap_err().starts_with(expected), "{expected}");
        }
    }
}
