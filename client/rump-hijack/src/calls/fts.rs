//! fts(3): libc walks by calls of its own. A walk of which no path is the kernel's is libc's.
//!
//! The program's working directory stays where it is, as FTS_NOCHDIR asks for, so what a file is accessed by is its path.
//! FTS_NOSTAT saves nothing: attributes are there.

use super::walk::{attributes, base, joined, kind, names};
use crate::errno::{fail, get, set};
use crate::paths::{self, Which};
use libc::{c_char, c_int, c_long, c_short, c_ushort, c_void, dev_t, ino_t, nlink_t, stat as Stat};
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::ptr::{NonNull, null_mut};

/// No pointer, which libc's own structure begins with.
const MARK: u64 = 0x7275_6d70_6674_7321;

const FTS_COMFOLLOW: c_int = 0x01;
const FTS_LOGICAL: c_int = 0x02;
const FTS_SEEDOT: c_int = 0x20;
const FTS_XDEV: c_int = 0x40;
const FTS_OPTIONS: c_int = 0xff;
const FTS_NAMEONLY: c_int = 0x100;

const FTS_D: c_ushort = 1;
const FTS_DC: c_ushort = 2;
const FTS_DEFAULT: c_ushort = 3;
const FTS_DNR: c_ushort = 4;
const FTS_DOT: c_ushort = 5;
const FTS_DP: c_ushort = 6;
const FTS_F: c_ushort = 8;
const FTS_NS: c_ushort = 10;
const FTS_SL: c_ushort = 12;
const FTS_SLNONE: c_ushort = 13;

const FTS_AGAIN: c_ushort = 1;
const FTS_FOLLOW: c_ushort = 2;
const FTS_NOINSTR: c_ushort = 3;
const FTS_SKIP: c_ushort = 4;

/// `FTSENT`, whose name goes on behind it.
#[repr(C)]
pub struct Entry {
    cycle: *mut Entry,
    parent: *mut Entry,
    link: *mut Entry,
    number: c_long,
    pointer: *mut c_void,
    access: *mut c_char,
    path: *mut c_char,
    errno: c_int,
    symfd: c_int,
    path_length: c_ushort,
    name_length: c_ushort,
    ino: ino_t,
    dev: dev_t,
    nlink: nlink_t,
    level: c_short,
    info: c_ushort,
    flags: c_ushort,
    instr: c_ushort,
    stat: *mut Stat,
    name: [c_char; 1],
}

/// Owns an entry, and what it points to.
struct Node {
    entry: NonNull<Entry>,
    path: CString,
    stat: Box<Stat>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it, and the program has it no more.
        unsafe { libc::free(self.entry.as_ptr().cast()) };
    }
}

type Compare = Option<unsafe extern "C" fn(*mut *const Entry, *mut *const Entry) -> c_int>;

/// Directories that the walk is in, each with what is left of it. The first one stands for the paths that were given.
struct Level {
    dir: Node,
    rest: VecDeque<Node>,
}

/// `FTS`.
#[repr(C)]
pub struct Walk {
    mark: u64,
    options: c_int,
    compare: Compare,
    device: dev_t,
    levels: Vec<Level>,
    /// What was told last, unless it is a directory that the walk is in.
    current: Option<Node>,
    /// What is in it, if the program wanted to know.
    children: Option<VecDeque<Node>>,
    is_begun: bool,
}

impl Node {
    /// None: there is no memory.
    fn new(path: CString, name: &CStr, level: c_short, parent: *mut Entry) -> Option<Self> {
        let length = name.to_bytes().len();
        // SAFETY: numbers.
        let entry = unsafe { libc::calloc(1, size_of::<Entry>() + length) };
        // SAFETY: all zeros is one.
        let stat: Stat = unsafe { std::mem::zeroed() };
        let mut node = Self { entry: NonNull::new(entry.cast())?, path, stat: Box::new(stat) };
        let (path, stat) = (node.path.as_ptr().cast_mut(), &raw mut *node.stat);
        let path_length = node.path.as_bytes().len() as c_ushort;
        let entry = node.get();
        (entry.parent, entry.level, entry.instr) = (parent, level, FTS_NOINSTR);
        (entry.access, entry.path, entry.path_length, entry.stat) = (path, path, path_length, stat);
        entry.name_length = length as c_ushort;
        let place = (&raw mut entry.name).cast();
        // SAFETY: there is room for so many and the zero.
        unsafe { std::ptr::copy_nonoverlapping(name.as_ptr(), place, length) };
        Some(node)
    }

    fn get(&mut self) -> &mut Entry {
        // SAFETY: it is there as long as this, and the program looks at it only between calls.
        unsafe { self.entry.as_mut() }
    }

