//! Packets in the language of scripts, and what tells two of them apart.

use crate::script::{Body, Class, Direction, IpInfo, Packet, Quoted, Segment, TcpOption, flag};
use crate::settings::Ignored;
use std::fmt::{self, Write};

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(if self.direction == Direction::In { '<' } else { '>' })?;
        write!(f, "{} ", self.ip)?;
        match &self.body {
            Body::Tcp(segment) => write!(f, "{segment}"),
            Body::Udp { ports, length } => {
                f.write_str("udp ")?;
                write_ports(f, *ports)?;
                write!(f, "({length})")
            }
            Body::Icmp(icmp) => {
                write!(f, "icmp {}", icmp.kind)?;
                icmp.code.iter().try_for_each(|code| write!(f, " {code}"))?;
                icmp.mtu.iter().try_for_each(|mtu| write!(f, " mtu {mtu}"))?;
                icmp.identifier.iter().try_for_each(|identifier| write!(f, " id {identifier}"))?;
                match icmp.quoted {
                    Some(Quoted::Tcp { start, length }) => {
                        write!(f, " [{start}:{}({length})]", start.wrapping_add(length.into()))
                    }
                    Some(Quoted::Udp { length }) => write!(f, " [udp ({length})]"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn write_ports(f: &mut fmt::Formatter<'_>, ports: Option<(u16, u16)>) -> fmt::Result {
    ports.iter().try_for_each(|(from, to)| write!(f, "{from} > {to} "))
}

impl fmt::Display for IpInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.class.map(|class| match class {
            Class::Ecn(bits) => ["noecn", "ect1", "ect0", "ce"][usize::from(bits & 3)].into(),
            Class::EitherEct => "ect01".into(),
            Class::All(class) => format!("tos {class:#x}"),
        }));
        parts.extend(self.ttl.map(|ttl| format!("ttl {ttl}")));
        parts.extend(self.flow_label.map(|label| format!("flowlabel {label:#x}")));
        if parts.is_empty() { Ok(()) } else { write!(f, "[{}]", parts.join(",")) }
    }
}

/// Flags as scripts have them.
fn flags_of(flags: u16) -> String {
    const LETTERS: &[(u16, char)] = &[
        (flag::FIN, 'F'),
        (flag::SYN, 'S'),
        (flag::RST, 'R'),
        (flag::PSH, 'P'),
        (flag::URG, 'U'),
        (flag::ECE, 'E'),
        (flag::CWR, 'W'),
        (flag::AE, 'A'),
        (flag::ACK, '.'),
    ];
    let text: String =
        LETTERS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| *letter).collect();
    if text.is_empty() { "-".into() } else { text }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ports(f, self.ports)?;
        let end = self.start.wrapping_add(self.length.into());
        write!(f, "{} {}:{end}({})", flags_of(self.flags), self.start, self.length)?;
        self.ack.iter().try_for_each(|ack| write!(f, " ack {ack}"))?;
        self.window.iter().try_for_each(|window| write!(f, " win {window}"))?;
        self.urgent.iter().try_for_each(|urgent| write!(f, " urg {urgent}"))?;
        match &self.options {
            None => f.write_str(" <...>"),
            Some(options) if options.is_empty() => Ok(()),
            Some(options) => {
                let all: Vec<String> = options.iter().map(ToString::to_string).collect();
                write!(f, " <{}>", all.join(","))
            }
        }
    }
}

impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self {
            Self::Nop => f.write_str("nop"),
            Self::Eol => f.write_str("eol"),
            Self::Mss(size) => write!(f, "mss {size}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(begin, end)| write!(f, " {begin}:{end}"))
            }
            Self::Timestamps(value, echo) => write!(f, "TS val {value} ecr {echo}"),
            Self::FastOpen(cookie) => write!(f, "FO {}", hex(cookie)),
            Self::FastOpenExperiment(cookie) => write!(f, "FOEXP {}", hex(cookie)),
            Self::Md5(digest) => write!(f, "md5 {}", hex(digest)),
            Self::Other(kind, value) => write!(f, "option_{kind} {}", hex(value)),
        }
    }
}

/// The first field in which what was sent is not what was expected. Timestamps' values are compared by whoever knows the
/// clock.
pub fn difference(expected: &Packet, actual: &Packet, ignored: Ignored) -> Option<&'static str> {
    if let Some(field) = ip_difference(expected.ip, actual.ip) {
        return Some(field);
    }
    match (&expected.body, &actual.body) {
        (Body::Tcp(expected), Body::Tcp(actual)) => segment_difference(expected, actual, ignored),
        (Body::Udp { ports, length }, Body::Udp { ports: actual_ports, length: actual_length }) => {
            if ports.is_some() && ports != actual_ports {
                return Some("ports");
            }
            (length != actual_length).then_some("length")
        }
        (Body::Icmp(expected), Body::Icmp(actual)) => {
            let is_one_of =
                |expected: &Option<u32>, actual: &Option<u32>| expected.is_none() || expected == actual;
            if expected.kind != actual.kind || expected.code != actual.code {
                return Some("type and code");
            }
            if !is_one_of(&expected.mtu, &actual.mtu) {
                return Some("MTU");
            }
            if expected.identifier.is_some() && expected.identifier != actual.identifier {
                return Some("identifier");
            }
            (expected.quoted.is_some() && expected.quoted != actual.quoted).then_some("quoted packet")
        }
        _ => Some("protocol"),
    }
}

