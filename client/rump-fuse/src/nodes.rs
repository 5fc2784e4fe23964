//! The files that the host's kernel knows, by the numbers that it names them by.
//!
//! A number is that of the inode, but that the root's is 1, as the protocol has it; whatever has that number itself gets the
//! root's. How often the kernel was told of a file is counted, until it forgets that. A file that has a name is found by its
//! number whenever it is asked for; only one without names is held. So a file that is known costs some dozen bytes, and how
//! many are known is the kernel's doing, which forgets when it wants memory.

use fuser::INodeNo;
use parking_lot::Mutex;
use rump_abi::Ino;
use rump_kern::HeldFile;
use rump_kpi::KResult;
use std::collections::HashMap;

const SHARDS: usize = 16;

#[derive(Default)]
struct Known {
    /// How often the kernel was told of it.
    lookups: u64,
    /// Held, as it has no name any more.
    nameless: Option<HeldFile>,
}

/// See the module.
pub(crate) struct Nodes {
    root: HeldFile,
    shards: [Mutex<HashMap<Ino, Known>>; SHARDS],
}

impl Nodes {
    /// Nothing but the root is known.
    pub(crate) fn new(root: HeldFile) -> Self {
        Self { root, shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The directory that is mounted.
    pub(crate) fn root(&self) -> &HeldFile {
        &self.root
    }

    /// What the kernel calls an inode.
    pub(crate) fn number(&self, ino: Ino) -> INodeNo {
        INodeNo(self.swapped(ino.0))
    }

    /// The inode that it calls so.
    fn ino(&self, number: INodeNo) -> Ino {
        Ino(self.swapped(number.0))
    }

    fn swapped(&self, number: u64) -> u64 {
        match (INodeNo::ROOT.0, self.root.ino().0) {
            (one, root) if number == one => root,
            (one, root) if number == root => one,
            _ => number,
        }
    }

    /// The file that the kernel means. Errors: ENXIO (unmounted), ESTALE, EFTYPE, EIO.
    pub(crate) fn find(&self, number: INodeNo) -> KResult<HeldFile> {
        if number == INodeNo::ROOT {
            return Ok(self.root.clone());
        }
        let ino = self.ino(number);
        let nameless = self.shard(ino).lock().get(&ino).and_then(|known| known.nameless.clone());
        nameless.map_or_else(|| self.root.other(ino), Ok)
    }

    /// Counts that the kernel is told of a file, which may have lost its last name meanwhile.
    pub(crate) fn tell(&self, file: &HeldFile) {
        let mut shard = self.shard(file.ino()).lock();
        let known = shard.entry(file.ino()).or_default();
        known.lookups += 1;
        if file.is_removed() {
            known.nameless = Some(file.clone());
        }
    }

    /// As [`Nodes::tell`], of a file that has a name as long as this takes.
    pub(crate) fn tell_named(&self, ino: Ino) {
        self.shard(ino).lock().entry(ino).or_default().lookups += 1;
    }

    /// A name of a file was taken away: without names it is held as long as the kernel knows it.
    pub(crate) fn after_removal(&self, file: HeldFile) {
        if file.is_removed() {
            if let Some(known) = self.shard(file.ino()).lock().get_mut(&file.ino()) {
                known.nameless = Some(file);
            }
        }
    }

    /// The kernel forgets that it was told so often.
    pub(crate) fn forget(&self, number: INodeNo, lookups: u64) {
        let ino = self.ino(number);
        let mut shard = self.shard(ino).lock();
        let Some(known) = shard.get_mut(&ino) else { return };
        known.lookups = known.lookups.saturating_sub(lookups);
        let gone = if known.lookups == 0 { shard.remove(&ino) } else { None };
        drop(shard);
        // The space of what was held is given back now.
        drop(gone);
    }

    fn shard(&self, ino: Ino) -> &Mutex<HashMap<Ino, Known>> {
        &self.shards[(ino.0 % SHARDS as u64) as usize]
    }
}
