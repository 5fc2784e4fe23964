//! `rump.sockstat`, as sockstat(1) of NetBSD: sockets, and which processes have them. Users are shown by their numbers.

use super::network;
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::escape::escaped;
use rump_cli::netstat::{address, protocol};
use rump_client::abi::netbsd::process::{DTYPE_SOCKET, KinfoProc2};
use rump_client::abi::netbsd::statvfs::name_in;
use rump_client::abi::{SocketType, TcpState};
use rump_client::kpi::KResult;
use rump_client::kpi::device::{SocketInfo, SocketProtocol};
use rump_client::network::{LocalSocket, RemoteNetwork};
use serde_json::json;
use std::collections::HashMap;
use std::io::{self, Write};

/// Arguments of `rump.sockstat`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rump.sockstat -4l\n  rump.sockstat -p 22,8000-8080
Where a socket is nobody's any more, there are question marks.
Records of --json: protocol, local, remote, state, and uid, command, pid, fd, which are null where it is nobody's; one for each
descriptor.")]
pub struct Args {
    /// Of IPv4
    #[arg(short = '4')]
    v4: bool,
    /// Of IPv6
    #[arg(short = '6')]
    v6: bool,
    /// Of AF_LOCAL
    #[arg(short = 'u')]
    local: bool,
    /// Connected ones
    #[arg(short = 'c')]
    connected: bool,
    /// Those that listen
    #[arg(short = 'l')]
    listening: bool,
    /// Numbers in place of names, as it is in any case
    #[arg(short = 'n')]
    numeric: bool,
    /// Of IP, with one of these ports at either side
    #[arg(short = 'p', value_name = "PORT[-PORT]", value_delimiter = ',', value_parser = ports)]
    ports: Vec<(u16, u16)>,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// A socket, as it is shown.
struct Row {
    pcb: u64,
    protocol: String,
    local: String,
    remote: Option<String>,
    /// What stands where there is no other side.
    nobody: &'static str,
    state: Option<&'static str>,
}

/// Who has a descriptor of a socket.
struct Holder {
    uid: u32,
    command: String,
    pid: u32,
    fd: i32,
}

/// Those of each socket.
type Holders = HashMap<u64, Vec<Holder>>;

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let network = network(session)?;
        let all = self.rows(&network).map_err(of("the sockets"))?;
        let holders = holders(&network).map_err(of("the processes"))?;
        Ok(self.show(&all, &holders, out)?)
    }
}

/// A port, or the first and the last of some.
fn ports(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{text:?} is neither a port nor a range of ports")),
    }
}

/// Errors: those of sysctl(3).
fn holders(network: &RemoteNetwork) -> KResult<Holders> {
    let processes = network.process().processes()?;
    let by_pid: HashMap<u32, &KinfoProc2> = processes.iter().map(|one| (one.pid as u32, one)).collect();
    let mut holders = Holders::new();
    for file in network.process().open_files()?.iter().filter(|file| file.kind == DTYPE_SOCKET) {
        // It may have ended meanwhile.
        let Some(process) = by_pid.get(&file.pid) else { continue };
        let command = escaped(name_in(&process.name));
        let holder = Holder { uid: process.uid, command, pid: file.pid, fd: file.fd };
        holders.entry(file.data).or_default().push(holder);
    }
    Ok(holders)
}

impl Args {
    /// Errors: EIO, those of sysctl(3).
    fn rows(&self, network: &RemoteNetwork) -> KResult<Vec<Row>> {
        let is_any = !self.v4 && !self.v6 && !self.local;
        let mut all = Vec::new();
        if is_any || self.v4 || self.v6 {
            let sockets = network.sockets()?;
            let is_of_version =
                |info: &&SocketInfo| is_any || if info.local.is_ipv4() { self.v4 } else { self.v6 };
            let shown = sockets.iter().filter(is_of_version).filter(|info| self.has(info));
            all.extend(shown.map(Row::of_ip));
        }
        // None of those has a port.
        if (is_any || self.local) && self.ports.is_empty() {
            let sockets = network.local_sockets()?;
            let is_of_kind = |socket: &&LocalSocket| {
                self.is_of_kind(socket.remote.is_some(), socket.remote.is_none() && !socket.local.is_empty())
            };
            all.extend(sockets.iter().filter(is_of_kind).map(Row::of_local));
        }
        Ok(all)
    }

