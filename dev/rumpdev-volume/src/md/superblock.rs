//! The superblock of a member of an array, of the versions 0.90 and 1.x. Reference: md(4), mdadm(8), and the names of the fields
//! in the kernel's interface (`linux/raid/md_p.h`). Numbers are little-endian.

use crate::bytes::{read_if_there, text, uuid};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_bytes::{array, le16, le32, le64};
use rump_kpi::{BlockDevice, KResult};

const MAGIC: u32 = 0xa92b_4efc;
const LENGTH: usize = 4096;
const SECTOR: u64 = 512;
/// A member that is copied, by which it will be replaced, and arrays that change their shape or have a journal.
const RECOVERING: u32 = 2;
const RESHAPING: u32 = 4;
const REPLACEMENT: u32 = 16;
const JOURNAL: u32 = 512;
const MOST_MEMBERS: u32 = 256;

/// What a superblock tells.
#[derive(Clone, Debug)]
pub struct Member {
    /// `0.90`, `1.0`, `1.1` or `1.2`.
    pub version: &'static str,
    /// Of the array.
    pub uuid: String,
    /// As `host:data`, or the number of the array as `0`; may be empty.
    pub name: String,
    /// As md has it: 0, 1, 4, 5, 6, 10; -1 for linear ones.
    pub level: i32,
    pub(super) layout: u32,
    pub(super) chunk_bytes: u64,
    /// How many members the array has.
    pub members: u32,
    /// Which of them this is; `None` for spares and faulty ones.
    pub role: Option<u32>,
    /// How often the array has changed.
    pub events: u64,
    /// Bytes of each member that an array with redundancy uses.
    pub(super) used_bytes: u64,
    /// Where the content of this member is.
    pub(super) data_offset: u64,
    pub(super) data_bytes: u64,
    /// What forbids to read such an array.
    pub(super) hindrance: Option<&'static str>,
}

impl Member {
    /// The superblock of a device, or `None` where there is none that is whole. Errors: EIO.
    pub fn read(device: &dyn BlockDevice) -> KResult<Option<Self>> {
        let sectors = device.size_bytes() / SECTOR;
        let at_end = sectors.checked_sub(16).map(|sector| sector & !7);
        for (version, place) in [("1.1", Some(0)), ("1.2", Some(8)), ("1.0", at_end)] {
            let Some(place) = place else { continue };
            let Some(bytes) = read_if_there(device, place * SECTOR, LENGTH)? else { continue };
            if let Some(member) = first(version, &bytes, place, sectors) {
                return Ok(Some(member));
            }
        }
        let Some(place) = (sectors & !127).checked_sub(128) else { return Ok(None) };
        let bytes = read_if_there(device, place * SECTOR, LENGTH)?;
        Ok(bytes.and_then(|bytes| ninety(&bytes, place * SECTOR)))
    }
}

/// The sum of all words, with the upper half added to the lower.
fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(4);
    let rest = words.remainder();
    let mut sum: u64 = words.map(|word| u64::from(le32(word, 0))).sum();
    if rest.len() == 2 {
        sum += u64::from(le16(rest, 0));
    }
    (sum as u32).wrapping_add((sum >> 32) as u32)
}

/// Version 1.
fn first(version: &'static str, bytes: &[u8], place: u64, sectors: u64) -> Option<Member> {
    let (roles, members) = (le32(bytes, 220), le32(bytes, 92));
    let len = 256 + 2 * (roles as usize).min(LENGTH);
    if le32(bytes, 0) != MAGIC || le32(bytes, 4) != 1 || le64(bytes, 144) != place || len > LENGTH {
        return None;
    }
    let mut summed = bytes[..len].to_vec();
    summed[216..220].fill(0);
    let (data, data_sectors) = (le64(bytes, 128), le64(bytes, 136));
    if sum(&summed) != le32(bytes, 216) || data.checked_add(data_sectors)? > sectors {
        return None;
    }
    let (number, features) = (le32(bytes, 160), le32(bytes, 8));
    let role = (number < roles).then(|| u32::from(le16(bytes, 256 + 2 * number as usize)));
    // One that is being filled is not to be relied on yet.
    let is_whole = features & (RECOVERING | REPLACEMENT) == 0;
    Some(Member {
        version,
        uuid: uuid(&array(bytes, 16)),
        name: text(&bytes[32..64]),
        level: le32(bytes, 72) as i32,
        layout: le32(bytes, 76),
        chunk_bytes: u64::from(le32(bytes, 88)) * SECTOR,
        members,
        role: role.filter(|role| *role < members && is_whole),
        events: le64(bytes, 200),
        used_bytes: le64(bytes, 80).checked_mul(SECTOR)?,
        data_offset: data * SECTOR,
        data_bytes: data_sectors * SECTOR,
        hindrance: match () {
            () if members == 0 || members > MOST_MEMBERS => Some("with so many members"),
            () if features & RESHAPING != 0 => Some("whose shape is being changed"),
            () if features & JOURNAL != 0 => Some("with a journal"),
            () => None,
        },
    })
}

/// Version 0.90.
fn ninety(bytes: &[u8], place: u64) -> Option<Member> {
    let mut summed = bytes.to_vec();
    summed[152..156].fill(0);
    let minor = le32(bytes, 8);
    if le32(bytes, 0) != MAGIC || le32(bytes, 4) != 0 || sum(&summed) != le32(bytes, 152) {
        return None;
    }
    let (members, level) = (le32(bytes, 40), le32(bytes, 28) as i32);
    let (role, state) = (le32(bytes, 3980), le32(bytes, 3984));
    // Active and in sync, and neither faulty nor removed.
    let is_whole = state & 0xf == 0b0110;
    let id: Vec<u8> =
        [20, 52, 56, 60].iter().flat_map(|at| array::<4>(bytes, *at).into_iter().rev()).collect();
    Some(Member {
        version: "0.90",
        uuid: uuid(&array(&id, 0)),
        name: format!("{}", le32(bytes, 44)),
        level,
        layout: le32(bytes, 256),
        chunk_bytes: le32(bytes, 260).into(),
        members,
        role: (role < members && is_whole).then_some(role),
        events: le64(bytes, 156),
        used_bytes: u64::from(le32(bytes, 32)) * 1024,
        data_offset: 0,
        data_bytes: place,
        hindrance: match () {
            () if members == 0 || members > MOST_MEMBERS => Some("with so many members"),
            () if minor != 90 => Some("whose shape is being changed"),
            () => None,
        },
    })
}
