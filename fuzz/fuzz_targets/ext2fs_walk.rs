//! Mounts arbitrary bytes as ext2, ext3 or ext4 and walks what appears, within a budget of steps.
//!
//! Whatever the bytes are, the answer is a tree or an error: never a panic, a hang or a large allocation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rump_kpi::{
    BlockDevice, Component, Environment, Errno, FileSystem, FileType, Ino, KResult, Node, TimeSpec,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Nodes that one walk looks at.
const NODES: usize = 500;

/// Entries taken from one directory.
const ENTRIES: usize = 2_000;

/// Bytes read from each file at its begin and at its end.
const SAMPLE: usize = 16 << 10;

/// The input as a read-only device.
struct Bytes(Vec<u8>);

impl BlockDevice for Bytes {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let start = usize::try_from(offset).map_err(|_| Errno::EINVAL)?;
        let end = start.checked_add(buf.len()).ok_or(Errno::EINVAL)?;
        buf.copy_from_slice(self.0.get(start..end).ok_or(Errno::EINVAL)?);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        panic!("a write reached the device of a read-only mount");
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let Component::FileSystem(driver) = rumpfs_ext2fs::component() else { return };
    let device: Arc<dyn BlockDevice> = Arc::new(Bytes(data.to_vec()));
    let environment = Environment::new(TimeSpec::default, |_| {});
    let _ = driver.probe(&device);
    if let Ok(volume) = driver.mount(Some(device), true, "", &environment) {
        let _ = volume.statvfs();
        walk(&*volume);
    }
});

fn walk(volume: &dyn FileSystem) {
    let mut pending = vec![volume.root()];
    let mut seen = HashSet::new();
    while let Some(ino) = pending.pop() {
        if seen.len() >= NODES || !seen.insert(ino) {
            continue;
        }
        if let Ok(node) = volume.node(ino) {
            visit(&*node, &mut pending);
        }
    }
}

fn visit(node: &dyn Node, pending: &mut Vec<Ino>) {
    let Ok(attr) = node.attr() else { return };
    for name in node.list_xattrs().unwrap_or_default() {
        let _ = node.xattr(&name);
    }
    match attr.file_type {
        FileType::Directory => list(node, pending),
        FileType::Symlink => drop(node.read_link()),
        FileType::Regular => {
            let mut buffer = vec![0; SAMPLE];
            let _ = node.read_at(0, &mut buffer);
            let _ = node.read_at(attr.size.saturating_sub(SAMPLE as u64), &mut buffer);
            let _ = node.seek_hole(0).and_then(|hole| node.seek_data(hole));
        }
        _ => {}
    }
}

fn list(node: &dyn Node, pending: &mut Vec<Ino>) {
    let mut names = Vec::new();
    let _ = node.read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        pending.push(entry.ino);
        names.len() < ENTRIES
    });
    for name in &names {
        let _ = node.lookup(name);
    }
    let _ = node.lookup(b"a name that is not there");
}
