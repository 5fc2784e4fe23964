//! What lies in one another: LUKS, volumes of LVM and arrays of MD on the parts of images (`rumpdev_volume`).
//!
//! Parts are looked at in turn. LUKS is opened where it is, if a key is there (`unlock`); members of groups wait until no part is left, then
//! the groups are assembled, and their volumes are parts in turn. The stack is bounded: [`DEPTH`], [`MOST_MEMBERS`], and few
//! arrays below arrays, since one that lacks a member reads all others for it.

use super::{Content, OpenError, Opening, Refusal, Survey, Volume, open_layers};
use rump_hyper::{Access, Hypervisor};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use rumpdev_volume::luks::Header;
use rumpdev_volume::{Kind, lvm, md};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

/// [`Volume::scheme`] of what is made of other parts.
pub const STACKED: &str = "volume";

const DEPTH: usize = 16;
const MOST_MEMBERS: usize = 256;
const MOST_VOLUMES: usize = 4096;
const ARRAYS: usize = 2;

pub(super) type Device = Arc<dyn BlockDevice>;

/// What the bytes of a part are wrapped in.
#[derive(Clone, Debug)]
pub enum Wrapping {
    /// LUKS.
    Encrypted {
        /// As `LUKS2 (aes-xts-plain64, argon2id)`.
        what: String,
        /// Why it was not opened, if it was not.
        refusal: Option<Refusal>,
    },
    /// It is a member of a group.
    Member {
        /// As `LVM2 physical volume`.
        what: String,
        /// Which of [`Survey::groups`]; `None` where the group could not be made out.
        group: Option<usize>,
    },
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted { what, refusal: None } | Self::Member { what, .. } => f.write_str(what),
            Self::Encrypted { what, refusal: Some(_) } => write!(f, "{what}, locked"),
        }
    }
}

/// A group of volumes, or an array, which is a group of one volume.
#[derive(Clone, Debug)]
pub struct Group {
    /// `lvm` or `md`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What is worth to know of it, e.g. `raid5`.
    pub details: Vec<String>,
    /// The parts that it lies on, by their selectors, with the image before that for another one's.
    pub members: Vec<String>,
    /// Parts that it lacks.
    pub missing: Vec<String>,
}

/// Where the bytes of a volume are.
#[derive(Clone)]
pub(super) enum Bytes {
    /// In the image, as its start and size say.
    OfImage,
    /// Made of other parts, or by opening a wrapping.
    Made {
        device: KResult<Device>,
        /// Other names of the volume.
        names: Vec<String>,
    },
}

impl Bytes {
    pub fn is_called(&self, name: &[u8]) -> bool {
        matches!(self, Self::Made { names, .. } if names.iter().any(|own| own.as_bytes() == name))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::OfImage) { "OfImage" } else { "Made" })
    }
}

/// Opens the other images. Answers each with its name. Errors: as [`open_layers`].
pub(super) fn open_others(
    host: &dyn Hypervisor,
    opening: &Opening,
) -> Result<Vec<(String, Device)>, OpenError> {
    let open = |path: &Vec<u8>| {
        let own = Opening { lock: opening.lock, ..Opening::default() };
        let (device, _) = open_layers(host, path, Access::Read, &own)?;
        Ok((String::from_utf8_lossy(path).into_owned(), device))
    };
    opening.with.iter().map(open).collect()
}

/// A part that is to be looked at.
#[derive(Clone)]
pub(super) struct Part {
    pub device: Device,
    /// For people.
    pub name: String,
    /// Which of the survey's volumes it is; none for parts of other images.
    pub volume: Option<usize>,
    /// How many layers there are below it, and how many of these are arrays.
    pub depth: usize,
    pub arrays: usize,
}

/// What waits for its group to be assembled.
struct Waiting<M> {
    members: Vec<(M, Device)>,
    parts: Vec<Part>,
    /// UUIDs of the groups that are assembled.
    done: BTreeSet<String>,
}

impl<M> Waiting<M> {
    fn new() -> Self {
        Self { members: Vec::new(), parts: Vec::new(), done: BTreeSet::new() }
    }

    fn add(&mut self, member: M, part: Part) {
        self.members.push((member, part.device.clone()));
        self.parts.push(part);
    }

    /// How high a group lies that is made of these.
    fn height(&self, found: &[usize]) -> (usize, usize) {
        let parts = || found.iter().map(|index| &self.parts[*index]);
        (
            parts().map(|part| part.depth).max().unwrap_or(0) + 1,
            parts().map(|part| part.arrays).max().unwrap_or(0),
        )
    }
}

