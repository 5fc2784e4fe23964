//! Finding out whether this is FAT: by plausibility, since there is no signature that all of them have.

use crate::dir;
use crate::fat::{Cursor, count_free};
use crate::geometry::{BOOT_BYTES, Geometry, Width};
use crate::layout::FsInfo;
use crate::names::codepage::CodePage;
use crate::options::Options;
use crate::volume::Volume;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::Error;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::utf16;
use rump_kpi::{BlockDevice, Environment, FileSystemInfo, TimeSpec};
use zerocopy::FromBytes;

/// A table up to this size is read whole when its volume is described.
const COMPARED_BYTES: u64 = 1 << 20;

/// Reads and checks the boot sector. Errors: EFTYPE, EIO.
pub fn geometry(device: &dyn BlockDevice) -> Result<Geometry, Error> {
    let mut boot = [0; BOOT_BYTES];
    if device.size_bytes() >= BOOT_BYTES as u64 {
        device.read_at(0, &mut boot)?;
    }
    Geometry::parse(&boot)
}

/// Whether the boot sector is one of FAT, sound or not: it begins with a jump, and the text that makers of FAT put
/// into it is there.
fn claims_to_be(boot: &[u8; BOOT_BYTES]) -> bool {
    let has_jump = matches!(boot[0], 0xeb | 0xe9);
    has_jump
        && boot[510..] == [0x55, 0xaa]
        && (boot[54..].starts_with(b"FAT1") || boot[82..].starts_with(b"FAT32"))
}

/// Describes what is on a device; `None` if it is another format.
///
/// A sound block of parameters is asked for, and a jump before it or a medium after it, in the first entry of the
/// table: NTFS and exFAT have neither tables nor clusters in theirs, and a partition table has code in its place.
/// The end of the sector may lack its mark, as on the floppies of old.
pub fn probe(device: &Arc<dyn BlockDevice>) -> Result<Option<FileSystemInfo>, Error> {
    let mut boot = [0; BOOT_BYTES];
    if device.size_bytes() < BOOT_BYTES as u64 {
        return Ok(None);
    }
    device.read_at(0, &mut boot)?;
    if boot[3..].starts_with(b"NTFS    ") || boot[3..].starts_with(b"EXFAT   ") {
        return Ok(None);
    }
    let geometry = match Geometry::parse(&boot) {
        Ok(geometry) => geometry,
        Err(error) if claims_to_be(&boot) => return Err(error),
        Err(_) => return Ok(None),
    };
    let mut medium = [0; 2];
    let has_table = device.read_at(geometry.active_start(), &mut medium).is_ok();
    let agrees = has_table && medium == [boot[21], 0xff];
    if !agrees && !claims_to_be(&boot) {
        return Ok(None);
    }
    let environment = Environment::new(TimeSpec::default, |_| {});
    let volume = Volume::new(device.clone(), geometry, Options::default(), environment, None);
    Ok(Some(describe(&volume)))
}

fn describe(volume: &Volume) -> FileSystemInfo {
    let geometry = volume.geometry();
    let mut notes = notes(volume);
    let hint = hint(volume);
    let is_small = geometry.fat_bytes <= COMPARED_BYTES;
    let counted = is_small.then(|| count_free(volume).ok()).flatten();
    if let (Some(hint), Some(counted)) = (hint.free, counted) {
        if hint != counted {
            notes.push(alloc::format!("FSInfo says that {hint} clusters are free, {counted} are"));
        }
    }
    let free = counted.or(hint.free).unwrap_or(0);
    FileSystemInfo {
        kind: geometry.width.name().to_string(),
        label: label(volume),
        uuid: geometry.serial_text(),
        block_size: geometry.cluster_size().try_into().unwrap_or(u32::MAX),
        size_bytes: geometry.size_bytes,
        free_bytes: u64::from(free) << geometry.cluster_bits,
        features: vec![geometry.width.name().to_string()],
        notes,
    }
}

/// What is odd about a volume.
pub fn notes(volume: &Volume) -> Vec<String> {
    let geometry = volume.geometry();
    let mut notes = Vec::new();
    if is_dirty(volume).unwrap_or(false) {
        notes.push("not cleanly unmounted: fsck.fat would find what a crash left".to_string());
    }
    if volume.sectors().device().size_bytes() < geometry.size_bytes {
        notes.push(alloc::format!(
            "the device holds {} of {} bytes",
            volume.sectors().device().size_bytes(),
            geometry.size_bytes
        ));
    }
    if geometry.fat_bytes <= COMPARED_BYTES && tables_differ(volume).unwrap_or(false) {
        notes.push("the copies of the table differ: the first one counts".to_string());
    }
    notes
}

/// Whether the boot sector or the table says that the volume was not left in order. Errors: EFTYPE, EIO.
pub fn is_dirty(volume: &Volume) -> Result<bool, Error> {
    let geometry = volume.geometry();
    let clean = crate::fat::clean_bits(geometry.width);
    if geometry.dirty || clean == 0 {
        return Ok(geometry.dirty);
    }
    Ok(Cursor::new(volume).value(1)? & clean == 0)
}

fn tables_differ(volume: &Volume) -> Result<bool, Error> {
    let geometry = volume.geometry();
    let read = |start| {
        let mut table = vec![0; geometry.fat_bytes as usize];
        volume.sectors().read_bytes(start, &mut table).map(|()| table)
    };
    let mut tables = geometry.written_fats();
    let first = tables.next().map(read).transpose()?;
    for start in tables {
        if Some(read(start)?) != first {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What FSInfo says, where it says what can be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint {
    /// How many clusters are free.
    pub free: Option<u32>,
    /// Where to look for them.
    pub next: Option<u32>,
}

/// Reads FSInfo.
pub fn hint(volume: &Volume) -> Hint {
    let geometry = volume.geometry();
    let mut bytes = [0; size_of::<FsInfo>()];
    let Some(at) = geometry.fs_info.filter(|_| geometry.width == Width::Fat32) else {
        return Hint::default();
    };
    let read = volume.sectors().read_bytes(at, &mut bytes).is_ok();
    match FsInfo::ref_from_bytes(&bytes) {
        Ok(info) if read && info.is_signed() => Hint {
            free: Some(info.free_count.get()).filter(|free| *free <= geometry.clusters),
            next: Some(info.nxt_free.get()).filter(|next| geometry.is_cluster(*next)),
        },
        _ => Hint::default(),
    }
}

/// The label of the root directory, else that of the boot sector.
fn label(volume: &Volume) -> String {
    let label = dir::label(volume).ok().flatten().unwrap_or(volume.geometry().label);
    let text = label.trim_ascii_end();
    if text == b"NO NAME" {
        return String::new();
    }
    let page = CodePage::default();
    let units: Vec<u16> =
        text.iter().map(|byte| page.unit(if *byte == 0x05 { 0xe5 } else { *byte })).collect();
    let mut bytes = Vec::new();
    utf16::to_bytes(&units, &mut bytes);
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').into()
}
