//! Extended attributes and access control lists, as libisofs stores them.
//!
//! Reference: libburnia, "Arbitrary Attribute Interchange Protocol", version 2.0. Entries `AL` of the system use field
//! hold one stream of component records, which is split anywhere; components are names and values by turns. The value
//! of an empty name is a pair of lists. The attributes of a directory lie with the record by which its parent names it,
//! those of the root with its own.
//!
//! Invariant: a stream is as long as the areas that `susp` reads for a record, 64 KiB.

use crate::directory;
use crate::error::Error;
use crate::inode::{Body, Inode};
use crate::record::Record;
use crate::susp;
use crate::volume::Volume;
use alloc::vec::Vec;
use rump_acl::Acl;

/// Version of the entry that is known.
const VERSION: u8 = 1;
/// Flag of an entry and of a component record: it goes on in the next one.
const CONTINUE: u8 = 1;
/// Namespace of libisofs itself: device and inode of the source, checksums.
const INTERNAL: &[u8] = b"isofs.";

/// An attribute.
pub struct Attribute {
    /// Its name, with the namespace.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// All attributes of a file, the lists among them as Linux shows them. Errors: EFTYPE, EIO.
pub fn attributes(volume: &Volume, at: u64, inode: &Inode) -> Result<Vec<Attribute>, Error> {
    let mut found = Vec::new();
    let mut take = |record: &Record<'_>| {
        found = decode(&stream(volume, record)?);
        Ok(())
    };
    match &inode.body {
        Body::Directory(directory) if directory.ino() != volume.root() => {
            directory::naming_record(volume, directory, &mut take)?;
        }
        _ => directory::record_at(volume, at, &mut take)?,
    }
    Ok(found)
}

/// The component records of a record's entries. Errors: EFTYPE, EIO.
fn stream(volume: &Volume, record: &Record<'_>) -> Result<Vec<u8>, Error> {
    let mut stream = Vec::new();
    let mut is_open = true;
    susp::each(volume, record, &mut |entry| {
        if let (b"AL", VERSION, true, Some((flags, components))) =
            (&entry.signature, entry.version, is_open, entry.data.split_first())
        {
            stream.extend_from_slice(components);
            is_open = flags & CONTINUE != 0;
        }
    })?;
    Ok(stream)
}

fn decode(stream: &[u8]) -> Vec<Attribute> {
    let components = components(stream);
    let mut found = Vec::new();
    for pair in components.chunks_exact(2) {
        let [name, value] = pair else { continue };
        if name.is_empty() {
            found.extend(lists(value));
        } else if let Some(name) = full_name(name) {
            found.push(Attribute { name, value: value.clone() });
        }
    }
    found
}

/// Names and values by turns. What is cut short ends the list.
fn components(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut components = Vec::new();
    let mut component = Vec::new();
    while let [flags, length, rest @ ..] = stream {
        let Some((content, rest)) = rest.split_at_checked((*length).into()) else { break };
        component.extend_from_slice(content);
        if flags & CONTINUE == 0 {
            components.push(core::mem::take(&mut component));
        }
        stream = rest;
    }
    components
}

/// A name with its namespace written out; `None` for what is none, or not for users.
fn full_name(stored: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = stored.split_first()?;
    let name = match first {
        1 => rest.to_vec(),
        2 => [b"system.", rest].concat(),
        3 => [b"user.", rest].concat(),
        5 => [b"trusted.", rest].concat(),
        6 => [b"security.", rest].concat(),
        4 | 7..=0x1f => return None,
        _ => stored.to_vec(),
    };
    let is_usable = (1..=255).contains(&name.len()) && !name.contains(&0) && !name.starts_with(INTERNAL);
    is_usable.then_some(name)
}

/// A list as it is gathered.
#[derive(Default)]
struct Gathered {
    owner: Option<u32>,
    group: Option<u32>,
    others: Option<u32>,
    mask: Option<u32>,
    users: Vec<(u32, u32)>,
    groups: Vec<(u32, u32)>,
}

impl Gathered {
    fn take(&mut self, tag: u8, bits: u32, id: u32) {
        match tag {
            1 => self.owner = Some(bits),
            3 => self.group = Some(bits),
            5 => self.mask = Some(bits),
            6 => self.others = Some(bits),
            10 => self.users.push((id, bits)),
            12 => self.groups.push((id, bits)),
            _ => {}
        }
    }

