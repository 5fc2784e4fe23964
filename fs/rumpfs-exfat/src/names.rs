//! Names of files: UTF-16 in directories, bytes towards the kernel.

use alloc::vec::Vec;
use rump_dosfs::{Error, utf16};
use rump_kpi::Errno;

/// Units of the longest name.
pub const MOST_UNITS: usize = 255;

/// The units of a name that is looked for. Errors: ENAMETOOLONG, ENOENT (what cannot be a name).
pub fn sought(name: &[u8]) -> Result<Vec<u16>, Errno> {
    let units = utf16::from_bytes(name).ok_or(Errno::ENOENT)?;
    match units.len() {
        0 => Err(Errno::ENOENT),
        1..=MOST_UNITS => Ok(units),
        _ => Err(Errno::ENAMETOOLONG),
    }
}

/// The units of a name that is to be made.
///
/// Errors: EINVAL (bytes that are no text, a character that no name may have, dots alone), ENAMETOOLONG.
pub fn checked(name: &[u8]) -> Result<Vec<u16>, Error> {
    let units = utf16::from_bytes(name).ok_or(Error::Explained(Errno::EINVAL, "the name is no UTF-8"))?;
    if units.len() > MOST_UNITS {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if !units.iter().all(|unit| is_allowed(*unit)) {
        return Err(Error::Explained(
            Errno::EINVAL,
            "a name cannot have control characters or any of \"*/:<>?\\|",
        ));
    }
    if units.is_empty() || is_dots(&units) {
        return Err(Error::Explained(Errno::EINVAL, "a name cannot be empty or one or two dots"));
    }
    Ok(units)
}

/// Whether the kernel can take a name that is on the disk.
pub fn is_presentable(name: &[u16]) -> bool {
    !name.is_empty() && !name.contains(&b'/'.into()) && !name.contains(&0) && !is_dots(name)
}

fn is_allowed(unit: u16) -> bool {
    unit >= 0x20 && !char::from_u32(unit.into()).is_some_and(|c| "\"*/:<>?\\|".contains(c))
}

fn is_dots(name: &[u16]) -> bool {
    name.len() <= 2 && name.iter().all(|unit| *unit == u16::from(b'.'))
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
        for name in [&b"a:b"[..], b"a\\b", b"tab\there", b"..", b".", b"", b"\xff", b"nul\0"] {
            assert_eq!(errno(name), Some(Errno::EINVAL), "{name:?}");
        }
        assert_eq!(errno(&[b'n'; 255]), None);
        assert_eq!(errno(&[b'n'; 256]), Some(Errno::ENAMETOOLONG));
        assert_eq!(errno(b" with space at both ends and a dot. ."), None);
    }
}
