//! statvfs(2), getvfsstat(2).

use super::call::{Answer, Call, answer};
use rump_abi::MountFlags;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::mount::{MNT_LOCAL, MNT_ROOTFS};
use rump_abi::netbsd::statvfs::{StatVfsBuf, name};
use rump_kern::MountedFs;

/// The structure.
pub(super) fn structure(mounted: &MountedFs) -> StatVfsBuf {
    let (facts, info) = (&mounted.facts, &mounted.info);
    let known = info.flags & (MountFlags::RDONLY | MountFlags::NOATIME);
    let root = if info.target == b"/" { MNT_ROOTFS } else { 0 };
    StatVfsBuf {
        flag: (known.bits() | MNT_LOCAL | root).into(),
        bsize: facts.block_size.into(),
        frsize: facts.block_size.into(),
        iosize: facts.block_size.into(),
        blocks: facts.blocks,
        bfree: facts.blocks_free,
        bavail: facts.blocks_available,
        bresvd: facts.blocks_free.saturating_sub(facts.blocks_available),
        files: facts.files,
        ffree: facts.files_free,
        favail: facts.files_free,
        fresvd: 0,
        io: [0; 4],
        fsidx: [mounted.id as u32, 0],
        fsid: mounted.id,
        namemax: facts.name_max.into(),
        owner: 0,
        fstypename: name(info.fs_type.as_bytes()),
        mntonname: name(&info.target),
        // As NetBSD does for what is on no device.
        mntfromname: name(if info.source.is_empty() { info.fs_type.as_bytes() } else { &info.source }),
    }
}

pub(super) fn statvfs1(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let mounted = call.process.mounted(path)?;
    answer(call.put(1, &structure(&mounted)))
}

pub(super) fn fstatvfs1(call: &mut Call<'_>) -> Answer {
    let mounted = call.process.fmounted(call.fd(0)?)?;
    answer(call.put(1, &structure(&mounted)))
}

/// Without room it answers how many there are.
pub(super) fn getvfsstat(call: &mut Call<'_>) -> Answer {
    let (address, room) = (call.slot(0)?, call.slot(1)?);
    let all = call.process.getvfsstat()?;
    if address == 0 {
        return answer(Ok(all.len()));
    }
    let fits = usize::try_from(room / StatVfsBuf::SIZE as u64).unwrap_or(usize::MAX);
    let given = &all[..all.len().min(fits)];
    let bytes: Vec<u8> = given.iter().flat_map(|mounted| structure(mounted).to_bytes()).collect();
    call.put_bytes(address, &bytes)?;
    answer(Ok(given.len()))
}
