//! A thousand bad networks: every byte arrives, in order and once, and connections end. One in some thousand may be given
//! up by TCP, on the worst of them.
//!
//! `RUMP_SIMULATION_SEEDS=N` tries N, `RUMP_SIMULATION_FIRST=N` begins elsewhere.

use rumpkit::net::wire::Wire;
use rumpnet_lossy::Impairment;
use simulation::scenario::Scenario;
use simulation::traffic::Conversation;
use simulation::{World, number};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn every_byte_arrives_in_order_and_once_on_any_network() {
    let first = number("RUMP_SIMULATION_FIRST", 0);
    let end = first + number("RUMP_SIMULATION_SEEDS", 1000);
    let (next, given_up) = (AtomicU64::new(first), AtomicU64::new(0));
    let work = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return failed;
            }
            match Scenario::draw(seed).run() {
                Ok(count) => given_up.fetch_add(count as u64, Ordering::Relaxed),
                Err(what) => {
                    failed.push(what);
                    0
                }
            };
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let failed: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), end - first, failed.join("\n"));
    let given_up = given_up.into_inner();
    println!("{given_up} connections given up");
    assert!(given_up <= 1 + (end - first) / 2000, "{given_up} connections given up");
}

/// The server hears nothing of the client for longer than it waits for the end of a handshake.
#[test]
fn who_is_reset_since_the_server_gave_up_the_handshake_tries_again() {
    let mut world = World::new(1);
    let hosts = [world.add_host(), world.add_host()];
    let wire = Wire::new();
    let delay = Duration::from_millis(10);
    let silence = Duration::from_millis(30)..Duration::from_secs(300);
    let mute = Impairment { delay, down: vec![silence], ..Impairment::default() };
    let addresses = ["10.0.0.1/24", "10.0.0.2/24"].map(|text| text.parse().unwrap());
    world.plug(hosts[0], &wire, addresses[0], mute);
    world.plug(hosts[1], &wire, addresses[1], Impairment { delay, ..Impairment::default() });
    let server = "10.0.0.2:1024".parse().unwrap();
    let mut conversation = Conversation::new(&world, (hosts[0], hosts[1]), server, 1, (5000, 5000));
    while !conversation.is_done() && world.now() < Duration::from_secs(3600) {
        conversation.work(&world).unwrap();
        world.pass(Duration::from_secs(1));
    }
    assert!(conversation.is_done());
    assert!(world.now() > Duration::from_secs(300));
}
