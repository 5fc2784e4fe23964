//! From the plan to the device.
//!
//! Order: what may hold an old boot sector is wiped, then come the tables, the root directory and, on FAT32, the
//! sector with hints and the copies; after a flush the boot sector.

use super::Options;
use super::label::{LABEL_BYTES, NO_LABEL};
use super::plan::Plan;
use crate::geometry::{FIRST_CLUSTER, Width};
use crate::layout::{Attributes, Bpb, DirEntry, Extended16, Extended32, FsInfo};
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::SLOT_BYTES;
use rump_dosfs::fresh::{BOOT_CODE, Blank};
use rump_dosfs::time::Zone;
use rump_kpi::{BlockDevice, KResult};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

/// The name that old drivers trust (fatgen103, "BS_OEMName").
const OEM_NAME: &[u8; 8] = b"MSWIN4.1";
/// Says that serial number, label and type are there.
const SIGNATURE: u8 = 0x29;
const SIGNATURE_AT: usize = 510;
const FS_INFO_SECTOR: u16 = 1;
const BACKUP_SECTOR: u16 = 6;
/// The end of a chain; its bits that say that a volume is in order are set in entry 1.
const END: u32 = 0x0fff_ffff;

/// Writes the volume. Errors: EIO.
pub fn emit(
    device: &dyn BlockDevice,
    options: &Options,
    plan: &Plan,
    label: Option<[u8; LABEL_BYTES]>,
) -> KResult<()> {
    let blank = Blank { device, zeroed: options.zeroed };
    blank.wipe(options.size_bytes)?;
    let emitter = Emitter { blank, plan };
    // The boot sector is zero already.
    emitter.blank.zero(emitter.offset(1), emitter.offset(u64::from(plan.reserved) - 1))?;
    emitter.tables()?;
    emitter.root(options, label)?;
    let boot = boot_sector(options, plan, label);
    if plan.width == Width::Fat32 {
        emitter.hints_and_copies(&boot)?;
    }
    device.flush()?;
    device.write_at(0, &boot)?;
    device.flush()
}

struct Emitter<'a> {
    blank: Blank<'a>,
    plan: &'a Plan,
}

impl Emitter<'_> {
    fn offset(&self, sector: u64) -> u64 {
        sector * u64::from(self.plan.sector_size)
    }

    fn tables(&self) -> KResult<()> {
        let plan = self.plan;
        let begin = self.offset(plan.reserved.into());
        let bytes = self.offset(plan.table.into());
        self.blank.zero(begin, bytes * u64::from(plan.tables))?;
        let head = table_head(plan);
        (0..u64::from(plan.tables))
            .try_for_each(|table| self.blank.device.write_at(begin + table * bytes, &head))
    }

    fn root(&self, options: &Options, label: Option<[u8; LABEL_BYTES]>) -> KResult<()> {
        let sectors = match self.plan.width {
            Width::Fat32 => self.plan.cluster_sectors.into(),
            Width::Fat12 | Width::Fat16 => self.plan.root_sectors(),
        };
        let begin = self.offset(self.plan.tables_end());
        self.blank.zero(begin, self.offset(sectors))?;
        let Some(label) = label else { return Ok(()) };
        let stamp = Zone::default().stamp(options.now);
        let mut entry = DirEntry::new_zeroed();
        // The byte that marks a free slot has a substitute.
        entry.name = label;
        entry.name[0] = if label[0] == 0xe5 { 0x05 } else { label[0] };
        entry.attr = Attributes::VOLUME_ID;
        (entry.wrt_date, entry.wrt_time) = (U16::new(stamp.date), U16::new(stamp.time));
        let mut sector = vec![0; self.plan.sector_size as usize];
        sector[..SLOT_BYTES].copy_from_slice(entry.as_bytes());
        self.blank.device.write_at(begin, &sector)
    }

    fn hints_and_copies(&self, boot: &[u8]) -> KResult<()> {
        let mut info = FsInfo::new_zeroed();
        info.lead_sig = U32::new(FsInfo::LEAD);
        info.struc_sig = U32::new(FsInfo::STRUC);
        info.free_count = U32::new(self.plan.clusters - 1);
        info.nxt_free = U32::new(FIRST_CLUSTER);
        info.trail_sig = U32::new(FsInfo::TRAIL);
        let mut sector = vec![0; self.plan.sector_size as usize];
        sector[..size_of::<FsInfo>()].copy_from_slice(info.as_bytes());
        self.blank.device.write_at(self.offset(FS_INFO_SECTOR.into()), &sector)?;
        let backup = u64::from(backup_sector(self.plan));
        if backup > 0 {
            self.blank.device.write_at(self.offset(backup), boot)?;
            self.blank.device.write_at(self.offset(backup + u64::from(FS_INFO_SECTOR)), &sector)?;
        }
        Ok(())
    }
}

