//! What protocols count (`net.inet.ip.stats` and its like): of each protocol an array of `u64`. What its places mean is
//! NetBSD's to say; here are those that are counted, in words for people.

/// A protocol that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// IPv4.
    Ip,
    /// ICMP.
    Icmp,
    /// IGMP.
    Igmp,
    /// TCP, over either version.
    Tcp,
    /// UDP over IPv4.
    Udp,
    /// IPv6.
    Ip6,
    /// ICMPv6.
    Icmp6,
    /// UDP over IPv6.
    Udp6,
}

/// A place in an array, and what is counted there.
pub type Told = (usize, &'static str);

impl Counted {
    /// All, in the order of their values.
    pub const ALL: [Self; 8] =
        [Self::Ip, Self::Icmp, Self::Igmp, Self::Tcp, Self::Udp, Self::Ip6, Self::Icmp6, Self::Udp6];

    /// As netstat(1) calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Icmp => "icmp",
            Self::Igmp => "igmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ip6 => "ip6",
            Self::Icmp6 => "icmp6",
            Self::Udp6 => "udp6",
        }
    }

    /// The name of its array in sysctl(7).
    pub fn sysctl(self) -> &'static str {
        match self {
            Self::Ip => "net.inet.ip.stats",
            Self::Icmp => "net.inet.icmp.stats",
            Self::Igmp => "net.inet.igmp.stats",
            Self::Tcp => "net.inet.tcp.stats",
            Self::Udp => "net.inet.udp.stats",
            Self::Ip6 => "net.inet6.ip6.stats",
            Self::Icmp6 => "net.inet6.icmp6.stats",
            Self::Udp6 => "net.inet6.udp6.stats",
        }
    }

    /// How many places its array has.
    pub fn places(self) -> usize {
        match self {
            Self::Ip => 30,
            Self::Icmp => 49,
            Self::Igmp => 10,
            Self::Tcp => 76,
            Self::Udp => 9,
            Self::Ip6 => 402,
            Self::Icmp6 => 542,
            Self::Udp6 => 10,
        }
    }

    /// The places that are counted, in the order in which they are told.
    pub fn told(self) -> &'static [Told] {
        match self {
            Self::Ip => IP,
            Self::Icmp => ICMP,
            Self::Igmp => IGMP,
            Self::Tcp => TCP,
            Self::Udp => UDP,
            Self::Ip6 => IP6,
            Self::Icmp6 => ICMP6,
            Self::Udp6 => UDP6,
        }
    }
}

