//! Interfaces and their configuration: `rump/netconfig.h`, rump_netconfig(3).

use crate::component;
use crate::host::Host;
use crate::{errno, lwp, memory};
use libc::{c_char, c_int};
use rump_abi::Errno;
use rump_kern::Kernel;
pub use rump_kpi::device::NetworkDevice;
pub use rump_kpi::{KError, KResult};
use rump_netconfig::{Links, Netconfig, Opened};
use std::str::FromStr;
use std::sync::Arc;

/// Kinds of interfaces that have a link, with the library that each is in.
const LIBRARIES: &[(&str, &str)] = &[("shmif", "rumpnet_shmif"), ("virt", "rumpnet_virtif")];

/// Opens what a library has at links: the host, what C said, and whether frames come.
pub type Open = fn(&Host, &str) -> KResult<Arc<dyn NetworkDevice>>;

/// A kind of interfaces that have a link, which a library adds.
pub struct LinkKind {
    /// Names of interfaces without the number.
    pub interfaces: &'static str,
    /// Opens a link.
    pub open: Open,
}

/// The links that are linked.
struct Linked(Host);

impl Linked {
    fn find(kind: &str) -> Option<Open> {
        let kinds = component::attached();
        let mut kinds = kinds.iter().flat_map(|library| library.links);
        kinds.find(|known| known.interfaces == kind).map(|known| known.open)
    }
}

impl Links for Linked {
    fn is_linked(&self, kind: &str) -> KResult<bool> {
        let known = LIBRARIES.iter().find(|(interfaces, _)| *interfaces == kind);
        match (Self::find(kind), known) {
            (Some(_), _) => Ok(true),
            (None, Some((_, library))) => {
                let text = format!("no interfaces {kind}: lib{library} is not linked");
                self.0.services.write_line(&text);
                Err(KError::new(Errno::EINVAL, text))
            }
            (None, None) => Ok(false),
        }
    }

    fn open(&self, kind: &str, link: &str) -> KResult<Box<dyn Opened>> {
        let open = Self::find(kind).ok_or(Errno::EINVAL)?;
        Ok(Box::new(Device(open(&self.0, link)?)))
    }
}

struct Device(Arc<dyn NetworkDevice>);

impl Opened for Device {
    fn device(&self) -> Arc<dyn NetworkDevice> {
        self.0.clone()
    }

    fn poll(&self) {
        self.0.poll();
    }
}

/// The configuration of a kernel.
pub(crate) fn of(kernel: &Kernel, host: &Host) -> Netconfig {
    Netconfig::new(kernel, Box::new(Linked(host.clone())))
}

/// Makes a call to the configuration of the thread's kernel.
fn call(run: impl FnOnce(&Netconfig) -> KResult<()>) -> c_int {
    errno::status(lwp::instance().and_then(|instance| run(&instance.network)))
}

/// # Safety
/// As `memory` says.
unsafe fn text<'a>(text: *const c_char) -> KResult<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { memory::string(text) }?;
    std::str::from_utf8(bytes).map_err(|_| KError::new(Errno::EINVAL, "a name that is no text"))
}

/// # Safety
/// As `memory` says.
unsafe fn parse<T: FromStr>(address: *const c_char) -> KResult<T> {
    // SAFETY: the caller's promise.
    let address = unsafe { text(address) }?;
    address.parse().map_err(|_| KError::new(Errno::EINVAL, format!("{address} is no address")))
}

/// Errors: EINVAL (negative, or more than a byte).
fn length(length: c_int) -> KResult<u8> {
    u8::try_from(length).map_err(|_| Errno::EINVAL.into())
}

macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty = $convert:expr),*) => $method:ident;)*) => {
        $(
            /// # Safety
            /// As `memory` says.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $kind),*) -> c_int {
                // SAFETY: the interface's.
                #[allow(unused_unsafe)]
                call(|network| network.$method($(unsafe { $convert($argument) }?),*))
            }
        )*
    };
}

calls! {
    rump_pub_netconfig_ifcreate(name: *const c_char = text) => ifcreate;
    rump_pub_netconfig_ifup(name: *const c_char = text) => ifup;
    rump_pub_netconfig_ifdown(name: *const c_char = text) => ifdown;
    rump_pub_netconfig_ifdestroy(name: *const c_char = text) => ifdestroy;
    rump_pub_netconfig_ifsetlinkstr(name: *const c_char = text, link: *const c_char = text) => ifsetlinkstr;
    rump_pub_netconfig_bradd(bridge: *const c_char = text, name: *const c_char = text) => bradd;
    rump_pub_netconfig_brdel(bridge: *const c_char = text, name: *const c_char = text) => brdel;
    rump_pub_netconfig_ipv4_ifaddr(
        name: *const c_char = text, address: *const c_char = parse, mask: *const c_char = parse
    ) => ipv4_ifaddr;
    rump_pub_netconfig_ipv4_ifaddr_cidr(
        name: *const c_char = text, address: *const c_char = parse, bits: c_int = length
    ) => ipv4_ifaddr_cidr;
    rump_pub_netconfig_ipv6_ifaddr(
        name: *const c_char = text, address: *const c_char = parse, bits: c_int = length
    ) => ipv6_ifaddr;
    rump_pub_netconfig_ipv4_gw(address: *const c_char = parse) => ipv4_gw;
    rump_pub_netconfig_ipv6_gw(address: *const c_char = parse) => ipv6_gw;
    rump_pub_netconfig_dhcp_ipv4_oneshot(name: *const c_char = text) => dhcp_ipv4_oneshot;
    rump_pub_netconfig_auto_ipv6(name: *const c_char = text) => auto_ipv6;
}
