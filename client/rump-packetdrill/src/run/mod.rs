//! Runs a script against a kernel of its own, in virtual time and in one thread.
//!
//! Time passes only where the script says so, or where an expected packet or a call that blocks is waited for; whatever
//! the kernel has to do until then is done at its own moments. A call that blocks is tried again whenever something
//! happened.

mod calls;
mod commands;
mod control;
mod events;
mod messages;
mod options;
mod packets;
mod sockets;

use crate::code::{Objection, check};
use crate::conversation::{Conversation, Transport};
use crate::report::{Failure, Report, Verdict};
use crate::script::{Action, Call, Direction, Event, Script, When};
use crate::settings::{IpVersion, SettingError, Settings};
use crate::symbols;
use crate::tunnel::Tunnel;
use crate::wire::Datagram;
use rump_host_sim::SimHost;
use rump_hyper::Clock;
use rump_kern::{Fd, Kernel, Process};
use rump_kpi::device::{Gateway, RouteInfo};
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{IPPROTO_TCP, TCP_INFO};
use rump_kpi::{AddressFamily, Errno, KResult, SocketType, TcpInfo};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// How long an expected packet that may come whenever it likes is waited for.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);
/// A kernel that wants to be polled at one moment more often than this does not get on.
const SPINS: u32 = 10_000;
/// The other side's first port.
const FIRST_PORT: u16 = 53_055;
/// When scripts begin, by the kernel's clock.
const BEGIN: Duration = Duration::from_secs(100);

/// Why a script ends before its end.
enum Stop {
    Failed(Failure),
    Skipped(String),
}

type Step<T = ()> = Result<T, Stop>;

/// A script's descriptor.
struct Open {
    fd: Fd,
    /// Which socket; none for a queue of events.
    kind: Option<SocketType>,
    /// Of a queue: which descriptors of the script it has, with their events and what is told with those.
    watched: BTreeMap<i64, (i64, i64)>,
    /// Calls block, as far as the script can see.
    blocks: bool,
    listens: bool,
    /// Bytes that were written to its stream, and read from it.
    written: u32,
    read: u32,
    /// What is read is compared with what the script's segments had.
    is_checked: bool,
}

/// A call that did not end yet.
struct Pending {
    line: u32,
    call: Call,
    since: Duration,
    /// When it is to end; none if it may not block.
    due: Option<Duration>,
    progress: calls::Progress,
}

struct Captured {
    at: Duration,
    datagram: Datagram,
}

struct Runner<'a> {
    settings: &'a Settings,
    host: Arc<SimHost>,
    kernel: Kernel,
    process: Process,
    tunnel: Arc<Tunnel>,
    open: BTreeMap<i64, Open>,
    conversations: Vec<Conversation>,
    current: Option<usize>,
    next_port: u16,
    captured: VecDeque<Captured>,
    pending: Option<Pending>,
    /// When the event before was to happen.
    last: Duration,
    /// The line of the event.
    line: u32,
    notes: Vec<String>,
    dialogue: Vec<String>,
}

/// Runs a script.
pub fn run(script: &Script, settings: &Settings) -> Report {
    let mut settings = settings.clone();
    let mut notes = Vec::new();
    for (place, name, value) in &script.options {
        match settings.apply(name, value.as_deref()) {
            Ok(()) => {}
            Err(SettingError::Unsupported(what)) => notes.push(format!("{}: {what}", place.line)),
            Err(SettingError::Value(what)) => {
                let verdict = Verdict::Failed(Failure::new(place.line, what));
                return Report { verdict, notes, dialogue: Vec::new() };
            }
        }
    }
    let mut runner = match Runner::new(&settings) {
        Ok(runner) => runner,
        Err(error) => {
            let verdict = Verdict::Skipped(0, format!("the kernel offers no such network: {error}"));
            return Report { verdict, notes, dialogue: Vec::new() };
        }
    };
    // What is behind all events puts back what a script changed: each has a kernel of its own.
    let begin = script.events.first().map_or(u32::MAX, |event| event.place.line);
    for (place, command) in script.commands.iter().filter(|(place, _)| place.line <= begin) {
        runner.run_commands(place.line, command);
    }
    let ended = script.events.iter().try_for_each(|event| runner.event(event)).and_then(|()| runner.end());
    let verdict = match ended {
        Ok(()) => Verdict::Passed,
        Err(Stop::Failed(failure)) => Verdict::Failed(failure),
        Err(Stop::Skipped(why)) => Verdict::Skipped(runner.line, why),
    };
    notes.append(&mut runner.notes);
    Report { verdict, notes, dialogue: runner.dialogue }
}

