//! What is in an image: its partition tables, and the file system of each part, by signature alone.

use super::stack::{self, Bytes, Group, STACKED, Wrapping};
use super::unlock::Detached;
use super::{Layer, OpenError, Opening, Selector, open_layers};
use crate::Kernel;
use rump_dev::Slice;
use rump_hyper::{Access, Hypervisor};
use rump_kpi::{BlockDevice, Errno, FileSystemInfo, KError, PartitionTable};
use std::sync::Arc;

/// The file system that leaves room for partition tables before it, and so may be the whole of a divided image.
const BEHIND_TABLES: &str = "cd9660";

/// What was found in a part of an image.
#[derive(Clone, Debug)]
pub enum Content {
    /// A file system: the name that `mount` takes, and what its signature tells.
    FileSystem(&'static str, FileSystemInfo),
    /// A signature is there, but the rest is damaged or not supported.
    Damaged(KError),
    /// Nothing that is known.
    Unknown,
}

/// A part of an image: a partition, all of it, or a volume that is made of such.
#[derive(Clone, Debug)]
pub struct Volume {
    /// How it is chosen: `@2`, `@a`, `@eltorito1`, `@md0`, `@group/volume`, or `+0` for the whole image.
    pub selector: String,
    /// Scheme of the table it is in, or [`STACKED`]; `None` for the whole image.
    pub scheme: Option<&'static str>,
    /// Number in that table.
    pub number: u32,
    /// Name in that table, empty where there is none.
    pub label: String,
    /// First byte in the image; of no meaning where the volume is made of others.
    pub start_bytes: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// What its bytes are wrapped in, the outermost first.
    pub wrappings: Vec<Wrapping>,
    /// Which of [`Survey::groups`] it is in.
    pub group: Option<usize>,
    /// What is in it, inside of all wrappings that could be opened.
    pub content: Content,
    pub(super) bytes: Bytes,
}

impl Volume {
    /// One of the whole image, which the caller makes another.
    pub(super) fn new(selector: String, size_bytes: u64, content: Content) -> Self {
        let (scheme, number, label, start_bytes) = (None, 0, String::new(), 0);
        let (wrappings, group, bytes) = (Vec::new(), None, Bytes::OfImage);
        Self { selector, scheme, number, label, start_bytes, size_bytes, wrappings, group, content, bytes }
    }

    /// Whether both are the same bytes of one disk.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_stacked = |volume: &Self| volume.scheme == Some(STACKED);
        match is_stacked(self) || is_stacked(other) {
            true => self.selector == other.selector,
            false => self.start_bytes == other.start_bytes,
        }
    }

    /// What is said of it, if its content is behind a key that was not given.
    fn locked(&self) -> Option<OpenError> {
        let Some(Wrapping::Encrypted { what, refusal: Some(refusal) }) = self.wrappings.last() else {
            return None;
        };
        Some(OpenError::Locked { what: format!("{}: {what}", self.selector), refusal: refusal.clone() })
    }
}

/// An image that was opened, and all that was found in it.
pub struct Survey {
    pub(super) kernel: Kernel,
    pub(super) device: Arc<dyn BlockDevice>,
    pub(super) opening: Opening,
    pub(super) detached: Option<Detached>,
    /// What the image is made of, where it was opened by its name.
    pub layer: Option<Layer>,
    /// Length of the image's disk in bytes.
    pub size_bytes: u64,
    /// Partition tables.
    pub tables: Vec<PartitionTable>,
    /// The whole image first if a file system begins there, then the partitions, then what is made of them.
    pub volumes: Vec<Volume>,
    /// Groups of volumes that lie on several parts, of this image and of others.
    pub groups: Vec<Group>,
    /// What was recognised but is damaged beyond use.
    pub warnings: Vec<String>,
}

