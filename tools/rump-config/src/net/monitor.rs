//! What routing sockets tell, as it comes: `rump.route monitor`.

use super::signals;
use super::{links, name_of, network};
use crate::session::{Failure, Session, of};
use rump_cli::bell::Waited;
use rump_cli::escape::escaped;
use rump_client::abi::PollEvents;
use rump_client::abi::netbsd::route::*;
use rump_client::abi::netbsd::statvfs::name_in;
use rump_client::kpi::device::InterfaceInfo;
use rump_client::network::News;
use serde_json::{Value, json};
use std::io::Write;

/// Until a signal comes.
pub fn run(session: &mut Session, is_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let network = network(session)?;
    let news = News::new(network.process()).map_err(of("a routing socket"))?;
    let bell = signals::bell(network.process())?;
    while bell.wait(news.fd(), PollEvents::IN, None).map_err(of("the server"))? != Waited::Rung {
        let message = news.next().map_err(of("a message"))?;
        let links = links(&network)?;
        let record = record(&message, &links);
        if is_json { writeln!(out, "{record}") } else { writeln!(out, "{}", line(&record)) }?;
        out.flush()?;
    }
    Ok(())
}

/// The words of flags of routes.
pub fn flags(flags: u32) -> Vec<&'static str> {
    const WORDS: &[(u32, &str)] = &[
        (RTF_UP, "UP"),
        (RTF_GATEWAY, "GATEWAY"),
        (RTF_HOST, "HOST"),
        (RTF_REJECT, "REJECT"),
        (RTF_DYNAMIC, "DYNAMIC"),
        (RTF_MODIFIED, "MODIFIED"),
        (RTF_DONE, "DONE"),
        (RTF_CONNECTED, "CONNECTED"),
        (RTF_LLDATA, "LLINFO"),
        (RTF_STATIC, "STATIC"),
        (RTF_BLACKHOLE, "BLACKHOLE"),
        (RTF_ANNOUNCE, "ANNOUNCE"),
        (RTF_LOCAL, "LOCAL"),
    ];
    WORDS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, word)| *word).collect()
}

/// An address, for people.
pub fn written(address: &Address, links: &[InterfaceInfo]) -> String {
    match address {
        Address::Inet6(address, zone) if *zone != 0 => format!("{address}%{}", name_of(links, *zone)),
        Address::Link(link) if link.hardware.is_empty() => name_of(links, link.index.into()),
        Address::Link(link) => hardware(&link.hardware),
        address => address.ip().map_or_else(|| format!("family {}", address.family()), |ip| ip.to_string()),
    }
}

/// A hardware address, for people.
pub fn hardware(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn word(kind: u8) -> String {
    const WORDS: &[(u8, &str)] = &[
        (RTM_ADD, "RTM_ADD"),
        (RTM_DELETE, "RTM_DELETE"),
        (RTM_CHANGE, "RTM_CHANGE"),
        (RTM_GET, "RTM_GET"),
        (RTM_MISS, "RTM_MISS"),
        (RTM_IFANNOUNCE, "RTM_IFANNOUNCE"),
        (RTM_IFINFO, "RTM_IFINFO"),
        (RTM_NEWADDR, "RTM_NEWADDR"),
        (RTM_DELADDR, "RTM_DELADDR"),
        (RTM_CHGADDR, "RTM_CHGADDR"),
    ];
    let found = WORDS.iter().find(|(number, _)| *number == kind);
    found.map_or_else(|| format!("RTM_{kind}"), |(_, word)| (*word).into())
}

fn record(message: &Message, links: &[InterfaceInfo]) -> Value {
    let text = |one: &Option<Address>| one.as_ref().map(|one| written(one, links));
    match message {
        Message::Route(header, addresses) => json!({
            "type": word(header.kind), "pid": header.pid, "seq": header.sequence, "errno": header.errno,
            "destination": text(&addresses.destination), "prefix_length": addresses.mask,
            "gateway": text(&addresses.gateway), "interface": name_of(links, header.index.into()),
            "flags": flags(header.flags),
        }),
        Message::Interface(header, _) => json!({
            "type": word(header.kind), "interface": name_of(links, header.index.into()),
            "up": header.flags & 1 != 0, "link_state": header.data.link_state,
        }),
        Message::Address(header, addresses) => json!({
            "type": word(header.kind), "interface": name_of(links, header.index.into()),
            "address": text(&addresses.own), "prefix_length": addresses.mask,
        }),
        Message::Announcement(header) => json!({
            "type": word(header.kind), "interface": escaped(name_in(&header.name)),
            "arrival": header.what == IFAN_ARRIVAL,
        }),
        Message::Other(kind) => json!({"type": word(*kind)}),
    }
}

/// The members of a record that are there, behind its type.
fn line(record: &Value) -> String {
    let mut text = record["type"].as_str().unwrap_or_default().to_owned();
    for (name, value) in record.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            _ if name == "type" => {}
            Value::String(value) => text += &format!(" {name} {value}"),
            Value::Array(all) => {
                let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                text += &format!(" {name} <{}>", all.join(","));
            }
            value => text += &format!(" {name} {value}"),
        }
    }
    text
}
