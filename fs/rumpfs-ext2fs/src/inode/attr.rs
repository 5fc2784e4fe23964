//! Attributes: types, owners, times, device numbers and space, from the fields of an inode.

use super::map::space;
use super::{FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NO_DUMP, Fields, Inode};
use crate::cell::Times;
use crate::error::{Error, Place};
use crate::volume::Volume;
use alloc::format;
use rump_kpi::{Attr, DevNumber, Errno, FileFlags, FileType, Mode, TimeSpec};

const CREATOR_LINUX: u32 = 0;
const CREATOR_HURD: u32 = 1;

/// The attributes of an inode.
pub fn attr(volume: &Volume, inode: &Fields) -> Result<Attr, Error> {
    let base = inode.base();
    let file_type = file_type(inode)?;
    let wide_ids = has_wide_ids(volume);
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
        flags: flags(inode),
    })
}

/// The flags of chflags(2), each with the one of chattr(1) that is kept.
const FLAGS: [(FileFlags, u32); 3] = [
    (FileFlags::UF_NODUMP, FLAG_NO_DUMP),
    (FileFlags::SF_IMMUTABLE, FLAG_IMMUTABLE),
    (FileFlags::SF_APPEND, FLAG_APPEND),
];

/// The flags that inodes keep.
pub fn all_flags() -> FileFlags {
    FLAGS.into_iter().map(|(flag, _)| flag).collect()
}

fn flags(inode: &Fields) -> FileFlags {
    FLAGS.into_iter().filter(|(_, kept)| inode.has_flag(*kept)).map(|(flag, _)| flag).collect()
}

/// Sets those flags, and no others of these.
pub fn set_flags(volume: &Volume, inode: &mut Inode, flags: FileFlags) {
    inode.edit(volume, |base, _| {
        let mut bits = base.i_flags.get();
        for (flag, kept) in FLAGS {
            bits = if flags.contains(flag) { bits | kept } else { bits & !kept };
        }
        base.i_flags.set(bits);
    });
}

/// The type in the mode.
pub fn file_type(inode: &Fields) -> Result<FileType, Error> {
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

/// Which of the times of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Of the last access.
    Access,
    /// Of the last change of content.
    Modification,
    /// Of the last change of attributes.
    Change,
    /// Of creation; small inodes have none.
    Birth,
}

impl Clock {
    /// Where the field that continues it is, among those behind the base.
    fn extra_offset(self) -> u16 {
        match self {
            Self::Change => 4,
            Self::Modification => 8,
            Self::Access => 12,
            Self::Birth => 20,
        }
    }
}

/// Sets a time; one that the inode cannot hold becomes the nearest that it can.
pub fn set_time(volume: &Volume, inode: &mut Inode, clock: Clock, time: TimeSpec) {
    let has_extra = inode.extra_field(clock.extra_offset()).is_some();
    let (seconds, more) = stored_time(time, has_extra);
    inode.edit(volume, |base, extra| {
        let (low, high) = match clock {
            Clock::Change => (&mut base.i_ctime, &mut extra.i_ctime_extra),
            Clock::Modification => (&mut base.i_mtime, &mut extra.i_mtime_extra),
            Clock::Access => (&mut base.i_atime, &mut extra.i_atime_extra),
            Clock::Birth => (&mut extra.i_crtime, &mut extra.i_crtime_extra),
        };
        if has_extra || clock != Clock::Birth {
            low.set(seconds);
        }
        if has_extra {
            high.set(more);
        }
    });
}

/// Sets those times that there are.
pub fn set_times(volume: &Volume, inode: &mut Inode, times: Times) {
    let all = [
        (Clock::Access, times.access),
        (Clock::Modification, times.modification),
        (Clock::Change, times.change),
    ];
    for (clock, time) in all.into_iter().filter_map(|(clock, time)| Some((clock, time?))) {
        set_time(volume, inode, clock, time);
    }
}

/// A time as an inode gives it back that it was set in.
pub fn kept_time(inode: &Inode, clock: Clock, set: TimeSpec) -> TimeSpec {
    let has_extra = inode.extra_field(clock.extra_offset()).is_some();
    let (seconds, extra) = stored_time(set, has_extra);
    time(seconds, has_extra.then_some(extra))
}