impl Survey {
    /// Opens the host file `path` and looks what is in it; not one byte is written by that.
    pub fn open(
        host: Arc<dyn Hypervisor>,
        path: &[u8],
        access: Access,
        opening: impl Into<Opening>,
    ) -> Result<Self, OpenError> {
        let opening = opening.into();
        let (device, layer) = open_layers(&*host, path, access, &opening)?;
        Ok(Self { layer: Some(layer), ..Self::of_device(host, device, opening)? })
    }

    /// Looks what is on a device. Of `opening`, the keys, the header and the other images matter.
    ///
    /// # Errors
    /// Those of [`open_layers`], for the other images; EFTYPE (the header is none).
    pub fn of_device(
        host: Arc<dyn Hypervisor>,
        device: Arc<dyn BlockDevice>,
        opening: impl Into<Opening>,
    ) -> Result<Self, OpenError> {
        let opening = opening.into();
        let others = stack::open_others(&*host, &opening)?;
        let detached = Detached::open(&*host, &opening)?;
        let mut survey = Self { opening, detached, ..Self::begin(crate::kernel(host)?, device) };
        survey.find_all(others);
        Ok(survey)
    }

    /// Looks what is on a device, by what a kernel that runs knows.
    pub fn with_kernel(kernel: Kernel, device: Arc<dyn BlockDevice>) -> Self {
        let mut survey = Self::begin(kernel, device);
        survey.find_all(Vec::new());
        survey
    }

    fn find_all(&mut self, others: Vec<(String, Arc<dyn BlockDevice>)>) {
        self.find_tables();
        self.find_volumes();
        self.find_stack(others);
    }

    pub(super) fn boot(host: Arc<dyn Hypervisor>, device: Arc<dyn BlockDevice>) -> Result<Self, OpenError> {
        Ok(Self::begin(crate::kernel(host)?, device))
    }

    fn begin(kernel: Kernel, device: Arc<dyn BlockDevice>) -> Self {
        let size_bytes = device.size_bytes();
        let (tables, volumes, warnings) = (Vec::new(), Vec::new(), Vec::new());
        let (opening, detached, groups) = (Opening::default(), None, Vec::new());
        Self { kernel, device, opening, detached, layer: None, size_bytes, tables, volumes, groups, warnings }
    }

    fn find_tables(&mut self) {
        self.tables = self.tables_of(&self.device.clone());
    }

    /// The tables of a device. Those that are damaged beyond use are told.
    pub(super) fn tables_of(&mut self, device: &Arc<dyn BlockDevice>) -> Vec<PartitionTable> {
        let mut tables = Vec::new();
        for scheme in self.kernel.partition_schemes() {
            match scheme.probe(device) {
                Ok(Some(table)) => tables.push(table),
                Ok(None) => {}
                Err(error) => self.warnings.push(format!("{} partition table: {error}", scheme.name())),
            }
        }
        // The MBR of a GPT disk only guards it: its entries are no partitions of their own.
        if tables.iter().any(|table: &PartitionTable| table.scheme == "gpt") {
            tables.retain(|table| table.scheme != "mbr");
        }
        tables
    }

    fn find_volumes(&mut self) {
        let content = self.probe(0, self.size_bytes);
        let is_detached = self.detached.is_some() && self.tables.is_empty();
        if !matches!(content, Content::Unknown) || self.is_stacked() || is_detached {
            self.volumes.push(Volume::new("+0".into(), self.size_bytes, content));
        }
        let mut found = Vec::new();
        for table in &self.tables {
            for part in &table.partitions {
                let content = self.probe(part.start_bytes, part.size_bytes);
                found.push(Volume {
                    scheme: Some(table.scheme),
                    number: part.number,
                    label: part.label.clone(),
                    start_bytes: part.start_bytes,
                    ..Volume::new(selector(table.scheme, part.number), part.size_bytes, content)
                });
            }
        }
        self.volumes.extend(found);
    }

    /// All of the image's disk.
    pub fn disk(&self) -> &Arc<dyn BlockDevice> {
        &self.device
    }

