//! Access control lists: acl(5). The table of checks is in `rump-acl`; here is what a file system does with lists.

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::kpi::acl::{ACCESS, Acl, DEFAULT};
use rumpkit::{Errno::*, OpenFlags, XattrFlags};

const ACLS: Capabilities = Capabilities::ACLS.union(Capabilities::OWNERS);
const READ: OpenFlags = OpenFlags::empty();

behaviours! {
    a_list_comes_back_as_it_was_set: ACLS;
    a_named_user_is_granted: ACLS;
    a_named_group_is_granted: ACLS;
    the_mask_binds: ACLS;
    a_list_may_deny_what_others_have: ACLS;
    a_list_of_a_directory_binds_its_search: ACLS;
    a_list_sets_the_mode: ACLS;
    a_minimal_list_is_only_a_mode: ACLS;
    a_mode_sets_the_mask: ACLS;
    without_its_list_a_file_has_its_mode: ACLS;
    only_owners_set_lists: ACLS;
    wrong_lists_are_refused: ACLS;
    new_files_inherit: ACLS;
    new_directories_inherit_on: ACLS;
    inheritance_takes_the_umasks_place: ACLS;
    links_have_no_lists: ACLS.union(Capabilities::SYMLINKS);
}

fn set(p: &Process, path: &str, name: &[u8], list: &Acl) {
    p.setxattr(path, name, list.emit(), XattrFlags::empty()).unwrap();
}

fn list(p: &Process, path: &str, name: &[u8]) -> Option<Acl> {
    match p.getxattr(path, name) {
        Ok(value) => Acl::parse(&value).unwrap(),
        Err(error) => {
            assert_eq!(error.errno, ENOATTR);
            None
        }
    }
}

fn a_list_comes_back_as_it_was_set(p: &Process) {
    put(p, "f", b"");
    let acl = Acl::of_mode(0o640).with_user(5, 6).with_user(100_000, 0).with_group(6, 5).with_mask(6);
    set(p, "f", ACCESS, &acl);
    assert_eq!(list(p, "f", ACCESS), Some(acl));
    assert_eq!(p.listxattr("f").unwrap(), [ACCESS]);
}

fn a_named_user_is_granted(p: &Process) {
    put(p, "f", b"x");
    set(p, "f", ACCESS, &Acl::of_mode(0o600).with_user(5, 6));
    put(&user(p, 5), "f", b"y");
    fails(open(&user(p, 6), "f", READ), EACCES);
    fails(user(p, 5).access("f", 1), EACCES);
}

fn a_named_group_is_granted(p: &Process) {
    put(p, "f", b"x");
    set(p, "f", ACCESS, &Acl::of_mode(0o600).with_group(50, 4));
    open(&user_in(p, 5, &[50]), "f", READ).unwrap();
    fails(open(&user_in(p, 5, &[50]), "f", OpenFlags::RDWR), EACCES);
    fails(open(&user(p, 5), "f", READ), EACCES);
}

fn the_mask_binds(p: &Process) {
    put(p, "f", b"x");
    set(p, "f", ACCESS, &Acl::of_mode(0o600).with_user(5, 6).with_group(50, 6).with_mask(4));
    for u in [user(p, 5), user_in(p, 6, &[50])] {
        open(&u, "f", READ).unwrap();
        fails(open(&u, "f", OpenFlags::RDWR), EACCES);
    }
}

fn a_list_may_deny_what_others_have(p: &Process) {
    put(p, "f", b"x");
    set(p, "f", ACCESS, &Acl::of_mode(0o644).with_user(5, 0).with_group(50, 0));
    fails(open(&user(p, 5), "f", READ), EACCES);
    fails(open(&user_in(p, 6, &[50]), "f", READ), EACCES);
    open(&user(p, 6), "f", READ).unwrap();
}

fn a_list_of_a_directory_binds_its_search(p: &Process) {
    mkdir(p, "d");
    put(p, "d/f", b"x");
    set(p, "d", ACCESS, &Acl::of_mode(0o700).with_user(5, 1).with_user(6, 7));
    assert_eq!(get(&user(p, 5), "d/f"), b"x");
    fails(open(&user(p, 5), "d", OpenFlags::DIRECTORY), EACCES);
    fails(open(&user(p, 5), "d/new", OpenFlags::CREAT), EACCES);
    put(&user(p, 6), "d/new", b"");
    fails(user(p, 7).stat("d/f"), EACCES);
}

fn a_list_sets_the_mode(p: &Process) {
    put(p, "f", b"");
    p.chmod("f", mode(0o4755)).unwrap();
    set(p, "f", ACCESS, &Acl::of_mode(0o641).with_user(5, 6));
    assert_eq!(stat(p, "f").mode, mode(0o4661));
}

fn a_minimal_list_is_only_a_mode(p: &Process) {
    put(p, "f", b"");
    set(p, "f", ACCESS, &Acl::of_mode(0o640).with_user(5, 6));
    set(p, "f", ACCESS, &Acl::of_mode(0o751));
    assert_eq!((stat(p, "f").mode, list(p, "f", ACCESS)), (mode(0o751), None));
    assert!(p.listxattr("f").unwrap().is_empty());
}

