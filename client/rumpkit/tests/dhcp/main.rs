//! The client of DHCP in a kernel, in simulated time: what becomes of addresses, routes, the MTU and `/etc/resolv.conf`.

mod kept;
mod rig;

use rig::{Server, World, attach, ip, resolv_conf, seconds};
use rumpkit::hyper::Clock;
use rumpkit::net::dhcp::{self, Check, Client, Options, Phase};
use rumpkit::net::wire::Wire;
use rumpkit::net::{AddressState, Gateway, RouteInfo, add_default_route, interfaces};
use rumpkit::{Errno, Mode, OpenFlags};
use rumpnet_dhcp::{Kind, code};
use std::net::Ipv4Addr;
use std::time::Duration;

const OURS: [u8; 4] = [10, 0, 0, 7];

fn route(destination: [u8; 4], length: u8, gateway: Gateway) -> RouteInfo {
    RouteInfo { destination: ip(destination), length, gateway, metric: 202 }
}

fn own_net() -> RouteInfo {
    RouteInfo { destination: ip([10, 0, 0, 0]), length: 24, gateway: Gateway::Interface(2), metric: 0 }
}

#[test]
fn a_lease_lives_and_ends() {
    let mut world = World::new();
    let server = &mut world.servers[0];
    server.set(code::ROUTERS, &[10, 0, 0, 254]);
    server.set(code::NAME_SERVERS, &[10, 0, 0, 53, 9, 9, 9, 9]);
    server.set(code::DOMAIN, b"example.org");
    server.set(code::MTU, &1400_u16.to_be_bytes());
    let client = world.start();
    // Others are asked whether they have it.
    world.run(&[&client], seconds(2));
    assert_eq!(client.phase(), Phase::Claiming);
    assert_eq!(world.addresses()[0].state, AddressState::Tentative);
    assert_eq!((world.routes(), world.resolv_conf()), (vec![], None));
    world.run(&[&client], seconds(8));
    assert_eq!(client.phase(), Phase::Bound);
    let [own] = &world.addresses()[..] else { panic!() };
    assert_eq!((own.address, own.length, own.state), (ip(OURS), 24, AddressState::Preferred));
    let default = route([0; 4], 0, Gateway::Router(ip([10, 0, 0, 254])));
    assert_eq!(world.routes(), [own_net(), default]);
    let names = "search example.org\nnameserver 10.0.0.53\nnameserver 9.9.9.9\n";
    assert_eq!(world.resolv_conf().unwrap(), names);
    assert_eq!(world.interface.info().unwrap().device.mtu, 1400);
    // Before, it speaks as nobody; renewals come from the address, and the answers go there.
    assert!(world.servers[0].heard.iter().all(|(_, from)| from.is_unspecified()));
    world.servers[0].set(code::NAME_SERVERS, &[10, 0, 0, 54]);
    world.servers[0].set(code::CLASSLESS_ROUTES, &[0, 10, 0, 0, 253, 16, 192, 168, 10, 0, 0, 252]);
    world.servers[0].options.retain(|(code, _)| *code != code::MTU);
    world.run(&[&client], seconds(510));
    let requests = world.servers[0].heard(Kind::Request);
    assert_eq!((requests.len(), requests[1].1), (2, Ipv4Addr::from(OURS)));
    assert!(client.left(client.lease().unwrap().ends.unwrap()) > seconds(900));
    let changed = [
        own_net(),
        route([192, 168, 0, 0], 16, Gateway::Router(ip([10, 0, 0, 252]))),
        route([0; 4], 0, Gateway::Router(ip([10, 0, 0, 253]))),
    ];
    assert_eq!(world.routes(), changed);
    assert_eq!(world.resolv_conf().unwrap(), "search example.org\nnameserver 10.0.0.54\n");
    assert_eq!(world.interface.info().unwrap().device.mtu, 1500);
    // Nobody renews it: all of it goes.
    world.servers[0].is_up = false;
    world.run(&[&client], seconds(950));
    assert_eq!(client.phase(), Phase::Rebinding);
    assert_eq!(world.routes(), changed);
    world.run(&[&client], seconds(60));
    assert_eq!((client.phase(), client.lease()), (Phase::Selecting, None));
    assert_eq!((world.addresses(), world.routes()), (vec![], vec![]));
    assert_eq!(world.resolv_conf().unwrap(), "");
    // And comes again.
    world.servers[0].is_up = true;
    world.run(&[&client], seconds(80));
    assert_eq!((client.phase(), world.routes().len()), (Phase::Bound, 3));
}

