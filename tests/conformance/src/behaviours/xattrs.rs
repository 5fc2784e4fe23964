//! Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2), xattr(7).

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{Errno::*, KResult, OpenFlags, XattrFlags};

const XATTRS: Capabilities = Capabilities::XATTRS;
const ANY: XattrFlags = XattrFlags::empty();

behaviours! {
    an_attribute_is_set_and_found: XATTRS;
    an_attribute_is_replaced: XATTRS;
    an_attribute_is_removed: XATTRS;
    a_missing_attribute_is_told: XATTRS;
    an_empty_value_is_a_value: XATTRS;
    values_are_bytes: XATTRS;
    all_attributes_are_listed: XATTRS;
    create_and_replace_bind: XATTRS;
    attributes_of_a_directory: XATTRS;
    attributes_of_an_open_file: XATTRS;
    attributes_follow_the_file: XATTRS.union(Capabilities::HARD_LINKS);
    attributes_go_with_the_file: XATTRS;
    values_grow_and_shrink: XATTRS;
    names_are_checked: XATTRS;
    too_large_values_are_refused: XATTRS;
    unknown_name_spaces_are_refused: XATTRS;
    user_attributes_follow_the_permissions: XATTRS.union(Capabilities::OWNERS);
    links_and_special_files_have_no_user_attributes: XATTRS.union(Capabilities::SYMLINKS);
    a_sticky_directory_keeps_its_attributes: XATTRS.union(Capabilities::OWNERS);
    trusted_attributes_are_the_superusers: XATTRS;
    security_attributes_are_read_by_all: XATTRS;
}

fn set(p: &Process, path: &str, name: &str, value: &[u8]) -> KResult<()> {
    p.setxattr(path, name, value, ANY)
}

/// Names of all attributes, sorted.
fn listed(p: &Process, path: &str) -> Vec<String> {
    let names = p.listxattr(path).unwrap();
    let mut names: Vec<String> = names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
    names.sort();
    names
}

fn an_attribute_is_set_and_found(p: &Process) {
    put(p, "f", b"content");
    set(p, "f", "user.name", b"value").unwrap();
    assert_eq!(p.getxattr("f", "user.name").unwrap(), b"value");
    assert_eq!((listed(p, "f"), get(p, "f")), (vec!["user.name".to_string()], b"content".to_vec()));
}

fn an_attribute_is_replaced(p: &Process) {
    put(p, "f", b"");
    for value in [&b"one"[..], b"three", b"", b"a longer value than before", b"x"] {
        set(p, "f", "user.name", value).unwrap();
        assert_eq!(p.getxattr("f", "user.name").unwrap(), value);
    }
    assert_eq!(listed(p, "f").len(), 1);
}

fn an_attribute_is_removed(p: &Process) {
    put(p, "f", b"");
    for name in ["user.a", "user.b", "user.c"] {
        set(p, "f", name, name.as_bytes()).unwrap();
    }
    p.removexattr("f", "user.b").unwrap();
    fails(p.getxattr("f", "user.b"), ENOATTR);
    assert_eq!(listed(p, "f"), ["user.a", "user.c"]);
    assert_eq!(p.getxattr("f", "user.c").unwrap(), b"user.c");
    p.removexattr("f", "user.a").unwrap();
    p.removexattr("f", "user.c").unwrap();
    assert!(listed(p, "f").is_empty());
}

fn a_missing_attribute_is_told(p: &Process) {
    put(p, "f", b"");
    fails(p.getxattr("f", "user.none"), ENOATTR);
    fails(p.removexattr("f", "user.none"), ENOATTR);
    fails(p.getxattr("none", "user.none"), ENOENT);
    set(p, "f", "user.name", b"").unwrap();
    for near in ["user.nam", "user.name2", "user.NAME"] {
        fails(p.getxattr("f", near), ENOATTR);
    }
}

fn an_empty_value_is_a_value(p: &Process) {
    put(p, "f", b"");
    set(p, "f", "user.empty", b"").unwrap();
    assert_eq!((p.getxattr("f", "user.empty").unwrap(), listed(p, "f").len()), (vec![], 1));
}

