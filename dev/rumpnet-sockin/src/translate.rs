//! What the kernel and the host call the same things.

use alloc::vec::Vec;
use core::net::SocketAddr;
use rump_hyper::socket as host;
use rump_kpi::socket::{Control, Incoming, Name, OptionValue};
use rump_kpi::{AddressFamily, Errno, SocketAddress};

/// The address that a name is, for a socket of a family. Errors: EAFNOSUPPORT.
pub fn address_of(family: AddressFamily, name: &Name) -> Result<SocketAddr, Errno> {
    match (family, name) {
        (AddressFamily::Inet, Name::Address(SocketAddress::Inet(address))) => Ok((*address).into()),
        (AddressFamily::Inet6, Name::Address(SocketAddress::Inet6(address))) => Ok((*address).into()),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// The same the other way.
pub fn name_of(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

/// What goes with a message. Errors: EINVAL (files and credentials go no further than a kernel).
pub fn outgoing(control: &[Control]) -> Result<Vec<host::Control>, Errno> {
    let one = |control: &Control| match *control {
        Control::PacketInfo { to, interface } => Ok(host::Control::PacketInfo { address: to, interface }),
        Control::Destination(address) => Ok(host::Control::Destination(address)),
        Control::Timestamp(time) => Ok(host::Control::Timestamp(time)),
        Control::HopLimit(limit) => Ok(host::Control::HopLimit(limit)),
        Control::TrafficClass(class) => Ok(host::Control::TrafficClass(class)),
        Control::SegmentBytes(size) => Ok(host::Control::SegmentBytes(size)),
        Control::Rights(_) | Control::Credentials(_) => Err(Errno::EINVAL),
    };
    control.iter().map(one).collect()
}

/// A message that came.
pub fn incoming(message: host::Incoming) -> Incoming {
    let one = |control| match control {
        host::Control::PacketInfo { address, interface } => Control::PacketInfo { to: address, interface },
        host::Control::Destination(address) => Control::Destination(address),
        host::Control::Timestamp(time) => Control::Timestamp(time),
        host::Control::HopLimit(limit) => Control::HopLimit(limit),
        host::Control::TrafficClass(class) => Control::TrafficClass(class),
        host::Control::SegmentBytes(size) => Control::SegmentBytes(size),
    };
    Incoming {
        length: message.length,
        from: message.from.map(name_of),
        control: message.control.into_iter().map(one).collect(),
        flags: message.flags,
    }
}

/// A value to set. Errors: EINVAL (no option of the Internet has such).
pub fn value(value: &OptionValue) -> Result<host::OptionValue, Errno> {
    match value {
        OptionValue::Number(number) => Ok(host::OptionValue::Number(*number)),
        OptionValue::Linger(time) => Ok(host::OptionValue::Linger(*time)),
        OptionValue::Bytes(bytes) => Ok(host::OptionValue::Bytes(bytes.clone())),
        OptionValue::Time(_) | OptionValue::Credentials(_) => Err(Errno::EINVAL),
    }
}

/// A value that was asked for.
pub fn answer(value: host::OptionValue) -> OptionValue {
    match value {
        host::OptionValue::Number(number) => OptionValue::Number(number),
        host::OptionValue::Linger(time) => OptionValue::Linger(time),
        host::OptionValue::Bytes(bytes) => OptionValue::Bytes(bytes),
    }
}
