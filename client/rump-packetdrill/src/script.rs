//! A script, as it was written: options, then events, each with its time.

use std::fmt;
use std::time::Duration;

/// Where something stands in a script; both are counted from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// `--name=value` at its head.
    pub options: Vec<(Place, String, Option<String>)>,
    /// Commands without a time: before all events, and behind them.
    pub commands: Vec<(Place, String)>,
    /// What happens.
    pub events: Vec<Event>,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Where it is written.
    pub place: Place,
    /// When.
    pub time: When,
    /// What.
    pub action: Action,
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the event before.
    After(Duration),
    /// So long after the beginning.
    At(Duration),
    /// Whenever.
    Whenever,
    /// Between two moments after the event before.
    AfterBetween(Duration, Duration),
    /// Between two moments after the beginning.
    Between(Duration, Duration),
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A packet comes, or is expected.
    Packet(Packet),
    /// A program calls.
    Call(Call),
    /// A command of the host, in backquotes.
    Command(String),
    /// Assertions, in `%{` and `}%`.
    Code(String),
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `<`: to the kernel.
    In,
    /// `>`: from the kernel.
    Out,
}

/// A packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// Which way.
    pub direction: Direction,
    /// What is said of its IP header.
    pub ip: IpInfo,
    /// What is in it.
    pub body: Body,
}

/// What is said of an IP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpInfo {
    /// The traffic class, or two bits of it.
    pub class: Option<Class>,
    /// The time to live.
    pub ttl: Option<u8>,
    /// The flow label.
    pub flow_label: Option<u32>,
}

/// A traffic class, or two bits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The codepoint of ECN.
    Ecn(u8),
    /// Either codepoint of a transport that knows ECN.
    EitherEct,
    /// All eight bits.
    All(u8),
}

/// What is in a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A segment of TCP.
    Tcp(Segment),
    /// A datagram of UDP.
    Udp {
        /// From and to which port.
        ports: Option<(u16, u16)>,
        /// How many bytes.
        length: u16,
    },
    /// A message of ICMP, or ICMPv6.
    Icmp(Icmp),
}

/// Bits of a TCP header.
pub mod flag {
    /// No more comes.
    pub const FIN: u16 = 0x001;
    /// Numbers begin.
    pub const SYN: u16 = 0x002;
    /// The connection is gone.
    pub const RST: u16 = 0x004;
    /// The program should be told now.
    pub const PSH: u16 = 0x008;
    /// There is an acknowledgement.
    pub const ACK: u16 = 0x010;
    /// There is urgent data.
    pub const URG: u16 = 0x020;
    /// Congestion was seen.
    pub const ECE: u16 = 0x040;
    /// The window was reduced.
    pub const CWR: u16 = 0x080;
    /// Accurate ECN.
    pub const AE: u16 = 0x100;
}

/// A segment of TCP; numbers are relative, as scripts have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// From and to which port.
    pub ports: Option<(u16, u16)>,
    /// Its flags.
    pub flags: u16,
    /// The first number.
    pub start: u32,
    /// How many bytes.
    pub length: u16,
    /// What is acknowledged.
    pub ack: Option<u32>,
    /// The window.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: Option<u16>,
    /// Options; `None` for any.
    pub options: Option<Vec<TcpOption>>,
}

/// An option of TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// Nothing.
    Nop,
    /// The end.
    Eol,
    /// Longest content.
    Mss(u16),
    /// How far windows are shifted.
    WindowScale(u8),
    /// Selective acknowledgements are taken.
    SackPermitted,
    /// What lies behind gaps.
    Sack(Vec<(u32, u32)>),
    /// Value and echo.
    Timestamps(u32, u32),
    /// A cookie.
    FastOpen(Vec<u8>),
    /// A cookie in the experimental option.
    FastOpenExperiment(Vec<u8>),
    /// A digest.
    Md5(Vec<u8>),
    /// Any other: its kind and content.
    Other(u8, Vec<u8>),
}

/// A message of ICMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// The name of its type.
    pub kind: String,
    /// The name of its code.
    pub code: Option<String>,
    /// The MTU that it tells.
    pub mtu: Option<u32>,
    /// The identifier of an echo.
    pub identifier: Option<u16>,
    /// Which packet it is about.
    pub quoted: Option<Quoted>,
}

/// The packet that a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// A segment.
    Tcp {
        /// Its first number.
        start: u32,
        /// How many bytes.
        length: u16,
    },
    /// A datagram.
    Udp {
        /// How many bytes.
        length: u16,
    },
}

/// A system call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it ends, if it blocks.
    pub end: Option<Duration>,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Expression>,
    /// What it answers.
    pub result: Expression,
    /// The error, if it answers -1.
    pub errno: Option<String>,
}

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// `...`: whatever is usual.
    Ellipsis,
    /// A number.
    Number(i64),
    /// A name.
    Word(String),
    /// Text; whether `...` follows it.
    Text(String),
    /// Alternatives that are joined bit by bit.
    Or(Vec<Expression>),
    /// `name=value`.
    Named(String, Box<Expression>),
    /// `name(value)`, as in `inet_addr("192.0.2.1")`.
    Applied(String, Vec<Expression>),
    /// In brackets.
    List(Vec<Expression>),
    /// In braces.
    Struct(Vec<Expression>),
}
