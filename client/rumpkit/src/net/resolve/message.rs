//! Messages of the domain name system (RFC 1035, section 4; RFC 3596): a question, and what is an answer to it.
//!
//! An answer is whatever somebody sent. Names in it may point at earlier places (section 4.1.4): each pointer must lead
//! before the place where the piece of the name began that it ends, and so none leads round.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of the header.
const HEADER: usize = 12;
/// The longest name, as it is written (RFC 1035, section 3.1).
const MOST_NAME: usize = 255;
const MOST_LABEL: usize = 63;
/// Aliases in a row, at most.
const MOST_ALIASES: usize = 16;
const INTERNET: u16 = 1;
const ALIAS: u16 = 5;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An address of IPv4.
    A = 1,
    /// An address of IPv6.
    Aaaa = 28,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    id: u16,
    /// In lower case, as it is written: labels with their lengths, and an empty one.
    name: Vec<u8>,
    kind: Kind,
}

/// How a server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// There is such a name.
    Found,
    /// There is none (`NXDOMAIN`).
    NoName,
    /// The server cannot or does not want to say.
    Failure(u8),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it was answered.
    pub code: Code,
    /// There is more, which a datagram has no room for.
    pub is_truncated: bool,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
}

impl Question {
    /// Asks for the addresses of a name; a dot may end it. `None`: there can be no such name.
    pub fn new(id: u16, name: &str, kind: Kind) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut written = Vec::with_capacity(name.len() + 2);
        for label in name.split('.') {
            let is_label =
                (1..=MOST_LABEL).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_label {
                return None;
            }
            written.push(label.len() as u8);
            written.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        written.push(0);
        (written.len() <= MOST_NAME).then_some(Self { id, name: written, kind })
    }

    /// The message, which asks the server to ask others.
    pub fn to_bytes(&self) -> Vec<u8> {
        const RECURSION_DESIRED: u16 = 0x0100;
        let header = [self.id, RECURSION_DESIRED, 1, 0, 0, 0];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend(&self.name);
        bytes.extend((self.kind as u16).to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        bytes
    }

    /// What a message says. `None`: it is no answer to this question, or makes no sense.
    pub fn read(&self, message: &[u8]) -> Option<Answer> {
        let flags = word(message, 2)?;
        let is_answer = flags & 0x8000 != 0 && flags & 0x7800 == 0;
        if word(message, 0)? != self.id || !is_answer || word(message, 4)? != 1 {
            return None;
        }
        let (asked, after) = name(message, HEADER)?;
        let is_mine = asked == self.name
            && word(message, after)? == self.kind as u16
            && word(message, after + 2)? == INTERNET;
        if !is_mine {
            return None;
        }
        let code = match flags & 0xf {
            0 => Code::Found,
            3 => Code::NoName,
            other => Code::Failure(other as u8),
        };
        let is_truncated = flags & 0x0200 != 0;
        // What is cut may be cut anywhere.
        let records = if is_truncated { Vec::new() } else { records(message, after + 4, word(message, 6)?)? };
        Some(Answer { code, is_truncated, addresses: self.addresses(message, &records)? })
    }

    /// The addresses of the name, or of the one that it is an alias of.
    fn addresses(&self, message: &[u8], records: &[Record]) -> Option<Vec<IpAddr>> {
        let mut owner = self.name.clone();
        for _ in 0..MOST_ALIASES {
            let mine = |kind: u16| {
                let owner = &owner;
                records.iter().filter(move |record| record.kind == kind && record.owner == *owner)
            };
            let found: Option<Vec<IpAddr>> = mine(self.kind as u16)
                .map(|record| self.kind.address(&message[record.content.clone()]))
                .collect();
            let found = found?;
            let Some(alias) = mine(ALIAS).next().filter(|_| found.is_empty()) else { return Some(found) };
            owner = name(message, alias.content.start)?.0;
        }
        Some(Vec::new())
    }
}

impl Kind {
    fn address(self, content: &[u8]) -> Option<IpAddr> {
        match self {
            Self::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(content).ok()?).into()),
            Self::Aaaa => Some(Ipv6Addr::from(<[u8; 16]>::try_from(content).ok()?).into()),
        }
    }
}

/// A record of the Internet, and where its content is.
struct Record {
    owner: Vec<u8>,
    kind: u16,
    content: std::ops::Range<usize>,
}

/// Each has eleven bytes at least, so that no count is larger than the message allows.
fn records(message: &[u8], mut at: usize, count: u16) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    for _ in 0..count {
        let (owner, after) = name(message, at)?;
        let (kind, class) = (word(message, after)?, word(message, after + 2)?);
        let begin = after + 10;
        at = begin + usize::from(word(message, after + 8)?);
        message.get(begin..at)?;
        if class == INTERNET {
            records.push(Record { owner, kind, content: begin..at });
        }
    }
    Some(records)
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*message.get(at..)?.first_chunk()?))
}

