//! `struct stat` (of `__stat50` and its like, and of `__stat30`), and device numbers.

use super::time::{Timespec, Timespec50};
use crate::{DevNumber, FileFlags, FileType, Ino, Mode, Stat, TimeSpec};

layout! {
    /// `struct stat`.
    struct StatBuf[152] {
        /// The file system.
        dev: u64 = 0,
        /// Type and permissions.
        mode: u32 = 8,
        /// Inode number.
        ino: u64 = 16,
        /// Names that it has.
        nlink: u32 = 24,
        /// Owner.
        uid: u32 = 28,
        /// Group.
        gid: u32 = 32,
        /// Of a device, its number.
        rdev: u64 = 40,
        /// Last access.
        atim: Timespec = 48,
        /// Last change of content.
        mtim: Timespec = 64,
        /// Last change of attributes.
        ctim: Timespec = 80,
        /// Creation.
        birthtim: Timespec = 96,
        /// Length in bytes.
        size: i64 = 112,
        /// Space in use, in units of 512 bytes.
        blocks: i64 = 120,
        /// Preferred size of I/O in bytes.
        blksize: i32 = 128,
        /// Flags (chflags(2)).
        flags: u32 = 132,
        /// Which file of that inode number it is.
        generation: u32 = 136,
    }
}

layout! {
    /// `struct stat` of calls before 6.0 (`__stat30`): with other times, and numbers of devices of 32 bits.
    struct StatBuf30[136] {
        /// The file system.
        dev: u32 = 0,
        /// Type and permissions.
        mode: u32 = 4,
        /// Inode number.
        ino: u64 = 8,
        /// Names that it has.
        nlink: u32 = 16,
        /// Owner.
        uid: u32 = 20,
        /// Group.
        gid: u32 = 24,
        /// Of a device, its number.
        rdev: u32 = 28,
        /// Last access.
        atim: Timespec50 = 32,
        /// Last change of content.
        mtim: Timespec50 = 48,
        /// Last change of attributes.
        ctim: Timespec50 = 64,
        /// Creation.
        birthtim: Timespec50 = 80,
        /// Length in bytes.
        size: i64 = 96,
        /// Space in use, in units of 512 bytes.
        blocks: i64 = 104,
        /// Preferred size of I/O in bytes.
        blksize: i32 = 112,
        /// Flags (chflags(2)).
        flags: u32 = 116,
        /// Which file of that inode number it is.
        generation: u32 = 120,
    }
}

impl From<&Stat> for StatBuf30 {
    /// Numbers for which there is no room are cut, as NetBSD does.
    fn from(stat: &Stat) -> Self {
        let new = StatBuf::from(stat);
        Self {
            dev: new.dev as u32,
            mode: new.mode,
            ino: new.ino,
            nlink: new.nlink,
            uid: new.uid,
            gid: new.gid,
            rdev: new.rdev as u32,
            atim: stat.atime.into(),
            mtim: stat.mtime.into(),
            ctim: stat.ctime.into(),
            birthtim: stat.birthtime.unwrap_or_default().into(),
            size: new.size,
            blocks: new.blocks,
            blksize: new.blksize,
            flags: new.flags,
            generation: new.generation,
        }
    }
}

impl From<&Stat> for StatBuf {
    /// Numbers for which there is no room become the largest that there is.
    fn from(stat: &Stat) -> Self {
        let largest = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            dev: stat.dev,
            mode: stat.file_type.mode_bits() | stat.mode.bits(),
            ino: stat.ino.0,
            nlink: u32::try_from(stat.nlink).unwrap_or(u32::MAX),
            uid: stat.uid,
            gid: stat.gid,
            rdev: device(stat.rdev),
            atim: stat.atime.into(),
            mtim: stat.mtime.into(),
            ctim: stat.ctime.into(),
            birthtim: stat.birthtime.unwrap_or_default().into(),
            size: largest(stat.size),
            blocks: largest(stat.blocks),
            blksize: i32::try_from(stat.blksize).unwrap_or(i32::MAX),
            flags: stat.flags.bits(),
            generation: 0,
        }
    }
}

