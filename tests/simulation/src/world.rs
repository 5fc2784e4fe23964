//! Kernels, wires, and the time that passes for all of them.
//!
//! Each kernel has a clock of its own, which may jump ([`World::jump`]); the wires have another one.

use rump_host_sim::SimHost;
use rumpkit::kpi::device::Network;
use rumpkit::net::wire::Wire;
use rumpkit::net::{Gateway, Interface, InterfaceAddress, RouteInfo};
use rumpkit::{AddressFamily, KResult, Kernel, Process};
use rumpnet_lossy::impairment::Impairment;
use rumpnet_lossy::{Both, Lossy};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Rounds at one instant; more of them mean that somebody keeps somebody busy for ever.
const MOST_ROUNDS: usize = 100_000;

/// See the module.
pub struct World {
    seed: u64,
    /// The clock of the wires, and of whoever looks at this world.
    time: Arc<SimHost>,
    hosts: Vec<Host>,
    links: Vec<Arc<Lossy>>,
    began: Duration,
}

struct Host {
    clock: Arc<SimHost>,
    kernel: Kernel,
    process: Process,
}

/// A kernel of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostId(usize);

impl World {
    /// An empty one.
    pub fn new(seed: u64) -> Self {
        let time = SimHost::new(seed);
        let began = rumpkit::hyper::Clock::monotonic(&*time);
        Self { seed, time, hosts: Vec::new(), links: Vec::new(), began }
    }

    /// How long it has lasted.
    pub fn now(&self) -> Duration {
        rumpkit::hyper::Clock::monotonic(&*self.time) - self.began
    }

    /// Boots another kernel.
    pub fn add_host(&mut self) -> HostId {
        let clock = SimHost::new(self.seed ^ (self.hosts.len() as u64 + 1) << 32);
        let kernel = rumpkit::kernel(clock.clone()).expect("a kernel boots");
        let process = kernel.process();
        self.hosts.push(Host { clock, kernel, process });
        let id = HostId(self.hosts.len() - 1);
        // Nobody else has its addresses: they can be used at once.
        self.configure(id, |network| network.set_setting("net.inet6.ip6.dad_count", 0));
        id
    }

    fn configure(&self, id: HostId, change: impl FnOnce(&dyn Network) -> KResult<()>) {
        let domain = self.kernel(id).protocols(AddressFamily::Inet).expect("TCP/IP");
        change(domain.network().expect("it has interfaces")).expect("what it can be told");
    }

    /// Makes a kernel a router.
    pub fn let_forward(&self, id: HostId) {
        for name in ["net.inet.ip.forwarding", "net.inet6.ip6.forwarding"] {
            self.configure(id, |network| network.set_setting(name, 1));
        }
    }

    /// Tells a kernel the way to the network of an address.
    pub fn add_route(&self, id: HostId, to: InterfaceAddress, router: IpAddr) {
        let InterfaceAddress { address: destination, prefix_length: length } = to;
        let route = RouteInfo { destination, length, gateway: Gateway::Router(router), metric: 0 };
        self.configure(id, |network| network.add_route(&route));
    }

    /// A kernel.
    pub fn kernel(&self, id: HostId) -> &Kernel {
        &self.hosts[id.0].kernel
    }

    /// A process of it.
    pub fn process(&self, id: HostId) -> &Process {
        &self.hosts[id.0].process
    }

    /// Plugs a kernel into a wire. What it sends meets `impairment`.
    pub fn plug(&mut self, id: HostId, wire: &Wire, address: InterfaceAddress, impairment: Impairment) {
        let interface = self.plug_in(id, wire, impairment);
        interface.up().expect("it is there");
        interface.add_address(address).expect("an address that nobody has");
    }

    /// The same with an interface that is down, and has no address.
    pub fn plug_in(&mut self, id: HostId, wire: &Wire, impairment: Impairment) -> Interface {
        let number = self.links.len() as u64;
        let both = Both { outgoing: impairment, incoming: Impairment::default() };
        let link = Lossy::new(self.time.clone(), wire.end(), self.seed.wrapping_add(number << 8), both);
        let interface = Interface::attach(self.kernel(id), &format!("sim{number}"), link.clone());
        self.links.push(link);
        interface.expect("a name that nobody has")
    }

    /// The clock of a kernel jumps ahead, as when its machine slept.
    pub fn jump(&mut self, id: HostId, ahead: Duration) {
        self.hosts[id.0].clock.advance(ahead);
    }

    /// Lets time pass until the next event, but not more than `most`. Answers whether there is one.
    pub fn pass(&mut self, most: Duration) -> bool {
        for _ in 0..MOST_ROUNDS {
            match self.next_event() {
                Some(Duration::ZERO) => {}
                next => {
                    let step = next.unwrap_or(most).min(most);
                    self.time.advance(step);
                    self.hosts.iter().for_each(|host| host.clock.advance(step));
                    return next.is_some();
                }
            }
        }
        panic!("seed {}: no end of events at {:?}", self.seed, self.now());
    }

    /// Lets so much time pass, whatever happens.
    pub fn pass_all(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.pass(end - self.now());
        }
    }

    /// What went wrong, and where to find it again.
    pub fn told(&self, number: usize, what: &str) -> String {
        format!("seed {}, after {:?}, connection {number}: {what}", self.seed, self.now())
    }

    /// Does what is due; how long it is to the next event.
    fn next_event(&self) -> Option<Duration> {
        let left = |clock: &SimHost, deadline: Option<Duration>| {
            deadline.map(|deadline| deadline.saturating_sub(rumpkit::hyper::Clock::monotonic(clock)))
        };
        let of_hosts =
            self.hosts.iter().filter_map(|host| left(&host.clock, host.kernel.poll_network())).min();
        // Those come last: what a kernel sends is on its way now.
        let of_links = self.links.iter().filter_map(|link| left(&self.time, link.poll())).min();
        of_hosts.into_iter().chain(of_links).min()
    }
}