/// Sets the times that a write changes, of content and of attributes.
pub fn set_write_time(volume: &Volume, inode: &mut Inode, time: TimeSpec) {
    set_time(volume, inode, Clock::Modification, time);
    set_time(volume, inode, Clock::Change, time);
}

/// A time as an inode holds it: 34 bits of seconds and nanoseconds, or 32 bits of seconds.
pub fn stored_time(time: TimeSpec, has_extra: bool) -> (u32, u32) {
    let least = i64::from(i32::MIN);
    let most = if has_extra { i64::from(i32::MAX) + (3 << 32) } else { i64::from(i32::MAX) };
    let sec = time.sec.clamp(least, most);
    let nsec = if sec == time.sec { time.nsec.min(999_999_999) } else { 0 };
    // The low word counts as signed, so the epoch is what is left after that.
    let epoch = ((sec - i64::from(sec as i32)) >> 32) as u32;
    (sec as u32, epoch & 3 | nsec << 2)
}

/// Sets owner and group. Errors: EOVERFLOW (volumes of some systems have 16 bits for each).
pub fn set_owners(volume: &Volume, inode: &mut Inode, uid: u32, gid: u32) -> Result<(), Error> {
    let wide = has_wide_ids(volume);
    if !wide && (uid > u32::from(u16::MAX) || gid > u32::from(u16::MAX)) {
        return Err(Error::Refused(Errno::EOVERFLOW));
    }
    inode.edit(volume, |base, _| {
        base.i_uid.set(uid as u16);
        base.i_gid.set(gid as u16);
        if wide {
            base.i_uid_high.set((uid >> 16) as u16);
            base.i_gid_high.set((gid >> 16) as u16);
        }
    });
    Ok(())
}

/// Sets the nine bits of the mode that say who may do what.
pub fn set_permissions(volume: &Volume, inode: &mut Inode, permissions: u32) {
    const PERMISSIONS: u16 = 0o777;
    inode.edit(volume, |base, _| {
        base.i_mode.set(base.i_mode.get() & !PERMISSIONS | permissions as u16 & PERMISSIONS);
    });
}

fn has_wide_ids(volume: &Volume) -> bool {
    matches!(volume.superblock().raw.s_creator_os.get(), CREATOR_LINUX | CREATOR_HURD)
}

/// What `i_block` of a device file holds.
pub fn device_words(device: DevNumber) -> [u8; 60] {
    let mut words = [0; 60];
    let (major, minor) = (device.major, device.minor);
    if major < 256 && minor < 256 {
        words[..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
    } else {
        let new = minor & 0xff | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12;
        words[4..8].copy_from_slice(&new.to_le_bytes());
    }
    words
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
    fn nanoseconds_stay_below_a_second() {
        assert_eq!(time(0, Some(!3)).nsec, 999_999_999);
    }

    #[test]
    fn times_are_stored_as_they_are_read_and_the_impossible_is_cut() {
        for sec in
            [0, -1, 1_700_000_000, i64::from(i32::MIN), 1 << 31, (1 << 33) + 7, (3 << 32) + 0x7fff_ffff]
        {
            let (low, extra) = stored_time(TimeSpec { sec, nsec: 123_456_789 }, true);
            assert_eq!(time(low, Some(extra)), TimeSpec { sec, nsec: 123_456_789 });
        }
        let cut = |sec, has_extra| {
            let (low, extra) = stored_time(TimeSpec { sec, nsec: 5 }, has_extra);
            time(low, has_extra.then_some(extra))
        };
        assert_eq!(cut(1 << 40, true), TimeSpec { sec: (3 << 32) + 0x7fff_ffff, nsec: 0 });
        assert_eq!(cut(-1 << 40, true), TimeSpec { sec: i64::from(i32::MIN), nsec: 0 });
        assert_eq!(cut(1 << 31, false), TimeSpec { sec: 0x7fff_ffff, nsec: 0 });
        assert_eq!(cut(77, false), TimeSpec { sec: 77, nsec: 0 });
    }

    #[test]
    fn device_numbers_are_stored_as_they_are_read() {
        for (major, minor) in [(8, 3), (255, 255), (256, 0), (0, 256), (0xfff, 0xf_ffff)] {
            let device = DevNumber { major, minor };
            assert_eq!(device_number(&device_words(device)), device);
        }
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
