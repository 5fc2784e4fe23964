//! Names of files: UTF-16 in long names, a code page in short ones, and bytes towards the kernel.

pub mod codepage;
pub mod fold;
pub mod long;
pub mod short;

use alloc::vec::Vec;
use rump_dosfs::{Error, utf16};
use rump_kpi::Errno;

/// Units of the longest name.
pub const MOST_UNITS: usize = 255;
/// Units of the longest short name, as it is shown.
pub const MOST_ALIAS: usize = 12;

/// The units of a name that is looked for. Dots at its end do not count, as on Windows and with Linux' vfat.
///
/// Errors: ENAMETOOLONG, ENOENT (what cannot be a name).
pub fn sought(name: &[u8]) -> Result<Vec<u16>, Errno> {
    let mut units = utf16::from_bytes(name).ok_or(Errno::ENOENT)?;
    if units.len() > MOST_UNITS {
        return Err(Errno::ENAMETOOLONG);
    }
    while units.last() == Some(&u16::from(b'.')) {
        units.pop();
    }
    if units.is_empty() { Err(Errno::ENOENT) } else { Ok(units) }
}

/// The units of a name that is to be made.
///
/// Errors: EINVAL (bytes that are no text, a character that no name may have, a space at the end, dots alone),
/// ENAMETOOLONG.
pub fn checked(name: &[u8]) -> Result<Vec<u16>, Error> {
    let units = utf16::from_bytes(name).ok_or(Error::Explained(Errno::EINVAL, "the name is no UTF-8"))?;
    if units.len() > MOST_UNITS {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let is_forbidden = |unit: &u16| {
        *unit < 0x20 || char::from_u32((*unit).into()).is_some_and(|c| "\"*/:<>?\\|".contains(c))
    };
    if units.iter().any(is_forbidden) {
        return Err(Error::Explained(
            Errno::EINVAL,
            "a name cannot have control characters or any of \"*/:<>?\\|",
        ));
    }
    match sought(name) {
        Ok(units) if units.last() != Some(&u16::from(b' ')) => Ok(units),
        _ => Err(Error::Explained(Errno::EINVAL, "a name cannot end with a space or be dots alone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errno(name: &[u8]) -> Option<Errno> {
        match checked(name) {
            Ok(_) => None,
            Err(Error::Refused(errno) | Error::Explained(errno, _)) => Some(errno),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for name in [&b"a:b"[..], b"a\\b", b"tab\there", b"end ", b"...", b"\xff", b"end ."] {
            assert_eq!(errno(name), Some(Errno::EINVAL), "{name:?}");
        }
        assert_eq!(errno(&[b'n'; 255]), None);
        assert_eq!(errno(&[b'n'; 256]), Some(Errno::ENAMETOOLONG));
        assert_eq!(checked(b"end..").unwrap(), checked(b"end").unwrap());
    }
}
