//! A lease that is kept over restarts (RFC 2131, sections 3.2 and 4.4.2).

use crate::rig::{Server, World, seconds};
use core::net::Ipv4Addr;
use rumpnet_dhcp::{Kind, Phase, Told, Unusable, code};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

/// A world with a lease of an hour.
fn bound() -> World {
    let mut world = World::new(vec![Server::new(1, 7)]);
    assert!(world.run_until_bound(seconds(2)));
    world.servers[0].heard.clear();
    world
}

#[test]
fn after_a_restart_the_address_is_asked_for_alone() {
    let mut world = bound();
    world.restart(seconds(1200)).unwrap();
    assert!(world.run_until_bound(seconds(1)));
    let [(_, request)] = &world.servers[0].heard[..] else { panic!("{:?}", world.told) };
    assert_eq!((request.kind, request.options.address(code::REQUESTED_ADDRESS)), (Kind::Request, Some(OURS)));
    assert_eq!((request.client, request.options.find(code::SERVER)), (Ipv4Addr::UNSPECIFIED, None));
    // From the answer on it counts anew, and is kept anew.
    let lease = world.client.lease().unwrap().clone();
    assert_eq!(lease.ends, Some(lease.begins + seconds(3600)));
    world.restart(seconds(3000)).unwrap();
    assert!(world.run_until_bound(seconds(1)));
}

#[test]
fn a_refusal_after_a_restart_begins_anew() {
    let mut world = bound();
    world.servers = vec![Server::new(2, 9)];
    world.restart(seconds(60)).unwrap();
    assert!(world.run_until_bound(seconds(2)));
    let kinds: Vec<Kind> = world.servers[0].heard.iter().map(|(_, message)| message.kind).collect();
    assert_eq!(kinds, [Kind::Request, Kind::Discover, Kind::Request]);
    assert_eq!(world.client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 9));
    assert!(world.kept.as_ref().unwrap().contains("address 10.0.0.9\n") && world.withdrawn.is_empty());
    // Who is refused and finds no other has nothing to begin with next time.
    world.servers[0].refuses = true;
    world.restart(seconds(60)).unwrap();
    world.run(seconds(10));
    assert_eq!((world.kept.clone(), world.client.lease()), (None, None));
}

#[test]
fn where_nobody_answers_a_lease_is_used_for_its_rest() {
    let mut world = bound();
    world.servers[0].is_up = false;
    world.restart(seconds(600)).unwrap();
    world.run(seconds(20));
    assert!(world.told.iter().any(|(_, told)| *told == Told::Resumed(OURS)), "{:?}", world.told);
    let lease = world.client.lease().unwrap().clone();
    assert_eq!((world.client.phase(), lease.address), (Phase::Bound, OURS));
    // It is renewed at its time, by the server that gave it, and not counted from the restart.
    let left = lease.ends.unwrap() - world.now;
    assert!(left < seconds(3600 - 600 - 19) && left > seconds(3600 - 600 - 25), "{left:?}");
    world.servers[0].is_up = true;
    world.run(lease.renews.unwrap() - world.now + seconds(1));
    let [(_, request)] = &world.servers[0].heard[..] else { panic!("{:?}", world.told) };
    assert_eq!((request.kind, request.client), (Kind::Request, OURS));
    assert!(world.client.lease().unwrap().ends > lease.ends);
    assert!(world.withdrawn.is_empty());
}

#[test]
fn a_lease_that_nobody_renews_after_a_restart_ends_at_its_time() {
    let mut world = bound();
    world.servers[0].is_up = false;
    // Past the time of renewal and that of rebinding.
    world.restart(seconds(3400)).unwrap();
    world.run(seconds(30));
    assert_eq!(world.client.phase(), Phase::Rebinding);
    let ends = world.client.lease().unwrap().ends.unwrap();
    world.run(seconds(300));
    assert_eq!(world.withdrawn, [(ends, OURS)]);
    assert_eq!((world.client.phase(), world.kept.clone()), (Phase::Selecting, None));
    // Seconds before the end it has ended until somebody could have answered.
    let mut world = bound();
    world.servers[0].is_up = false;
    world.restart(seconds(3595)).unwrap();
    world.run(seconds(60));
    assert!(world.client.phase() == Phase::Selecting && world.applied.len() == 1, "{:?}", world.told);
}

#[test]
fn what_has_ended_or_was_given_up_is_not_used() {
    let mut world = bound();
    assert_eq!(world.restart(seconds(3600)), Err(Unusable::Ended));
    assert!(world.run_until_bound(seconds(2)));
    assert_eq!(world.servers[0].count(Kind::Discover), 1);
    // Given back.
    world.client.release();
    world.run(seconds(1));
    assert_eq!(world.kept, None);
    // Somebody else has it.
    let mut world = bound();
    world.client.conflicted(world.now);
    world.run(seconds(1));
    assert_eq!(world.kept, None);
    // Somebody else has it after a restart, and no server is there.
    let mut world = bound();
    world.servers[0].is_up = false;
    world.taken.push(OURS);
    world.restart(seconds(60)).unwrap();
    world.run(seconds(20));
    assert!(world.told.iter().any(|(_, told)| *told == Told::Conflict(OURS)));
    assert_eq!((world.kept.clone(), world.applied.len()), (None, 1));
    // Who stops keeps it.
    let mut world = bound();
    world.client.stop();
    world.run(seconds(1));
    assert!(world.kept.is_some());
}
