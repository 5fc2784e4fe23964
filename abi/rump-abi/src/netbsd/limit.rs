//! `struct rlimit`.

use crate::ResourceLimit;

/// What is not limited (`RLIM_INFINITY`).
const INFINITY: u64 = i64::MAX as u64;

layout! {
    /// `struct rlimit`.
    struct Rlimit[16] {
        /// The one that counts.
        cur: u64 = 0,
        /// How far that can be raised.
        max: u64 = 8,
    }
}

impl From<ResourceLimit> for Rlimit {
    fn from(limit: ResourceLimit) -> Self {
        Self { cur: limit.soft.min(INFINITY), max: limit.hard.min(INFINITY) }
    }
}

impl From<Rlimit> for ResourceLimit {
    fn from(limit: Rlimit) -> Self {
        let of = |limit| if limit >= INFINITY { ResourceLimit::INFINITY } else { limit };
        Self { soft: of(limit.cur), hard: of(limit.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn infinity_is_the_largest_signed_number() {
        let mut bytes = [0; 16];
        bytes[0] = 64;
        bytes[8..15].fill(0xff);
        bytes[15] = 0x7f;
        let limit = ResourceLimit { soft: 64, hard: ResourceLimit::INFINITY };
        assert_eq!(Rlimit::from(limit).to_bytes(), bytes);
        assert_eq!(ResourceLimit::from(Rlimit::read(&bytes).unwrap()), limit);
    }
}
