//! `rump net ifconfig`: interfaces, as ifconfig(8) of BSD shows them.

use super::seconds;
use super::station::StationArgs;
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::Args as ClapArgs;
use rumpkit::Kernel;
use rumpkit::net::{AddressInfo, AddressState, Duplex, Interface, InterfaceInfo, Media, Medium, interfaces};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

/// Arguments of `rump net ifconfig`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net ifconfig --if shmif:/tmp/bus --address 10.0.0.2/24
  rump net ifconfig --config net.toml -w 5 --json")]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    /// Wait for so many seconds at most, until no address is tentative any more
    #[arg(short, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    wait: Duration,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let station = args.station.boot_silent(session.host())?;
    let failed = |error: io::Error| Failure::Network(error.to_string());
    station.begin();
    let end = Instant::now() + args.wait;
    let mut all = look(station.kernel()).map_err(failed)?;
    let is_tentative = |own: &AddressInfo| own.state == AddressState::Tentative;
    while all.iter().any(|shown| shown.addresses.iter().any(is_tentative)) && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
        all = look(station.kernel()).map_err(failed)?;
    }
    for shown in &all {
        match args.json {
            true => writeln!(out, "{}", record(shown))?,
            false => show(shown, out)?,
        }
    }
    Ok(())
}

/// What is shown of an interface.
struct Shown {
    info: InterfaceInfo,
    media: Option<Media>,
    addresses: Vec<AddressInfo>,
}

fn look(kernel: &Kernel) -> io::Result<Vec<Shown>> {
    let all = interfaces(kernel)?.into_iter();
    all.map(|info| {
        let interface = Interface::find(kernel, &info.name)?;
        Ok(Shown { info, media: interface.media()?, addresses: interface.addresses()? })
    })
    .collect()
}

/// Names of flags and their bits (`if_flags`).
fn flags(info: &InterfaceInfo) -> Vec<(&'static str, u32)> {
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

fn hardware(info: &InterfaceInfo) -> Option<String> {
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

fn show(shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    let Shown { info, media, addresses } = shown;
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
    for own in addresses {
        writeln!(out, "\t{}", line(own, info))?;
    }
    let went = &info.statistics;
    writeln!(
        out,
        "\tinput: {} packets, {} bytes, {} errors\n\toutput: {} packets, {} bytes",
        went.packets_in, went.bytes_in, went.errors_in, went.packets_out, went.bytes_out
    )
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

fn record(shown: &Shown) -> Value {
    let Shown { info, media, addresses } = shown;
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
        "media": media.as_ref().map(media_record),
        "addresses": addresses.iter().map(address).collect::<Vec<_>>(),
        "packets_in": went.packets_in, "bytes_in": went.bytes_in, "errors_in": went.errors_in,
        "packets_out": went.packets_out, "bytes_out": went.bytes_out,
    })
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