impl Survey {
    /// Whether the whole image is a part of a stack.
    pub(super) fn is_stacked(&self) -> bool {
        match rumpdev_volume::probe(&self.device) {
            // Its superblock at the end may just as well be that of the last partition.
            Ok(Some(Kind::Md(member))) => member.version != "0.90" || self.tables.is_empty(),
            Ok(None) => {
                self.tables.is_empty() && Header::read_second(&*self.device).is_ok_and(|it| it.is_some())
            }
            Ok(Some(_)) | Err(_) => true,
        }
    }

    /// Looks into all parts, of this image and of others.
    pub(super) fn find_stack(&mut self, others: Vec<(String, Device)>) {
        let mut queue = VecDeque::new();
        for (index, volume) in self.volumes.iter().enumerate() {
            if let Ok(device) = self.bytes_of(volume) {
                let name = volume.selector.clone();
                let is_known = !matches!(volume.content, Content::Unknown);
                let is_doubtful = volume.scheme.is_none() && is_known && !self.is_stacked();
                if !is_doubtful {
                    queue.push_back(Part { device, name, volume: Some(index), depth: 0, arrays: 0 });
                }
            }
        }
        for (name, device) in others {
            self.parts_of_another(&name, &device, &mut queue);
        }
        let (mut md, mut lvm) = (Waiting::new(), Waiting::new());
        loop {
            while let Some(part) = queue.pop_front() {
                self.look(part, &mut md, &mut lvm, &mut queue);
            }
            self.assemble_arrays(&mut md, &mut queue);
            if queue.is_empty() {
                self.assemble_groups(&mut lvm, &mut queue);
            }
            if queue.is_empty() {
                return;
            }
        }
    }

    fn parts_of_another(&mut self, name: &str, device: &Device, queue: &mut VecDeque<Part>) {
        let mut add = |name: String, device: Device| {
            queue.push_back(Part { device, name, volume: None, depth: 0, arrays: 0 });
        };
        add(name.to_string(), device.clone());
        for table in self.tables_of(device) {
            for part in table.partitions {
                if let Ok(bytes) = rump_dev::Slice::new(device.clone(), part.start_bytes, part.size_bytes) {
                    add(format!("{name}@{}", part.number), bytes);
                }
            }
        }
    }

    fn look(
        &mut self,
        part: Part,
        md: &mut Waiting<md::Member>,
        lvm: &mut Waiting<lvm::Member>,
        queue: &mut VecDeque<Part>,
    ) {
        let is_unknown =
            part.volume.is_some_and(|index| matches!(self.volumes[index].content, Content::Unknown));
        let second = || match is_unknown {
            true => Ok(Header::read_second(&*part.device)?.map(Kind::Luks)),
            false => Ok(None),
        };
        let found = rumpdev_volume::probe(&part.device);
        if part.depth < DEPTH && self.is_detached(&part, &found) {
            return self.unlock_detached(part, queue);
        }
        let kind = match found.and_then(|found| found.map_or_else(second, |kind| Ok(Some(kind)))) {
            Ok(Some(kind)) => kind,
            Ok(None) => return self.divide(&part, queue),
            Err(error) => return self.set_content(&part, Content::Damaged(error)),
        };
        if part.depth >= DEPTH || md.parts.len() + lvm.parts.len() >= MOST_MEMBERS {
            let what = format!("{}: more layers or members than are looked at", part.name);
            return self.warnings.push(what);
        }
        match kind {
            Kind::Luks(header) => self.unlock(part, &header, queue),
            Kind::Md(member) => {
                let what = format!("MD member of {} {:?}", member.uuid, member.name);
                self.join(&part, what);
                md.add(member, part);
            }
            Kind::Lvm(member) => {
                let group = member.group_name().map_or_else(String::new, |group| format!(" of {group}"));
                self.join(&part, format!("LVM2 physical volume{group}"));
                lvm.add(member, part);
            }
        }
    }

    fn set_content(&mut self, part: &Part, content: Content) {
        if let Some(index) = part.volume {
            self.volumes[index].content = content;
        }
    }

    fn join(&mut self, part: &Part, what: String) {
        if let Some(index) = part.volume {
            // What a mirror's member has besides is the array's.
            self.volumes[index].content = Content::Unknown;
            self.volumes[index].wrappings.push(Wrapping::Member { what, group: None });
        }
    }

