//! Arrays of Linux's MD: linear, RAID 0, 1, 4, 5, 6 and 10, with all their members or as many as they can do without.

mod superblock;

pub use superblock::Member;

use crate::map::{Concat, Device, Mirror, ReadOnly, Run, Source, Striped, part};
use crate::raid::{Layout, Parities, Parity, Ten};
use crate::{damaged, unsupported};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

const WHAT: &str = "MD arrays";

/// An array.
pub struct Array {
    /// What its superblocks call it; see [`Member::name`].
    pub name: String,
    /// As eight, four and twelve digits with dashes between.
    pub uuid: String,
    /// As `raid5`.
    pub level: String,
    /// Version of the superblocks.
    pub version: &'static str,
    /// Which of the given devices belong to it, by their number.
    pub found: Vec<usize>,
    /// Places in it whose members are not there, or too old.
    pub missing: Vec<u32>,
    /// Its content.
    pub device: KResult<Device>,
}

/// The arrays that devices with these superblocks make.
pub fn arrays(devices: &[(Member, Device)]) -> Vec<Array> {
    let mut by_uuid = BTreeMap::<&str, Vec<usize>>::new();
    for (index, (member, _)) in devices.iter().enumerate() {
        by_uuid.entry(&member.uuid).or_default().push(index);
    }
    by_uuid.into_values().filter_map(|found| assemble(devices, found)).collect()
}

fn assemble(devices: &[(Member, Device)], found: Vec<usize>) -> Option<Array> {
    let newest = found.iter().map(|index| &devices[*index].0).max_by_key(|member| member.events)?;
    let hindrance = newest.hindrance.map(|why| unsupported(format!("MD: an array {why} is not read here")));
    let mut places: Vec<Option<&(Member, Device)>> = Vec::new();
    if hindrance.is_none() {
        places.resize(newest.members as usize, None);
        for index in &found {
            let (member, _) = &devices[*index];
            // The last change may not have come to all of them.
            let is_new = member.events.saturating_add(1) >= newest.events && member.level == newest.level;
            if let Some(place) = member.role.filter(|_| is_new).and_then(|at| places.get_mut(at as usize)) {
                place.get_or_insert(&devices[*index]);
            }
        }
    }
    let missing = (0..).zip(&places).filter(|(_, place)| place.is_none()).map(|(at, _)| at).collect();
    Some(Array {
        name: newest.name.clone(),
        uuid: newest.uuid.clone(),
        level: level_name(newest.level),
        version: newest.version,
        missing,
        device: hindrance.map_or_else(|| content(newest, &places), Err),
        found,
    })
}

fn level_name(level: i32) -> String {
    if level == -1 { "linear".to_string() } else { format!("raid{level}") }
}

type Places<'a> = [Option<&'a (Member, Device)>];

fn content(array: &Member, places: &Places<'_>) -> KResult<Device> {
    let members = places
        .iter()
        .map(|place| {
            place.map(|(it, device)| part(WHAT, device.clone(), it.data_offset, it.data_bytes)).transpose()
        })
        .collect::<KResult<Vec<Option<Device>>>>()?;
    let lost = members.iter().filter(|member| member.is_none()).count();
    let bearable = match array.level {
        1 => members.len() - 1,
        4 | 5 => 1,
        6 => 2,
        // Which ones are lost decides, and is told where something of theirs is read.
        10 => members.len() - 1,
        _ => 0,
    };
    if lost > bearable {
        let (level, all) = (level_name(array.level), members.len());
        return Err(KError::new(Errno::EIO, format!("MD: {lost} of {all} members of a {level} are missing")));
    }
    let used = array.used_bytes;
    let needs_chunk = matches!(array.level, 0 | 4 | 5 | 6 | 10);
    if needs_chunk && (array.chunk_bytes == 0 || array.chunk_bytes % 512 != 0) {
        return Err(damaged(format!("MD: chunks of {} bytes", array.chunk_bytes)));
    }
    let is_short = |member: &Device| member.size_bytes() < used;
    if array.level > 0 && members.iter().flatten().any(is_short) {
        return Err(damaged(format!("MD: a member has less than the {used} bytes that are used of it")));
    }
    let all = || members.iter().flatten().cloned().collect::<Vec<Device>>();
    match array.level {
        -1 => device(linear(array, all())?),
        0 => device(zones(array, all())?),
        1 => device(Mirror { copies: all(), size: used }),
        4..=6 => {
            let parities = if array.level == 6 { Parities::Two } else { Parities::One };
            // Level 4 has its parity on the last member.
            let layout = if array.level == 4 { 5 } else { array.layout };
            let layout = Layout::new(layout, members.len(), parities)?;
            let size = (used - used % array.chunk_bytes).checked_mul(layout.data_members());
            let size = size.ok_or_else(|| damaged("MD: an array beyond all sizes"))?;
            device(Parity { members, layout, chunk: array.chunk_bytes, size })
        }
        10 => device(Ten::new(members, array.layout, array.chunk_bytes, used)?),
        other => Err(unsupported(format!("MD: arrays of level {other} are not read here"))),
    }
}

fn device(source: impl Source + 'static) -> KResult<Device> {
    Ok(Arc::new(ReadOnly { what: WHAT, source }))
}

/// Length of a member in whole chunks, where there are such.
fn rounded(array: &Member, member: &dyn BlockDevice) -> u64 {
    let size = member.size_bytes();
    size - size.checked_rem(array.chunk_bytes).unwrap_or(0)
}

fn linear(array: &Member, members: Vec<Device>) -> KResult<Concat> {
    let run = |device: Device| Run { len: rounded(array, &*device), device, offset: 0 };
    Concat::new(members.into_iter().map(run).filter(|run| run.len > 0))
}

/// RAID 0: where members differ in length, those that are longer go on among themselves.
fn zones(array: &Member, members: Vec<Device>) -> KResult<Concat> {
    let chunk = array.chunk_bytes;
    let sizes: Vec<u64> = members.iter().map(|member| rounded(array, &**member)).collect();
    let mut ends = sizes.clone();
    ends.sort_unstable();
    ends.dedup();
    ends.retain(|end| *end > 0);
    if ends.len() > 1 && !matches!(array.layout, 1 | 2) {
        return Err(unsupported(
            "MD: a RAID 0 of members of different lengths that does not tell its layout",
        ));
    }
    let (mut runs, mut begin, mut before) = (Vec::new(), 0, 0_u64);
    for end in ends {
        let mut columns = Vec::new();
        for (member, _) in members.iter().zip(&sizes).filter(|(_, size)| **size >= end) {
            columns.push(part(WHAT, member.clone(), begin, end - begin)?);
        }
        // In the first of both layouts chunks are counted from the begin of the array, not of the zone.
        if array.layout == 1 {
            let turn = (before / chunk % columns.len() as u64) as usize;
            columns.rotate_left(turn);
        }
        let size = (end - begin).checked_mul(columns.len() as u64);
        let size = size.ok_or_else(|| damaged("MD: an array beyond all sizes"))?;
        let zone = device(Striped { columns, stripe: chunk, size })?;
        runs.push(Run { len: size, device: zone, offset: 0 });
        before = before.saturating_add(size);
        begin = end;
    }
    Concat::new(runs)
}