    fn has(&self, info: &SocketInfo) -> bool {
        let listens = match info.protocol {
            SocketProtocol::Tcp(state) => state == TcpState::Listen,
            SocketProtocol::Udp | SocketProtocol::Raw(_) => info.remote.is_none(),
        };
        let is_one = |port: u16| self.ports.iter().any(|(first, last)| (*first..=*last).contains(&port));
        let has_port = self.ports.is_empty()
            || is_one(info.local.port())
            || info.remote.is_some_and(|remote| is_one(remote.port()));
        has_port && self.is_of_kind(info.remote.is_some(), listens)
    }

    fn is_of_kind(&self, is_connected: bool, listens: bool) -> bool {
        self.connected == self.listening || (self.connected && is_connected) || (self.listening && listens)
    }

    fn show(&self, all: &[Row], holders: &Holders, out: &mut dyn Write) -> io::Result<()> {
        if !self.json {
            let heads = ["USER", "COMMAND", "PID", "FD", "PROTO", "LOCAL ADDRESS", "FOREIGN ADDRESS"];
            line(heads, out)?;
        }
        for row in all {
            let of_row = holders.get(&row.pcb).map_or(&[][..], Vec::as_slice);
            if of_row.is_empty() {
                self.show_one(row, None, out)?;
            }
            of_row.iter().try_for_each(|holder| self.show_one(row, Some(holder), out))?;
        }
        Ok(())
    }

    fn show_one(&self, row: &Row, holder: Option<&Holder>, out: &mut dyn Write) -> io::Result<()> {
        let Row { protocol, local, remote, state, nobody, .. } = row;
        if self.json {
            let record = json!({"protocol": protocol, "local": local, "remote": remote, "state": state,
                "uid": holder.map(|one| one.uid), "command": holder.map(|one| &one.command),
                "pid": holder.map(|one| one.pid), "fd": holder.map(|one| one.fd)});
            return writeln!(out, "{record}");
        }
        let [uid, command, pid, fd] = match holder {
            Some(one) => [one.uid.to_string(), one.command.clone(), one.pid.to_string(), one.fd.to_string()],
            None => [(); 4].map(|()| "?".to_owned()),
        };
        let remote = remote.as_deref().unwrap_or(nobody);
        line([&uid, &command, &pid, &fd, protocol, local, remote], out)
    }
}

fn line(words: [&str; 7], out: &mut dyn Write) -> io::Result<()> {
    let [user, command, pid, fd, protocol, local, remote] = words;
    writeln!(out, "{user:<8} {command:<10} {pid:<5} {fd:<3} {protocol:<6} {local:<28} {remote}")
}

impl Row {
    fn of_ip(info: &SocketInfo) -> Self {
        let (protocol, state) = protocol(info);
        let remote = info.remote.map(address);
        Self { pcb: info.pcb, protocol, local: address(info.local), remote, nobody: "*.*", state }
    }

    fn of_local(socket: &LocalSocket) -> Self {
        let protocol = match socket.kind {
            SocketType::Datagram => "dgram",
            SocketType::SeqPacket => "seqpac",
            SocketType::Stream | SocketType::Raw => "stream",
        };
        let shown = |path: &[u8]| if path.is_empty() { "-".to_owned() } else { escaped(path) };
        Self {
            pcb: socket.pcb,
            protocol: protocol.into(),
            local: shown(&socket.local),
            remote: socket.remote.as_deref().map(shown),
            nobody: "-",
            state: None,
        }
    }
}
