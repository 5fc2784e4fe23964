//! Walks a mounted volume within a budget of steps.
//!
//! The budget keeps one execution short; it is no bound that the driver may count on. A single call of the
//! driver is not limited: one that does not return is what the time limit of the fuzzer is for.

use crate::image::Image;
use crate::overlay::Overlay;
use rump_kpi::{
    BlockDevice, Component, DevNumber, Environment, FileSystem, FileType, Ino, KResult, Mode, NewNode, Node,
    SetAttr, TimeSpec,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Nodes that one walk looks at.
const NODES: usize = 200;
/// Entries taken from one directory, and names of them that are looked up.
const ENTRIES: usize = 500;
const LOOKUPS: usize = 24;
/// Bytes read from each file at its begin and at its end.
const SAMPLE: usize = 16 << 10;
/// Names that are changed, and where a listing goes on behind the two that every directory has.
const CHANGED: usize = 24;
const FIRST_CURSOR: u64 = 2;
/// What is made.
const NEW: NewNode<'_> = NewNode {
    file_type: FileType::Regular,
    mode: Mode::new(0o644),
    uid: 0,
    gid: 0,
    rdev: DevNumber { major: 0, minor: 0 },
    target: &[],
};

/// Mounts `device` with the driver and the first of `options` that it takes, and looks at everything.
pub fn mount_and_walk(component: Component, device: &Arc<dyn BlockDevice>, options: &[&str]) {
    let Component::FileSystem(driver) = component else { return };
    let environment = Environment::new(TimeSpec::default, |_| {});
    let _ = driver.probe(device);
    for options in options {
        if let Ok(volume) = driver.mount(Some(device.clone()), true, options, &environment) {
            let _ = volume.statvfs();
            walk(&*volume);
            return;
        }
    }
}

/// Mounts `image` with the driver for writing, and changes what is in its root, whatever comes of it.
pub fn mount_and_change(component: Component, image: Image) {
    let Component::FileSystem(driver) = component else { return };
    let environment = Environment::new(TimeSpec::default, |_| {});
    if let Ok(volume) = driver.mount(Some(Arc::new(Overlay::new(image))), false, "", &environment) {
        let _ = change(&*volume);
        let _ = volume.sync();
        let _ = volume.unmount();
    }
}

fn change(volume: &dyn FileSystem) -> KResult<()> {
    let root = volume.node(volume.root())?;
    let mut names = Vec::new();
    let _ = root.read_dir(FIRST_CURSOR, &mut |entry| {
        names.push(entry.name.to_vec());
        names.len() < CHANGED
    });
    let new = |file_type| NewNode { file_type, ..NEW };
    let _ = root.create(b"a new file of a long name", new(FileType::Regular));
    let folder = root.create(b"FOLDER", new(FileType::Directory));
    for (number, name) in names.iter().enumerate() {
        let Ok(ino) = root.lookup(name) else { continue };
        let Ok(node) = volume.node(ino) else { continue };
        let _ = node.write_at(number as u64 * 700, &[b'w'; 3000]);
        let _ = node.set_attr(SetAttr { size: Some(number as u64 * 300), ..SetAttr::default() });
        match (number % 3, &folder) {
            (0, Ok(folder)) => drop(root.rename(name, *folder, b"another name for it")),
            (1, _) => drop(root.unlink(name).or_else(|_| root.rmdir(name))),
            _ => drop(volume.sync()),
        }
        drop(node);
        volume.forget(ino);
    }
    Ok(())
}

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
        FileType::Regular => sample(node, attr.size),
        _ => {}
    }
}

fn sample(node: &dyn Node, size: u64) {
    let mut buffer = vec![0; SAMPLE];
    let _ = node.read_at(0, &mut buffer);
    let _ = node.read_at(size / 2, &mut buffer);
    let _ = node.read_at(size.saturating_sub(SAMPLE as u64), &mut buffer);
    let _ = node.seek_hole(0).and_then(|hole| node.seek_data(hole));
}

fn list(node: &dyn Node, pending: &mut Vec<Ino>) {
    let mut names = Vec::new();
    let mut cursor = 0;
    let _ = node.read_dir(0, &mut |entry| {
        if names.len() < LOOKUPS {
            names.push(entry.name.to_vec());
            cursor = entry.next_cursor;
        }
        pending.push(entry.ino);
        pending.len() < ENTRIES
    });
    let _ = node.read_dir(cursor, &mut |_| false);
    for name in &names {
        let _ = node.lookup(name);
    }
    let _ = node.lookup(b"a name that is not there");
}
