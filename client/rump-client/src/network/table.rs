//! Interfaces, routes and neighbours, as the tables of `net.route` have them.

use super::RemoteNetwork;
use crate::connection::malformed;
use rump_abi::AddressFamily;
use rump_abi::netbsd::interface::{IFF_UP, IFT_ETHER, IFT_LOOP, IfData, LINK_STATE_DOWN};
use rump_abi::netbsd::route::*;
use rump_abi::sysctl::CTL_NET;
use rump_kpi::KResult;
use rump_kpi::device::{
    AddressInfo, AddressState, DeviceInfo, Gateway, InterfaceInfo, Medium, Offloads, RouteInfo, Statistics,
};
use std::net::IpAddr;

/// An interface.
#[derive(Clone, Debug)]
pub struct RemoteInterface {
    /// What it is, and what went through.
    pub info: InterfaceInfo,
    /// Its addresses with their states; how long they last is not told.
    pub addresses: Vec<AddressInfo>,
}

/// Who has which hardware address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address; none if it is being asked for.
    pub hardware: Option<Vec<u8>>,
    /// The number of the interface that it is on the link of.
    pub interface: u32,
    /// Somebody said so, and it stays.
    pub is_static: bool,
    /// When it is forgotten, in seconds since 1970; none: never, or not told.
    pub expires: Option<i64>,
}

impl RemoteNetwork {
    /// A table below `net.route`. Errors: EIO, those of sysctl(3).
    fn table(&self, family: u8, what: i32, argument: i32) -> KResult<Vec<Message>> {
        let name = [CTL_NET, AddressFamily::Route as i32, 0, family.into(), what, argument];
        messages(&self.process.sysctl_table(&name)?).map(|one| one.map_err(|_| malformed())).collect()
    }

    /// All interfaces. Errors: EIO, those of sysctl(3).
    pub fn interfaces(&self) -> KResult<Vec<RemoteInterface>> {
        let mut all: Vec<RemoteInterface> = Vec::new();
        for message in self.table(0, NET_RT_IFLIST, 0)? {
            match message {
                Message::Interface(header, addresses) => all.push(interface(&header, &addresses)?),
                // It is of the one before.
                Message::Address(header, addresses) => {
                    if let (Some(last), Some(info)) = (all.last_mut(), address(&header, &addresses)) {
                        last.info.addresses.push((info.address, info.length));
                        last.addresses.push(info);
                    }
                }
                _ => {}
            }
        }
        Ok(all)
    }

    /// All routes. Errors: EIO, those of sysctl(3).
    pub fn routes(&self) -> KResult<Vec<RouteInfo>> {
        let all = self.table(0, NET_RT_DUMP, 0)?;
        let of_route = |message: &Message| match message {
            Message::Route(header, addresses) => route(header, addresses),
            _ => None,
        };
        Ok(all.iter().filter_map(of_route).collect())
    }

    /// Who has which hardware address. Errors: EIO, those of sysctl(3).
    pub fn neighbours(&self, family: AddressFamily) -> KResult<Vec<Neighbour>> {
        let all = self.table(family as u8, NET_RT_FLAGS, RTF_LLDATA as i32)?;
        let of_neighbour = |message: &Message| match message {
            Message::Route(header, addresses) => neighbour(header, addresses),
            _ => None,
        };
        Ok(all.iter().filter_map(of_neighbour).collect())
    }
}

/// Errors: EIO (it has no name).
fn interface(header: &IfMsghdr, addresses: &Addresses) -> KResult<RemoteInterface> {
    let link = addresses.interface.as_ref().and_then(Address::link).ok_or_else(malformed)?;
    let data = &header.data;
    let medium = match (data.kind, <[u8; 6]>::try_from(&link.hardware[..])) {
        (IFT_LOOP, _) => Medium::Loopback,
        (IFT_ETHER, Ok(address)) => Medium::Ethernet { address },
        _ => Medium::Ip,
    };
    let info = InterfaceInfo {
        name: String::from_utf8_lossy(&link.name).into_owned(),
        number: header.index.into(),
        device: DeviceInfo {
            medium,
            mtu: u32::try_from(data.mtu).map_err(|_| malformed())?,
            offloads: Offloads::empty(),
        },
        is_up: header.flags & u32::from(IFF_UP) != 0,
        has_carrier: data.link_state != LINK_STATE_DOWN,
        connections: 0,
        addresses: Vec::new(),
        statistics: statistics(data),
    };
    Ok(RemoteInterface { info, addresses: Vec::new() })
}

fn statistics(data: &IfData) -> Statistics {
    let [packets_in, errors_in, packets_out, drops_out] = data.packets;
    let ([bytes_in, bytes_out], [groups_in, groups_out]) = (data.bytes, data.groups);
    let [drops_in, _] = data.dropped;
    Statistics {
        packets_in,
        bytes_in,
        errors_in,
        packets_out,
        bytes_out,
        groups_in,
        groups_out,
        drops_in,
        drops_out,
    }
}

/// None: it is no address of IP.
fn address(header: &IfaMsghdr, addresses: &Addresses) -> Option<AddressInfo> {
    let address = addresses.own.as_ref()?.ip()?;
    let (tentative, duplicated, deprecated) = match address {
        IpAddr::V4(_) => (IN_IFF_TENTATIVE, IN_IFF_DUPLICATED, 0),
        IpAddr::V6(_) => (IN6_IFF_TENTATIVE, IN6_IFF_DUPLICATED, IN6_IFF_DEPRECATED),
    };
    let state = match header.address_flags {
        flags if flags & duplicated != 0 => AddressState::Duplicate,
        flags if flags & tentative != 0 => AddressState::Tentative,
        flags if flags & deprecated != 0 => AddressState::Deprecated,
        _ => AddressState::Preferred,
    };
    let length = addresses.mask.unwrap_or(whole(address));
    Some(AddressInfo { address, length, state, preferred: None, valid: None })
}

/// The bits of an address.
fn whole(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// None: it is about a hardware address, or an own address.
fn route(header: &RtMsghdr, addresses: &Addresses) -> Option<RouteInfo> {
    if header.flags & (RTF_LLDATA | RTF_LOCAL) != 0 {
        return None;
    }
    let destination = addresses.destination.as_ref()?.ip()?;
    let is_host = header.flags & RTF_HOST != 0;
    let length = if is_host { whole(destination) } else { addresses.mask.unwrap_or(0) };
    let gateway = match header.flags {
        flags if flags & RTF_BLACKHOLE != 0 => Gateway::Blackhole,
        flags if flags & RTF_REJECT != 0 => Gateway::Reject,
        flags if flags & RTF_GATEWAY != 0 => Gateway::Router(addresses.gateway.as_ref()?.ip()?),
        _ => Gateway::Interface(header.index.into()),
    };
    let metric = u32::try_from(header.metrics.hop_count).unwrap_or(u32::MAX);
    Some(RouteInfo { destination, length, gateway, metric })
}

fn neighbour(header: &RtMsghdr, addresses: &Addresses) -> Option<Neighbour> {
    let address = addresses.destination.as_ref()?.ip()?;
    let link = addresses.gateway.as_ref().and_then(Address::link)?;
    Some(Neighbour {
        address,
        hardware: Some(link.hardware.clone()).filter(|hardware| !hardware.is_empty()),
        interface: header.index.into(),
        is_static: header.flags & RTF_STATIC != 0,
        expires: Some(header.metrics.expires).filter(|expires| *expires != 0),
    })
}
