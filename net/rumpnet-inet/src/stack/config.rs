//! Interfaces and addresses.

use super::Stack;
use crate::address::Prefix;
use crate::interface::{Interface, InterfaceId, Link};
use crate::neighbour::Neighbours;
use crate::own_address::{Claim, Origin, OwnAddress};
use crate::route::{Route, Via};
use crate::time::Instant;
use crate::wire::ethernet::MacAddress;
use crate::wire::ipv4::LEAST_MTU;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use rump_kpi::Errno;
use rump_kpi::device::{DeviceInfo, Medium, Offloads, ResolverInfo};

impl Stack {
    pub(super) fn add_loopback(&mut self, mtu: u32) {
        let id = self.insert(Interface::new("lo0".into(), Link::Loopback, mtu, Offloads::all()));
        let net = Prefix::new(Ipv4Addr::LOCALHOST, 8);
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.is_up = true;
            interface.addresses.push((Ipv4Addr::LOCALHOST, net));
            let own = OwnAddress::new(Ipv6Addr::LOCALHOST, 128, Origin::Configured, Claim::Assigned);
            interface.v6.addresses.push(own);
        }
    }

    fn insert(&mut self, interface: Interface) -> InterfaceId {
        let id = InterfaceId(self.next_interface);
        self.next_interface += 1;
        self.interfaces.insert(id, interface);
        self.is_reconfigured = true;
        id
    }

    /// Adds an interface, which is down. Errors: EEXIST (one of this name is there).
    pub fn add_interface(&mut self, name: &str, device: &DeviceInfo) -> Result<InterfaceId, Errno> {
        if self.find_interface(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let link = match device.medium {
            Medium::Ethernet { address } => {
                let (neighbours, neighbours_v6) = (Neighbours::default(), Neighbours::default());
                Link::Ethernet { address: MacAddress(address), neighbours, neighbours_v6 }
            }
            Medium::Ip => Link::PointToPoint,
            Medium::Loopback => Link::Loopback,
        };
        Ok(self.insert(Interface::new(String::from(name), link, device.mtu, device.offloads)))
    }

    /// The interface of this name.
    pub fn find_interface(&self, name: &str) -> Option<InterfaceId> {
        self.interfaces.iter().find(|(_, interface)| interface.name == name).map(|(id, _)| *id)
    }

    /// Removes an interface and its routes. Errors: ENXIO (it is not there).
    pub fn remove_interface(&mut self, id: InterfaceId) -> Result<(), Errno> {
        self.interfaces.remove(&id).ok_or(Errno::ENXIO)?;
        self.is_reconfigured = true;
        self.routes.retain(|route| route.interface != id);
        self.routes_v6.retain(|route| route.interface != id);
        self.forget_routers(id);
        Ok(())
    }

    /// Lets packets pass, or not. Errors: ENXIO.
    pub fn set_up(&mut self, id: InterfaceId, is_up: bool) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        let was_up = core::mem::replace(&mut interface.is_up, is_up);
        if let (false, Link::Ethernet { neighbours, neighbours_v6, .. }) = (is_up, &mut interface.link) {
            (*neighbours, *neighbours_v6) = (Neighbours::default(), Neighbours::default());
        }
        self.is_reconfigured |= was_up != is_up;
        match (was_up, is_up) {
            (false, true) => {
                interface.groups.restart();
                interface.groups_v6.restart();
                self.bring_up_v6(id);
                self.wake_at(Instant::ZERO);
            }
            (true, false) => self.bring_down_v6(id),
            _ => {}
        }
        Ok(())
    }

    /// Changes an interface's own hardware address; its addresses of IPv4 are announced. Errors: ENXIO, EINVAL (it has
    /// none, or the address is one of a group).
    pub fn set_hardware(&mut self, id: InterfaceId, new: MacAddress) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        let Link::Ethernet { address, .. } = &mut interface.link else { return Err(Errno::EINVAL) };
        if new.is_group() {
            return Err(Errno::EINVAL);
        }
        *address = new;
        self.is_reconfigured = true;
        if interface.is_up {
            let own: Vec<Ipv4Addr> = interface.addresses.iter().map(|(own, _)| *own).collect();
            own.into_iter().for_each(|own| self.send_claim(id, own, own));
        }
        Ok(())
    }

    /// What an interface's device is has changed. Its packets are as long as they can be, or as somebody said if that is less.
    pub fn change_device(&mut self, id: InterfaceId, device: &DeviceInfo) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let was_longest = interface.mtu == interface.most_mtu;
        interface.most_mtu = device.mtu;
        let mtu = if was_longest { device.mtu } else { interface.mtu.min(device.mtu) };
        self.is_reconfigured |= core::mem::replace(&mut interface.mtu, mtu) != mtu;
        interface.offloads = device.offloads;
        if let Medium::Ethernet { address } = device.medium {
            let address = MacAddress(address);
            if interface.hardware().is_some_and(|known| known != address) {
                // It is one of Ethernet, and no group has the address of a device.
                let _ = self.set_hardware(id, address);
            }
        }
    }

    /// Says how many bytes of IP a packet has at most. Errors: ENXIO, EINVAL (less than IPv4 needs, or more than the
    /// device takes).
    pub fn set_mtu(&mut self, id: InterfaceId, mtu: u32) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        if !(LEAST_MTU..=interface.most_mtu).contains(&mtu) {
            return Err(Errno::EINVAL);
        }
        interface.mtu = mtu;
        self.is_reconfigured = true;
        Ok(())
    }

    /// Says who resolves names on an interface. Errors: ENXIO.
    pub fn set_resolver(&mut self, info: &ResolverInfo) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&InterfaceId(info.interface)).ok_or(Errno::ENXIO)?;
        interface.resolver.servers.clone_from(&info.servers);
        interface.resolver.domains.clone_from(&info.domains);
        self.is_reconfigured = true;
        Ok(())
    }

    /// Gives an interface an address, and a route to its network; on Ethernet it is announced (RFC 5227, section 2.3), and
    /// asked for first, if an administrator chose that.
    ///
    /// Errors: ENXIO, EADDRNOTAVAIL (no host can have it), EEXIST.
    pub fn add_address(&mut self, id: InterfaceId, address: Ipv4Addr, length: u8) -> Result<(), Errno> {
        self.begin_address_v4(id, address, length, 0)
    }

    /// The same, but on Ethernet others are asked first in any case. Errors: as above.
    pub fn claim_address(&mut self, id: InterfaceId, address: Ipv4Addr, length: u8) -> Result<(), Errno> {
        self.begin_address_v4(id, address, length, super::claim_v4::PROBES)
    }

    fn begin_address_v4(
        &mut self,
        id: InterfaceId,
        address: Ipv4Addr,
        length: u8,
        least_questions: u8,
    ) -> Result<(), Errno> {
        let net = Prefix::new(address, length);
        let is_usable = !address.is_multicast()
            && !address.is_unspecified()
            && net.broadcast() != Some(address)
            && (net.length() >= 31 || net.address() != address);
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        if !is_usable {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if interface.has_address(address) || interface.claims.iter().any(|claim| claim.address == address) {
            return Err(Errno::EEXIST);
        }
        let is_ethernet = interface.hardware().is_some();
        let is_announced = is_ethernet && interface.is_up;
        let questions = self.settings.claims_v4.max(least_questions);
        if is_ethernet && questions > 0 {
            self.claim_v4(id, address, net.length(), questions);
            return Ok(());
        }
        self.take_address(id, address, net.length());
        if is_announced {
            self.send_claim(id, address, address);
        }
        Ok(())
    }

    /// An address is ours from now on.
    pub(super) fn take_address(&mut self, id: InterfaceId, address: Ipv4Addr, length: u8) {
        let net = Prefix::new(address, length);
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        if !interface.has_address(address) {
            interface.addresses.push((address, net));
        }
        self.is_reconfigured = true;
        // Another interface may be on the same network, and then it has the route.
        let _ = self.routes.add(Route { prefix: net, via: Via::Link, interface: id, metric: 0 });
    }

    /// Takes an address away, and with the last one of a network its route. Errors: ENXIO, EADDRNOTAVAIL.
    pub fn remove_address(&mut self, id: InterfaceId, address: Ipv4Addr) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        let claims = interface.claims.len();
        interface.claims.retain(|claim| claim.address != address);
        let at = interface.addresses.iter().position(|(own, _)| *own == address);
        if at.is_none() && interface.claims.len() < claims {
            return Ok(());
        }
        let (_, net) = interface.addresses.remove(at.ok_or(Errno::EADDRNOTAVAIL)?);
        self.is_reconfigured = true;
        if interface.addresses.iter().all(|(_, other)| *other != net) {
            self.routes
                .retain(|route| route.interface != id || route.prefix != net || route.via != Via::Link);
        }
        Ok(())
    }

    /// Whether an address is one of this host.
    pub fn is_local(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let has = |interface: &Interface| interface.has_address(address);
                address.is_loopback() || self.interfaces.values().any(has)
            }
            IpAddr::V6(address) => self.interfaces.values().any(|interface| interface.has_v6(address)),
        }
    }
}
