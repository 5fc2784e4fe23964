//! `/etc/resolv.conf` in a kernel: what all its networks tell of name servers and domains.
//!
//! The file is made anew beside the old one and takes its place at once, so that nobody reads half of it. Several may write
//! it at a time: each looks again afterwards, so that the last one has written what is true.

use super::interface::network;
use super::task::{Task, Work};
use crate::kpi::Registration;
use crate::kpi::device::{Network, ResolverInfo};
use crate::kpi::socket::Domain;
use crate::{AddressFamily, Errno, KResult, Kernel, Mode, OpenFlags, Process};
use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where it is.
pub const PATH: &str = "/etc/resolv.conf";
/// What it begins with: who finds another beginning leaves the file alone, as long as there is nothing to tell.
const HEADER: &str = "# Written by rump of what its networks tell; changes will be lost.\n";
/// How often somebody else may have written meanwhile.
const MOST_ROUNDS: usize = 100;
/// Bytes of a file that are compared.
const MOST_BYTES: usize = 65_536;

/// Keeps the file as the networks tell, until it is dropped. Clients of DHCP and
/// whoever applies a file of a network have the file written themselves; with IPv6, routers tell at any time.
///
/// On a host without threads, it is [polled](Self::poll).
pub struct ResolvConf {
    task: Task<Keeper>,
}

struct Keeper {
    process: Process,
    domain: Arc<dyn Domain>,
    _changes: Registration,
}

impl ResolvConf {
    /// Begins to. Errors: those of the protocols, WouldBlock (no thread can be had).
    pub fn keep(kernel: &Kernel) -> io::Result<Self> {
        let domain = kernel.protocols(AddressFamily::Inet)?;
        let process = kernel.process();
        let task = Task::begin(kernel.host(), "resolv.conf", |waker| {
            let changes = network(&*domain)?.changes().register(&waker);
            Ok(Keeper { process, domain, _changes: changes })
        })?;
        Ok(Self { task })
    }

    /// Does what is due. For hosts without threads.
    pub fn poll(&self) {
        self.task.poll();
    }
}

impl Work for Keeper {
    fn work(&mut self) -> Option<Duration> {
        if let Ok(network) = network(&*self.domain) {
            // A kernel that was halted has no file.
            let _ = update(&self.process, network);
        }
        None
    }
}

/// Writes the file, if it says something else. Errors: those of writing it.
pub(super) fn update(process: &Process, network: &dyn Network) -> KResult<()> {
    for _ in 0..MOST_ROUNDS {
        let text = render(network);
        let found = read(process)?;
        let is_foreign = found.as_ref().is_some_and(|found| !found.starts_with(HEADER.as_bytes()));
        let has_nothing = text == HEADER;
        if found.as_deref() == Some(text.as_bytes()) || (has_nothing && (is_foreign || found.is_none())) {
            return Ok(());
        }
        replace(process, &text)?;
    }
    Ok(())
}

fn read(process: &Process) -> KResult<Option<Vec<u8>>> {
    let fd = match process.open(PATH, OpenFlags::empty(), Mode::new(0)) {
        Ok(fd) => fd,
        Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; MOST_BYTES];
    let length = process.read(fd, &mut bytes);
    process.close(fd)?;
    bytes.truncate(length?);
    Ok(Some(bytes))
}

fn replace(process: &Process, text: &str) -> KResult<()> {
    match process.mkdir("/etc", Mode::new(0o755)) {
        Err(error) if error.errno != Errno::EEXIST => return Err(error),
        _ => {}
    }
    let beside = format!("{PATH}.{}", process.pid());
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
    let fd = process.open(&beside, flags, Mode::new(0o644))?;
    let written = process.write(fd, text.as_bytes());
    process.close(fd)?;
    let renamed = written.and_then(|_| process.rename(&beside, PATH));
    if renamed.is_err() {
        // What failed is told; that this one stays is not.
        let _ = process.unlink(&beside);
    }
    renamed
}

fn render(network: &dyn Network) -> String {
    let interfaces = network.interfaces();
    let name_of = |number: u32| interfaces.iter().find(|info| info.number == number).map(|info| &info.name);
    let resolvers = network.resolvers();
    let mut domains: Vec<&String> = Vec::new();
    let mut servers: Vec<String> = Vec::new();
    for ResolverInfo { interface, servers: told, domains: of_told } in &resolvers {
        domains.extend(of_told.iter().filter(|domain| rump_domain_name::is_name(domain)));
        servers.extend(told.iter().map(|server| match (server, name_of(*interface)) {
            (IpAddr::V6(address), Some(name)) if address.is_unicast_link_local() => {
                format!("{server}%{name}")
            }
            _ => server.to_string(),
        }));
    }
    let mut text = String::from(HEADER);
    let domains = unique(domains);
    if !domains.is_empty() {
        text.push_str("search");
        domains.iter().for_each(|domain| {
            text.push(' ');
            text.push_str(domain);
        });
        text.push('\n');
    }
    for server in unique(servers) {
        // A text takes all.
        let _ = writeln!(text, "nameserver {server}");
    }
    text
}

/// Each once, where it was first.
fn unique<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}
