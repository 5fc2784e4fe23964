//! exFAT.

use super::{Inodes, Request, Summary, refuse, serial, serial_text};
use rump_kpi::{BlockDevice, KResult};
use rumpfs_exfat::mkfs::{Options, format};

pub fn make(device: &dyn BlockDevice, request: &Request) -> KResult<Summary> {
    let wishes = [
        ("fat_bits", request.fat_bits.is_some()),
        ("fat_medium", request.fat_medium.is_some()),
        ("inode_size", request.inode_size.is_some()),
        ("inodes", request.inodes != Inodes::Default),
        ("root_entries", request.root_entries.is_some()),
        ("reserved_percent", request.reserved_percent.is_some()),
        ("features", !request.features.is_empty()),
        ("journal_bytes", request.journal_bytes.is_some()),
        ("root", request.root.is_some()),
    ];
    refuse("exfat", &wishes)?;
    let serial = serial(&request.uuid);
    let options = Options {
        begin_bytes: request.begin_bytes,
        label: request.label.clone(),
        sector_size: request.sector_size,
        cluster_size: request.block_size,
        zeroed: request.zeroed,
        ..Options::new(request.size_bytes, serial)
    };
    let made = format(device, &options)?;
    Ok(Summary {
        uuid: serial_text(serial),
        label: request.label.clone(),
        block_size: made.cluster_size,
        blocks: made.clusters.into(),
        free_blocks: made.free_clusters.into(),
        inodes: None,
        free_inodes: None,
        root_entries: None,
        journal_blocks: None,
        features: vec!["exfat".to_string()],
        notes: Vec::new(),
    })
}
