//! `net`: choices and sockets of protocols, by their families (`PF_INET`, `PF_INET6`) and numbers (`IPPROTO_*`), and what
//! routing sockets tell as well (`PF_ROUTE`). Times are milliseconds, as the protocols take them.

use super::SysctlValue::{Struct, Text};
use super::pcb::{self, Kind};
use super::{Dump, Entry, SysctlValue, What, choice, fact, node, table};
use crate::Process;
use alloc::sync::Arc;
use rump_abi::AddressFamily::{self, Inet, Inet6};
use rump_abi::Errno;
use rump_abi::SocketType;
use rump_abi::netbsd::statistics::Counted;
use rump_abi::sysctl::CREATE_BASE;
use rump_kpi::KResult;
use rump_kpi::socket::Domain;

pub(super) static TABLE: [Entry; 4] = [
    node(AddressFamily::Local as i32, "local", &LOCAL),
    node(AddressFamily::Inet as i32, "inet", &INET),
    node(AddressFamily::Inet6 as i32, "inet6", &INET6),
    node(AddressFamily::Route as i32, "route", &ROUTE),
];

/// By the types of sockets.
static LOCAL: [Entry; 3] = [
    node(SocketType::Stream as i32, "stream", &STREAMS),
    node(SocketType::Datagram as i32, "dgram", &DATAGRAMS),
    node(SocketType::SeqPacket as i32, "seqpacket", &MESSAGES),
];

static STREAMS: [Entry; 1] =
    [sockets(CREATE_BASE, |process, rest| pcb::list_local(process, SocketType::Stream, rest))];
static DATAGRAMS: [Entry; 1] =
    [sockets(CREATE_BASE, |process, rest| pcb::list_local(process, SocketType::Datagram, rest))];
static MESSAGES: [Entry; 1] =
    [sockets(CREATE_BASE, |process, rest| pcb::list_local(process, SocketType::SeqPacket, rest))];

static INET: [Entry; 6] = [
    node(0, "ip", &IP),
    node(1, "icmp", &ICMP),
    node(2, "igmp", &IGMP),
    node(IPPROTO_TCP, "tcp", &TCP),
    node(IPPROTO_UDP, "udp", &UDP),
    node(IPPROTO_RAW, "raw", &RAW),
];

static INET6: [Entry; 5] = [
    node(41, "ip6", &IP6),
    node(58, "icmp6", &ICMP6),
    node(IPPROTO_TCP, "tcp6", &TCP6),
    node(IPPROTO_UDP, "udp6", &UDP6),
    node(IPPROTO_RAW, "raw6", &RAW6),
];

const IPPROTO_TCP: i32 = 6;
const IPPROTO_UDP: i32 = 17;
const IPPROTO_RAW: i32 = 255;

/// Of any protocol, as the number says.
static ROUTE: [Entry; 1] = [table(0, "rtable", |process, rest| {
    domain(process)?.network().ok_or(Errno::ENOENT)?.routing_table(rest)
})];

const fn sockets(number: i32, dump: Dump) -> Entry {
    table(number, "pcblist", dump)
}

static UDP: [Entry; 2] = [
    fact(4, "stats", |process| statistics(process, Counted::Udp)),
    sockets(CREATE_BASE, |process, rest| pcb::list(process, Kind::Udp, Inet, rest)),
];
static RAW: [Entry; 1] = [sockets(CREATE_BASE, |process, rest| pcb::list(process, Kind::Raw, Inet, rest))];
static TCP6: [Entry; 1] = [sockets(CREATE_BASE, |process, rest| pcb::list(process, Kind::Tcp, Inet6, rest))];
static UDP6: [Entry; 2] = [
    fact(4, "stats", |process| statistics(process, Counted::Udp6)),
    sockets(CREATE_BASE, |process, rest| pcb::list(process, Kind::Udp, Inet6, rest)),
];
static RAW6: [Entry; 1] = [sockets(CREATE_BASE, |process, rest| pcb::list(process, Kind::Raw, Inet6, rest))];

const fn setting(number: i32, name: &'static str, whole: &'static str) -> Entry {
    Entry { number, name, what: What::Setting(whole) }
}

static IP: [Entry; 4] = [
    setting(1, "forwarding", "net.inet.ip.forwarding"),
    setting(3, "ttl", "net.inet.ip.ttl"),
    fact(24, "stats", |process| statistics(process, Counted::Ip)),
    setting(25, "dad_count", "net.inet.ip.dad_count"),
];

static ICMP: [Entry; 4] = [
    setting(4, "errppslimit", "net.inet.icmp.errppslimit"),
    setting(5, "rediraccept", "net.inet.icmp.rediraccept"),
    fact(7, "stats", |process| statistics(process, Counted::Icmp)),
    setting(8, "bmcastecho", "net.inet.icmp.bmcastecho"),
];

static IGMP: [Entry; 1] = [fact(CREATE_BASE, "stats", |process| statistics(process, Counted::Igmp))];

static IP6: [Entry; 7] = [
    setting(1, "forwarding", "net.inet6.ip6.forwarding"),
    setting(3, "hlim", "net.inet6.ip6.hlim"),
    fact(6, "stats", |process| statistics(process, Counted::Ip6)),
    setting(12, "accept_rtadv", "net.inet6.ip6.accept_rtadv"),
    setting(16, "dad_count", "net.inet6.ip6.dad_count"),
    setting(35, "auto_linklocal", "net.inet6.ip6.auto_linklocal"),
    setting(CREATE_BASE, "opaque_identifiers", "net.inet6.ip6.opaque_identifiers"),
];

