//! A kernel with interfaces, for the time of a command.

use super::capture::{CaptureArgs, Captured};
use super::link::{self, apply, boot};
use crate::session::Failure;
use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, ValueHint, value_parser};
use rumpkit::net::InterfaceAddress;
use rumpkit::net::config::{Applied, Config, Dhcp, InterfaceConfig, RouteConfig, Way};
use rumpkit::{Kernel, PosixHost, Process};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long addresses are waited for that a server gives.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The options that describe a station. Those of addresses and routes belong to the last `--if` before them, or to the
/// only one there is.
pub struct StationArgs {
    config: Option<PathBuf>,
    interfaces: Vec<InterfaceArgs>,
    capture: CaptureArgs,
}

/// An interface.
#[derive(Default)]
struct InterfaceArgs {
    link: OsString,
    addresses: Vec<InterfaceAddress>,
    gateways: Vec<IpAddr>,
    asks: bool,
}

impl InterfaceArgs {
    /// Whether nobody can talk to it.
    fn is_mute(&self) -> bool {
        self.addresses.is_empty() && !self.asks
    }
}

/// The link that is none: the sockets of the host.
pub const SOCKIN: &str = "sockin";

impl clap::Args for StationArgs {
    fn augment_args(command: Command) -> Command {
        let link = Arg::new("if")
            .long("if")
            .value_name("LINK")
            .value_parser(value_parser!(OsString))
            .value_hint(ValueHint::Other)
            .action(ArgAction::Append)
            .required_unless_present("config")
            .help("Where an interface is: shmif:PATH, tap:NAME, stream:unix:PATH and others, which 'rump net --help' lists; may be repeated. What follows belongs to it");
        let address = Arg::new("address")
            .long("address")
            .visible_alias("addr")
            .value_name("ADDRESS/LENGTH")
            .value_parser(value_parser!(InterfaceAddress))
            .action(ArgAction::Append)
            .help("An address of our own, with the length of its network's prefix; may be repeated");
        let gateway = Arg::new("gateway")
            .long("gateway")
            .value_name("ADDRESS")
            .value_parser(value_parser!(IpAddr))
            .action(ArgAction::Append)
            .help("The router for everything that is not on a link");
        let dhcp = Arg::new("dhcp")
            .long("dhcp")
            .num_args(0)
            .default_missing_value("yes")
            .action(ArgAction::Append)
            .help("Get an address, routes and name servers by DHCP; the server is believed that nobody has the address");
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help("A file in TOML that describes interfaces, routes and settings");
        CaptureArgs::augment_args(command.args([link, address, gateway, dhcp, config]))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StationArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let links = placed::<OsString>(matches, "if");
        let places: Vec<usize> = links.iter().map(|(at, _)| *at).collect();
        let mut interfaces: Vec<InterfaceArgs> =
            links.into_iter().map(|(_, link)| InterfaceArgs { link, ..InterfaceArgs::default() }).collect();
        // With a single interface there is no doubt which one is meant.
        let owner = |at: usize| match places.len() {
            1 => Some(0),
            _ => places.iter().rposition(|place| *place < at),
        };
        let lost = |name: &str| {
            let text = format!("--{name} belongs to an --if before it\n");
            Error::raw(clap::error::ErrorKind::MissingRequiredArgument, text)
        };
        for (at, address) in placed(matches, "address") {
            interfaces[owner(at).ok_or_else(|| lost("address"))?].addresses.push(address);
        }
        for (at, gateway) in placed(matches, "gateway") {
            interfaces[owner(at).ok_or_else(|| lost("gateway"))?].gateways.push(gateway);
        }
        for (at, _) in placed::<String>(matches, "dhcp") {
            interfaces[owner(at).ok_or_else(|| lost("dhcp"))?].asks = true;
        }
        let config = matches.get_one::<PathBuf>("config").cloned();
        Ok(Self { config, interfaces, capture: CaptureArgs::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The values of an option, and where on the command line each is.
fn placed<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Vec<(usize, T)> {
    let places = matches.indices_of(name).into_iter().flatten();
    places.zip(matches.get_many::<T>(name).into_iter().flatten().cloned()).collect()
}

/// See the module.
pub struct Station {
    process: Process,
    is_on_host: bool,
    /// Clients of DHCP, as long as it is there.
    applied: Option<Applied>,
    /// As long as anything can pass.
    _captured: Option<Captured>,
    kernel: Kernel,
}

impl StationArgs {
    /// Boots one that can talk to others. Errors: usage, those of the device, addresses that cannot be ours, a gateway on
    /// no link.
    pub fn boot(&self, host: &Arc<PosixHost>) -> Result<Station, Failure> {
        let is_mute = |interface: &InterfaceArgs| interface.is_mute() && interface.link != SOCKIN;
        if self.config.is_none() && self.interfaces.iter().all(is_mute) {
            return Err(Failure::Usage("--address, --dhcp or --config is missing".into()));
        }
        self.boot_silent(host)
    }

    /// Boots one that may have no address. Errors: as above.
    pub fn boot_silent(&self, host: &Arc<PosixHost>) -> Result<Station, Failure> {
        if self.interfaces.iter().any(|interface| interface.link == SOCKIN) {
            return self.boot_on_host(host);
        }
        let config = self.config()?;
        let kernel = boot(host)?;
        let mut captured = self.capture.begin(host)?;
        let applied = Some(apply(&config, &kernel, &mut captured)?);
        let (process, _captured) = (kernel.process(), Some(captured));
        Ok(Station { process, is_on_host: false, applied, _captured, kernel })
    }

    fn boot_on_host(&self, host: &Arc<PosixHost>) -> Result<Station, Failure> {
        let is_alone = match &self.interfaces[..] {
            [only] => self.config.is_none() && only.is_mute() && only.gateways.is_empty(),
            _ => false,
        };
        if !is_alone || self.capture.is_wanted() {
            let text = format!("--if {SOCKIN}: interfaces, addresses, routes and packets are the host's");
            return Err(Failure::Usage(text));
        }
        let kernel = rumpkit::kernel_with_sockin(host.clone());
        let kernel = kernel.map_err(|error| Failure::Network(format!("boot: {error}")))?;
        let process = kernel.process();
        Ok(Station { process, is_on_host: true, applied: None, _captured: None, kernel })
    }

    fn config(&self) -> Result<Config, Failure> {
        let mut config = match &self.config {
            Some(path) => Config::from_file(path).map_err(|error| Failure::Network(error.to_string()))?,
            None => Config::default(),
        };
        for (args, number) in self.interfaces.iter().zip(0..) {
            config.interfaces.push(InterfaceConfig {
                link: Some(link::parse(&args.link)?),
                addresses: args.addresses.clone(),
                dhcp: if args.asks { Dhcp::Trusting } else { Dhcp::Off },
                ..InterfaceConfig::new(format!("if{number}"))
            });
            // The first one counts, and others are there as well.
            config.routes.extend(args.gateways.iter().map(|router| default_route(*router, number)));
        }
        Ok(config)
    }
}

fn default_route(router: IpAddr, metric: u32) -> RouteConfig {
    let address = match router {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let destination = InterfaceAddress { address, prefix_length: 0 };
    RouteConfig { destination, way: Way::Router(router), metric }
}

impl Station {
    /// A process of it, the superuser.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Lets captures come that links replay, now that who wants their frames listens.
    pub fn begin(&self) {
        if let Some(applied) = &self.applied {
            applied.begin();
        }
    }

    /// Whether its sockets are the host's.
    pub fn is_on_host(&self) -> bool {
        self.is_on_host
    }

    /// One on a wire in memory.
    #[cfg(test)]
    pub fn on(wire: &rumpkit::net::wire::Wire, address: &str) -> Self {
        Self::with(wire.end(), address)
    }

    /// One with a device.
    #[cfg(test)]
    pub fn with(device: Arc<dyn rumpkit::kpi::device::NetworkDevice>, address: &str) -> Self {
        let kernel = rumpkit::kernel(PosixHost::new()).unwrap();
        let interface = rumpkit::net::Interface::attach(&kernel, "if0", device).unwrap();
        interface.up().unwrap();
        interface.add_address(address.parse().unwrap()).unwrap();
        let process = kernel.process();
        Self { process, is_on_host: false, applied: None, _captured: None, kernel }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<StationArgs, String> {
        let command = <StationArgs as clap::Args>::augment_args(Command::new("net").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split(' ')).map_err(|error| error.to_string())?;
        StationArgs::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn options_belong_to_the_interface_before_them() {
        let args = parse(
            "--if tap:a --address 10.0.0.1/24 --addr fd00::1/64 --gateway 10.0.0.9 --if shmif:b --dhcp --if tap:c",
        );
        let config = args.unwrap().config().ok().unwrap();
        let [first, second, third] = &config.interfaces[..] else { panic!() };
        assert_eq!((first.name.as_str(), first.addresses.len(), first.dhcp), ("if0", 2, Dhcp::Off));
        assert_eq!((second.name.as_str(), second.addresses.len(), second.dhcp), ("if1", 0, Dhcp::Trusting));
        assert_eq!((third.name.as_str(), third.addresses.len(), third.dhcp), ("if2", 0, Dhcp::Off));
        assert_eq!(config.routes, [default_route("10.0.0.9".parse().unwrap(), 0)]);
        // There is one only.
        let config = parse("--gateway fd00::9 --dhcp --if tap:a").unwrap().config().ok().unwrap();
        assert_eq!(config.interfaces[0].dhcp, Dhcp::Trusting);
        assert_eq!(config.routes[0].destination.to_string(), "::/0");
        for (line, expected) in [
            ("--address 10.0.0.1/24 --if tap:a --if tap:b", "--address belongs to an --if before it"),
            ("--config x --dhcp", "--dhcp belongs to an --if before it"),
            ("--address 10.0.0.1/24", "--if <LINK>"),
        ] {
            let error = parse(line).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
