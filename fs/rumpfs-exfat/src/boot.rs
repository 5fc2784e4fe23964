//! The boot region and its copy: eleven sectors, and one that is filled with their sum (specification, section 3).

use crate::geometry::{BOOT_BYTES, Geometry};
use crate::layout::BootSector;
use crate::sums;
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::{Error, Place};
use rump_kpi::BlockDevice;

/// Sectors of a region that its sum is over.
const SUMMED: usize = 11;
/// Sectors of a region.
const SECTORS: usize = 12;

/// Sectors of both regions.
pub const REGIONS_SECTORS: u64 = 2 * SECTORS as u64;
/// Sectors behind the first that code may go on in, with a signature each.
const EXTENDED: usize = 8;
const EXTENDED_SIGNATURE: [u8; 4] = [0, 0, 0x55, 0xaa];

/// Which of the two regions counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// The first.
    Main,
    /// Its copy: the first is damaged.
    Backup,
}

/// Whether a boot sector is one of exFAT, sound or not.
pub fn is_signed(boot: &[u8; BOOT_BYTES]) -> bool {
    boot[3..11] == BootSector::NAME
}

/// The measures of the volume, from the first region that is whole. Errors: EFTYPE, EIO.
pub fn read(device: &dyn BlockDevice) -> Result<(Geometry, Region), Error> {
    let main = match region(device, 0) {
        Ok(geometry) => return Ok((geometry, Region::Main)),
        Err(error) => error,
    };
    // Where the copy is depends on the size of a sector, which may be what is damaged.
    for sector_bits in 9..=12 {
        let at = (SECTORS as u64) << sector_bits;
        match region(device, at) {
            Ok(geometry) if geometry.sector_size == 1 << sector_bits => {
                return Ok((geometry, Region::Backup));
            }
            _ => {}
        }
    }
    Err(main)
}

/// Checks one region. Errors: EFTYPE, EIO.
fn region(device: &dyn BlockDevice, at: u64) -> Result<Geometry, Error> {
    let mut boot = [0; BOOT_BYTES];
    read_at(device, at, &mut boot)?;
    let geometry = Geometry::parse(&boot)?;
    let size = geometry.sector_size as usize;
    let mut sectors = vec![0; SECTORS * size];
    read_at(device, at, &mut sectors)?;
    let (summed, stored) = sectors.split_at(SUMMED * size);
    let sum = sum(summed).to_le_bytes();
    match stored.chunks_exact(4).find(|stored| *stored != sum) {
        None => Ok(geometry),
        Some(stored) => {
            let place = Place::Byte(at + (SUMMED * size) as u64);
            let why = alloc::format!("the sum is {sum:02x?}, and {stored:02x?} was stored");
            Err(Error::corrupt("boot region", place, why))
        }
    }
}

/// A region with this boot sector: no code goes on, and nothing is said of the medium.
pub fn seal(boot: &[u8], sector_size: usize) -> Vec<u8> {
    let mut sectors = vec![0; SUMMED * sector_size];
    sectors[..boot.len()].copy_from_slice(boot);
    for sector in sectors.chunks_exact_mut(sector_size).skip(1).take(EXTENDED) {
        sector[sector_size - EXTENDED_SIGNATURE.len()..].copy_from_slice(&EXTENDED_SIGNATURE);
    }
    let sum = sum(&sectors).to_le_bytes();
    sectors.extend(sum.iter().cycle().take(sector_size));
    sectors
}

/// The sum of the first sectors of a region, without what changes with every mount.
fn sum(summed: &[u8]) -> u32 {
    let changing = [BootSector::FLAGS_AT, BootSector::FLAGS_AT + 1, BootSector::PERCENT_AT];
    sums::of_boot(summed, |at| !changing.contains(&at))
}

fn read_at(device: &dyn BlockDevice, at: u64, bytes: &mut [u8]) -> Result<(), Error> {
    if at + bytes.len() as u64 > device.size_bytes() {
        return Err(Error::corrupt("boot region", Place::Byte(at), "the device ends before"));
    }
    Ok(device.read_at(at, bytes)?)
}
