//! Owners as users write them, with the names of an image's own `/etc/passwd` and `/etc/group` (passwd(5),
//! group(5)).

use crate::output::escaped;
use crate::session::{Failure, Place};
use rumpkit::{FileType, KResult, Mode, OpenFlags, Process};
use std::collections::HashMap;

/// As much of a table as is read: the image is not trusted.
const TABLE_BYTES: usize = 4 << 20;
/// Where the numbers of user and login group stand in a line of passwd(5); that of a group(5) is the first.
const NUMBER: usize = 2;
const LOGIN_GROUP: usize = 3;

/// The numbers to set; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

impl Owner {
    /// Errors: `text` names no owner, whatever the image.
    pub fn check(text: &str) -> Result<String, String> {
        match text {
            "" | ":" => Err(format!("{text:?} names no owner: use USER, USER:GROUP, USER: or :GROUP")),
            _ => Ok(text.into()),
        }
    }

    /// Reads `USER`, `USER:GROUP`, `USER:` or `:GROUP` for the image of `place`.
    pub fn resolve(text: &str, place: &Place) -> Result<Self, Failure> {
        let table = |path: &str| read_table(place.process(), path).unwrap_or_default();
        Self::parse(text, &|| table("/etc/passwd"), &|| table("/etc/group")).map_err(Failure::Usage)
    }

    fn parse(text: &str, users: &dyn Fn() -> Vec<u8>, groups: &dyn Fn() -> Vec<u8>) -> Result<Self, String> {
        Self::check(text)?;
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let number = |name: &str, what: &str, table: &dyn Fn() -> Vec<u8>| {
            let number = find(&table(), 0, name.as_bytes(), NUMBER).or_else(|| parse_number(name.as_bytes()));
            number.ok_or_else(|| format!("no {what} {name:?} in this image; numbers always do"))
        };
        let uid = if user.is_empty() { None } else { Some(number(user, "user", users)?) };
        let gid = match (group, uid) {
            (None, _) => None,
            (Some(""), Some(uid)) => {
                let login = find(&users(), NUMBER, uid.to_string().as_bytes(), LOGIN_GROUP);
                Some(login.ok_or_else(|| format!("no user {user:?} in this image: name the group, too"))?)
            }
            (Some(group), _) => Some(number(group, "group", groups)?),
        };
        Ok(Self { uid, gid })
    }
}

/// The names of owners that an image has.
#[derive(Default)]
pub struct Accounts {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Accounts {
    /// Those of the image of `place`. A table that cannot be read has no names.
    pub fn read(place: &Place) -> Self {
        let table = |path: &str| names(&read_table(place.process(), path).unwrap_or_default());
        Self { users: table("/etc/passwd"), groups: table("/etc/group") }
    }

    /// The name of a user.
    pub fn user(&self, uid: u32) -> Option<String> {
        self.users.get(&uid).cloned()
    }

    /// The name of a group.
    pub fn group(&self, gid: u32) -> Option<String> {
        self.groups.get(&gid).cloned()
    }
}

/// The name of each number, of several the first. They come from the image, which may not command the terminal.
fn names(table: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in table.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next().unwrap_or_default();
        if let Some(number) = fields.nth(NUMBER - 1).and_then(parse_number).filter(|_| !name.is_empty()) {
            names.entry(number).or_insert_with(|| escaped(name));
        }
    }
    names
}

/// The highest number means "leave it" to every system.
fn parse_number(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok()?.strip_prefix('+').or(std::str::from_utf8(text).ok())?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&number| is_number && number != u32::MAX)
}

/// The number in field `wanted` of the first line whose field `key` is `value`.
fn find(table: &[u8], key: usize, value: &[u8], wanted: usize) -> Option<u32> {
    table.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        let is_it = fields.clone().nth(key) == Some(value);
        if is_it { parse_number(fields.nth(wanted)?) } else { None }
    })
}

fn read_table(process: &Process, path: &str) -> KResult<Vec<u8>> {
    if process.stat(path)?.file_type != FileType::Regular {
        return Ok(Vec::new());
    }
    let fd = process.open(path, OpenFlags::empty(), Mode::new(0))?;
    let mut table = vec![0; TABLE_BYTES];
    let read = process.pread(fd, &mut table, 0);
    process.close(fd)?;
    table.truncate(read?);
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Option<u32>, Option<u32>), String> {
        let users =
            || b"root:x:0:0::/:\nanna:x:1000:100:A:/home/anna:/bin/sh\n7:x:70:7::/:\nbad:x\n".to_vec();
        let groups = || b"root:x:0:\nwheel:x:10:anna\n".to_vec();
        Owner::parse(text, &users, &groups).map(|owner| (owner.uid, owner.gid))
    }

    #[test]
    fn names_and_numbers_are_found() {
        assert_eq!(parse("anna"), Ok((Some(1000), None)));
        assert_eq!(parse("anna:"), Ok((Some(1000), Some(100))));
        assert_eq!(parse(":wheel"), Ok((None, Some(10))));
        assert_eq!(parse("5:6"), Ok((Some(5), Some(6))));
        assert_eq!(parse("1000:"), Ok((Some(1000), Some(100))));
        assert_eq!(parse("7"), Ok((Some(70), None)));
        assert_eq!(parse("+7"), Ok((Some(7), None)));
    }

    #[test]
    fn numbers_have_the_first_of_their_names() {
        let names = names(b"root:x:0:0\ntoor:x:0:0\n:x:3:\nbad\nodd\x1b:x:5:5");
        assert_eq!((names.len(), names[&0].as_str(), names[&5].as_str()), (2, "root", "odd\\033"));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for text in ["", ":", "nobody", ":nogroup", "5:", "bad", "4294967295", "-1", "+"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
