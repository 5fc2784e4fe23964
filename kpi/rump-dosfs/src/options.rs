//! Options of `mount` that both formats have: `key[=value],...`, with the names that Linux' exfat and vfat have.

use crate::time::Zone;
use alloc::format;
use rump_kpi::{Errno, KError};

const KNOWN: &str =
    "uid=N, gid=N, umask=OCTAL, dmask=OCTAL, fmask=OCTAL, tz=UTC|±HH:MM, time_offset=MINUTES, quiet";
/// What is taken away from the permissions where no option says so.
const USUAL_MASK: u16 = 0o022;
/// Farthest place from UTC, in minutes.
const MOST_MINUTES: i16 = 24 * 60;

/// What was asked for at mount.
#[derive(Clone, Copy)]
pub struct Options {
    /// Owner of everything.
    pub uid: u32,
    /// Group of everything.
    pub gid: u32,
    /// Permission bits that files do not have.
    pub file_mask: u16,
    /// Permission bits that directories do not have.
    pub dir_mask: u16,
    /// The local time of the stamps.
    pub zone: Zone,
    /// Whether owners and modes that cannot be stored are let go by in silence.
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            uid: 0,
            gid: 0,
            file_mask: USUAL_MASK,
            dir_mask: USUAL_MASK,
            zone: Zone::default(),
            quiet: false,
        }
    }
}

impl Options {
    /// Parses `text` for a driver. What the driver alone has is offered to `further`, key and value, and told of with
    /// `known`. Errors: EINVAL, naming the option.
    pub fn parse(
        driver: &str,
        text: &str,
        known: &str,
        mut further: impl FnMut(&str, &str) -> Option<()>,
    ) -> Result<Self, KError> {
        let mut options = Self::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let by_driver = || option.split_once('=').and_then(|(key, value)| further(key, value));
            options.apply(option).or_else(by_driver).ok_or_else(|| {
                KError::new(
                    Errno::EINVAL,
                    format!("{driver}: unknown option {option}; known are {KNOWN}{known}"),
                )
            })?;
        }
        Ok(options)
    }

    fn apply(&mut self, option: &str) -> Option<()> {
        match option.split_once('=') {
            Some(("uid", value)) => self.uid = value.parse().ok()?,
            Some(("gid", value)) => self.gid = value.parse().ok()?,
            Some(("umask", value)) => {
                self.file_mask = mask(value)?;
                self.dir_mask = self.file_mask;
            }
            Some(("dmask", value)) => self.dir_mask = mask(value)?,
            Some(("fmask", value)) => self.file_mask = mask(value)?,
            Some(("tz", value)) => self.zone = zone(value)?,
            Some(("time_offset", value)) => self.zone = minutes(value.parse().ok()?)?,
            None if option == "quiet" => self.quiet = true,
            None if option == "ro" => {}
            _ => return None,
        }
        Some(())
    }
}

fn mask(text: &str) -> Option<u16> {
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    u16::from_str_radix(text, 8).ok().filter(|bits| is_octal && *bits <= 0o777)
}

fn zone(text: &str) -> Option<Zone> {
    if text == "UTC" {
        return Some(Zone::default());
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, rest) = rest.split_once(':')?;
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() == 2 && !text.starts_with('+'));
    let (hours, rest) = (i16::from(number(hours)?), i16::from(number(rest).filter(|minutes| *minutes < 60)?));
    minutes(sign * (hours * 60 + rest))
}

fn minutes(minutes: i16) -> Option<Zone> {
    (-MOST_MINUTES..=MOST_MINUTES).contains(&minutes).then_some(Zone { minutes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_or_refused() {
        let parse = |text| Options::parse("exfat", text, "", |_, _| None);
        let options = parse("uid=5,gid=6,umask=077,fmask=137,tz=-03:30,quiet,ro").unwrap();
        assert_eq!((options.uid, options.gid, options.quiet), (5, 6, true));
        assert_eq!((options.dir_mask, options.file_mask, options.zone.minutes), (0o077, 0o137, -210));
        assert_eq!(parse("time_offset=330").unwrap().zone.minutes, 330);
        assert_eq!(parse("tz=UTC").unwrap().zone.minutes, 0);
        for wrong in
            ["colour", "umask=8", "umask=1777", "tz=CET", "tz=+1:00", "tz=+25:00", "uid=x", "quiet=1"]
        {
            assert_eq!(parse(wrong).err().map(|error| error.errno), Some(Errno::EINVAL), "{wrong}");
        }
    }
}
