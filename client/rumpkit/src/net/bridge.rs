//! Bridges of a kernel.

use super::interface::Interface;
use crate::kpi::link::{
    Bridge as BridgeDevice, BridgeSettings, BridgeStatistics, MemberInfo, MemberSettings, Role, Statics,
    StationInfo, TreeInfo,
};
use crate::kpi::port::Port;
use crate::{Errno, KError, KResult, Kernel};
use std::io;
use std::sync::Arc;

/// A bridge: an interface that joins others to one network. A name for it, which may be dropped, not the thing itself.
///
/// ```
/// use rumpkit::net::{Bridge, Interface, wire::Wire};
/// # use rumpkit::PosixHost;
/// # fn main() -> std::io::Result<()> {
/// # let kernel = rumpkit::kernel(PosixHost::new())?;
/// let [left, right] = [Wire::new(), Wire::new()];
/// Interface::attach(&kernel, "if0", left.end())?;
/// Interface::attach(&kernel, "if1", right.end())?;
/// let bridge = Bridge::create(&kernel, "bridge0")?;
/// bridge.add("if0")?;
/// bridge.add("if1")?;
/// // What is on one wire is on the other now. The bridge itself is a host on both, if it is given an address:
/// bridge.interface().add_address("10.0.0.1/24".parse()?)?;
/// bridge.interface().up()?;
/// # Ok(())
/// # }
/// ```
///
/// Members pass frames whether their interfaces are up or not.
#[derive(Clone)]
pub struct Bridge {
    kernel: Kernel,
    interface: Interface,
    port: Arc<Port>,
}

impl Bridge {
    /// Makes one, which is down, without members. Errors: EINVAL (the name is not `bridge` and a number), AlreadyExists.
    pub fn create(kernel: &Kernel, name: &str) -> io::Result<Self> {
        Self::of(kernel, Interface::create(kernel, name)?)
    }

    /// The one with this name. Errors: ENXIO (there is none), EINVAL (it is no bridge).
    pub fn find(kernel: &Kernel, name: &str) -> io::Result<Self> {
        Self::of(kernel, Interface::find(kernel, name)?)
    }

    fn of(kernel: &Kernel, interface: Interface) -> io::Result<Self> {
        let bridge = Self { kernel: kernel.clone(), port: interface.port()?, interface };
        bridge.device()?;
        Ok(bridge)
    }

    /// Errors: EINVAL.
    fn device(&self) -> KResult<&dyn BridgeDevice> {
        use crate::kpi::device::NetworkDevice;
        match self.port.role() {
            Role::Bridge(device) => Ok(device),
            _ => Err(KError::new(Errno::EINVAL, format!("{} is no bridge", self.port.name()))),
        }
    }

    /// The bridge as an interface.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Makes an interface a member. Errors: ENXIO (there is none of this name), EINVAL (it is none of Ethernet, or leads to
    /// the bridge itself), EBUSY (it is a member of another bridge), AlreadyExists (of this).
    pub fn add(&self, name: &str) -> io::Result<()> {
        Ok(self.device()?.add(&Interface::find(&self.kernel, name)?.port()?)?)
    }

    /// Makes it none any more. Errors: NotFound.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(self.device()?.remove(name)?)
    }

    /// Its members, in order of their numbers.
    pub fn members(&self) -> io::Result<Vec<MemberInfo>> {
        Ok(self.device()?.members())
    }

    /// Changes what was chosen of a member. Errors: NotFound, EINVAL.
    pub fn change_member(&self, name: &str, change: impl FnOnce(&mut MemberSettings)) -> io::Result<()> {
        let device = self.device()?;
        let found = device.members().into_iter().find(|member| member.name == name);
        let missing = || KError::new(Errno::ENOENT, format!("{name} is no member"));
        let mut settings = found.ok_or_else(missing)?.settings;
        change(&mut settings);
        Ok(device.set_member(name, &settings)?)
    }

    /// What was chosen of the bridge.
    pub fn settings(&self) -> io::Result<BridgeSettings> {
        Ok(self.device()?.settings())
    }

    /// Changes it. Errors: EINVAL (times that the standard does not allow).
    pub fn change(&self, change: impl FnOnce(&mut BridgeSettings)) -> io::Result<()> {
        let device = self.device()?;
        let mut settings = device.settings();
        change(&mut settings);
        Ok(device.set_settings(&settings)?)
    }

    /// Who is where.
    pub fn addresses(&self) -> io::Result<Vec<StationInfo>> {
        Ok(self.device()?.addresses())
    }

    /// Says where an address is, for ever. Errors: NotFound (no such member), EINVAL (the address is one of a group).
    pub fn add_static(&self, address: [u8; 6], member: &str) -> io::Result<()> {
        Ok(self.device()?.add_static(address, member)?)
    }

    /// Forgets an address. Errors: NotFound.
    pub fn remove_address(&self, address: [u8; 6]) -> io::Result<()> {
        Ok(self.device()?.remove_address(address)?)
    }

    /// Forgets all that was learned; what was said as well, if that is wanted.
    pub fn flush(&self, statics: Statics) -> io::Result<()> {
        self.device()?.flush(statics);
        Ok(())
    }

    /// The spanning tree as the bridge sees it.
    pub fn tree(&self) -> io::Result<TreeInfo> {
        Ok(self.device()?.tree())
    }

    /// What went through.
    pub fn statistics(&self) -> io::Result<BridgeStatistics> {
        Ok(self.device()?.statistics())
    }

    /// Takes it away; its members are interfaces of their own again.
    pub fn destroy(self) -> io::Result<()> {
        self.interface.detach()
    }
}
