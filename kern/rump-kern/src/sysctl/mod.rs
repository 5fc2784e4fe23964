//! The tree of sysctl(7): what the kernel tells of itself, and what the superuser may change.
//!
//! Names have NetBSD's numbers; those that NetBSD numbers as they come begin at `CREATE_BASE`. The tree is a table, one module
//! for each of its branches, and holds no state: values are where they are used, those of `net` in the protocols.

mod facts;
mod hw;
mod kern;
mod net;
mod pcb;
mod process;
mod user;
mod vfs;

pub(crate) use facts::Facts;
pub(crate) use hw::machine;
pub(crate) use kern::{OSTYPE, RELEASE, VERSION};
pub(crate) use net::{find as setting, set as set_setting};

use crate::Process;
use alloc::string::String;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::sysctl::{CTL_HW, CTL_KERN, CTL_MAXNAME, CTL_NET, CTL_USER, CTL_VFS};
use rump_kpi::{KError, KResult};

/// A value of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SysctlValue {
    /// An `int`.
    Int(i32),
    /// A `quad_t`.
    Quad(i64),
    /// A string, without its NUL.
    Text(Vec<u8>),
    /// A structure of the machine's own layout.
    Struct(Vec<u8>),
}

/// A name in its folder.
pub(crate) struct Entry {
    number: i32,
    name: &'static str,
    what: What,
}

/// What a name stands for.
pub(crate) enum What {
    Node(&'static [Entry]),
    /// What can be read.
    Fact(Read),
    /// What can be changed as well.
    Choice(Read, Change),
    /// A choice of the protocols, by its whole name.
    Setting(&'static str),
    /// Many things; what the name goes on with says which.
    Table(Dump),
}

type Dump = fn(&Process, &[i32]) -> KResult<Vec<u8>>;
type Read = fn(&Process) -> KResult<SysctlValue>;
type Change = fn(&Process, &SysctlValue) -> KResult<()>;

static ROOT: [Entry; 5] = [
    node(CTL_KERN, "kern", &kern::TABLE),
    node(CTL_VFS, "vfs", &vfs::TABLE),
    node(CTL_NET, "net", &net::TABLE),
    node(CTL_HW, "hw", &hw::TABLE),
    node(CTL_USER, "user", &user::TABLE),
];

const fn node(number: i32, name: &'static str, entries: &'static [Entry]) -> Entry {
    Entry { number, name, what: What::Node(entries) }
}

const fn fact(number: i32, name: &'static str, read: Read) -> Entry {
    Entry { number, name, what: What::Fact(read) }
}

const fn table(number: i32, name: &'static str, dump: Dump) -> Entry {
    Entry { number, name, what: What::Table(dump) }
}

const fn choice(number: i32, name: &'static str, read: Read, change: Change) -> Entry {
    Entry { number, name, what: What::Choice(read, change) }
}

/// Structures of a table, as much of each as is wanted. Errors: EINVAL (there is nothing of that length).
fn wanted<T: Layout>(bytes: i32, count: i32, all: impl Iterator<Item = T>) -> KResult<Vec<u8>> {
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0).ok_or(Errno::EINVAL)?;
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    let front = |one: T| {
        let mut whole = one.to_bytes();
        whole.truncate(bytes);
        whole
    };
    Ok(all.take(count).flat_map(front).collect())
}

impl SysctlValue {
    /// A number that fits, or the largest that does.
    fn int(number: u64) -> Self {
        Self::Int(i32::try_from(number).unwrap_or(i32::MAX))
    }

    /// The value as programs get it: in the machine's byte order, strings with their NUL.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Int(number) => number.to_ne_bytes().to_vec(),
            Self::Quad(number) => number.to_ne_bytes().to_vec(),
            Self::Text(text) => [text, &b"\0"[..]].concat(),
            Self::Struct(bytes) => bytes.clone(),
        }
    }

    /// The value of this kind that a program gives. Errors: EINVAL (of another length).
    pub(crate) fn like(&self, bytes: &[u8]) -> KResult<Self> {
        let wrong = |_| KError::new(Errno::EINVAL, "the value has the wrong length");
        Ok(match self {
            Self::Int(_) => Self::Int(i32::from_ne_bytes(bytes.try_into().map_err(wrong)?)),
            Self::Quad(_) => Self::Quad(i64::from_ne_bytes(bytes.try_into().map_err(wrong)?)),
            Self::Text(_) => Self::Text(bytes.strip_suffix(b"\0").unwrap_or(bytes).to_vec()),
            Self::Struct(_) => Self::Struct(bytes.to_vec()),
        })
    }
}

/// What a name of numbers stands for, and with what that of a table goes on. Errors: EINVAL (too short or long), ENOENT,
/// ENOTDIR (it goes on behind a value), EISDIR (it is a folder).
pub(crate) fn find(name: &[i32]) -> KResult<(&'static What, &[i32])> {
    if name.is_empty() || name.len() > CTL_MAXNAME {
        return Err(Errno::EINVAL.into());
    }
    let mut entries: &[Entry] = &ROOT;
    let mut rest = name;
    while let [number, behind @ ..] = rest {
        rest = behind;
        let entry = entries.iter().find(|entry| entry.number == *number).ok_or(Errno::ENOENT)?;
        match &entry.what {
            What::Node(inner) => entries = inner,
            what @ What::Table(_) => return Ok((what, rest)),
            what if rest.is_empty() => return Ok((what, rest)),
            _ => return Err(Errno::ENOTDIR.into()),
        }
    }
    Err(Errno::EISDIR.into())
}

/// The numbers of a name with dots, of a value, a table or a folder. Errors: ENOENT, ENOTDIR (it goes on behind a value).
pub(crate) fn numbers_of(name: &str) -> KResult<Vec<i32>> {
    let mut entries: Option<&[Entry]> = Some(&ROOT);
    let mut numbers = Vec::new();
    for part in name.split('.') {
        let entry = entries.ok_or(Errno::ENOTDIR)?.iter().find(|entry| entry.name == part);
        let entry = entry.ok_or_else(|| KError::new(Errno::ENOENT, String::from("no sysctl ") + name))?;
        numbers.push(entry.number);
        entries = if let What::Node(inner) = &entry.what { Some(inner) } else { None };
    }
    Ok(numbers)
}

/// The names of all values, in the order of the table.
pub(crate) fn names() -> Vec<String> {
    names_of(|what| !matches!(what, What::Table(_)))
}

/// The names of all tables.
pub(crate) fn tables() -> Vec<String> {
    names_of(|what| matches!(what, What::Table(_)))
}

fn names_of(is_wanted: fn(&What) -> bool) -> Vec<String> {
    let mut names = Vec::new();
    for entry in &ROOT {
        collect(entry, "", is_wanted, &mut names);
    }
    names
}

fn collect(entry: &Entry, before: &str, is_wanted: fn(&What) -> bool, names: &mut Vec<String>) {
    let dot = if before.is_empty() { "" } else { "." };
    let name = alloc::format!("{before}{dot}{}", entry.name);
    match &entry.what {
        What::Node(entries) => entries.iter().for_each(|entry| collect(entry, &name, is_wanted, names)),
        what if is_wanted(what) => names.push(name),
        _ => {}
    }
}
