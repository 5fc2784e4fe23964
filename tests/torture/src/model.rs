//! A tree, and a simple one in memory that has to stay like it.
//!
//! The model knows what a call answers, error or not, and what is there afterwards: names, types, contents, link
//! counts, attributes. Which error it is, is the conformance matrix's business.

use interop::{Check, context};
use proptest::prelude::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{AtFlags, FileType, KResult, Mode, OpenFlags, Process, XattrFlags};
use std::collections::BTreeMap;

/// A path of one to three of few names, so that operations meet.
pub type Path = Vec<u8>;

/// One call.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Makes a file, or leaves it as it is.
    Create(Path),
    /// Makes a folder.
    Mkdir(Path),
    /// Makes a symbolic link that leads nowhere.
    Symlink(Path),
    /// Writes this many bytes of this value.
    Write(Path, u32, u16, u8),
    /// Cuts or extends.
    Truncate(Path, u32),
    /// Removes what is no folder.
    Unlink(Path),
    /// Removes an empty folder.
    Rmdir(Path),
    /// Moves.
    Rename(Path, Path),
    /// Gives a file another name.
    Link(Path, Path),
    /// Changes the permission bits.
    Chmod(Path, u16),
    /// Sets an attribute of this many bytes.
    SetXattr(Path, u8, u16),
    /// Removes an attribute.
    RemoveXattr(Path, u8),
    /// Makes many names in a folder.
    Fill(Path, u16),
    /// Everything is durable.
    Sync,
}

/// Any sequence of operations.
pub fn operations(most: usize) -> impl Strategy<Value = Vec<Operation>> {
    let path = || prop::collection::vec(0..4u8, 1..=3);
    let operation = prop_oneof![
        3 => path().prop_map(Operation::Create),
        3 => path().prop_map(Operation::Mkdir),
        1 => path().prop_map(Operation::Symlink),
        4 => (path(), 0..200_000u32, 1..9000u16, any::<u8>()).prop_map(|(p, o, l, v)| Operation::Write(p, o, l, v)),
        2 => (path(), 0..200_000u32).prop_map(|(p, size)| Operation::Truncate(p, size)),
        2 => path().prop_map(Operation::Unlink),
        2 => path().prop_map(Operation::Rmdir),
        3 => (path(), path()).prop_map(|(from, to)| Operation::Rename(from, to)),
        2 => (path(), path()).prop_map(|(from, to)| Operation::Link(from, to)),
        1 => (path(), 0..0o1000u16).prop_map(|(p, mode)| Operation::Chmod(p, mode)),
        2 => (path(), 0..4u8, 0..900u16).prop_map(|(p, name, length)| Operation::SetXattr(p, name, length)),
        1 => (path(), 0..4u8).prop_map(|(p, name)| Operation::RemoveXattr(p, name)),
        1 => (path(), 1..300u16).prop_map(|(p, count)| Operation::Fill(p, count)),
        1 => Just(Operation::Sync),
    ];
    prop::collection::vec(operation, 1..most)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Folder(BTreeMap<String, usize>),
    File(Vec<u8>),
    Link,
}

#[derive(Clone, Debug)]
struct Node {
    content: Content,
    mode: u32,
    xattrs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    fn new(content: Content, mode: u32) -> Self {
        Self { content, mode, xattrs: BTreeMap::new() }
    }
}

/// The tree in memory. The root is node 0.
pub struct Model {
    nodes: Vec<Node>,
}

const TARGET: &str = "nowhere";

fn spelled(path: &Path) -> String {
    path.iter().map(|name| format!("n{name}")).collect::<Vec<_>>().join("/")
}

impl Default for Model {
    fn default() -> Self {
        Self { nodes: vec![Node::new(Content::Folder(BTreeMap::new()), 0o755)] }
    }
}

impl Model {
    fn folder(&self, node: usize) -> Option<&BTreeMap<String, usize>> {
        match &self.nodes[node].content {
            Content::Folder(names) => Some(names),
            _ => None,
        }
    }

