//! Files of the host as disks of the kernel: `-d key=/dev/disk0,hostpath=disk.img,size=host`.

use rumpkit::{EtfsKind, Kernel};
use std::fs::OpenOptions;

/// What `-d` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    key: String,
    host_path: String,
    /// None: as long as the host's file is.
    size: Option<u64>,
    offset: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block,
    Character,
    Regular,
}

impl Drive {
    /// What a specification says. Errors: a word without a value, one that nobody knows or that is said twice, no key or no
    /// path, a size or a type that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut key, mut host_path, mut size, mut offset, mut kind) = (None, None, None, None, None);
        for part in text.split(',') {
            let (word, value) =
                part.split_once('=').ok_or(format!("{part}: a word and its value are needed"))?;
            let place = match word {
                "key" => &mut key,
                "hostpath" => &mut host_path,
                "size" => &mut size,
                "offset" => &mut offset,
                "type" => &mut kind,
                "disklabel" => {
                    return Err("disklabel: partitions of BSD's labels cannot be chosen yet".into());
                }
                _ => return Err(format!("{word}: key, hostpath, size, offset and type are known")),
            };
            if place.replace(value).is_some() {
                return Err(format!("{word}: said twice"));
            }
        }
        let bytes = |value: &str| {
            bytes(value).ok_or(format!("{value}: a number with k, m, g or nothing behind it is needed"))
        };
        Ok(Self {
            key: key.ok_or("key: the name in the kernel is missing")?.into(),
            host_path: host_path.ok_or("hostpath: the file of the host is missing")?.into(),
            size: match size.ok_or("size: missing; `host` means that of the file")? {
                "host" => None,
                value => Some(bytes(value)?),
            },
            offset: offset.map_or(Ok(0), bytes)?,
            kind: match kind {
                None | Some("blk") => Kind::Block,
                Some("chr") => Kind::Character,
                Some("reg") => Kind::Regular,
                Some(other) => return Err(format!("{other}: the type is blk, chr or reg")),
            },
        })
    }

    /// Makes it known to a kernel. A file that is not there is made, one that is too short is extended. Errors, in words:
    /// those of the host and of the kernel.
    pub fn attach(&self, kernel: &Kernel) -> Result<(), String> {
        let at_host = |error: std::io::Error| format!("{}: {error}", self.host_path);
        let range = match self.size {
            None if self.offset == 0 => None,
            None => {
                let length = std::fs::metadata(&self.host_path).map_err(at_host)?.len();
                let size = length
                    .checked_sub(self.offset)
                    .ok_or(format!("{}: it ends before the offset", self.host_path))?;
                Some((self.offset, size))
            }
            Some(size) => {
                self.extend(size).map_err(at_host)?;
                Some((self.offset, size))
            }
        };
        let kind = match self.kind {
            Kind::Block => EtfsKind::Block,
            Kind::Character => EtfsKind::Character,
            Kind::Regular => EtfsKind::Regular,
        };
        let registered = kernel.etfs_register(&self.key, self.host_path.as_bytes(), kind, range);
        registered.map_err(|error| format!("{} for {}: {error}", self.key, self.host_path))
    }

    fn extend(&self, size: u64) -> std::io::Result<()> {
        let end = self.offset.checked_add(size).ok_or(std::io::ErrorKind::FileTooLarge)?;
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.host_path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.len() < end { file.set_len(end) } else { Ok(()) }
    }
}

/// A number of bytes with a suffix, powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()?.to_ascii_lowercase() {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { text.get(..text.len() - 1)? };
    let number: u64 =
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_what_is_said() {
        let drive = Drive::parse("key=/dev/disk0,hostpath=disk.img,size=64m,offset=1k,type=chr").unwrap();
        assert_eq!((drive.key.as_str(), drive.host_path.as_str()), ("/dev/disk0", "disk.img"));
        assert_eq!((drive.size, drive.offset, drive.kind), (Some(64 << 20), 1024, Kind::Character));
        let drive = Drive::parse("size=host,key=/dev/disk0,hostpath=disk.img").unwrap();
        assert_eq!((drive.size, drive.offset, drive.kind), (None, 0, Kind::Block));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("", ": a word"),
            ("key", "key: a word"),
            ("key=/a", "hostpath: "),
            ("hostpath=a,size=host", "key: "),
            ("key=/a,hostpath=b", "size: missing"),
            ("key=/a,hostpath=b,size=x", "x: a number"),
            ("key=/a,hostpath=b,size=99999999t", "99999999t: a number"),
            ("key=/a,hostpath=b,size=1,size=2", "size: said twice"),
            ("key=/a,hostpath=b,size=1,type=x", "x: the type"),
            ("key=/a,hostpath=b,size=1,colour=x", "colour: "),
        ] {
            let error = Drive::parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
