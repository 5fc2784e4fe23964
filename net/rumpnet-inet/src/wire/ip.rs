//! What transports have to know of a packet's header, whichever its version.

use super::ipv4::{Ipv4, Protocol};
use core::net::IpAddr;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: Protocol,
    /// How many more routers might have passed it on.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
}

impl From<&Ipv4> for IpHeader {
    fn from(header: &Ipv4) -> Self {
        Self {
            source: header.source.into(),
            destination: header.destination.into(),
            protocol: header.protocol,
            hop_limit: header.time_to_live,
            traffic_class: header.traffic_class,
        }
    }
}