/// Places with a name, and what is told of them.
macro_rules! places {
    ($list:ident: $($name:ident = $place:literal, $what:literal;)*) => {
        $(#[doc = $what] pub const $name: usize = $place;)*
        const $list: &[Told] = &[$(($name, $what)),*];
    };
}

places! { IP:
    IP_STAT_TOTAL = 0, "total packets received";
    IP_STAT_BADSUM = 1, "bad header checksums";
    IP_STAT_TOOSHORT = 2, "with data size < data length";
    IP_STAT_BADHLEN = 4, "with bad headers";
    IP_STAT_BADADDR = 29, "with bad addresses";
    IP_STAT_BADOPTIONS = 21, "with source routes";
    IP_STAT_FRAGMENTS = 6, "fragments received";
    IP_STAT_FRAGDROPPED = 7, "fragments dropped (malformed, again, or out of space)";
    IP_STAT_FRAGTIMEOUT = 8, "packets whose fragments did not come in time";
    IP_STAT_REASSEMBLED = 17, "packets reassembled";
    IP_STAT_DELIVERED = 14, "packets for this host";
    IP_STAT_NOPROTO = 13, "packets for an unknown protocol";
    IP_STAT_FORWARD = 9, "packets forwarded";
    IP_STAT_CANTFORWARD = 11, "packets not forwardable";
    IP_STAT_LOCALOUT = 15, "packets sent from this host";
    IP_STAT_RAWOUT = 24, "packets sent with the header of a program";
    IP_STAT_NOROUTE = 22, "packets discarded due to no route";
    IP_STAT_FRAGMENTED = 18, "packets cut into fragments";
    IP_STAT_OFRAGMENTS = 19, "fragments made";
    IP_STAT_CANTFRAG = 20, "packets that may not be cut";
}

/// Where messages of ICMP that were sent are counted, by their types, of which NetBSD knows those below [`ICMP_TYPES`].
pub const ICMP_STAT_OUTHIST: usize = 3;
/// Where those that came are.
pub const ICMP_STAT_INHIST: usize = 27;
/// See there.
pub const ICMP_TYPES: u8 = 19;

/// Errors that were sent, or would have been.
pub const ICMP_STAT_ERROR: usize = 0;
/// No errors, because of an error.
pub const ICMP_STAT_OLDICMP: usize = 2;
/// No type of ours.
pub const ICMP_STAT_BADCODE: usize = 22;
/// Shorter than its header.
pub const ICMP_STAT_TOOSHORT: usize = 23;
/// Its checksum is wrong.
pub const ICMP_STAT_CHECKSUM: usize = 24;
/// Answers.
pub const ICMP_STAT_REFLECT: usize = 26;
/// Echo requests to many that nobody answered.
pub const ICMP_STAT_BMCASTECHO: usize = 47;

const ICMP: &[Told] = &[
    (ICMP_STAT_ERROR, "errors to be sent"),
    (ICMP_STAT_OLDICMP, "errors not sent because of a message of icmp"),
    (ICMP_STAT_OUTHIST, "echo replies sent"),
    (ICMP_STAT_OUTHIST + 3, "destination unreachable sent"),
    (ICMP_STAT_OUTHIST + 5, "redirects sent"),
    (ICMP_STAT_OUTHIST + 8, "echo requests sent"),
    (ICMP_STAT_OUTHIST + 11, "time exceeded sent"),
    (ICMP_STAT_OUTHIST + 12, "parameter problems sent"),
    (ICMP_STAT_BADCODE, "messages with bad types or codes"),
    (ICMP_STAT_TOOSHORT, "messages < minimum length"),
    (ICMP_STAT_CHECKSUM, "bad checksums"),
    (ICMP_STAT_BMCASTECHO, "broadcast/multicast echo requests dropped"),
    (ICMP_STAT_INHIST, "echo replies received"),
    (ICMP_STAT_INHIST + 3, "destination unreachable received"),
    (ICMP_STAT_INHIST + 5, "redirects received"),
    (ICMP_STAT_INHIST + 8, "echo requests received"),
    (ICMP_STAT_INHIST + 11, "time exceeded received"),
    (ICMP_STAT_INHIST + 12, "parameter problems received"),
    (ICMP_STAT_REFLECT, "message responses generated"),
];

places! { IGMP:
    IGMP_STAT_RCV_TOTAL = 1, "messages received";
    IGMP_STAT_RCV_TOOSHORT = 2, "messages received with too few bytes";
    IGMP_STAT_RCV_BADSUM = 3, "messages received with bad checksum";
    IGMP_STAT_RCV_QUERIES = 4, "membership queries received";
    IGMP_STAT_RCV_BADQUERIES = 5, "membership queries received with invalid fields";
    IGMP_STAT_RCV_REPORTS = 6, "membership reports received";
    IGMP_STAT_SND_REPORTS = 9, "membership reports sent";
}

places! { TCP:
    TCP_STAT_SNDTOTAL = 18, "packets sent";
    TCP_STAT_SNDPACK = 19, "data packets sent";
    TCP_STAT_SNDBYTE = 20, "data bytes sent";
    TCP_STAT_SNDREXMITPACK = 21, "data packets retransmitted";
    TCP_STAT_SNDREXMITBYTE = 22, "data bytes retransmitted";
    TCP_STAT_RCVTOTAL = 28, "packets received";
    TCP_STAT_RCVBYTE = 30, "bytes received in sequence";
    TCP_STAT_RCVACKBYTE = 48, "bytes acknowledged";
    TCP_STAT_RCVOOPACK = 39, "packets received out of order";
    TCP_STAT_RCVBADSUM = 31, "discarded for bad checksums";
    TCP_STAT_RCVBADOFF = 32, "discarded for bad header offset fields";
    TCP_STAT_RCVSHORT = 34, "discarded because packet too short";
    TCP_STAT_NOPORT = 54, "discarded because of no listener";
    TCP_STAT_CONNATTEMPT = 0, "connection requests";
    TCP_STAT_ACCEPTS = 1, "connection accepts";
    TCP_STAT_CONNECTS = 2, "connections established (including accepts)";
    TCP_STAT_CLOSED = 5, "connections closed (including drops)";
    TCP_STAT_DROPS = 3, "connections dropped";
    TCP_STAT_CONNDROPS = 4, "embryonic connections dropped";
    TCP_STAT_REXMTTIMEO = 10, "retransmit timeouts";
    TCP_STAT_PERSISTTIMEO = 11, "persist timeouts";
    TCP_STAT_KEEPPROBE = 13, "keepalive probes sent";
}

places! { UDP:
    UDP_STAT_IPACKETS = 0, "datagrams received";
    UDP_STAT_HDROPS = 1, "with incomplete header or data";
    UDP_STAT_BADLEN = 3, "with bad data length field";
    UDP_STAT_BADSUM = 2, "with bad checksum";
    UDP_STAT_NOPORT = 4, "dropped due to no socket";
    UDP_STAT_NOPORTBCAST = 5, "broadcast/multicast datagrams dropped due to no socket";
    UDP_STAT_FULLSOCK = 6, "dropped due to full socket buffers";
    UDP_STAT_OPACKETS = 8, "datagrams output";
}

places! { IP6:
    IP6_STAT_TOTAL = 0, "total packets received";
    IP6_STAT_TOOSHORT = 1, "with data size < data length";
    IP6_STAT_BADVERS = 19, "with bad headers";
    IP6_STAT_BADSCOPE = 21, "with bad addresses";
    IP6_STAT_BADOPTIONS = 17, "with bad options";
    IP6_STAT_FRAGMENTS = 3, "fragments received";
    IP6_STAT_FRAGDROPPED = 4, "fragments dropped (malformed, again, or out of space)";
    IP6_STAT_FRAGTIMEOUT = 5, "packets whose fragments did not come in time";
    IP6_STAT_REASSEMBLED = 13, "packets reassembled";
    IP6_STAT_DELIVERED = 10, "packets for this host";
    IP6_STAT_FORWARD = 7, "packets forwarded";
    IP6_STAT_CANTFORWARD = 8, "packets not forwardable";
    IP6_STAT_REDIRECTSENT = 9, "redirects sent";
    IP6_STAT_LOCALOUT = 11, "packets sent from this host";
    IP6_STAT_NOROUTE = 18, "packets discarded due to no route";
    IP6_STAT_FRAGMENTED = 14, "packets cut into fragments";
    IP6_STAT_OFRAGMENTS = 15, "fragments made";
    IP6_STAT_CANTFRAG = 16, "packets that may not be cut";
}

/// Where messages of ICMPv6 that were sent are counted, by their types.
pub const ICMP6_STAT_OUTHIST: usize = 3;
/// Where those that came are.
pub const ICMP6_STAT_INHIST: usize = 264;
/// Errors that were sent, or would have been.
pub const ICMP6_STAT_ERROR: usize = 0;
/// No errors, because of an error, or of a source that is not one.
pub const ICMP6_STAT_CANTERROR: usize = 1;
/// No errors, because there were too many.
pub const ICMP6_STAT_TOOFREQ: usize = 2;
/// No type of ours, or it came from further away than it may.
pub const ICMP6_STAT_BADCODE: usize = 259;
/// Shorter than its header.
pub const ICMP6_STAT_TOOSHORT: usize = 260;
/// Its checksum is wrong.
pub const ICMP6_STAT_CHECKSUM: usize = 261;
/// What it says cannot be.
pub const ICMP6_STAT_BADLEN: usize = 262;
/// Answers.
pub const ICMP6_STAT_REFLECT: usize = 263;

const ICMP6: &[Told] = &[
    (ICMP6_STAT_ERROR, "errors to be sent"),
    (ICMP6_STAT_CANTERROR, "errors not sent because of a message of icmp6 or so"),
    (ICMP6_STAT_TOOFREQ, "errors not sent because of the rate limit"),
    (ICMP6_STAT_OUTHIST + 1, "unreachable sent"),
    (ICMP6_STAT_OUTHIST + 2, "packet too big sent"),
    (ICMP6_STAT_OUTHIST + 3, "time exceeded sent"),
    (ICMP6_STAT_OUTHIST + 4, "parameter problems sent"),
    (ICMP6_STAT_OUTHIST + 128, "echo requests sent"),
    (ICMP6_STAT_OUTHIST + 129, "echo replies sent"),
    (ICMP6_STAT_OUTHIST + 133, "router solicitations sent"),
    (ICMP6_STAT_OUTHIST + 135, "neighbor solicitations sent"),
    (ICMP6_STAT_OUTHIST + 136, "neighbor advertisements sent"),
    (ICMP6_STAT_OUTHIST + 137, "redirects sent"),
    (ICMP6_STAT_BADCODE, "messages with bad types, codes or hop limits"),
    (ICMP6_STAT_TOOSHORT, "messages < minimum length"),
    (ICMP6_STAT_CHECKSUM, "bad checksums"),
    (ICMP6_STAT_BADLEN, "messages with bad content"),
    (ICMP6_STAT_INHIST + 1, "unreachable received"),
    (ICMP6_STAT_INHIST + 2, "packet too big received"),
    (ICMP6_STAT_INHIST + 3, "time exceeded received"),
    (ICMP6_STAT_INHIST + 4, "parameter problems received"),
    (ICMP6_STAT_INHIST + 128, "echo requests received"),
    (ICMP6_STAT_INHIST + 129, "echo replies received"),
    (ICMP6_STAT_INHIST + 130, "multicast listener queries received"),
    (ICMP6_STAT_INHIST + 131, "multicast listener reports received"),
    (ICMP6_STAT_INHIST + 133, "router solicitations received"),
    (ICMP6_STAT_INHIST + 134, "router advertisements received"),
    (ICMP6_STAT_INHIST + 135, "neighbor solicitations received"),
    (ICMP6_STAT_INHIST + 136, "neighbor advertisements received"),
    (ICMP6_STAT_INHIST + 137, "redirects received"),
    (ICMP6_STAT_REFLECT, "message responses generated"),
];

places! { UDP6:
    UDP6_STAT_IPACKETS = 0, "datagrams received";
    UDP6_STAT_HDROPS = 1, "with incomplete header or data";
    UDP6_STAT_BADLEN = 4, "with bad data length field";
    UDP6_STAT_BADSUM = 2, "with bad checksum";
    UDP6_STAT_NOSUM = 3, "with no checksum";
    UDP6_STAT_NOPORT = 5, "dropped due to no socket";
    UDP6_STAT_NOPORTMCAST = 6, "multicast datagrams dropped due to no socket";
    UDP6_STAT_FULLSOCK = 7, "dropped due to full socket buffers";
    UDP6_STAT_OPACKETS = 9, "datagrams output";
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn no_place_is_told_twice_or_beyond_the_array() {
        for (number, of) in Counted::ALL.into_iter().enumerate() {
            assert_eq!(of as usize, number);
            let places: BTreeSet<usize> = of.told().iter().map(|(place, _)| *place).collect();
            assert_eq!(places.len(), of.told().len(), "{of:?}");
            assert!(places.iter().all(|place| *place < of.places()), "{of:?}");
        }
    }
}
