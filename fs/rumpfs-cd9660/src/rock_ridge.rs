//! What Rock Ridge (IEEE P1282) says of a file.

use crate::error::Error;
use crate::layout::{Both32, DeviceNumber, PosixAttributes, component, name_flag, stamp};
use crate::name::Name;
use crate::record::Record;
use crate::susp::{self, Entry};
use crate::time;
use crate::volume::Volume;
use crate::zisofs::Packing;
use alloc::vec::Vec;
use rump_kpi::{DevNumber, TimeSpec};
use zerocopy::FromBytes;

/// POSIX attributes.
#[derive(Clone, Copy)]
pub struct Posix {
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Count of names.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number that all names of a file share; zero where there is none.
    pub serial: u32,
}

/// All that is said of one file.
#[derive(Default)]
pub struct RockRidge {
    /// POSIX attributes.
    pub posix: Option<Posix>,
    /// Number of a device.
    pub device: Option<DevNumber>,
    /// Creation.
    pub created: Option<TimeSpec>,
    /// Last change of content.
    pub modified: Option<TimeSpec>,
    /// Last access.
    pub accessed: Option<TimeSpec>,
    /// Last change of attributes.
    pub changed: Option<TimeSpec>,
    /// Target of a symbolic link.
    pub target: Option<Target>,
    /// The block of the directory that this record stands for, which lies elsewhere for the sake of its depth.
    pub child: Option<u32>,
    /// The block of the parent of such a directory.
    pub parent: Option<u32>,
    /// Whether this record names such a directory where it lies.
    pub is_relocated: bool,
    /// How the content is compressed.
    pub packing: Option<Packing>,
    /// Whether the content is stored as a sparse file.
    pub is_sparse: bool,
}

impl RockRidge {
    /// Reads all that is said in and behind a record, but for the name. Errors: EFTYPE, EIO.
    pub fn read(volume: &Volume, record: &Record<'_>) -> Result<Self, Error> {
        let mut found = Self::default();
        susp::each(volume, record, &mut |entry| {
            found.take_identity(&entry);
            found.take_attributes(&entry);
        })?;
        Ok(found)
    }

    /// Reads what a listing tells: where the file is and what it is, and its name into `name`, which stays empty
    /// where there is none. Errors: EFTYPE, EIO.
    pub fn read_entry(volume: &Volume, record: &Record<'_>, name: &mut Name) -> Result<Self, Error> {
        let mut found = Self::default();
        name.clear();
        susp::each(volume, record, &mut |entry| match &entry.signature {
            b"NM" => add_name(name, entry.data),
            _ => found.take_identity(&entry),
        })?;
        Ok(found)
    }

    /// Takes what an entry says; one that is too short says nothing.
    fn take_identity(&mut self, entry: &Entry<'_>) {
        match &entry.signature {
            b"PX" => self.posix = posix(entry.data).or(self.posix),
            b"CL" => self.child = block(entry.data),
            b"PL" => self.parent = block(entry.data),
            b"RE" => self.is_relocated = true,
            _ => {}
        }
    }

    fn take_attributes(&mut self, entry: &Entry<'_>) {
        let data = entry.data;
        match &entry.signature {
            b"PN" => self.device = device(data).or(self.device),
            b"SL" => self.target.get_or_insert_default().extend(data),
            b"TF" => self.take_times(data),
            b"SF" => self.is_sparse = true,
            b"ZF" | b"Z2" => self.packing = Packing::parse(entry.version, data).or(self.packing),
            _ => {}
        }
    }

    fn take_times(&mut self, data: &[u8]) {
        let Some((flags, mut stamps)) = data.split_first() else { return };
        let is_long = flags & stamp::LONG_FORM != 0;
        let fields = [
            (stamp::CREATION, &mut self.created),
            (stamp::MODIFY, &mut self.modified),
            (stamp::ACCESS, &mut self.accessed),
            (stamp::ATTRIBUTES, &mut self.changed),
        ];
        for (bit, field) in fields {
            if flags & bit == 0 {
                continue;
            }
            let Some((time, rest)) = first_stamp(stamps, is_long) else { return };
            *field = time.or(*field);
            stamps = rest;
        }
    }
}

fn add_name(name: &mut Name, data: &[u8]) {
    let Some((flags, bytes)) = data.split_first() else { return };
    if flags & (name_flag::CURRENT | name_flag::PARENT) == 0 {
        name.extend(bytes);
    }
}