/// Where the copy of the boot sector is; zero if there is no room for it.
fn backup_sector(plan: &Plan) -> u16 {
    if plan.reserved >= BACKUP_SECTOR + 2 { BACKUP_SECTOR } else { 0 }
}

/// The first sector of a table: the medium, the marks of a volume in order, and the root directory of FAT32.
fn table_head(plan: &Plan) -> Vec<u8> {
    let mut head = vec![0; plan.sector_size as usize];
    let medium = END & !0xff | u32::from(plan.medium);
    match plan.width {
        Width::Fat12 => head[..3].copy_from_slice(&[plan.medium, 0xff, 0xff]),
        Width::Fat16 => head[..4].copy_from_slice(&[plan.medium, 0xff, 0xff, 0xff]),
        Width::Fat32 => {
            for (entry, value) in head.chunks_exact_mut(4).zip([medium, END, END]) {
                entry.copy_from_slice(&value.to_le_bytes());
            }
        }
    }
    head
}

fn boot_sector(options: &Options, plan: &Plan, label: Option<[u8; LABEL_BYTES]>) -> Vec<u8> {
    let is_32 = plan.width == Width::Fat32;
    let bpb = parameters(plan);
    let tail = Extended16 {
        drv_num: plan.drive,
        reserved1: 0,
        boot_sig: SIGNATURE,
        vol_id: U32::new(options.serial),
        vol_lab: label.unwrap_or(*NO_LABEL),
        fil_sys_type: match plan.width {
            Width::Fat12 => *b"FAT12   ",
            Width::Fat16 => *b"FAT16   ",
            Width::Fat32 => *b"FAT32   ",
        },
    };
    let mut head = bpb.as_bytes().to_vec();
    if is_32 {
        let mut extended = Extended32::new_zeroed();
        extended.fatsz32 = U32::new(plan.table);
        extended.root_clus = U32::new(FIRST_CLUSTER);
        extended.fs_info = U16::new(FS_INFO_SECTOR);
        extended.bk_boot_sec = U16::new(backup_sector(plan));
        extended.tail = tail;
        head.extend_from_slice(extended.as_bytes());
    } else {
        head.extend_from_slice(tail.as_bytes());
    }
    // A short jump over all that, which counts from behind itself; and a byte that does nothing.
    let jump = [0xeb, (head.len() - 2) as u8, 0x90];
    head[..3].copy_from_slice(&jump);
    head.extend_from_slice(&BOOT_CODE);
    head.resize(plan.sector_size as usize, 0);
    head[SIGNATURE_AT..SIGNATURE_AT + 2].copy_from_slice(&[0x55, 0xaa]);
    head
}

fn parameters(plan: &Plan) -> Bpb {
    let is_32 = plan.width == Width::Fat32;
    let short = u16::try_from(plan.sectors).ok().filter(|_| !is_32);
    Bpb {
        jmp_boot: [0; 3],
        oem_name: *OEM_NAME,
        byts_per_sec: U16::new(plan.sector_size as u16),
        sec_per_clus: plan.cluster_sectors as u8,
        rsvd_sec_cnt: U16::new(plan.reserved),
        num_fats: plan.tables,
        root_ent_cnt: U16::new(plan.root_entries),
        tot_sec16: U16::new(short.unwrap_or(0)),
        media: plan.medium,
        fatsz16: U16::new(if is_32 { 0 } else { plan.table as u16 }),
        sec_per_trk: U16::new(plan.track_sectors),
        num_heads: U16::new(plan.heads),
        hidd_sec: U32::new(plan.hidden),
        tot_sec32: U32::new(if short.is_some() { 0 } else { plan.sectors }),
    }
}
