//! The calls of `rump/netconfig.h`, rump_netconfig(3).

use crate::links::configuration;
use rump_capi::netconfig::{Errno, KError, KResult, instance, status, string};
use rump_netconfig::Netconfig;
use std::ffi::{c_char, c_int};
use std::str::FromStr;

/// Makes a call to the configuration of the thread's kernel.
fn call(run: impl FnOnce(&Netconfig) -> KResult<()>) -> c_int {
    status(instance().and_then(|instance| run(configuration(&instance)?)))
}

/// # Safety
/// As `rump_capi::netconfig::string` says.
unsafe fn text<'a>(text: *const c_char) -> KResult<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { string(text) }?;
    std::str::from_utf8(bytes).map_err(|_| KError::new(Errno::EINVAL, "a name that is no text"))
}

/// # Safety
/// As `rump_capi::netconfig::string` says.
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
            /// As `rump_capi::netconfig::string` says.
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
