//! Whole lives of leases, in virtual time.

mod hostile;
mod restarts;
mod rig;

use core::net::Ipv4Addr;
use core::time::Duration;
use rig::{HARDWARE, Server, World, config, seconds};
use rumpnet_dhcp::{Client, ClientIdentifier, Kind, Phase, Told, code};

#[test]
fn a_lease_is_got_renewed_and_given_back() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    let lease = world.client.lease().unwrap().clone();
    assert_eq!((lease.address, lease.server), (Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(lease.ends, Some(lease.begins + seconds(3600)));
    assert_eq!(lease.rebinds, Some(lease.begins + seconds(3150)));
    let renews = lease.renews.unwrap() - lease.begins;
    assert!(renews <= seconds(1800) && renews > seconds(1710), "{renews:?}");
    // A day goes by with renewals alone, which go to the server.
    world.run(seconds(86_400));
    assert_eq!(world.client.phase(), Phase::Bound);
    let (discovers, requests) =
        (world.servers[0].count(Kind::Discover), world.servers[0].count(Kind::Request));
    assert_eq!(discovers, 1);
    assert!((48..=51).contains(&(requests - 1)), "{requests}");
    for (_, message) in &world.servers[0].heard[2..] {
        assert_eq!(message.client, lease.address);
        // Neither is said in a renewal (RFC 2131, section 4.3.6).
        assert_eq!(message.options.find(code::REQUESTED_ADDRESS), None);
        assert_eq!(message.options.find(code::SERVER), None);
        assert!(!message.broadcast);
    }
    assert!(world.withdrawn.is_empty());
    world.client.release();
    world.run(seconds(1));
    let (_, last) = world.servers[0].heard.last().unwrap();
    assert_eq!((last.kind, last.client), (Kind::Release, lease.address));
    assert_eq!(last.options.address(code::SERVER), Some(lease.server));
    assert_eq!(world.withdrawn.len(), 1);
    assert_eq!((world.client.phase(), world.client.next_deadline()), (Phase::Stopped, None));
}

#[test]
fn what_is_asked_for_is_what_the_rfc_says() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    let [(_, discover), (_, request)] = &world.servers[0].heard[..] else { panic!() };
    assert!(discover.broadcast && request.broadcast);
    assert_eq!((discover.exchange, discover.seconds), (request.exchange, request.seconds));
    assert_eq!(request.options.address(code::REQUESTED_ADDRESS), Some(Ipv4Addr::new(10, 0, 0, 7)));
    assert_eq!(request.options.address(code::SERVER), Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert!(request.client.is_unspecified());
    let identifier = ClientIdentifier::host(1, HARDWARE);
    for message in [discover, request] {
        assert_eq!(message.options.find(code::CLIENT_IDENTIFIER), Some(identifier.as_bytes()));
        assert_eq!(message.options.text(code::HOST_NAME), Some(&b"seven"[..]));
        let parameters = message.options.find(code::PARAMETERS).unwrap();
        let place = |code: u8| parameters.iter().position(|other| *other == code).unwrap();
        assert!(place(code::CLASSLESS_ROUTES) < place(code::ROUTERS));
    }
}

#[test]
fn of_several_offers_the_best_is_taken() {
    let way_out = (code::ROUTERS, vec![10, 0, 0, 254]);
    let mut servers = vec![Server::new(1, 7), Server::new(2, 8), Server::new(3, 9)];
    servers[0].lease_seconds = 100_000;
    servers[1].options.push(way_out.clone());
    servers[2].options.push(way_out);
    servers[2].lease_seconds = 7200;
    let mut world = World::new(servers);
    assert!(world.run_until_bound(seconds(2)));
    assert_eq!(world.client.lease().unwrap().server, Ipv4Addr::new(10, 0, 0, 3));
    // The others hear that it is not theirs.
    for server in &world.servers {
        let (_, request) = &server.heard[1];
        assert_eq!(request.options.address(code::SERVER), Some(Ipv4Addr::new(10, 0, 0, 3)));
    }
    assert_eq!(world.told.iter().filter(|(_, told)| matches!(told, Told::Heard(Kind::Offer, ..))).count(), 3);
}

#[test]
fn questions_are_repeated_ever_more_rarely() {
    let mut world = World::new(vec![]);
    world.run(seconds(400));
    let sent = world.sent(Kind::Discover);
    let waits: Vec<Duration> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, expected) in waits.iter().zip([4, 8, 16, 32, 64, 64, 64, 64]) {
        let expected = seconds(expected);
        assert!(*wait >= expected - seconds(1) && *wait <= expected + seconds(1), "{waits:?}");
    }
    assert!(waits.len() >= 7 && waits.iter().any(|wait| wait.subsec_millis() != 0), "{waits:?}");
    // And then there is one.
    world.servers.push(Server::new(1, 7));
    assert!(world.run_until_bound(seconds(70)));
    let (_, discover) = &world.servers[0].heard[0];
    assert!(discover.seconds >= 400, "{}", discover.seconds);
}

