//! Who a client is (option 61).

use alloc::vec::Vec;

/// What a server tells clients apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentifier(Vec<u8>);

impl ClientIdentifier {
    /// Of the hardware address alone, as most clients say (RFC 2132, section 9.14).
    pub fn hardware(address: [u8; 6]) -> Self {
        Self([&[1][..], &address].concat())
    }

    /// As RFC 4361, section 6.1, has it: which interface of the host, and who the host is, for which a hardware address
    /// stands (DUID-LL). A host says the same of itself in DHCPv6.
    pub fn host(interface: u32, address: [u8; 6]) -> Self {
        Self([&[255][..], &interface.to_be_bytes(), &[0, 3, 0, 1], &address].concat())
    }

    /// Of any bytes. `None`: fewer than two, or more than an option has.
    pub fn bytes(bytes: &[u8]) -> Option<Self> {
        (2..=255).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
