//! VMDK (VMware, Virtual Disk Format 5.0): a descriptor, which is text, and the extents that it names; or one sparse extent
//! with its descriptor inside.

mod sparse;

use crate::bytes::{read_padded, read_vec};
use crate::joined::{Joined, Part};
use crate::open::{Format, Image, Layer, Opened};
use crate::siblings::lossy;
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, KResult};
use sparse::Header;

const SECTOR: u64 = 512;
/// How a descriptor begins.
const DESCRIPTOR: &[u8] = b"# Disk DescriptorFile";
/// An older format of ESX.
const COWD: &[u8] = b"COWD";

const LONGEST_DESCRIPTOR: u64 = 1 << 20;
const MOST_EXTENTS: usize = 4096;

/// Whether the first 512 bytes are those of a VMDK.
pub fn is(head: &[u8]) -> bool {
    head.starts_with(&sparse::MAGIC) || head.starts_with(DESCRIPTOR) || head.starts_with(COWD)
}

/// Opens it. Errors: ENOTSUP, EFTYPE, those of opening other files, EIO.
pub fn open(image: Image<'_>) -> KResult<Opened> {
    let mut head = [0; 512];
    read_padded(&*image.file, 0, &mut head)?;
    if head.starts_with(COWD) {
        return Err(unsupported("vmdk: a sparse extent of ESX"));
    }
    if !head.starts_with(&sparse::MAGIC) {
        let len = image.file.size_bytes();
        if !head.starts_with(DESCRIPTOR) || len > LONGEST_DESCRIPTOR {
            return Err(damaged(format!("vmdk: no descriptor in {len} bytes")));
        }
        let text = lossy(&read_vec(&*image.file, 0, len as usize, "descriptor of the vmdk")?);
        return described(image, &Descriptor::parse(&text)?);
    }
    let header = Header::read(&*image.file)?;
    let descriptor = match header.descriptor()? {
        Some((at, len)) => {
            let text = lossy(&read_vec(&*image.file, at, len as usize, "descriptor of the vmdk")?);
            Descriptor::parse(&text)?
        }
        None => Descriptor::default(),
    };
    let below = below(&image, &descriptor)?;
    let mut details = Vec::from([descriptor.kind]);
    details.retain(|kind| !kind.is_empty());
    let backing = below.as_ref().map(|opened| opened.device.clone());
    let device = sparse::open(image.file.clone(), header, backing)?;
    let below = below.map(|opened| ("backing", opened.layer)).into_iter().collect();
    Ok(Opened { layer: Layer { details, below, ..image.layer(Format::Vmdk, device.size_bytes()) }, device })
}

/// What a descriptor says.
#[derive(Default)]
struct Descriptor {
    kind: String,
    parent: Option<String>,
    extents: Vec<Extent>,
}

struct Extent {
    sectors: u64,
    kind: String,
    name: String,
    /// In sectors.
    offset: u64,
}

impl Descriptor {
    fn parse(text: &str) -> KResult<Self> {
        let mut descriptor = Self::default();
        let mut is_child = false;
        for line in text.lines().map(|line| line.trim_matches(['\0', ' ', '\t', '\r'])) {
            let is_extent = ["RW ", "RDONLY ", "NOACCESS "].iter().any(|word| line.starts_with(word));
            if is_extent {
                if descriptor.extents.len() == MOST_EXTENTS {
                    return Err(damaged(format!("vmdk: more than {MOST_EXTENTS} extents")));
                }
                let extent = Extent::parse(line);
                descriptor.extents.push(extent.ok_or_else(|| damaged(format!("vmdk: an extent {line:?}")))?);
            } else if let Some((key, value)) = line.split_once('=') {
                let value = value.trim().trim_matches('"');
                match key.trim().to_ascii_lowercase().as_str() {
                    "createtype" => descriptor.kind = value.to_string(),
                    "parentcid" => is_child = !value.eq_ignore_ascii_case("ffffffff"),
                    "parentfilenamehint" => descriptor.parent = Some(value.to_string()),
                    _ => {}
                }
            }
        }
        descriptor.parent = descriptor.parent.filter(|_| is_child);
        Ok(descriptor)
    }
}

impl Extent {
    /// `RW 4192256 SPARSE "disk-s001.vmdk"`, `RW 8192 FLAT "disk-flat.vmdk" 0`, `RW 100 ZERO`.
    fn parse(line: &str) -> Option<Self> {
        let (head, name, tail) = match line.split_once('"') {
            Some((head, rest)) => {
                let (name, tail) = rest.split_once('"')?;
                (head, name, tail)
            }
            None => (line, "", ""),
        };
        let mut words = head.split_whitespace().skip(1);
        let sectors = words.next()?.parse().ok()?;
        let kind = words.next()?.to_string();
        let offset = match tail.split_whitespace().next() {
            Some(word) => word.parse().ok()?,
            None => 0,
        };
        Some(Self { sectors, kind, name: name.to_string(), offset })
    }
}

fn below(image: &Image<'_>, descriptor: &Descriptor) -> KResult<Option<Opened>> {
    descriptor.parent.as_ref().map(|name| image.below(name.as_bytes(), None)).transpose()
}

/// The disk of a descriptor alone.
fn described(image: Image<'_>, descriptor: &Descriptor) -> KResult<Opened> {
    let parent = below(&image, descriptor)?;
    let (mut parts, mut layers, mut start) = (Vec::new(), Vec::new(), 0_u64);
    for extent in &descriptor.extents {
        let overflow = || damaged(format!("vmdk: an extent of {} sectors", extent.sectors));
        let size = extent.sectors.checked_mul(SECTOR).ok_or_else(overflow)?;
        let end = start.checked_add(size).ok_or_else(overflow)?;
        let mut beside = || {
            let (device, layer) = image.beside(extent.name.as_bytes(), Access::Read)?;
            layers.push(("extent", layer));
            KResult::Ok(device)
        };
        let device: Arc<dyn BlockDevice> = match extent.kind.as_str() {
            "ZERO" => Arc::new(Part { device: None, start: 0, size }),
            "FLAT" | "VMFS" => {
                let offset = extent.offset.checked_mul(SECTOR).ok_or_else(overflow)?;
                Arc::new(Part { device: Some(beside()?), start: offset, size })
            }
            "SPARSE" => {
                let backing = parent.as_ref().map(|parent| {
                    let size = parent.device.size_bytes().saturating_sub(start).min(size);
                    Arc::new(Part { device: Some(parent.device.clone()), start, size })
                        as Arc<dyn BlockDevice>
                });
                let file = beside()?;
                let header = Header::read(&*file)?;
                Arc::new(Part { device: Some(sparse::open(file, header, backing)?), start: 0, size })
            }
            other => return Err(unsupported(format!("vmdk: extents {other} are not known here"))),
        };
        parts.push(device);
        start = end;
    }
    if parts.is_empty() {
        return Err(damaged("vmdk: a descriptor without extents"));
    }
    layers.extend(parent.map(|opened| ("backing", opened.layer)));
    let mut details = Vec::from([descriptor.kind.clone()]);
    details.retain(|kind| !kind.is_empty());
    let device = Arc::new(Joined::new(parts)?);
    let layer = Layer { details, below: layers, ..image.layer(Format::Vmdk, device.size_bytes()) };
    Ok(Opened { device, layer })
}
