//! What a kind of interfaces alone has: requests with a `struct ifdrv`, which names a command, and where its argument is.

use super::RemoteNetwork;
use super::interface::named;
use crate::connection::malformed;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::bridge::*;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::statvfs::{name, name_in};
use rump_kpi::KResult;
use rump_kpi::device::{Duplex, Media};
use std::time::Duration;

/// Bytes of a link at most, with the NUL that ends it.
const LINK_MAX: usize = 1024;
/// Bytes of a list of members or addresses that is asked for at first, and at most.
const LIST_BYTES: usize = 1 << 14;
const LIST_MAX: usize = 1 << 24;

/// A member of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeMember {
    /// Its name.
    pub name: String,
    /// `IFBIF_*`.
    pub flags: u32,
    /// `BSTP_IFSTATE_*`.
    pub state: u8,
    /// The first part of its identifier in the spanning tree.
    pub priority: u8,
    /// What a way over it costs, as far as eight bits can say.
    pub path_cost: u8,
    /// Its number.
    pub number: u8,
}

/// Where an address is, as a bridge knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAddress {
    /// The name of the member.
    pub member: String,
    /// The address.
    pub address: [u8; 6],
    /// How much longer it is known; none: somebody said so.
    pub expires: Option<Duration>,
}

impl RemoteNetwork {
    /// What cable an interface is at; none if nothing is known of one, or the server does not tell. Errors: ENXIO.
    pub fn media(&self, interface: &str) -> KResult<Option<Media>> {
        let nothing = [0; Ifmediareq::SIZE - IFNAMSIZ];
        let mut bytes = [&named(interface)?[..], &nothing].concat();
        match self.request(SIOCGIFMEDIA, &mut bytes) {
            Err(error) if error.errno != Errno::ENXIO => return Ok(None),
            done => done?,
        }
        let Ifmediareq { current, active, .. } = Ifmediareq::read(&bytes).ok_or_else(malformed)?;
        let kind = active & IFM_TMASK;
        let pair = TWISTED_PAIRS.iter().find(|(its, _)| *its == kind);
        let speed = match kind {
            IFM_OTHER => self.megabits(interface)?,
            _ => pair.map(|(_, speed)| *speed),
        };
        let duplex = match active & (IFM_FDX | IFM_HDX) {
            IFM_FDX => Some(Duplex::Full),
            IFM_HDX => Some(Duplex::Half),
            _ => None,
        };
        let is_negotiated = current & IFM_TMASK == IFM_AUTO;
        Ok(Some(Media { speed, duplex, is_negotiated, is_twisted_pair: pair.is_some() || kind == IFM_NONE }))
    }

    /// How fast an interface is, if that is known. Errors: ENXIO.
    fn megabits(&self, interface: &str) -> KResult<Option<u32>> {
        let nothing = [0; Ifdatareq::SIZE - IFNAMSIZ];
        let mut bytes = [&named(interface)?[..], &nothing].concat();
        self.request(SIOCGIFDATA, &mut bytes)?;
        let asked = Ifdatareq::read(&bytes).ok_or_else(malformed)?;
        Ok(u32::try_from(asked.data.baudrate / 1_000_000).ok().filter(|speed| *speed > 0))
    }

    /// A command whose argument stands behind `struct ifdrv`; answers that argument as it is afterwards. Errors: ENXIO, those of
    /// the command.
    fn drive(&self, number: u32, interface: &str, command: u64, data: &[u8]) -> KResult<Vec<u8>> {
        // What stands behind the head of a list is not of the argument.
        let is_list = matches!(command, BRDGGIFS | BRDGRTS) && number == SIOCGDRVSPEC;
        let length = if is_list { Ifbconf::SIZE } else { data.len() } as u64;
        let asked = Ifdrv { name: named(interface)?, command, length, address: 0 };
        let mut bytes = [&asked.to_bytes(), data].concat();
        self.request(number, &mut bytes)?;
        Ok(bytes.split_off(Ifdrv::SIZE))
    }

    /// Where a link is (`linkstr`); nothing if it has none. Errors: ENXIO, those of who has no links.
    pub fn link_string(&self, interface: &str) -> KResult<String> {
        let text = self.drive(SIOCGLINKSTR, interface, 0, &[0; LINK_MAX])?;
        Ok(String::from_utf8_lossy(name_in(&text)).into_owned())
    }

    /// Says where a link is, or takes it away. Errors: ENXIO, EBUSY (it has one), EINVAL, EPERM.
    pub fn set_link_string(&self, interface: &str, link: Option<&str>) -> KResult<()> {
        let (command, text) = match link {
            Some(link) => (0, [link.as_bytes(), &[0]].concat()),
            None => (IFLINKSTR_UNSET, Vec::new()),
        };
        self.drive(SIOCSLINKSTR, interface, command, &text).map(drop)
    }