    /// The folder that holds the last name of a path, and that name.
    fn parent(&self, path: &Path) -> Option<(usize, String)> {
        let (last, above) = path.split_last()?;
        let mut at = 0;
        for name in above {
            at = *self.folder(at)?.get(&format!("n{name}"))?;
        }
        self.folder(at).map(|_| (at, format!("n{last}")))
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let (parent, name) = self.parent(path)?;
        self.folder(parent)?.get(&name).copied()
    }

    fn add(&mut self, path: &Path, node: Node) -> bool {
        let Some((parent, name)) = self.parent(path) else { return false };
        let number = self.nodes.len();
        let Content::Folder(names) = &mut self.nodes[parent].content else { return false };
        if names.contains_key(&name) {
            return false;
        }
        names.insert(name, number);
        self.nodes.push(node);
        true
    }

    fn remove(&mut self, path: &Path) {
        let Some((parent, name)) = self.parent(path) else { return };
        if let Content::Folder(names) = &mut self.nodes[parent].content {
            names.remove(&name);
        }
    }

    fn put(&mut self, path: &Path, number: usize) {
        let Some((parent, name)) = self.parent(path) else { return };
        if let Content::Folder(names) = &mut self.nodes[parent].content {
            names.insert(name, number);
        }
    }

    fn is_link(&self, path: &Path) -> bool {
        self.find(path).is_some_and(|node| self.nodes[node].content == Content::Link)
    }