    /// What the given range holds. A good file system wins over another type's damaged signature.
    pub fn probe(&self, start: u64, size: u64) -> Content {
        let device = match self.slice(start, size) {
            Ok(device) => device,
            Err(error) => return Content::Damaged(error),
        };
        self.probe_device(&device)
    }

    pub(super) fn probe_device(&self, device: &Arc<dyn BlockDevice>) -> Content {
        let mut damaged = None;
        for fs_type in self.kernel.file_system_types() {
            match fs_type.probe(device) {
                Ok(Some(info)) => return Content::FileSystem(fs_type.name(), info),
                Ok(None) => {}
                Err(error) => damaged = Some(error),
            }
        }
        damaged.map_or(Content::Unknown, Content::Damaged)
    }

    pub(super) fn slice(&self, start: u64, size: u64) -> Result<Arc<dyn BlockDevice>, KError> {
        let end = start.checked_add(size).filter(|&end| end <= self.size_bytes);
        if end.is_none() {
            return Err(KError::new(Errno::EINVAL, "the partition lies beyond the end of the image"));
        }
        if start == 0 && size == self.size_bytes {
            return Ok(self.device.clone());
        }
        Slice::new(self.device.clone(), start, size)
    }

    /// The volume that `selector` chooses.
    ///
    /// # Errors
    /// [`OpenError::NotRecognised`], [`OpenError::Ambiguous`], [`OpenError::NoSuchVolume`].
    pub fn choose(&self, image: &[u8], selector: &Selector) -> Result<Volume, OpenError> {
        match selector {
            Selector::Only => self.choose_only(image),
            Selector::Offset(offset) => self.choose_offset(image, *offset),
            Selector::Number(_) | Selector::Name(_) => {
                let volume = self.part(image, selector)?;
                if let Some(locked) = volume.locked() {
                    return Err(locked);
                }
                if matches!(volume.content, Content::Unknown) {
                    let place = format!("({} bytes from {})", volume.size_bytes, volume.start_bytes);
                    let held = volume.wrappings.last().map_or_else(String::new, |held| format!(", {held}"));
                    let wanted = format!("partition {} {place}{held}", &volume.selector[1..]);
                    return Err(OpenError::NoSuchVolume { wanted, choices: self.choices(image) });
                }
                Ok(volume.clone())
            }
        }
    }

    /// The partition that `selector` names, whatever is in it.
    ///
    /// # Errors
    /// [`OpenError::NoSuchVolume`]; so for a selector that names no partition.
    pub fn part(&self, image: &[u8], selector: &Selector) -> Result<&Volume, OpenError> {
        let mut parts = self.volumes.iter().filter(|volume| volume.scheme.is_some());
        let (wanted, found) = match selector {
            Selector::Number(number) => {
                let is_it =
                    |volume: &&Volume| volume.scheme.is_some_and(is_numbered) && volume.number == *number;
                (number.to_string(), parts.find(is_it))
            }
            Selector::Name(name) => {
                let is_it = |volume: &&Volume| {
                    volume.selector.as_bytes().get(1..) == Some(name)
                        || volume.label.as_bytes() == *name
                        || volume.bytes.is_called(name)
                };
                (String::from_utf8_lossy(name).into_owned(), parts.find(is_it))
            }
            Selector::Only | Selector::Offset(_) => ("without a name".into(), None),
        };
        let wanted = format!("partition {wanted}");
        found.ok_or_else(|| OpenError::NoSuchVolume { wanted, choices: self.choices(image) })
    }

    /// The bytes of a volume, inside of all wrappings that could be opened.
    ///
    /// # Errors
    /// EINVAL (it lies beyond the end of the image); those of what it is made of.
    pub fn bytes_of(&self, volume: &Volume) -> Result<Arc<dyn BlockDevice>, KError> {
        match &volume.bytes {
            Bytes::OfImage => self.slice(volume.start_bytes, volume.size_bytes),
            Bytes::Made { device, .. } => device.clone(),
        }
    }

