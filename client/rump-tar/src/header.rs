//! The block that begins a member of a tar archive (POSIX.1-1988 "ustar", and GNU's use of the same fields).

/// Length of every block of an archive.
pub const BLOCK: usize = 512;
/// The largest number of eleven octal digits: what a length or time can be.
pub const MAX_OCTAL: u64 = 0o77_777_777_777;

const NAME: (usize, usize) = (0, 100);
const MODE: (usize, usize) = (100, 8);
const UID: (usize, usize) = (108, 8);
const GID: (usize, usize) = (116, 8);
const SIZE: (usize, usize) = (124, 12);
const MTIME: (usize, usize) = (136, 12);
const CHECKSUM: (usize, usize) = (148, 8);
const TYPE: usize = 156;
const LINK_NAME: (usize, usize) = (157, 100);
const MAGIC: (usize, usize) = (257, 8);
const MAJOR: (usize, usize) = (329, 8);
const MINOR: (usize, usize) = (337, 8);
const PREFIX: (usize, usize) = (345, 155);
const POSIX: &[u8] = b"ustar\x0000";

/// A text does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// See the module.
#[derive(Clone)]
pub struct Header(pub [u8; BLOCK]);

impl Header {
    /// An empty one of a type.
    pub fn new(kind: u8) -> Self {
        let mut header = Self([0; BLOCK]);
        header.0[TYPE] = kind;
        header.0[MAGIC.0..MAGIC.0 + MAGIC.1].copy_from_slice(POSIX);
        header
    }

    /// Whether it is the mark of the end.
    pub fn is_end(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    /// Whether its checksum is right; some programs added the bytes up as signed ones.
    pub fn is_valid(&self) -> bool {
        let stored = self.number(CHECKSUM);
        stored == Some(self.sum(i32::from)) || stored == Some(self.sum(|byte| (byte as i8).into()))
    }

    /// The sum of all bytes, where those of the checksum count as blanks.
    fn sum(&self, value: impl Fn(u8) -> i32) -> i64 {
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| value(byte)).sum::<i32>();
        (sum(&self.0) - sum(self.field(CHECKSUM)) + sum(&[b' '; CHECKSUM.1])).into()
    }

    /// The type of the member.
    pub fn kind(&self) -> u8 {
        self.0[TYPE]
    }

    /// The name, with the prefix that only POSIX has.
    pub fn name(&self) -> Vec<u8> {
        let name = self.text(NAME);
        let prefix = self.text(PREFIX);
        if self.field(MAGIC) != POSIX || prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    /// The target of a link.
    pub fn link_name(&self) -> &[u8] {
        self.text(LINK_NAME)
    }

    /// Permission bits, sometimes with others above.
    pub fn mode(&self) -> Option<i64> {
        self.number(MODE)
    }

    /// Owner.
    pub fn uid(&self) -> Option<i64> {
        self.number(UID)
    }

    /// Group.
    pub fn gid(&self) -> Option<i64> {
        self.number(GID)
    }

    /// Length of what follows.
    pub fn size(&self) -> Option<i64> {
        self.number(SIZE)
    }

    /// Last change, in seconds.
    pub fn mtime(&self) -> Option<i64> {
        self.number(MTIME)
    }

    /// Numbers of a device.
    pub fn device(&self) -> Option<(i64, i64)> {
        Some((self.number(MAJOR)?, self.number(MINOR)?))
    }

    /// Sets the name. Errors: it is too long.
    pub fn set_name(&mut self, name: &[u8]) -> Result<(), TooLong> {
        self.set_text(NAME, name)
    }

    /// Sets the target. Errors: it is too long.
    pub fn set_link_name(&mut self, name: &[u8]) -> Result<(), TooLong> {
        self.set_text(LINK_NAME, name)
    }

    /// Sets the numbers; those that do not fit are zero.
    pub fn set_numbers(&mut self, mode: u32, uid: u32, gid: u32, size: u64, mtime: i64) {
        self.set_number(MODE, mode.into());
        self.set_number(UID, uid.into());
        self.set_number(GID, gid.into());
        self.set_number(SIZE, size);
        self.set_number(MTIME, u64::try_from(mtime).unwrap_or(0));
    }

    /// Sets the numbers of a device.
    pub fn set_device(&mut self, major: u32, minor: u32) {
        self.set_number(MAJOR, major.into());
        self.set_number(MINOR, minor.into());
    }

    /// Sets the checksum, last of all.
    pub fn seal(&mut self) {
        let text = format!("{:06o}\0 ", self.sum(i32::from));
        self.0[CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1].copy_from_slice(text.as_bytes());
    }

    fn field(&self, (start, length): (usize, usize)) -> &[u8] {
        &self.0[start..start + length]
    }

    fn text(&self, field: (usize, usize)) -> &[u8] {
        let bytes = self.field(field);
        &bytes[..bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len())]
    }

    fn number(&self, field: (usize, usize)) -> Option<i64> {
        number(self.field(field))
    }

    fn set_text(&mut self, (start, length): (usize, usize), text: &[u8]) -> Result<(), TooLong> {
        if text.len() > length {
            return Err(TooLong);
        }
        self.0[start..start + text.len()].copy_from_slice(text);
        Ok(())
    }

    fn set_number(&mut self, (start, length): (usize, usize), number: u64) {
        let digits = length - 1;
        let number = if number >> (3 * digits) == 0 { number } else { 0 };
        self.0[start..start + digits].copy_from_slice(format!("{number:0digits$o}").as_bytes());
    }
}

/// A number of a header: octal digits, or with the first bit set a signed number of base 256. Blank is zero.
pub fn number(field: &[u8]) -> Option<i64> {
    match field.first()? {
        first if first & 0x80 != 0 => {
            let mut value = i128::from((first << 1) as i8 >> 1);
            for &byte in &field[1..] {
                value = value.checked_mul(256)?.checked_add(byte.into())?;
            }
            i64::try_from(value).ok()
        }
        _ => {
            let text = field.split(|&byte| byte == 0).next()?.trim_ascii();
            text.iter().try_fold(0i64, |value, &byte| match byte {
                b'0'..=b'7' => value.checked_mul(8)?.checked_add((byte - b'0').into()),
                _ => None,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_of_base_256() {
        assert_eq!(number(b"0000755\0"), Some(0o755));
        assert_eq!(number(b"   755 \0"), Some(0o755));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"00x\0"), None);
        assert_eq!(number(&[0x80, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        let mut large = [0; 12];
        large[0] = 0x80;
        large[1..].fill(0xff);
        assert_eq!(number(&large), None);
    }

    #[test]
    fn what_was_set_is_read_and_the_checksum_is_right() {
        let mut header = Header::new(b'0');
        header.set_name(b"a/b").unwrap();
        header.set_numbers(0o4755, 1000, 1 << 30, 1 << 33, -5);
        header.set_device(8, 1);
        header.seal();
        assert!(header.is_valid());
        assert_eq!((header.name(), header.mode(), header.uid()), (b"a/b".to_vec(), Some(0o4755), Some(1000)));
        assert_eq!((header.gid(), header.size(), header.mtime()), (Some(0), Some(0), Some(0)));
        assert_eq!(header.device(), Some((8, 1)));
        header.0[0] ^= 1;
        assert!(!header.is_valid());
        assert_eq!(Header::new(b'0').set_name(&[b'a'; 101]), Err(TooLong));
    }
}
