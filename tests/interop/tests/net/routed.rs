//! IPv6 as a router of Linux tells of it, and ways that are narrower than the link.

use crate::namespace::Namespace;
use crate::site::{Site, THEIRS, Wiring, content};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use interop::{Check, context};
use rumpkit::kpi::TcpInfo;
use rumpkit::kpi::device::{AddressState, Gateway, RouteInfo};
use rumpkit::kpi::socket::OptionValue;
use rumpkit::net::{TcpListener, TcpStream};
use rumpkit::sockopt::{IPPROTO_TCP, TCP_INFO};
use std::io::{Read, Write};
use std::thread;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);
const LENGTH: usize = 1 << 20;
/// The router's address, in the network that it tells of.
const ROUTER: &str = "2001:db8:1::1";
/// The host behind the narrow way, and its router on that.
const FAR: [&str; 2] = ["198.51.100.2", "2001:db8:2::2"];
const NEAR: [&str; 2] = ["198.51.100.1", "2001:db8:2::1"];
/// Bytes of IP that the narrow way takes.
const NARROW: u32 = 1300;

const ADVERTISED: &str = "interface tap0 {
    AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvLinkMTU 1400;
    prefix 2001:db8:1::/64 { AdvOnLink on; AdvAutonomous on; AdvValidLifetime 600; AdvPreferredLifetime 300; };
};";

/// Linux as a router that advertises; we as a host that is told.
fn advertised_site() -> Check<(Site, std::process::Child, interop::image::Scratch)> {
    let site = Site::new(Wiring::plain())?;
    site.linux.run_ok("sh", &["-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"])?;
    site.linux.ip(&format!("addr add {ROUTER}/64 dev tap0 nodad"))?;
    let scratch = interop::image::Scratch::in_memory("radvd")?;
    let (configuration, pid) = (scratch.path("radvd.conf"), scratch.path("radvd.pid"));
    context(std::fs::write(&configuration, ADVERTISED), "radvd's configuration")?;
    let [configuration, pid] = [configuration, pid].map(|path| path.to_string_lossy().into_owned());
    let router = site.linux.spawn("radvd", &["-n", "-C", &configuration, "-p", &pid, "-m", "stderr"])?;
    Ok((site, router, scratch))
}

