//! The network of a kernel that is elsewhere: interfaces, addresses, routes, neighbours and sockets, as requests of
//! interfaces, routing sockets and the tables of sysctl(3) tell of them.
//!
//! What is answered is in the words of [`rump_kpi::device`], as a kernel that is here tells it. What comes from the server and
//! makes no sense is EIO.
//!
//! | module | what |
//! |---|---|
//! | `interface` | requests that change interfaces |
//! | `table` | interfaces, routes and neighbours, as they are |
//! | `socket` | sockets, as they are |
//! | `statistics` | what protocols count |
//! | `driver` | what a kind of interfaces alone has: cables, links, bridges |
//! | `route` | messages of routing sockets: changes, questions, news |

mod driver;
mod interface;
mod route;
mod socket;
mod statistics;
mod table;

pub use driver::{BridgeAddress, BridgeMember};
pub use route::{Ask, News, Way};
pub use socket::LocalSocket;
pub use table::{Neighbour, RemoteInterface};

use crate::RemoteProcess;
use rump_abi::{AddressFamily, OpenFlags, SocketType};
use rump_kpi::KResult;

/// See the module.
pub struct RemoteNetwork {
    process: RemoteProcess,
}

impl RemoteNetwork {
    /// That of a process's kernel.
    pub fn new(process: RemoteProcess) -> Self {
        Self { process }
    }

    /// The process.
    pub fn process(&self) -> &RemoteProcess {
        &self.process
    }

    /// A request of interfaces, to a socket of its own. Errors: EAFNOSUPPORT (the kernel has no network), those of the request.
    fn request(&self, number: u32, argument: &mut [u8]) -> KResult<()> {
        let process = &self.process;
        let fd = process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::CLOEXEC)?;
        let done = process.ioctl_by_number(fd, number, argument);
        process.close(fd)?;
        done
    }
}
