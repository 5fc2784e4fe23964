//! Processes and their open files, as ps(1) and sockstat(1) ask for them: behind the name of a table stand what is asked for,
//! an argument, the bytes of a structure, and how many of them at most.

use super::wanted;
use crate::Process;
use crate::descriptors::{Descriptor, Object};
use alloc::vec::Vec;
use rump_abi::netbsd::process::*;
use rump_abi::netbsd::statvfs::name;
use rump_abi::{AccessMode, Errno};
use rump_kpi::KResult;

/// Processes, in the order of their numbers. Errors: EINVAL (the name does not go on as it should), ENXIO (halted).
pub(super) fn processes(process: &Process, rest: &[i32]) -> KResult<Vec<u8>> {
    let [what, number, bytes, count] = *rest else { return Err(Errno::EINVAL.into()) };
    let is_one = |other: &Process| match what {
        KERN_PROC_ALL => true,
        _ => i64::from(number) == i64::from(other.pid()),
    };
    if !matches!(what, KERN_PROC_ALL | KERN_PROC_PID) {
        return Err(Errno::EINVAL.into());
    }
    let all = process.others();
    wanted(bytes, count, all.iter().filter(|other| is_one(other)).filter_map(|other| said(other).ok()))
}

/// Their open files, those of one process together. Errors: as [`processes`].
pub(super) fn files(process: &Process, rest: &[i32]) -> KResult<Vec<u8>> {
    let [KERN_FILE_BYPID, number, bytes, count] = *rest else { return Err(Errno::EINVAL.into()) };
    let is_one = |other: &Process| number == -1 || i64::from(number) == i64::from(other.pid());
    let mut all = Vec::new();
    for other in process.others().iter().filter(|other| is_one(other)) {
        let table = other.descriptors().read();
        all.extend(table.entries().map(|(fd, descriptor)| file(other.pid(), fd.0, descriptor)));
    }
    wanted(bytes, count, all.into_iter())
}

/// Errors: ESRCH (it ended).
fn said(process: &Process) -> KResult<KinfoProc2> {
    let (ids, credentials) = (process.standing().ids, process.cred());
    Ok(KinfoProc2 {
        pid: process.pid() as i32,
        parent: process.getppid() as i32,
        session: process.getsid(0)? as i32,
        group: process.getpgrp()? as i32,
        uid: credentials.uid,
        ruid: ids.real_uid(),
        gid: credentials.gid,
        rgid: ids.real_gid(),
        name: name(process.name().as_bytes()),
    })
}

fn file(pid: u32, fd: u32, Descriptor { file, cloexec }: &Descriptor) -> KinfoFile {
    let (kind, data) = match &file.object {
        Object::Vnode(_) | Object::Device(_) => (DTYPE_VNODE, 0),
        Object::Socket(socket) => (DTYPE_SOCKET, socket.number()),
        Object::Pipe(_) => (DTYPE_PIPE, 0),
        Object::Queue(_) => (DTYPE_KQUEUE, 0),
    };
    KinfoFile {
        flags: match file.access {
            AccessMode::Read => FREAD,
            AccessMode::Write => FWRITE,
            AccessMode::ReadWrite => FREAD | FWRITE,
        },
        kind,
        data,
        pid,
        fd: fd as i32,
        closes_on_exec: (*cloexec).into(),
    }
}
