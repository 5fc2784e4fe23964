//! A kernel with a tmpfs root on a simulated host, for the tests of this crate.
#![allow(dead_code)]

use rump_abi::{Errno, Mode, OpenFlags};
use rump_host_sim::SimHost;
use rump_kern::{Credentials, Fd, Kernel, Process};
use rump_kpi::KResult;

pub fn kernel() -> Kernel {
    Kernel::builder(SimHost::new(1)).component(rumpfs_tmpfs::component()).boot().unwrap()
}

pub fn process() -> Process {
    kernel().process()
}

pub fn user(p: &Process, uid: u32) -> Process {
    let other = p.fork();
    other.set_credentials(Credentials { uid, gid: uid, groups: Vec::new() });
    other
}

pub fn mode(bits: u32) -> Mode {
    Mode::new(bits)
}

pub fn put(p: &Process, path: &str, content: &[u8]) {
    let fd = p.open(path, OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC, mode(0o644)).unwrap();
    assert_eq!(p.write(fd, content).unwrap(), content.len());
    p.close(fd).unwrap();
}

pub fn open(p: &Process, path: &str, flags: OpenFlags) -> KResult<Fd> {
    p.open(path, flags, mode(0o644))
}

pub fn get(p: &Process, path: &str) -> Vec<u8> {
    let fd = open(p, path, OpenFlags::empty()).unwrap();
    let mut buf = vec![0; 4096];
    let n = p.read(fd, &mut buf).unwrap();
    p.close(fd).unwrap();
    buf.truncate(n);
    buf
}

pub fn names(p: &Process, path: &str) -> Vec<String> {
    let fd = open(p, path, OpenFlags::DIRECTORY).unwrap();
    let mut names = Vec::new();
    p.getdents(fd, &mut |e| {
        names.push(String::from_utf8_lossy(e.name).into_owned());
        true
    })
    .unwrap();
    p.close(fd).unwrap();
    names.retain(|n| n != "." && n != "..");
    names.sort();
    names
}

#[track_caller]
pub fn fails<T>(result: KResult<T>, errno: Errno) {
    assert_eq!(result.err().map(|e| e.errno), Some(errno));
}
