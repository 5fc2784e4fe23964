//! Texts that come back, and texts that are of no use.

use super::*;
use crate::message::{Kind, Message};
use crate::options::code;
use alloc::string::{String, ToString};
use proptest::prelude::*;

const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 7];
/// A client that started a minute ago, at a moment with a fraction.
const CLOCKS: Clocks =
    Clocks { monotonic: Duration::from_secs(60), wall: Duration::from_millis(1_700_000_000_500) };

fn identifier() -> ClientIdentifier {
    ClientIdentifier::host(1, HARDWARE)
}

/// A lease of a server that tells of everything.
fn lease() -> Lease {
    let server = Ipv4Addr::new(192, 0, 2, 1);
    let mut message =
        Message::request(Kind::Ack, 1, HARDWARE).reply(Kind::Ack, server, [192, 0, 2, 7].into());
    let options: [(u8, &[u8]); 10] = [
        (code::LEASE_TIME, &3600_u32.to_be_bytes()),
        (code::SUBNET_MASK, &[255, 255, 255, 0]),
        (code::BROADCAST, &[192, 0, 2, 255]),
        (code::CLASSLESS_ROUTES, &[0, 192, 0, 2, 254, 24, 198, 51, 100, 0, 0, 0, 0]),
        (code::NAME_SERVERS, &[192, 0, 2, 53, 9, 9, 9, 9]),
        (code::DOMAIN, b"example.org"),
        (code::SEARCH, b"\x01a\x07example\x00\x01b\xc0\x02"),
        (code::MTU, &1400_u16.to_be_bytes()),
        (code::HOST_NAME, b"seven"),
        (code::REBINDING_TIME, &3000_u32.to_be_bytes()),
    ];
    options.iter().for_each(|(code, content)| message.options.set(*code, content));
    Lease::of(&message, Duration::from_secs(50)).unwrap()
}

fn text() -> String {
    Kept::new(HARDWARE, identifier(), &lease(), CLOCKS).to_string()
}

fn read(text: &str, clocks: Clocks) -> Result<Lease, Unusable> {
    Kept::parse(text.as_bytes())?.lease(HARDWARE, &identifier(), clocks)
}

const TEXT: &str = "rump-lease 1
hardware 02:00:00:00:00:07
client ff0000000100030001020000000007
address 192.0.2.7
server 192.0.2.1
begins 1699999990
renews 1700001790
rebinds 1700002990
ends 1700003590
prefix 24
broadcast 192.0.2.255
route 0.0.0.0/0 192.0.2.254
route 198.51.100.0/24 link
name-server 192.0.2.53
name-server 9.9.9.9
domain example.org
search a.example
search b.example
mtu 1400
host-name seven
end
";

#[test]
fn all_of_a_lease_is_in_the_text() {
    assert_eq!(text(), TEXT);
    // After a restart, five minutes later, the clock of the client counts from another moment.
    let later = Clocks { monotonic: Duration::from_secs(2), wall: CLOCKS.wall + Duration::from_secs(300) };
    let came = read(TEXT, later).unwrap();
    assert_eq!(
        (came.address, came.server, &came.information),
        (lease().address, lease().server, &lease().information)
    );
    assert_eq!(came.begins, Duration::ZERO);
    // It never lasts longer than it was given for: what is left of it is 3590 - 300 seconds, less a fraction.
    let left = |moment: Option<Duration>| (moment.unwrap() - later.monotonic).as_millis();
    assert_eq!((left(came.renews), left(came.rebinds), left(came.ends)), (1_489_500, 2_689_500, 3_289_500));
}

#[test]
fn a_lease_without_end_stays_one() {
    let lasting =
        Lease { renews: None, rebinds: None, ends: None, information: Information::default(), ..lease() };
    let text = Kept::new(HARDWARE, identifier(), &lasting, CLOCKS).to_string();
    let years = Clocks { wall: CLOCKS.wall * 10, ..CLOCKS };
    assert_eq!(read(&text, years).unwrap(), Lease { begins: Duration::ZERO, ..lasting });
}

#[test]
fn what_is_somebody_elses_or_of_another_time_is_of_no_use() {
    let kept = Kept::parse(TEXT.as_bytes()).unwrap();
    let mut other = HARDWARE;
    other[5] = 8;
    let foreign = kept.lease(other, &identifier(), CLOCKS).unwrap_err();
    assert_eq!(foreign.to_string(), "it is of the interface with 02:00:00:00:00:07");
    let client = kept.lease(HARDWARE, &ClientIdentifier::host(2, HARDWARE), CLOCKS);
    assert_eq!(client, Err(Unusable::Client));
    let at = |wall: u64| Clocks { wall: Duration::from_secs(wall), ..CLOCKS };
    for (wall, expected) in [
        (0, Err(Unusable::Future)),
        (1_699_999_989, Err(Unusable::Future)),
        (1_699_999_990, Ok(())),
        (1_700_003_589, Ok(())),
        (1_700_003_590, Err(Unusable::Ended)),
        (u64::MAX, Err(Unusable::Ended)),
    ] {
        assert_eq!(read(TEXT, at(wall)).map(drop), expected, "{wall}");
    }
}