#[test]
fn another_server_takes_a_lease_over() {
    let mut servers = vec![Server::new(1, 7), Server::new(2, 8)];
    servers[1].is_up = false;
    servers[1].is_partner = true;
    let mut world = World::new(servers);
    assert!(world.run_until_bound(seconds(2)));
    let lease = world.client.lease().unwrap().clone();
    world.servers[0].is_up = false;
    world.servers[1].is_up = true;
    world.run(lease.rebinds.unwrap() - world.now - seconds(1));
    assert_eq!(world.client.phase(), Phase::Renewing);
    // Half of what is left each time, and a minute at least.
    let asked = world.sent(Kind::Request);
    assert!((4..=8).contains(&(asked.len() - 1)), "{asked:?}");
    assert_eq!(world.servers[1].count(Kind::Request), 0);
    world.run(seconds(3));
    assert_eq!(world.client.phase(), Phase::Bound);
    let after = world.client.lease().unwrap();
    assert_eq!((after.address, after.server), (lease.address, Ipv4Addr::new(10, 0, 0, 2)));
    assert!(world.withdrawn.is_empty());
    // From now on that one is asked.
    world.run(seconds(3600));
    assert_eq!(world.client.phase(), Phase::Bound);
    assert!(world.servers[1].count(Kind::Request) >= 2);
}

#[test]
fn a_lease_that_nobody_renews_ends() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    let ends = world.client.lease().unwrap().ends.unwrap();
    world.servers[0].is_up = false;
    world.run(seconds(4000));
    assert_eq!(world.withdrawn, [(ends, Ipv4Addr::new(10, 0, 0, 7))]);
    assert_eq!(world.client.phase(), Phase::Selecting);
    assert!(world.told.contains(&(ends, Told::Expired(Ipv4Addr::new(10, 0, 0, 7)))));
    // It asks for the same address again.
    world.servers[0].is_up = true;
    assert!(world.run_until_bound(seconds(70)));
    let asked =
        world.servers[0].heard.iter().rev().find(|(_, message)| message.kind == Kind::Discover).unwrap();
    assert_eq!(asked.1.options.address(code::REQUESTED_ADDRESS), Some(Ipv4Addr::new(10, 0, 0, 7)));
    assert_eq!(world.applied.len(), 2);
}

#[test]
fn who_slept_through_everything_begins_anew() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    // Nobody polled for a day.
    world.now += seconds(86_400);
    world.client.poll(world.now);
    assert_eq!(world.client.phase(), Phase::Selecting);
    assert!(world.run_until_bound(seconds(2)));
    assert_eq!((world.withdrawn.len(), world.applied.len()), (1, 2));
}

#[test]
fn a_refusal_takes_the_address_away() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    world.servers[0].refuses = true;
    world.run(seconds(1900));
    assert_eq!(world.withdrawn.len(), 1);
    // A server that offers what it then refuses is not asked without end.
    let requests = world.servers[0].count(Kind::Request);
    world.run(seconds(600));
    let more = world.servers[0].count(Kind::Request) - requests;
    assert!((5..=40).contains(&more), "{more}");
    world.servers[0].refuses = false;
    assert!(world.run_until_bound(seconds(70)));
}

#[test]
fn an_address_that_somebody_has_is_declined() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    world.taken.push(Ipv4Addr::new(10, 0, 0, 7));
    world.run(seconds(5));
    let [(when, decline)] =
        &world.servers[0].heard.iter().filter(|(_, m)| m.kind == Kind::Decline).collect::<Vec<_>>()[..]
    else {
        panic!("{:?}", world.told)
    };
    assert_eq!(decline.options.address(code::REQUESTED_ADDRESS), Some(Ipv4Addr::new(10, 0, 0, 7)));
    assert_eq!(decline.options.address(code::SERVER), Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert!(decline.client.is_unspecified());
    assert!(world.applied.is_empty());
    let declined = *when;
    // Ten seconds later it asks for any other.
    world.servers[0].gives = Ipv4Addr::new(10, 0, 0, 8);
    assert!(world.run_until_bound(seconds(20)));
    let again = world.sent(Kind::Discover)[1];
    assert_eq!(again, declined + seconds(10));
    let (_, discover) = world.servers[0].heard.iter().rfind(|(_, m)| m.kind == Kind::Discover).unwrap();
    assert_eq!(discover.options.find(code::REQUESTED_ADDRESS), None);
    assert_eq!(world.client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 8));
    // The same if it is seen later.
    world.client.conflicted(world.now);
    world.run(seconds(1));
    assert_eq!((world.withdrawn.len(), world.servers[0].count(Kind::Decline)), (2, 2));
}

