//! Virtual networks of a kernel.

use super::interface::Interface;
use crate::kpi::device::NetworkDevice;
use crate::kpi::link::{Role, Vlan as VlanDevice};
use crate::kpi::port::Port;
use crate::{Errno, KError, KResult, Kernel};
use std::io;
use std::sync::Arc;

/// A virtual network on the cable of another interface (IEEE 802.1Q), as an interface of its own. A name for it, which may
/// be dropped, not the thing itself.
///
/// ```
/// use rumpkit::net::{Interface, Vlan, wire::Wire};
/// # use rumpkit::PosixHost;
/// # fn main() -> std::io::Result<()> {
/// # let kernel = rumpkit::kernel(PosixHost::new())?;
/// Interface::attach(&kernel, "if0", Wire::new().end())?;
/// let vlan = Vlan::create(&kernel, "vlan0", "if0", 7)?;
/// vlan.interface().add_address("10.0.7.1/24".parse()?)?;
/// vlan.interface().up()?;
/// # Ok(())
/// # }
/// ```
///
/// It follows its parent's hardware address, MTU and carrier, but for an address or a smaller MTU of its own. The parent may be
/// down; what it is down for is its own stack.
#[derive(Clone)]
pub struct Vlan {
    kernel: Kernel,
    interface: Interface,
    port: Arc<Port>,
}

impl Vlan {
    /// Makes one, which is down, of the network with this number at an interface. Errors: EINVAL (the name is not `vlan` and
    /// a number, the number is not 1 to 4094, the interface is none of Ethernet), AlreadyExists, ENXIO (no such interface),
    /// EBUSY (somebody has the network).
    pub fn create(kernel: &Kernel, name: &str, parent: &str, network: u16) -> io::Result<Self> {
        let vlan = Self::of(kernel, Interface::create(kernel, name)?)?;
        match vlan.configure(parent, network) {
            Ok(()) => Ok(vlan),
            Err(error) => {
                vlan.destroy()?;
                Err(error)
            }
        }
    }

    /// The one with this name. Errors: ENXIO (there is none), EINVAL (it is no virtual network).
    pub fn find(kernel: &Kernel, name: &str) -> io::Result<Self> {
        Self::of(kernel, Interface::find(kernel, name)?)
    }

    fn of(kernel: &Kernel, interface: Interface) -> io::Result<Self> {
        let vlan = Self { kernel: kernel.clone(), port: interface.port()?, interface };
        vlan.device()?;
        Ok(vlan)
    }

    /// Errors: EINVAL.
    fn device(&self) -> KResult<&dyn VlanDevice> {
        match self.port.role() {
            Role::Vlan(device) => Ok(device),
            _ => Err(KError::new(Errno::EINVAL, format!("{} is no virtual network", self.port.name()))),
        }
    }

    /// The network as an interface.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Makes it another network. Errors: as of [`create`](Self::create).
    pub fn configure(&self, parent: &str, network: u16) -> io::Result<()> {
        let parent = Interface::find(&self.kernel, parent)?.port()?;
        Ok(self.device()?.configure(&parent, network)?)
    }

    /// Makes it none; it has no carrier then.
    pub fn unconfigure(&self) -> io::Result<()> {
        self.device()?.unconfigure();
        Ok(())
    }

    /// The interface that it is at, and its number there.
    pub fn parent(&self) -> io::Result<Option<(String, u16)>> {
        Ok(self.device()?.parent())
    }

    /// Takes it away.
    pub fn destroy(self) -> io::Result<()> {
        self.interface.detach()
    }
}
