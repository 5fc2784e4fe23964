//! Attributes: types, owners, times, device numbers and space, from the fields of an inode.

use super::Inode;
use crate::error::{Error, Place};
use crate::features::RoCompat;
use crate::volume::Volume;
use alloc::format;
use rump_kpi::{Attr, DevNumber, FileType, Mode, TimeSpec};

const CREATOR_LINUX: u32 = 0;
const CREATOR_HURD: u32 = 1;

/// The attributes of an inode.
pub fn attr(volume: &Volume, inode: &Inode) -> Result<Attr, Error> {
    let base = inode.base();
    let file_type = file_type(inode)?;
    let creator = volume.superblock().raw.s_creator_os.get();
    let wide_ids = creator == CREATOR_LINUX || creator == CREATOR_HURD;
    let high = |value: u16| if wide_ids { u32::from(value) << 16 } else { 0 };
    let extra = inode.extra();
    Ok(Attr {
        file_type,
        mode: Mode::new(base.i_mode.get().into()),
        nlink: base.i_links_count.get().into(),
        uid: u32::from(base.i_uid.get()) | high(base.i_uid_high.get()),
        gid: u32::from(base.i_gid.get()) | high(base.i_gid_high.get()),
        rdev: match file_type {
            FileType::BlockDevice | FileType::CharDevice => device_number(&base.i_block),
            _ => DevNumber::default(),
        },
        size: inode.size(),
        blocks: blocks_512(volume, inode),
        blksize: volume.block_size(),
        atime: time(base.i_atime.get(), inode.extra_field(12).map(|_| extra.i_atime_extra.get())),
        mtime: time(base.i_mtime.get(), inode.extra_field(8).map(|_| extra.i_mtime_extra.get())),
        ctime: time(base.i_ctime.get(), inode.extra_field(4).map(|_| extra.i_ctime_extra.get())),
        birthtime: inode
            .extra_field(16)
            .map(|_| time(extra.i_crtime.get(), inode.extra_field(20).map(|_| extra.i_crtime_extra.get()))),
    })
}

/// The type in the mode.
pub fn file_type(inode: &Inode) -> Result<FileType, Error> {
    let mode = u32::from(inode.base().i_mode.get());
    FileType::from_mode(mode).ok_or_else(|| {
        Error::corrupt("inode", Place::Inode(inode.number()), 0, format!("mode {mode:#o} has no file type"))
    })
}

/// A time from its seconds and, in large inodes, its extra word: two bits of epoch, thirty of nanoseconds.
fn time(seconds: u32, extra: Option<u32>) -> TimeSpec {
    let sec = i64::from(seconds as i32);
    match extra {
        None => TimeSpec { sec, nsec: 0 },
        Some(extra) => {
            TimeSpec { sec: sec + (i64::from(extra & 3) << 32), nsec: (extra >> 2).min(999_999_999) }
        }
    }
}

/// A device number: the old 16 bit form in the first word, else the new 32 bit form in the second.
fn device_number(block: &[u8; 60]) -> DevNumber {
    let old = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    let new = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
    if old != 0 {
        DevNumber { major: (old >> 8) & 0xff, minor: old & 0xff }
    } else {
        DevNumber { major: (new >> 8) & 0xfff, minor: (new & 0xff) | ((new >> 12) & 0xf_ff00) }
    }
}

/// Space in units of 512 bytes; with huge_file in 48 bits, and for some inodes in blocks.
fn blocks_512(volume: &Volume, inode: &Inode) -> u64 {
    let base = inode.base();
    let low = u64::from(base.i_blocks_lo.get());
    if !volume.features().ro_compat.contains(RoCompat::HUGE_FILE) {
        return low;
    }
    let all = low | u64::from(base.i_blocks_high.get()) << 32;
    if inode.has_flag(super::FLAG_HUGE_FILE) { all << (volume.superblock().block_bits - 9) } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_bits_reach_past_2038() {
        assert_eq!(time(0x8000_0000, None).sec, -0x8000_0000);
        assert_eq!(time(0x8000_0000, Some(1)).sec, 0x8000_0000);
        assert_eq!(time(0, Some(3)).sec, 3 << 32);
        assert_eq!(time(5, Some(7 << 2)), TimeSpec { sec: 5, nsec: 7 });
    }

    #[test]
    fn nanoseconds_stay_below_a_second() {
        assert_eq!(time(0, Some(!3)).nsec, 999_999_999);
    }

    #[test]
    fn both_encodings_of_device_numbers_are_read() {
        let mut block = [0; 60];
        block[0..4].copy_from_slice(&0x0803u32.to_le_bytes());
        assert_eq!(device_number(&block), DevNumber { major: 8, minor: 3 });
        block[0..4].fill(0);
        block[4..8].copy_from_slice(&0x1231_0345u32.to_le_bytes());
        assert_eq!(device_number(&block), DevNumber { major: 0x103, minor: 0x1_2345 });
    }
}