    /// A command of a bridge (`BRDG*`) about a member. Errors: ENXIO, ENOENT (it is none), EEXIST, EBUSY, EPERM.
    pub fn change_member(&self, bridge: &str, command: u64, member: &BridgeMember) -> KResult<()> {
        let &BridgeMember { flags, state, priority, path_cost, number, .. } = member;
        let asked = Ifbreq { name: named(&member.name)?, flags, state, priority, path_cost, number };
        self.drive(SIOCSDRVSPEC, bridge, command, &asked.to_bytes()).map(drop)
    }

    /// A command of a bridge (`BRDGS*`) with a number. Errors: ENXIO, EINVAL, EPERM.
    pub fn set_of_bridge(&self, bridge: &str, command: u64, value: u32) -> KResult<()> {
        self.drive(SIOCSDRVSPEC, bridge, command, &value.to_bytes()).map(drop)
    }

    /// A number of a bridge (`BRDGG*`). Errors: ENXIO, ENOTTY (it is no bridge).
    pub fn of_bridge(&self, bridge: &str, command: u64) -> KResult<u32> {
        u32::read(&self.drive(SIOCGDRVSPEC, bridge, command, &[0; 4])?).ok_or_else(malformed)
    }

    /// Says where an address is, for so long, or for good. Errors: ENXIO, ENOENT, EPERM.
    pub fn set_bridge_address(&self, bridge: &str, member: &str, address: [u8; 6]) -> KResult<()> {
        let asked = Ifbareq { name: named(member)?, expires: 0, flags: IFBAF_STATIC, address };
        self.drive(SIOCSDRVSPEC, bridge, BRDGSADDR, &asked.to_bytes()).map(drop)
    }

    /// Forgets where an address is. Errors: ENXIO, ENOENT, EPERM.
    pub fn forget_bridge_address(&self, bridge: &str, address: [u8; 6]) -> KResult<()> {
        let asked = Ifbareq { name: name(&[]), expires: 0, flags: 0, address };
        self.drive(SIOCSDRVSPEC, bridge, BRDGDADDR, &asked.to_bytes()).map(drop)
    }

    /// Forgets all addresses that were learned, or all. Errors: ENXIO, EPERM.
    pub fn flush_bridge(&self, bridge: &str, flags: u32) -> KResult<()> {
        let asked = Ifbreq { name: name(&[]), flags, state: 0, priority: 0, path_cost: 0, number: 0 };
        self.drive(SIOCSDRVSPEC, bridge, BRDGFLUSH, &asked.to_bytes()).map(drop)
    }

    /// The members of a bridge. Errors: ENXIO, ENOTTY (it is no bridge).
    pub fn bridge_members(&self, bridge: &str) -> KResult<Vec<BridgeMember>> {
        let all = self.list::<Ifbreq>(bridge, BRDGGIFS)?.into_iter();
        let member = |Ifbreq { name, flags, state, priority, path_cost, number }| BridgeMember {
            name: String::from_utf8_lossy(name_in(&name)).into_owned(),
            flags,
            state,
            priority,
            path_cost,
            number,
        };
        Ok(all.map(member).collect())
    }

    /// The addresses that a bridge knows. Errors: ENXIO, ENOTTY (it is no bridge).
    pub fn bridge_addresses(&self, bridge: &str) -> KResult<Vec<BridgeAddress>> {
        let all = self.list::<Ifbareq>(bridge, BRDGRTS)?.into_iter();
        let address = |one: Ifbareq| BridgeAddress {
            member: String::from_utf8_lossy(name_in(&one.name)).into_owned(),
            address: one.address,
            expires: (one.flags & IFBAF_STATIC == 0)
                .then(|| Duration::from_secs(u64::try_from(one.expires).unwrap_or(0))),
        };
        Ok(all.map(address).collect())
    }

    /// A list, for which there is a larger room as long as it fills the room.
    fn list<T: Layout>(&self, bridge: &str, command: u64) -> KResult<Vec<T>> {
        let mut room = LIST_BYTES;
        while room <= LIST_MAX {
            let head = Ifbconf { length: room as u32, address: 0 };
            let data = [head.to_bytes(), vec![0; room]].concat();
            let answer = self.drive(SIOCGDRVSPEC, bridge, command, &data)?;
            let length = Ifbconf::read(&answer).ok_or_else(malformed)?.length as usize;
            if length + T::SIZE <= room {
                let bytes = answer.get(Ifbconf::SIZE..Ifbconf::SIZE + length).ok_or_else(malformed)?;
                return Ok(bytes.chunks_exact(T::SIZE).filter_map(T::read).collect());
            }
            room *= 4;
        }
        Err(Errno::ENOMEM.into())
    }
}
