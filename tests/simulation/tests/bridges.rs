//! A loop of bridges: a storm without spanning tree, none with it, and a way around a cable that fails.
//!
//! `RUMP_SIMULATION_SEEDS=N` tries N.

use rumpkit::net::MemberState;
use simulation::number;
use simulation::random::Random;
use simulation::ring::{COUNT, Loops, Ring};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::Duration;

const NEVER: Range<Duration> = Duration::MAX..Duration::MAX;
/// Two forward delays and the time to hear of each other.
const CONVERGED: Duration = Duration::from_secs(35);
/// `max_age + 2 * forward_delay`, and a message on its way.
const HEALED: Duration = Duration::from_secs(51);

fn host(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 1 + number as u8)
}

#[test]
fn without_a_tree_one_frame_becomes_a_storm_that_is_bounded() {
    let mut ring = Ring::new(1, Loops::Left, [NEVER; COUNT]);
    ring.send(0, Ipv4Addr::BROADCAST);
    ring.world.pass_all(Duration::from_secs(1));
    let flooded = |ring: &Ring| -> Vec<usize> { (1..COUNT).map(|host| ring.received(host)).collect() };
    let first = flooded(&ring);
    assert!(first.iter().all(|count| *count > 50), "{first:?} copies came of one");
    // Two copies go round, one each way; they do not become more.
    ring.world.pass_all(Duration::from_secs(1));
    let second = flooded(&ring);
    for (first, second) in first.iter().zip(&second) {
        assert!(second.abs_diff(*first) <= first / 5, "{first} copies in a second, and then {second}");
    }
}

#[test]
fn the_tree_breaks_the_loop() {
    for seed in 0..number("RUMP_SIMULATION_SEEDS", 20) {
        let mut ring = Ring::new(seed, Loops::Broken, [NEVER; COUNT]);
        ring.world.pass_all(CONVERGED);
        assert_eq!(ring.count(MemberState::Blocking), 1, "seed {seed}");
        assert_eq!(ring.count(MemberState::Forwarding), 3 * COUNT - 1, "seed {seed}");
        let roots: BTreeSet<u64> = ring.bridges.iter().map(|bridge| bridge.tree().unwrap().root).collect();
        let own: BTreeSet<u64> =
            ring.bridges.iter().map(|bridge| bridge.tree().unwrap().identifier).collect();
        assert_eq!(roots.iter().collect::<Vec<_>>(), [own.first().unwrap()], "seed {seed}");
        ring.forget_received();
        for from in 0..COUNT {
            ring.send(from, Ipv4Addr::BROADCAST);
            (0..COUNT).filter(|to| *to != from).for_each(|to| ring.send(from, host(to)));
        }
        ring.world.pass_all(Duration::from_secs(5));
        for to in 0..COUNT {
            // Of each other one the broadcast and what is for this alone, each once; and its own broadcast.
            assert_eq!(ring.received(to), 2 * (COUNT - 1) + 1, "seed {seed}, host {to}");
        }
    }
}

#[test]
fn a_cable_that_fails_is_got_around_in_time() {
    for seed in 0..number("RUMP_SIMULATION_SEEDS", 20) {
        let mut random = Random::new(seed);
        let mut down = [NEVER; COUNT];
        let begin = CONVERGED + Duration::from_millis(random.within(5000..25_000));
        down[random.within(0..COUNT as u64) as usize] = begin..Duration::MAX;
        let mut ring = Ring::new(seed, Loops::Broken, down);
        ring.world.pass_all(begin + HEALED);
        assert_eq!(ring.count(MemberState::Blocking), 0, "seed {seed}");
        ring.forget_received();
        for from in 0..COUNT {
            (0..COUNT).filter(|to| *to != from).for_each(|to| ring.send(from, host(to)));
        }
        ring.world.pass_all(Duration::from_secs(5));
        let received: Vec<usize> = (0..COUNT).map(|host| ring.received(host)).collect();
        assert_eq!(received, [COUNT - 1; COUNT], "seed {seed}");
    }
}
