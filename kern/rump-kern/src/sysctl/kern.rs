//! `kern`: the kernel.

use super::SysctlValue::{Int, Struct, Text};
use super::{Entry, SysctlValue, choice, fact, node, process, table};
use crate::{OPEN_MAX_LIMIT, Process};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use rump_abi::Errno;
use rump_abi::sysctl::*;
use rump_kpi::KResult;

pub(crate) const OSTYPE: &str = "rump";
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");
pub(crate) const VERSION: &str = concat!("rump ", env!("CARGO_PKG_VERSION"));

/// Ticks in a second, as kernfs tells them.
const HZ: i32 = 100;

/// Bytes of arguments of a program that could be run, if there were such.
const ARG_MAX: i32 = 256 * 1024;

/// Supplementary groups of a process.
const NGROUPS_MAX: i32 = 16;

/// The version of POSIX that calls follow.
const POSIX: i32 = 200_809;

/// Nothing is held back from the superuser.
const PERMANENTLY_INSECURE: i32 = -1;

pub(super) static TABLE: [Entry; 26] = [
    fact(KERN_OSTYPE, "ostype", |_| text(OSTYPE)),
    fact(KERN_OSRELEASE, "osrelease", |_| text(RELEASE)),
    fact(KERN_OSREV, "osrevision", |_| Ok(Int(revision()))),
    fact(KERN_VERSION, "version", |_| text(VERSION)),
    // There is no limit but that of numbers.
    fact(KERN_MAXPROC, "maxproc", |_| Ok(Int(i32::MAX))),
    fact(KERN_MAXFILES, "maxfiles", |_| Ok(SysctlValue::int(OPEN_MAX_LIMIT.into()))),
    fact(KERN_ARGMAX, "argmax", |_| Ok(Int(ARG_MAX))),
    fact(KERN_SECURELVL, "securelevel", |_| Ok(Int(PERMANENTLY_INSECURE))),
    choice(KERN_HOSTNAME, "hostname", |p| Ok(Text(p.shared().facts.host_name.text())), set_host_name),
    choice(KERN_HOSTID, "hostid", host_id, set_host_id),
    fact(KERN_CLOCKRATE, "clockrate", |_| Ok(clock_rate())),
    fact(KERN_POSIX1, "posix1version", |_| Ok(Int(POSIX))),
    fact(KERN_NGROUPS, "ngroups", |_| Ok(Int(NGROUPS_MAX))),
    choice(KERN_DOMAINNAME, "domainname", |p| Ok(Text(p.shared().facts.domain_name.text())), set_domain_name),
    fact(KERN_FSYNC, "fsync", |_| Ok(Int(1))),
    fact(KERN_SYNCHRONIZED_IO, "synchronized_io", |_| Ok(Int(1))),
    table(KERN_PROC2, "proc2", process::processes),
    node(KERN_PIPE, "pipe", &PIPE),
    fact(KERN_MONOTONIC_CLOCK, "monotonic_clock", |_| Ok(Int(POSIX))),
    fact(KERN_POSIX_SEMAPHORES, "posix_semaphores", |_| Ok(Int(POSIX))),
    fact(KERN_POSIX_TIMERS, "posix_timers", |_| Ok(Int(POSIX))),
    table(KERN_FILE2, "file2", process::files),
    fact(KERN_HARDCLOCK_TICKS, "hardclock_ticks", ticks),
    fact(KERN_BOOTTIME, "boottime", |p| Ok(boot_time(p))),
    fact(CREATE_BASE, "posix_aio", |_| Ok(Int(POSIX))),
    fact(CREATE_BASE + 1, "aio_listio_max", |_| Ok(SysctlValue::int(crate::AIO_LISTIO_MAX as u64))),
];

/// All pipes have one size.
static PIPE: [Entry; 2] = [
    fact(KERN_PIPE_MAXBIGPIPES, "maxbigpipes", |_| Ok(Int(0))),
    fact(KERN_PIPE_NBIGPIPES, "nbigpipes", |_| Ok(Int(0))),
];

fn text(text: &str) -> KResult<SysctlValue> {
    Ok(Text(text.into()))
}

/// Two digits each of the version's numbers, as NetBSD has them.
fn revision() -> i32 {
    let numbers = RELEASE.split('.').map(|number| number.parse::<i32>().unwrap_or(0));
    numbers
        .zip([100_000_000, 1_000_000, 100])
        .map(|(number, unit)| number % 100 * unit)
        .fold(0, i32::saturating_add)
}

fn set_host_name(process: &Process, value: &SysctlValue) -> KResult<()> {
    let Text(name) = value else { return Err(Errno::EINVAL.into()) };
    process.shared().facts.host_name.set(name)
}

fn set_domain_name(process: &Process, value: &SysctlValue) -> KResult<()> {
    let Text(name) = value else { return Err(Errno::EINVAL.into()) };
    process.shared().facts.domain_name.set(name)
}

fn host_id(process: &Process) -> KResult<SysctlValue> {
    Ok(Int(process.shared().facts.host_id.load(Ordering::Relaxed)))
}

fn set_host_id(process: &Process, value: &SysctlValue) -> KResult<()> {
    let Int(number) = value else { return Err(Errno::EINVAL.into()) };
    process.shared().facts.host_id.store(*number, Ordering::Relaxed);
    Ok(())
}

/// `struct clockinfo`: ticks in a second, microseconds in one, what `adjtime` could change it by, ticks of statistics and of
/// profiling.
fn clock_rate() -> SysctlValue {
    let fields = [HZ, 1_000_000 / HZ, 0, HZ, HZ];
    Struct(fields.iter().flat_map(|field| field.to_ne_bytes()).collect())
}

fn ticks(process: &Process) -> KResult<SysctlValue> {
    let ticks = process.shared().clock.uptime().as_millis() * HZ as u128 / 1000;
    // It starts again from zero, as there.
    Ok(Int((ticks % (1 << 31)) as i32))
}

/// `struct timespec` of a machine of 64 bits.
fn boot_time(process: &Process) -> SysctlValue {
    let time = process.shared().clock.boot_time();
    let mut bytes = Vec::from(time.sec.to_ne_bytes());
    bytes.extend(i64::from(time.nsec).to_ne_bytes());
    Struct(bytes)
}
