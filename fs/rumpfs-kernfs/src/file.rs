//! One fact as a file.

use crate::{Clock, attributes};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{Attr, FileType, KResult, Node, NodeName, TimeSpec};

/// What a file tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// When the kernel was started.
    Boottime,
    /// The name of the kernel as a host.
    Hostname,
    /// Ticks in a second.
    Hz,
    /// Bytes in a page.
    Pagesize,
    /// The present.
    Time,
    /// The kernel's name and version.
    Version,
}

impl Fact {
    /// Every fact, in the order of listings.
    pub const ALL: [Fact; 6] =
        [Fact::Boottime, Fact::Hostname, Fact::Hz, Fact::Pagesize, Fact::Time, Fact::Version];

    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boottime => "boottime",
            Self::Hostname => "hostname",
            Self::Hz => "hz",
            Self::Pagesize => "pagesize",
            Self::Time => "time",
            Self::Version => "version",
        }
    }
}

/// A file.
pub(crate) struct File {
    fact: Fact,
    boottime: TimeSpec,
    clock: Clock,
    host_name: Arc<NodeName>,
    /// The moment that reads at later offsets tell about.
    snapshot: Mutex<TimeSpec>,
}

impl File {
    /// The file of `fact`.
    pub fn new(fact: Fact, boottime: TimeSpec, clock: Clock, host_name: Arc<NodeName>) -> Self {
        let snapshot = Mutex::new(clock());
        Self { fact, boottime, clock, host_name, snapshot }
    }

    fn text(&self, now: TimeSpec) -> Vec<u8> {
        let text = match self.fact {
            Fact::Boottime => format!("{}\n", self.boottime.sec),
            Fact::Hostname => return [&self.host_name.text()[..], b"\n"].concat(),
            Fact::Hz => "100\n".into(),
            Fact::Pagesize => "4096\n".into(),
            // Fixed width below the second: the size does not move between `stat` and `read`.
            Fact::Time => format!("{} {:06}\n", now.sec, now.nsec / 1000),
            Fact::Version => concat!("rump ", env!("CARGO_PKG_VERSION"), "\n").into(),
        };
        text.into_bytes()
    }
}

impl Node for File {
    fn attr(&self) -> KResult<Attr> {
        let now = (self.clock)();
        let changed = if self.fact == Fact::Time { now } else { self.boottime };
        Ok(attributes(FileType::Regular, 0o444, self.text(now).len() as u64, changed, self.boottime))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        let now = if offset == 0 { Some((self.clock)()) } else { None };
        let moment = {
            let mut snapshot = self.snapshot.lock();
            *snapshot = now.unwrap_or(*snapshot);
            *snapshot
        };
        let text = self.text(moment);
        let rest = usize::try_from(offset).ok().and_then(|start| text.get(start..)).unwrap_or(&[]);
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
