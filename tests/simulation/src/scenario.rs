//! Worlds by chance: how many kernels, on what wires, and what programs do.

use crate::random::Random;
use crate::traffic::Conversation;
use crate::world::{HostId, World};
use rumpkit::net::InterfaceAddress;
use rumpkit::net::wire::Wire;
use rumpnet_lossy::impairment::{Chance, Impairment, Rate};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Virtual time after which a world is given up.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// How long each stretch is in which a link may be down.
const STRETCH: u64 = 40;

/// A world and its programs.
pub struct Scenario {
    /// The world.
    pub world: World,
    conversations: Vec<Conversation>,
    /// Who jumps when, and how far.
    jumps: Vec<(Duration, HostId, Duration)>,
}

/// How kernels are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// All on one wire.
    Wire,
    /// Each to the next, by wires of their own; those between are routers.
    Row,
}

/// A version of IP, by its addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

impl Version {
    /// That of a host on a network.
    fn address(self, network: usize, host: usize) -> InterfaceAddress {
        let (network, host) = (network as u8, host as u8);
        let (address, prefix_length) = match self {
            Self::V4 => (IpAddr::V4(Ipv4Addr::new(10, 0, network, host)), 24),
            Self::V6 => (Ipv6Addr::new(0xfd00, 0, 0, network.into(), 0, 0, 0, host.into()).into(), 64),
        };
        InterfaceAddress { address, prefix_length }
    }
}

impl Scenario {
    /// Two to five kernels on one wire, or in a row with routers between, and up to six connections among them, over either
    /// version of IP. Some servers send back what they read.
    pub fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut world = World::new(seed);
        let count = random.within(2..6) as usize;
        let version = if random.one_in(2) { Version::V6 } else { Version::V4 };
        let shape = if count > 2 && random.one_in(2) { Shape::Row } else { Shape::Wire };
        let hosts: Vec<HostId> = (0..count).map(|_| world.add_host()).collect();
        match shape {
            Shape::Wire => join_by_wire(&mut world, &hosts, version, &mut random),
            Shape::Row => join_in_row(&mut world, &hosts, version, &mut random),
        }
        let conversations = (0..random.within(1..7))
            .map(|number| {
                let from = random.within(0..count as u64) as usize;
                let to = (from + random.within(1..count as u64) as usize) % count;
                let own = match (shape, to) {
                    (Shape::Wire, to) => version.address(0, to + 1),
                    (Shape::Row, 0) => version.address(0, 1),
                    (Shape::Row, to) => version.address(to - 1, 2),
                };
                let lengths = (length(&mut random), length(&mut random));
                let address = SocketAddr::new(own.address, 1024 + number as u16);
                let (ends, seed) = ((hosts[from], hosts[to]), random.number());
                if random.one_in(8) {
                    let (length, buffer) = (random.within(50_000..500_000), random.within(8000..100_000));
                    Conversation::new(&world, ends, address, seed, (length, length)).with_echo(buffer as u32)
                } else {
                    Conversation::new(&world, ends, address, seed, lengths)
                }
            })
            .collect();
        let jump = |host: &HostId| {
            let at = Duration::from_millis(random.within(0..60_000));
            let ahead = Duration::from_secs(random.within(1..3600));
            random.one_in(4).then_some((at, *host, ahead))
        };
        let jumps = hosts.iter().filter_map(jump).collect();
        Self { world, conversations, jumps }
    }

    /// Lets all programs run to their end. Answers how many connections were given up: whoever is not heard twelve times in
    /// a row may do so, and where up to half of all questions or their answers are lost, that happens. Errors: what went
    /// wrong in which conversation.
    pub fn run(&mut self) -> Result<usize, String> {
        while self.conversations.iter().any(|conversation| !conversation.is_done()) {
            for (number, conversation) in self.conversations.iter_mut().enumerate() {
                let failed = conversation.work(&self.world).err().filter(|_| !conversation.has_given_up());
                failed.map_or(Ok(()), |what| Err(self.world.told(number, &what)))?;
            }
            if self.world.now() > PATIENCE {
                let given_up =
                    self.conversations.iter().filter(|conversation| conversation.has_given_up()).count();
                let unfinished =
                    |conversation: &&Conversation| !conversation.is_done() && !conversation.has_given_up();
                let told: String =
                    self.conversations.iter().filter(unfinished).map(Conversation::describe).collect();
                return match told.is_empty() {
                    true => Ok(given_up),
                    false => Err(self.world.told(0, &format!("not done in time\n{told}"))),
                };
            }
            let next = self.jumps.iter().map(|(at, ..)| at.saturating_sub(self.world.now())).min();
            self.world.pass(next.unwrap_or(Duration::MAX).min(Duration::from_secs(1)));
            let now = self.world.now();
            let (due, later): (Vec<_>, Vec<_>) = self.jumps.drain(..).partition(|(at, ..)| *at <= now);
            self.jumps = later;
            due.into_iter().for_each(|(_, host, ahead)| self.world.jump(host, ahead));
        }
        Ok(0)
    }
}

