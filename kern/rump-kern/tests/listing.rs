//! Listings with attributes say what `fstatat` says of each name.

mod common;

use common::*;
use rump_abi::{AtFlags, DevNumber, Errno::*, FileType, OpenFlags, Stat};
use rump_host_sim::SimHost;
use rump_kern::{EtfsKind, Kernel, MountArgs, Process};
use rump_kpi::KResult;

fn listed(p: &Process, path: &str) -> KResult<Vec<(Vec<u8>, KResult<Stat>)>> {
    let fd = open(p, path, OpenFlags::DIRECTORY)?;
    let mut all = Vec::new();
    let result = p.getdents_with_stat(fd, &mut |entry, stat| {
        assert!(stat.as_ref().is_ok_and(|stat| stat.ino == entry.ino));
        all.push((entry.name.to_vec(), stat));
        true
    });
    p.close(fd)?;
    result.map(|()| all)
}

/// Answers the names.
#[track_caller]
fn agrees_with_fstatat(p: &Process, path: &str) -> Vec<String> {
    // Reading a directory may move its access time: once before both.
    names(p, path);
    let all = listed(p, path).unwrap();
    let fd = open(p, path, OpenFlags::DIRECTORY).unwrap();
    for (name, stat) in &all {
        let expected = p.fstatat(Some(fd), name, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        let without_atime = |stat: &Stat| Stat { atime: expected.atime, ..*stat };
        assert_eq!(without_atime(stat.as_ref().unwrap()), expected, "{}", String::from_utf8_lossy(name));
    }
    p.close(fd).unwrap();
    all.into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
}

fn tree(p: &Process) {
    p.mkdir("/d", mode(0o755)).unwrap();
    p.mkdir("/d/sub", mode(0o700)).unwrap();
    put(p, "/d/file", b"content");
    p.link("/d/file", "/d/other").unwrap();
    p.symlink("file", "/d/link").unwrap();
    p.mknod("/d/fifo", FileType::Fifo, mode(0o644), DevNumber::default()).unwrap();
}

#[test]
fn files_of_all_types_are_described() {
    let p = process();
    tree(&p);
    let mut all = agrees_with_fstatat(&p, "/d");
    all.sort();
    assert_eq!(all, [".", "..", "fifo", "file", "link", "other", "sub"]);
    agrees_with_fstatat(&p, "/d/sub");
}

#[test]
fn a_file_in_use_is_described_as_it_is_now() {
    let p = process();
    tree(&p);
    let fd = open(&p, "/d/file", OpenFlags::WRONLY).unwrap();
    p.pwrite(fd, b"longer than it was", 0).unwrap();
    agrees_with_fstatat(&p, "/d");
}

#[test]
fn mounts_are_described_by_their_roots_however_many_are_stacked() {
    let p = process();
    tree(&p);
    for perm in [0o711, 0o722] {
        p.mount("tmpfs", "/d/sub", MountArgs::default()).unwrap();
        p.chmod("/d/sub", mode(perm)).unwrap();
        agrees_with_fstatat(&p, "/d");
        agrees_with_fstatat(&p, "/d/sub");
        agrees_with_fstatat(&p, "/");
    }
}

#[test]
fn dot_dot_of_the_root_of_a_process_does_not_lead_out() {
    let p = process();
    tree(&p);
    p.mkdir("/d/sub/below", mode(0o755)).unwrap();
    let inside = p.fork();
    inside.chroot("/d/sub").unwrap();
    agrees_with_fstatat(&inside, "/");
    agrees_with_fstatat(&inside, "/below");
}

#[test]
fn files_of_the_host_are_described() {
    let host = SimHost::new(1);
    host.add_file("/host", *b"four");
    let kernel = Kernel::builder(host).component(rumpfs_tmpfs::component()).boot().unwrap();
    let p = kernel.process();
    put(&p, "/named", b"x");
    p.mkdir("/plain", mode(0o755)).unwrap();
    kernel.etfs_register("/named", b"/host", EtfsKind::Regular, None).unwrap();
    let stat = p.stat("/named").unwrap();
    assert_eq!(stat.size, 4);
    agrees_with_fstatat(&p, "/");
}

#[test]
fn reading_without_searching_gives_names_alone() {
    let p = process();
    tree(&p);
    p.chmod("/d", mode(0o744)).unwrap();
    let user = user(&p, 7);
    fails(listed(&user, "/d"), EACCES);
    assert_eq!(names(&user, "/d").len(), 5);
}

#[test]
fn the_cursor_moves_with_either_kind_of_listing() {
    let p = process();
    tree(&p);
    let fd = open(&p, "/d", OpenFlags::DIRECTORY).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        p.getdents_with_stat(fd, &mut |entry, _| {
            seen.push(entry.name.to_vec());
            false
        })
        .unwrap();
    }
    p.getdents(fd, &mut |entry| {
        seen.push(entry.name.to_vec());
        true
    })
    .unwrap();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

#[test]
fn a_file_has_no_listing() {
    let p = process();
    put(&p, "/f", b"");
    let fd = open(&p, "/f", OpenFlags::empty()).unwrap();
    fails(p.getdents_with_stat(fd, &mut |_, _| true), ENOTDIR);
}
