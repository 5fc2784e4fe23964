//! A kernel inside this process, described by `RUMPHIJACK_LOCAL`, which `rump run` sets.
//!
//! It has a line for each thing, `net=sockin` or `net=own` and `disk=MOUNT-POINT:rw:IMAGE` or `:ro:`; behind an empty
//! line, the network is described as in a file of rumpkit's (`rumpkit::net::config`). Without it, the network is the
//! host's (`sockin`).

use crate::descriptors::{self, Occupied};
use crate::host::tell;
use crate::{guard, sys};
use rump_capi::component::{Library, attach};
use rump_capi::host::Host;
use rump_capi::netconfig;
use rump_hyper::Access;
use rump_kern::{Kernel, Process};
use rump_kpi::{Component, Mode};
use rumpkit::image::{Address, mount_in};
use rumpkit::net::Config;
use rumpkit::net::config::Applied;
use std::fmt::Display;
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;
use std::time::Duration;

/// How long addresses are waited for that a server gives.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Description {
    /// The Internet is the kernel's own.
    is_own: bool,
    disks: Vec<Disk>,
    network: String,
}

struct Disk {
    mount_point: String,
    access: Access,
    address: Vec<u8>,
}

static DESCRIPTION: OnceLock<Description> = OnceLock::new();
/// Clients of DHCP, as long as the kernel is there.
static NETWORK: OnceLock<Applied> = OnceLock::new();

static LIBRARY: Library = Library { name: "rumphijack", parts, links: &[] };

fn parts(host: &Host) -> Vec<Component> {
    let is_own = DESCRIPTION.get().is_some_and(|description| description.is_own);
    match host.sockets() {
        Some(sockets) if !is_own => rumpkit::components_with(rumpnet_sockin::component(sockets)),
        _ => rumpkit::components(),
    }
}

/// Boots it, once. Errors: what went wrong, in words.
pub fn boot() -> Result<(), String> {
    let text = std::env::var_os("RUMPHIJACK_LOCAL").unwrap_or_default().into_vec();
    let parsed = Description::parse(&text).map_err(|what| format!("RUMPHIJACK_LOCAL: {what}"))?;
    let description = DESCRIPTION.get_or_init(|| parsed);
    rump_host_posix::keep_sockets_from(descriptors::OURS);
    rump_host_posix::end_calls_by(|sleep| guard::outside(sleep));
    let _occupied = Occupied::take();
    attach(&LIBRARY);
    match sys::rump_init() {
        0 => {}
        number => return Err(format!("boot: {}", std::io::Error::from_raw_os_error(number))),
    }
    let kernel = netconfig::instance().map_err(text_of)?.kernel().clone();
    let process = kernel.init();
    process.umask(Mode::new(umask()));
    if description.is_own {
        connect(&kernel, &description.network)?;
    }
    description.disks.iter().enumerate().try_for_each(|(number, disk)| disk.mount(&kernel, &process, number))
}

fn text_of(error: impl Display) -> String {
    error.to_string()
}

/// The mask of this process, which can only be read by setting it.
pub fn umask() -> u32 {
    // SAFETY: a number.
    let mask = unsafe { libc::umask(0o77) };
    // SAFETY: as above.
    unsafe { libc::umask(mask) };
    mask
}

fn connect(kernel: &Kernel, text: &str) -> Result<(), String> {
    let config = Config::parse("network", text).map_err(text_of)?;
    let applied = config.apply(kernel).map_err(text_of)?;
    applied.wait(PATIENCE).map_err(text_of)?;
    applied.begin();
    // Nobody else boots.
    let _ = NETWORK.set(applied);
    Ok(())
}

impl Disk {
    fn mount(&self, kernel: &Kernel, process: &Process, number: usize) -> Result<(), String> {
        let image = String::from_utf8_lossy(&self.address);
        make_directories(process, &self.mount_point)
            .map_err(|what| format!("{}: {what}", self.mount_point))?;
        let is_file = |path: &[u8]| kernel.host().stat(path).is_ok();
        let address = Address::parse_with(&is_file, &self.address);
        let place = (&*format!("/dev/disk{number}"), &*self.mount_point);
        match mount_in(kernel, &address, self.access, place) {
            Ok(None) => Ok(()),
            Ok(Some(warning)) => {
                tell(format_args!("{image}: {warning}"));
                Ok(())
            }
            Err(error) => Err(error.of(image)),
        }
    }
}

/// Makes a directory and those above it, as far as they are not there.
fn make_directories(process: &Process, path: &str) -> Result<(), String> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([path.len()]);
    for part in ends.map(|end| &path[..end]).filter(|part| process.stat(part).is_err()) {
        process.mkdir(part, Mode::new(0o755)).map_err(text_of)?;
    }
    Ok(())
}

impl Description {
    /// Errors: what is wrong, in words.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut description = Self::default();
        let end = text.windows(2).position(|pair| pair == b"\n\n").unwrap_or(text.len());
        let (lines, network) = text.split_at(end);
        description.network = String::from_utf8(network.to_vec()).map_err(|_| "the network is no text")?;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let wrong = || format!("{} is not understood", String::from_utf8_lossy(line));
            match line {
                b"net=sockin" => description.is_own = false,
                b"net=own" => description.is_own = true,
                _ => description.disks.push(Disk::parse(line).ok_or_else(wrong)?),
            }
        }
        Ok(description)
    }
}

impl Disk {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut parts = line.strip_prefix(b"disk=")?.splitn(3, |byte| *byte == b':');
        let mount_point = parts.next().filter(|place| place.first() == Some(&b'/'))?;
        let access = match parts.next()? {
            b"ro" => Access::Read,
            b"rw" => Access::ReadWrite,
            _ => return None,
        };
        let mount_point = String::from_utf8(mount_point.to_vec()).ok()?;
        Some(Self { mount_point, access, address: parts.next()?.to_vec() })
    }
}
