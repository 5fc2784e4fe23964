//! The tools: their names, their command lines, and what they do.

use crate::session::{Failure, Session};
use crate::{files, net, sysctl};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use rump_cli::server::KeyArgs;
use std::io::Write;

/// What a command line says, and what it does.
pub trait Run: Args {
    /// Does it, and writes what it prints. Errors: why it could not at all.
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure>;
}

/// A tool.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// That of its link.
    pub link: &'static str,
    about: &'static str,
    augment: fn(Command) -> Command,
    /// Does what a command line says.
    pub run: fn(&ArgMatches, &mut Session, &mut dyn Write) -> Result<(), Failure>,
}

/// The option that says where the server is.
const SERVER: &str = "server";

impl Tool {
    const fn new<T: Run>(name: &'static str, link: &'static str, about: &'static str) -> Self {
        Self { name, link, about, augment: T::augment_args, run: run::<T> }
    }

    /// Its command line, by a name.
    pub fn command(&self, name: &'static str) -> Command {
        let help = Arg::new("help").long("help").help("Print help").action(ArgAction::Help);
        let server = Arg::new(SERVER)
            .long(SERVER)
            .value_name("URL")
            .env("RUMP_SERVER")
            .hide_env_values(true)
            .help("Where the server is: unix://PATH, tcp://ADDRESS:PORT or tcp6://ADDRESS:PORT");
        let command = (self.augment)(Command::new(name)).name(name);
        KeyArgs::augment_args(command.disable_help_flag(true).arg(server))
            .arg(help)
            .version(env!("CARGO_PKG_VERSION"))
            .disable_version_flag(true)
            .about(self.about)
            .long_about(None)
    }
}

fn run<T: Run>(matches: &ArgMatches, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
    let wrong = |error: clap::Error| Failure::Usage(error.to_string());
    session.set_server(
        matches.get_one::<String>(SERVER).cloned(),
        KeyArgs::from_arg_matches(matches).map_err(wrong)?,
    );
    T::from_arg_matches(matches).map_err(wrong)?.run(session, out)
}

/// A tool by its name.
macro_rules! tool {
    ($name:literal, $args:ty, $about:literal) => {
        Tool::new::<$args>($name, concat!("rump.", $name), $about)
    };
}

/// All of them.
pub const TOOLS: &[Tool] = &[
    tool!("arp", net::arp::Args, "Show and change who has which hardware address"),
    tool!("brconfig", net::brconfig::Args, "Show and configure bridges"),
    tool!("cat", files::cat::Args, "Write files to standard output"),
    tool!("df", files::df::Args, "Show the size and free space of file systems"),
    tool!("dhcpclient", net::dhcpclient::Args, "Get an address for an interface by DHCP"),
    tool!("ifconfig", net::ifconfig::Args, "Show and configure interfaces"),
    tool!("ls", files::ls::Args, "List directories"),
    tool!("mkdir", files::mkdir::Args, "Make directories"),
    tool!("mount", files::mount::Args, "Mount file systems, and show what is mounted"),
    tool!("ndp", net::ndp::Args, "Show and change who has which hardware address, of IPv6"),
    tool!("netstat", net::netstat::Args, "Show sockets, interfaces and routes"),
    tool!("npfctl", net::npfctl::Args, "Control a packet filter, which rump kernels have not"),
    tool!("ping", net::ping::Args, "Ask a host whether it is there"),
    tool!("ping6", net::ping::Args6, "Ask a host whether it is there, over IPv6"),
    tool!("route", net::route::Args, "Show and change routes"),
    tool!("sockstat", net::sockstat::Args, "List sockets"),
    tool!("sysctl", sysctl::Args, "Show and change what the kernel is set to"),
    tool!("traceroute", net::traceroute::Args, "Show the routers on the way to a host"),
    tool!("umount", files::umount::Args, "Unmount file systems"),
];