    fn file(&mut self, path: &Path) -> Option<&mut Vec<u8>> {
        let node = self.find(path)?;
        match &mut self.nodes[node].content {
            Content::File(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> bool {
        let Some(source) = self.find(from) else { return false };
        if self.parent(to).is_none() {
            return false;
        }
        let is_folder = self.folder(source).is_some();
        if is_folder && to.len() > from.len() && to.starts_with(from) {
            return false;
        }
        if let Some(victim) = self.find(to) {
            if victim == source {
                return true;
            }
            match (is_folder, self.folder(victim)) {
                (true, Some(names)) if names.is_empty() => {}
                (false, None) => {}
                _ => return false,
            }
        }
        self.remove(from);
        self.put(to, source);
        true
    }

    fn links(&self, number: usize) -> u64 {
        let folders = self.reachable();
        let names = folders.iter().filter_map(|folder| self.folder(*folder));
        names.flat_map(BTreeMap::values).filter(|node| **node == number).count() as u64
    }

    fn reachable(&self) -> Vec<usize> {
        let mut all = vec![0];
        let mut next = 0;
        while let Some(node) = all.get(next) {
            if let Some(names) = self.folder(*node) {
                let more: Vec<usize> =
                    names.values().copied().filter(|node| self.folder(*node).is_some()).collect();
                all.extend(more);
            }
            next += 1;
        }
        all
    }
}

/// What a file system must have for an operation.
fn needed(operation: &Operation) -> Capabilities {
    match operation {
        Operation::Symlink(_) => Capabilities::SYMLINKS,
        Operation::Link(..) => Capabilities::HARD_LINKS,
        Operation::Chmod(..) => Capabilities::OWNERS,
        Operation::SetXattr(..) | Operation::RemoveXattr(..) => Capabilities::XATTRS,
        _ => Capabilities::empty(),
    }
}

/// Does one operation on both; they have to agree whether it can be done.
pub fn apply(model: &mut Model, process: &Process, operation: &Operation) -> Check {
    let needed = needed(operation);
    if !needed.is_empty() && !context(process.capabilities("."), "capabilities")?.contains(needed) {
        return Ok(());
    }
    let (expected, found) = match operation {
        // What a link leads to would be made, and the model does not follow links.
        Operation::Create(path) | Operation::Write(path, ..) | Operation::Truncate(path, _)
            if model.is_link(path) =>
        {
            return Ok(());
        }
        Operation::Chmod(path, _) | Operation::SetXattr(path, ..) | Operation::RemoveXattr(path, _)
            if model.is_link(path) =>
        {
            return Ok(());
        }
        Operation::Create(path) => {
            let there = model.file(path).is_some();
            let made = there || model.add(path, Node::new(Content::File(Vec::new()), 0o644));
            let flags = OpenFlags::CREAT | OpenFlags::RDWR;
            (made, process.open(spelled(path), flags, Mode::new(0o644)).and_then(|fd| process.close(fd)))
        }
        Operation::Mkdir(path) => (
            model.add(path, Node::new(Content::Folder(BTreeMap::new()), 0o755)),
            process.mkdir(spelled(path), Mode::new(0o755)),
        ),
        Operation::Symlink(path) => {
            (model.add(path, Node::new(Content::Link, 0o777)), process.symlink(TARGET, spelled(path)))
        }
        Operation::Write(path, offset, length, value) => {
            let (offset, length) = (*offset as usize, usize::from(*length));
            let made = model.file(path).map(|bytes| {
                bytes.resize(bytes.len().max(offset + length), 0);
                bytes[offset..offset + length].fill(*value);
            });
            (made.is_some(), write(process, path, offset, &vec![*value; length]))
        }
        Operation::Truncate(path, size) => {
            let made = model.file(path).map(|bytes| bytes.resize(*size as usize, 0));
            (made.is_some(), process.truncate(spelled(path), u64::from(*size)))
        }
        Operation::Unlink(path) => {
            let there = model.find(path).is_some_and(|node| model.folder(node).is_none());
            if there {
                model.remove(path);
            }
            (there, process.unlink(spelled(path)))
        }
        Operation::Rmdir(path) => {
            let there = model.find(path).and_then(|node| model.folder(node)).is_some_and(BTreeMap::is_empty);
            if there {
                model.remove(path);
            }
            (there, process.rmdir(spelled(path)))
        }
        Operation::Rename(from, to) => (model.rename(from, to), process.rename(spelled(from), spelled(to))),
        Operation::Link(from, to) => {
            let source = model.find(from).filter(|node| model.folder(*node).is_none());
            let free = model.parent(to).is_some() && model.find(to).is_none();
            if let (Some(source), true) = (source, free) {
                model.put(to, source);
            }
            let linked = process.linkat(None, spelled(from), None, spelled(to), AtFlags::empty());
            (source.is_some() && free, linked)
        }
        Operation::Chmod(path, mode) => {
            let found = model.find(path);
            if let Some(node) = found {
                model.nodes[node].mode = u32::from(*mode);
            }
            (found.is_some(), process.chmod(spelled(path), Mode::new(u32::from(*mode))))
        }
        Operation::SetXattr(path, name, length) => set_xattr(model, process, path, *name, *length),
        Operation::RemoveXattr(path, name) => {
            let name = format!("user.{name}");
            let removed = model.find(path).and_then(|node| model.nodes[node].xattrs.remove(&name));
            (removed.is_some(), process.removexattr(spelled(path), name))
        }
        Operation::Fill(path, count) => return fill(model, process, path, *count),
        Operation::Sync => (true, process.sync()),
    };
    if expected == found.is_ok() {
        return Ok(());
    }
    Err(format!("{operation:?}: {found:?} where the model {}", if expected { "succeeds" } else { "fails" }))
}

/// An attribute that does not fit where this format keeps them may be refused.
fn set_xattr(
    model: &mut Model,
    process: &Process,
    path: &Path,
    name: u8,
    length: u16,
) -> (bool, KResult<()>) {
    let value = vec![name; usize::from(length)];
    let name = format!("user.{name}");
    let result = process.setxattr(spelled(path), &name, &value, XattrFlags::empty());
    let Some(node) = model.find(path) else { return (false, result) };
    match &result {
        Err(error) if error.errno == rumpkit::Errno::ENOSPC => return (false, result),
        _ => drop(model.nodes[node].xattrs.insert(name, value)),
    }
    (true, result)
}

fn fill(model: &mut Model, process: &Process, path: &Path, count: u16) -> Check {
    let Some(node) = model.find(path).filter(|node| model.folder(*node).is_some()) else { return Ok(()) };
    for number in 0..count {
        let name = format!("a name that takes some room {number}");
        let full = format!("{}/{name}", spelled(path));
        let made = process
            .open(&full, OpenFlags::CREAT | OpenFlags::RDWR, Mode::new(0o644))
            .and_then(|fd| process.close(fd));
        context(made, &full)?;
        let next = model.nodes.len();
        let Content::Folder(names) = &mut model.nodes[node].content else { return Ok(()) };
        if let std::collections::btree_map::Entry::Vacant(vacant) = names.entry(name) {
            vacant.insert(next);
            model.nodes.push(Node::new(Content::File(Vec::new()), 0o644));
        }
    }
    Ok(())
}

fn write(process: &Process, path: &Path, offset: usize, bytes: &[u8]) -> KResult<()> {
    let fd = process.open(spelled(path), OpenFlags::WRONLY, Mode::new(0))?;
    let written = process.pwrite(fd, bytes, offset as u64);
    process.close(fd)?;
    written.map(drop)
}

/// Compares everything.
pub fn compare(model: &Model, process: &Process) -> Check {
    compare_folder(model, process, 0, ".")
}

fn compare_folder(model: &Model, process: &Process, node: usize, path: &str) -> Check {
    let fail = |error| format!("{path}: {error}");
    let fd = process.open(path, OpenFlags::DIRECTORY, Mode::new(0)).map_err(fail)?;
    let mut names = Vec::new();
    let listed = process.getdents(fd, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    });
    listed.and_then(|()| process.close(fd)).map_err(fail)?;
    names.retain(|name| !matches!(name.as_str(), "." | ".." | "lost+found"));
    names.sort();
    let expected: Vec<String> = model.folder(node).into_iter().flat_map(BTreeMap::keys).cloned().collect();
    if names != expected {
        return Err(format!("{path}: holds {names:?} instead of {expected:?}"));
    }
    for (name, child) in model.folder(node).into_iter().flatten() {
        compare_node(model, process, *child, &format!("{path}/{name}"))?;
    }
    Ok(())
}

fn compare_node(model: &Model, process: &Process, node: usize, path: &str) -> Check {
    let fail = |error| format!("{path}: {error}");
    let stat = process.lstat(path).map_err(fail)?;
    let Node { content, mode, xattrs } = &model.nodes[node];
    let has_modes = process.capabilities(".").map_err(fail)?.contains(Capabilities::OWNERS);
    if has_modes && stat.mode.bits() & 0o7777 != *mode && *content != Content::Link {
        return Err(format!("{path}: mode {:o} instead of {mode:o}", stat.mode.bits()));
    }
    let links = match content {
        Content::Folder(names) => {
            2 + names.values().filter(|child| model.folder(**child).is_some()).count() as u64
        }
        _ => model.links(node),
    };
    if stat.nlink != links && stat.nlink != 1 {
        return Err(format!("{path}: {} links instead of {links}", stat.nlink));
    }
    for name in process.llistxattr(path).map_err(fail)?.iter().filter(|name| name.starts_with(b"user.")) {
        let text = String::from_utf8_lossy(name).into_owned();
        let value = process.lgetxattr(path, name).map_err(fail)?;
        if xattrs.get(&text) != Some(&value) {
            return Err(format!("{path}: {text} has {} bytes that it should not", value.len()));
        }
    }
    for (name, value) in xattrs {
        if process.lgetxattr(path, name).map_err(fail)? != *value {
            return Err(format!("{path}: {name} is not what was set"));
        }
    }
    match content {
        Content::Folder(_) => compare_folder(model, process, node, path),
        Content::Link if stat.file_type == FileType::Symlink => {
            let target = process.readlink(path).map_err(fail)?;
            if target == TARGET.as_bytes() { Ok(()) } else { Err(format!("{path}: leads to {target:?}")) }
        }
        Content::File(bytes) if stat.file_type == FileType::Regular => {
            compare_file(process, path, bytes, stat.size)
        }
        _ => Err(format!("{path}: is a {:?}", stat.file_type)),
    }
}

fn compare_file(process: &Process, path: &str, expected: &[u8], size: u64) -> Check {
    let fail = |error| format!("{path}: {error}");
    if size != expected.len() as u64 {
        return Err(format!("{path}: {size} bytes instead of {}", expected.len()));
    }
    let mut content = vec![0xa5; expected.len()];
    let fd = process.open(path, OpenFlags::empty(), Mode::new(0)).map_err(fail)?;
    let count = process.pread(fd, &mut content, 0).map_err(fail)?;
    process.close(fd).map_err(fail)?;
    match content[..count].iter().zip(expected).position(|(a, b)| a != b) {
        None if count == expected.len() => Ok(()),
        at => Err(format!("{path}: {count} bytes read, different at {at:?}")),
    }
}