fn values_are_bytes(p: &Process) {
    put(p, "f", b"");
    let value: Vec<u8> = (0..=255).collect();
    set(p, "f", "user.bytes", &value).unwrap();
    assert_eq!(p.getxattr("f", "user.bytes").unwrap(), value);
}

fn all_attributes_are_listed(p: &Process) {
    put(p, "f", b"");
    let mut expected: Vec<String> = (0..12).map(|n| format!("user.{}{n}", "n".repeat(n))).collect();
    for name in expected.iter().rev() {
        set(p, "f", name, name.as_bytes()).unwrap();
    }
    expected.sort();
    assert_eq!(listed(p, "f"), expected);
    for name in &expected {
        assert_eq!(p.getxattr("f", name).unwrap(), name.as_bytes());
    }
}

fn create_and_replace_bind(p: &Process) {
    put(p, "f", b"");
    fails(p.setxattr("f", "user.a", b"x", XattrFlags::REPLACE), ENOATTR);
    p.setxattr("f", "user.a", b"x", XattrFlags::CREATE).unwrap();
    fails(p.setxattr("f", "user.a", b"y", XattrFlags::CREATE), EEXIST);
    assert_eq!(p.getxattr("f", "user.a").unwrap(), b"x");
    p.setxattr("f", "user.a", b"z", XattrFlags::REPLACE).unwrap();
    assert_eq!(p.getxattr("f", "user.a").unwrap(), b"z");
    fails(p.setxattr("f", "user.a", b"z", XattrFlags::CREATE | XattrFlags::REPLACE), EINVAL);
}

fn attributes_of_a_directory(p: &Process) {
    mkdir(p, "d");
    set(p, "d", "user.a", b"x").unwrap();
    put(p, "d/f", b"");
    assert_eq!((listed(p, "d").len(), listed(p, "d/f").len()), (1, 0));
    p.unlink("d/f").unwrap();
    p.rmdir("d").unwrap();
}

fn attributes_of_an_open_file(p: &Process) {
    let fd = create(p, "f");
    p.fsetxattr(fd, "user.a", b"x", ANY).unwrap();
    p.unlink("f").unwrap();
    p.fsetxattr(fd, "user.b", b"y", ANY).unwrap();
    assert_eq!(p.fgetxattr(fd, "user.a").unwrap(), b"x");
    assert_eq!(p.flistxattr(fd).unwrap().len(), 2);
    p.fremovexattr(fd, "user.a").unwrap();
    fails(p.fgetxattr(fd, "user.a"), ENOATTR);
}

fn attributes_follow_the_file(p: &Process) {
    put(p, "f", b"");
    set(p, "f", "user.a", b"x").unwrap();
    p.link("f", "g").unwrap();
    p.rename("f", "h").unwrap();
    set(p, "g", "user.a", b"changed").unwrap();
    assert_eq!(p.getxattr("h", "user.a").unwrap(), b"changed");
}

fn attributes_go_with_the_file(p: &Process) {
    put(p, "f", b"");
    set(p, "f", "user.a", &[1; 400]).unwrap();
    p.unlink("f").unwrap();
    put(p, "f", b"");
    assert!(listed(p, "f").is_empty());
}

fn values_grow_and_shrink(p: &Process) {
    put(p, "f", b"");
    set(p, "f", "user.fixed", b"stays").unwrap();
    for length in [0, 1, 30, 100, 300, 600, 500, 64, 3, 600, 0] {
        let value = pattern(length);
        set(p, "f", "user.moving", &value).unwrap();
        assert_eq!(p.getxattr("f", "user.moving").unwrap(), value, "{length}");
        assert_eq!(p.getxattr("f", "user.fixed").unwrap(), b"stays", "{length}");
    }
}

fn names_are_checked(p: &Process) {
    put(p, "f", b"");
    let longest = format!("user.{}", "n".repeat(250));
    set(p, "f", &longest, b"x").unwrap();
    assert_eq!(p.getxattr("f", &longest).unwrap(), b"x");
    let longer = format!("{longest}n");
    fails(set(p, "f", &longer, b"x"), ERANGE);
    fails(p.getxattr("f", &longer), ERANGE);
    fails(p.removexattr("f", &longer), ERANGE);
    fails(set(p, "f", "", b"x"), EINVAL);
    fails(set(p, "f", "user.a\0b", b"x"), EINVAL);
    fails(set(p, "f", "user.", b"x"), EINVAL);
}

