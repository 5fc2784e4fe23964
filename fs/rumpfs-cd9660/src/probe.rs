//! Describing what is on a device.

use crate::descriptor::Descriptors;
use crate::error::Error;
use crate::layout::SECTOR;
use crate::mount;
use crate::name::Naming;
use crate::options::Options;
use crate::session;
use crate::volume::{Parts, Volume};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, FileSystemInfo};

/// Sectors that may hold the descriptors of UDF (ECMA-167 2/9.1), which follow those of ISO 9660.
const RECOGNITION: core::ops::Range<u64> = 16..48;

/// Describes the newest tree; `None` if it is another format. Errors: EFTYPE, EIO.
pub fn probe(device: &Arc<dyn BlockDevice>) -> Result<Option<FileSystemInfo>, Error> {
    let Some(front) = Descriptors::read(&**device, 0)? else { return Ok(None) };
    let sessions = session::find(&**device)?;
    let newest = Descriptors::read(&**device, sessions.newest)?.unwrap_or(front);
    let volume = &newest.primary;
    let end = (sessions.newest * SECTOR).saturating_add(volume.size_bytes());
    Ok(Some(FileSystemInfo {
        kind: "iso9660".into(),
        label: newest.label(),
        uuid: volume.uuid(),
        block_size: 1 << volume.block_bits,
        size_bytes: end,
        free_bytes: 0,
        features: features(device, &newest),
        notes: notes(&**device, sessions.starts.len(), end)?,
    }))
}

fn features(device: &Arc<dyn BlockDevice>, found: &Descriptors) -> Vec<String> {
    let volume = Volume::new(Parts {
        device: device.clone(),
        block_bits: found.primary.block_bits,
        blocks: found.primary.blocks(),
        root_block: found.primary.root_block,
        naming: Naming::Plain,
        options: Options::default(),
    });
    [
        ("rock-ridge", mount::rock_ridge(&volume).is_some()),
        ("joliet", found.joliet.is_some()),
        ("enhanced", found.enhanced.is_some()),
        ("el-torito", found.is_bootable),
    ]
    .into_iter()
    .filter(|(_, is_there)| *is_there)
    .map(|(name, _)| name.into())
    .collect()
}

fn notes(device: &dyn BlockDevice, sessions: usize, end: u64) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    if sessions > 1 {
        notes.push(format!("{sessions} sessions, the newest is shown (mount option session=N for another)"));
    }
    if end > device.size_bytes() {
        notes.push(format!("the image has {} of {end} bytes", device.size_bytes()));
    }
    if has_udf(device)? {
        notes.push("there is a UDF file system on it as well".into());
    }
    let mut front = [0; 512];
    device.read_at(0, &mut front)?;
    if front[510..] == [0x55, 0xaa] {
        notes.push("a hybrid image: it begins with a boot record for disks".into());
    }
    Ok(notes)
}

fn has_udf(device: &dyn BlockDevice) -> Result<bool, Error> {
    for sector in RECOGNITION {
        let mut identifier = [0; 6];
        if (sector + 1) * SECTOR > device.size_bytes() {
            break;
        }
        device.read_at(sector * SECTOR, &mut identifier)?;
        match &identifier[1..] {
            b"NSR02" | b"NSR03" => return Ok(true),
            b"CD001" | b"BEA01" | b"BOOT2" | b"TEA01" => {}
            _ => break,
        }
    }
    Ok(false)
}