fn first_stamp(stamps: &[u8], is_long: bool) -> Option<(Option<TimeSpec>, &[u8])> {
    if is_long {
        return stamps.split_first_chunk().map(|(digits, rest)| (time::of_digits(digits), rest));
    }
    stamps.split_first_chunk().map(|(bytes, rest)| (Some(time::of_record(bytes)), rest))
}

fn posix(data: &[u8]) -> Option<Posix> {
    let (fields, rest) = PosixAttributes::ref_from_prefix(data).ok()?;
    let serial = Both32::ref_from_prefix(rest).map_or(0, |(serial, _)| serial.get());
    let (mode, links) = (fields.mode.get(), fields.links.get());
    Some(Posix { mode, links, uid: fields.uid.get(), gid: fields.gid.get(), serial })
}

fn block(data: &[u8]) -> Option<u32> {
    Both32::ref_from_prefix(data).ok().map(|(block, _)| block.get())
}

/// Writers differ: some store major and minor number in the two fields, some one number of 32 bits as Linux makes it
/// of both, in the second.
fn device(data: &[u8]) -> Option<DevNumber> {
    let (fields, _) = DeviceNumber::ref_from_prefix(data).ok()?;
    let (high, low) = (fields.high.get(), fields.low.get());
    Some(match high {
        0 => DevNumber { major: low >> 8 & 0xfff, minor: low & 0xff | low >> 12 & 0xf_ff00 },
        _ => DevNumber { major: high, minor: low },
    })
}

/// The target of a symbolic link, as its components are met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    bytes: Vec<u8>,
    /// A component has ended, so that a slash comes before the next one.
    is_between: bool,
}

impl Target {
    /// The target.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds the components of an SL entry (RRIP 4.1.3).
    fn extend(&mut self, data: &[u8]) {
        let mut rest = data.get(1..).unwrap_or_default();
        while let [flags, length, behind @ ..] = rest {
            let Some((content, behind)) = behind.split_at_checked((*length).into()) else { return };
            self.push(*flags, content);
            rest = behind;
        }
    }

    fn push(&mut self, flags: u8, content: &[u8]) {
        if core::mem::take(&mut self.is_between) {
            self.bytes.push(b'/');
        }
        if flags & component::ROOT != 0 {
            self.bytes.push(b'/');
            return;
        }
        let content: &[u8] = match flags {
            _ if flags & component::CURRENT != 0 => b".",
            _ if flags & component::PARENT != 0 => b"..",
            _ => content,
        };
        self.bytes.extend(content.iter().map(|&byte| if byte == 0 { b'_' } else { byte }));
        self.is_between = flags & component::CONTINUE == 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(entries: &[&[u8]]) -> Vec<u8> {
        let mut target = Target::default();
        entries.iter().for_each(|data| target.extend(data));
        target.bytes
    }

    #[test]
    fn components_become_a_path() {
        assert_eq!(target(&[&[0, 8, 0, 0, 3, b'u', b's', b'r', 4, 0]]), b"/usr/..");
        assert_eq!(target(&[&[0, 2, 0, 0, 1, b'a']]), b"./a");
        assert_eq!(target(&[&[1, 1, 2, b'a', b'b'], &[0, 0, 1, b'c', 0, 1, b'd']]), b"abc/d");
        assert_eq!(target(&[&[1, 0, 1, b'a'], &[0, 0, 1, b'b']]), b"a/b");
        assert_eq!(target(&[&[0, 0, 200, b'a'], &[], &[0, 0]]), b"");
    }

    #[test]
    fn short_entries_say_nothing() {
        let mut found = RockRidge::default();
        for signature in [b"PX", b"PN", b"SL", b"TF", b"CL", b"PL", b"ZF"] {
            for length in 0..3 {
                let data = &[0xff; 3][..length];
                let entry = Entry { signature: *signature, version: 1, data };
                found.take_identity(&entry);
                found.take_attributes(&entry);
            }
        }
        assert!(found.posix.is_none() && found.device.is_none() && found.child.is_none());
        assert!(found.modified.is_none() && found.packing.is_none());
    }

    #[test]
    fn both_ways_of_storing_devices_are_read() {
        let both = |value: u32| [value.to_le_bytes(), value.to_be_bytes()].concat();
        let expected = Some(DevNumber { major: 300, minor: 70_000 });
        assert_eq!(device(&[both(300), both(70_000)].concat()), expected);
        assert_eq!(device(&[both(0), both(0x1111_2c70)].concat()), expected);
        assert_eq!(device(&[both(0), both(0x0801)].concat()), Some(DevNumber { major: 8, minor: 1 }));
    }
}