fn too_large_values_are_refused(p: &Process) {
    put(p, "f", b"");
    fails(set(p, "f", "user.a", &vec![0; 65_537]), E2BIG);
    assert!(listed(p, "f").is_empty());
    // What is not refused has to come back.
    match set(p, "f", "user.a", &pattern(60_000)) {
        Ok(()) => assert!(p.getxattr("f", "user.a").unwrap() == pattern(60_000)),
        Err(error) => assert_eq!(error.errno, ENOSPC),
    }
}

fn unknown_name_spaces_are_refused(p: &Process) {
    put(p, "f", b"");
    for name in ["odd.name", "user", "username", "system.odd"] {
        fails(set(p, "f", name, b"x"), ENOTSUP);
    }
    assert!(listed(p, "f").is_empty());
}

fn user_attributes_follow_the_permissions(p: &Process) {
    put(p, "f", b"");
    set(p, "f", "user.a", b"x").unwrap();
    p.chmod("f", mode(0o604)).unwrap();
    let u = user(p, 5);
    assert_eq!(u.getxattr("f", "user.a").unwrap(), b"x");
    fails(set(&u, "f", "user.a", b"y"), EACCES);
    fails(u.removexattr("f", "user.a"), EACCES);
    p.chmod("f", mode(0o602)).unwrap();
    fails(u.getxattr("f", "user.a"), EACCES);
    set(&u, "f", "user.a", b"y").unwrap();
    assert_eq!(u.listxattr("f").unwrap(), [b"user.a"]);
}

fn links_and_special_files_have_no_user_attributes(p: &Process) {
    put(p, "f", b"");
    p.symlink("f", "l").unwrap();
    fails(p.lsetxattr("l", "user.a", b"x", ANY), EPERM);
    fails(p.lgetxattr("l", "user.a"), ENOATTR);
    fails(p.lremovexattr("l", "user.a"), EPERM);
    set(p, "l", "user.a", b"x").unwrap();
    assert_eq!((listed(p, "f").len(), p.llistxattr("l").unwrap().len()), (1, 0));
    if p.capabilities(".").unwrap().contains(Capabilities::SPECIAL) {
        p.mkfifo("fifo", mode(0o666)).unwrap();
        fails(set(p, "fifo", "user.a", b"x"), EPERM);
    }
}

fn a_sticky_directory_keeps_its_attributes(p: &Process) {
    mkdir(p, "d");
    p.chmod("d", mode(0o1777)).unwrap();
    fails(set(&user(p, 5), "d", "user.a", b"x"), EPERM);
    p.chmod("d", mode(0o777)).unwrap();
    set(&user(p, 5), "d", "user.a", b"x").unwrap();
}

fn trusted_attributes_are_the_superusers(p: &Process) {
    put(p, "f", b"");
    p.chown("f", Some(5), Some(5)).unwrap();
    set(p, "f", "trusted.a", b"x").unwrap();
    assert_eq!((p.getxattr("f", "trusted.a").unwrap(), listed(p, "f").len()), (b"x".to_vec(), 1));
    let owner = user(p, 5);
    fails(owner.getxattr("f", "trusted.a"), ENOATTR);
    fails(set(&owner, "f", "trusted.a", b"y"), EPERM);
    fails(owner.removexattr("f", "trusted.a"), EPERM);
    assert!(listed(&owner, "f").is_empty());
}

fn security_attributes_are_read_by_all(p: &Process) {
    put(p, "f", b"");
    set(p, "f", "security.a", b"x").unwrap();
    let u = user(p, 5);
    assert_eq!((u.getxattr("f", "security.a").unwrap(), listed(&u, "f").len()), (b"x".to_vec(), 1));
    fails(set(&u, "f", "security.a", b"y"), EPERM);
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    assert_eq!(p.fgetxattr(fd, "security.a").unwrap(), b"x");
}
