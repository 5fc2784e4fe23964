//! FAT12, FAT16 and FAT32.

use super::{Inodes, Request, Summary, refuse, serial, serial_text};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use rumpfs_msdos::mkfs::{Options, Width, format};

pub fn make(device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    let wishes = [
        ("inode_size", request.inode_size.is_some()),
        ("inodes", request.inodes != Inodes::Default),
        ("reserved_percent", request.reserved_percent.is_some()),
        ("features", !request.features.is_empty()),
        ("journal_bytes", request.journal_bytes.is_some()),
        ("root", request.root.is_some()),
    ];
    refuse("vfat", &wishes)?;
    let made = format(device, &options(request)?)?;
    Ok(Summary {
        uuid: serial_text(serial(&request.uuid)),
        label: made.label,
        block_size: made.cluster_size,
        blocks: made.clusters.into(),
        free_blocks: made.free_clusters.into(),
        inodes: None,
        free_inodes: None,
        root_entries: made.root_entries,
        journal_blocks: None,
        features: vec![std::format!("fat{}", made.bits)],
        notes: made.notes,
    })
}

fn options(request: &Request) -> KResult<Options> {
    let width = match request.fat_bits {
        None => None,
        Some(12) => Some(Width::Fat12),
        Some(16) => Some(Width::Fat16),
        Some(32) => Some(Width::Fat32),
        Some(bits) => {
            let what = format!("mkfs: fat_bits {bits}: 12, 16 or 32");
            return Err(KError::new(Errno::EINVAL, what));
        }
    };
    Ok(Options {
        begin_bytes: request.begin_bytes,
        label: request.label.clone(),
        width,
        sector_size: request.sector_size,
        cluster_size: request.block_size,
        root_entries: request.root_entries,
        medium: request.fat_medium,
        zeroed: request.zeroed,
        ..Options::new(request.size_bytes, serial(&request.uuid), request.now)
    })
}