/// What is said of a command of the host: none is run.
fn note_of(line: u32, command: &str) -> Option<String> {
    let shown: String = command.split_whitespace().collect::<Vec<_>>().join(" ");
    (!shown.is_empty()).then(|| format!("{line}: the command `{shown}` is passed over"))
}

impl<'a> Runner<'a> {
    fn new(settings: &'a Settings) -> KResult<Self> {
        let host = SimHost::new(settings.seed);
        host.advance(BEGIN);
        let kernel = Kernel::builder(host.clone()).component(rumpnet_inet::component()).boot()?;
        let tunnel = Tunnel::new(host.clone(), settings.mtu);
        configure(&kernel, &tunnel, settings)?;
        Ok(Self {
            settings,
            process: kernel.process(),
            host,
            kernel,
            tunnel,
            open: BTreeMap::new(),
            conversations: Vec::new(),
            current: None,
            next_port: FIRST_PORT,
            captured: VecDeque::new(),
            pending: None,
            last: BEGIN,
            line: 0,
            notes: Vec::new(),
            dialogue: Vec::new(),
        })
    }

    fn now(&self) -> Duration {
        self.host.monotonic()
    }

    fn fail(&self, what: impl Into<String>) -> Stop {
        Stop::Failed(Failure::new(self.line, what))
    }

    fn say(&mut self, what: impl AsRef<str>) {
        let since = self.now().saturating_sub(BEGIN);
        self.dialogue.push(format!("{:.6} {}", since.as_secs_f64(), what.as_ref()));
    }

    fn event(&mut self, event: &Event) -> Step {
        self.line = event.place.line;
        if let Action::Packet(packet) = &event.action {
            if packet.direction == Direction::Out {
                return self.expect(packet, event.time);
            }
        }
        let (base, after) = match event.time {
            When::At(at) => (BEGIN, at),
            When::After(after) => (self.last, after),
            // The parser lets no other time through.
            _ => (self.last, Duration::ZERO),
        };
        let at = base + after;
        if at + self.settings.tolerance < self.now() {
            return Err(self.fail("its time is over before the event before it has ended"));
        }
        let is_call = matches!(event.action, Action::Call(_));
        if is_call {
            self.finish_pending()?;
        }
        self.advance_to(at)?;
        self.last = at;
        match &event.action {
            Action::Packet(packet) => self.inject(packet),
            Action::Call(call) => self.call(call, at, base),
            Action::Command(command) => {
                self.run_commands(event.place.line, command);
                self.settle()
            }
            Action::Code(code) => self.assert(code),
        }
    }

    /// Lets time pass up to `target`; what is due before that is done at its moment.
    fn advance_to(&mut self, target: Duration) -> Step {
        let mut spins = 0;
        loop {
            let next = self.kernel.poll_network();
            self.settle()?;
            let now = self.now();
            let wake = self.wake_of_pending().filter(|wake| *wake > now);
            let next = [next, wake].into_iter().flatten().min();
            match next.filter(|next| *next <= target) {
                Some(next) if next > now => {
                    self.host.advance(next - now);
                    spins = 0;
                }
                Some(_) => {
                    spins += 1;
                    if spins > SPINS {
                        return Err(self.fail("the kernel wants to be polled without end"));
                    }
                }
                None if now < target => {
                    self.host.advance(target - now);
                    spins = 0;
                }
                None => return Ok(()),
            }
        }
    }

    /// Takes what the kernel sent, and tries again a call that blocks.
    fn settle(&mut self) -> Step {
        self.collect()?;
        self.try_pending()?;
        self.collect()
    }

    fn collect(&mut self) -> Step {
        for sent in self.tunnel.take_sent() {
            let datagram = Datagram::parse(&sent.bytes)
                .map_err(|why| self.fail(format!("the kernel sent a malformed packet: {why}")))?;
            let (packet, _) = self.translated(&datagram, None);
            self.say(packet.to_string());
            self.captured.push_back(Captured { at: sent.at, datagram });
        }
        Ok(())
    }

