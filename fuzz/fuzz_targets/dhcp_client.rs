//! Throws messages, well-formed ones and arbitrary bytes, at a client of DHCP, between the passing of time and what a
//! driver tells it. Whatever comes, it asks for nothing that no host can have.
#![no_main]

use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use rumpnet_dhcp::{Action, Client, ClientIdentifier, Clocks, Config, Kept, Kind, Lease, Message, code};

const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 7];
/// Actions of one input, when a client would be busy for ever.
const MOST_ACTIONS: usize = 100_000;

fuzz_target!(|data: &[u8]| run(data));

struct World {
    client: Client,
    now: Duration,
    /// What it sent last, which replies are made of.
    last: Option<Message>,
    actions: usize,
}

fn run(mut data: &[u8]) {
    let Some([seed, start, rest @ ..]) = data.get(..) else { return };
    data = rest;
    let mut config = Config::new(HARDWARE, ClientIdentifier::host(1, HARDWARE));
    config.remembered = (start & 1 != 0).then(|| [10, 0, 0, *start].into());
    let client = match start & 2 {
        0 => Client::new(config, (*seed).into()),
        _ => Client::inform(config, (*seed).into(), [10, 0, 0, *start].into()),
    };
    let mut world = World { client, now: Duration::from_secs(1), last: None, actions: 0 };
    while let Some((operation, rest)) = data.split_first() {
        data = rest;
        match operation % 8 {
            // A reply, whose options are the input's.
            0..=2 => {
                let kind = [Kind::Offer, Kind::Ack, Kind::Nak][usize::from(operation % 8)];
                let length = usize::from(data.first().copied().unwrap_or(0)).min(data.len());
                let (content, rest) = data.split_at(length);
                data = rest;
                world.reply(kind, content);
            }
            3 => {
                let length = data.len().min(600);
                let (content, rest) = data.split_at(length);
                data = rest;
                world.client.receive(world.now, content);
            }
            4 => world.client.claimed(),
            5 => world.client.conflicted(world.now),
            6 if *operation > 240 => world.client.release(),
            6 => world.now += Duration::from_secs(1 << (operation >> 4)),
            _ => {
                if let Some(due) = world.client.next_deadline() {
                    world.now = world.now.max(due);
                }
            }
        }
        world.client.poll(world.now);
        world.act();
    }
}

impl World {
    /// Good but for what the content says otherwise.
    fn reply(&mut self, kind: Kind, content: &[u8]) {
        let Some(request) = &self.last else { return };
        let asked = request.options.address(code::REQUESTED_ADDRESS).unwrap_or([10, 0, 0, 7].into());
        let address = if request.client.is_unspecified() { asked } else { request.client };
        let mut reply = request.reply(kind, [10, 0, 0, 1].into(), address);
        reply.options.set(code::LEASE_TIME, &120_u32.to_be_bytes());
        let mut content = content;
        while let [code, length, rest @ ..] = content {
            let (option, rest) = rest.split_at(rest.len().min(usize::from(*length)));
            reply.options.set(*code, option);
            content = rest;
        }
        self.client.receive(self.now, &reply.emit());
    }

    /// Whatever a server said of a lease comes back from a file.
    fn keep(&self, lease: &Lease) {
        let clocks = Clocks { monotonic: self.now, wall: self.now };
        let kept = Kept::new(HARDWARE, ClientIdentifier::host(1, HARDWARE), lease, clocks);
        assert_eq!(Kept::parse(kept.to_string().as_bytes()), Ok(kept));
    }

    fn act(&mut self) {
        for action in self.client.take_actions() {
            self.actions += 1;
            assert!(self.actions < MOST_ACTIONS);
            match action {
                Action::Send { message, .. } => {
                    let message = Message::parse(&message).expect("what it sends is well-formed");
                    assert_eq!(message.hardware, HARDWARE);
                    self.last = Some(message);
                }
                Action::Claim(lease) | Action::Apply(lease) => {
                    let first = lease.address.octets()[0];
                    assert!(first != 0 && first != 127 && first < 224);
                    assert!(lease.renews <= lease.rebinds && lease.rebinds <= lease.ends);
                    assert!(lease.information.routes.len() <= 64 && lease.prefix_length() <= 32);
                    self.keep(&lease);
                }
                Action::Withdraw(_) | Action::Forget | Action::Inform(_) | Action::Tell(_) => {}
            }
        }
    }
}
