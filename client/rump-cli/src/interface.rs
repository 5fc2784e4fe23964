//! Interfaces, as ifconfig(8) of BSD shows them.

use rump_kpi::device::{AddressInfo, AddressState, Duplex, InterfaceInfo, Media, Medium};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

/// What is shown of an interface.
pub struct Shown {
    /// What it is, and what went through.
    pub info: InterfaceInfo,
    /// What it is at, as its kind has it (`linkstr`).
    pub link: Option<String>,
    /// What is known of its cable.
    pub media: Option<Media>,
    /// Its addresses.
    pub addresses: Vec<AddressInfo>,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What is configured.
    Plain,
    /// That, and what went through.
    Counted,
}

impl Shown {
    /// Shows it as ifconfig(8) does. Errors: those of writing.
    pub fn show(&self, detail: Detail, out: &mut dyn Write) -> io::Result<()> {
        let Self { info, link, media, addresses } = self;
        let flags = flags(info);
        let bits = flags.iter().fold(0, |bits, (_, bit)| bits | bit);
        let names: Vec<&str> = flags.iter().map(|(name, _)| *name).collect();
        writeln!(out, "{}: flags=0x{bits:x}<{}> mtu {}", info.name, names.join(","), info.device.mtu)?;
        if let Some(address) = hardware(info) {
            writeln!(out, "\taddress: {address}")?;
            if let Some(media) = media {
                writeln!(out, "\tmedia: {}", cable(*media))?;
            }
            writeln!(out, "\tstatus: {}", if info.has_carrier { "active" } else { "no carrier" })?;
        }
        if let Some(link) = link {
            writeln!(out, "\tlinkstr: {link}")?;
        }
        for own in addresses {
            writeln!(out, "\t{}", line(own, info))?;
        }
        if detail == Detail::Plain {
            return Ok(());
        }
        let went = &info.statistics;
        writeln!(
            out,
            "\tinput: {} packets, {} bytes, {} errors\n\toutput: {} packets, {} bytes",
            went.packets_in, went.bytes_in, went.errors_in, went.packets_out, went.bytes_out
        )
    }

    /// As a record.
    pub fn record(&self) -> Value {
        let Self { info, link, media, addresses } = self;
        let address = |own: &AddressInfo| {
            json!({"address": own.address.to_string(), "prefix_length": own.length,
                "state": match own.state { AddressState::Preferred => "preferred", other => state(other) },
                "preferred_s": own.preferred.map(|left| left.as_secs()), "valid_s": own.valid.map(|left| left.as_secs())})
        };
        let went = &info.statistics;
        json!({
            "name": info.name,
            "number": info.number,
            "flags": flags(info).iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            "mtu": info.device.mtu,
            "hardware": hardware(info),
            "up": info.is_up,
            "carrier": info.has_carrier,
            "linkstr": link,
            "media": media.as_ref().map(media_record),
            "addresses": addresses.iter().map(address).collect::<Vec<_>>(),
            "packets_in": went.packets_in, "bytes_in": went.bytes_in, "errors_in": went.errors_in,
            "packets_out": went.packets_out, "bytes_out": went.bytes_out,
        })
    }
}

/// Names of flags and their bits (`if_flags`).
pub fn flags(info: &InterfaceInfo) -> Vec<(&'static str, u32)> {
    let of_medium: &[_] = match info.device.medium {
        Medium::Ethernet { .. } => &[("BROADCAST", 0x2), ("SIMPLEX", 0x800)],
        Medium::Ip => &[("POINTOPOINT", 0x10)],
        Medium::Loopback => &[("LOOPBACK", 0x8)],
    };
    let mut flags: Vec<_> =
        info.is_up.then_some(("UP", 0x1)).into_iter().chain(of_medium.iter().copied()).collect();
    flags.extend((info.is_up && info.has_carrier).then_some(("RUNNING", 0x40)));
    flags.push(("MULTICAST", 0x8000));
    flags.sort_by_key(|(_, bit)| *bit);
    flags
}

