//! Bytes as parts of disks that volumes are made of: members of LVM groups and MD arrays, and headers of LUKS.
//!
//! An input is a list of parts: a kind, two bytes of length, and so many bytes, which the kind has a meaning for. Checksums are
//! made here, so that no mutant is refused for one. Reference: as the recognisers name them.

use crate::image::Image;
use crate::overlay::Overlay;
use rump_kpi::BlockDevice;
use rumpdev_volume::luks::{Effort, Header};
use rumpdev_volume::{Kind, lvm, md, probe};
use sha2::{Digest, Sha256};
use std::sync::Arc;

type Device = Arc<dyn BlockDevice>;

const PARTS: usize = 8;
const PART_BYTES: u64 = 4 << 20;
/// Volumes of volumes that are looked at.
const DEPTH: usize = 3;
const PIECE: usize = 16 << 10;
/// No key is worth more: hashes are not what is looked at.
const EFFORT: Effort = Effort { iterations: 10, memory_kib: 64, passes: 64 };

/// Recognises the parts, assembles what they are members of, and reads from that.
pub fn run(data: &[u8]) {
    let mut devices = parts(data);
    for _ in 0..DEPTH {
        devices = above(&devices);
        for device in &devices {
            read(device);
        }
    }
}

/// What is made of these devices.
fn above(devices: &[Device]) -> Vec<Device> {
    let (mut physical, mut members, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for device in devices {
        match probe(device) {
            Ok(Some(Kind::Luks(header))) => found.extend(unlocked(&header, device)),
            Ok(Some(Kind::Lvm(member))) => physical.push((member, device.clone())),
            Ok(Some(Kind::Md(member))) => members.push((member, device.clone())),
            Ok(None) | Err(_) => {
                if let Ok(Some(header)) = Header::read_second(&**device) {
                    found.extend(unlocked(&header, device));
                }
            }
        }
    }
    found.extend(md::arrays(&members).into_iter().filter_map(|array| array.device.ok()));
    let volumes = lvm::groups(&physical).into_iter().flat_map(|group| group.volumes);
    found.extend(volumes.filter_map(|volume| volume.device.ok()));
    found.truncate(4 * PARTS);
    found
}

fn unlocked(header: &Header, device: &Device) -> Option<Device> {
    let _ = (header.encryption(), header.derivations(), header.costs());
    let key = header.key(&**device, b"secret", &EFFORT).ok()?;
    header.open(device.clone(), &key).ok()
}

fn read(device: &Device) {
    let size = device.size_bytes();
    let mut bytes = vec![0; PIECE.min(usize::try_from(size).unwrap_or(PIECE))];
    for part in 0..4 {
        let _ = device.read_at((size - bytes.len() as u64) / 3 * part, &mut bytes);
    }
}

fn parts(data: &[u8]) -> Vec<Device> {
    let (mut parts, mut rest) = (Vec::new(), data);
    while let Some((&[kind, low, high], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(behind.len());
        let (bytes, behind) = behind.split_at(length);
        parts.push(part(kind, parts.len(), bytes));
        rest = behind;
        if parts.len() == PARTS {
            break;
        }
    }
    parts
}

fn part(kind: u8, number: usize, bytes: &[u8]) -> Device {
    let device = Overlay::new(Image::decode(&PART_BYTES.to_le_bytes()));
    let write = |offset: u64, bytes: &[u8]| {
        // It has room for everything that is written here.
        let _ = device.write_at(offset, bytes);
    };
    match kind % 6 {
        0 => write(0, bytes),
        1 => {
            write(512, &label(number));
            write(AREA, &area(bytes));
            write(AREA + 512, bytes);
        }
        2 => write(4096, &superblock(bytes)),
        3 => write((PART_BYTES & !0xffff) - 0x1_0000, &superblock_of_90(bytes)),
        4 => write(0, &[b"LUKS\xba\xbe\0\x01", bytes].concat()),
        _ => write(0, &luks(bytes)),
    }
    Arc::new(device)
}

/// Where the area of a physical volume is, and its length.
const AREA: u64 = 4096;
const AREA_BYTES: u64 = 1 << 20;

/// The identifier of a physical volume, as in its label.
fn identifier(number: usize) -> String {
    format!("{:032}", number)
}

fn label(number: usize) -> [u8; 512] {
    let mut label = [0; 512];
    label[..8].copy_from_slice(b"LABELONE");
    label[8..16].copy_from_slice(&1_u64.to_le_bytes());
    label[20..24].copy_from_slice(&32_u32.to_le_bytes());
    label[24..32].copy_from_slice(b"LVM2 001");
    label[32..64].copy_from_slice(identifier(number).as_bytes());
    label[64..72].copy_from_slice(&PART_BYTES.to_le_bytes());
    // The data; behind the end of its list the metadata.
    for (at, place) in [(72, (AREA + AREA_BYTES, 0)), (104, (AREA, AREA_BYTES))] {
        label[at..at + 8].copy_from_slice(&place.0.to_le_bytes());
        label[at + 8..at + 16].copy_from_slice(&place.1.to_le_bytes());
    }
    let sum = lvm_sum(&label[20..]);
    label[16..20].copy_from_slice(&sum.to_le_bytes());
    label
}

fn area(text: &[u8]) -> [u8; 512] {
    let mut area = [0; 512];
    area[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    area[20..24].copy_from_slice(&1_u32.to_le_bytes());
    area[24..32].copy_from_slice(&AREA.to_le_bytes());
    area[32..40].copy_from_slice(&AREA_BYTES.to_le_bytes());
    area[40..48].copy_from_slice(&512_u64.to_le_bytes());
    area[48..56].copy_from_slice(&(text.len() as u64).to_le_bytes());
    area[56..60].copy_from_slice(&lvm_sum(text).to_le_bytes());
    let sum = lvm_sum(&area[4..]);
    area[..4].copy_from_slice(&sum.to_le_bytes());
    area
}

/// CRC-32 with another begin, and as it is at the end.
fn lvm_sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

const MD_MAGIC: [u8; 4] = 0xa92b_4efc_u32.to_le_bytes();

/// Of version 1.2, at its place.
fn superblock(bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 4096];
    let length = bytes.len().min(block.len());
    block[..length].copy_from_slice(&bytes[..length]);
    block[..4].copy_from_slice(&MD_MAGIC);
    block[4..8].copy_from_slice(&1_u32.to_le_bytes());
    block[144..152].copy_from_slice(&8_u64.to_le_bytes());
    block[216..220].fill(0);
    let roles = u32::from_le_bytes([block[220], block[221], block[222], block[223]]) as usize;
    let sum = md_sum(&block[..(256 + 2 * roles.min(1920)).min(4096)]);
    block[216..220].copy_from_slice(&sum.to_le_bytes());
    block
}

fn superblock_of_90(bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 4096];
    let length = bytes.len().min(block.len());
    block[..length].copy_from_slice(&bytes[..length]);
    block[..4].copy_from_slice(&MD_MAGIC);
    block[4..8].fill(0);
    block[152..156].fill(0);
    let sum = md_sum(&block);
    block[152..156].copy_from_slice(&sum.to_le_bytes());
    block
}

/// The sum of the words, the last of which may be half a one, with the upper half added to the lower.
fn md_sum(bytes: &[u8]) -> u32 {
    let word = |word: &[u8]| word.iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let sum: u64 = bytes.chunks(4).map(word).sum();
    (sum as u32).wrapping_add((sum >> 32) as u32)
}

/// A header of LUKS 2 with this JSON, both of 16 KiB.
fn luks(json: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 16 << 10];
    let length = json.len().min(header.len() - 4096);
    header[4096..4096 + length].copy_from_slice(&json[..length]);
    header[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    header[8..16].copy_from_slice(&(16_u64 << 10).to_be_bytes());
    header[72..78].copy_from_slice(b"sha256");
    let sum = Sha256::digest(&header);
    header[448..480].copy_from_slice(&sum);
    header
}

/// A group with a striped volume and one of two parts, arrays of both versions, and headers of LUKS.
pub fn seed(number: u64) -> Vec<u8> {
    let add = |input: &mut Vec<u8>, kind: u8, bytes: &[u8]| {
        input.push(kind);
        input.extend((bytes.len() as u16).to_le_bytes());
        input.extend(bytes);
    };
    let mut input = Vec::new();
    match number % 5 {
        0 => (0..2).for_each(|_| add(&mut input, 1, group(number).as_bytes())),
        1 => (0..3).for_each(|role| add(&mut input, 2, &member(role, number))),
        2 => (0..2).for_each(|role| add(&mut input, 3, &member_of_90(role))),
        3 => add(&mut input, 4, &luks_1()),
        _ => add(&mut input, 5, LUKS_2.replace("SIZE", &(number * 512).to_string()).as_bytes()),
    }
    input
}

fn group(number: u64) -> String {
    let physical = |index: usize| {
        let id = identifier(index);
        let dashed: Vec<&str> = [(0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32)]
            .map(|(a, b)| &id[a..b])
            .into();
        format!(
            "pv{index} {{ id = \"{}\" device = \"/dev/x\" status = [\"ALLOCATABLE\"] flags = []\n\
             dev_size = 8192 pe_start = 2056 pe_count = 6 }}\n",
            dashed.join("-")
        )
    };
    let volume = |name: &str, segments: &[String]| {
        format!(
            "{name} {{ id = \"volume-{name}\" status = [\"READ\", \"VISIBLE\"] flags = []\nsegment_count = {}\n{} }}\n",
            segments.len(),
            segments.concat()
        )
    };
    let segment = |index: usize, begin: u64, extents: u64, rest: &str| {
        format!(
            "segment{index} {{ start_extent = {begin} extent_count = {extents} type = \"striped\" {rest} }}\n"
        )
    };
    let linear = |pv: usize, at: u64| format!("stripe_count = 1 stripes = [\"pv{pv}\", {at}]");
    let volumes = [
        volume("one", &[segment(1, 0, 2, &linear(0, 0)), segment(2, 2, 1, &linear(1, 4))]),
        volume(
            "two",
            &[segment(1, 0, 4, "stripe_count = 2 stripe_size = 128 stripes = [\"pv0\", 2, \"pv1\", 0]")],
        ),
    ];
    format!(
        "group {{ id = \"group-id\" seqno = {number} format = \"lvm2\" status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\n\
         flags = [] extent_size = 1024 max_lv = 0 max_pv = 0 metadata_copies = 0\n\
         physical_volumes {{\n{}{}}}\nlogical_volumes {{\n{}}}\n}}\n# Generated\ncontents = \"Text Format Volume Group\"\nversion = 1\n",
        physical(0),
        physical(1),
        volumes.concat()
    )
}

fn put(block: &mut [u8], fields: &[(usize, u32)]) {
    for (at, value) in fields {
        block[*at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// Of an array of three, whose level the number says.
fn member(role: u16, number: u64) -> Vec<u8> {
    let mut block = vec![0; 262];
    block[16..32].fill(7);
    block[32..36].copy_from_slice(b"h:md");
    let level = [0, 1, 4, 5, 6, 10, u32::MAX][number as usize / 5 % 7];
    let layout = if level == 10 { 0x102 } else { 2 };
    put(&mut block, &[(72, level), (76, layout), (80, 4096), (88, 128), (92, 3)]);
    put(&mut block, &[(128, 2048), (136, 4096), (160, role.into()), (200, 9), (220, 3)]);
    for other in 0..3_u16 {
        let at = 256 + 2 * usize::from(other);
        block[at..at + 2].copy_from_slice(&other.to_le_bytes());
    }
    block
}

fn member_of_90(role: u32) -> Vec<u8> {
    let mut block = vec![0; 4096];
    put(&mut block, &[(8, 90), (20, 7), (28, 1), (32, 2048), (40, 2), (44, 3), (156, 9), (260, 65_536)]);
    put(&mut block, &[(3980, role), (3984, 6)]);
    block
}

/// Behind signature and version.
fn luks_1() -> Vec<u8> {
    let mut header = vec![0; 592 - 8];
    for (at, text) in [(0, &b"aes"[..]), (32, b"xts-plain64"), (64, b"sha256"), (160, b"identifier")] {
        header[at..at + text.len()].copy_from_slice(text);
    }
    let mut put = |at: usize, value: u32| header[at - 8..at - 4].copy_from_slice(&value.to_be_bytes());
    [(104, 4096), (108, 64), (164, 5)].into_iter().for_each(|(at, value)| put(at, value));
    // One slot, whose material is at 4 KiB.
    [(208, 0x00ac_71f3), (212, 5), (248, 8), (252, 4)].into_iter().for_each(|(at, value)| put(at, value));
    header
}

const LUKS_2: &str = r#"{"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1","stripes":4,"hash":"sha256"},
"area":{"type":"raw","offset":"32768","size":"4096","encryption":"aes-xts-plain64","key_size":64},
"kdf":{"type":"argon2id","time":1,"memory":32,"cpus":1,"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}},
"segments":{"0":{"type":"crypt","offset":"SIZE","size":"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512}},
"digests":{"0":{"type":"pbkdf2","keyslots":["0"],"segments":["0"],"hash":"sha256","iterations":5,
"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
"config":{"json_size":"12288","keyslots_size":"16384"},"tokens":{}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_what_they_say() {
        for number in 0..35 {
            let devices = parts(&seed(number));
            match number % 5 {
                3 | 4 => {
                    let Ok(Some(Kind::Luks(header))) = probe(&devices[0]) else { panic!("{number}") };
                    assert_eq!(header.encryption(), "aes-xts-plain64");
                    assert_eq!(header.derivations().len(), 1, "{number}");
                }
                // What an array of another kind wants is not all here.
                1 => assert!(matches!(probe(&devices[0]), Ok(Some(Kind::Md(_)))), "{number}"),
                rest => assert_eq!(above(&devices).len(), if rest == 0 { 2 } else { 1 }, "{number}"),
            }
            run(&seed(number));
        }
    }
}
