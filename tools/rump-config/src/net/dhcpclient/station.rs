//! The client at work: what comes, what is sent, and what becomes of the interface.

use super::{Args, at};
use crate::session::{Failure, of};
use rump_cli::bell::{Bell, Waited};
use rump_client::RemoteProcess;
use rump_client::abi::{Errno, MessageFlags, PollEvents};
use rump_client::kern::{Fd, SendMessage};
use rump_client::kpi::device::{Gateway, InterfaceInfo, RouteInfo};
use rump_client::kpi::socket::Control;
use rump_client::kpi::{KError, KResult};
use rump_client::network::{Ask, RemoteNetwork, Way};
use rump_netconfig::dhcp::{METRIC, wanted_routes};
use rumpnet_dhcp::{Action, Client, Lease, SERVER_PORT};
use serde_json::json;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The longest message that is read.
const MOST_BYTES: usize = 4096;
/// A wait that does not end.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// The client, and what it works on.
pub struct Station<'a> {
    args: &'a Args,
    network: RemoteNetwork,
    info: InterfaceInfo,
    client: Client,
    fd: Fd,
    began: Instant,
    applied: Option<Lease>,
    had_one: bool,
}

impl<'a> Station<'a> {
    /// A client of an interface, which speaks through a socket.
    pub fn new(args: &'a Args, network: RemoteNetwork, info: InterfaceInfo, client: Client, fd: Fd) -> Self {
        Self { args, network, info, client, fd, began: Instant::now(), applied: None, had_one: false }
    }
}

