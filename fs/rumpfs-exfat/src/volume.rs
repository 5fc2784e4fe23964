//! A mounted volume.

use crate::bitmap::Bitmap;
use crate::dir::Remembered;
use crate::disk::Disk;
use crate::nodes::Cell;
use crate::system::System;
use crate::transaction::Writer;
use crate::upcase::Upcase;
use alloc::sync::Arc;
use core::sync::atomic::AtomicU32;
use rump_dosfs::nodes::Nodes;
use rump_dosfs::{Error, Options};
use rump_kpi::{Environment, TimeSpec};

/// The volume.
pub struct Volume {
    /// Its bytes.
    pub disk: Disk,
    /// Which clusters are free.
    pub bitmap: Bitmap,
    /// What of names is the same.
    pub upcase: Upcase,
    /// What the mount was told.
    pub options: Options,
    /// What the kernel gave to the mount.
    pub environment: Environment,
    /// Files and directories in use.
    pub nodes: Nodes<Cell>,
    /// How many names of directories are remembered.
    pub remembered: Remembered,
    pub(crate) writer: Option<Writer>,
    /// How many clusters were free at the last commit; `u32::MAX` if nobody knows.
    pub(crate) free_at_commit: AtomicU32,
}

impl Volume {
    /// A volume of which the root directory was read.
    pub fn new(
        disk: Disk,
        system: System,
        options: Options,
        environment: Environment,
        writer: Option<Writer>,
    ) -> Self {
        let System { bitmap, upcase, .. } = system;
        let (nodes, free_at_commit) = (Nodes::default(), AtomicU32::new(u32::MAX));
        let remembered = Remembered::default();
        Self { disk, bitmap, upcase, options, environment, nodes, remembered, writer, free_at_commit }
    }

    /// The present.
    pub fn now(&self) -> TimeSpec {
        (self.environment.now)()
    }

    /// The file of this number. Errors: ESTALE (there is none), EFTYPE, EIO.
    pub fn cell(&self, number: u64) -> Result<Arc<Cell>, Error> {
        self.nodes.cell(number, |place| Cell::read(&self.disk, number, place))
    }
}
