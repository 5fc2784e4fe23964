//! A client and servers in virtual time, with a wire between them that may lose messages.

use core::net::Ipv4Addr;
use core::time::Duration;
use rumpnet_dhcp::{
    Action, Client, ClientIdentifier, Clocks, Config, Kept, Kind, Message, Phase, Told, Unusable, code,
};

pub const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 7];
/// A message takes so long.
const DELAY: Duration = Duration::from_millis(3);

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server, as small as one can be that gives one address to one client.
pub struct Server {
    pub address: Ipv4Addr,
    pub gives: Ipv4Addr,
    pub lease_seconds: u32,
    /// T1 and T2.
    pub times: Option<(u32, u32)>,
    pub is_up: bool,
    /// It refuses what it is asked for.
    pub refuses: bool,
    /// It knows leases of others, and renews them.
    pub is_partner: bool,
    pub options: Vec<(u8, Vec<u8>)>,
    /// What it got.
    pub heard: Vec<(Duration, Message)>,
}

impl Server {
    pub fn new(last: u8, gives: u8) -> Self {
        Self {
            address: Ipv4Addr::new(10, 0, 0, last),
            gives: Ipv4Addr::new(10, 0, 0, gives),
            lease_seconds: 3600,
            times: None,
            is_up: true,
            refuses: false,
            is_partner: false,
            options: vec![(code::SUBNET_MASK, vec![255, 255, 255, 0])],
            heard: Vec::new(),
        }
    }

    fn answer(&mut self, now: Duration, message: &Message) -> Option<Message> {
        if !self.is_up {
            return None;
        }
        self.heard.push((now, message.clone()));
        let chosen = message.options.address(code::SERVER);
        if chosen.is_some_and(|chosen| chosen != self.address) {
            return None;
        }
        let asked = message.options.address(code::REQUESTED_ADDRESS);
        let (kind, address) = match message.kind {
            Kind::Discover => (Kind::Offer, self.gives),
            Kind::Request => {
                let address = asked.unwrap_or(message.client);
                let is_good = (address == self.gives || self.is_partner) && !self.refuses;
                (if is_good { Kind::Ack } else { Kind::Nak }, address)
            }
            Kind::Inform => (Kind::Ack, Ipv4Addr::UNSPECIFIED),
            _ => return None,
        };
        if kind == Kind::Nak {
            return Some(message.reply(kind, self.address, Ipv4Addr::UNSPECIFIED));
        }
        let mut reply = message.reply(kind, self.address, address);
        if message.kind != Kind::Inform {
            reply.options.set(code::LEASE_TIME, &self.lease_seconds.to_be_bytes());
            if let Some((first, second)) = self.times {
                reply.options.set(code::RENEWAL_TIME, &first.to_be_bytes());
                reply.options.set(code::REBINDING_TIME, &second.to_be_bytes());
            }
        }
        self.options.iter().for_each(|(code, content)| reply.options.set(*code, content));
        Some(reply)
    }

    /// What it got of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.heard.iter().filter(|(_, message)| message.kind == kind).count()
    }
}

pub struct World {
    pub now: Duration,
    pub client: Client,
    pub servers: Vec<Server>,
    /// Somebody else has these.
    pub taken: Vec<Ipv4Addr>,
    /// Of a thousand messages so many are lost.
    pub loss: u64,
    random: u64,
    /// To the client, by when they arrive.
    replies: Vec<(Duration, Message)>,
    /// What happened.
    pub told: Vec<(Duration, Told)>,
    pub applied: Vec<(Duration, Ipv4Addr)>,
    pub withdrawn: Vec<(Duration, Ipv4Addr)>,
    pub informed: Vec<rumpnet_dhcp::Information>,
    /// The text that is kept for the next start.
    pub kept: Option<String>,
    /// From the clock of the client to that on the wall.
    to_wall: Duration,
}

pub fn config() -> Config {
    let mut config = Config::new(HARDWARE, ClientIdentifier::host(1, HARDWARE));
    config.host_name = Some("seven".into());
    config
}

impl World {
    pub fn new(servers: Vec<Server>) -> Self {
        Self::with(Client::new(config(), 1), servers)
    }

