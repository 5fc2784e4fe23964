//! What of the builder tests use as well: the documentation in the headers, files, and names of tools.
#![forbid(unsafe_code)]

pub mod file;
pub mod manual;

/// The program that configures the kernel of a server.
pub const CONFIG_PROGRAM: &str = "rump-config";
/// Its other names, by which it is a tool each.
pub const CONFIG_TOOLS: &[&str] = &[
    "rump.arp",
    "rump.brconfig",
    "rump.cat",
    "rump.df",
    "rump.dhcpclient",
    "rump.ifconfig",
    "rump.ls",
    "rump.mkdir",
    "rump.mount",
    "rump.ndp",
    "rump.netstat",
    "rump.npfctl",
    "rump.ping",
    "rump.ping6",
    "rump.route",
    "rump.sockstat",
    "rump.sysctl",
    "rump.traceroute",
    "rump.umount",
];

/// What a command answers: nothing, or what went wrong.
pub type Outcome<T = ()> = Result<T, String>;
