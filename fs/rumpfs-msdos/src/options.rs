//! Options of `mount`: those that exFAT has as well, and the code page.

use crate::names::codepage::CodePage;
use core::ops::Deref;
use rump_dosfs::Options as Shared;
use rump_kpi::KError;

/// What was asked for at mount.
#[derive(Clone, Copy, Default)]
pub struct Options {
    shared: Shared,
    /// The code page of short names.
    pub page: CodePage,
}

impl Deref for Options {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Options {
    /// Parses `text`. Errors: EINVAL, naming the option.
    pub fn parse(text: &str) -> Result<Self, KError> {
        let mut page = CodePage::default();
        let shared = Shared::parse("msdos", text, ", codepage=437|850|852|1252", |key, value| {
            if key != "codepage" {
                return None;
            }
            page = CodePage::numbered(value.parse().ok()?)?;
            Some(())
        })?;
        Ok(Self { shared, page })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rump_kpi::Errno;

    #[test]
    fn options_are_known_or_refused() {
        let options =
            Options::parse("uid=5,gid=6,umask=077,fmask=137,tz=-03:30,codepage=850,quiet,ro").unwrap();
        assert_eq!((options.uid, options.gid, options.quiet), (5, 6, true));
        assert_eq!((options.dir_mask, options.file_mask, options.zone.minutes), (0o077, 0o137, -210));
        assert_eq!(Options::parse("time_offset=330").unwrap().zone.minutes, 330);
        assert_eq!(Options::parse("tz=UTC").unwrap().zone.minutes, 0);
        for wrong in [
            "colour",
            "umask=8",
            "umask=1777",
            "tz=CET",
            "tz=+1:00",
            "tz=+25:00",
            "codepage=932",
            "uid=x",
            "quiet=1",
        ] {
            assert_eq!(Options::parse(wrong).err().map(|error| error.errno), Some(Errno::EINVAL), "{wrong}");
        }
    }
}