    pub fn with(client: Client, servers: Vec<Server>) -> Self {
        Self {
            now: seconds(1000),
            client,
            servers,
            taken: Vec::new(),
            loss: 0,
            random: 1,
            replies: Vec::new(),
            told: Vec::new(),
            applied: Vec::new(),
            withdrawn: Vec::new(),
            informed: Vec::new(),
            kept: None,
            to_wall: seconds(1_700_000_000),
        }
    }

    fn clocks(&self) -> Clocks {
        Clocks { monotonic: self.now, wall: self.now + self.to_wall }
    }

    /// The client is gone without a word, and comes again after a while with a clock that begins anew and with what was
    /// kept. Errors: that is of no use.
    pub fn restart(&mut self, after: Duration) -> Result<(), Unusable> {
        let wall = self.clocks().wall + after;
        (self.now, self.to_wall) = (seconds(2), wall - seconds(2));
        let mut config = config();
        let read =
            |text: &String| Kept::parse(text.as_bytes())?.lease(HARDWARE, &config.identifier, self.clocks());
        let read = self.kept.as_ref().map(read).transpose();
        config.kept = read.clone().unwrap_or_default();
        self.client = Client::new(config, 2);
        read.map(drop)
    }

    fn is_lost(&mut self) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % 1000 < self.loss
    }

    /// Lets time pass, from one event to the next.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.act();
            let arrives = self.replies.iter().map(|(when, _)| *when).min();
            let next = [arrives, self.client.next_deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if let Some(at) = self.replies.iter().position(|(when, _)| *when <= self.now) {
                let (_, message) = self.replies.remove(at);
                self.client.receive(self.now, &message.emit());
                continue;
            }
            self.client.poll(self.now);
        }
        self.now = end;
    }

    /// Lets time pass until it is bound, or for so long at most; answers whether it is.
    pub fn run_until_bound(&mut self, most: Duration) -> bool {
        let end = self.now + most;
        while self.now < end && self.client.phase() != Phase::Bound {
            self.run(Duration::from_millis(100));
        }
        self.client.phase() == Phase::Bound
    }

    fn act(&mut self) {
        loop {
            let actions = self.client.take_actions();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match action {
                    Action::Send { from, to, message } => self.send(from, to, &message),
                    Action::Claim(lease) if self.taken.contains(&lease.address) => {
                        self.client.conflicted(self.now)
                    }
                    Action::Claim(_) => self.client.claimed(),
                    Action::Apply(lease) => {
                        let identifier = config().identifier;
                        self.kept = Some(Kept::new(HARDWARE, identifier, &lease, self.clocks()).to_string());
                        self.applied.push((self.now, lease.address));
                    }
                    Action::Forget => self.kept = None,
                    Action::Withdraw(lease) => self.withdrawn.push((self.now, lease.address)),
                    Action::Inform(information) => self.informed.push(information),
                    Action::Tell(told) => self.told.push((self.now, told)),
                }
            }
        }
    }

    fn send(&mut self, from: Ipv4Addr, to: Ipv4Addr, bytes: &[u8]) {
        let message = Message::parse(bytes).expect("what a client sends is well-formed");
        assert_eq!(message.hardware, HARDWARE);
        assert!(message.options.find(code::CLIENT_IDENTIFIER).is_some());
        // Who has no address says so, and hears what goes to all.
        assert!(message.client.is_unspecified() || message.client == from);
        assert!(from.is_unspecified() || self.client.phase() == Phase::Informing || !message.broadcast);
        for at in 0..self.servers.len() {
            let is_for_it = to.is_broadcast() || to == self.servers[at].address;
            if !is_for_it || self.is_lost() {
                continue;
            }
            if let Some(reply) = self.servers[at].answer(self.now, &message) {
                if !self.is_lost() {
                    self.replies.push((self.now + DELAY, reply));
                }
            }
        }
    }

    /// Times at which it sent something of a kind.
    pub fn sent(&self, kind: Kind) -> Vec<Duration> {
        let is_it = |told: &Told| matches!(told, Told::Sent(sent, ..) if *sent == kind);
        self.told.iter().filter(|(_, told)| is_it(told)).map(|(when, _)| *when).collect()
    }
}
