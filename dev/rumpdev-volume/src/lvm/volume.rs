//! A logical volume by its segments, each of which is on physical volumes, or on other logical ones.

use super::text::{Section, Value};
use super::{Physical, SECTOR};
use crate::map::{Concat, Device, Mirror, ReadOnly, Run, Source, Striped};
use crate::raid::{Layout, Parities, Parity, Ten};
use crate::{damaged, unsupported};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{Errno, KError, KResult};

const WHAT: &str = "volumes of LVM";
/// How deep volumes lie in one another at most: a thin one on a pool, on an array, on its members.
const DEPTH: usize = 4;
const MOST_SEGMENTS: u64 = 65536;
const MOST_COLUMNS: usize = 256;

/// Makes the volumes of a group.
pub struct Builder<'a> {
    extent: u64,
    physical: BTreeMap<&'a str, Physical>,
    logical: &'a Section,
    /// Those that are made already.
    made: BTreeMap<&'a str, KResult<Device>>,
}

/// The types of all segments, each once; those on one stripe are called linear.
pub fn kind(volume: &Section) -> String {
    let mut kinds: Vec<&str> = volume
        .sections()
        .filter_map(|(_, segment)| match (segment.text("type").ok()?, segment.number("stripe_count")) {
            ("striped", Ok(1)) => Some("linear"),
            (kind, _) => Some(kind),
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(", ")
}

fn device(source: impl Source + 'static) -> KResult<Device> {
    Ok(Arc::new(ReadOnly { what: WHAT, source }))
}

impl<'a> Builder<'a> {
    pub fn new(extent: u64, physical: BTreeMap<&'a str, Physical>, logical: &'a Section) -> Self {
        Self { extent, physical, logical, made: BTreeMap::new() }
    }

    /// The volume of a name. Errors: ENXIO (on a physical volume that is missing), ENOTSUP, EFTYPE.
    pub fn volume(&mut self, name: &'a str) -> KResult<Device> {
        self.volume_at(name, 0)
    }

    fn volume_at(&mut self, name: &'a str, depth: usize) -> KResult<Device> {
        if depth == DEPTH {
            return Err(damaged(format!("LVM: {name} is part of so many volumes that lie in one another")));
        }
        if let Some(made) = self.made.get(name) {
            return made.clone();
        }
        let made = self.make(name, depth);
        self.made.insert(name, made.clone());
        made
    }

    fn make(&mut self, name: &'a str, depth: usize) -> KResult<Device> {
        let volume = self.logical.section(name)?;
        let count = volume.number("segment_count")?;
        if count > MOST_SEGMENTS {
            return Err(damaged(format!("LVM: {name} has {count} segments")));
        }
        let (mut runs, mut next) = (Vec::new(), 0);
        for number in 1..=count {
            let segment = volume.section(&format!("segment{number}"))?;
            let (start, extents) = (segment.number("start_extent")?, segment.number("extent_count")?);
            let len = extents.checked_mul(self.extent).filter(|len| *len > 0);
            let (true, Some(len)) = (start == next, len) else {
                return Err(damaged(format!("LVM: {name} has a segment of {extents} extents at {start}")));
            };
            next = start + extents;
            let device = self.segment(name, segment, len, depth)?;
            runs.push(Run { len, device, offset: 0 });
        }
        device(Concat::new(runs)?)
    }

    fn segment(&mut self, name: &str, segment: &'a Section, len: u64, depth: usize) -> KResult<Device> {
        let kind = segment.text("type")?;
        // No level in a level: what is lost would be put together of what is put together, without an end.
        if depth > 0 && !matches!(kind, "linear" | "striped") {
            return Err(unsupported(format!(
                "LVM: {name} is {kind} below another volume, which is not read here"
            )));
        }
        match kind {
            "striped" | "linear" => self.striped(segment, len, depth),
            "mirror" => {
                let places = self.places(segment.list("mirrors")?, len)?;
                let copies = self.each(places, len, depth).into_iter().flatten();
                mirror(name, copies.collect(), len)
            }
            "zero" => Err(unsupported(format!("LVM: {name} has a segment without a place"))),
            _ if kind.starts_with("raid") => self.raid(name, segment, len, depth),
            _ => Err(unsupported(format!("LVM: {name} is of type {kind}, which is not read here"))),
        }
    }

    /// Pairs of a name and a number of extents.
    fn places(&self, list: &'a [Value], len: u64) -> KResult<Vec<(&'a str, u64)>> {
        let pair = |pair: &'a [Value]| match pair {
            [Value::Text(name), Value::Number(extent)] => {
                let offset = u64::try_from(*extent).ok().and_then(|extent| extent.checked_mul(self.extent));
                Some((&**name, offset.filter(|offset| offset.checked_add(len).is_some())?))
            }
            _ => None,
        };
        let pairs: Option<Vec<_>> = list.chunks(2).map(pair).collect();
        pairs
            .filter(|pairs| !pairs.is_empty() && pairs.len() <= MOST_COLUMNS)
            .ok_or_else(|| damaged("LVM: a list of places is odd"))
    }

    /// `len` bytes at each place.
    fn each(&mut self, places: Vec<(&'a str, u64)>, len: u64, depth: usize) -> Vec<KResult<Device>> {
        places.into_iter().map(|(name, offset)| self.place(name, offset, len, depth)).collect()
    }

    fn place(&mut self, name: &'a str, offset: u64, len: u64, depth: usize) -> KResult<Device> {
        let (below, offset) = match self.physical.get(name) {
            Some(Physical { device: None, .. }) => {
                return Err(KError::new(Errno::ENXIO, format!("LVM: the physical volume {name} is missing")));
            }
            Some(Physical { device: Some(device), start }) => (device.clone(), start.saturating_add(offset)),
            None => (self.volume_at(name, depth + 1)?, offset),
        };
        crate::map::part(WHAT, below, offset, len)
    }

    fn striped(&mut self, segment: &'a Section, len: u64, depth: usize) -> KResult<Device> {
        let list = segment.list("stripes")?;
        let count = list.len() as u64 / 2;
        if count == 0 || len % count != 0 {
            return Err(damaged(format!("LVM: {len} bytes in {count} stripes")));
        }
        let places = self.places(list, len / count)?;
        let columns: Vec<Device> =
            self.each(places, len / count, depth).into_iter().collect::<KResult<_>>()?;
        match &*columns {
            [only] => Ok(only.clone()),
            _ => device(Striped { columns, stripe: stripe(segment)?, size: len }),
        }
    }

    fn raid(&mut self, name: &str, segment: &'a Section, len: u64, depth: usize) -> KResult<Device> {
        let kind = segment.text("type")?;
        // Each member is two volumes, with its metadata (of MD's kind, by which LVM knows what is in sync) and its content; those
        // of a level without redundancy have content alone.
        let list = segment.list(if segment.has("raid0_lvs") { "raid0_lvs" } else { "raids" })?;
        let names = list.iter().map(|value| match value {
            Value::Text(name) => Ok(&**name),
            _ => Err(damaged(format!("LVM: the members of {name} are odd"))),
        });
        let mut names: Vec<&'a str> = names.collect::<KResult<_>>()?;
        if !segment.has("raid0_lvs") {
            names = names.chunks_exact(2).map(|pair| pair[1]).collect();
        }
        if names.is_empty() || names.len() > MOST_COLUMNS {
            return Err(damaged(format!("LVM: {name} has {} members", names.len())));
        }
        let members: Vec<KResult<Device>> =
            names.into_iter().map(|name| self.volume_at(name, depth + 1)).collect();
        let lost = members.iter().filter(|member| member.is_err()).count();
        let refusal = members.iter().find_map(|member| member.as_ref().err().cloned());
        let count = members.len();
        let found: Vec<Option<Device>> = members.into_iter().map(Result::ok).collect();
        let level = Level::of(kind)
            .ok_or_else(|| unsupported(format!("LVM: {name} is of type {kind}, which is not read here")))?;
        if let Some(refusal) = refusal.filter(|_| lost > level.bearable(count)) {
            return Err(refusal);
        }
        match level {
            Level::Striped => {
                let columns = found.into_iter().flatten().collect();
                device(Striped { columns, stripe: stripe(segment)?, size: len })
            }
            Level::Mirror => mirror(name, found.into_iter().flatten().collect(), len),
            Level::Parity(layout, parities) => {
                let layout = Layout::new(layout, count, parities)?;
                device(Parity { members: found, layout, chunk: stripe(segment)?, size: len })
            }
            Level::Ten => {
                let chunk = stripe(segment)?;
                let member_bytes =
                    found.iter().flatten().map(|member| member.size_bytes()).min().unwrap_or(0);
                let ten = Ten::new(found, 0x102, chunk, member_bytes)?;
                device(ten)
            }
        }
    }
}

fn stripe(segment: &Section) -> KResult<u64> {
    let stripe = segment.number("stripe_size")?.checked_mul(SECTOR).filter(|stripe| *stripe > 0);
    stripe.ok_or_else(|| damaged("LVM: stripes of no length, or beyond all sizes"))
}

fn mirror(name: &str, mut copies: Vec<Device>, len: u64) -> KResult<Device> {
    copies.retain(|copy| copy.size_bytes() >= len);
    if copies.is_empty() {
        return Err(KError::new(Errno::ENXIO, format!("LVM: all copies of {name} are missing")));
    }
    device(Mirror { copies, size: len })
}

enum Level {
    Striped,
    Mirror,
    /// With MD's number of the layout.
    Parity(u32, Parities),
    Ten,
}

impl Level {
    /// By LVM's name of the type.
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "raid0" | "raid0_meta" => Self::Striped,
            "raid1" => Self::Mirror,
            "raid10" | "raid10_near" => Self::Ten,
            "raid4" | "raid5_n" => Self::Parity(5, Parities::One),
            "raid5" | "raid5_ls" => Self::Parity(2, Parities::One),
            "raid5_la" => Self::Parity(0, Parities::One),
            "raid5_ra" => Self::Parity(1, Parities::One),
            "raid5_rs" => Self::Parity(3, Parities::One),
            "raid6" | "raid6_zr" => Self::Parity(8, Parities::Two),
            "raid6_nr" => Self::Parity(9, Parities::Two),
            "raid6_nc" => Self::Parity(10, Parities::Two),
            "raid6_n_6" => Self::Parity(5, Parities::Two),
            "raid6_la_6" => Self::Parity(16, Parities::Two),
            "raid6_ra_6" => Self::Parity(17, Parities::Two),
            "raid6_ls_6" => Self::Parity(18, Parities::Two),
            "raid6_rs_6" => Self::Parity(19, Parities::Two),
            _ => return None,
        })
    }

    fn bearable(&self, members: usize) -> usize {
        match self {
            Self::Striped => 0,
            Self::Parity(_, parities) => *parities as usize,
            Self::Mirror | Self::Ten => members - 1,
        }
    }
}
