//! What sysctl(3) tells of names: those below a name, which NetBSD's sysctl(8) and sysctlbyname(3) ask for by a last number of
//! its own (`CTL_QUERY`).

use super::call::{Answer, Call, answer};
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::statvfs::name;
use rump_abi::netbsd::sysctl::*;
use rump_kern::{Process, SysctlValue};
use rump_kpi::KResult;
use std::collections::{BTreeMap, BTreeSet};

/// Tells of those below `folder`: at the address in the third slot, where there is as much room as the fourth points to.
///
/// Errors: EINVAL (the asker knows another structure), EFAULT, ENOTDIR (it is a value), ENOENT, ENOMEM (there is not enough
/// room; as many as fit are told).
pub(super) fn query(call: &mut Call<'_>, folder: &[i32]) -> Answer {
    let (old, asked) = (call.slot(2)?, call.slot(4)?);
    if asked != 0 {
        let version = call.read_at::<Sysctlnode>(asked)?.flags & SYSCTL_VERS_MASK;
        if call.slot(5)? != Sysctlnode::SIZE as u64 || version != SYSCTL_VERSION {
            return Err(Errno::EINVAL.into());
        }
    }
    let nodes = children(call.process, folder)?;
    let room = call.read_if::<u64>(3)?.unwrap_or(0);
    let length = (nodes.len() * Sysctlnode::SIZE) as u64;
    call.put_if(3, &length)?;
    if old == 0 {
        return answer(Ok(()));
    }
    let fits = usize::try_from(room).unwrap_or(usize::MAX) / Sysctlnode::SIZE;
    let bytes: Vec<u8> = nodes.iter().take(fits).flat_map(Sysctlnode::to_bytes).collect();
    call.put_bytes(old, &bytes)?;
    if room < length { Err(Errno::ENOMEM.into()) } else { answer(Ok(())) }
}

/// What is below a folder.
enum Child {
    Value(Sysctlnode),
    /// The numbers below it.
    Folder(BTreeSet<i32>),
}

/// In the order of their numbers. Errors: ENXIO (halted), ENOTDIR, ENOENT.
fn children(process: &Process, folder: &[i32]) -> KResult<Vec<Sysctlnode>> {
    let mut all: BTreeMap<i32, (String, Child)> = BTreeMap::new();
    let tables = process.sysctl_tables();
    for whole in process.sysctl_names().iter().chain(&tables) {
        let numbers = process.sysctl_numbers(whole)?;
        let Some(below) = numbers.strip_prefix(folder) else { continue };
        let part = || whole.split('.').nth(folder.len()).unwrap_or_default().to_owned();
        match *below {
            [] => return Err(Errno::ENOTDIR.into()),
            [number] if tables.contains(whole) => {
                all.insert(number, (part(), Child::Value(described(CTLTYPE_STRUCT))));
            }
            // What is of protocols that are not linked has no value.
            [number] => {
                if let Ok(node) = value(process, &numbers) {
                    all.insert(number, (part(), Child::Value(node)));
                }
            }
            [number, next, ..] => {
                let (_, child) =
                    all.entry(number).or_insert_with(|| (part(), Child::Folder(BTreeSet::new())));
                if let Child::Folder(numbers) = child {
                    numbers.insert(next);
                }
            }
        }
    }
    if all.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    let node = |(number, (part, child)): (i32, (String, Child))| {
        let node = match child {
            Child::Value(node) => node,
            Child::Folder(numbers) => {
                let count = numbers.len() as u32;
                Sysctlnode { children: [count; 2], ..described(CTLTYPE_NODE) }
            }
        };
        Sysctlnode { number, name: name(part.as_bytes()), ..node }
    };
    Ok(all.into_iter().map(node).collect())
}

/// A node of a type, with nothing else.
fn described(kind: u32) -> Sysctlnode {
    let flags = SYSCTL_VERSION | CTLFLAG_PERMANENT | kind;
    Sysctlnode { flags, number: 0, name: [0; SYSCTL_NAMELEN], children: [0; 2], size: 0 }
}

/// A value. Errors: those of asking for it.
fn value(process: &Process, numbers: &[i32]) -> KResult<Sysctlnode> {
    let value = process.sysctl_value(numbers)?;
    let mut node = described(match value {
        SysctlValue::Int(_) => CTLTYPE_INT,
        SysctlValue::Quad(_) => CTLTYPE_QUAD,
        SysctlValue::Text(_) => CTLTYPE_STRING,
        SysctlValue::Struct(_) => CTLTYPE_STRUCT,
    });
    if process.sysctl_is_choice(numbers)? {
        node.flags |= CTLFLAG_READWRITE;
    }
    node.size = value.to_bytes().len() as u64;
    Ok(node)
}
