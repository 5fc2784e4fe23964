//! ext2, ext3 and ext4.

use super::{Owner, Request, Summary, Zeroed, refuse};
use rump_kpi::{BlockDevice, KResult};
use rumpfs_ext2fs::mkfs::{self, Kind, Options, format};

/// As mke2fs has it.
const RESERVED_PERCENT: u8 = 5;

pub fn make_ext2(device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    make(Kind::Ext2, device, request)
}

pub fn make_ext3(device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    make(Kind::Ext3, device, request)
}

pub fn make_ext4(device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    make(Kind::Ext4, device, request)
}

fn make(kind: Kind, device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    let wishes = [
        ("sector_size", request.sector_size.is_some()),
        ("fat_bits", request.fat_bits.is_some()),
        ("fat_medium", request.fat_medium.is_some()),
        ("root_entries", request.root_entries.is_some()),
    ];
    refuse("ext", &wishes)?;
    let made = format(device, &options(kind, request))?;
    Ok(Summary {
        uuid: uuid_text(&request.uuid),
        label: request.label.clone(),
        block_size: made.block_size,
        blocks: made.blocks,
        free_blocks: made.free_blocks,
        inodes: Some(made.inodes),
        free_inodes: Some(made.free_inodes),
        root_entries: None,
        journal_blocks: Some(made.journal_blocks),
        features: made.features,
        notes: made.notes,
    })
}

fn options(kind: Kind, request: &Request) -> Options {
    Options {
        label: request.label.clone(),
        block_size: request.block_size,
        inode_size: request.inode_size,
        inodes: request.inodes,
        reserved_percent: request.reserved_percent.unwrap_or(RESERVED_PERCENT),
        features: request.features.clone(),
        journal_bytes: request.journal_bytes,
        root: request.root.unwrap_or(Owner { uid: 0, gid: 0, mode: 0o755 }),
        zeroed: match request.zeroed {
            Zeroed::Yes => mkfs::Zeroed::Yes,
            Zeroed::No => mkfs::Zeroed::No,
        },
        ..Options::new(kind, request.size_bytes, request.uuid, request.hash_seed, request.now)
    }
}

fn uuid_text(uuid: &[u8; 16]) -> String {
    let digits: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
