//! Choices of the administrator, by the names that sysctl(7) has for them.

use crate::stack::{Identifiers, Settings};
use crate::tcp::names;
use rump_kpi::Errno;

/// What the names of choices for connections begin with.
const TCP: &str = "net.inet.tcp.";

/// A choice. `None`: there is none of this name.
pub fn find(settings: &Settings, name: &str) -> Option<i64> {
    let mut settings = *settings;
    if let Some(switch) = switch(&mut settings, name) {
        return Some((*switch).into());
    }
    if let Some(name) = name.strip_prefix(TCP) {
        return names::find(&settings.tcp, name);
    }
    Some(match name {
        "net.inet.ip.ttl" | "net.inet6.ip6.hlim" => settings.hop_limit.into(),
        "net.inet.icmp.errppslimit" => settings.icmp_per_second.into(),
        "net.inet.ip.dad_count" => settings.claims_v4.into(),
        "net.inet6.ip6.dad_count" => settings.claims_v6.into(),
        "net.inet6.ip6.opaque_identifiers" => (settings.identifiers == Identifiers::Opaque).into(),
        _ => return None,
    })
}

/// Changes a choice. Errors: ENOENT, EINVAL.
pub fn set(settings: &mut Settings, name: &str, value: i64) -> Result<(), Errno> {
    if let Some(switch) = switch(settings, name) {
        *switch = value != 0;
        return Ok(());
    }
    if let Some(name) = name.strip_prefix(TCP) {
        return names::set(&mut settings.tcp, name, value);
    }
    let byte = || u8::try_from(value).map_err(|_| Errno::EINVAL);
    match name {
        "net.inet.ip.ttl" | "net.inet6.ip6.hlim" => {
            settings.hop_limit =
                byte().and_then(|limit| if limit == 0 { Err(Errno::EINVAL) } else { Ok(limit) })?;
        }
        "net.inet.icmp.errppslimit" => {
            settings.icmp_per_second = value.try_into().map_err(|_| Errno::EINVAL)?;
        }
        "net.inet.ip.dad_count" => settings.claims_v4 = byte()?,
        "net.inet6.ip6.dad_count" => settings.claims_v6 = byte()?,
        "net.inet6.ip6.opaque_identifiers" => {
            settings.identifiers = if value == 0 { Identifiers::Hardware } else { Identifiers::Opaque };
        }
        _ => return Err(Errno::ENOENT),
    }
    Ok(())
}

fn switch<'a>(settings: &'a mut Settings, name: &str) -> Option<&'a mut bool> {
    Some(match name {
        "net.inet.ip.forwarding" => &mut settings.forwarding,
        "net.inet6.ip6.forwarding" => &mut settings.forwarding_v6,
        "net.inet.icmp.bmcastecho" => &mut settings.answers_broadcast_echo,
        "net.inet.icmp.rediraccept" => &mut settings.accepts_redirects,
        "net.inet6.icmp6.rediraccept" => &mut settings.accepts_redirects_v6,
        "net.inet6.ip6.accept_rtadv" => &mut settings.accepts_advertisements,
        "net.inet6.ip6.auto_linklocal" => &mut settings.makes_link_local,
        _ => return None,
    })
}