/// A name, in lower case, and where it ends.
fn name(message: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut written, mut end) = (Vec::new(), None);
    // Where the piece began that is read, and where in it we are.
    let (mut begin, mut at) = (at, at);
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => {
                written.push(0);
                return Some((written, end.unwrap_or(at + 1)));
            }
            1..=MOST_LABEL => {
                written.push(length as u8);
                let label = message.get(at + 1..at + 1 + length)?;
                written.extend(label.iter().map(|byte| byte.to_ascii_lowercase()));
                at += 1 + length;
            }
            0xc0.. => {
                let target = usize::from(word(message, at)? & 0x3fff);
                end = end.or(Some(at + 2));
                if target >= begin {
                    return None;
                }
                (begin, at) = (target, target);
            }
            _ => return None,
        }
        if written.len() >= MOST_NAME {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question::new(7, "www.Example.com.", Kind::A).unwrap()
    }

    /// An answer with records: owner, type, content.
    fn answer(flags: u16, records: &[(&[u8], u16, &[u8])]) -> Vec<u8> {
        let mut bytes = question().to_bytes();
        bytes[2..4].copy_from_slice(&(0x8000 | flags).to_be_bytes());
        bytes[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for (owner, kind, content) in records {
            bytes.extend(*owner);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 9]);
            bytes.extend((content.len() as u16).to_be_bytes());
            bytes.extend(*content);
        }
        bytes
    }

    /// Points at the name of the question.
    const SAME: &[u8] = &[0xc0, 12];

    fn found(addresses: &[[u8; 4]]) -> Option<Answer> {
        let addresses = addresses.iter().map(|address| IpAddr::from(*address)).collect();
        Some(Answer { code: Code::Found, is_truncated: false, addresses })
    }

    #[test]
    fn names_have_labels_of_a_length() {
        assert_eq!(question().name, b"\x03www\x07example\x03com\0");
        let long = "a".repeat(63);
        assert!(Question::new(1, &long, Kind::A).is_some());
        assert!(Question::new(1, &[&*long; 3].join("."), Kind::A).is_some());
        for name in ["", ".", "a..b", ".a", "a b", "é.de", &"a".repeat(64), &[&*long; 4].join(".")] {
            assert_eq!(Question::new(1, name, Kind::A), None, "{name}");
        }
    }

    #[test]
    fn an_answer_is_to_the_question_that_was_asked() {
        let good = answer(0, &[(SAME, 1, &[1, 2, 3, 4]), (SAME, 1, &[5, 6, 7, 8])]);
        assert_eq!(question().read(&good), found(&[[1, 2, 3, 4], [5, 6, 7, 8]]));
        let other = |change: fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            question().read(&bytes)
        };
        assert_eq!(other(|bytes| bytes[1] = 8), None, "another number");
        assert_eq!(other(|bytes| bytes[2] = 0), None, "a question");
        assert_eq!(other(|bytes| bytes[5] = 0), None, "no question");
        assert_eq!(other(|bytes| bytes[13] = b'x'), None, "another name");
        assert_eq!(other(|bytes| bytes[30] = 28), None, "another type");
        assert_eq!(other(|bytes| bytes[13] = b'W'), found(&[[1, 2, 3, 4], [5, 6, 7, 8]]), "case");
        for end in 0..good.len() {
            assert_eq!(question().read(&good[..end]), None);
        }
    }

    #[test]
    fn what_was_not_found_is_told_apart() {
        let code = |flags| question().read(&answer(flags, &[])).map(|answer| answer.code);
        assert_eq!(code(0), Some(Code::Found));
        assert_eq!(code(3), Some(Code::NoName));
        assert_eq!(code(2), Some(Code::Failure(2)));
        assert!(question().read(&answer(0x200, &[])).unwrap().is_truncated);
    }

    #[test]
    fn aliases_are_followed_to_their_end() {
        let alias = b"\x01a\xc0\x10";
        let records: &[(&[u8], u16, &[u8])] =
            &[(b"\x01a\xc0\x10", 1, &[1, 2, 3, 4]), (SAME, 5, alias), (b"\x01b\0", 1, &[9, 9, 9, 9])];
        assert_eq!(question().read(&answer(0, records)), found(&[[1, 2, 3, 4]]));
        // One that leads to itself leads nowhere.
        assert_eq!(question().read(&answer(0, &[(SAME, 5, SAME)])), found(&[]));
    }

    #[test]
    fn pointers_that_do_not_lead_back_are_refused() {
        // The first record begins at 33.
        for owner in
            [&[0xc0, 33][..], &[0xc0, 35], &[1, b'a', 0xc0, 33], &[0xff, 0xff], &[0x40, 0], &[0x80, 0]]
        {
            assert_eq!(question().read(&answer(0, &[(owner, 1, &[1, 2, 3, 4])])), None, "{owner:?}");
        }
        // Two that point at each other.
        let records: &[(&[u8], u16, &[u8])] = &[(&[0xc0, 49], 1, &[0; 4]), (&[0xc0, 33], 1, &[0; 4])];
        assert_eq!(question().read(&answer(0, records)), None);
    }

    /// Of all that one or two bytes can be changed to; whatever comes of it, it ends, and is no more than was there.
    #[test]
    fn what_is_changed_is_read_to_an_end() {
        let records: &[(&[u8], u16, &[u8])] =
            &[(SAME, 5, b"\x01a\xc0\x10"), (b"\x01a\xc0\x10", 1, &[1, 2, 3, 4]), (SAME, 1, &[5, 6, 7, 8])];
        let good = answer(0, records);
        for at in 0..good.len() {
            for byte in 0..=255 {
                let mut changed = good.clone();
                changed[at] = byte;
                for second in [0, 11, 12, 33, 34, 45, 46, 0xc0, 0xff] {
                    if let Some(next) = changed.get_mut(at + 1) {
                        *next = second;
                    }
                    let read = question().read(&changed);
                    assert!(read.is_none_or(|answer| answer.addresses.len() <= 2));
                }
            }
        }
    }

    #[test]
    fn addresses_of_a_wrong_length_are_refused() {
        assert_eq!(question().read(&answer(0, &[(SAME, 1, &[1, 2, 3])])), None);
    }
}
