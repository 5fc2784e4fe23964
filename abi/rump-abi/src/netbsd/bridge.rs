//! Commands of bridges (bridge(4)), which requests of `ioctl` carry in an [`Ifdrv`](super::interface::Ifdrv).

use super::interface::IFNAMSIZ;

layout! {
    /// `struct ifbreq`: a member.
    struct Ifbreq[24] {
        /// Its name.
        name: [u8; IFNAMSIZ] = 0,
        /// `IFBIF_*`; of [`BRDGFLUSH`], [`IFBF_FLUSHALL`].
        flags: u32 = 16,
        /// `BSTP_IFSTATE_*`.
        state: u8 = 20,
        /// The first part of its identifier.
        priority: u8 = 21,
        /// What a way over it costs.
        path_cost: u8 = 22,
        /// Its number.
        number: u8 = 23,
    }

    /// `struct ifbareq`: where an address is.
    struct Ifbareq[32] {
        /// The name of the member.
        name: [u8; IFNAMSIZ] = 0,
        /// For how many seconds it is known.
        expires: i64 = 16,
        /// [`IFBAF_STATIC`], or nothing.
        flags: u8 = 24,
        /// The address.
        address: [u8; 6] = 25,
    }

    /// `struct ifbifconf` and `struct ifbaconf`: room for a list.
    struct Ifbconf[16] {
        /// Its bytes.
        length: u32 = 0,
        /// Where it is.
        address: u64 = 8,
    }
}

/// Adds a member.
pub const BRDGADD: u64 = 0;
/// Takes one away.
pub const BRDGDEL: u64 = 1;
/// Asks for the flags and the state of one.
pub const BRDGGIFFLGS: u64 = 2;
/// Changes its flags.
pub const BRDGSIFFLGS: u64 = 3;
/// How many addresses are learned.
pub const BRDGSCACHE: u64 = 4;
/// Asks for that.
pub const BRDGGCACHE: u64 = 5;
/// Asks for the members, as older programs do.
pub const OBRDGGIFS: u64 = 6;
/// Asks for the addresses, as older programs do.
pub const OBRDGRTS: u64 = 7;
/// Says where an address is.
pub const BRDGSADDR: u64 = 8;
/// For how many seconds addresses are known.
pub const BRDGSTO: u64 = 9;
/// Asks for that.
pub const BRDGGTO: u64 = 10;
/// Forgets an address.
pub const BRDGDADDR: u64 = 11;
/// Forgets all that were learned.
pub const BRDGFLUSH: u64 = 12;
/// Asks for the priority of the bridge.
pub const BRDGGPRI: u64 = 13;
/// Changes it.
pub const BRDGSPRI: u64 = 14;
/// Asks for the seconds between two messages.
pub const BRDGGHT: u64 = 15;
/// Changes them.
pub const BRDGSHT: u64 = 16;
/// Asks for the seconds before it forwards.
pub const BRDGGFD: u64 = 17;
/// Changes them.
pub const BRDGSFD: u64 = 18;
/// Asks for how many seconds a message counts.
pub const BRDGGMA: u64 = 19;
/// Changes them.
pub const BRDGSMA: u64 = 20;
/// Changes the priority of a member.
pub const BRDGSIFPRIO: u64 = 21;
/// Changes what a way over a member costs.
pub const BRDGSIFCOST: u64 = 22;
/// Asks whether a filter sees what passes.
pub const BRDGGFILT: u64 = 23;
/// Asks for the members.
pub const BRDGGIFS: u64 = 25;
/// Asks for the addresses.
pub const BRDGRTS: u64 = 26;

/// Who is behind it is learned.
pub const IFBIF_LEARNING: u32 = 0x1;
/// Frames to whom nobody knows go there.
pub const IFBIF_DISCOVER: u32 = 0x2;
/// It takes part in the spanning tree.
pub const IFBIF_STP: u32 = 0x4;
/// Frames of one such member never go to another.
pub const IFBIF_PROTECTED: u32 = 0x8;
/// What was said is forgotten as well.
pub const IFBF_FLUSHALL: u32 = 0x1;
/// Somebody said so.
pub const IFBAF_STATIC: u8 = 0x1;

/// It passes nothing: there is no carrier.
pub const BSTP_IFSTATE_DISABLED: u8 = 0;
/// It takes part in making the tree.
pub const BSTP_IFSTATE_LISTENING: u8 = 1;
/// It learns.
pub const BSTP_IFSTATE_LEARNING: u8 = 2;
/// It passes frames.
pub const BSTP_IFSTATE_FORWARDING: u8 = 3;
/// It passes nothing.
pub const BSTP_IFSTATE_BLOCKING: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn members_and_addresses_are_where_the_structures_have_them() {
        let bytes: [u8; 32] = core::array::from_fn(|index| index as u8);
        let member = Ifbreq::read(&bytes).unwrap();
        assert_eq!((member.name[15], member.flags), (15, 0x1312_1110));
        assert_eq!((member.state, member.priority, member.path_cost, member.number), (20, 21, 22, 23));
        let station = Ifbareq::read(&bytes).unwrap();
        assert_eq!((station.expires, station.flags), (0x1716_1514_1312_1110, 24));
        assert_eq!(station.address, [25, 26, 27, 28, 29, 30]);
        assert_eq!(Ifbconf::read(&bytes).unwrap().address, 0x0f0e_0d0c_0b0a_0908);
    }
}
