//! An inode in use: what all users of the driver share of it.
//!
//! The inode itself is replaced as a whole, and only by a transaction; readers take the [`Arc`] and see one state.
//! Locks, outer first: `content`, then the transaction, then the leaves.

use crate::inode::Inode;
use crate::units::Ino;
use alloc::sync::Arc;
use rump_kpi::sync::RwLock;

/// See the module.
pub struct Cell {
    number: Ino,
    inode: RwLock<Arc<Inode>>,
    /// Held shared while the map, the content or the attributes are read, and alone by whoever moves or frees
    /// their blocks, so that no reader looks at a block that has a new owner.
    pub content: RwLock<()>,
}

impl Cell {
    /// A cell for an inode as it was loaded.
    pub fn new(inode: Inode) -> Arc<Self> {
        Arc::new(Self {
            number: inode.number(),
            inode: RwLock::new(Arc::new(inode)),
            content: RwLock::new(()),
        })
    }

    /// Its number.
    pub fn number(&self) -> Ino {
        self.number
    }

    /// The inode as it is now.
    pub fn inode(&self) -> Arc<Inode> {
        self.inode.read().clone()
    }

    /// Called by transactions only.
    pub(crate) fn replace(&self, inode: Arc<Inode>) {
        *self.inode.write() = inode;
    }
}
