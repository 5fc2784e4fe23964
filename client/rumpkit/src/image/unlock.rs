//! Opening what is encrypted (LUKS): where its header is, or by a header in another file, of which the parts themselves tell nothing.

use super::stack::{Bytes, Device, Part, Wrapping};
use super::{Content, OpenError, Opening, Refusal, Survey, open_layers};
use rump_hyper::{Access, Hypervisor};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use rumpdev_volume::Kind;
use rumpdev_volume::luks::{Effort, Header, Key};
use std::collections::VecDeque;

/// A header in a file of its own.
pub(super) struct Detached {
    header: Header,
    device: Device,
    name: String,
    /// Its key, which is derived once for all parts.
    key: Option<Result<Key, Refusal>>,
}

impl Detached {
    /// The one that `opening` names. Errors: as [`open_layers`]; EFTYPE (there is none in it), ENOTSUP.
    pub fn open(host: &dyn Hypervisor, opening: &Opening) -> Result<Option<Self>, OpenError> {
        let Some(path) = &opening.header else { return Ok(None) };
        let own = Opening { lock: opening.lock, ..Opening::default() };
        let (device, _) = open_layers(host, path, Access::Read, &own)?;
        let name = String::from_utf8_lossy(path).into_owned();
        let found = match Header::read(&*device)? {
            Some(header) => Some(header),
            None => Header::read_second(&*device)?,
        };
        let none = || KError::new(Errno::EFTYPE, format!("{name} holds no header of LUKS"));
        Ok(Some(Self { header: found.ok_or_else(none)?, device, name, key: None }))
    }

    /// Whether it is the header of a part in which `found` was found.
    fn is_of(&self, device: &dyn BlockDevice, found: &KResult<Option<Kind>>, content: &Content) -> bool {
        match found {
            // A copy of what is there, perhaps with other keyslots.
            Ok(Some(Kind::Luks(own))) => own.uuid == self.header.uuid,
            Ok(Some(_)) => false,
            Ok(None) => matches!(content, Content::Unknown),
            Err(_) => Header::read(device).is_err(),
        }
    }
}

impl Survey {
    /// Whether the header that was given is that of a part, which is not open yet.
    pub(super) fn is_detached(&self, part: &Part, found: &KResult<Option<Kind>>) -> bool {
        let volume = part.volume.map(|index| &self.volumes[index]);
        let is_open = |it: &Wrapping| matches!(it, Wrapping::Encrypted { .. });
        let volume = volume.filter(|volume| !volume.wrappings.iter().any(is_open));
        volume
            .zip(self.detached.as_ref())
            .is_some_and(|(volume, detached)| detached.is_of(&*part.device, found, &volume.content))
    }

    /// Opens a part by its own header, if a key does.
    pub(super) fn unlock(&mut self, part: Part, header: &Header, queue: &mut VecDeque<Part>) {
        let key = self.derive(header, &part.device, &part.name);
        self.opened(part, header, key, None, queue);
    }

    /// Opens a part by the header that was given, if a key does.
    pub(super) fn unlock_detached(&mut self, part: Part, queue: &mut VecDeque<Part>) {
        let Some(mut detached) = self.detached.take() else { return };
        let Detached { header, device, name, key } = &mut detached;
        let key = key.get_or_insert_with(|| self.derive(header, device, name)).clone();
        self.opened(part, header, key, Some(name), queue);
        self.detached = Some(detached);
    }

    fn derive(&self, header: &Header, device: &Device, name: &str) -> Result<Key, Refusal> {
        let what = format!("{name} ({})", header.costs().join("; "));
        let mut refusal = Refusal::NoKey;
        for secret in self.opening.keys.iter() {
            let derive = || header.key(&**device, secret, &Effort::default());
            match self.opening.watch.deriving(&what, derive) {
                Ok(key) => return Ok(key),
                Err(error) => refusal = Refusal::Failed(error),
            }
        }
        Err(refusal)
    }

    fn opened(
        &mut self,
        part: Part,
        header: &Header,
        key: Result<Key, Refusal>,
        detached: Option<&str>,
        queue: &mut VecDeque<Part>,
    ) {
        let place = detached.map(|name| format!("header in {name}"));
        let words = [header.encryption()].into_iter().chain(header.derivations()).chain(place.as_deref());
        let what = format!("LUKS{} ({})", header.version, words.collect::<Vec<_>>().join(", "));
        let plain = key.and_then(|key| header.open(part.device.clone(), &key).map_err(Refusal::Failed));
        let content = plain.as_ref().map_or(Content::Unknown, |plain| self.probe_device(plain));
        if let Some(index) = part.volume {
            let volume = &mut self.volumes[index];
            let refusal = plain.as_ref().err().cloned();
            volume.wrappings.push(Wrapping::Encrypted { what, refusal });
            volume.content = content;
            if let Ok(device) = &plain {
                let names = match std::mem::replace(&mut volume.bytes, Bytes::OfImage) {
                    Bytes::Made { names, .. } => names,
                    Bytes::OfImage => Vec::new(),
                };
                volume.bytes = Bytes::Made { device: Ok(device.clone()), names };
            }
        }
        if let Ok(device) = plain {
            queue.push_back(Part { device, depth: part.depth + 1, ..part });
        }
    }
}
