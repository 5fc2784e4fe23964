//! Tables of who is granted what, and the form of the attribute.

use super::*;
use alloc::vec;

const OWNER: u32 = 10;
const GROUP: u32 = 20;

/// Whether user `uid` of `groups` is granted `wanted`.
fn granted(acl: &Acl, uid: u32, groups: &[u32], wanted: u32) -> bool {
    let in_group = |gid: u32| groups.contains(&gid);
    acl.grants(Subject { uid, in_group: &in_group }, OWNER, GROUP, wanted)
}

/// All bits that are granted one by one.
fn bits(acl: &Acl, uid: u32, groups: &[u32]) -> u32 {
    [4, 2, 1].into_iter().filter(|&bit| granted(acl, uid, groups, bit)).sum()
}

#[test]
fn a_minimal_list_grants_what_its_mode_grants() {
    for mode in 0..0o1000 {
        let acl = Acl::of_mode(mode);
        assert!(acl.is_minimal() && acl.mode() == mode);
        assert_eq!(bits(&acl, OWNER, &[GROUP]), mode >> 6 & 7);
        assert_eq!(bits(&acl, 11, &[GROUP]), mode >> 3 & 7);
        assert_eq!(bits(&acl, 11, &[21]), mode & 7);
    }
}

#[test]
fn one_entry_decides() {
    // user::rw-, user:30:r--, group::-w-, group:40:r-x, mask::rwx, other::--x
    let acl = Acl::of_mode(0o621).with_user(30, 4).with_group(40, 5);
    let table: &[(u32, &[u32], u32)] = &[
        (OWNER, &[40], 6),
        (30, &[GROUP, 40], 4),
        (31, &[GROUP], 2),
        (31, &[40], 5),
        (31, &[GROUP, 40], 7),
        (31, &[41], 1),
        (31, &[], 1),
    ];
    for &(uid, groups, expected) in table {
        assert_eq!(bits(&acl, uid, groups), expected, "{uid} {groups:?}");
    }
    // No single group grants both: the union of two does not count.
    assert!(!granted(&acl, 31, &[GROUP, 40], 6));
    assert!(granted(&acl, 31, &[GROUP, 40], 5));
}

#[test]
fn the_mask_binds_all_but_owner_and_others() {
    let acl = Acl::of_mode(0o777).with_user(30, 7).with_group(40, 7).with_mask(4);
    assert_eq!(acl.mode(), 0o747);
    assert_eq!(bits(&acl, OWNER, &[]), 7);
    assert_eq!(bits(&acl, 30, &[]), 4);
    assert_eq!(bits(&acl, 31, &[40]), 4);
    assert_eq!(bits(&acl, 31, &[GROUP]), 4);
    assert_eq!(bits(&acl, 31, &[]), 7);
}

#[test]
fn a_matching_group_that_denies_ends_the_search() {
    let acl = Acl::of_mode(0o707).with_group(40, 0);
    assert_eq!(bits(&acl, 31, &[40]), 0);
    assert_eq!(bits(&acl, 31, &[GROUP]), 0);
    assert_eq!(bits(&acl, 31, &[]), 7);
}

#[test]
fn a_change_of_mode_goes_to_the_mask() {
    let mut acl = Acl::of_mode(0o640).with_user(30, 6);
    acl.set_mode(0o751);
    assert_eq!(acl.mode(), 0o751);
    assert_eq!((bits(&acl, 30, &[]), bits(&acl, 31, &[GROUP])), (4, 4));
    let mut minimal = Acl::of_mode(0o640);
    minimal.set_mode(0o751);
    assert_eq!(minimal, Acl::of_mode(0o751));
}

#[test]
fn a_new_file_has_what_list_and_mode_have_in_common() {
    let default = Acl::of_mode(0o770).with_user(30, 7);
    let file = default.inherit(0o644);
    assert_eq!(file.mode(), 0o640);
    assert_eq!(bits(&file, 30, &[]), 4);
    assert_eq!(Acl::of_mode(0o750).inherit(0o666), Acl::of_mode(0o640));
}

#[test]
fn what_is_emitted_is_parsed() {
    let lists = [
        Acl::of_mode(0o640),
        Acl::of_mode(0).with_mask(7),
        Acl::of_mode(0o123).with_user(0, 7).with_user(u32::MAX - 1, 0).with_group(5, 3),
    ];
    for acl in lists {
        assert_eq!(Acl::parse(&acl.emit()), Ok(Some(acl)));
    }
}

/// Tag, bits and number.
type Triple = (u16, u16, u32);

/// A value of entries.
fn value(entries: &[Triple]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0];
    for (tag, bits, id) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&bits.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

#[test]
fn the_bytes_are_those_of_version_2() {
    let acl = Acl::of_mode(0o640).with_user(1000, 5);
    let none = u32::MAX;
    assert_eq!(acl.emit(), value(&[(1, 6, none), (2, 5, 1000), (4, 4, none), (16, 5, none), (32, 0, none)]));
}

#[test]
fn malformed_values_are_refused() {
    let (owner, group, mask, others) = ((1, 7, 0), (4, 7, 0), (16, 7, 0), (32, 7, 0));
    let user = (2, 7, 5);
    let refused: &[(&[Triple], &str)] = &[
        (&[owner, group], "no others"),
        (&[owner, others], "no group"),
        (&[group, others], "no owner"),
        (&[owner, user, group, others], "a user without mask"),
        (&[owner, group, (8, 7, 5), others], "a group without mask"),
        (&[owner, group, user, mask, others], "wrong order"),
        (&[owner, owner, group, others], "two owners"),
        (&[owner, group, mask, mask, others], "two masks"),
        (&[owner, group, others, others], "two others"),
        (&[owner, group, (32, 8, 0)], "unknown bits"),
        (&[owner, group, (64, 7, 0), others], "unknown tag"),
        (&[owner, (2, 7, u32::MAX), group, mask, others], "no such user"),
    ];
    for (entries, why) in refused {
        assert_eq!(Acl::parse(&value(entries)), Err(Malformed::Entry), "{why}");
    }
    assert_eq!((Acl::parse(&value(&[])), Acl::parse(b"")), (Ok(None), Ok(None)));
    assert_eq!(Acl::parse(&[2, 0, 0]), Err(Malformed::Length));
    assert_eq!(Acl::parse(&value(&[owner, group, others])[..27]), Err(Malformed::Length));
    assert_eq!(Acl::parse(&[1, 0, 0, 0]), Err(Malformed::Version));
}