#[test]
fn another_server_goes_on_with_a_lease() {
    let mut world = World::new();
    world.servers.push(Server::new(&world.host, &world.wire, [10, 0, 0, 2], OURS));
    world.servers[1].is_up = false;
    let client = world.start();
    world.run(&[&client], seconds(10));
    assert_eq!(client.lease().unwrap().server, Ipv4Addr::new(10, 0, 0, 1));
    (world.servers[0].is_up, world.servers[1].is_up) = (false, true);
    world.run(&[&client], seconds(880));
    assert_eq!(client.phase(), Phase::Bound);
    assert_eq!(client.lease().unwrap().server, Ipv4Addr::new(10, 0, 0, 2));
    let [(request, from)] = &world.servers[1].heard[..] else { panic!() };
    assert_eq!((request.kind, request.client, *from), (Kind::Request, OURS.into(), OURS.into()));
    assert_eq!(world.addresses().len(), 1);
}

#[test]
fn an_address_that_a_neighbour_has_is_declined() {
    let mut world = World::new();
    let other = rig::kernel(&world.host);
    attach(&other, "eth0", &world.wire).add_address("10.0.0.7/24".parse().unwrap()).unwrap();
    world.others.push(other);
    let client = world.start();
    world.run(&[&client], seconds(4));
    let [(decline, from)] = world.servers[0].heard(Kind::Decline)[..] else { panic!() };
    assert_eq!(decline.options.address(code::REQUESTED_ADDRESS), Some(OURS.into()));
    assert!(from.is_unspecified());
    assert_eq!((client.phase(), world.addresses()), (Phase::Waiting, vec![]));
    world.servers[0].gives = Ipv4Addr::new(10, 0, 0, 8);
    world.run(&[&client], seconds(20));
    assert_eq!(client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 8));
    assert_eq!(world.addresses()[0].address, ip([10, 0, 0, 8]));
}

#[test]
fn who_believes_the_server_is_fast() {
    let mut world = World::new();
    let options = Options { check: Check::Trust, ..Options::default() };
    let client = Client::start(&world.kernel, &world.interface, options).unwrap();
    world.run(&[&client], seconds(1));
    assert_eq!(client.phase(), Phase::Bound);
}

#[test]
fn a_remembered_address_of_another_network_is_refused() {
    let mut world = World::new();
    let remembered = Some(Ipv4Addr::new(192, 168, 1, 5));
    let options = Options { remembered, ..Options::default() };
    let client = Client::start(&world.kernel, &world.interface, options).unwrap();
    world.run(&[&client], seconds(10));
    let kinds: Vec<Kind> = world.servers[0].heard.iter().map(|(message, _)| message.kind).collect();
    assert_eq!(kinds, [Kind::Request, Kind::Discover, Kind::Request]);
    assert_eq!(client.lease().unwrap().address, Ipv4Addr::from(OURS));
}

#[test]
fn what_is_given_back_is_gone_and_the_server_knows() {
    let mut world = World::new();
    world.servers[0].set(code::ROUTERS, &[10, 0, 0, 254]);
    world.servers[0].set(code::NAME_SERVERS, &[10, 0, 0, 53]);
    let client = world.start();
    world.run(&[&client], seconds(10));
    // Nothing was sent to the server alone so far: its hardware address has to be asked for.
    client.release();
    assert_eq!((world.addresses(), world.routes()), (vec![], vec![]));
    assert_eq!(world.resolv_conf().unwrap(), "");
    world.run(&[&client], seconds(2));
    let [(release, from)] = world.servers[0].heard(Kind::Release)[..] else { panic!() };
    assert_eq!((release.client, *from), (OURS.into(), OURS.into()));
    assert_eq!(client.phase(), Phase::Stopped);
    // Dropping one gives nothing back, and takes all away.
    let client = world.start();
    world.run(&[&client], seconds(10));
    assert_eq!(world.addresses().len(), 1);
    drop(client);
    world.run(&[], seconds(2));
    assert_eq!((world.addresses(), world.servers[0].heard(Kind::Release).len()), (vec![], 1));
    // Leaving leaves it.
    let client = world.start();
    world.run(&[&client], seconds(10));
    client.leave();
    assert_eq!((world.addresses().len(), world.routes().len()), (1, 2));
}

#[test]
fn a_network_of_single_hosts_has_its_router_elsewhere() {
    let mut world = World::new();
    world.servers[0].set(code::SUBNET_MASK, &[255; 4]);
    world.servers[0].set(code::ROUTERS, &[172, 31, 1, 1]);
    let client = world.start();
    world.run(&[&client], seconds(10));
    let own = RouteInfo { length: 32, destination: ip(OURS), ..own_net() };
    let expected = [
        own,
        route([172, 31, 1, 1], 32, Gateway::Interface(2)),
        route([0; 4], 0, Gateway::Router(ip([172, 31, 1, 1]))),
    ];
    assert_eq!(world.routes(), expected);
    // The same, as RFC 3442 has it.
    drop(client);
    assert_eq!(world.routes(), []);
    let routes = [&[32, 172, 31, 1, 1, 0, 0, 0, 0][..], &[0, 172, 31, 1, 1]].concat();
    world.servers[0].set(code::CLASSLESS_ROUTES, &routes);
    let client = world.start();
    world.run(&[&client], seconds(10));
    assert_eq!(world.routes(), expected);
}

