//! A logical volume by its segments, each of which is on physical volumes, or on other logical ones.

use super::text::{Section, Value};
use super::{Physical, SECTOR};
use crate::map::{Concat, Device, Mirror, ReadOnly, Run, Source, Striped};
use crate::raid::{Layout, Parities, Parity, Ten};
use crate::thin::{Pool, Thin};
use crate::{damaged, unsupported};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{Errno, KError, KResult};

const WHAT: &str = "volumes of LVM";
/// How deep volumes lie in one another at most: a thin one on its origin, on a pool, on an array, on its members.
const DEPTH: usize = 8;
const MOST_SEGMENTS: u64 = 65536;
const MOST_COLUMNS: usize = 256;

/// Makes the volumes of a group.
pub struct Builder<'a> {
    extent: u64,
    physical: BTreeMap<&'a str, Physical>,
    logical: &'a Section,
    /// Those that are made already.
    made: BTreeMap<&'a str, KResult<Device>>,
    pools: BTreeMap<&'a str, KResult<Arc<Pool>>>,
    /// What is odd, but was survived.
    pub warnings: Vec<String>,
}

/// Where a volume is among others.
#[derive(Clone, Copy, Default)]
struct Height {
    /// How many lie on it.
    depth: usize,
    /// Whether one of them is an array.
    in_array: bool,
}