impl Station<'_> {
    /// Until there is a lease, or as long as it is to stay.
    pub fn live(&mut self, bell: &Bell<RemoteProcess>, out: &mut dyn Write) -> Result<(), Failure> {
        let name = self.args.interface.clone();
        loop {
            self.client.poll(self.began.elapsed());
            self.act(out)?;
            if self.had_one && !self.args.stay {
                return Ok(());
            }
            let now = self.began.elapsed();
            if !self.had_one && now >= self.args.timeout {
                let patience = self.args.timeout.as_secs_f64();
                return Err(Failure::Other(format!(
                    "{name}: no server of DHCP gave an address in {patience} s"
                )));
            }
            let due = self.client.next_deadline().unwrap_or(FOREVER);
            let due = if self.had_one { due } else { due.min(self.args.timeout) };
            let left = due.saturating_sub(now).min(FOREVER);
            match bell.wait(self.fd, PollEvents::IN, Some(left)).map_err(of(&name))? {
                Waited::Rung => {
                    self.client.release();
                    self.act(out)?;
                    return if self.had_one { Ok(()) } else { Err(Failure::Silent) };
                }
                Waited::Ready => self.receive().map_err(of(&name))?,
                Waited::TimedOut => {}
            }
        }
    }

    fn receive(&mut self) -> KResult<()> {
        let mut buffer = vec![0; MOST_BYTES];
        let process = self.network.process();
        let received = match process.recvmsg(self.fd, &mut [&mut buffer], 0, MessageFlags::DONTWAIT) {
            Ok(received) => received,
            Err(error) if error.errno == Errno::EAGAIN => return Ok(()),
            Err(error) => return Err(error),
        };
        let number = self.info.number;
        let is_ours = |control: &Control| matches!(control, Control::PacketInfo { interface, .. } if *interface == number);
        if received.control.iter().any(is_ours) && !received.flags.contains(MessageFlags::TRUNC) {
            self.client.receive(self.began.elapsed(), &buffer[..received.length]);
        }
        Ok(())
    }

    fn act(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        loop {
            let actions = self.client.take_actions();
            if actions.is_empty() {
                return Ok(());
            }
            for action in actions {
                self.act_one(action, out)?;
            }
        }
    }

    fn act_one(&mut self, action: Action, out: &mut dyn Write) -> Result<(), Failure> {
        let name = &self.args.interface;
        match action {
            Action::Send { from, to, message } => {
                let control = [Control::PacketInfo { to: from.into(), interface: self.info.number }];
                let to = at(to, SERVER_PORT);
                let parts = [&message[..]];
                let message =
                    SendMessage { parts: &parts, to: Some(&to), control: &control, ..SendMessage::default() };
                // What cannot be sent now is sent again later, as if it had been lost.
                let _ = self.network.process().sendmsg(self.fd, &message, MessageFlags::DONTWAIT);
            }
            Action::Claim(lease) => {
                match self.network.add_address(name, lease.address.into(), lease.prefix_length()) {
                    Ok(()) => self.client.claimed(),
                    // It was left there.
                    Err(error) if error.errno == Errno::EEXIST => self.client.claimed(),
                    Err(error) if error.errno == Errno::EADDRNOTAVAIL => {
                        self.client.conflicted(self.began.elapsed());
                    }
                    Err(error) => return Err(of(name)(error)),
                }
            }
            Action::Apply(lease) => {
                self.apply(&lease).map_err(of(name))?;
                self.show("bound", &lease, out)?;
                (self.applied, self.had_one) = (Some(lease), true);
            }
            Action::Withdraw(lease) => {
                if let Some(applied) = self.applied.take() {
                    self.withdraw(&applied);
                    self.show("expired", &applied, out)?;
                }
                // Somebody else may have done so.
                let _ = self.network.remove_address(name, lease.address.into());
            }
            Action::Forget | Action::Inform(_) | Action::Tell(_) => {}
        }
        Ok(())
    }

    fn routes(&self, lease: &Lease) -> Vec<RouteInfo> {
        wanted_routes(lease, self.info.number, METRIC + self.info.number)
    }

    fn change(&self, ask: Ask, route: &RouteInfo) -> KResult<()> {
        let way = match route.gateway {
            Gateway::Router(router) => Way::Router(router),
            _ => Way::Interface(self.info.number),
        };
        let prefix = (route.destination, route.length);
        self.network.change_route(ask, prefix, Some(&way), 0, self.info.number, route.metric)
    }

    /// Brings what a lease says and what the one before did not, and takes away what is no longer said.
    fn apply(&self, lease: &Lease) -> KResult<()> {
        let before = self.applied.as_ref().map(|before| self.routes(before)).unwrap_or_default();
        let wanted = self.routes(lease);
        for route in before.iter().filter(|route| !wanted.contains(route)) {
            // Somebody else may have done so.
            let _ = self.change(Ask::Delete, route);
        }
        for route in wanted.iter().filter(|route| !before.contains(route)) {
            match self.change(Ask::Add, route) {
                Err(error) if !is_left_out(&error) => return Err(error),
                _ => {}
            }
        }
        match lease.information.mtu {
            Some(mtu) if u32::from(mtu) != self.info.device.mtu => {
                match self.network.set_mtu(&self.args.interface, mtu.into()) {
                    // More than the device takes.
                    Err(error) if error.errno == Errno::EINVAL => Ok(()),
                    done => done,
                }
            }
            _ => Ok(()),
        }
    }

    fn withdraw(&self, lease: &Lease) {
        for route in self.routes(lease).iter().rev() {
            // Somebody else may have done so.
            let _ = self.change(Ask::Delete, route);
        }
        if lease.information.mtu.is_some() {
            let _ = self.network.set_mtu(&self.args.interface, self.info.device.mtu);
        }
    }

    fn show(&self, event: &str, lease: &Lease, out: &mut dyn Write) -> io::Result<()> {
        let Lease { address, server, begins, ends, information, .. } = lease;
        let (name, length) = (&self.args.interface, lease.prefix_length());
        let seconds = ends.map(|ends| ends.saturating_sub(*begins).as_secs());
        let routers = information.routes.iter().filter_map(|route| {
            route.router.map(|router| format!("{}/{} by {router}", route.destination, route.length))
        });
        let (routers, domains): (Vec<String>, _) = (routers.collect(), information.search_domains());
        if self.args.json {
            let servers: Vec<String> = information.name_servers.iter().map(Ipv4Addr::to_string).collect();
            let record = json!({"event": event, "interface": name, "address": address.to_string(),
                "prefix_length": length, "server": server.to_string(), "seconds": seconds, "routes": routers,
                "name_servers": servers, "domains": domains, "mtu": information.mtu});
            writeln!(out, "{record}")?;
        } else {
            let time = seconds.map_or_else(|| "ever".into(), |seconds| format!("{seconds} s"));
            writeln!(out, "{name}: {event} {address}/{length} of {server} for {time}")?;
            routers.iter().try_for_each(|route| writeln!(out, "{name}: route {route}"))?;
            information
                .name_servers
                .iter()
                .try_for_each(|server| writeln!(out, "{name}: name server {server}"))?;
            domains.iter().try_for_each(|domain| {
                writeln!(out, "{name}: domain {}", rump_cli::escape::escaped(domain.as_bytes()))
            })?;
        }
        out.flush()
    }
}

/// What somebody else has is his, and a router on no link is of no use.
fn is_left_out(error: &KError) -> bool {
    matches!(error.errno, Errno::EEXIST | Errno::ENETUNREACH)
}