    /// Checks assertions on what `TCP_INFO` says of the connection that is talked with.
    fn assert(&mut self, code: &str) -> Step {
        self.settle()?;
        let info = self.info();
        let value_of = |name: &str| symbols::info_constant(name).or_else(|| info.get(name).copied());
        match check(code, &value_of) {
            Ok(()) => Ok(()),
            Err(Objection::False(what)) => Err(self.fail(format!("assertion failed: {what}"))),
            Err(Objection::Unknown(name)) => Err(Stop::Skipped(format!("{name} is not known here"))),
            Err(Objection::Syntax(what)) => Err(Stop::Skipped(format!("code: {what}"))),
        }
    }

    /// What `TCP_INFO` says of the connection that is talked with; nothing if there is none.
    fn info(&self) -> BTreeMap<&'static str, i64> {
        let fd = self.current.and_then(|index| self.conversations[index].fd);
        let Some(open) = fd.and_then(|fd| self.open.get(&fd)) else { return BTreeMap::new() };
        match self.process.getsockopt(open.fd, IPPROTO_TCP, TCP_INFO) {
            Ok(OptionValue::Bytes(bytes)) => {
                TcpInfo::from_bytes(&bytes).map_or_else(BTreeMap::new, |info| symbols::info_of(&info))
            }
            _ => BTreeMap::new(),
        }
    }

    fn end(&mut self) -> Step {
        self.finish_pending()?;
        let unexpected = self.captured.front().filter(|_| self.settings.strict);
        let Some(captured) = unexpected else { return Ok(()) };
        let (packet, _) = self.translated(&captured.datagram, None);
        let actual = Some(packet.to_string());
        let what = "a packet that nobody expected was sent before the end".to_string();
        Err(Stop::Failed(Failure { line: self.line, what, expected: None, actual }))
    }

    /// When the call that blocks ends by itself.
    fn wake_of_pending(&self) -> Option<Duration> {
        let pending = self.pending.as_ref()?;
        Some(pending.since + self.wait_of(&pending.call)?)
    }

    /// Waits for a call that blocks.
    fn finish_pending(&mut self) -> Step {
        let Some(pending) = &self.pending else { return Ok(()) };
        let (line, since, due) = (pending.line, pending.since, pending.due.unwrap_or(pending.since));
        let latest = due + self.settings.tolerance_of(due - since);
        while self.pending.is_some() {
            let next = self.kernel.poll_network();
            self.settle()?;
            let now = self.now();
            let wake = self.wake_of_pending().filter(|wake| *wake > now);
            let next = next.into_iter().chain(wake).fold(latest, Duration::min);
            if self.pending.is_none() {
                break;
            }
            if now >= latest {
                return Err(Stop::Failed(Failure::new(line, "the call still blocks")));
            }
            self.host.advance(next.saturating_sub(now).max(Duration::from_nanos(1)));
        }
        Ok(())
    }

    /// The connection with these ports, or a new one, becomes that which is talked with.
    fn talk(&mut self, transport: Transport, local_port: u16, remote_port: u16) -> usize {
        let is_it = |conversation: &Conversation| {
            conversation.transport == transport
                && (conversation.local_port, conversation.remote_port) == (local_port, remote_port)
        };
        let index = self.conversations.iter().rposition(is_it).unwrap_or_else(|| {
            self.conversations.push(Conversation::new(transport, local_port, remote_port));
            self.conversations.len() - 1
        });
        self.current = Some(index);
        index
    }
}

/// Gives the kernel the wire, an address, and a way to everybody.
fn configure(kernel: &Kernel, tunnel: &Arc<Tunnel>, settings: &Settings) -> KResult<()> {
    let is_v6 = settings.version == IpVersion::V6;
    let family = if is_v6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let domain = kernel.protocols(family)?;
    if settings.version == IpVersion::Mapped {
        kernel.protocols(AddressFamily::Inet6)?;
    }
    let network = domain.network().ok_or(Errno::EAFNOSUPPORT)?;
    let number = network.attach("tun0", tunnel.clone())?;
    network.set_up(number, true)?;
    network.add_address(number, settings.local(), if is_v6 { 64 } else { 16 })?;
    let all: IpAddr = if is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    network.add_route(&RouteInfo {
        destination: all,
        length: 0,
        gateway: Gateway::Interface(number),
        metric: 0,
    })
}
