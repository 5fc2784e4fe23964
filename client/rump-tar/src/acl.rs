//! Access control lists as archives have them (`SCHILY.acl.*`: text, as star and GNU tar write it) and as the extended
//! attribute that Linux keeps (version 2: a word, then tag, permissions and number of each entry).

use rump_acl::{ACCESS, DEFAULT};

const VERSION: u32 = 2;
const OWNER: u16 = 1;
/// The tag of a user who is named.
pub const USER: u16 = 2;
const OWNING_GROUP: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHERS: u16 = 32;
const NO_ID: u32 = u32::MAX;

/// Keys of archives, and the attributes that they are.
pub const KEYS: [(&[u8], &[u8]); 2] = [(b"SCHILY.acl.access", ACCESS), (b"SCHILY.acl.default", DEFAULT)];

/// The attribute for a text: entries like `user:1000:rw-`, between commas or lines. A name counts as the number that
/// follows it (`user:anna:rw-:1000`), or as `find` says. Errors: what is wrong.
pub fn parse(text: &[u8], find: &dyn Fn(u16, &str) -> Option<u32>) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "an access control list that is no text")?;
    let mut entries = Vec::new();
    for line in text.split(['\n', ',']) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            entries.push(entry(line, find)?);
        }
    }
    entries.sort_unstable();
    let mut value = VERSION.to_le_bytes().to_vec();
    for (tag, id, bits) in entries {
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&bits.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    Ok(value)
}

fn entry(line: &str, find: &dyn Fn(u16, &str) -> Option<u32>) -> Result<(u16, u32, u16), String> {
    let wrong = || format!("access control list: odd entry {line:?}");
    let mut fields = line.split(':');
    let (kind, who) = (fields.next().unwrap_or_default(), fields.next().ok_or_else(wrong)?);
    let bits = match fields.next() {
        Some(bits) => bits,
        // Some write `other:r--`.
        None => who,
    };
    let who = if bits == who { "" } else { who };
    let tag = match (kind, who.is_empty()) {
        ("user" | "u", true) => OWNER,
        ("user" | "u", false) => USER,
        ("group" | "g", true) => OWNING_GROUP,
        ("group" | "g", false) => GROUP,
        ("mask" | "m", true) => MASK,
        ("other" | "o", true) => OTHERS,
        _ => return Err(wrong()),
    };
    let id = match who {
        "" => NO_ID,
        who => {
            let number = fields.next().unwrap_or(who).trim().parse().ok();
            let found = number.or_else(|| find(tag, who));
            found.ok_or_else(|| format!("access control list: nobody here is called {who}"))?
        }
    };
    let mut permissions = 0;
    for letter in bits.trim().chars() {
        permissions |= match letter {
            'r' => 4,
            'w' => 2,
            'x' => 1,
            '-' => 0,
            _ => return Err(wrong()),
        };
    }
    Ok((tag, id, permissions))
}

/// The text for an attribute, with numbers; `None` if it is not one.
pub fn emit(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || entries.len() % 8 != 0 {
        return None;
    }
    let mut text = String::new();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let bits = u16::from_le_bytes([entry[2], entry[3]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let (kind, who) = match tag {
            OWNER => ("user", String::new()),
            USER => ("user", id.to_string()),
            OWNING_GROUP => ("group", String::new()),
            GROUP => ("group", id.to_string()),
            MASK => ("mask", String::new()),
            OTHERS => ("other", String::new()),
            _ => return None,
        };
        let letter = |bit, letter| if bits & bit == 0 { '-' } else { letter };
        text.push_str(&format!("{kind}:{who}:{}{}{}\n", letter(4, 'r'), letter(2, 'w'), letter(1, 'x')));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody(_tag: u16, _name: &str) -> Option<u32> {
        None
    }

    #[test]
    fn lists_go_both_ways() {
        let text = "user::rw-\nuser:7:r-x\ngroup::r--\ngroup:9:-w-\nmask::rwx\nother::---\n";
        let value = parse(text.as_bytes(), &nobody).unwrap();
        assert_eq!(value.len(), 4 + 6 * 8);
        assert_eq!(emit(&value).as_deref(), Some(text));
    }

    #[test]
    fn other_ways_to_write_one_are_read() {
        let value = parse(b"u::rwx,g::r-x,o:r--,user:anna:rw-:1000,m::rwx", &nobody).unwrap();
        assert_eq!(emit(&value).unwrap(), "user::rwx\nuser:1000:rw-\ngroup::r-x\nmask::rwx\nother::r--\n");
        let found = parse(b"group:staff:r--", &|tag, name| (tag == GROUP && name == "staff").then_some(50));
        assert_eq!(emit(&found.unwrap()).unwrap(), "group:50:r--\n");
        assert!(parse(b"user:anna:rw-", &nobody).unwrap_err().contains("anna"));
        assert!(parse(b"user", &nobody).is_err());
        assert!(parse(b"user::q", &nobody).is_err());
        assert_eq!(emit(b"\x01\0\0\0"), None);
    }
}
