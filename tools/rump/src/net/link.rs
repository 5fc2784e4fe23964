//! Where the interface of a command is.

use crate::session::Failure;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::net::NetworkDevice;
use rumpkit::shmif::{Bus, Format, Options};
use rumpkit::virtif::VirtIf;
use rumpkit::{PosixHost, tun};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// The option that names a link.
#[derive(ClapArgs)]
pub struct LinkArgs {
    /// Where the interface is: shmif:PATH, lanes:PATH or tap:NAME
    #[arg(long = "if", value_name = "LINK", value_hint = ValueHint::Other)]
    link: OsString,
}

/// What a link is.
#[derive(Debug, PartialEq, Eq)]
enum Link<'a> {
    /// A file, and the format that it gets if it is new.
    Bus(Format, &'a [u8]),
    /// The name of an interface.
    Tap(&'a str),
}

impl LinkArgs {
    /// The device. Errors: usage, those of the device.
    pub fn open(&self, host: &Arc<PosixHost>) -> Result<Arc<dyn NetworkDevice>, Failure> {
        open(&self.link, host)
    }
}

/// The device of a link. Errors: usage, those of the device.
pub fn open(link: &OsStr, host: &Arc<PosixHost>) -> Result<Arc<dyn NetworkDevice>, Failure> {
    let usage = || format!("--if: {link:?} is no link: it is shmif:PATH, lanes:PATH or tap:NAME");
    match Link::parse(link.as_bytes()).ok_or_else(|| Failure::Usage(usage()))? {
        Link::Bus(format, path) => {
            let bus = Bus::open(host.clone(), path, &Options { format, ..Options::default() });
            Ok(bus.map_err(|error| Failure::Network(error.to_string()))?)
        }
        Link::Tap(name) => {
            let end = tun::open(&tun::Options::tap(name));
            Ok(VirtIf::new(host.clone(), end.map_err(|error| Failure::Network(error.to_string()))?))
        }
    }
}

impl<'a> Link<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let colon = text.iter().position(|byte| *byte == b':')?;
        let (word, rest) = (&text[..colon], &text[colon + 1..]);
        match word {
            _ if rest.is_empty() => None,
            b"shmif" => Some(Self::Bus(Format::Compatible, rest)),
            b"lanes" => Some(Self::Bus(Format::Lanes, rest)),
            b"tap" => Some(Self::Tap(std::str::from_utf8(rest).ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_word_and_a_name() {
        assert_eq!(Link::parse(b"shmif:/tmp/bus"), Some(Link::Bus(Format::Compatible, b"/tmp/bus")));
        assert_eq!(Link::parse(b"lanes:a:b"), Some(Link::Bus(Format::Lanes, b"a:b")));
        assert_eq!(Link::parse(b"tap:tap0"), Some(Link::Tap("tap0")));
        for text in ["", "shmif", "shmif:", "/tmp/bus", "tun:0", "tap:"] {
            assert_eq!(Link::parse(text.as_bytes()), None, "{text}");
        }
    }
}
