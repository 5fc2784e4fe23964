//! Options: what they are at first, what they are once they are set, and which values are refused.

use crate::system::*;
use rump_abi::Errno::*;
use std::net::SocketAddr;
use std::time::Duration;

behaviours! {
    switches_are_on_and_off
    numbers_are_what_they_were_set_to
    numbers_that_make_no_sense_are_refused
    options_of_ipv6_are_of_its_sockets
    options_of_tcp_are_of_connections
    options_come_from_the_one_that_listens
    algorithms_have_names
    protocols_are_told
    what_only_tells_is_not_set
}

fn switches_are_on_and_off(s: &dyn System) {
    use Number::*;
    let fd = s.stream(v4());
    let all = [ReuseAddress, ReusePort, KeepAlive, Broadcast, OobInline, MulticastLoop, NoDelay, Cork];
    for switch in all {
        let at_first = i64::from(switch == MulticastLoop);
        assert_eq!(s.number(fd, switch), Ok(at_first), "{switch:?}");
        for on in [1, 0] {
            s.set_number(fd, switch, on).unwrap();
            assert_eq!(s.number(fd, switch), Ok(on), "{switch:?}");
        }
    }
}

fn numbers_are_what_they_were_set_to(s: &dyn System) {
    use Number::*;
    let (four, six) = (s.stream(v4()), s.stream(v6()));
    for (fd, option, number) in [
        (four, Ttl, 9),
        (four, Tos, 0x10),
        (four, KeepIdle, 77),
        (four, KeepInterval, 7),
        (four, KeepCount, 3),
        (four, UserTimeout, 12_345),
        (six, UnicastHops, 9),
        (six, TrafficClass, 0x20),
    ] {
        s.set_number(fd, option, number).unwrap();
        assert_eq!(s.number(fd, option), Ok(number), "{option:?}");
    }
    let (four, six) = (s.datagrams(v4()), s.datagrams(v6()));
    for (fd, option, at_first) in [(four, MulticastTtl, 1), (six, MulticastHops, 1)] {
        assert_eq!(s.number(fd, option), Ok(at_first));
        s.set_number(fd, option, 5).unwrap();
        assert_eq!(s.number(fd, option), Ok(5));
    }
    assert_eq!((s.number(four, Ttl), s.number(six, UnicastHops)), (Ok(64), Ok(64)));
}

fn numbers_that_make_no_sense_are_refused(s: &dyn System) {
    use Number::*;
    let fd = s.stream(v4());
    for (option, number) in [(Ttl, 0), (Ttl, 256), (MulticastTtl, 256), (KeepIdle, 0), (KeepCount, 0)] {
        assert_eq!(s.set_number(fd, option, number), Err(EINVAL), "{option:?} {number}");
    }
}

/// What the host says of protocols that a socket does not speak; POSIX and BSD have one error for all that is missing.
fn missing(s: &dyn System) -> rump_abi::Errno {
    if s.is_host() { EOPNOTSUPP } else { ENOPROTOOPT }
}

fn options_of_ipv6_are_of_its_sockets(s: &dyn System) {
    for fd in [s.stream(v4()), s.datagrams(v4())] {
        assert_eq!(s.number(fd, Number::UnicastHops), Err(missing(s)));
        assert_eq!(s.set_number(fd, Number::UnicastHops, 9), Err(ENOPROTOOPT));
    }
}

fn options_of_tcp_are_of_connections(s: &dyn System) {
    let fd = s.datagrams(v4());
    assert_eq!(s.number(fd, Number::NoDelay), Err(missing(s)));
    assert_eq!(s.set_number(fd, Number::NoDelay, 1), Err(ENOPROTOOPT));
}

fn options_come_from_the_one_that_listens(s: &dyn System) {
    let listener = s.stream(v4());
    s.set_number(listener, Number::NoDelay, 1).unwrap();
    s.set_number(listener, Number::KeepAlive, 1).unwrap();
    s.set_linger(listener, Some(Duration::from_secs(3))).unwrap();
    s.bind(listener, v4()).unwrap();
    s.listen(listener, 4).unwrap();
    let client = s.stream(v4());
    let to: SocketAddr = s.name(listener).unwrap();
    s.connect_now(client, to).unwrap();
    s.wait(listener, rump_abi::PollEvents::IN);
    let server = s.accept(listener).unwrap().0;
    assert_eq!((s.number(server, Number::NoDelay), s.number(client, Number::NoDelay)), (Ok(1), Ok(0)));
    assert_eq!(s.number(server, Number::KeepAlive), Ok(1));
    assert_eq!(s.linger(server), Ok(Some(Duration::from_secs(3))));
}

fn algorithms_have_names(s: &dyn System) {
    let fd = s.stream(v4());
    s.set_congestion(fd, "reno").unwrap();
    assert_eq!(s.set_congestion(fd, "no-such"), Err(ENOENT));
}

fn protocols_are_told(s: &dyn System) {
    assert_eq!(s.number(s.stream(v4()), Number::Protocol), Ok(6));
    assert_eq!(s.number(s.datagrams(v6()), Number::Protocol), Ok(17));
}

fn what_only_tells_is_not_set(s: &dyn System) {
    let fd = s.stream(v4());
    for option in [Number::Error, Number::Listens, Number::Protocol] {
        assert_eq!(s.set_number(fd, option, 1), Err(ENOPROTOOPT), "{option:?}");
    }
}