    fn choose_only(&self, image: &[u8]) -> Result<Volume, OpenError> {
        // What a hybrid image has besides is part of its file system, or made to boot it.
        let has_room = |volume: &&Volume| matches!(volume.content, Content::FileSystem(BEHIND_TABLES, _));
        if let Some(whole) = self.volumes.first().filter(|volume| volume.scheme.is_none()).filter(has_room) {
            return Ok(whole.clone());
        }
        let mut good: Vec<&Volume> = Vec::new();
        for volume in self.volumes.iter().filter(|v| matches!(v.content, Content::FileSystem(..))) {
            // A disklabel and an MBR may name the same range.
            if !good.iter().any(|other| other.is_same(volume)) {
                good.push(volume);
            }
        }
        let damaged = self.volumes.iter().find(|v| matches!(v.content, Content::Damaged(_)));
        let locked: Vec<&Volume> = self.volumes.iter().filter(|volume| volume.locked().is_some()).collect();
        if let ([], Some(error)) = (good.as_slice(), locked.first().and_then(|volume| volume.locked())) {
            return Err(error);
        }
        good.extend(locked);
        match (good.as_slice(), damaged) {
            ([only], _) => Ok((*only).clone()),
            ([], Some(volume)) => Ok(volume.clone()),
            ([], None) => Err(OpenError::NotRecognised),
            (many, _) => Err(OpenError::Ambiguous {
                choices: many.iter().map(|volume| describe(image, volume)).collect(),
            }),
        }
    }

    fn choose_offset(&self, image: &[u8], offset: u64) -> Result<Volume, OpenError> {
        let known =
            self.volumes.iter().find(|volume| volume.start_bytes == offset && volume.scheme.is_none());
        if let Some(volume) = known {
            return volume.locked().map_or_else(|| Ok(volume.clone()), Err);
        }
        let wanted = format!("byte {offset}");
        let Some(size_bytes) = self.size_bytes.checked_sub(offset).filter(|&size| size > 0) else {
            return Err(OpenError::NoSuchVolume { wanted, choices: self.choices(image) });
        };
        match self.probe(offset, size_bytes) {
            Content::Unknown => Err(OpenError::NoSuchVolume { wanted, choices: self.choices(image) }),
            content => {
                Ok(Volume { start_bytes: offset, ..Volume::new(format!("+{offset}"), size_bytes, content) })
            }
        }
    }

    fn choices(&self, image: &[u8]) -> Vec<String> {
        let good = self.volumes.iter().filter(|volume| matches!(volume.content, Content::FileSystem(..)));
        good.map(|volume| describe(image, volume)).collect()
    }
}

/// How a part is chosen: by number, but for disklabels, which have letters, and boot images.
fn selector(scheme: &str, number: u32) -> String {
    match (scheme, u8::try_from(number)) {
        ("disklabel", Ok(number @ 1..=26)) => format!("@{}", char::from(b'a' + number - 1)),
        ("el-torito", _) => format!("@eltorito{number}"),
        _ => format!("@{number}"),
    }
}

fn is_numbered(scheme: &str) -> bool {
    !matches!(scheme, "disklabel" | "el-torito" | STACKED)
}

/// `disk.img@1 (ext4 "root")`.
fn describe(image: &[u8], volume: &Volume) -> String {
    let mut text = format!("{}{}", String::from_utf8_lossy(image), volume.selector);
    if let Content::FileSystem(_, info) = &volume.content {
        let label = if info.label.is_empty() { &volume.label } else { &info.label };
        match label.is_empty() {
            true => text.push_str(&format!(" ({})", info.kind)),
            false => text.push_str(&format!(" ({} {label:?})", info.kind)),
        }
    } else if let Some(wrapping) = volume.wrappings.last() {
        text.push_str(&format!(" ({wrapping})"));
    }
    text
}