impl Height {
    fn below(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn in_array(self) -> Self {
        Self { in_array: true, ..self }
    }
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

/// The volumes whose content is not theirs alone: what snapshots that are not thin keep of their origins, and origins that such are
/// being merged into.
pub fn bound_to_snapshots(logical: &Section) -> BTreeSet<&str> {
    let mut bound = BTreeSet::new();
    for segment in logical.sections().filter_map(|(_, volume)| volume.section("segment1").ok()) {
        bound.extend(segment.text("cow_store"));
        if let Ok(merging) = segment.text("merging_store") {
            bound.insert(merging);
            bound.extend(segment.text("origin"));
        }
    }
    bound
}

fn device(source: impl Source + 'static) -> KResult<Device> {
    Ok(Arc::new(ReadOnly { what: WHAT, source }))
}

impl<'a> Builder<'a> {
    pub fn new(extent: u64, physical: BTreeMap<&'a str, Physical>, logical: &'a Section) -> Self {
        let (made, pools, warnings) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { extent, physical, logical, made, pools, warnings }
    }

    /// The volume of a name. Errors: ENXIO (on a physical volume that is missing), ENOTSUP, EFTYPE.
    pub fn volume(&mut self, name: &'a str) -> KResult<Device> {
        self.volume_at(name, Height::default())
    }

    fn volume_at(&mut self, name: &'a str, at: Height) -> KResult<Device> {
        if at.depth == DEPTH {
            return Err(damaged(format!("LVM: {name} is part of so many volumes that lie in one another")));
        }
        if let Some(made) = self.made.get(name) {
            return made.clone();
        }
        let made = self.make(name, at);
        self.made.insert(name, made.clone());
        made
    }

    fn make(&mut self, name: &'a str, at: Height) -> KResult<Device> {
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
            let device = self.segment(name, segment, len, at)?;
            runs.push(Run { len, device, offset: 0 });
        }
        device(Concat::new(runs)?)
    }

    fn segment(&mut self, name: &str, segment: &'a Section, len: u64, at: Height) -> KResult<Device> {
        let kind = segment.text("type")?;
        // No level in a level: what is lost would be put together of what is put together, without an end.
        if at.in_array && !matches!(kind, "linear" | "striped") {
            return Err(unsupported(format!("LVM: {name} is {kind} below an array, which is not read here")));
        }
        match kind {
            "striped" | "linear" => self.striped(segment, len, at),
            "mirror" => {
                let places = self.places(segment.list("mirrors")?, len)?;
                let copies = self.each(places, len, at.in_array()).into_iter().flatten();
                mirror(name, copies.collect(), len)
            }
            "zero" => Err(unsupported(format!("LVM: {name} has a segment without a place"))),
            "thin" => self.thin(name, segment, len, at),
            _ if kind.starts_with("raid") => self.raid(name, segment, len, at.in_array()),
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
    fn each(&mut self, places: Vec<(&'a str, u64)>, len: u64, at: Height) -> Vec<KResult<Device>> {
        places.into_iter().map(|(name, offset)| self.place(name, offset, len, at)).collect()
    }

    fn place(&mut self, name: &'a str, offset: u64, len: u64, at: Height) -> KResult<Device> {
        let (below, offset) = match self.physical.get(name) {
            Some(Physical { device: None, .. }) => {
                return Err(KError::new(Errno::ENXIO, format!("LVM: the physical volume {name} is missing")));
            }
            Some(Physical { device: Some(device), start }) => (device.clone(), start.saturating_add(offset)),
            None => (self.volume_at(name, at.below())?, offset),
        };
        crate::map::part(WHAT, below, offset, len)
    }

    fn striped(&mut self, segment: &'a Section, len: u64, at: Height) -> KResult<Device> {
        let list = segment.list("stripes")?;
        let count = list.len() as u64 / 2;
        if count == 0 || len % count != 0 {
            return Err(damaged(format!("LVM: {len} bytes in {count} stripes")));
        }
        let places = self.places(list, len / count)?;
        let columns: Vec<Device> = self.each(places, len / count, at).into_iter().collect::<KResult<_>>()?;
        match &*columns {
            [only] => Ok(only.clone()),
            _ => device(Striped { columns, stripe: stripe(segment)?, size: len }),
        }
    }

    fn thin(&mut self, name: &str, segment: &'a Section, len: u64, at: Height) -> KResult<Device> {
        let pool = self.pool(segment.text("thin_pool")?, at)?;
        let origin = match segment.has("external_origin") {
            true => Some(self.volume_at(segment.text("external_origin")?, at.below())?),
            false => None,
        };
        match Thin::new(pool, segment.number("device_id")?, origin, len)? {
            Some(thin) => device(thin),
            None => Err(damaged(format!("LVM: {name} is not in its thin pool"))),
        }
    }

    /// The thin pool of a name.
    fn pool(&mut self, name: &'a str, at: Height) -> KResult<Arc<Pool>> {
        if let Some(known) = self.pools.get(name) {
            return known.clone();
        }
        let pool = self.make_pool(name, at).map(Arc::new);
        if pool.as_ref().is_ok_and(|pool| pool.needs_check) {
            self.warnings
                .push(format!("LVM: the thin pool {name} needs a check, after an error of its driver"));
        }
        self.pools.insert(name, pool.clone());
        pool
    }

    /// Errors: those of what it lies on; EFTYPE (it is not what the metadata of the group describe).
    fn make_pool(&mut self, name: &'a str, at: Height) -> KResult<Pool> {
        let segment = self.logical.section(name)?.section("segment1")?;
        let below = |key| self.volume_at(segment.text(key)?, at.below());
        let [metadata, data] = ["metadata", "pool"].map(below);
        let pool = Pool::new(metadata?, data?)?;
        let chunk = segment.number("chunk_size")?;
        if chunk.checked_mul(SECTOR) != Some(pool.block) {
            return Err(damaged(format!(
                "LVM: {name} has blocks of {} bytes, and not of {chunk} sectors",
                pool.block
            )));
        }
        // What the group has asked the pool for is done the next time that it is written.
        let (known, wanted) = (pool.transaction, segment.number("transaction_id")?);
        let is_asked = segment.sections().next().is_some();
        if known != wanted && !(is_asked && known.checked_add(1) == Some(wanted)) {
            return Err(damaged(format!(
                "LVM: the thin pool {name} is at transaction {known}, and the group's metadata at {wanted}: \
                 which volumes it has is not sure"
            )));
        }
        Ok(pool)
    }

    fn raid(&mut self, name: &str, segment: &'a Section, len: u64, at: Height) -> KResult<Device> {
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
            names.into_iter().map(|name| self.volume_at(name, at.below())).collect();
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
