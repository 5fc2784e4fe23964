//! `rump.sockstat`, as sockstat(1) of NetBSD. The kernel does not tell whose a socket is: where NetBSD has user, command,
//! process and descriptor, there is a question mark, as it has where it does not know.

use super::network;
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::netstat::{address, protocol};
use rump_client::abi::TcpState;
use rump_client::kpi::device::{SocketInfo, SocketProtocol};
use serde_json::json;
use std::io::{self, Write};

/// Arguments of `rump.sockstat`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.sockstat -4l
Whose a socket is the kernel does not tell: there is a question mark.
Records of --json: protocol, local, remote, state.")]
pub struct Args {
    /// Of IPv4
    #[arg(short = '4')]
    v4: bool,
    /// Of IPv6
    #[arg(short = '6')]
    v6: bool,
    /// Connected ones
    #[arg(short = 'c')]
    connected: bool,
    /// Those that listen
    #[arg(short = 'l')]
    listening: bool,
    /// Numbers in place of names, as it is in any case
    #[arg(short = 'n')]
    numeric: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let mut all = network(session)?.sockets().map_err(of("the sockets"))?;
        all.retain(|info| self.has(info));
        Ok(self.show(&all, out)?)
    }
}

impl Args {
    fn has(&self, info: &SocketInfo) -> bool {
        let is_v4 = info.local.is_ipv4();
        let is_of_version = self.v4 == self.v6 || if is_v4 { self.v4 } else { self.v6 };
        let listens = match info.protocol {
            SocketProtocol::Tcp(state) => state == TcpState::Listen,
            SocketProtocol::Udp | SocketProtocol::Raw(_) => info.remote.is_none(),
        };
        let is_of_kind = self.connected == self.listening
            || (self.connected && info.remote.is_some())
            || (self.listening && listens);
        is_of_version && is_of_kind
    }

    fn show(&self, all: &[SocketInfo], out: &mut dyn Write) -> io::Result<()> {
        if !self.json {
            writeln!(
                out,
                "{:<8} {:<10} {:<5} {:<3} {:<6} {:<28} FOREIGN ADDRESS",
                "USER", "COMMAND", "PID", "FD", "PROTO", "LOCAL ADDRESS"
            )?;
        }
        for info in all {
            let (protocol, state) = protocol(info);
            let (local, remote) = (address(info.local), info.remote.map(address));
            if self.json {
                let record = json!({"protocol": protocol, "local": local, "remote": remote, "state": state});
                writeln!(out, "{record}")?;
                continue;
            }
            let remote = remote.unwrap_or_else(|| "*.*".into());
            let line =
                format!("{:<8} {:<10} {:<5} {:<3} {protocol:<6} {local:<28} {remote}", "?", "?", "?", "?");
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}