/// The address that we made of what was advertised.
fn own_address(site: &Site) -> Check<Ipv6Addr> {
    let domain = site.domain()?;
    let network = domain.network().ok_or("TCP/IP has no interfaces")?;
    let number = network.interfaces().iter().find(|interface| interface.name == "virt0").map(|it| it.number);
    let number = number.ok_or("no virt0")?;
    let patience = Instant::now() + PATIENCE;
    loop {
        for info in context(network.addresses(number), "addresses")? {
            if let (IpAddr::V6(address), AddressState::Preferred) = (info.address, info.state) {
                if address.segments()[..4] == [0x2001, 0xdb8, 1, 0] {
                    let limits = (info.preferred, info.valid);
                    let is_told =
                        |limit: Option<Duration>, most| limit.is_some_and(|left| left.as_secs() <= most);
                    if !is_told(limits.0, 300) || !is_told(limits.1, 600) {
                        return Err(format!("lifetimes of {limits:?}"));
                    }
                    return Ok(address);
                }
            }
        }
        if Instant::now() > patience {
            return Err("no address of what was advertised".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes to the other side and back, to the end.
fn echo(mut ours: TcpStream, mut theirs: std::net::TcpStream, seed: u32) -> Check {
    let bytes = content(seed, LENGTH);
    context(theirs.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    context(ours.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    let mut writer = context(ours.try_clone(), "dup")?;
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let sent = writer.write_all(&bytes).and_then(|()| writer.shutdown(std::net::Shutdown::Write));
            context(sent, "we write")
        });
        let echoing = scope.spawn(|| {
            let mut all = Vec::new();
            context(theirs.read_to_end(&mut all), "Linux reads")?;
            context(theirs.write_all(&all), "Linux writes")?;
            context(theirs.shutdown(std::net::Shutdown::Write), "Linux ends")
        });
        let mut back = Vec::new();
        let read = context(ours.read_to_end(&mut back), "we read");
        writing.join().unwrap()?;
        echoing.join().unwrap()?;
        read?;
        if back == bytes {
            Ok(())
        } else {
            Err(format!("{} bytes came back of {LENGTH}, or others", back.len()))
        }
    })
}

pub fn advertised() -> Check {
    let (site, mut router, _scratch) = advertised_site()?;
    let result = talk(&site);
    let _ = router.kill();
    let _ = router.wait();
    result?;
    site.finish()
}

fn talk(site: &Site) -> Check {
    let own = own_address(site)?;
    for size in [0, 1, 1200, 1352, 1353, 1452, 1453, 8000, 60_000] {
        let (size, own) = (size.to_string(), own.to_string());
        site.linux.run_ok("ping", &["-6", "-n", "-c", "1", "-W", "10", "-s", &size, &own])?;
    }
    // We to Linux, and Linux to us.
    let address: SocketAddr = format!("[{ROUTER}]:7100").parse().expect("an address");
    let listener = site.linux.enter(|| context(std::net::TcpListener::bind(address), "Linux's listener"))?;
    let ours = context(TcpStream::connect(&site.process, address), "connect")?;
    echo(ours, context(listener.accept(), "accept")?.0, 1)?;
    let address = SocketAddr::new(own.into(), 7101);
    let listener = context(TcpListener::bind(&site.process, address), "our listener")?;
    let theirs = site
        .linux
        .enter(|| context(std::net::TcpStream::connect_timeout(&address, PATIENCE), "Linux's connection"))?;
    echo(context(listener.accept(), "accept")?.0, theirs, 2)
}

/// Linux routes to a host behind a link that takes less than ours, and tells of it.
pub fn narrow() -> Check {
    let (site, mut router, _scratch) = advertised_site()?;
    let result = narrowed(&site);
    let _ = router.kill();
    let _ = router.wait();
    result?;
    site.finish()
}

fn narrowed(site: &Site) -> Check {
    let far = Namespace::new()?;
    let id = far.id();
    site.linux.run_ok("sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
    site.linux.ip(&format!("link add near type veth peer name far netns {id}"))?;
    for (namespace, link, addresses) in [(&site.linux, "near", NEAR), (&far, "far", FAR)] {
        namespace.ip(&format!("addr add {}/24 dev {link}", addresses[0]))?;
        namespace.ip(&format!("addr add {}/64 dev {link} nodad", addresses[1]))?;
        namespace.ip(&format!("link set {link} up"))?;
    }
    far.ip(&format!("route add default via {}", NEAR[0]))?;
    far.ip(&format!("-6 route add default via {}", NEAR[1]))?;
    // That side alone knows: the host behind it offers segments as long as ours.
    site.linux.ip(&format!("link set near mtu {NARROW}"))?;
    own_address(site)?;
    let domain = site.domain()?;
    let network = domain.network().ok_or("TCP/IP has no interfaces")?;
    let route = RouteInfo {
        destination: IpAddr::from([198, 51, 100, 0]),
        length: 24,
        gateway: Gateway::Router(THEIRS.into()),
        metric: 0,
    };
    context(network.add_route(&route), "a route")?;
    for (far_address, headers) in FAR.iter().zip([40, 60]) {
        let address = SocketAddr::new(far_address.parse().expect("an address"), 7200);
        let listener = far.enter(|| context(std::net::TcpListener::bind(address), "a listener"))?;
        let ours = context(TcpStream::connect(&site.process, address), "connect")?;
        let probe = context(ours.try_clone(), "dup")?;
        echo(ours, context(listener.accept(), "accept")?.0, headers)?;
        let segment = segment_of(&probe)?;
        if segment > NARROW - headers {
            return Err(format!("segments of {segment} bytes on the way to {address}"));
        }
    }
    Ok(())
}

/// The longest segment that a connection of ours sends.
fn segment_of(stream: &TcpStream) -> Check<u32> {
    let option = stream.process().getsockopt(stream.as_fd(), IPPROTO_TCP, TCP_INFO);
    match context(option, "TCP_INFO")? {
        OptionValue::Bytes(bytes) => Ok(TcpInfo::from_bytes(&bytes).ok_or("a short TCP_INFO")?.snd_mss),
        other => Err(format!("TCP_INFO is {other:?}")),
    }
}
