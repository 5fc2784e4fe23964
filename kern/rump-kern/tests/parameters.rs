//! Parameters of a kernel: what they bound, and what they refuse.

mod common;

use common::{mode, open, put};
use rump_abi::{Errno, OpenFlags};
use rump_host_sim::SimHost;
use rump_kern::{BootMessages, EtfsKind, Kernel, MountArgs};
use rump_kpi::KResult;
use std::sync::Arc;

fn host(parameters: &[(&str, &str)]) -> Arc<SimHost> {
    let host = SimHost::new(1);
    parameters.iter().for_each(|(name, value)| host.set_param(name, value));
    host
}

fn boot(host: &Arc<SimHost>) -> KResult<Kernel> {
    Kernel::builder(host.clone()).component(rumpfs_tmpfs::component()).boot()
}

#[test]
fn what_is_no_value_keeps_the_kernel_from_booting() {
    for (name, value) in [
        ("RUMP_NCPU", "0"),
        ("RUMP_NCPU", "many"),
        ("RUMP_NCPU", "1025"),
        ("RUMP_VERBOSE", "yes"),
        ("RUMP_MEMLIMIT", "12x"),
        ("RUMP_MEMLIMIT", ""),
        ("RUMP_NVNODES", "-1"),
        ("RUMP_BLKFAIL", "10001"),
        ("RUMP_BLKFAIL", "often"),
    ] {
        let error = boot(&host(&[(name, value)])).err().unwrap();
        assert_eq!(error.errno, Errno::EINVAL, "{name}={value}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn programs_are_told_of_as_many_processors_as_were_said() {
    let cpus = |parameters: &[(&str, &str)]| boot(&host(parameters)).unwrap().cpus();
    assert_eq!(cpus(&[]), 1);
    assert_eq!(cpus(&[("RUMP_NCPU", "7")]), 7);
    assert_eq!(cpus(&[("RUMP_NCPU", "host"), ("_RUMPUSER_NCPU", "3")]), 3);
}

#[test]
fn a_kernel_tells_what_it_is_made_of_if_it_is_asked() {
    for (parameter, messages, is_told) in [
        ("0", BootMessages::AsParameter, false),
        ("1", BootMessages::AsParameter, true),
        ("0", BootMessages::All, true),
        ("1", BootMessages::None, false),
    ] {
        let host = host(&[("RUMP_VERBOSE", parameter)]);
        let builder = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component()).messages(messages);
        let _kernel = builder.boot().unwrap();
        assert_eq!(host.console_lines().iter().any(|line| line == "file systems: tmpfs"), is_told);
    }
}

#[test]
fn files_in_memory_share_what_there_is_and_give_it_back() {
    let kernel = boot(&host(&[("RUMP_MEMLIMIT", "1m")])).unwrap();
    let p = kernel.process();
    p.mkdir("/other", mode(0o755)).unwrap();
    p.mount("tmpfs", "/other", MountArgs::default()).unwrap();
    let write = |path: &str, bytes: usize| {
        let fd = open(&p, path, OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC)?;
        let written = p.write(fd, &vec![1; bytes]);
        p.close(fd)?;
        written
    };
    assert_eq!(write("/a", 700 << 10).unwrap(), 700 << 10);
    let full = write("/other/b", 700 << 10);
    assert!(
        full.as_ref().map_or_else(|error| error.errno == Errno::ENOSPC, |&count| count < 700 << 10),
        "{full:?}"
    );
    let of_other = p.statvfs("/other").unwrap();
    assert!(of_other.blocks * u64::from(of_other.block_size) <= 1 << 20);
    p.unlink("/a").unwrap();
    assert_eq!(write("/other/b", 700 << 10).unwrap(), 700 << 10);
    p.unmount("/other", rump_kern::Unmount::Normal).unwrap();
    assert_eq!(write("/c", 1000 << 10).unwrap(), 1000 << 10);
}

#[test]
fn devices_of_the_host_fail_as_often_as_was_said_and_the_same_way_again() {
    let failures = |seed: &str| {
        let host = host(&[("RUMP_BLKFAIL", "2000"), ("RUMP_BLKFAIL_SEED", seed)]);
        host.add_file("/disk", vec![0; 4096]);
        let kernel = boot(&host).unwrap();
        kernel.etfs_register("/dev/disk", b"/disk", EtfsKind::Block, None).unwrap();
        let p = kernel.process();
        let fd = open(&p, "/dev/disk", OpenFlags::empty()).unwrap();
        let fails = |_: &usize| p.pread(fd, &mut [0; 512], 0).is_err_and(|error| error.errno == Errno::EIO);
        (0..1000).filter(fails).collect::<Vec<_>>()
    };
    let some = failures("1");
    assert!((120..280).contains(&some.len()), "{}", some.len());
    assert_eq!(some, failures("1"));
    assert_ne!(some, failures("2"));
}

#[test]
fn a_bound_of_vnodes_loses_no_file() {
    let kernel = boot(&host(&[("RUMP_NVNODES", "16")])).unwrap();
    let p = kernel.process();
    (0..200).for_each(|number| put(&p, &format!("/{number}"), number.to_string().as_bytes()));
    (0..200)
        .for_each(|number| assert_eq!(common::get(&p, &format!("/{number}")), number.to_string().as_bytes()));
}
