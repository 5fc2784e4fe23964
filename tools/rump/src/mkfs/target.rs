//! Where a file system is made: a new file, one that is there, a block device, what a server of NBD has, or a part of these.
//!
//! The exclusive lock is held from the first look until the end.

use crate::output::escaped;
use crate::session::{Failure, Session};
use rumpkit::dev::Slice;
use rumpkit::hyper::Access;
use rumpkit::image::{
    Address, Content, Format, LockPolicy, Opening, STACKED, Selector, Survey, is_url, open_device,
};
use rumpkit::kpi::BlockDevice;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is there already.
struct Found {
    /// Keeps the lock.
    survey: Survey,
    /// A file that holds the bytes as they are: its length can be another.
    is_regular: bool,
}

/// See the module.
pub struct Target {
    path: PathBuf,
    found: Option<Found>,
    /// Begin, and end if that is known, of a part.
    part: Option<(u64, Option<u64>)>,
}

/// A target that can be written.
pub struct Opened {
    /// The part that is written.
    pub device: Arc<dyn BlockDevice>,
    /// Whether it is known to read zeros.
    pub is_zeroed: bool,
}

impl Target {
    /// Looks what `image` names.
    pub fn find(image: &OsStr, offset: Option<u64>, session: &Session) -> Result<Self, Failure> {
        let host = session.host();
        let address = Address::parse(&**host, image.as_bytes());
        if address.has_path() {
            return Err(Failure::Usage(format!("mkfs: {} is a path in an image", escaped(image.as_bytes()))));
        }
        let whole = Path::new(OsStr::from_bytes(address.image()));
        // A new file may be called anything.
        let (path, selector) = match address.selector() {
            Selector::Only => (whole, None),
            _ if !is_url(address.image()) && !whole.exists() => (Path::new(image), None),
            selector => (whole, Some(selector)),
        };
        if selector.is_some() && offset.is_some() {
            return Err(Failure::Usage("mkfs: --offset and a part of the image exclude each other".into()));
        }
        let found = match std::fs::metadata(path) {
            _ if is_url(address.image()) => Some(look(path, session)?),
            Ok(_) => Some(look(path, session)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::Other(format!("{}: {error}", path.display()))),
        };
        let mut target = Self { path: path.into(), found, part: None };
        target.part = target.find_part(selector, offset)?;
        Ok(target)
    }

    fn find_part(
        &self,
        selector: Option<&Selector>,
        offset: Option<u64>,
    ) -> Result<Option<(u64, Option<u64>)>, Failure> {
        let Some(found) = &self.found else {
            return Ok(offset.map(|offset| (offset, None)));
        };
        let partitions = || {
            found
                .survey
                .tables
                .iter()
                .flat_map(|table| table.partitions.iter().map(move |partition| (table.scheme, partition)))
        };
        let begin = match (selector, offset) {
            (None, None) | (Some(Selector::Only), _) => return Ok(None),
            (None, Some(offset)) | (Some(&Selector::Offset(offset)), _) => offset,
            (Some(Selector::Number(number)), _) => {
                let wanted =
                    partitions().find(|(scheme, part)| *scheme != "disklabel" && part.number == *number);
                return self.partition(
                    wanted.map(|(_, part)| (part.start_bytes, part.size_bytes)),
                    &number.to_string(),
                );
            }
            (Some(Selector::Name(name)), _) => {
                let is_it = |scheme: &str, number: u32, label: &str| {
                    let letter = [b'a'.wrapping_add((number as u8).wrapping_sub(1))];
                    label.as_bytes() == name.as_slice()
                        || (scheme == "disklabel" && letter == name.as_slice())
                };
                let wanted = partitions().find(|(scheme, part)| is_it(scheme, part.number, &part.label));
                return self
                    .partition(wanted.map(|(_, part)| (part.start_bytes, part.size_bytes)), &escaped(name));
            }
        };
        let known = partitions().find(|(_, part)| part.start_bytes == begin);
        Ok(Some((begin, known.map(|(_, part)| begin.saturating_add(part.size_bytes)))))
    }

    fn partition(
        &self,
        found: Option<(u64, u64)>,
        name: &str,
    ) -> Result<Option<(u64, Option<u64>)>, Failure> {
        match found {
            Some((start, size)) => Ok(Some((start, Some(start.saturating_add(size))))),
            None => Err(Failure::Other(format!("{}: no partition {name}", self.path.display()))),
        }
    }

    /// The host path of the image.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to call it.
    pub fn name(&self) -> String {
        let name = escaped(self.path.as_os_str().as_bytes());
        match self.part {
            Some((offset, _)) => format!("{name}+{offset}"),
            None => name,
        }
    }

    /// Where in the image it begins.
    pub fn offset(&self) -> u64 {
        self.part.map_or(0, |(offset, _)| offset)
    }

