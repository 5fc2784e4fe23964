//! `rump.dhcpclient`: an address for an interface of the server's kernel, by DHCP.
//!
//! The client is here: it speaks through a socket of the kernel, and configures the interface by requests. What it configured
//! stays when it ends, as long as nobody takes it away; nobody renews the lease then, unless it is told to stay.

mod station;

use super::{network, seconds, signals};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_client::RemoteProcess;
use rump_client::abi::sockopt::{IP_RECVPKTINFO, IPPROTO_IP, SO_BROADCAST, SO_REUSEPORT, SOL_SOCKET};
use rump_client::abi::{AddressFamily, OpenFlags, SocketAddress, SocketType};
use rump_client::kern::Fd;
use rump_client::kpi::KResult;
use rump_client::kpi::device::Medium;
use rump_client::kpi::socket::OptionValue;
use rumpnet_dhcp::{CLIENT_PORT, Client, ClientIdentifier, Config};
use station::Station;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// Arguments of `rump.dhcpclient`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.dhcpclient shmif0
  rump.dhcpclient --stay --json shmif0 &
The interface goes up, and gets address, routes and MTU of the lease. Name servers are shown, but written nowhere.
The server is believed: others are not asked whether they have the address. Without --stay, nobody renews the lease; with it,
a signal ends the client, which gives the lease back.
Records of --json: event (bound or expired), interface, address, prefix_length, server, seconds, routes, name_servers,
domains, mtu.
Exit status: 0 there was a lease, 1 there was none in time, or an error, 2 usage.")]
pub struct Args {
    /// Ask for this address first
    #[arg(short = 'r', long = "request", value_name = "ADDRESS")]
    request: Option<Ipv4Addr>,
    /// What the host wants to be called
    #[arg(short = 'h', long = "hostname", value_name = "NAME")]
    host_name: Option<String>,
    /// Renew the lease, until a signal comes
    #[arg(long)]
    stay: bool,
    /// Seconds to wait for a first lease
    #[arg(short = 't', long = "timeout", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// The interface
    interface: String,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let name = &self.interface;
        let network = network(session)?;
        let all = super::links(&network)?;
        let found = all.into_iter().find(|info| info.name == *name);
        let info = found.ok_or_else(|| Failure::Other(format!("{name}: there is no such interface")))?;
        let Medium::Ethernet { address } = info.device.medium else {
            return Err(Failure::Other(format!("{name}: DHCP is for interfaces of Ethernet")));
        };
        network.set_up(name, true).map_err(of(name))?;
        let mut config = Config::new(address, ClientIdentifier::host(info.number, address));
        (config.host_name, config.remembered) = (self.host_name.clone(), self.request);
        let mut seed = [0; 8];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| Failure::Other(format!("random numbers: {error}")))?;
        let fd = socket(network.process()).map_err(of(format!("{name}: port {CLIENT_PORT}")))?;
        let bell = signals::bell(network.process())?;
        let client = Client::new(config, u64::from_le_bytes(seed));
        Station::new(self, network, info, client, fd).live(&bell, out)
    }
}

/// A socket that many may have.
fn socket(process: &RemoteProcess) -> KResult<Fd> {
    let flags = OpenFlags::NONBLOCK | OpenFlags::CLOEXEC;
    let fd = process.socket(AddressFamily::Inet, SocketType::Datagram, 0, flags)?;
    for (level, name) in
        [(SOL_SOCKET, SO_REUSEPORT), (SOL_SOCKET, SO_BROADCAST), (IPPROTO_IP, IP_RECVPKTINFO)]
    {
        process.setsockopt(fd, level, name, &OptionValue::Number(1))?;
    }
    process.bind(fd, &at(Ipv4Addr::UNSPECIFIED, CLIENT_PORT))?;
    Ok(fd)
}

fn at(address: Ipv4Addr, port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(address, port))
}
