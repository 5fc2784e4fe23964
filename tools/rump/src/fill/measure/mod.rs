//! What a tree needs: space for `--fit`, and a digest of all that is in it for `--reproducible`.
//!
//! How space is counted depends on the format: see [`ext`] and [`clusters`].

pub mod clusters;
mod directories;
pub mod ext;

use super::{Content, Entry, Kind, Sink, Trouble, split};
use crate::stop::Stop;
use clusters::Clusters;
use directories::Directories;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Who counts space.
#[derive(Clone, Copy, Debug)]
pub enum Layout {
    /// ext2 and its successors.
    Ext(ext::Layout),
    /// FAT.
    Fat,
    /// exFAT.
    Exfat,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files of all kinds; hard links count once.
    pub inodes: u64,
    /// Blocks, of a layout that has them.
    pub blocks: u64,
    /// Clusters, of a layout that has those; without the root directory.
    pub clusters: Clusters,
    /// Bytes of the root directory of such a layout.
    pub root_bytes: u64,
    /// Entries of the source.
    pub entries: u64,
    /// Bytes of content, without holes.
    pub bytes: u64,
    /// The latest time of a change.
    pub latest: rumpkit::TimeSpec,
}

/// Whether content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only where it lies.
    Sizes,
    /// All of it, for the digest.
    Content,
}

/// See the module.
pub struct Measure {
    layout: Layout,
    depth: Depth,
    stop: Stop,
    needs: Needs,
    directories: Directories,
    /// Lengths of files by their directories and names, for a layout without hard links.
    sizes: HashMap<(usize, Vec<u8>), u64>,
    digest: Sha256,
}

impl Measure {
    /// Nothing was counted yet.
    pub fn new(layout: Layout, depth: Depth, stop: Stop) -> Self {
        let own = match layout {
            Layout::Ext(_) => 0,
            Layout::Fat | Layout::Exfat => clusters::ROOT_BYTES,
        };
        Self {
            layout,
            depth,
            stop,
            needs: Needs::default(),
            directories: Directories::new(own),
            sizes: HashMap::new(),
            digest: Sha256::new(),
        }
    }

    /// The sum, and the digest.
    pub fn finish(mut self) -> (Needs, [u8; 32]) {
        for (number, bytes) in self.directories.bytes().iter().enumerate() {
            match self.layout {
                Layout::Ext(ext) => self.needs.blocks += ext.directory(*bytes),
                Layout::Fat | Layout::Exfat if number == directories::TOP => {
                    self.needs.root_bytes = *bytes;
                }
                Layout::Fat => self.needs.clusters.add(clusters::DOTS_BYTES + bytes),
                // The empty ones have a cluster, too.
                Layout::Exfat => self.needs.clusters.add((*bytes).max(1)),
            }
        }
        self.needs.inodes += self.directories.bytes().len() as u64;
        (self.needs, self.digest.finalize().into())
    }

    /// Where there are no hard links, another name is another copy.
    fn link(&mut self, name: (usize, Vec<u8>), target: &[u8]) {
        let target = split(target).and_then(|(above, name)| {
            self.directories.find(above).and_then(|above| self.sizes.get(&(above, name.to_vec())))
        });
        if let Some(size) = target.copied() {
            self.needs.clusters.add(size);
            self.sizes.insert(name, size);
        }
    }

    fn describe(&mut self, entry: &Entry) {
        let (kind, detail): (u8, &[u8]) = match &entry.kind {
            Kind::Directory => (b'd', b""),
            Kind::File(size) => (b'f', &size.to_le_bytes()),
            Kind::Symlink(target) => (b'l', target),
            Kind::HardLink(target) => (b'h', target),
            Kind::Special(file_type, device) => {
                let numbers = [device.major.to_le_bytes(), device.minor.to_le_bytes()].concat();
                self.word(&numbers);
                (file_type.letter() as u8, b"")
            }
        };
        self.digest.update([kind]);
        self.word(detail);
        self.word(&entry.path);
        for number in [entry.mode, entry.uid, entry.gid, entry.atime.nsec, entry.mtime.nsec] {
            self.digest.update(number.to_le_bytes());
        }
        self.digest.update(entry.atime.sec.to_le_bytes());
        self.digest.update(entry.mtime.sec.to_le_bytes());
        self.digest.update((entry.xattrs.len() as u64).to_le_bytes());
        for (name, value) in &entry.xattrs {
            self.word(name);
            self.word(value);
        }
    }

    fn word(&mut self, bytes: &[u8]) {
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
    }
}

impl Sink for Measure {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        self.stop.check()?;
        self.needs.entries += 1;
        self.needs.latest = self.needs.latest.max(entry.mtime);
        if self.depth == Depth::Content {
            self.describe(entry);
        }
        let layout = self.layout;
        let mut add = |bytes: &mut u64, name: &[u8]| layout.add(bytes, name);
        let name = match split(&entry.path) {
            Some((above, name)) if entry.kind != Kind::Directory => {
                let above = self.directories.enter(above, &mut add);
                self.directories.add(above, name, &mut add);
                (above, name.to_vec())
            }
            _ => (self.directories.enter(&entry.path, &mut add), Vec::new()),
        };
        match &entry.kind {
            Kind::HardLink(target) => self.link(name.clone(), target),
            Kind::Directory => {}
            Kind::File(_) | Kind::Symlink(_) | Kind::Special(..) => self.needs.inodes += 1,
        }
        let mut map = Vec::new();
        if matches!(entry.kind, Kind::File(_)) {
            map = content.map()?;
            self.needs.bytes += map.iter().map(|part| part.end - part.start).sum::<u64>();
        }
        match (self.layout, &entry.kind) {
            (_, Kind::HardLink(_)) => {}
            (Layout::Ext(ext), _) => {
                self.needs.blocks = self.needs.blocks.saturating_add(ext.entry(entry, &map));
            }
            (_, Kind::File(size)) => {
                self.needs.clusters.add(*size);
                self.sizes.insert(name, *size);
            }
            _ => {}
        }
        if self.depth == Depth::Content && matches!(entry.kind, Kind::File(_)) {
            let digest = &mut self.digest;
            content.copy(&mut |offset, bytes| {
                digest.update(offset.to_le_bytes());
                digest.update(bytes);
                Ok(())
            })?;
        }
        Ok(())
    }

    // What fails here fails when the image is filled, and is told then.
    fn failed(&mut self, _path: &[u8], _why: &str) {}

    fn note(&mut self, _text: &str) {}
}

impl Layout {
    /// Adds a name to the bytes of its directory.
    fn add(self, bytes: &mut u64, name: &[u8]) {
        match self {
            Self::Ext(_) => *bytes += ext::record(name.len()),
            Self::Fat => *bytes += clusters::fat_record(name),
            Self::Exfat => clusters::add_set(bytes, name),
        }
    }
}