    /// Refuses to overwrite what somebody may miss, unless `force` is set.
    pub fn check_free(&self, force: bool) -> Result<(), Failure> {
        let Some(found) = self.found.as_ref().filter(|_| !force) else { return Ok(()) };
        let there = match self.part {
            None => {
                found.survey.tables.iter().map(|table| format!("a {} partition table", table.scheme)).next()
            }
            Some(_) => None,
        };
        let begin = self.offset();
        let size =
            self.end().unwrap_or(found.survey.size_bytes).min(found.survey.size_bytes).saturating_sub(begin);
        let wrapped = found.survey.volumes.iter().filter(|volume| volume.scheme != Some(STACKED));
        let mut wrapped = wrapped.filter(|volume| volume.start_bytes == begin);
        let there = there.or_else(|| wrapped.find_map(|volume| Some(volume.wrappings.first()?.to_string())));
        let there = there.or_else(|| match found.survey.probe(begin, size) {
            _ if size == 0 => None,
            Content::FileSystem(_, info) if info.label.is_empty() => {
                Some(format!("a file system, {}", info.kind))
            }
            Content::FileSystem(_, info) => Some(format!("a file system, {} {:?}", info.kind, info.label)),
            Content::Damaged(error) => Some(format!("something damaged: {error}")),
            Content::Unknown => None,
        });
        match there {
            Some(what) => Err(Failure::Other(format!("{} holds {what}; --force overwrites it", self.name()))),
            None => Ok(()),
        }
    }

    fn end(&self) -> Option<u64> {
        self.part.and_then(|(_, end)| end)
    }

    /// The length to make, as asked for or all there is. Errors: there is not so much, or nothing tells.
    pub fn size(&self, wanted: Option<u64>) -> Result<u64, Failure> {
        let image = self.found.as_ref().map(|found| (found.survey.size_bytes, found.is_regular));
        // A whole file can have any length; a part ends with its partition, or with the image.
        let limit = match (self.end(), image) {
            (Some(end), _) => Some(end.saturating_sub(self.offset())),
            (None, Some((size, is_regular))) if self.part.is_some() || !is_regular => {
                Some(size.saturating_sub(self.offset()))
            }
            (None, _) => None,
        };
        match (wanted, limit, image) {
            (Some(wanted), Some(limit), _) if wanted > limit => {
                let what = format!("{}: {wanted} bytes are wanted, but there are {limit}", self.name());
                Err(Failure::Other(what))
            }
            (Some(wanted), _, _) => Ok(wanted),
            (None, Some(limit), _) => Ok(limit),
            (None, None, Some((size, _))) if size > 0 => Ok(size),
            _ => Err(Failure::Usage(format!("mkfs: {} is new: give its --size, or --fit", self.name()))),
        }
    }

    /// Makes the file if it is not there, gives it its length, and opens it.
    pub fn open(&self, size: u64, session: &Session) -> Result<Opened, Failure> {
        let named = |error: std::io::Error| Failure::Other(format!("{}: {error}", self.path.display()));
        let end = self.offset().saturating_add(size);
        let mut is_zeroed = true;
        match &self.found {
            None => {
                let file = File::options().write(true).create_new(true).open(&self.path);
                file.and_then(|file| file.set_len(end)).map_err(named)?;
            }
            Some(found) if found.is_regular => {
                let file = File::options().write(true).open(&self.path).map_err(named)?;
                if self.part.is_none() {
                    // Nothing of what was there is left, and it takes no space.
                    file.set_len(0).and_then(|()| file.set_len(end)).map_err(named)?;
                } else {
                    is_zeroed = punch(&file, self.offset(), size);
                }
            }
            Some(_) => is_zeroed = false,
        }
        let failed = |error| Failure::Open(self.name(), error);
        let device = match &self.found {
            Some(found) if !found.is_regular => found.survey.disk().clone(),
            found => {
                // Whoever looked first has the lock already.
                let lock = if found.is_some() { LockPolicy::NoLock } else { session.opening().lock };
                let opening = Opening { lock, format: Some(Format::Raw), ..Opening::default() };
                let path = self.path.as_os_str().as_bytes();
                open_device(&**session.host(), path, Access::ReadWrite, opening).map_err(failed)?
            }
        };
        let device = match self.offset() {
            0 if device.size_bytes() == size => device,
            offset => Slice::new(device, offset, size).map_err(|error| failed(error.into()))?,
        };
        Ok(Opened { device, is_zeroed })
    }
}

fn look(path: &Path, session: &Session) -> Result<Found, Failure> {
    let name = || escaped(path.as_os_str().as_bytes());
    let bytes = path.as_os_str().as_bytes();
    let is_file = !is_url(bytes)
        && std::fs::metadata(path).map_err(|error| Failure::Other(format!("{}: {error}", name())))?.is_file();
    let survey = Survey::open(session.host().clone(), bytes, Access::ReadWrite, session.opening());
    match survey {
        Ok(survey) => {
            let is_raw = survey.layer.as_ref().is_none_or(|layer| layer.format == Format::Raw);
            Ok(Found { survey, is_regular: is_file && is_raw })
        }
        Err(error) => Err(Failure::Open(name(), error)),
    }
}

/// Makes a hole, which reads as zeros; whether that worked.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn punch(file: &File, offset: u64, size: u64) -> bool {
    use rustix::fs::FallocateFlags;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(file, flags, offset, size).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn punch(_file: &File, _offset: u64, _size: u64) -> bool {
    false
}
