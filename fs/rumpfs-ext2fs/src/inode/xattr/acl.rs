//! Access control lists: the short form on disk, and version 2 of the form of the system calls.
//!
//! On disk an entry has an id only where one means something.

use super::le32;
use alloc::vec::Vec;

const DISK_VERSION: u32 = 1;
const XATTR_VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
const ALL_PERMISSIONS: u16 = 7;

/// From disk to the form of the system call.
pub fn to_xattr(disk: &[u8]) -> Option<Vec<u8>> {
    if le32(disk, 0)? != DISK_VERSION {
        return None;
    }
    let mut xattr = XATTR_VERSION.to_le_bytes().to_vec();
    let mut rest = disk.get(4..)?;
    while !rest.is_empty() {
        let fixed = rest.get(..4)?;
        let (id, len) = match u16::from_le_bytes([fixed[0], fixed[1]]) {
            USER | GROUP => (le32(rest, 4)?, 8),
            USER_OBJ | GROUP_OBJ | MASK | OTHER => (u32::MAX, 4),
            _ => return None,
        };
        xattr.extend_from_slice(fixed);
        xattr.extend_from_slice(&id.to_le_bytes());
        rest = rest.get(len..)?;
    }
    Some(xattr)
}

/// From the form of the system call to disk; `None` if it breaks a rule of acl(5): the entries in their order, one
/// each for owner, group and others, a mask if users or groups are named.
pub fn to_disk(xattr: &[u8]) -> Option<Vec<u8>> {
    let entries = xattr.get(4..).filter(|entries| entries.len() % 8 == 0)?;
    if le32(xattr, 0)? != XATTR_VERSION {
        return None;
    }
    let mut disk = DISK_VERSION.to_le_bytes().to_vec();
    let (mut last, mut counts) = (0, [0usize; 6]);
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let permissions = u16::from_le_bytes([entry[2], entry[3]]);
        if !tag.is_power_of_two() || tag > OTHER || tag < last || permissions > ALL_PERMISSIONS {
            return None;
        }
        last = tag;
        counts[tag.trailing_zeros() as usize] += 1;
        let named = matches!(tag, USER | GROUP);
        if named && le32(entry, 4)? == u32::MAX {
            return None;
        }
        disk.extend_from_slice(&entry[..if named { 8 } else { 4 }]);
    }
    let [user_obj, users, group_obj, groups, masks, others] = counts;
    let right = user_obj == 1 && group_obj == 1 && others == 1 && masks <= 1;
    (right && (masks == 1 || users + groups == 0)).then_some(disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: [u8; 28] =
        [1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 0x10, 0, 6, 0, 0x20, 0, 0, 0];

    #[test]
    fn a_list_grows_to_the_form_of_the_system_call_and_back() {
        let xattr = to_xattr(&DISK).unwrap();
        assert_eq!(xattr[..4], [2, 0, 0, 0]);
        assert_eq!(xattr[4..12], [1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(xattr[12..20], [2, 0, 4, 0, 0xe8, 3, 0, 0]);
        assert_eq!(xattr.len(), 4 + 5 * 8);
        assert_eq!(to_disk(&xattr).unwrap(), DISK);
        assert_eq!(to_xattr(&DISK[..26]), None);
    }

    #[test]
    fn a_list_that_breaks_a_rule_is_refused() {
        let whole = to_xattr(&DISK).unwrap();
        let without = |index: usize| {
            let at = 4 + index * 8;
            to_disk(&[&whole[..at], &whole[at + 8..]].concat())
        };
        assert!(without(1).is_some());
        for needed in [0, 2, 3, 4] {
            assert_eq!(without(needed), None, "entry {needed}");
        }
        for (at, value) in [(0, 1), (4, 3), (6, 8), (12, 8)] {
            let mut changed = whole.clone();
            changed[at] = value;
            assert_eq!(to_disk(&changed), None, "byte {at}");
        }
        assert_eq!(to_disk(&whole[..43]), None);
    }
}