#[test]
fn what_an_administrator_says_stays_and_counts_more() {
    let mut world = World::new();
    world.servers[0].set(code::ROUTERS, &[10, 0, 0, 254]);
    world.interface.add_address("10.9.0.1/24".parse().unwrap()).unwrap();
    add_default_route(&world.kernel, ip([10, 9, 0, 254])).unwrap();
    let before = world.routes();
    let client = world.start();
    world.run(&[&client], seconds(10));
    let defaults: Vec<Gateway> =
        world.routes().iter().filter(|route| route.length == 0).map(|route| route.gateway).collect();
    assert_eq!(defaults, [Gateway::Router(ip([10, 9, 0, 254])), Gateway::Router(ip([10, 0, 0, 254]))]);
    client.release();
    assert_eq!((world.routes(), world.addresses().len()), (before, 1));
}

#[test]
fn interfaces_have_clients_of_their_own() {
    let mut world = World::new();
    let second = Wire::new();
    world.servers.push(Server::new(&world.host, &second, [10, 1, 0, 1], [10, 1, 0, 7]));
    for (server, last) in world.servers.iter_mut().zip([53, 54]) {
        server.set(code::NAME_SERVERS, &[10, 0, 0, 1, 10, 0, 0, last]);
        server.set(code::SEARCH, b"\x01a\x07example\x00\x01b\xc0\x02");
        server.set(code::ROUTERS, &[10, 0, 0, 254]);
    }
    world.servers[1].set(code::ROUTERS, &[10, 1, 0, 254]);
    let other = attach(&world.kernel, "eth1", &second);
    let clients = [world.start(), Client::start(&world.kernel, &other, Options::default()).unwrap()];
    let both = [&clients[0], &clients[1]];
    world.run(&both, seconds(10));
    let addresses: Vec<_> = clients.iter().map(|client| client.lease().unwrap().address).collect();
    assert_eq!(addresses, [Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(10, 1, 0, 7)]);
    let names =
        "search a.example b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.53\nnameserver 10.0.0.54\n";
    assert_eq!(world.resolv_conf().unwrap(), names);
    // Each renews its own, many times.
    world.run(&both, seconds(10_000));
    for server in &world.servers {
        assert_eq!(server.heard(Kind::Discover).len(), 1);
        assert!(server.heard(Kind::Request).len() > 15);
    }
    assert_eq!(world.routes().iter().filter(|route| route.length == 0).count(), 2);
    clients[0].stop();
    assert_eq!(world.resolv_conf().unwrap(), names.replace("nameserver 10.0.0.53\n", ""));
    // An interface that is taken away takes what its network told with it.
    other.detach().unwrap();
    world.run(&both, seconds(1));
    assert_eq!(interfaces(&world.kernel).unwrap().len(), 2);
    assert_eq!(world.resolv_conf().unwrap(), "");
    assert_eq!(clients[1].phase(), Phase::Stopped);
    let gone = clients[1].wait(Duration::from_millis(1)).unwrap_err();
    assert_eq!(rumpkit::net::errno(&gone), Some(Errno::ENXIO));
}

#[test]
fn who_has_an_address_asks_for_name_servers() {
    let mut world = World::new();
    world.servers[0].set(code::NAME_SERVERS, &[10, 0, 0, 53]);
    let none = dhcp::inform(&world.kernel, &world.interface, Options::default(), seconds(1)).unwrap_err();
    assert_eq!(rumpkit::net::errno(&none), Some(Errno::EADDRNOTAVAIL));
    world.interface.add_address("10.0.0.99/24".parse().unwrap()).unwrap();
    let late = dhcp::inform(&world.kernel, &world.interface, Options::default(), seconds(3)).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
    // What was asked for is answered to nobody.
    world.run(&[], seconds(1));
    assert_eq!(world.servers[0].heard(Kind::Inform).len(), 1);
    assert_eq!(world.servers[0].heard[0].1, Ipv4Addr::new(10, 0, 0, 99));
}

#[test]
fn a_file_of_somebody_else_stays_until_there_is_something_to_tell() {
    let mut world = World::new();
    let process = world.kernel.process();
    process.mkdir("/etc", Mode::new(0o755)).unwrap();
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT;
    let fd = process.open("/etc/resolv.conf", flags, Mode::new(0o644)).unwrap();
    process.write(fd, b"nameserver 1.1.1.1\n").unwrap();
    process.close(fd).unwrap();
    let client = world.start();
    world.run(&[&client], seconds(10));
    assert_eq!(client.phase(), Phase::Bound);
    assert_eq!(resolv_conf(&world.kernel).unwrap(), "nameserver 1.1.1.1\n");
    world.servers[0].set(code::NAME_SERVERS, &[10, 0, 0, 53]);
    world.run(&[&client], seconds(600));
    assert_eq!(resolv_conf(&world.kernel).unwrap(), "nameserver 10.0.0.53\n");
    assert!(world.host.monotonic() > seconds(600));
}
