//! Interfaces, sockets and counters, as netstat(1) of BSD shows them.

use crate::interface::hardware;
use rump_abi::TcpState;
use rump_kpi::device::{Counter, InterfaceInfo, SocketInfo, SocketProtocol};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::SocketAddr;

/// Shows interfaces, and what went through them. Errors: those of writing.
pub fn show_interfaces(all: &[InterfaceInfo], is_json: bool, out: &mut dyn Write) -> io::Result<()> {
    if is_json {
        return all.iter().try_for_each(|info| writeln!(out, "{}", interface_record(info)));
    }
    writeln!(
        out,
        "{:<9}{:>6} {:<26} {:>10} {:>8} {:>14} {:>10} {:>8} {:>14}",
        "Name", "Mtu", "Address", "Ipkts", "Ierrs", "Ibytes", "Opkts", "Odrops", "Obytes"
    )?;
    for info in all {
        let name = if info.is_up { info.name.clone() } else { format!("{}*", info.name) };
        let (mtu, went) = (info.device.mtu, &info.statistics);
        let address = hardware(info).unwrap_or_else(|| "-".into());
        writeln!(
            out,
            "{name:<9}{mtu:>6} {address:<26} {:>10} {:>8} {:>14} {:>10} {:>8} {:>14}",
            went.packets_in, went.errors_in, went.bytes_in, went.packets_out, went.drops_out, went.bytes_out
        )?;
        for (own, length) in &info.addresses {
            writeln!(out, "{name:<9}{mtu:>6} {own}/{length}")?;
        }
    }
    Ok(())
}

fn interface_record(info: &InterfaceInfo) -> Value {
    let went = &info.statistics;
    let addresses = info.addresses.iter().map(|(own, length)| format!("{own}/{length}"));
    json!({
        "type": "interface", "name": info.name, "mtu": info.device.mtu, "hardware": hardware(info),
        "up": info.is_up, "addresses": addresses.collect::<Vec<_>>(),
        "packets_in": went.packets_in, "bytes_in": went.bytes_in, "errors_in": went.errors_in,
        "groups_in": went.groups_in, "packets_out": went.packets_out, "bytes_out": went.bytes_out,
        "groups_out": went.groups_out, "drops_out": went.drops_out,
    })
}

/// Shows what protocols counted. Errors: those of writing.
pub fn show_counters(all: &[Counter], is_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut last = "";
    for Counter { protocol, what, count } in all {
        if is_json {
            let record = json!({"type": "counter", "protocol": protocol, "what": what, "count": count});
            writeln!(out, "{record}")?;
            continue;
        }
        if last != *protocol {
            writeln!(out, "{protocol}:")?;
            last = protocol;
        }
        writeln!(out, "\t{count} {what}")?;
    }
    Ok(())
}

/// Shows sockets. Errors: those of writing.
pub fn show_sockets(all: &[SocketInfo], is_json: bool, out: &mut dyn Write) -> io::Result<()> {
    if !is_json {
        writeln!(out, "Active Internet connections (including servers)")?;
        writeln!(
            out,
            "{:<6} {:>7} {:>7}  {:<28} {:<28} State",
            "Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address"
        )?;
    }
    for info in all {
        let (protocol, state) = protocol(info);
        let (local, remote) = (address(info.local), info.remote.map(address));
        if is_json {
            let record = json!({"type": "socket", "protocol": protocol, "received": info.received,
                "to_send": info.to_send, "local": local, "remote": remote, "state": state});
            writeln!(out, "{record}")?;
            continue;
        }
        let (remote, state) = (remote.unwrap_or_else(|| "*.*".into()), state.unwrap_or_default());
        let line = format!(
            "{protocol:<6} {:>7} {:>7}  {local:<28} {remote:<28} {state}",
            info.received, info.to_send
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Its protocol with the version of IP, and its state.
pub fn protocol(info: &SocketInfo) -> (String, Option<&'static str>) {
    let version = if info.local.is_ipv4() { "" } else { "6" };
    match info.protocol {
        SocketProtocol::Tcp(state) => (format!("tcp{version}"), Some(state_name(state))),
        SocketProtocol::Udp => (format!("udp{version}"), None),
        SocketProtocol::Raw(1) => ("icmp".into(), None),
        SocketProtocol::Raw(58) => ("icmp6".into(), None),
        SocketProtocol::Raw(number) => (format!("ip{version}/{number}"), None),
    }
}

/// As BSD writes it: the port behind a dot, and a star for any.
pub fn address(address: SocketAddr) -> String {
    let host = if address.ip().is_unspecified() { "*".into() } else { address.ip().to_string() };
    match address.port() {
        0 => format!("{host}.*"),
        port => format!("{host}.{port}"),
    }
}

fn state_name(state: TcpState) -> &'static str {
    match state {
        TcpState::Closed => "CLOSED",
        TcpState::Listen => "LISTEN",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynReceived => "SYN_RECEIVED",
        TcpState::Established => "ESTABLISHED",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::FinWait1 => "FIN_WAIT_1",
        TcpState::Closing => "CLOSING",
        TcpState::LastAck => "LAST_ACK",
        TcpState::FinWait2 => "FIN_WAIT_2",
        TcpState::TimeWait => "TIME_WAIT",
    }
}
