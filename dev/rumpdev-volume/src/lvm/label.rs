//! The label of a physical volume, and the area with the metadata of its group. Reference: vgcfgrestore(8), pvck(8), whose dumps
//! show all fields. Numbers are little-endian.

use super::text::Section;
use crate::bytes::read_if_there;
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use crc::{Algorithm, CRC_32_ISO_HDLC, Crc, Table};
use rump_bytes::{le32, le64};
use rump_kpi::{BlockDevice, KResult};

const SECTOR: u64 = 512;
/// Bytes of a label: it is in one of the first four sectors, most often the second.
const LABEL: usize = 512;
const LABELS: core::ops::Range<u64> = 0..4;
/// Bytes of the header of an area; behind it is a ring of texts.
const HEADER: usize = 512;
const HEADER_MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";
/// The longest text: its default area has 1 MiB.
const LONGEST_TEXT: u64 = 4 << 20;
const IGNORED: u32 = 1;

/// That of Ethernet with another begin, and as it is at the end.
static SUM: Algorithm<u32> = Algorithm { init: 0xf597_a6cf_u32.reverse_bits(), xorout: 0, ..CRC_32_ISO_HDLC };

fn sum(bytes: &[u8]) -> u32 {
    Crc::<u32, Table<1>>::new(&SUM).checksum(bytes)
}

/// A physical volume.
#[derive(Clone, Debug)]
pub struct Member {
    /// As the metadata writes it, but for its dashes.
    pub uuid: String,
    /// The metadata of its group, if this one has any.
    pub(super) group: Option<Metadata>,
}

/// What a group is, as of a change of it.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub name: String,
    pub uuid: String,
    pub sequence: u64,
    pub section: Section,
}

impl Member {
    /// The label of a device, or `None` where there is none. Errors: EFTYPE, ENOTSUP, EIO.
    pub fn read(device: &dyn BlockDevice) -> KResult<Option<Self>> {
        for sector in LABELS {
            let Some(bytes) = read_if_there(device, sector * SECTOR, LABEL)? else { break };
            if bytes.starts_with(b"LABELONE")
                && le64(&bytes, 8) == sector
                && le32(&bytes, 16) == sum(&bytes[20..])
            {
                return label(device, &bytes).map(Some);
            }
        }
        Ok(None)
    }

    /// The name of its group, if this one knows it.
    pub fn group_name(&self) -> Option<&str> {
        self.group.as_ref().map(|group| &*group.name)
    }
}

fn label(device: &dyn BlockDevice, bytes: &[u8]) -> KResult<Member> {
    if &bytes[24..32] != b"LVM2 001" {
        return Err(unsupported("LVM: a label of another version"));
    }
    let header = bytes.get(le32(bytes, 20) as usize..).filter(|header| header.len() >= 40);
    let header = header.ok_or_else(|| damaged("LVM: the label has no header"))?;
    let uuid = String::from_utf8_lossy(&header[..32]).into_owned();
    // Two lists of areas, those with data and those with metadata, each up to one without a place.
    let mut areas = header[40..].chunks_exact(16).map(|area| (le64(area, 0), le64(area, 8)));
    areas.by_ref().find(|area| area.0 == 0);
    let mut newest: Option<Metadata> = None;
    let mut refusal = None;
    for (offset, size) in areas.take_while(|area| area.0 != 0) {
        match area(device, offset, size) {
            Ok(Some(found)) => {
                if newest.as_ref().is_none_or(|newest| newest.sequence < found.sequence) {
                    newest = Some(found);
                }
            }
            Ok(None) => {}
            Err(error) => refusal = Some(error),
        }
    }
    match (newest, refusal) {
        (None, Some(error)) => Err(error),
        (group, _) => Ok(Member { uuid, group }),
    }
}

/// The metadata in an area, or `None` where none was ever written. Errors: EFTYPE, EIO.
fn area(device: &dyn BlockDevice, offset: u64, size: u64) -> KResult<Option<Metadata>> {
    let header = read_if_there(device, offset, HEADER)?;
    let header =
        header.filter(|header| header[4..20] == *HEADER_MAGIC && le32(header, 0) == sum(&header[4..]));
    let header = header.ok_or_else(|| damaged("LVM: the header of the metadata has a wrong checksum"))?;
    let (at, len, wanted) = (le64(&header, 40), le64(&header, 48), le32(&header, 56));
    if at == 0 || le32(&header, 60) & IGNORED != 0 {
        return Ok(None);
    }
    if len > LONGEST_TEXT || len > size || at >= size || at < HEADER as u64 {
        return Err(damaged(format!("LVM: {len} bytes of metadata from {at} in an area of {size}")));
    }
    let first = len.min(size - at) as usize;
    // What does not fit before the end of the ring goes on at its begin.
    let mut text = Vec::new();
    for (at, len) in [(at, first), (HEADER as u64, len as usize - first)] {
        let piece = read_if_there(device, offset.saturating_add(at), len)?;
        text.extend(piece.ok_or_else(|| damaged("LVM: the metadata lies beyond the end of the device"))?);
    }
    if sum(&text) != wanted {
        return Err(damaged("LVM: the metadata has a wrong checksum"));
    }
    let section = Section::parse(&text)?;
    let (name, group) = (section.sections().find(|(_, section)| section.has("seqno")))
        .ok_or_else(|| damaged("LVM: the metadata is of no group"))?;
    Ok(Some(Metadata {
        name: name.into(),
        uuid: group.text("id")?.into(),
        sequence: group.number("seqno")?,
        section: group.clone(),
    }))
}
