//! Finding out whether this is exFAT, by its name in the boot sector, and describing it.

use crate::boot::{self, Region};
use crate::disk::Disk;
use crate::geometry::BOOT_BYTES;
use crate::layout::VolumeFlags;
use crate::mount::is_dirty;
use crate::system;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::Error;
use rump_kpi::{BlockDevice, FileSystemInfo};

/// Describes what is on a device; `None` if it is another format. Errors: EFTYPE, EIO.
pub fn probe(device: &Arc<dyn BlockDevice>) -> Result<Option<FileSystemInfo>, Error> {
    let mut boot = [0; BOOT_BYTES];
    if device.size_bytes() < BOOT_BYTES as u64 {
        return Ok(None);
    }
    device.read_at(0, &mut boot)?;
    if !boot::is_signed(&boot) {
        return Ok(None);
    }
    let (geometry, region) = boot::read(device.as_ref())?;
    let disk = Disk::new(device.clone(), geometry);
    let mut notes = notes(&disk, region);
    let (label, free) = match system::read(&disk) {
        Ok(system) => {
            let free = system.bitmap.count_free(&disk);
            if let Err(error) = &free {
                notes.push(error.to_string());
            }
            (system.label, free.unwrap_or(0))
        }
        Err(error) => {
            notes.push(error.to_string());
            (String::new(), 0)
        }
    };
    let geometry = &disk.geometry;
    let features = if geometry.fats > 1 { vec!["texfat".to_string()] } else { Vec::new() };
    Ok(Some(FileSystemInfo {
        kind: "exfat".to_string(),
        label,
        uuid: geometry.serial_text(),
        block_size: geometry.cluster_size() as u32,
        size_bytes: geometry.size_bytes,
        free_bytes: u64::from(free) << geometry.cluster_bits,
        features,
        notes,
    }))
}

/// What is odd about a volume.
pub fn notes(disk: &Disk, region: Region) -> Vec<String> {
    let geometry = &disk.geometry;
    let device_bytes = disk.sectors.device().size_bytes();
    let mut notes = Vec::new();
    if region == Region::Backup {
        notes.push("the boot region is damaged: its copy was read instead".to_string());
    }
    if is_dirty(geometry) {
        notes.push("not cleanly unmounted: fsck.exfat would find what a crash left".to_string());
    }
    if geometry.flags & VolumeFlags::MEDIA_FAILURE != 0 {
        notes.push("the medium is said to have failed".to_string());
    }
    if geometry.fats > 1 {
        notes.push(format!("two tables (TexFAT), of which number {} counts", geometry.active + 1));
    }
    if device_bytes < geometry.size_bytes {
        notes.push(format!("the device holds {device_bytes} of {} bytes", geometry.size_bytes));
    }
    notes
}
