//! Options (RFC 2132): what stands behind the magic cookie, and in the fields of names if those are needed for it.
//!
//! ```text
//! code (1), length (1), content          0 fills, 255 ends
//! ```
//!
//! An option that stands there several times is one, in parts (RFC 3396).

use crate::message::Malformed;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Codes of options.
#[allow(missing_docs)]
pub mod code {
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const NAME_SERVERS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN: u8 = 15;
    pub const MTU: u8 = 26;
    pub const BROADCAST: u8 = 28;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const MOST_BYTES: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const CLIENT_IDENTIFIER: u8 = 61;
    pub const SEARCH: u8 = 119;
    pub const CLASSLESS_ROUTES: u8 = 121;
}

const PAD: u8 = 0;
const END: u8 = 255;
/// What one part of an option holds.
const MOST_PART: usize = 255;

/// Options by their codes, each whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<u8, Vec<u8>>);

impl Options {
    /// Adds what one field of a message holds. Errors: an option has no end.
    pub(crate) fn parse_field(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while let [code, rest @ ..] = bytes {
            bytes = match *code {
                PAD => rest,
                END => return Ok(()),
                code => {
                    let (length, rest) = rest.split_first().ok_or(Malformed::Option(code))?;
                    let split = rest.split_at_checked(usize::from(*length));
                    let (content, after) = split.ok_or(Malformed::Option(code))?;
                    self.0.entry(code).or_default().extend_from_slice(content);
                    after
                }
            };
        }
        Ok(())
    }

    /// Writes them; the type of the message comes first, which some look for there.
    pub(crate) fn emit(&self, bytes: &mut Vec<u8>) {
        let is_type = |(code, _): &(&u8, &Vec<u8>)| **code == code::MESSAGE_TYPE;
        let others = self.0.iter().filter(|option| !is_type(option));
        for (code, content) in self.0.iter().filter(is_type).chain(others) {
            // One without content is one part.
            let parts = content.chunks(MOST_PART).chain(content.is_empty().then_some(&[][..]));
            for part in parts {
                bytes.extend([*code, part.len() as u8]);
                bytes.extend_from_slice(part);
            }
        }
        bytes.push(END);
    }

    /// The content of an option.
    pub fn find(&self, code: u8) -> Option<&[u8]> {
        self.0.get(&code).map(Vec::as_slice)
    }

    /// Adds an option, or changes it. The codes 0 and 255 are none, and are left out.
    pub fn set(&mut self, code: u8, content: &[u8]) {
        if code != PAD && code != END {
            self.0.insert(code, content.to_vec());
        }
    }

    pub(crate) fn remove(&mut self, code: u8) {
        self.0.remove(&code);
    }

    /// An option of just as many bytes.
    fn fixed<const COUNT: usize>(&self, code: u8) -> Option<[u8; COUNT]> {
        self.find(code)?.try_into().ok()
    }

    /// An option that is a byte.
    pub fn byte(&self, code: u8) -> Option<u8> {
        self.fixed::<1>(code).map(|[byte]| byte)
    }

    /// An option that is a number of 16 bits.
    pub fn number(&self, code: u8) -> Option<u16> {
        self.fixed(code).map(u16::from_be_bytes)
    }

    /// An option that is a number of seconds.
    pub fn seconds(&self, code: u8) -> Option<u32> {
        self.fixed(code).map(u32::from_be_bytes)
    }

    /// An option that is an address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.fixed::<4>(code).map(Ipv4Addr::from)
    }

    /// An option that is a list of addresses; nothing of one whose length is no multiple of theirs.
    pub fn addresses(&self, code: u8) -> impl Iterator<Item = Ipv4Addr> + '_ {
        let content = self.find(code).filter(|content| content.len() % 4 == 0).unwrap_or_default();
        content.chunks_exact(4).filter_map(|octets| <[u8; 4]>::try_from(octets).ok()).map(Ipv4Addr::from)
    }

    /// An option that is a text, without the zeros that some put behind it.
    pub fn text(&self, code: u8) -> Option<&[u8]> {
        let content = self.find(code)?;
        let end = content.iter().rposition(|byte| *byte != 0)? + 1;
        Some(&content[..end])
    }
}
