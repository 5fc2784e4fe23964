//! Interfaces that are made of others: bridges and virtual networks; what there is to configure at them.

use crate::KResult;
use crate::character::DeviceFile;
use crate::device::NetworkDevice;
use crate::port::Port;
use crate::socket::NetEnvironment;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// A kind of interfaces that are made by their names, such as `bridge0`.
pub trait InterfaceKind: Send + Sync {
    /// What names begin with, before their number.
    fn name(&self) -> &'static str;

    /// Makes the device of one. Errors: ENOMEM.
    fn create(&self, environment: &NetEnvironment, unit: u16) -> KResult<Arc<dyn NetworkDevice>>;
}

/// Interfaces whose cable is named after they were made (`linkstr` of ifconfig(8)): until then the kernel has none of the name.
pub trait LinkedInterfaces: Send + Sync {
    /// What their names begin with.
    fn kinds(&self) -> Vec<&'static str>;

    /// Makes one, if the name is one of such an interface; answers whether it is. Errors: EEXIST.
    fn create(&self, name: &str) -> KResult<bool>;

    /// Takes one away, if it is such a one; answers whether it was.
    fn destroy(&self, name: &str) -> KResult<bool>;

    /// Says where its cable is. Errors: ENXIO (there is no such interface), EBUSY (it has one), EINVAL (there is no such
    /// cable), those of the device.
    fn set_link(&self, name: &str, link: &str) -> KResult<()>;

    /// What was said of it. Errors: ENXIO (there is no such interface), ENOENT (nothing).
    fn link(&self, name: &str) -> KResult<String>;

    /// An interface passes packets from now on.
    fn raised(&self, name: &str);
}

/// What there is to configure at a device.
pub enum Role<'a> {
    /// Nothing.
    Plain,
    /// Which interfaces it joins.
    Bridge(&'a dyn Bridge),
    /// Which network on which cable it is.
    Vlan(&'a dyn Vlan),
    /// Nothing; but a program may hold the other end of its cable.
    Program(&'a dyn ProgramEnd),
}

/// The end of a cable for a program, which reads what the interface sends, and writes what it receives (tap(4), tun(4)).
pub trait ProgramEnd: Send + Sync {
    /// Takes it, until the answer is dropped; `name` is that of the interface. Errors: EBUSY (another program has it).
    fn take(&self, name: &str) -> KResult<Arc<dyn DeviceFile>>;
}

/// A virtual network on the cable of another interface (IEEE 802.1Q).
pub trait Vlan: Send + Sync {
    /// Makes it the network of this number at an interface, instead of what it was.
    ///
    /// Errors: EINVAL (the interface is not one of Ethernet, or there is no such network), EBUSY (somebody has it).
    fn configure(&self, parent: &Arc<Port>, network: u16) -> KResult<()>;

    /// Makes it none again; it has no carrier then.
    fn unconfigure(&self);

    /// The interface that it is at, and its number.
    fn parent(&self) -> Option<(String, u16)>;
}

/// A bridge of interfaces (IEEE 802.1D).
pub trait Bridge: Send + Sync {
    /// Makes an interface a member. Errors: EINVAL (it is not one of Ethernet, or it is the bridge), EBUSY (it is a member
    /// of another), EEXIST (it is one of this).
    fn add(&self, port: &Arc<Port>) -> KResult<()>;

    /// Makes it none any more. Errors: ENOENT.
    fn remove(&self, name: &str) -> KResult<()>;

    /// Its members, in order of their numbers.
    fn members(&self) -> Vec<MemberInfo>;

    /// Changes a member. Errors: ENOENT, EINVAL (a value that is not allowed).
    fn set_member(&self, name: &str, settings: &MemberSettings) -> KResult<()>;

    /// What an administrator chose.
    fn settings(&self) -> BridgeSettings;

    /// Changes it. Errors: EINVAL (a value that is not allowed).
    fn set_settings(&self, settings: &BridgeSettings) -> KResult<()>;

    /// What it knows of who is where, in order of addresses.
    fn addresses(&self) -> Vec<StationInfo>;

    /// Says where an address is, for ever. Errors: ENOENT (no such member), EINVAL (the address of a group).
    fn add_static(&self, address: [u8; 6], member: &str) -> KResult<()>;

    /// Forgets an address. Errors: ENOENT.
    fn remove_address(&self, address: [u8; 6]) -> KResult<()>;

    /// Forgets what was learned; with `statics`, what was said, too.
    fn flush(&self, statics: Statics);

    /// What the spanning tree has come to.
    fn tree(&self) -> TreeInfo;

    /// What went through.
    fn statistics(&self) -> BridgeStatistics;
}

/// Frames that went through a bridge, or did not; one that is to be cut counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeStatistics {
    /// Those for somebody who is known to be elsewhere.
    pub forwarded: u64,
    /// Those for somebody unknown.
    pub flooded: u64,
    /// Those for somebody on the same cable, or whom they must not come to.
    pub filtered: u64,
    /// Those that came to a member that passes none.
    pub blocked: u64,
    /// Those whose sender is the bridge itself, or a group.
    pub returned: u64,
    /// Copies that were too long for a member's cable, or not what they said.
    pub too_long: u64,
    /// Copies that a device did not take.
    pub lost: u64,
    /// Addresses that were forgotten since there was no room for them.
    pub forgotten: u64,
}

/// What becomes of addresses that were said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statics {
    /// They stay.
    Keep,
    /// They are forgotten, too.
    Forget,
}

/// What an administrator may choose of a bridge. Times have the bounds of IEEE 802.1D-1998, table 8-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeSettings {
    /// It takes part in the spanning tree.
    pub spans: bool,
    /// The first part of its identifier: the least is the root.
    pub priority: u16,
    /// Between two messages of the root.
    pub hello_time: Duration,
    /// How long such a message counts.
    pub max_age: Duration,
    /// How long a port listens, and then learns.
    pub forward_delay: Duration,
    /// How long an address is known that nothing comes from.
    pub ageing_time: Duration,
    /// Most addresses that are learned.
    pub most_addresses: usize,
}

/// What an administrator may choose of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberSettings {
    /// It takes part in the spanning tree, if the bridge does.
    pub spans: bool,
    /// Who is behind it is learned.
    pub learns: bool,
    /// Frames to whom nobody knows go there.
    pub floods: bool,
    /// Frames of one such member never go to another (private, as BSD's bridges have it).
    pub is_isolated: bool,
    /// The first part of its identifier.
    pub priority: u8,
    /// What a way over it costs.
    pub path_cost: u32,
}

/// What a member does (IEEE 802.1D-1998, section 8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// Nothing: it has no carrier.
    Disabled,
    /// It hears what others say of the tree, and passes nothing.
    Blocking,
    /// It takes part in making the tree.
    Listening,
    /// It learns who is where, too.
    Learning,
    /// It passes frames.
    Forwarding,
}

/// A member of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// The interface's name.
    pub name: String,
    /// Its number in the bridge.
    pub number: u16,
    /// What was chosen.
    pub settings: MemberSettings,
    /// What it does.
    pub state: MemberState,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationInfo {
    /// The address.
    pub address: [u8; 6],
    /// The member.
    pub member: String,
    /// How long ago something came from it; `None`: it was said.
    pub age: Option<Duration>,
}

/// The spanning tree as a bridge sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeInfo {
    /// Its own identifier: priority and address.
    pub identifier: u64,
    /// The root's.
    pub root: u64,
    /// What the way to the root costs.
    pub root_path_cost: u32,
    /// The member that leads there, unless it is the root itself.
    pub root_member: Option<String>,
    /// How often the tree changed.
    pub changes: u64,
}
