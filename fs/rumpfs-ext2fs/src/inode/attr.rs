//! Attributes: types, owners, times, device numbers and space, from the fields of an inode.

use super::Inode;
use super::map::space;
use crate::error::{Error, Place};
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
        blocks: space::sectors(volume, inode),
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

/// Sets the times that a write changes, of content and of attributes.
pub fn set_write_time(volume: &Volume, inode: &mut Inode, time: TimeSpec) {
    let (ctime, mtime) = (inode.extra_field(4), inode.extra_field(8));
    inode.edit(volume, |base, extra| {
        let (seconds, more) = stored_time(time, mtime.is_some());
        base.i_mtime.set(seconds);
        extra.i_mtime_extra.set(mtime.map_or(extra.i_mtime_extra.get(), |()| more));
        let (seconds, more) = stored_time(time, ctime.is_some());
        base.i_ctime.set(seconds);
        extra.i_ctime_extra.set(ctime.map_or(extra.i_ctime_extra.get(), |()| more));
    });
}

/// The seconds and the extra word of a time, the nearest that can be stored.
fn stored_time(time: TimeSpec, has_extra: bool) -> (u32, u32) {
    let first = i64::from(i32::MIN);
    let last = if has_extra { i64::from(i32::MAX) + (3 << 32) } else { i32::MAX.into() };
    let sec = time.sec.clamp(first, last);
    let epoch = (sec - i64::from(sec as i32)) >> 32;
    (sec as u32, (epoch as u32 & 3) | time.nsec << 2)
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
    fn what_is_stored_of_a_time_is_read_again() {
        for sec in [0, -1, i64::from(i32::MIN), 1 << 31, 1 << 32, 3 << 32, (3 << 32) + i64::from(i32::MAX)] {
            let stored = TimeSpec { sec, nsec: 999_999_999 };
            let (seconds, extra) = stored_time(stored, true);
            assert_eq!(time(seconds, Some(extra)), stored);
        }
        assert_eq!(stored_time(TimeSpec { sec: 1 << 40, nsec: 0 }, false).0, i32::MAX as u32);
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
