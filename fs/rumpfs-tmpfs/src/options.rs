//! Options of `mount`: `key[=value],...`.

use alloc::format;
use rump_kpi::{Errno, KError, KResult, Mode};

/// What was asked for at mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Limit of the content of files, in bytes.
    pub size_bytes: Option<u64>,
    /// Limit of the count of inodes.
    pub inodes: Option<u64>,
    /// Permission bits of the root.
    pub mode: Mode,
    /// Whether reading leaves access times alone.
    pub noatime: bool,
}

impl Options {
    /// Parses `text`. Errors: EINVAL, naming the option.
    pub fn parse(text: &str) -> KResult<Self> {
        let mut options = Self { size_bytes: None, inodes: None, mode: Mode::new(0o1777), noatime: false };
        for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            options.apply(option).ok_or_else(|| {
                KError::new(
                    Errno::EINVAL,
                    format!("tmpfs: option `{option}`; known are size=BYTES[k|m|g], nr_inodes=N, mode=OCTAL, noatime"),
                )
            })?;
        }
        Ok(options)
    }

    fn apply(&mut self, option: &str) -> Option<()> {
        match option.split_once('=') {
            Some(("size", value)) => self.size_bytes = Some(parse_size(value)?),
            Some(("nr_inodes", value)) => self.inodes = Some(parse_size(value)?),
            Some(("mode", value)) => self.mode = parse_mode(value)?,
            None if option == "noatime" => self.noatime = true,
            _ => return None,
        }
        Some(())
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn parse_mode(text: &str) -> Option<Mode> {
    let bits = u32::from_str_radix(text, 8).ok()?;
    (bits <= 0o7777 && !text.starts_with('+')).then(|| Mode::new(bits))
}
