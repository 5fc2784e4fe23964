//! The network of a kernel that is elsewhere: interfaces, addresses, routes, neighbours and sockets, as requests of
//! interfaces, routing sockets and the tables of sysctl(3) tell of them.
//!
//! What is answered is in the words of [`rump_kpi::device`], as a kernel that is here tells it. What comes from the server and
//! makes no sense is EIO.
//!
//! | module | what |
//! |---|---|
//! | [`interface`] | requests that change interfaces |
//! | [`table`] | interfaces, routes and neighbours, as they are |
//! | [`socket`] | sockets, as they are |
//! | [`driver`] | what a kind of interfaces alone has: links, bridges |
//! | [`route`] | messages of routing sockets: changes, questions, news |

mod driver;
mod interface;
mod route;
mod socket;
mod table;

pub use route::{Ask, News, Way};
pub use table::{Neighbour, RemoteInterface};

use crate::RemoteProcess;
use rump_abi::{AddressFamily, OpenFlags, SocketType};
use rump_kern::Fd;
use rump_kpi::KResult;

/// See the module.
pub struct RemoteNetwork {
    process: RemoteProcess,
    /// A socket that requests of interfaces go to.
    requests: Fd,
}

impl RemoteNetwork {
    /// That of a process's kernel. Errors: EAFNOSUPPORT (it has none).
    pub fn new(process: RemoteProcess) -> KResult<Self> {
        let requests = process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::CLOEXEC)?;
        Ok(Self { process, requests })
    }

    /// The process.
    pub fn process(&self) -> &RemoteProcess {
        &self.process
    }
}

impl Drop for RemoteNetwork {
    fn drop(&mut self) {
        // It fails only where the server has gone.
        let _ = self.process.close(self.requests);
    }
}
