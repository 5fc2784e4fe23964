//! Packets.

use super::Parser;
use crate::lexer::{Kind, SyntaxError};
use crate::script::{Body, Class, Direction, Icmp, IpInfo, Packet, Quoted, Segment, TcpOption, flag};

/// Words that begin what is not supported.
const UNSUPPORTED: &[&str] = &["ipv4", "ipv6", "gre", "GREv0", "mpls", "sctp", "udplite", "raw"];
/// Most bytes of options.
const MOST_OPTIONS: usize = 40;

impl Parser {
    pub(super) fn packet(&mut self) -> Result<Packet, SyntaxError> {
        let direction = if self.takes_sign('<') { Direction::In } else { Direction::Out };
        if direction == Direction::Out {
            self.sign('>')?;
        }
        let ip = self.ip_info()?;
        let place = self.place();
        // An older form: what a message is about stands before it.
        let before = if self.peek() == Some(&Kind::Sign('[')) { self.quoted()? } else { None };
        let body = match self.peek() {
            Some(Kind::Word(word)) if before.is_some() && word != "icmp" => {
                return Err(self.error("icmp"));
            }
            Some(Kind::Word(word)) if UNSUPPORTED.contains(&word.as_str()) => {
                return Err(SyntaxError::new(place, format!("`{word}` is not supported")));
            }
            Some(Kind::Word(word)) if word.eq_ignore_ascii_case("udp") => {
                self.at += 1;
                let ports = self.ports()?;
                self.sign('(')?;
                let length = self.number16("a length")?;
                self.sign(')')?;
                Body::Udp { ports, length }
            }
            Some(Kind::Word(word)) if word.eq_ignore_ascii_case("icmp") || word == "icmpv6" => {
                self.at += 1;
                let icmp = self.icmp()?;
                Body::Icmp(Icmp { quoted: icmp.quoted.or(before), ..icmp })
            }
            _ => Body::Tcp(self.segment(direction)?),
        };
        if direction == Direction::In && ip.class == Some(Class::EitherEct) {
            return Err(SyntaxError::new(place, "ect01 is only for expected packets"));
        }
        Ok(Packet { direction, ip, body })
    }

    fn ip_info(&mut self) -> Result<IpInfo, SyntaxError> {
        let close = match self.peek() {
            Some(Kind::Sign('[')) if self.is_quoted_next() => return Ok(IpInfo::default()),
            Some(Kind::Sign('[')) => ']',
            Some(Kind::Sign('(')) => ')',
            _ => return Ok(IpInfo::default()),
        };
        self.at += 1;
        let mut info = IpInfo::default();
        loop {
            let place = self.place();
            match self.word("a field of the IP header")?.as_str() {
                "noecn" => info.class = Some(Class::Ecn(0)),
                "ect1" => info.class = Some(Class::Ecn(1)),
                "ect0" => info.class = Some(Class::Ecn(2)),
                "ce" => info.class = Some(Class::Ecn(3)),
                "ect01" => info.class = Some(Class::EitherEct),
                "tos" => info.class = Some(Class::All(self.number("a class", 255)? as u8)),
                "ttl" => info.ttl = Some(self.number("a time to live", 255)? as u8),
                "flowlabel" => info.flow_label = Some(self.number("a label", 0xf_ffff)? as u32),
                word => {
                    return Err(SyntaxError::new(place, format!("`{word}` is no field of the IP header")));
                }
            }
            if self.takes_sign(close) {
                return Ok(info);
            }
            self.sign(',')?;
        }
    }

    /// Whether what follows a bracket is a packet.
    fn is_quoted_next(&self) -> bool {
        match self.second() {
            Some(Kind::Integer(_)) => true,
            Some(Kind::Word(word)) => word == "udp",
            _ => false,
        }
    }

    fn ports(&mut self) -> Result<Option<(u16, u16)>, SyntaxError> {
        let is_there =
            matches!((self.peek(), self.second()), (Some(Kind::Integer(_)), Some(Kind::Sign('>'))));
        if !is_there {
            return Ok(None);
        }
        let from = self.number16("a port")?;
        self.sign('>')?;
        let to = self.number16("a port")?;
        self.takes_sign(':');
        Ok(Some((from, to)))
    }

    fn segment(&mut self, direction: Direction) -> Result<Segment, SyntaxError> {
        let ports = self.ports()?;
        let flags = self.flags()?;
        let (start, length) = self.range()?;
        let mut segment =
            Segment { ports, flags, start, length, options: Some(Vec::new()), ..Segment::default() };
        if self.takes_word("ack") {
            segment.ack = Some(self.number32("a number")?);
        }
        if self.takes_word("win") {
            segment.window = Some(self.number16("a window")?);
        }
        if self.takes_word("urg") {
            segment.urgent = Some(self.number16("an urgent pointer")?);
        }
        if self.peek() == Some(&Kind::Sign('<')) {
            let place = self.place();
            self.at += 1;
            segment.options = self.options()?;
            if segment.options.is_none() && direction == Direction::In {
                return Err(SyntaxError::new(place, "<...> is only for expected packets"));
            }
            let bytes = segment.options.as_ref().map_or(0, |options| crate::wire::options_length(options));
            if bytes > MOST_OPTIONS {
                return Err(SyntaxError::new(place, format!("{bytes} bytes of options are too many")));
            }
        }
        Ok(segment)
    }