fn ip_difference(expected: IpInfo, actual: IpInfo) -> Option<&'static str> {
    let class = match actual.class {
        Some(Class::All(class)) => class,
        _ => 0,
    };
    let is_good = match expected.class {
        None => true,
        Some(Class::Ecn(bits)) => class & 3 == bits,
        Some(Class::EitherEct) => matches!(class & 3, 1 | 2),
        Some(Class::All(all)) => class == all,
    };
    if !is_good {
        return Some("traffic class");
    }
    if expected.ttl.is_some() && expected.ttl != actual.ttl {
        return Some("time to live");
    }
    (expected.flow_label.is_some() && expected.flow_label != actual.flow_label).then_some("flow label")
}

fn segment_difference(expected: &Segment, actual: &Segment, ignored: Ignored) -> Option<&'static str> {
    let flags = |flags: u16| if ignored.push { flags & !flag::PSH } else { flags };
    if expected.ports.is_some() && expected.ports != actual.ports {
        return Some("ports");
    }
    if flags(expected.flags) != flags(actual.flags) {
        return Some("flags");
    }
    if expected.start != actual.start {
        return Some("sequence number");
    }
    if expected.length != actual.length {
        return Some("length");
    }
    // Without an acknowledgement, the field is zero.
    if expected.flags & flag::ACK != 0 && expected.ack.unwrap_or(0) != actual.ack.unwrap_or(0) {
        return Some("acknowledgement");
    }
    if expected.window.is_some() && expected.window != actual.window && !ignored.window {
        return Some("window");
    }
    if expected.urgent.unwrap_or(0) != actual.urgent.unwrap_or(0) {
        return Some("urgent pointer");
    }
    let options = expected.options.as_ref()?;
    let actual = actual.options.as_deref().unwrap_or_default();
    (kept(options, ignored) != kept(actual, ignored)).then_some("options")
}

/// Options in an order of their own, without what fills up and what is not compared: order and padding are a system's
/// own (RFC 9293, section 3.2).
fn kept(options: &[TcpOption], ignored: Ignored) -> Vec<TcpOption> {
    let mut kept: Vec<TcpOption> = options
        .iter()
        .filter(|option| !matches!(option, TcpOption::Nop | TcpOption::Eol))
        .map(|option| match option {
            TcpOption::Timestamps(_, echo) => TcpOption::Timestamps(0, *echo),
            TcpOption::WindowScale(_) if ignored.scale => TcpOption::WindowScale(0),
            TcpOption::Mss(_) if ignored.mss => TcpOption::Mss(0),
            option => option.clone(),
        })
        .collect();
    kept.sort_by_key(rank);
    kept
}

fn rank(option: &TcpOption) -> u16 {
    match option {
        TcpOption::Nop | TcpOption::Eol => 0,
        TcpOption::Mss(_) => 1,
        TcpOption::WindowScale(_) => 2,
        TcpOption::SackPermitted => 3,
        TcpOption::Timestamps(..) => 4,
        TcpOption::Sack(_) => 5,
        TcpOption::FastOpen(_) => 6,
        TcpOption::FastOpenExperiment(_) => 7,
        TcpOption::Md5(_) => 8,
        TcpOption::Other(kind, _) => 9 + u16::from(*kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Action;

    fn packet(text: &str) -> Packet {
        let script = crate::parse(&format!("0 {text}")).unwrap();
        match script.events.into_iter().next().unwrap().action {
            Action::Packet(packet) => packet,
            other => panic!("{other:?}"),
        }
    }

    const SEGMENT: &str =
        "> 1 > 2 FP. 5:8(3) ack 9 win 10 urg 4 <mss 1460,nop,wscale 7,sackOK,TS val 1 ecr 2,sack 1:2>";

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        let all = [
            SEGMENT,
            ">[ect0,ttl 9] S 0:0(0)",
            "< udp 1 > 2 (9)",
            "> - 0:0(0) <...>",
            "< icmp unreachable frag_needed mtu 9 [1:3(2)]",
            "> icmp echo_reply id 7",
            "> R. 1:1(0) ack 2",
        ];
        for text in all {
            let packet = packet(text);
            assert_eq!(packet, self::packet(&packet.to_string()), "{text}");
        }
    }

    #[test]
    fn every_field_makes_a_difference() {
        let expected = packet(SEGMENT);
        let none = Ignored::default();
        assert_eq!(difference(&expected, &packet(SEGMENT), none), None);
        let changes = [
            ("FP.", "F."),
            ("5:8", "6:9"),
            ("5:8(3)", "5:7(2)"),
            ("ack 9", "ack 8"),
            ("win 10", "win 11"),
            ("urg 4", "urg 5"),
            ("1460", "1461"),
            ("wscale 7", "wscale 6"),
            ("sackOK,", ""),
            ("ecr 2", "ecr 3"),
            ("1:2>", "1:3>"),
            ("1 > 2 ", "1 > 3 "),
        ];
        for (from, to) in changes {
            let actual = packet(&SEGMENT.replacen(from, to, 1));
            assert!(difference(&expected, &actual, none).is_some(), "{from}");
        }
        let reordered = packet(&SEGMENT.replace("mss 1460,nop,wscale 7", "wscale 7,nop,nop,mss 1460"));
        assert_eq!(difference(&expected, &reordered, none), None);
    }
}
