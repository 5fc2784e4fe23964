//! Bytes as a tar archive.
//!
//! The checksum of each block that could be a header is made right, so that no mutant is refused for it.

use rump_names::path::clean;
use rump_tar::header::{BLOCK, Header};
use rump_tar::pax;
use rump_tar::reader::{EndMark, Input, Item, Kind, Reader};
use std::io::{self, Read};

/// Data of one member that are read; the others are passed over.
const MOST_READ: u64 = 1 << 20;
const MAGIC: usize = 257;

struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Input for Bytes<'_> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let rest = usize::try_from(count).ok().and_then(|count| self.0.get(count..));
        self.0 = rest.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}

/// Reads it: paths are below the top, parts are in order, apart and within the file, and as long as the data. Answers the paths.
pub fn run(data: &[u8]) -> Vec<Vec<u8>> {
    let archive = repaired(data);
    let mut reader = Reader::new(Bytes(&archive), EndMark::Expected, &|_, _| None, &|| false);
    let (mut paths, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(item) = reader.next_item() {
        let (entry, parts) = match item {
            Item::Member { entry, parts, .. } => (entry, parts),
            Item::Refused(..) => continue,
            Item::End { .. } => break,
        };
        assert_eq!(clean(&entry.path).as_ref(), Ok(&entry.path));
        let size = if let Kind::File(size) = entry.kind { size } else { u64::MAX };
        let mut end = 0;
        for part in &parts {
            assert!(part.start >= end && part.end > part.start && part.end <= size, "{parts:?} of {size}");
            end = part.end;
        }
        let promised: u64 = parts.iter().map(|part| part.end - part.start).sum();
        let mut seen = 0;
        while seen < promised.min(MOST_READ) {
            match reader.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => seen += count as u64,
            }
        }
        assert!(seen <= promised, "{seen} bytes of {promised}");
        assert!(reader.position() <= archive.len() as u64);
        paths.push(entry.path);
    }
    paths
}

fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut archive = bytes.to_vec();
    for block in archive.chunks_exact_mut(BLOCK) {
        if &block[MAGIC..MAGIC + 5] == b"ustar" {
            let mut header = Header(std::array::from_fn(|at| block[at]));
            header.seal();
            block.copy_from_slice(&header.0);
        }
    }
    archive
}

/// Members of all kinds, with extended headers and holes.
pub fn seed(number: u64) -> Vec<u8> {
    let member = |kind: u8, name: &[u8], target: &[u8], data: &[u8]| {
        let mut header = Header::new(kind);
        // They are short enough.
        let _ = (header.set_name(name), header.set_link_name(target));
        header.set_numbers(0o644, 1, 2, data.len() as u64, 3);
        header.seal();
        let mut bytes = [&header.0[..], data].concat();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    };
    let extended = |kind: u8, records: &[(&str, &[u8])]| {
        let mut data = Vec::new();
        records.iter().for_each(|(key, value)| pax::emit(&mut data, key.as_bytes(), value));
        member(kind, b"pax", b"", &data)
    };
    let mut archive = match number % 4 {
        0 => [
            member(b'5', b"./", b"", b""),
            member(b'0', b"dir/file", b"", &[b'x'; 700]),
            member(b'1', b"hard", b"dir/file", b""),
            member(b'2', b"link", b"../where", b""),
            member(b'3', b"device", b"", b""),
        ]
        .concat(),
        1 => [
            extended(b'g', &[("mtime", b"5.25"), ("uid", b"70000")]),
            extended(
                b'x',
                &[
                    ("path", &[b'p'; 300]),
                    ("SCHILY.xattr.user.one", b"value"),
                    ("SCHILY.acl.access", b"user::rw-\nuser:7:r--\ngroup::r--\nmask::r--\nother::r--"),
                    ("LIBARCHIVE.xattr.user.two", b"dmFsdWU"),
                ],
            ),
            member(b'0', b"short", b"", b"text"),
        ]
        .concat(),
        2 => [
            extended(b'x', &[("GNU.sparse.size", b"9000"), ("GNU.sparse.map", b"0,4,8000,4")]),
            member(b'0', b"holes", b"", b"datadata"),
            extended(
                b'x',
                &[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9000")],
            ),
            member(b'0', b"others", b"", &[&b"1\n8000\n4\n"[..], &[0; BLOCK - 9], b"data"].concat()),
        ]
        .concat(),
        _ => [
            member(b'L', b"././@LongLink", b"", &[b'n'; 200]),
            member(b'K', b"././@LongLink", b"", &[b't'; 200]),
            member(b'2', b"short", b"short", b""),
            member(b'S', b"old", b"", b""),
        ]
        .concat(),
    };
    archive.resize(archive.len() + (number as usize % 3) * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_archives() {
        for number in 0..12 {
            let paths = run(&seed(number));
            let expected = [5, 1, 2, 2][number as usize % 4];
            assert_eq!(paths.len(), expected, "{number}: {paths:?}");
        }
    }
}
