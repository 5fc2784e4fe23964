//! What a kind of interfaces alone has: requests with a `struct ifdrv`, which names a command, and where its argument is.

use super::RemoteNetwork;
use super::interface::named;
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::statvfs::name_in;
use rump_kpi::KResult;
use rump_kpi::character::request::{exchanges, writes};

/// In `struct ifdrv`: how many bytes there are elsewhere, and where.
const LENGTH: usize = 24;
const ADDRESS: usize = 32;
/// Asks for a link, and says where it is.
const SIOCGLINKSTR: u32 = exchanges(b'i', 135, 40);
const SIOCSLINKSTR: u32 = writes(b'i', 136, 40);
/// As the command: takes it away.
const IFLINKSTR_UNSET: u64 = 2;

/// Bytes of a link at most, with the NUL that ends it.
const LINK_MAX: usize = 1024;

impl RemoteNetwork {
    /// A request whose argument is elsewhere. Answers how many bytes of it there are now. Errors: ENXIO, those of the request.
    pub(super) fn drive(
        &self,
        number: u32,
        interface: &str,
        command: u64,
        data: &mut [u8],
    ) -> KResult<usize> {
        let (name, length) = (named(interface)?, data.len() as u64);
        let mut bytes = [&name[..], &command.to_bytes(), &length.to_bytes(), &[0; 8]].concat();
        self.process.ioctl_with_more(self.requests, number, &mut bytes, ADDRESS, data)?;
        let length = u64::read(&bytes[LENGTH..]).ok_or_else(malformed)?;
        usize::try_from(length).map_err(|_| malformed())
    }

    /// Where a link is (`linkstr`); nothing if it has none. Errors: ENXIO, ENOTTY (its kind has no links).
    pub fn link_string(&self, interface: &str) -> KResult<String> {
        let mut text = vec![0; LINK_MAX];
        self.drive(SIOCGLINKSTR, interface, 0, &mut text)?;
        Ok(String::from_utf8_lossy(name_in(&text)).into_owned())
    }

    /// Says where a link is, or takes it away. Errors: ENXIO, EBUSY (it has one), EINVAL, EPERM.
    pub fn set_link_string(&self, interface: &str, link: Option<&str>) -> KResult<()> {
        let (command, mut text) = match link {
            Some(link) => (0, [link.as_bytes(), &[0]].concat()),
            None => (IFLINKSTR_UNSET, Vec::new()),
        };
        self.drive(SIOCSLINKSTR, interface, command, &mut text).map(drop)
    }
}