fn join_by_wire(world: &mut World, hosts: &[HostId], version: Version, random: &mut Random) {
    let wire = Wire::new();
    for (number, host) in (1..).zip(hosts) {
        world.plug(*host, &wire, version.address(0, number), impairment(version, 1, random));
    }
}

/// Wire N is between host N, which is 1 on it, and the next, which is 2.
fn join_in_row(world: &mut World, hosts: &[HostId], version: Version, random: &mut Random) {
    let wires = hosts.len() - 1;
    for (number, pair) in hosts.windows(2).enumerate() {
        let wire = Wire::new();
        for (place, host) in (1..).zip(pair) {
            let impairment = impairment(version, wires as u64, random);
            world.plug(*host, &wire, version.address(number, place), impairment);
        }
    }
    for (number, host) in hosts.iter().enumerate() {
        world.let_forward(*host);
        for wire in (0..wires).filter(|wire| wire + 1 < number || *wire > number) {
            let router =
                if wire > number { version.address(number, 2) } else { version.address(number - 1, 1) };
            world.add_route(*host, version.address(wire, 0), router.address);
        }
    }
}

fn length(random: &mut Random) -> u64 {
    match random.within(0..8) {
        0 => 0,
        1 => random.within(1..10),
        2..=5 => random.within(10..20_000),
        _ => random.within(20_000..120_000),
    }
}

/// What is wrong with what a kernel sends, where a way may have so many wires: as much as on a single one, all together.
fn impairment(version: Version, wires: u64, random: &mut Random) -> Impairment {
    let mut chance = |most: u64| match random.within(0..3) {
        0 => Chance::default(),
        _ => Chance::per_million(random.within(0..most * 10_000 / wires + 1) as u32),
    };
    let [loss, corruption, duplication, reordering] = [30, 3, 20, 30].map(&mut chance);
    let millis = |random: &mut Random, most: u64| Duration::from_millis(random.within(0..most + 1));
    let rate = random.one_in(2).then(|| Rate {
        bits_per_second: random.within(200_000..100_000_000),
        queue_bytes: random.within(8_000..200_000),
    });
    let down = if random.one_in(3) {
        (0..random.within(1..4))
            .map(|number| {
                let begin = Duration::from_secs(number * STRETCH) + millis(random, 20_000);
                begin..begin + millis(random, 15_000)
            })
            .collect()
    } else {
        Vec::new()
    };
    let least = if version == Version::V4 { 576 } else { 1280 };
    let black_hole = random.one_in(8).then(|| random.within(least..1500) as u32);
    Impairment {
        down,
        black_hole,
        loss,
        corruption,
        duplication,
        rate,
        delay: millis(random, 150),
        jitter: millis(random, 40),
        reordering,
        held_back: millis(random, 60),
    }
}
