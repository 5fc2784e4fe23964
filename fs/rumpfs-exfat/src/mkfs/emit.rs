//! From the plan to the device.
//!
//! Order: what may hold an old boot sector is wiped, then come the table, the bitmap, the table of upper case, the root
//! directory and the copy of the boot region; after a flush the boot region.

use super::plan::Plan;
use super::{Options, recommended};
use crate::boot::{self, REGIONS_SECTORS};
use crate::layout::{BitmapEntry, BootSector, EntryType, LabelEntry, UpcaseEntry};
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::fresh::{BOOT_CODE, Blank};
use rump_kpi::{BlockDevice, KResult};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromZeros, IntoBytes};

/// What fills the place of code (section 3.1.17): each byte halts.
const HALT: u8 = 0xf4;
const JUMP: [u8; 3] = [0xeb, 0x76, 0x90];
const REVISION: u16 = 0x0100;
const DISK_DRIVE: u8 = 0x80;
/// Entries 0 and 1 of the table (section 4.1), and the end of a chain.
const MEDIUM: u32 = 0xffff_fff8;
const END: u32 = 0xffff_ffff;

/// Writes the volume. Errors: EIO.
pub fn emit(
    device: &dyn BlockDevice,
    options: &Options,
    plan: &Plan,
    upcase: &[u8],
    label: &[u16],
) -> KResult<()> {
    let emitter = Emitter { blank: Blank { device, zeroed: options.zeroed }, plan };
    emitter.blank.wipe(options.size_bytes)?;
    emitter.table()?;
    emitter.clusters(plan.bitmap_start(), plan.bitmap, &bitmap(plan.used()))?;
    emitter.clusters(plan.upcase_start(), plan.upcase, upcase)?;
    emitter.clusters(plan.root(), 1, &root_directory(plan, upcase, label))?;
    let region = boot::seal(boot_sector(options, plan).as_bytes(), 1 << plan.sector_bits);
    device.write_at(region.len() as u64, &region)?;
    device.flush()?;
    device.write_at(0, &region)?;
    device.flush()
}

struct Emitter<'a> {
    blank: Blank<'a>,
    plan: &'a Plan,
}

impl Emitter<'_> {
    /// Writes bytes, and zeros to the end of their last sector.
    fn put(&self, at: u64, mut bytes: Vec<u8>) -> KResult<()> {
        bytes.resize(bytes.len().next_multiple_of(1 << self.plan.sector_bits), 0);
        self.blank.device.write_at(at, &bytes)
    }

    /// Fills a run of clusters with bytes and zeros.
    fn clusters(&self, first: u32, count: u32, bytes: &[u8]) -> KResult<()> {
        let at = self.plan.cluster_at(first);
        self.blank.zero(at, u64::from(count) << self.plan.cluster_bits)?;
        self.put(at, bytes.to_vec())
    }

    fn table(&self) -> KResult<()> {
        let plan = self.plan;
        let offset = |sectors: u32| u64::from(sectors) << plan.sector_bits;
        let regions = REGIONS_SECTORS << plan.sector_bits;
        // What lies between is nobody's, and empty.
        self.blank.zero(regions, offset(plan.heap_offset) - regions)?;
        let mut links = vec![MEDIUM, END];
        for count in [plan.bitmap, plan.upcase, 1] {
            // As many links as there are numbers up to here.
            let next = links.len() as u32 + 1;
            links.extend(next..next + count - 1);
            links.push(END);
        }
        self.put(offset(plan.table_offset), links.iter().flat_map(|link| link.to_le_bytes()).collect())
    }
}

/// The first bytes of a bitmap with this many clusters taken.
fn bitmap(used: u32) -> Vec<u8> {
    let mut bytes = vec![0xff; used as usize / 8];
    bytes.push(((1_u16 << (used % 8)) - 1) as u8);
    bytes
}

/// The label comes first even if it is empty: dump.exfat wants it there.
fn root_directory(plan: &Plan, upcase: &[u8], label: &[u16]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut entry = LabelEntry::new_zeroed();
    entry.entry_type = EntryType::VOLUME_LABEL;
    entry.character_count = label.len() as u8;
    for (stored, unit) in entry.volume_label.iter_mut().zip(label) {
        *stored = U16::new(*unit);
    }
    entries.extend_from_slice(entry.as_bytes());
    let mut entry = BitmapEntry::new_zeroed();
    entry.entry_type = EntryType::ALLOCATION_BITMAP;
    entry.first_cluster = U32::new(plan.bitmap_start());
    entry.data_length = U64::new(u64::from(plan.clusters).div_ceil(8));
    entries.extend_from_slice(entry.as_bytes());
    let mut entry = UpcaseEntry::new_zeroed();
    entry.entry_type = EntryType::UPCASE_TABLE;
    entry.table_checksum = U32::new(recommended::SUM);
    entry.first_cluster = U32::new(plan.upcase_start());
    entry.data_length = U64::new(upcase.len() as u64);
    entries.extend_from_slice(entry.as_bytes());
    entries
}

fn boot_sector(options: &Options, plan: &Plan) -> BootSector {
    let mut boot_code = [HALT; 390];
    boot_code[..BOOT_CODE.len()].copy_from_slice(&BOOT_CODE);
    BootSector {
        jump_boot: JUMP,
        file_system_name: BootSector::NAME,
        must_be_zero: [0; 53],
        partition_offset: U64::new(options.begin_bytes >> plan.sector_bits),
        volume_length: U64::new(plan.sectors),
        fat_offset: U32::new(plan.table_offset),
        fat_length: U32::new(plan.table_length),
        cluster_heap_offset: U32::new(plan.heap_offset),
        cluster_count: U32::new(plan.clusters),
        first_cluster_of_root_directory: U32::new(plan.root()),
        volume_serial_number: U32::new(options.serial),
        file_system_revision: U16::new(REVISION),
        volume_flags: U16::ZERO,
        bytes_per_sector_shift: plan.sector_bits as u8,
        sectors_per_cluster_shift: (plan.cluster_bits - plan.sector_bits) as u8,
        number_of_fats: 1,
        drive_select: DISK_DRIVE,
        percent_in_use: (u64::from(plan.used()) * 100 / u64::from(plan.clusters)) as u8,
        reserved: [0; 7],
        boot_code,
        boot_signature: U16::new(BootSector::SIGNATURE),
    }
}