    fn flags(&mut self) -> Result<u16, SyntaxError> {
        let mut flags = 0;
        if self.takes_sign('-') {
            return Ok(flags);
        }
        let mut has_any = false;
        if let Some(Kind::Word(word)) = self.peek() {
            for letter in word.chars() {
                flags |= match letter {
                    'F' => flag::FIN,
                    'S' => flag::SYN,
                    'R' => flag::RST,
                    'P' => flag::PSH,
                    'U' => flag::URG,
                    'E' => flag::ECE,
                    'W' | 'C' => flag::CWR,
                    'A' => flag::AE,
                    _ => return Err(SyntaxError::new(self.place(), format!("`{letter}` is no flag"))),
                };
            }
            self.at += 1;
            has_any = true;
        }
        match self.peek() {
            Some(Kind::Sign('.')) => {
                self.at += 1;
                Ok(flags | flag::ACK)
            }
            // The counter of accurate ECN.
            Some(Kind::Float(text)) if text.starts_with('.') => {
                let counter = text[1..].parse::<u16>().ok().filter(|counter| *counter < 8);
                let counter = counter.ok_or_else(|| self.error("a counter of at most 7"))?;
                self.at += 1;
                Ok(flags | flag::ACK | counter << 6)
            }
            _ if has_any => Ok(flags),
            _ => Err(self.error("flags")),
        }
    }

    /// `start:end(length)`.
    fn range(&mut self) -> Result<(u32, u16), SyntaxError> {
        let place = self.place();
        let start = self.number32("a number")?;
        self.sign(':')?;
        let end = self.number32("a number")?;
        self.sign('(')?;
        let length = self.number16("a length")?;
        self.sign(')')?;
        if start.wrapping_add(length.into()) != end {
            return Err(SyntaxError::new(place, format!("{start}:{end} are not {length} bytes")));
        }
        Ok((start, length))
    }

    /// Options up to `>`; `None` for `...`.
    fn options(&mut self) -> Result<Option<Vec<TcpOption>>, SyntaxError> {
        if self.peek() == Some(&Kind::Ellipsis) {
            self.at += 1;
            self.sign('>')?;
            return Ok(None);
        }
        let mut options = Vec::new();
        loop {
            options.push(self.option_of_tcp()?);
            if self.takes_sign('>') {
                return Ok(Some(options));
            }
            self.sign(',')?;
        }
    }

    fn option_of_tcp(&mut self) -> Result<TcpOption, SyntaxError> {
        let place = self.place();
        Ok(match self.word("an option of TCP")?.as_str() {
            "nop" => TcpOption::Nop,
            "eol" => TcpOption::Eol,
            "mss" => TcpOption::Mss(self.number16("a size")?),
            "wscale" => TcpOption::WindowScale(self.number("a shift", 255)? as u8),
            "sackOK" => TcpOption::SackPermitted,
            "sack" => TcpOption::Sack(self.blocks()?),
            "TS" => {
                self.keyword("val")?;
                // Whatever it is: zero, which is not compared.
                let is_any = self.peek() == Some(&Kind::Ellipsis);
                self.at += usize::from(is_any);
                let value = if is_any { 0 } else { self.number32("a timestamp")? };
                self.keyword("ecr")?;
                TcpOption::Timestamps(value, self.number32("a timestamp")?)
            }
            "FO" => TcpOption::FastOpen(self.bytes()?),
            "FOEXP" => TcpOption::FastOpenExperiment(self.bytes()?),
            "md5" => TcpOption::Md5(self.bytes()?),
            word => return Err(SyntaxError::new(place, format!("the option `{word}` is not supported"))),
        })
    }

    fn keyword(&mut self, word: &str) -> Result<(), SyntaxError> {
        if self.takes_word(word) { Ok(()) } else { Err(self.error(&format!("`{word}`"))) }
    }

    fn blocks(&mut self) -> Result<Vec<(u32, u32)>, SyntaxError> {
        let mut blocks = Vec::new();
        while matches!(self.peek(), Some(Kind::Integer(_))) {
            let begin = self.number32("a number")?;
            self.sign(':')?;
            blocks.push((begin, self.number32("a number")?));
        }
        Ok(blocks)
    }

    /// Hexadecimal digits, or nothing.
    fn bytes(&mut self) -> Result<Vec<u8>, SyntaxError> {
        let Some(Kind::Word(digits) | Kind::Integer(digits)) = self.peek() else { return Ok(Vec::new()) };
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
        let bytes = bytes.ok_or_else(|| self.error("pairs of hexadecimal digits"))?;
        self.at += 1;
        Ok(bytes)
    }

    fn icmp(&mut self) -> Result<Icmp, SyntaxError> {
        let kind = self.word("a type of ICMP")?;
        let code = match self.peek() {
            Some(Kind::Word(word)) if word != "mtu" && word != "id" => Some(self.word("a code")?),
            _ => None,
        };
        let mtu = if self.takes_word("mtu") { Some(self.number32("an MTU")?) } else { None };
        let identifier = if self.takes_word("id") { Some(self.number16("an identifier")?) } else { None };
        let quoted = self.quoted()?;
        Ok(Icmp { kind, code, mtu, identifier, quoted })
    }

    /// What a message is about, in brackets, or nothing.
    fn quoted(&mut self) -> Result<Option<Quoted>, SyntaxError> {
        if !self.takes_sign('[') {
            return Ok(None);
        }
        let quoted = if self.takes_word("udp") {
            self.sign('(')?;
            let length = self.number16("a length")?;
            self.sign(')')?;
            Quoted::Udp { length }
        } else {
            let (start, length) = self.range()?;
            Quoted::Tcp { start, length }
        };
        self.sign(']')?;
        Ok(Some(quoted))
    }
}
