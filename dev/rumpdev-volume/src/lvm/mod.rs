//! LVM2: groups of physical volumes, and the logical volumes on them: linear, striped, mirrored, the levels of RAID, thin.
//!
//! Not read, and refused by their names: snapshots that are not thin, caches (also of writes), VDO, integrity.

mod label;
mod text;
mod volume;

pub use label::Member;

use crate::map::Device;
use crate::{damaged, unsupported};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use label::Metadata;
use rump_kpi::KResult;
use text::Section;
use volume::Builder;

const SECTOR: u64 = 512;

/// A group of volumes.
pub struct Group {
    /// Its name.
    pub name: String,
    /// As the metadata writes it.
    pub uuid: String,
    /// Which of the given devices belong to it, by their number.
    pub found: Vec<usize>,
    /// Physical volumes that are not there: their names in the metadata, and where they were seen last.
    pub missing: Vec<String>,
    /// Those that users see.
    pub volumes: Vec<Volume>,
    /// The names of its thin pools, which hold volumes, and are none.
    pub pools: Vec<String>,
    /// What is odd, but was survived.
    pub warnings: Vec<String>,
}

/// A logical volume.
pub struct Volume {
    /// Its name.
    pub name: String,
    /// As the metadata writes it.
    pub uuid: String,
    /// Its types of segments, as `striped` or `linear`.
    pub kind: String,
    /// Its content.
    pub device: KResult<Device>,
}

/// The groups that devices with these labels make. Where they do not agree, the newest metadata counts.
pub fn groups(devices: &[(Member, Device)]) -> Vec<Group> {
    let mut newest = BTreeMap::<&str, &Metadata>::new();
    for metadata in devices.iter().filter_map(|(member, _)| member.group.as_ref()) {
        let known = newest.entry(&metadata.uuid).or_insert(metadata);
        if known.sequence < metadata.sequence {
            *known = metadata;
        }
    }
    newest.into_values().filter_map(|metadata| group(metadata, devices).ok()).collect()
}

/// A physical volume in the metadata.
struct Physical {
    /// Where its first extent begins, in bytes.
    start: u64,
    /// `None` for one that is not there.
    device: Option<Device>,
}

fn group(metadata: &Metadata, devices: &[(Member, Device)]) -> KResult<Group> {
    let section = &metadata.section;
    let extent = section.number("extent_size")?.checked_mul(SECTOR).filter(|extent| *extent > 0);
    let extent = extent.ok_or_else(|| damaged("LVM: extents of no length, or beyond all sizes"))?;
    let (mut found, mut missing, mut physical) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (name, volume) in section.section("physical_volumes")?.sections() {
        let uuid: String = volume.text("id")?.chars().filter(|letter| *letter != '-').collect();
        let index = devices.iter().position(|(member, _)| member.uuid == uuid);
        let start = volume.number("pe_start")?.saturating_mul(SECTOR);
        physical.insert(name, Physical { start, device: index.map(|index| devices[index].1.clone()) });
        match index {
            Some(index) => found.push(index),
            None => {
                missing.push(format!("{name} (last seen as {})", volume.text("device").unwrap_or("nothing")))
            }
        }
    }
    let empty = Section::default();
    let logical = section.section("logical_volumes").unwrap_or(&empty);
    let mut builder = Builder::new(extent, physical, logical);
    let is_pool = |volume: &Section| volume::kind(volume) == "thin-pool";
    // What snapshots keep is not visible itself: they are, under names of their own.
    let bound = volume::bound_to_snapshots(logical);
    let is_visible = |name: &str, volume: &Section| {
        let status = volume.list("status").unwrap_or_default();
        let is_marked = status.iter().any(|word| *word == text::Value::Text("VISIBLE".into()));
        bound.contains(name) || is_marked && !matches!(&*volume::kind(volume), "thin-pool" | "snapshot")
    };
    let seen = logical.sections().filter(|(name, volume)| is_visible(name, volume));
    let volumes = seen.map(|(name, volume)| Volume {
        name: name.to_string(),
        uuid: volume.text("id").unwrap_or_default().to_string(),
        kind: volume::kind(volume),
        device: match bound.contains(name) {
            true => Err(unsupported(format!(
                "LVM: {name} is a snapshot that is not thin, or takes one back, which is not read here"
            ))),
            false => builder.volume(name),
        },
    });
    let volumes = volumes.collect();
    let pools = logical.sections().filter(|(_, volume)| is_pool(volume)).map(|(name, _)| name.to_string());
    let (pools, warnings) = (pools.collect(), builder.warnings);
    let (name, uuid) = (metadata.name.clone(), metadata.uuid.clone());
    Ok(Group { name, uuid, found, missing, volumes, pools, warnings })
}