#[test]
fn what_no_client_wrote_is_named_by_its_line() {
    let parse = |text: &str| Kept::parse(text.as_bytes()).map(drop);
    for (from, to, line) in [
        ("rump-lease 1", "rump-lease 2", 1),
        ("02:00:00:00:00:07", "02:00:00:00:07", 2),
        ("02:00:00:00:00:07", "02:00:00:00:00:+7", 2),
        ("client ff00", "client ff0", 3),
        ("client ff0000000100030001020000000007", "client ff", 3),
        ("address 192.0.2.7", "address 224.0.0.1", 4),
        ("address 192.0.2.7", "address 192.0.2.7 ", 4),
        ("server 192.0.2.1", "address 192.0.2.7", 5),
        ("begins 1699999990", "begins +1699999990", 6),
        ("begins 1699999990", "begins 99999999999999999999", 6),
        ("begins 1699999990", "begins", 6),
        ("prefix 24", "prefix 33", 10),
        ("prefix 24", "prefix 0", 10),
        ("broadcast 192.0.2.255", "broadcast 0.0.0.0", 11),
        ("0.0.0.0/0 192", "0.0.0.0/33 192", 12),
        ("192.0.2.254", "127.0.0.1", 12),
        ("198.51.100.0/24 link", "198.51.100.0/24 ", 13),
        ("name-server 192.0.2.53", "name-server 255.255.255.255", 14),
        ("domain example.org", "domain exam;ple", 16),
        ("mtu 1400", "mtu 60", 19),
        ("host-name seven", "host-name -o", 20),
        ("host-name seven", "shell rm", 20),
        ("end\n", "end\nend\n", 21),
    ] {
        let changed = TEXT.replacen(from, to, 1);
        assert_ne!(changed, TEXT, "{from}");
        assert_eq!(parse(&changed), Err(Unusable::Line(line)), "{to}");
    }
    for missing in ["hardware", "client", "address", "server", "begins", "renews", "ends", "end"] {
        let without = TEXT.lines().filter(|line| line.split(' ').next() != Some(missing));
        let text: String = without.map(|line| [line, "\n"].concat()).collect();
        assert_eq!(parse(&text), Err(Unusable::Incomplete), "{missing}");
    }
    for (from, to) in [
        ("renews 1700001790", "renews 1699999989"),
        ("ends 1700003590", "ends 1700002989"),
        ("ends 1", "ends 9"),
    ] {
        assert_eq!(parse(&TEXT.replace(from, to)), Err(Unusable::Times), "{to}");
    }
    for (line, most) in [
        ("route 0.0.0.0/0 link\n", MOST_ROUTES),
        ("name-server 9.9.9.9\n", MOST_SERVERS),
        ("search a\n", MOST_DOMAINS),
    ] {
        let many = TEXT.replace("end\n", &[&line.repeat(most), "end\n"].concat());
        assert!(matches!(parse(&many), Err(Unusable::Line(_))), "{line}");
    }
    assert_eq!(parse(&[TEXT, "\n"].concat()), Err(Unusable::Incomplete));
    assert_eq!(parse(&" ".repeat(Kept::MOST_BYTES + 1)), Err(Unusable::TooLong));
}

#[test]
fn the_longest_text_that_is_written_is_read() {
    let name = ["a".repeat(63).as_str(); 4].join(".");
    let name = &name[..253];
    let mut longest = lease();
    let route = Route {
        destination: [198, 151, 100, 128].into(),
        length: 32,
        router: Some([192, 168, 200, 254].into()),
    };
    let told = &mut longest.information;
    told.routes = [route].repeat(MOST_ROUTES);
    told.name_servers = [Ipv4Addr::new(192, 168, 200, 254)].repeat(MOST_SERVERS);
    told.search = alloc::vec![String::from(name); MOST_DOMAINS];
    (told.domain, told.host_name) = (Some(name.into()), Some(name.into()));
    let identifier = ClientIdentifier::bytes(&[255; 255]).unwrap();
    let text = Kept::new(HARDWARE, identifier.clone(), &longest, CLOCKS).to_string();
    let came = Kept::parse(text.as_bytes()).unwrap().lease(HARDWARE, &identifier, CLOCKS).unwrap();
    assert_eq!(came.information, longest.information);
}

proptest! {
    /// A text that is cut off or has another byte in it is refused, or means what some server might have said.
    #[test]
    fn damage_does_no_harm(cut in 0..TEXT.len(), at in 0..TEXT.len(), byte: u8) {
        prop_assert!(Kept::parse(&TEXT.as_bytes()[..cut]).is_err());
        let mut damaged = TEXT.as_bytes().to_vec();
        damaged[at] = byte;
        if let Ok(kept) = Kept::parse(&damaged) {
            prop_assert_eq!(Kept::parse(kept.to_string().as_bytes()), Ok(kept.clone()));
            prop_assert!(is_of_host(kept.lease.address) && is_of_host(kept.lease.server));
        }
    }

    #[test]
    fn no_bytes_do_harm(bytes: Vec<u8>, clock: u64) {
        let with_head = [FIRST_LINE, b"\n", &bytes, LAST_LINE].concat();
        let clocks = Clocks { wall: Duration::from_secs(clock), ..CLOCKS };
        for bytes in [bytes, with_head] {
            if let Ok(kept) = Kept::parse(&bytes) {
                let _ = kept.lease(HARDWARE, &identifier(), clocks);
            }
        }
    }
}