    /// Finds out what it is.
    fn look(&mut self, follows: bool) {
        let found = attributes(&self.path, follows);
        let errno = get();
        let dangling = || attributes(&self.path, false).filter(|_| follows);
        let (stat, info) = match found {
            Some(stat) => (Some(stat), None),
            None => dangling().map_or((None, Some(FTS_NS)), |stat| (Some(stat), Some(FTS_SLNONE))),
        };
        if let Some(stat) = stat {
            *self.stat = stat;
        }
        let known = stat.map(|stat| (stat.st_ino, stat.st_dev, stat.st_nlink)).unwrap_or_default();
        let above = stat.filter(|stat| kind(stat) == libc::S_IFDIR).and_then(|_| self.same_above(known));
        let entry = self.get();
        (entry.ino, entry.dev, entry.nlink) = known;
        entry.errno = if info == Some(FTS_NS) { errno } else { 0 };
        entry.cycle = above.unwrap_or(null_mut());
        entry.info = info.unwrap_or_else(|| match stat.as_ref().map(kind) {
            Some(libc::S_IFDIR) if above.is_some() => FTS_DC,
            Some(libc::S_IFDIR) => FTS_D,
            Some(libc::S_IFLNK) => FTS_SL,
            Some(libc::S_IFREG) => FTS_F,
            _ => FTS_DEFAULT,
        });
    }

    /// The directory above that is the same.
    fn same_above(&mut self, (ino, dev, _): (ino_t, dev_t, nlink_t)) -> Option<*mut Entry> {
        let mut above = self.get().parent;
        // SAFETY: directories that the walk is in.
        while let Some(entry) = unsafe { above.as_ref() }.filter(|entry| entry.level >= 0) {
            if (entry.ino, entry.dev) == (ino, dev) {
                return Some(above);
            }
            above = entry.parent;
        }
        None
    }

    /// A path that was given is known by its last part, once the walk is there.
    fn shorten(&mut self) {
        let base = base(&self.path);
        if self.get().level != 0 || base >= self.path.as_bytes().len() {
            return;
        }
        let name = self.path.as_bytes_with_nul()[base..].as_ptr();
        let length = self.path.as_bytes().len() - base;
        let entry = self.get();
        entry.name_length = length as c_ushort;
        let place = (&raw mut entry.name).cast();
        // SAFETY: it had room for the whole path.
        unsafe { std::ptr::copy_nonoverlapping(name, place, length + 1) };
    }
}

impl Walk {
    fn has(&self, option: c_int) -> bool {
        self.options & option != 0
    }

    /// Sorts as the program wants to, and links each to the next.
    fn arrange(&self, mut nodes: Vec<Node>) -> VecDeque<Node> {
        if let Some(compare) = self.compare {
            nodes.sort_by(|one, other| {
                let (mut one, mut other) =
                    (one.entry.as_ptr().cast_const(), other.entry.as_ptr().cast_const());
                // SAFETY: two entries, as the program's function expects.
                unsafe { compare(&mut one, &mut other) }.cmp(&0)
            });
        }
        let mut next = null_mut();
        for node in nodes.iter_mut().rev() {
            node.get().link = next;
            next = node.entry.as_ptr();
        }
        nodes.into()
    }

    /// What is in the directory that was told last. Errors: those of opendir(3) and readdir(3), ENOMEM.
    fn list(&mut self) -> Option<VecDeque<Node>> {
        let follows = self.has(FTS_LOGICAL);
        let dots: &[&CStr] = if self.has(FTS_SEEDOT) { &[c".", c".."] } else { &[] };
        let dir = self.current.as_mut()?;
        let names = names(&dir.path)?;
        let mut nodes = Vec::new();
        for name in dots.iter().copied().chain(names.iter().map(CString::as_c_str)) {
            let level = dir.get().level + 1;
            let made = Node::new(joined(&dir.path, name), name, level, dir.entry.as_ptr());
            let Some(mut node) = made else {
                set(libc::ENOMEM);
                return None;
            };
            node.look(follows);
            if dots.contains(&name) {
                node.get().info = FTS_DOT;
            }
            nodes.push(node);
        }
        Some(self.arrange(nodes))
    }

    fn read(&mut self) -> *mut Entry {
        self.is_begun = true;
        if let Some(told) = self.go_on() {
            return told;
        }
        self.current = None;
        self.children = None;
        while let Some(level) = self.levels.last_mut() {
            let Some(mut node) = level.rest.pop_front() else {
                let Some(Level { mut dir, .. }) = self.levels.pop() else { break };
                if self.levels.is_empty() {
                    break;
                }
                dir.get().info = FTS_DP;
                return self.tell(dir);
            };
            match std::mem::replace(&mut node.get().instr, FTS_NOINSTR) {
                FTS_SKIP => continue,
                FTS_FOLLOW => node.look(true),
                _ => {}
            }
            node.shorten();
            if node.get().level == 0 {
                self.device = node.get().dev;
            }
            return self.tell(node);
        }
        set(0);
        null_mut()
    }

    fn tell(&mut self, node: Node) -> *mut Entry {
        self.current.insert(node).entry.as_ptr()
    }

