//! Interfaces and addresses.

use super::Stack;
use crate::address::Prefix;
use crate::interface::{Interface, InterfaceId, Link};
use crate::neighbour::Neighbours;
use crate::route::{Route, Via};
use crate::wire::arp;
use crate::wire::ethernet::MacAddress;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr};
use rump_kpi::Errno;
use rump_kpi::device::{DeviceInfo, Medium, Offloads};

impl Stack {
    pub(super) fn add_loopback(&mut self, mtu: u32) {
        let id = self.insert(Interface::new("lo0".into(), Link::Loopback, mtu, Offloads::all()));
        let net = Prefix::new(Ipv4Addr::LOCALHOST, 8);
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.is_up = true;
            interface.addresses.push((Ipv4Addr::LOCALHOST, net));
        }
    }

    fn insert(&mut self, interface: Interface) -> InterfaceId {
        let id = InterfaceId(self.next_interface);
        self.next_interface += 1;
        self.interfaces.insert(id, interface);
        id
    }

    /// Adds an interface, which is down. Errors: EEXIST (one of this name is there).
    pub fn add_interface(&mut self, name: &str, device: &DeviceInfo) -> Result<InterfaceId, Errno> {
        if self.find_interface(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let link = match device.medium {
            Medium::Ethernet { address } => {
                Link::Ethernet { address: MacAddress(address), neighbours: Neighbours::default() }
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
        self.routes.retain(|route| route.interface != id);
        Ok(())
    }

    /// Lets packets pass, or not. Errors: ENXIO.
    pub fn set_up(&mut self, id: InterfaceId, is_up: bool) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        interface.is_up = is_up;
        if let (false, Link::Ethernet { neighbours, .. }) = (is_up, &mut interface.link) {
            *neighbours = Neighbours::default();
        }
        Ok(())
    }

    /// Gives an interface an address, and a route to its network; on Ethernet it is announced (RFC 5227, section 2.3).
    ///
    /// Errors: ENXIO, EADDRNOTAVAIL (no host can have it), EEXIST.
    pub fn add_address(&mut self, id: InterfaceId, address: Ipv4Addr, length: u8) -> Result<(), Errno> {
        let net = Prefix::new(address, length);
        let is_usable = !address.is_multicast()
            && !address.is_unspecified()
            && net.broadcast() != Some(address)
            && (net.length() >= 31 || net.address() != address);
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        if !is_usable {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if interface.has_address(address) {
            return Err(Errno::EEXIST);
        }
        interface.addresses.push((address, net));
        let announced = match &interface.link {
            Link::Ethernet { address: hardware, .. } if interface.is_up => Some(*hardware),
            _ => None,
        };
        // Another interface may be on the same network, and then it has the route.
        let _ = self.routes.add(Route { prefix: net, via: Via::Link, interface: id, metric: 0 });
        if let Some(hardware) = announced {
            let message = arp::Message {
                operation: arp::Operation::Request,
                sender: (hardware, address),
                target: (MacAddress([0; 6]), address),
            };
            self.send_arp(id, &message, MacAddress::BROADCAST);
        }
        Ok(())
    }

    /// Takes an address away, and with the last one of a network its route. Errors: ENXIO, EADDRNOTAVAIL.
    pub fn remove_address(&mut self, id: InterfaceId, address: Ipv4Addr) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        let at = interface.addresses.iter().position(|(own, _)| *own == address);
        let (_, net) = interface.addresses.remove(at.ok_or(Errno::EADDRNOTAVAIL)?);
        if interface.addresses.iter().all(|(_, other)| *other != net) {
            self.routes
                .retain(|route| route.interface != id || route.prefix != net || route.via != Via::Link);
        }
        Ok(())
    }

    /// Whether an address is one of this host.
    pub fn is_local(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { return false };
        address.is_loopback() || self.interfaces.values().any(|interface| interface.has_address(address))
    }
}
