//! An own address of IPv6, and what becomes of it with time (RFC 4862, section 2): tentative, preferred, deprecated, gone.

use crate::time::Instant;
use core::net::Ipv6Addr;
use rump_kpi::device::AddressState;

/// Where an address is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An administrator gave it.
    Configured,
    /// It was made for the link, by so many attempts.
    LinkLocal {
        /// How many others were found to be somebody else's.
        attempt: u8,
    },
    /// It was made of a prefix that a router told of.
    Router {
        /// Which router.
        router: Ipv6Addr,
        /// How many others were found to be somebody else's.
        attempt: u8,
    },
}

/// Whether it is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is to be asked for, as soon as somebody says what time it is.
    New,
    /// Others are asked whether they have it.
    Tentative {
        /// How often they were.
        sent: u8,
        /// When they are again, or nobody has answered.
        due: Instant,
    },
    /// Somebody has it.
    Duplicate,
    /// It is.
    Assigned,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// Which.
    pub address: Ipv6Addr,
    /// Length of its network's prefix.
    pub length: u8,
    /// Where it is from.
    pub origin: Origin,
    /// Whether it is ours.
    pub claim: Claim,
    /// What is begun should have another.
    pub is_deprecated: bool,
    /// How long it is preferred; `None`: for ever.
    pub preferred_until: Option<Instant>,
    /// How long it is there; `None`: for ever.
    pub valid_until: Option<Instant>,
}

impl OwnAddress {
    /// One that lasts for ever.
    pub fn new(address: Ipv6Addr, length: u8, origin: Origin, claim: Claim) -> Self {
        Self {
            address,
            length,
            origin,
            claim,
            is_deprecated: false,
            preferred_until: None,
            valid_until: None,
        }
    }

    /// Whether packets come to and from it.
    pub fn is_usable(&self) -> bool {
        self.claim == Claim::Assigned
    }

    /// Whether others are asked for it.
    pub fn is_tentative(&self) -> bool {
        matches!(self.claim, Claim::New | Claim::Tentative { .. })
    }

    /// What can be done with it.
    pub fn state(&self) -> AddressState {
        match self.claim {
            Claim::New | Claim::Tentative { .. } => AddressState::Tentative,
            Claim::Duplicate => AddressState::Duplicate,
            Claim::Assigned if self.is_deprecated => AddressState::Deprecated,
            Claim::Assigned => AddressState::Preferred,
        }
    }

    /// When something becomes of it.
    pub fn next_deadline(&self) -> Option<Instant> {
        let claim = match self.claim {
            Claim::New => Some(Instant::ZERO),
            Claim::Tentative { due, .. } => Some(due),
            Claim::Duplicate | Claim::Assigned => None,
        };
        let preferred = self.preferred_until.filter(|_| !self.is_deprecated);
        [claim, preferred, self.valid_until].into_iter().flatten().min()
    }
}