    /// What what was told last is to be told as next. None: the walk goes on to something else, maybe into it.
    fn go_on(&mut self) -> Option<*mut Entry> {
        let follows = self.has(FTS_LOGICAL);
        let leaves = self.has(FTS_XDEV).then_some(self.device);
        let node = self.current.as_mut()?;
        let instr = std::mem::replace(&mut node.get().instr, FTS_NOINSTR);
        let entry = node.get();
        match (instr, entry.info) {
            (FTS_AGAIN, _) => node.look(follows),
            (FTS_FOLLOW, FTS_SL | FTS_SLNONE) => node.look(true),
            (FTS_SKIP, FTS_D) => entry.info = FTS_DP,
            (_, FTS_D) if leaves.is_some_and(|device| device != entry.dev) => entry.info = FTS_DP,
            (_, FTS_D) => match self.children.take().or_else(|| self.list()) {
                Some(rest) => {
                    let dir = self.current.take()?;
                    self.levels.push(Level { dir, rest });
                    return None;
                }
                None => {
                    let entry = self.current.as_mut()?.get();
                    (entry.info, entry.errno) = (FTS_DNR, get());
                }
            },
            _ => return None,
        }
        self.children = None;
        self.current.as_ref().map(|node| node.entry.as_ptr())
    }

    /// The first of what will be told next, or of what is in a directory.
    fn children(&mut self) -> *mut Entry {
        let first = |nodes: &VecDeque<Node>| nodes.front().map_or(null_mut(), |node| node.entry.as_ptr());
        if !self.is_begun {
            return self.levels.first().map_or(null_mut(), |level| first(&level.rest));
        }
        set(0);
        if self.current.as_mut().is_none_or(|node| node.get().info != FTS_D) {
            return null_mut();
        }
        self.children = self.list();
        self.children.as_ref().map_or(null_mut(), first)
    }
}

/// Begins a walk. Errors: EINVAL, ENOMEM.
fn begin(paths: &[&CStr], options: c_int, compare: Compare) -> *mut Walk {
    if options & !FTS_OPTIONS != 0 {
        return fail(libc::EINVAL);
    }
    let Some(dir) = Node::new(CString::default(), c"", -1, null_mut()) else { return fail(libc::ENOMEM) };
    let top = dir.entry.as_ptr();
    let (levels, current, children) = (Vec::new(), None, None);
    let mut walk = Box::new(Walk {
        mark: MARK,
        options,
        compare,
        device: 0,
        levels,
        current,
        children,
        is_begun: false,
    });
    let mut nodes = Vec::new();
    for path in paths {
        let Some(mut node) = Node::new((*path).into(), path, 0, top) else { return fail(libc::ENOMEM) };
        node.look(options & (FTS_LOGICAL | FTS_COMFOLLOW) != 0);
        nodes.push(node);
    }
    let rest = walk.arrange(nodes);
    walk.levels.push(Level { dir, rest });
    Box::into_raw(walk)
}

/// The walk, if it is one of ours.
///
/// # Safety
/// It is what fts_open(3) answered, and nobody else has it now.
unsafe fn ours<'w>(walk: *mut Walk) -> Option<&'w mut Walk> {
    // SAFETY: the caller's promise; libc's own begins with a pointer.
    let is_ours = !walk.is_null() && unsafe { (&raw const (*walk).mark).read() } == MARK;
    // SAFETY: as above, and it has the mark.
    if is_ours { Some(unsafe { &mut *walk }) } else { None }
}

interpose! {
    [fts_open, fts64_open](given: *const *const c_char, options: c_int, compare: Compare) -> *mut Walk, |host| {
        // SAFETY: the caller's promise: strings, up to null.
        let list = (0..).map(|at| unsafe { *given.add(at) }).take_while(|path| !path.is_null());
        // SAFETY: as above.
        let list: Vec<&CStr> = list.map(|path| unsafe { CStr::from_ptr(path) }).collect();
        if list.iter().all(|path| paths::of(path.as_ptr()).kernel == Which::Host) {
            return host(given, options, compare);
        }
        begin(&list, options, compare)
    }

    [fts_read, fts64_read](walk: *mut Walk) -> *mut Entry, |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(walk) } {
            Some(walk) => walk.read(),
            None => host(walk),
        }
    }

    [fts_children, fts64_children](walk: *mut Walk, option: c_int) -> *mut Entry, |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(walk) } {
            Some(_) if !matches!(option, 0 | FTS_NAMEONLY) => fail(libc::EINVAL),
            Some(walk) => walk.children(),
            None => host(walk, option),
        }
    }

    [fts_set, fts64_set](walk: *mut Walk, entry: *mut Entry, instruction: c_int) -> c_int, |host| {
        // SAFETY: the caller's promise.
        if unsafe { ours(walk) }.is_none() {
            return host(walk, entry, instruction);
        }
        // SAFETY: as above.
        match (u16::try_from(instruction), unsafe { entry.as_mut() }) {
            (Ok(instruction @ 0..=FTS_SKIP), Some(entry)) => {
                entry.instr = instruction;
                0
            }
            // As libc has it.
            _ => {
                set(libc::EINVAL);
                1
            }
        }
    }

    [fts_close, fts64_close](walk: *mut Walk) -> c_int, |host| {
        // SAFETY: the caller's promise.
        let Some(walk) = (unsafe { ours(walk) }) else { return host(walk) };
        walk.mark = 0;
        // SAFETY: `begin` made it, and nobody has it any more.
        drop(unsafe { Box::from_raw(std::ptr::from_mut(walk)) });
        0
    }
}
