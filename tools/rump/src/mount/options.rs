//! The words after `-o`.

use rump_fuse::{Audience, Checks, Options};
use rumpkit::hyper::Access;
use std::time::Duration;

/// Who mounts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Permissions {
    /// Root: what is mounted is for everybody.
    Root,
    /// An ordinary user: it is for that user, unless something else was said.
    Ordinary,
}

/// What was wished.
#[derive(Default)]
pub struct Wish {
    /// Whether the image is written; as it can be, if nothing was said.
    pub access: Option<Access>,
    /// What the mount is to be like.
    pub fuse: Options,
    allow_other: bool,
    default_permissions: bool,
}

impl Wish {
    /// Decides whom the mount lets in, and who checks.
    pub fn choose(&mut self, who: Permissions) {
        let is_for_all = self.allow_other || who == Permissions::Root;
        self.fuse.audience = if is_for_all { Audience::All } else { Audience::Owner };
        self.fuse.checks = if is_for_all || self.default_permissions { Checks::Host } else { Checks::None };
    }
}

/// Reads options. Errors: in words.
pub fn parse(words: &[String]) -> Result<Wish, String> {
    let mut wish = Wish::default();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').map_or((&**word, None), |(key, value)| (key, Some(value)));
        match value {
            None => wish.set(key),
            Some(value) => wish.set_to(key, value),
        }
        .map_err(|what| format!("-o {word}: {what}"))?;
    }
    Ok(wish)
}

impl Wish {
    fn set(&mut self, key: &str) -> Result<(), String> {
        let fuse = &mut self.fuse;
        match key {
            "ro" => (self.access, fuse.read_only) = (Some(Access::Read), true),
            "rw" => (self.access, fuse.read_only) = (Some(Access::ReadWrite), false),
            "allow_other" => self.allow_other = true,
            "default_permissions" => self.default_permissions = true,
            "dev" => fuse.devices = true,
            "nodev" => fuse.devices = false,
            "suid" => fuse.set_id = true,
            "nosuid" => fuse.set_id = false,
            "exec" => fuse.no_exec = false,
            "noexec" => fuse.no_exec = true,
            "writeback_cache" => fuse.writeback_cache = true,
            _ => return Err("no such option, or it has a value".into()),
        }
        Ok(())
    }

    fn set_to(&mut self, key: &str, value: &str) -> Result<(), String> {
        let fuse = &mut self.fuse;
        match key {
            "uid" => fuse.uid = Some(number(value)?),
            "gid" => fuse.gid = Some(number(value)?),
            "entry_timeout" => fuse.entry_timeout = seconds(value)?,
            "attr_timeout" => fuse.attr_timeout = seconds(value)?,
            "max_readahead" => fuse.max_readahead = Some(number(value)?),
            "max_write" => match number(value)? {
                bytes @ 4096..=Options::MAX_WRITE => fuse.max_write = bytes,
                _ => return Err(format!("a write is of 4096 to {} bytes", Options::MAX_WRITE)),
            },
            _ => return Err("no such option, or it has no value".into()),
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{text} is no count of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Wish, String> {
        let words: Vec<String> = text.split(',').map(String::from).collect();
        super::parse(&words)
    }

    #[test]
    fn options_are_words_and_values() {
        let wish = parse("ro,uid=7,entry_timeout=0.5,max_write=4096,noexec,,allow_other").unwrap();
        assert!(wish.access == Some(Access::Read) && wish.fuse.read_only && wish.fuse.no_exec);
        assert_eq!((wish.fuse.uid, wish.fuse.gid, wish.fuse.max_write), (Some(7), None, 4096));
        assert_eq!(wish.fuse.entry_timeout, Duration::from_millis(500));
        for wrong in ["r0", "uid", "uid=x", "ro=1", "max_write=1", "attr_timeout=-1", "max_write=2000000"] {
            assert!(parse(wrong).is_err_and(|text| text.contains(wrong)), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_let_in_unchecked_but_who_mounts() {
        let chosen = |text: &str, who| {
            let mut wish = parse(text).unwrap();
            wish.choose(who);
            (wish.fuse.audience, wish.fuse.checks)
        };
        assert_eq!(chosen("", Permissions::Root), (Audience::All, Checks::Host));
        assert_eq!(chosen("", Permissions::Ordinary), (Audience::Owner, Checks::None));
        assert_eq!(chosen("default_permissions", Permissions::Ordinary), (Audience::Owner, Checks::Host));
        assert_eq!(chosen("allow_other", Permissions::Ordinary), (Audience::All, Checks::Host));
    }
}
