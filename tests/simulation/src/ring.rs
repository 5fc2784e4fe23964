//! A ring of three kernels that are bridges, with a host at each.

use crate::random::Random;
use crate::world::{HostId, World};
use rumpkit::net::wire::Wire;
use rumpkit::net::{Bridge, MemberState, Offloads, UdpSocket};
use rumpnet_lossy::impairment::Impairment;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// Bridges, wires between them, and hosts.
pub const COUNT: usize = 3;
const MTU: u32 = 1500;
const PORT: u16 = 7000;

/// Whether the bridges know of the spanning tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loops {
    /// They do.
    Broken,
    /// They do not.
    Left,
}

/// See the module.
pub struct Ring {
    /// Where it is.
    pub world: World,
    /// Its bridges.
    pub bridges: Vec<Bridge>,
    sockets: Vec<UdpSocket>,
}

impl Ring {
    /// Builds one. Wire `number` is between the bridges `number` and `number + 1`, the last one back to the first; each is
    /// down at the times that `down` says, and nobody can tell.
    pub fn new(seed: u64, loops: Loops, down: [Range<Duration>; COUNT]) -> Self {
        let mut random = Random::new(seed);
        let mut world = World::new(seed);
        let switches: Vec<HostId> = (0..COUNT).map(|_| world.add_host()).collect();
        let bridges: Vec<Bridge> = switches
            .iter()
            .map(|id| Bridge::create(world.kernel(*id), "bridge0").expect("it is linked"))
            .collect();
        for (number, down) in down.into_iter().enumerate() {
            let wire = Wire::numbered(number as u16, MTU, Offloads::empty());
            for at in [number, (number + 1) % COUNT] {
                let delay = Duration::from_micros(random.within(100..2000));
                let impairment = Impairment { delay, down: vec![down.clone()], ..Impairment::default() };
                let interface = world.plug_in(switches[at], &wire, impairment);
                let name = interface.info().expect("it is there").name;
                bridges[at].add(&name).expect("it can join");
            }
        }
        let mut sockets = Vec::new();
        for (number, bridge) in bridges.iter().enumerate() {
            let wire = Wire::numbered((COUNT + number) as u16, MTU, Offloads::empty());
            let host = world.add_host();
            let address = Ipv4Addr::new(10, 0, 0, 1 + number as u8);
            let own = format!("{address}/24").parse().expect("an address");
            world.plug(host, &wire, own, Impairment::default());
            let name = world
                .plug_in(switches[number], &wire, Impairment::default())
                .info()
                .expect("it is there")
                .name;
            bridge.add(&name).expect("it can join");
            let socket =
                UdpSocket::bind(world.process(host), SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))
                    .expect("a free port");
            socket.set_nonblocking(true).expect("it can be");
            socket.set_broadcast(true).expect("it may be");
            sockets.push(socket);
            bridge.change(|settings| settings.spans = loops == Loops::Broken).expect("allowed settings");
        }
        Self { world, bridges, sockets }
    }

    /// A host sends to an address.
    pub fn send(&self, from: usize, to: Ipv4Addr) {
        // What cannot be sent is lost.
        let _ = self.sockets[from].send_to(b"hello", SocketAddr::from((to, PORT)));
    }

    /// How many datagrams came to a host since it was last asked.
    pub fn received(&self, host: usize) -> usize {
        let mut buffer = [0; 16];
        std::iter::from_fn(|| self.sockets[host].recv_from(&mut buffer).ok()).count()
    }

    /// Begins to count anew.
    pub fn forget_received(&self) {
        (0..COUNT).for_each(|host| {
            self.received(host);
        });
    }

    /// Members that do something.
    pub fn count(&self, state: MemberState) -> usize {
        let members = self.bridges.iter().flat_map(|bridge| bridge.members().expect("it is there"));
        members.filter(|member| member.state == state).count()
    }
}
