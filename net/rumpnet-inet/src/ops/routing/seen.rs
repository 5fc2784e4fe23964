//! Interfaces, their addresses and the routers that told of themselves, as they were at a moment: what is told is what is
//! different from the moment before.

use super::tell;
use crate::interface::InterfaceId;
use crate::ops::network::{addresses_of, interface_info};
use crate::routers::DefaultRouter;
use crate::stack::Stack;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use rump_kpi::device::{AddressInfo, InterfaceInfo};
use rump_kpi::netbsd::route::{
    IFAN_ARRIVAL, IFAN_DEPARTURE, Message, RTM_ADD, RTM_DELADDR, RTM_DELETE, RTM_NEWADDR,
};

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Seen {
    interfaces: BTreeMap<InterfaceId, (InterfaceInfo, Vec<AddressInfo>)>,
    routers: Vec<DefaultRouter>,
}

impl Seen {
    pub fn of(stack: &Stack, now: Instant) -> Self {
        let interfaces = stack.interfaces.iter();
        let interfaces = interfaces.map(|(id, on)| (*id, (interface_info(*id, on), addresses_of(on, now))));
        Self { interfaces: interfaces.collect(), routers: stack.routers.all().to_vec() }
    }

    /// What is different from `before`: what is gone first.
    pub fn changes(&self, stack: &Stack, before: &Self, messages: &mut Vec<Message>) {
        for (id, (info, addresses)) in &before.interfaces {
            let now = self.interfaces.get(id);
            let is_gone = |own: &&AddressInfo| {
                now.is_none_or(|(_, now)| now.iter().all(|other| other.address != own.address))
            };
            let gone = addresses.iter().filter(is_gone);
            messages.extend(gone.map(|own| tell::address(RTM_DELADDR, info, own)));
            if now.is_none() {
                messages.push(tell::announcement(info, IFAN_DEPARTURE));
            }
        }
        for (id, (info, addresses)) in &self.interfaces {
            let then = before.interfaces.get(id);
            match then {
                None => messages.push(tell::announcement(info, IFAN_ARRIVAL)),
                Some((then, _)) if is_changed(info, then) => messages.push(tell::interface(info)),
                Some(_) => {}
            }
            let is_new = |own: &&AddressInfo| {
                let is_it = |other: &AddressInfo| (other.address, other.state) == (own.address, own.state);
                then.is_none_or(|(_, then)| !then.iter().any(is_it))
            };
            messages.extend(addresses.iter().filter(is_new).map(|own| tell::address(RTM_NEWADDR, info, own)));
        }
        messages.extend(self.routers_of(stack, RTM_DELETE, &before.routers, &self.routers));
        messages.extend(self.routers_of(stack, RTM_ADD, &self.routers, &before.routers));
    }

    /// Routers among some that are not among others.
    fn routers_of(
        &self,
        stack: &Stack,
        kind: u8,
        some: &[DefaultRouter],
        others: &[DefaultRouter],
    ) -> Vec<Message> {
        let is_alone = |router: &&DefaultRouter| {
            let is_it = |other: &DefaultRouter| {
                (other.address, other.interface) == (router.address, router.interface)
            };
            !others.iter().any(is_it)
        };
        let said = some.iter().filter(is_alone).map(|router| tell::default_router(stack, kind, router));
        said.map(|(header, addresses)| Message::Route(header, addresses)).collect()
    }
}

/// Whether something is to be told of an interface. What went through is not.
fn is_changed(now: &InterfaceInfo, then: &InterfaceInfo) -> bool {
    (now.is_up, now.has_carrier, &now.device) != (then.is_up, then.has_carrier, &then.device)
}
