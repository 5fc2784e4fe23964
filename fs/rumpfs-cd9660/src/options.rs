//! Options of `mount`: `key[=value],...`.

use crate::name::Map;
use alloc::format;
use rump_kpi::{Errno, KError, KResult, Mode};

/// Where the descriptors are that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Those of the newest tree.
    Newest,
    /// Those of the session of this number, from 1.
    Number(usize),
    /// Those of the session that begins at this sector.
    Sector(u64),
}

/// What was asked for at mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether Rock Ridge counts.
    pub rock_ridge: bool,
    /// Whether Joliet counts.
    pub joliet: bool,
    /// Whether ISO 9660:1999 counts.
    pub enhanced: bool,
    /// What is done to plain names.
    pub map: Map,
    /// Owner of files for which Rock Ridge names none.
    pub uid: u32,
    /// Group of such files.
    pub gid: u32,
    /// Permissions of such files.
    pub mode: Mode,
    /// Permissions of such directories.
    pub dmode: Mode,
    /// Which session.
    pub session: Session,
    /// Whether files are left out whose existence need not be told (9.1.6).
    pub hides: bool,
    /// Whether associated files are shown.
    pub shows_associated: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rock_ridge: true,
            joliet: true,
            enhanced: true,
            map: Map::Normal,
            uid: 0,
            gid: 0,
            mode: Mode::new(0o555),
            dmode: Mode::new(0o555),
            session: Session::Newest,
            hides: false,
            shows_associated: false,
        }
    }
}

impl Options {
    /// Parses `text`. Errors: EINVAL, naming the option.
    pub fn parse(text: &str) -> KResult<Self> {
        let mut options = Self::default();
        for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            options.apply(option).ok_or_else(|| {
                let known = "norrip, nojoliet, noenhanced, map=normal|off, uid=N, gid=N, mode=OCTAL, \
                             dmode=OCTAL, session=N, sbsector=N, hide, showassoc";
                KError::new(Errno::EINVAL, format!("cd9660: option `{option}`; known are {known}"))
            })?;
        }
        Ok(options)
    }

    fn apply(&mut self, option: &str) -> Option<()> {
        let (key, value) = option.split_once('=').map_or((option, None), |(key, value)| (key, Some(value)));
        match (key, value) {
            ("norrip" | "norock", None) => self.rock_ridge = false,
            ("nojoliet", None) => self.joliet = false,
            ("noenhanced", None) => self.enhanced = false,
            ("hide", None) => self.hides = true,
            ("showassoc", None) => self.shows_associated = true,
            ("map", Some("normal")) => self.map = Map::Normal,
            ("map", Some("off")) => self.map = Map::Off,
            ("uid", Some(value)) => self.uid = number(value)?,
            ("gid", Some(value)) => self.gid = number(value)?,
            ("mode", Some(value)) => self.mode = mode(value)?,
            ("dmode", Some(value)) => self.dmode = mode(value)?,
            ("session", Some(value)) => {
                let number = number(value).filter(|&number| number > 0)?;
                self.session = Session::Number(number as usize);
            }
            ("sbsector", Some(value)) => self.session = Session::Sector(number(value)?.into()),
            _ => return None,
        }
        Some(())
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn mode(text: &str) -> Option<Mode> {
    let bits = u32::from_str_radix(text, 8).ok()?;
    (bits <= 0o7777 && !text.starts_with('+')).then(|| Mode::new(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let options = Options::parse("norrip, map=off,uid=5,mode=640,session=2").unwrap();
        let expected = Options {
            rock_ridge: false,
            map: Map::Off,
            uid: 5,
            mode: Mode::new(0o640),
            session: Session::Number(2),
            ..Options::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for text in ["x", "norrip=1", "map", "map=acorn", "uid=", "uid=-1", "uid=+1", "mode=9", "session=0"] {
            assert_eq!(Options::parse(text).unwrap_err().errno, Errno::EINVAL, "{text}");
        }
    }
}