    /// Partitions of what is made of other parts: those of the image itself are known already.
    fn divide(&mut self, part: &Part, queue: &mut VecDeque<Part>) {
        let content = part.volume.map(|index| &self.volumes[index].content);
        if part.depth == 0 || !matches!(content, Some(Content::Unknown)) {
            return;
        }
        for table in self.tables_of(&part.device) {
            for found in table.partitions {
                let bytes = rump_dev::Slice::new(part.device.clone(), found.start_bytes, found.size_bytes);
                let selector = format!("{}p{}", part.name, found.number);
                self.add(selector, bytes, Vec::new(), None, (part.depth + 1, part.arrays), queue);
            }
        }
    }

    /// Adds a volume that is made of others, to be looked at in turn.
    fn add(
        &mut self,
        selector: String,
        device: KResult<Device>,
        names: Vec<String>,
        group: Option<usize>,
        (depth, arrays): (usize, usize),
        queue: &mut VecDeque<Part>,
    ) {
        if self.volumes.len() >= MOST_VOLUMES {
            return self.warnings.push(format!("{selector}: more volumes than are looked at"));
        }
        let (size, content) = match &device {
            Ok(device) => (device.size_bytes(), self.probe_device(device)),
            Err(error) => (0, Content::Damaged(error.clone())),
        };
        if let Ok(device) = &device {
            let (device, name) = (device.clone(), selector.clone());
            queue.push_back(Part { device, name, volume: Some(self.volumes.len()), depth, arrays });
        }
        self.volumes.push(Volume {
            scheme: Some(STACKED),
            group,
            bytes: Bytes::Made { device, names },
            ..Volume::new(selector, size, content)
        });
    }

    /// Makes a group known, and the parts that belong to it.
    fn add_group<M>(&mut self, group: Group, waiting: &Waiting<M>, found: &[usize]) -> usize {
        let number = self.groups.len();
        for index in found {
            let volume = waiting.parts[*index].volume.map(|index| &mut self.volumes[index]);
            if let Some(Wrapping::Member { group, .. }) = volume.and_then(|it| it.wrappings.last_mut()) {
                *group = Some(number);
            }
        }
        let members = found.iter().map(|index| waiting.parts[*index].name.clone()).collect();
        self.groups.push(Group { members, ..group });
        number
    }

    fn assemble_arrays(&mut self, md: &mut Waiting<md::Member>, queue: &mut VecDeque<Part>) {
        for array in md::arrays(&md.members) {
            if !md.done.insert(array.uuid.clone()) {
                continue;
            }
            let name = array.name.rsplit_once(':').map_or(&*array.name, |(_, name)| name).to_string();
            let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
            let selector = match () {
                () if is_number => format!("@md{name}"),
                () if name.is_empty() => format!("@{}", array.uuid),
                () => format!("@md/{name}"),
            };
            let (depth, arrays) = md.height(&array.found);
            let device = match arrays < ARRAYS {
                true => array.device,
                false => Err(KError::new(Errno::ENOTSUP, "MD: an array of arrays of arrays is not read")),
            };
            let missing: Vec<String> = array.missing.iter().map(|at| format!("member {at}")).collect();
            let group = Group {
                kind: "md",
                name: selector[1..].to_string(),
                details: vec![array.level, format!("metadata {}", array.version)],
                members: Vec::new(),
                missing,
            };
            let number = self.add_group(group, md, &array.found);
            let names = vec![array.uuid, array.name, name];
            self.add(selector, device, names, Some(number), (depth, arrays + 1), queue);
        }
    }

    fn assemble_groups(&mut self, lvm: &mut Waiting<lvm::Member>, queue: &mut VecDeque<Part>) {
        for found in lvm::groups(&lvm.members) {
            if !lvm.done.insert(found.uuid.clone()) {
                continue;
            }
            let height = lvm.height(&found.found);
            let group = Group {
                kind: "lvm",
                name: found.name.clone(),
                details: found.pools.iter().map(|pool| format!("thin pool {pool}")).collect(),
                members: Vec::new(),
                missing: found.missing,
            };
            let number = self.add_group(group, lvm, &found.found);
            self.warnings.extend(found.warnings);
            for volume in found.volumes {
                let selector = format!("@{}/{}", found.name, volume.name);
                // Both as the device mapper joins them.
                let [group, name] = [&found.name, &volume.name].map(|name| name.replace('-', "--"));
                let names = vec![format!("{group}-{name}"), volume.uuid];
                self.add(selector, volume.device, names, Some(number), height, queue);
            }
        }
    }
}