fn a_mode_sets_the_mask(p: &Process) {
    put(p, "f", b"");
    let mut acl = Acl::of_mode(0o640).with_user(5, 6);
    set(p, "f", ACCESS, &acl);
    p.chmod("f", mode(0o701)).unwrap();
    acl.set_mode(0o701);
    assert_eq!((stat(p, "f").mode, list(p, "f", ACCESS)), (mode(0o701), Some(acl)));
    fails(open(&user(p, 5), "f", READ), EACCES);
    p.chmod("f", mode(0o740)).unwrap();
    open(&user(p, 5), "f", READ).unwrap();
}

fn without_its_list_a_file_has_its_mode(p: &Process) {
    put(p, "f", b"");
    set(p, "f", ACCESS, &Acl::of_mode(0o640).with_user(5, 6));
    p.removexattr("f", ACCESS).unwrap();
    assert_eq!((stat(p, "f").mode, list(p, "f", ACCESS)), (mode(0o660), None));
    fails(open(&user(p, 5), "f", READ), EACCES);
}

fn only_owners_set_lists(p: &Process) {
    put(p, "f", b"");
    p.chown("f", Some(5), Some(6)).unwrap();
    p.chmod("f", mode(0o2777)).unwrap();
    let acl = Acl::of_mode(0o770).with_user(7, 4);
    let refused = user(p, 7).setxattr("f", ACCESS, acl.emit(), XattrFlags::empty());
    fails(refused, EPERM);
    set(&user(p, 5), "f", ACCESS, &acl);
    // Who is not in the group does not keep the group id.
    assert_eq!(stat(p, "f").mode, mode(0o770));
    fails(user(p, 7).removexattr("f", ACCESS), EPERM);
    user(p, 5).removexattr("f", ACCESS).unwrap();
}

fn wrong_lists_are_refused(p: &Process) {
    put(p, "f", b"");
    mkdir(p, "d");
    let good = Acl::of_mode(0o640).with_user(5, 6).emit();
    let set = |path: &str, name: &[u8], value: &[u8]| p.setxattr(path, name, value, XattrFlags::empty());
    fails(set("f", ACCESS, &good[..good.len() - 8]), EINVAL);
    fails(set("f", ACCESS, &good[..good.len() - 1]), EINVAL);
    fails(set("f", ACCESS, &good[..3]), EINVAL);
    fails(set("f", ACCESS, &[1, 0, 0, 0]), ENOTSUP);
    fails(set("d", DEFAULT, &good[..good.len() - 8]), EINVAL);
    fails(set("f", DEFAULT, &good), EACCES);
    assert_eq!((list(p, "f", ACCESS), list(p, "d", DEFAULT)), (None, None));
}

fn new_files_inherit(p: &Process) {
    mkdir(p, "d");
    let default = Acl::of_mode(0o770).with_user(5, 7);
    set(p, "d", DEFAULT, &default);
    put(p, "d/f", b"x");
    assert_eq!((stat(p, "d/f").mode, list(p, "d/f", ACCESS)), (mode(0o640), Some(default.inherit(0o644))));
    assert_eq!(list(p, "d/f", DEFAULT), None);
    open(&user(p, 5), "d/f", READ).unwrap();
    fails(open(&user(p, 5), "d/f", OpenFlags::RDWR), EACCES);
    fails(open(&user(p, 6), "d/f", READ), EACCES);
}

fn new_directories_inherit_on(p: &Process) {
    mkdir(p, "d");
    let default = Acl::of_mode(0o750).with_group(50, 7);
    set(p, "d", DEFAULT, &default);
    p.mkdir("d/e", mode(0o777)).unwrap();
    p.mkdir("d/e/deep", mode(0o777)).unwrap();
    for path in ["d/e", "d/e/deep"] {
        assert_eq!(list(p, path, DEFAULT), Some(default.clone()));
        assert_eq!((stat(p, path).mode, list(p, path, ACCESS)), (mode(0o770), Some(default.clone())));
    }
    p.removexattr("d", DEFAULT).unwrap();
    mkdir(p, "d/f");
    assert_eq!((list(p, "d/f", DEFAULT), list(p, "d/f", ACCESS)), (None, None));
}

fn inheritance_takes_the_umasks_place(p: &Process) {
    mkdir(p, "d");
    // A minimal default list is kept, and leaves no list on what inherits it.
    set(p, "d", DEFAULT, &Acl::of_mode(0o775));
    assert_eq!(list(p, "d", DEFAULT), Some(Acl::of_mode(0o775)));
    let q = p.fork();
    q.umask(mode(0o077));
    q.open("d/f", OpenFlags::CREAT, mode(0o666)).unwrap();
    q.open("g", OpenFlags::CREAT, mode(0o666)).unwrap();
    assert_eq!((stat(p, "d/f").mode, stat(p, "g").mode), (mode(0o664), mode(0o600)));
    assert_eq!(list(p, "d/f", ACCESS), None);
    q.exit();
}

fn links_have_no_lists(p: &Process) {
    mkdir(p, "d");
    let acl = Acl::of_mode(0o770).with_user(5, 7);
    set(p, "d", DEFAULT, &acl);
    p.symlink("x", "d/l").unwrap();
    assert!(p.llistxattr("d/l").unwrap().is_empty());
    assert_eq!(stat(p, "d/l").mode, mode(0o777));
    fails(p.lsetxattr("d/l", ACCESS, acl.emit(), XattrFlags::empty()), ENOTSUP);
}