    /// The attribute of this name, if the list is whole.
    fn attribute(self, name: &[u8]) -> Option<Attribute> {
        let mode = self.owner? << 6 | self.group? << 3 | self.others?;
        let mut acl = Acl::of_mode(mode);
        acl = self.users.into_iter().fold(acl, |acl, (id, bits)| acl.with_user(id, bits));
        acl = self.groups.into_iter().fold(acl, |acl, (id, bits)| acl.with_group(id, bits));
        if let Some(mask) = self.mask {
            acl = acl.with_mask(mask);
        }
        let is_told = name == rump_acl::DEFAULT || !acl.is_minimal();
        is_told.then(|| Attribute { name: name.to_vec(), value: acl.emit() })
    }
}

/// The list for access and, behind a mark, the default one.
fn lists(mut value: &[u8]) -> impl Iterator<Item = Attribute> {
    let (mut access, mut default) = (Gathered::default(), Gathered::default());
    let mut list = &mut access;
    while let Some((&head, rest)) = value.split_first() {
        value = rest;
        let mut id = 0;
        if head & 8 != 0 {
            let Some((number, rest)) = qualifier(value) else { break };
            (id, value) = (number, rest);
        }
        match head >> 4 {
            8 => list = &mut default,
            tag => list.take(tag, u32::from(head & 7), id),
        }
    }
    [access.attribute(rump_acl::ACCESS), default.attribute(rump_acl::DEFAULT)].into_iter().flatten()
}

/// A number, the most significant byte first, in one record or several; and what is behind it.
fn qualifier(mut value: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0;
    loop {
        let (&head, rest) = value.split_first()?;
        let (bytes, rest) = rest.split_at_checked((head & 0x7f).into())?;
        number = bytes.iter().fold(number, |number: u32, &byte| number << 8 | u32::from(byte));
        if head & 0x80 == 0 {
            return Some((number, rest));
        }
        value = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_read() {
        let long = [b"long", &[b'x'; 247][..], b"content"].concat();
        let mut stream = [&b"\0\x04name\x01\xff"[..], &long[..255]].concat();
        stream.extend(b"\0\x03ent\0\x03one\0\x04more");
        let found = decode(&stream);
        assert_eq!(found.len(), 2);
        assert_eq!((&*found[0].name, &*found[0].value), (&b"name"[..], &*long));
        assert_eq!((&*found[1].name, &*found[1].value), (&b"one"[..], &b"more"[..]));
        let lists = decode(b"\0\0\0\x0b\x16\xae\x01\x7b\x34\xce\x02\xff\xfe\x54\x64");
        let expected = Acl::of_mode(0o644).with_user(123, 6).with_group(65_534, 6).with_mask(4);
        assert_eq!((lists.len(), &*lists[0].value), (1, &*expected.emit()));
        // Where the specification has 0xa7, it forgets the bit for the qualifier that follows.
        let lists = decode(b"\0\0\0\x0b\x17\x35\x65\x81\x17\x35\x57\x65\xaf\x01\x7b");
        let expected = Acl::of_mode(0o755).with_user(123, 7).with_mask(7);
        assert_eq!((lists.len(), &*lists[0].name), (1, rump_acl::DEFAULT));
        assert_eq!(lists[0].value, expected.emit());
    }

    #[test]
    fn names_have_their_namespaces() {
        let cases: [(&[u8], Option<&[u8]>); 7] = [
            (b"\x03abc", Some(b"user.abc")),
            (b"user.abc", Some(b"user.abc")),
            (b"\x01\x03abc", Some(b"\x03abc")),
            (b"\x05t", Some(b"trusted.t")),
            (b"\x04nt", None),
            (b"isofs.nt", None),
            (b"\x03a\0b", None),
        ];
        for (stored, name) in cases {
            assert_eq!(full_name(stored).as_deref(), name, "{stored:?}");
        }
    }

    #[test]
    fn what_is_cut_short_says_nothing() {
        let whole = b"\0\x04name\0\x05value\0\0\0\x04\xaf\x02\x01\x02";
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).len() <= 1, "{length}");
        }
        assert!(decode(b"\0\0\0\x02\xaf\xff").is_empty());
    }
}