static ICMP6: [Entry; 2] = [
    fact(1, "stats", |process| statistics(process, Counted::Icmp6)),
    setting(2, "rediraccept", "net.inet6.icmp6.rediraccept"),
];

static TCP: [Entry; 24] = [
    setting(2, "sendspace", "net.inet.tcp.sendspace"),
    setting(3, "recvspace", "net.inet.tcp.recvspace"),
    setting(8, "init_win", "net.inet.tcp.init_win"),
    node(10, "sack", &SACK),
    setting(11, "win_scale", "net.inet.tcp.win_scale"),
    setting(12, "timestamps", "net.inet.tcp.timestamps"),
    setting(17, "keepidle", "net.inet.tcp.keepidle"),
    setting(18, "keepintvl", "net.inet.tcp.keepintvl"),
    setting(19, "keepcnt", "net.inet.tcp.keepcnt"),
    fact(30, "stats", |process| statistics(process, Counted::Tcp)),
    setting(CREATE_BASE, "keepinit", "net.inet.tcp.keepinit"),
    setting(CREATE_BASE + 1, "always_keepalive", "net.inet.tcp.always_keepalive"),
    setting(CREATE_BASE + 2, "delacktime", "net.inet.tcp.delacktime"),
    setting(CREATE_BASE + 3, "finwait2_timeout", "net.inet.tcp.finwait2_timeout"),
    setting(CREATE_BASE + 4, "time_wait_timeout", "net.inet.tcp.time_wait_timeout"),
    setting(CREATE_BASE + 5, "sendbuf_auto", "net.inet.tcp.sendbuf_auto"),
    setting(CREATE_BASE + 6, "sendbuf_max", "net.inet.tcp.sendbuf_max"),
    setting(CREATE_BASE + 7, "recvbuf_auto", "net.inet.tcp.recvbuf_auto"),
    setting(CREATE_BASE + 8, "recvbuf_max", "net.inet.tcp.recvbuf_max"),
    setting(CREATE_BASE + 9, "syncookies", "net.inet.tcp.syncookies"),
    node(CREATE_BASE + 10, "ecn", &ECN),
    node(CREATE_BASE + 11, "congctl", &CONGESTION),
    node(CREATE_BASE + 12, "tlp", &TLP),
    sockets(CREATE_BASE + 13, |process, rest| pcb::list(process, Kind::Tcp, Inet, rest)),
];

static SACK: [Entry; 1] = [setting(1, "enable", "net.inet.tcp.sack.enable")];

static ECN: [Entry; 1] = [setting(CREATE_BASE, "enable", "net.inet.tcp.ecn.enable")];

static TLP: [Entry; 1] = [setting(CREATE_BASE, "enable", "net.inet.tcp.tlp.enable")];

static CONGESTION: [Entry; 2] = [
    fact(CREATE_BASE, "available", |_| Ok(Text(ALGORITHMS.join(" ").into_bytes()))),
    choice(CREATE_BASE + 1, "selected", congestion, set_congestion),
];

/// Algorithms against congestion, in the order in which the protocol numbers them.
const ALGORITHMS: [&str; 2] = ["newreno", "cubic"];

const SELECTED: &str = "net.inet.tcp.congctl.selected";

fn congestion(process: &Process) -> KResult<SysctlValue> {
    let number = find(process, SELECTED)?;
    let name = usize::try_from(number).ok().and_then(|number| ALGORITHMS.get(number));
    Ok(Text(name.ok_or(Errno::ENOENT)?.as_bytes().to_vec()))
}

fn set_congestion(process: &Process, value: &SysctlValue) -> KResult<()> {
    let Text(name) = value else { return Err(Errno::EINVAL.into()) };
    let number = ALGORITHMS.iter().position(|known| known.as_bytes() == name).ok_or(Errno::EINVAL)?;
    set(process, SELECTED, number as i64)
}

/// What a protocol counts. Errors: ENOENT (the protocols are not linked), ENXIO (halted).
fn statistics(process: &Process, of: Counted) -> KResult<SysctlValue> {
    let array = domain(process)?.network().ok_or(Errno::ENOENT)?.statistics(of);
    Ok(Struct(array.into_iter().flat_map(u64::to_ne_bytes).collect()))
}

/// Errors: ENOENT (the protocols are not linked, or do not know it), ENXIO (halted).
pub(crate) fn find(process: &Process, name: &str) -> KResult<i64> {
    domain(process)?.network().ok_or(Errno::ENOENT)?.setting(name)
}

/// Errors: ENOENT, ENXIO (halted), EINVAL.
pub(crate) fn set(process: &Process, name: &str, value: i64) -> KResult<()> {
    domain(process)?.network().ok_or(Errno::ENOENT)?.set_setting(name, value)
}

/// The family that has interfaces, routes and sockets. Errors: ENOENT, ENXIO (halted).
pub(super) fn domain(process: &Process) -> KResult<Arc<dyn Domain>> {
    process.shared().network.domain(AddressFamily::Inet).map_err(|error| match error.errno {
        Errno::EAFNOSUPPORT => Errno::ENOENT.into(),
        _ => error,
    })
}