#[test]
fn a_remembered_address_is_asked_for_alone() {
    let remembering = || {
        let mut config = config();
        config.remembered = Some(Ipv4Addr::new(10, 0, 0, 7));
        Client::new(config, 9)
    };
    let mut world = World::with(remembering(), vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(1)));
    assert_eq!((world.servers[0].count(Kind::Discover), world.servers[0].count(Kind::Request)), (0, 1));
    let (_, request) = &world.servers[0].heard[0];
    assert_eq!(request.options.address(code::REQUESTED_ADDRESS), Some(Ipv4Addr::new(10, 0, 0, 7)));
    assert_eq!((request.client, request.options.find(code::SERVER)), (Ipv4Addr::UNSPECIFIED, None));
    // Elsewhere it is refused, and another one is found.
    let mut world = World::with(remembering(), vec![Server::new(1, 9)]);
    assert!(world.run_until_bound(seconds(2)));
    assert_eq!(world.client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 9));
    assert!(world.withdrawn.is_empty());
    // Where nobody answers, it is looked for anew.
    let mut world = World::with(remembering(), vec![]);
    world.run(seconds(16));
    assert_eq!(world.client.phase(), Phase::Selecting);
}

#[test]
fn who_is_connected_again_asks_whether_his_address_is_right_there() {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    let begins = world.client.lease().unwrap().begins;
    world.run(seconds(60));
    world.client.reconnected(world.now);
    assert!(world.run_until_bound(seconds(1)));
    let (_, request) = world.servers[0].heard.last().unwrap();
    assert_eq!(request.options.address(code::REQUESTED_ADDRESS), Some(Ipv4Addr::new(10, 0, 0, 7)));
    assert_eq!((request.client, request.options.find(code::SERVER)), (Ipv4Addr::UNSPECIFIED, None));
    assert!(world.client.lease().unwrap().begins >= begins + seconds(60));
    // Nobody answers: it has its lease as long as that lasts.
    world.servers[0].is_up = false;
    world.client.reconnected(world.now);
    world.run(seconds(600));
    assert_eq!(world.client.phase(), Phase::Rebinding);
    assert!(world.client.lease().is_some() && world.withdrawn.is_empty());
    // On another network it is refused, and another one is found.
    world.servers = vec![Server::new(2, 9)];
    world.client.reconnected(world.now);
    assert!(world.run_until_bound(seconds(2)));
    assert_eq!(world.client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 9));
    assert_eq!((world.withdrawn.len(), world.applied.len()), (1, 3));
    // Who was looking for a server, which nobody could hear, looks at once.
    let mut world = World::new(vec![]);
    world.run(seconds(40));
    world.servers.push(Server::new(1, 7));
    world.client.reconnected(world.now);
    assert!(world.run_until_bound(seconds(1)));
}

#[test]
fn messages_that_are_lost_are_made_up_for() {
    for seed in 0..200 {
        let servers = vec![Server::new(1, 7), Server::new(2, 8)];
        let mut world = World::with(Client::new(config(), seed), servers);
        world.loss = 300;
        assert!(world.run_until_bound(seconds(600)), "{seed}");
        let address = world.client.lease().unwrap().address;
        world.run(seconds(86_400));
        // One in two answers is lost; before the end of a lease there are a dozen questions.
        assert!(world.client.lease().is_some(), "{seed}: {:?}", world.told.last());
        assert_eq!(world.client.lease().unwrap().address, address, "{seed}");
    }
}

#[test]
fn a_lease_without_end_needs_nothing() {
    let mut server = Server::new(1, 7);
    server.lease_seconds = u32::MAX;
    let mut world = World::new(vec![server]);
    assert!(world.run_until_bound(seconds(2)));
    assert_eq!(world.client.next_deadline(), None);
}

#[test]
fn times_of_the_server_count_if_they_follow_each_other() {
    for (times, expected) in [
        ((10, 20), (10, 20)),
        ((20, 10), (10, 10)),
        ((0, 0), (60, 105)),
        ((200, 300), (60, 105)),
        ((110, 115), (110, 115)),
        ((110, 200), (60, 105)),
    ] {
        let mut server = Server::new(1, 7);
        (server.lease_seconds, server.times) = (120, Some(times));
        let mut world = World::new(vec![server]);
        assert!(world.run_until_bound(seconds(2)));
        let lease = world.client.lease().unwrap();
        let (renews, rebinds) = (lease.renews.unwrap() - lease.begins, lease.rebinds.unwrap() - lease.begins);
        assert_eq!(rebinds, seconds(expected.1), "{times:?}");
        let first = seconds(expected.0);
        assert!(renews <= first && renews > first * 19 / 20, "{times:?} {renews:?}");
    }
}

#[test]
fn who_has_an_address_asks_for_the_rest() {
    let mut server = Server::new(1, 7);
    server.options.push((code::NAME_SERVERS, vec![10, 0, 0, 53]));
    let client = Client::inform(config(), 5, Ipv4Addr::new(10, 0, 0, 99));
    let mut world = World::with(client, vec![server]);
    world.loss = 1000;
    world.run(seconds(5));
    world.loss = 0;
    world.run(seconds(20));
    assert_eq!(world.informed.len(), 1);
    assert_eq!(world.informed[0].name_servers, [Ipv4Addr::new(10, 0, 0, 53)]);
    let (_, inform) = &world.servers[0].heard[0];
    assert_eq!((inform.kind, inform.client), (Kind::Inform, Ipv4Addr::new(10, 0, 0, 99)));
    assert_eq!(inform.options.find(code::LEASE_TIME), None);
    assert_eq!((world.client.phase(), world.applied.len()), (Phase::Stopped, 0));
}
