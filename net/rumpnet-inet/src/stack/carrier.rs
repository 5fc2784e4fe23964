//! Cables that are plugged in and pulled out: who is at the other side may be somebody else, and does not know us.

use super::Stack;
use super::discovery::{ALL_NODES, Told};
use crate::interface::{Interface, InterfaceId};
use crate::own_address::{Claim, OwnAddress};
use crate::time::Instant;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

impl Stack {
    /// Says whether there is somebody at the other side of an interface's cable. Where there is again, hardware addresses
    /// are asked for anew, ours are announced (RFC 5227, section 2.3; RFC 4861, section 7.2.6), and routers are asked to
    /// show themselves and told of groups once more.
    pub fn set_carrier(&mut self, now: Instant, id: InterfaceId, has_carrier: bool) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        if core::mem::replace(&mut interface.has_carrier, has_carrier) == has_carrier {
            return;
        }
        self.is_reconfigured = true;
        interface.connections += u64::from(has_carrier);
        if let Some(neighbours) = interface.neighbours_mut() {
            neighbours.forget();
        }
        if let Some(neighbours) = interface.neighbours_v6_mut() {
            neighbours.forget();
        }
        if has_carrier && interface.is_up {
            interface.groups.restart();
            interface.groups_v6.restart();
            self.announce_v4(now, id);
            self.announce_v6(now, id);
            self.wake_at(Instant::ZERO);
        }
    }

    fn announce_v4(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get(&id) else { return };
        let own: Vec<(Ipv4Addr, u8)> =
            interface.addresses.iter().map(|(own, net)| (*own, net.length())).collect();
        for (address, length) in own {
            self.send_claim(id, address, address);
            self.announce_again(now, id, address, length);
        }
    }

    fn announce_v6(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        // Nobody heard the questions that were asked.
        for own in interface.v6.addresses.iter_mut().filter(|own| own.is_tentative()) {
            own.claim = Claim::New;
        }
        let usable = |own: &&OwnAddress| own.is_usable();
        let own: Vec<Ipv6Addr> =
            interface.v6.addresses.iter().filter(usable).map(|own| own.address).collect();
        if interface.hardware().is_some() {
            let told = Told { is_solicited: false, overrides: true };
            own.into_iter().for_each(|own| self.advertise(now, id, own, ALL_NODES, told));
        }
        if self.follows_routers(id) && self.interfaces.get(&id).and_then(Interface::link_local).is_some() {
            self.solicit_at(id, 0, Instant::ZERO);
        }
    }
}