impl StatBuf {
    /// What it says; `None`: a type of files or a time that there is not.
    pub fn stat(&self) -> Option<Stat> {
        let birthtime = self.birthtim.time()?;
        Some(Stat {
            dev: self.dev,
            ino: Ino(self.ino),
            file_type: FileType::from_mode(self.mode)?,
            mode: Mode::new(self.mode),
            nlink: self.nlink.into(),
            uid: self.uid,
            gid: self.gid,
            rdev: device_number(self.rdev),
            size: u64::try_from(self.size).ok()?,
            blocks: u64::try_from(self.blocks).ok()?,
            blksize: u32::try_from(self.blksize).ok()?,
            atime: self.atim.time()?,
            mtime: self.mtim.time()?,
            ctime: self.ctim.time()?,
            birthtime: (birthtime != TimeSpec::default()).then_some(birthtime),
            flags: FileFlags::from_bits_truncate(self.flags),
        })
    }
}

/// `dev_t` of a device: twelve bits of its driver, twenty of its unit. Bits for which there is no room are cut.
pub fn device(number: DevNumber) -> u64 {
    let DevNumber { major, minor } = number;
    u64::from((major & 0xfff) << 8 | (minor & 0xf_ff00) << 12 | minor & 0xff)
}

/// The device of a `dev_t`.
pub fn device_number(dev: u64) -> DevNumber {
    let dev = dev as u32;
    DevNumber { major: dev >> 8 & 0xfff, minor: dev >> 12 & 0xf_ff00 | dev & 0xff }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn attributes_are_152_bytes() {
        let at = |sec| TimeSpec { sec, nsec: 9 };
        let stat = Stat {
            dev: 1,
            ino: Ino(3),
            file_type: FileType::Regular,
            mode: Mode::new(0o644),
            nlink: 4,
            uid: 5,
            gid: 6,
            rdev: DevNumber { major: 1, minor: 0x102 },
            size: 12,
            blocks: 13,
            blksize: 14,
            atime: at(8),
            mtime: at(9),
            ctime: at(10),
            birthtime: Some(at(11)),
            flags: FileFlags::UF_IMMUTABLE,
        };
        let bytes = StatBuf::from(&stat).to_bytes();
        let mut expected = [0; 152];
        // 0o100644 is 0x81a4; the device is 0x0010_0102.
        for (place, value) in [(0, 1), (8, 0xa4), (9, 0x81), (16, 3), (24, 4), (28, 5), (32, 6)] {
            expected[place] = value;
        }
        for (place, value) in [(40, 2), (41, 1), (42, 0x10), (48, 8), (64, 9), (80, 10), (96, 11)] {
            expected[place] = value;
        }
        for (place, value) in [(56, 9), (72, 9), (88, 9), (104, 9), (112, 12), (120, 13), (128, 14), (132, 2)]
        {
            expected[place] = value;
        }
        assert_eq!(bytes, expected);
        assert_eq!(StatBuf::read(&bytes).unwrap().stat(), Some(stat));

        let mut expected = [0; 136];
        for (place, value) in [(0, 1), (4, 0xa4), (5, 0x81), (8, 3), (16, 4), (20, 5), (24, 6)] {
            expected[place] = value;
        }
        for (place, value) in [(28, 2), (29, 1), (30, 0x10), (32, 8), (48, 9), (64, 10), (80, 11)] {
            expected[place] = value;
        }
        for (place, value) in [(40, 9), (56, 9), (72, 9), (88, 9), (96, 12), (104, 13), (112, 14), (116, 2)] {
            expected[place] = value;
        }
        assert_eq!(StatBuf30::from(&stat).to_bytes(), expected);
    }

    #[test]
    fn units_of_devices_are_in_two_pieces() {
        for (major, minor, dev) in [(0, 2, 0x2), (101, 0, 0x6500), (5, 0x1_2345, 0x1230_0545)] {
            assert_eq!(device(DevNumber { major, minor }), dev);
            assert_eq!(device_number(dev), DevNumber { major, minor });
        }
    }
}
