//! Parameters of a kernel, which its host has (rump(7) of NetBSD): what is not set has a default, what cannot be understood
//! keeps the kernel from booting.
//!
//! Of these, `RUMP_THREADS` is looked at by whoever would begin a thread ([`rump_vfs::has_threads`]), `RUMP_BLKFAIL` and
//! `RUMP_BLKFAIL_SEED` by the registry of the host's files.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_hyper::{Console, Hypervisor};
use rump_kpi::{KError, KResult};

/// Most processors that there may be said to be.
const MOST_CPUS: u64 = 1024;

/// What a kernel tells on its console while it boots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BootMessages {
    /// Lines if the parameter `RUMP_VERBOSE` is set to a number other than zero.
    #[default]
    AsParameter,
    /// Lines.
    All,
    /// No line.
    None,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// `RUMP_NCPU`: how many processors programs are told of.
    pub cpus: u32,
    /// `RUMP_MEMLIMIT`: bytes that contents of files in memory and caches of blocks may have.
    pub memory_limit: Option<u64>,
    /// `RUMP_NVNODES`: vnodes that nobody uses and a mount keeps.
    pub vnodes: Option<usize>,
    /// `RUMP_VERBOSE`.
    pub is_verbose: bool,
}

impl Parameters {
    /// Errors: EINVAL, naming the parameter.
    pub fn read(host: &dyn Hypervisor) -> KResult<Self> {
        let cpus = match host.find("RUMP_NCPU") {
            Some(text) if text.trim() == "host" => None,
            Some(text) => {
                Some(check("RUMP_NCPU", &text, number(&text).filter(|n| (1..=MOST_CPUS).contains(n)))?)
            }
            None => None,
        };
        let cpus = cpus.or_else(|| number(&host.find("_RUMPUSER_NCPU")?)).unwrap_or(1).clamp(1, MOST_CPUS);
        let find = |name: &str, parse: fn(&str) -> Option<u64>| {
            host.find(name).map(|text| check(name, &text, parse(&text))).transpose()
        };
        let vnodes = find("RUMP_NVNODES", number)?;
        Ok(Self {
            cpus: cpus as u32,
            memory_limit: find("RUMP_MEMLIMIT", size)?,
            vnodes: vnodes.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            is_verbose: find("RUMP_VERBOSE", number)?.is_some_and(|level| level != 0),
        })
    }

    /// Writes the lines of a kernel that boots, if they are wanted: its version, and what it is made of.
    pub fn tell(&self, messages: BootMessages, console: &dyn Console, parts: &[(&str, Vec<String>)]) {
        let is_wanted = match messages {
            BootMessages::AsParameter => self.is_verbose,
            BootMessages::All => true,
            BootMessages::None => false,
        };
        if !is_wanted {
            return;
        }
        let memory = self.memory_limit.map_or_else(|| "not limited".into(), |bytes| format!("{bytes} bytes"));
        let version = env!("CARGO_PKG_VERSION");
        console.write_line(&format!("rump {version}: processors: {}, memory: {memory}", self.cpus));
        for (what, names) in parts.iter().filter(|(_, names)| !names.is_empty()) {
            console.write_line(&format!("{what}: {}", names.join(", ")));
        }
    }
}

fn check(name: &str, text: &str, value: Option<u64>) -> KResult<u64> {
    value.ok_or_else(|| KError::new(Errno::EINVAL, format!("{name}={text} is no value of it")))
}

/// A number without a sign.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number of bytes, or of so many kilobytes, megabytes or gigabytes.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let shift = match text.bytes().last()?.to_ascii_lowercase() {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { text.get(..text.len() - 1)? };
    number(digits)?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("4k", Some(4096)),
            (" 2M ", Some(2 << 20)),
            ("1g", Some(1 << 30)),
            ("", None),
            ("k", None),
            ("-1", None),
            ("+1", None),
            ("1t", None),
            ("17179869184g", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(size(text), expected, "{text:?}");
        }
    }
}
