//! `hw`: the machine, which a rump kernel has no part of its own of.

use super::SysctlValue::{Int, Quad, Text};
use super::{Entry, SysctlValue, fact};
use crate::Process;
use rump_abi::sysctl::*;
use rump_kpi::KResult;

/// Bytes in a page, as kernfs tells them.
const PAGE: i32 = 4096;

pub(super) static TABLE: [Entry; 11] = [
    fact(HW_MACHINE, "machine", |_| Ok(Text(machine().0.into()))),
    fact(HW_MODEL, "model", |_| Ok(Text("rump kernel (virtual)".into()))),
    fact(HW_NCPU, "ncpu", |p| Ok(processors(p))),
    fact(HW_BYTEORDER, "byteorder", |_| Ok(Int(if cfg!(target_endian = "little") { 1234 } else { 4321 }))),
    fact(HW_PHYSMEM, "physmem", |p| Ok(SysctlValue::int(memory(p)))),
    fact(HW_USERMEM, "usermem", |p| Ok(SysctlValue::int(memory(p)))),
    fact(HW_PAGESIZE, "pagesize", |_| Ok(Int(PAGE))),
    fact(HW_MACHINE_ARCH, "machine_arch", |_| Ok(Text(machine().1.into()))),
    fact(HW_PHYSMEM64, "physmem64", memory64),
    fact(HW_USERMEM64, "usermem64", memory64),
    fact(HW_NCPUONLINE, "ncpuonline", |p| Ok(processors(p))),
];

/// NetBSD's names for the machine and its processor.
pub(crate) fn machine() -> (&'static str, &'static str) {
    match () {
        () if cfg!(target_arch = "x86_64") => ("amd64", "x86_64"),
        () if cfg!(target_arch = "x86") => ("i386", "i386"),
        () if cfg!(all(target_arch = "aarch64", target_endian = "little")) => ("evbarm", "aarch64"),
        () if cfg!(target_arch = "arm") => ("evbarm", "earmv7hf"),
        () if cfg!(target_arch = "riscv64") => ("riscv", "riscv64"),
        () if cfg!(target_arch = "powerpc64") => ("evbppc", "powerpc64"),
        () if cfg!(target_arch = "sparc64") => ("sparc64", "sparc64"),
        () => ("unknown", "unknown"),
    }
}

/// As many as programs are told of: [`Kernel::cpus`](crate::Kernel::cpus).
fn processors(process: &Process) -> SysctlValue {
    Int(i32::try_from(process.shared().cpus).unwrap_or(i32::MAX))
}

fn memory64(process: &Process) -> KResult<SysctlValue> {
    Ok(Quad(i64::try_from(memory(process)).unwrap_or(i64::MAX)))
}

/// What the kernel was limited to, in bytes, or as much as there can be.
fn memory(process: &Process) -> u64 {
    process.shared().memory_limit.unwrap_or(i64::MAX as u64)
}
