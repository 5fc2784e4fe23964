//! Where the members of a plain archive lie, for who reads some of them out of order.
//!
//! Links inside the archive are followed by their names alone: nothing of the host is looked at.

use crate::header::{BLOCK, Header};
use crate::pax;
use rump_names::path::clean;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAX_MEMBERS: usize = 1 << 20;
const MAX_NAME_BYTES: usize = 64 << 20;
const MAX_HEADER: u64 = 1 << 20;
/// Links that lead to links.
const MAX_LINKS: usize = 16;

/// What can be read at any place.
pub trait Bytes: Send + Sync {
    /// How many there are.
    fn length(&self) -> io::Result<u64>;
    /// Reads some of those from `offset` on; none at the end.
    fn read_some(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Bytes for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_some(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buf, offset)
    }
}

impl Bytes for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_some(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

enum Place {
    Data { start: u64, size: u64 },
    Link(Vec<u8>),
}

/// See the module.
pub struct Members {
    places: HashMap<Vec<u8>, Place>,
}

impl Members {
    /// Reads the headers of the archive in `file`, unless `is_stopped` says that nobody wants them any more. Errors: what is
    /// wrong with it.
    pub fn find(file: &dyn Bytes, is_stopped: &dyn Fn() -> bool) -> Result<Self, String> {
        let end = file.length().map_err(|error| error.to_string())?;
        let (mut places, mut name_bytes) = (HashMap::new(), 0);
        let mut at = 0;
        let mut before = Before::default();
        while at < end {
            if is_stopped() {
                return Err("interrupted".into());
            }
            let mut header = Header([0; BLOCK]);
            read_exact(file, &mut header.0, at).map_err(|error| error.to_string())?;
            if header.is_end() {
                break;
            }
            if !header.is_valid() {
                return Err(format!("at byte {at}: no header of a tar archive is there"));
            }
            let damaged = || format!("at byte {at}: a length is damaged");
            let mut size = header.size().and_then(|size| u64::try_from(size).ok()).ok_or_else(damaged)?;
            let start = at + BLOCK as u64;
            if matches!(header.kind(), b'x' | b'L' | b'K') {
                before.take(header.kind(), &body(file, start, size)?)?;
            } else {
                let before = std::mem::take(&mut before);
                size = before.size.unwrap_or(size);
                if let Some((name, place)) = before.place(&header, start, size) {
                    name_bytes += name.len();
                    places.insert(name, place);
                }
                if places.len() > MAX_MEMBERS || name_bytes > MAX_NAME_BYTES {
                    return Err("the archive has too many members".into());
                }
                if matches!(header.kind(), b'1'..=b'6') {
                    size = 0;
                }
            }
            let stored = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(damaged)?;
            at = start.checked_add(stored).ok_or_else(damaged)?;
        }
        Ok(Self { places })
    }

    /// Where the content of a member is: its first byte and its length.
    pub fn place(&self, name: &[u8]) -> Option<(u64, u64)> {
        let mut name = name;
        for _ in 0..MAX_LINKS {
            match self.places.get(name)? {
                Place::Data { start, size } => return Some((*start, *size)),
                Place::Link(target) => name = target,
            }
        }
        None
    }
}

fn read_exact(file: &dyn Bytes, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match file.read_some(buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => (buf, offset) = (&mut buf[count..], offset + count as u64),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn body(file: &dyn Bytes, start: u64, size: u64) -> Result<Vec<u8>, String> {
    if size > MAX_HEADER {
        return Err(format!("a header of {size} bytes is too long"));
    }
    let mut bytes = vec![0; size as usize];
    read_exact(file, &mut bytes, start).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What comes before the header of a member and is about it.
#[derive(Default)]
struct Before {
    name: Option<Vec<u8>>,
    link_name: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl Before {
    fn take(&mut self, kind: u8, body: &[u8]) -> Result<(), String> {
        let text = || body.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        match kind {
            b'L' => self.name = Some(text()),
            b'K' => self.link_name = Some(text()),
            _ => {
                for (key, value) in pax::parse(body)? {
                    match &*key {
                        b"path" => self.name = Some(value),
                        b"linkpath" => self.link_name = Some(value),
                        b"size" => self.size = pax::decimal(&value),
                        key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
                    }
                }
            }
        }
        Ok(())
    }

    /// Name and place of what has content; sparse files are none that could be read in one piece.
    fn place(self, header: &Header, start: u64, size: u64) -> Option<(Vec<u8>, Place)> {
        let name = clean(&self.name.unwrap_or_else(|| header.name())).ok()?;
        let target = self.link_name.unwrap_or_else(|| header.link_name().to_vec());
        let place = match header.kind() {
            b'0' | 0 | b'7' if !self.is_sparse => Place::Data { start, size },
            b'1' => Place::Link(clean(&target).ok()?),
            b'2' => Place::Link(beside(&name, &target)?),
            _ => return None,
        };
        Some((name, place))
    }
}

/// Where a symbolic link leads, if that is in the archive.
fn beside(name: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut names: Vec<&[u8]> = name.split(|&byte| byte == b'/').collect();
    names.pop();
    for part in target.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            part => names.push(part),
        }
    }
    Some(names.join(&b'/'))
}

/// What the beginning of a plain archive tells of its first member that is not the top itself.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// Its name.
    Name(Vec<u8>),
    /// That there is none, or no archive.
    Nothing,
    /// Too little.
    Unknown,
}

impl First {
    /// Looks at the beginning of an archive.
    pub fn of(beginning: &[u8]) -> Self {
        Self::find(beginning).unwrap_or(Self::Unknown)
    }

    /// `None` if more is wanted.
    fn find(beginning: &[u8]) -> Option<Self> {
        let mut rest = beginning;
        let mut before = Before::default();
        loop {
            let (block, after) = rest.split_first_chunk::<BLOCK>()?;
            let header = Header(*block);
            let size = header.size().and_then(|size| usize::try_from(size).ok());
            let size = size.filter(|_| !header.is_end() && header.is_valid());
            let Some(size) = size.filter(|&size| size <= usize::MAX - BLOCK) else {
                return Some(Self::Nothing);
            };
            if matches!(header.kind(), b'x' | b'L' | b'K') {
                if before.take(header.kind(), after.get(..size)?).is_err() {
                    return Some(Self::Nothing);
                }
            } else if header.kind() != b'g' {
                let name = std::mem::take(&mut before).name.unwrap_or_else(|| header.name());
                match clean(&name) {
                    Ok(top) if top.is_empty() => {}
                    Ok(name) => return Some(Self::Name(name)),
                    Err(_) => return Some(Self::Nothing),
                }
            }
            rest = after.get(size.next_multiple_of(BLOCK)..)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_places_in_the_archive_alone() {
        assert_eq!(beside(b"a/layer.tar", b"../b/layer.tar"), Some(b"b/layer.tar".to_vec()));
        assert_eq!(beside(b"layer.tar", b"./x"), Some(b"x".to_vec()));
        assert_eq!(beside(b"a/layer.tar", b"../../x"), None);
        assert_eq!(beside(b"a", b"/etc/passwd"), None);
    }

    #[test]
    fn the_first_name_is_that_of_the_first_member_below_the_top() {
        let member = |kind: u8, name: &[u8], size: u64| {
            let mut header = Header::new(kind);
            header.set_name(name).unwrap();
            header.set_numbers(0o644, 0, 0, size, 0);
            header.seal();
            header.0.to_vec()
        };
        let mut record = Vec::new();
        pax::emit(&mut record, b"path", b"./long");
        let size = record.len() as u64;
        record.resize(BLOCK, 0);
        let parts = [member(b'5', b"./", 0), member(b'x', b"pax", size), record, member(b'0', b"short", 0)];
        let archive = parts.concat();
        assert_eq!(First::of(&archive), First::Name(b"long".to_vec()));
        for length in [0, 1, 511, 512, 1024, 1100, 1536, 2047] {
            assert_eq!(First::of(&archive[..length]), First::Unknown, "{length}");
        }
        assert_eq!(First::of(&[0; BLOCK]), First::Nothing);
        assert_eq!(First::of(&[7; BLOCK]), First::Nothing);
        assert_eq!(First::of(&member(b'0', b"../x", 0)), First::Nothing);
    }

    #[test]
    fn links_in_a_circle_lead_nowhere() {
        let link = |to: &[u8]| Place::Link(to.to_vec());
        let places = HashMap::from([
            (b"a".to_vec(), link(b"b")),
            (b"b".to_vec(), link(b"a")),
            (b"c".to_vec(), link(b"d")),
            (b"d".to_vec(), Place::Data { start: 512, size: 3 }),
        ]);
        let members = Members { places };
        assert_eq!(members.place(b"a"), None);
        assert_eq!(members.place(b"c"), Some((512, 3)));
        assert_eq!(members.place(b"e"), None);
    }
}
