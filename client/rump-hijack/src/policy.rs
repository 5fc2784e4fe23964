//! `RUMPHIJACK`: which calls are the kernel's. A list of `key=value`, with commas between; empty, nothing is.

use crate::guard::Inside;
use crate::host::tell;
use crate::{carrier, paths};
use libc::c_int;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;

const DEFAULT: &str = "path=/rump,socket=all:nolocal";
/// The working directory in the kernel, which the program before had.
pub const CWD: &str = "RUMPHIJACK__PWDINRUMP";
/// Half of `FD_SETSIZE`.
const LOWEST: c_int = 512;

/// What `RUMPHIJACK` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Names below it are the kernel's, without it. It begins with a slash, and ends with none.
    pub prefix: Option<Vec<u8>>,
    /// Names below these are the kernel's as they are.
    pub blankets: Vec<Vec<u8>>,
    /// Domains of sockets, by their numbers.
    pub domains: Vec<c_int>,
    /// Lowest number of a descriptor of the kernel's.
    pub lowest: c_int,
}

/// Domains by the names that they have here. Those that the kernel has none of are not among all.
const DOMAINS: &[(&str, c_int, bool)] = &[
    ("local", libc::AF_UNIX, true),
    ("inet", libc::AF_INET, true),
    ("inet6", libc::AF_INET6, true),
    ("link", libc::AF_PACKET, false),
    ("route", libc::AF_NETLINK, false),
    ("bluetooth", libc::AF_BLUETOOTH, false),
];

const WITHOUT_PATH: &[&str] = &["nfssvc", "getvfsstat", "fhcalls"];

static POLICY: OnceLock<Policy> = OnceLock::new();
/// Nothing is the kernel's.
static NONE: Policy = Policy { prefix: None, blankets: Vec::new(), domains: Vec::new(), lowest: LOWEST };

/// The policy of this process. What is called before this library is ready, such as by an allocator that begins, is the
/// host's.
pub fn policy() -> &'static Policy {
    POLICY.get().unwrap_or(&NONE)
}

/// Reads it, when this library is loaded. A list that is wrong ends the program.
extern "C" fn read() {
    let _inside = Inside::enter();
    let text = std::env::var_os("RUMPHIJACK").map_or_else(|| DEFAULT.into(), OsString::into_vec);
    if let Some(path) = std::env::var_os(CWD) {
        paths::begin_in(CString::new(path.into_vec()).unwrap_or_default());
        // SAFETY: a string; other threads do not run yet.
        unsafe { libc::unsetenv(c"RUMPHIJACK__PWDINRUMP".as_ptr()) };
    }
    match Policy::parse(&text) {
        // Nobody else sets it.
        Ok(policy) => {
            drop(POLICY.set(policy));
            carrier::begin();
        }
        Err(what) => {
            tell(format_args!("RUMPHIJACK={}: {what}", String::from_utf8_lossy(&text)));
            // SAFETY: a number.
            unsafe { libc::_exit(1) }
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static READ: extern "C" fn() = read;

impl Policy {
    /// Errors: what is wrong, in words.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut policy = Self { lowest: LOWEST, ..Self::default() };
        for part in text.split(|byte| *byte == b',').filter(|part| !part.is_empty()) {
            let at = part.iter().position(|byte| *byte == b'=');
            let (key, value) = at.map_or((part, None), |at| (&part[..at], Some(&part[at + 1..])));
            let key = String::from_utf8_lossy(key);
            let value =
                value.filter(|value| !value.is_empty()).ok_or_else(|| format!("{key} has no value"))?;
            policy.set(&key, value).map_err(|what| format!("{key}: {what}"))?;
        }
        Ok(policy)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        let text = || std::str::from_utf8(value).map_err(|_| "no text".to_owned());
        match key {
            "path" => self.prefix = Some(place(value)?),
            "blanket" => {
                self.blankets = value.split(|byte| *byte == b':').map(place).collect::<Result<_, _>>()?;
            }
            "socket" => {
                let all = DOMAINS.iter().filter(|(.., is_ours)| *is_ours).map(|(name, ..)| *name);
                let names: Vec<&str> = DOMAINS.iter().map(|(name, ..)| *name).collect();
                let chosen = choose(text()?, &names, all.collect())?;
                let is_chosen = |(name, ..): &&(&str, c_int, bool)| chosen.contains(name);
                self.domains = DOMAINS.iter().filter(is_chosen).map(|(_, number, _)| *number).collect();
            }
            // Linux has no such calls that programs still use.
            "vfs" => drop(choose(text()?, WITHOUT_PATH, WITHOUT_PATH.to_vec())?),
            "sysctl" if matches!(value, b"y" | b"yes" | b"n" | b"no") => {}
            "sysctl" => return Err("it is y or n".into()),
            "fdoff" => {
                let number = text()?.parse().ok().filter(|number| (3..=1 << 16).contains(number));
                self.lowest = number.ok_or("it is a number, 3 or more")?;
            }
            _ => return Err("there is no such key".into()),
        }
        Ok(())
    }
}

/// An absolute path without a slash at its end. Errors: it is none, or the root.
fn place(path: &[u8]) -> Result<Vec<u8>, String> {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    if path.first() != Some(&b'/') || end == 0 {
        return Err(format!("{} is no absolute path below the root", String::from_utf8_lossy(path)));
    }
    Ok(path[..end].to_vec())
}

/// What a list of `all`, `NAME` and `noNAME` chooses, in its order. Errors: a name that is none.
fn choose(text: &str, names: &[&'static str], all: Vec<&'static str>) -> Result<Vec<&'static str>, String> {
    let mut chosen = Vec::new();
    for word in text.split(':') {
        let named = |word: &str| names.iter().find(|name| **name == word).copied();
        if word == "all" {
            chosen.clone_from(&all);
        } else if let Some(name) = named(word) {
            chosen.push(name);
        } else if let Some(name) = word.strip_prefix("no").and_then(named) {
            chosen.retain(|known| *known != name);
        } else {
            return Err(format!("{word} is none of all, {}, nor no and one of them", names.join(", ")));
        }
    }
    Ok(chosen)
}