/// Its hardware address, if it has one.
pub fn hardware(info: &InterfaceInfo) -> Option<String> {
    let Medium::Ethernet { address } = info.device.medium else { return None };
    Some(address.map(|byte| format!("{byte:02x}")).join(":"))
}

/// A cable in the words of ifmedia(4), which have a name for every speed of a twisted pair.
fn cable(media: Media) -> String {
    let Media { speed, duplex, is_negotiated, is_twisted_pair } = media;
    let what = match (speed, is_twisted_pair) {
        (None, _) => "none".into(),
        (Some(100), true) => "100baseTX".into(),
        (Some(speed @ (10 | 1000)), true) => format!("{speed}baseT"),
        (Some(2500), true) => "2.5Gbase-T".into(),
        (Some(speed), true) if speed % 1000 == 0 => format!("{}Gbase-T", speed / 1000),
        (Some(speed), _) => format!("{speed} Mbit/s"),
    };
    let duplex = match duplex {
        Some(Duplex::Full) => " full-duplex",
        Some(Duplex::Half) => " half-duplex",
        None => "",
    };
    if is_negotiated {
        format!("Ethernet autoselect ({what}{duplex})")
    } else {
        format!("Ethernet {what}{duplex}")
    }
}

fn line(own: &AddressInfo, info: &InterfaceInfo) -> String {
    let AddressInfo { address, length, .. } = own;
    let mut line = match address {
        IpAddr::V4(v4) => {
            let all = broadcast(*v4, *length).filter(|_| hardware(info).is_some());
            format!("inet {v4}/{length}{}", all.map(|all| format!(" broadcast {all}")).unwrap_or_default())
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            format!("inet6 {v6}%{}/{length} scopeid 0x{:x}", info.name, info.number)
        }
        IpAddr::V6(v6) => format!("inet6 {v6}/{length}"),
    };
    line += match own.state {
        AddressState::Preferred => "",
        _ => " ",
    };
    line += state(own.state);
    for (what, left) in [(" pltime", own.preferred), (" vltime", own.valid)] {
        if let Some(left) = left {
            line += &format!("{what} {}", left.as_secs());
        }
    }
    line
}

fn state(state: AddressState) -> &'static str {
    match state {
        AddressState::Tentative => "tentative",
        AddressState::Duplicate => "duplicated",
        AddressState::Deprecated => "deprecated",
        AddressState::Preferred => "",
    }
}

fn broadcast(address: Ipv4Addr, length: u8) -> Option<Ipv4Addr> {
    let hosts = u32::MAX.checked_shr(length.into()).filter(|_| length < 31)?;
    Some(Ipv4Addr::from_bits(address.to_bits() | hosts))
}

fn media_record(media: &Media) -> Value {
    let duplex = media.duplex.map(|duplex| match duplex {
        Duplex::Full => "full",
        Duplex::Half => "half",
    });
    json!({"speed_mbit": media.speed, "duplex": duplex, "autoselect": media.is_negotiated,
        "twisted_pair": media.is_twisted_pair})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cables_have_the_names_that_bsd_has_for_them() {
        let pair = Media { speed: None, duplex: None, is_negotiated: true, is_twisted_pair: true };
        let full = Media { duplex: Some(Duplex::Full), ..pair };
        for (media, expected) in [
            (pair, "Ethernet autoselect (none)"),
            (Media { speed: Some(1000), ..full }, "Ethernet autoselect (1000baseT full-duplex)"),
            (
                Media { speed: Some(100), duplex: Some(Duplex::Half), ..pair },
                "Ethernet autoselect (100baseTX half-duplex)",
            ),
            (Media { speed: Some(10_000), is_negotiated: false, ..full }, "Ethernet 10Gbase-T full-duplex"),
            (Media { speed: Some(2500), ..full }, "Ethernet autoselect (2.5Gbase-T full-duplex)"),
            (
                Media { speed: Some(25_000), is_twisted_pair: false, ..pair },
                "Ethernet autoselect (25000 Mbit/s)",
            ),
            (Media { speed: Some(54), ..pair }, "Ethernet autoselect (54 Mbit/s)"),
        ] {
            assert_eq!(cable(media), expected);
        }
    }
}
