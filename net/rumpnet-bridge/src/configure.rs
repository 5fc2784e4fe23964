//! What an administrator does with a bridge.

use crate::Instant;
use crate::device::{Bridge, Core, MemberRelay, identifier};
use crate::frame::{Address, address};
use crate::switch::Member;
use crate::tree::Times;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;
use rump_kpi::device::NetworkDevice;
use rump_kpi::link::{
    self, BridgeSettings, BridgeStatistics, MemberInfo, MemberSettings, MemberState, Statics, StationInfo,
    TreeInfo,
};
use rump_kpi::port::Port;
use rump_kpi::{Errno, KError, KResult};

/// What a bridge begins with (IEEE 802.1D-1998, tables 7-5, 8-2 and 8-3). It takes no part in the tree.
pub(crate) const DEFAULT: BridgeSettings = BridgeSettings {
    spans: false,
    priority: 0x8000,
    hello_time: Duration::from_secs(2),
    max_age: Duration::from_secs(20),
    forward_delay: Duration::from_secs(15),
    ageing_time: Duration::from_secs(300),
    most_addresses: 4096,
};
/// What a member begins with. A cable of 1 Gbit/s costs as much (table 8-5): what a cable carries is not known.
const DEFAULT_OF_MEMBER: MemberSettings = MemberSettings {
    spans: true,
    learns: true,
    floods: true,
    is_isolated: false,
    priority: 0x80,
    path_cost: 4,
};
/// The tree has eight bits for them.
const MOST_MEMBERS: u16 = 255;
/// Table 7-5, in seconds. Less than ten are allowed, for those who want to see it.
const MOST_AGEING: Duration = Duration::from_secs(1_000_000);
/// Most of what a bridge is let learn: some 60 MB.
const MOST_ADDRESSES: usize = 1 << 20;
/// What a way costs (section 8.10.2).
const PATH_COSTS: core::ops::RangeInclusive<u32> = 1..=65_535;

impl Bridge {
    /// Errors: ENOENT.
    fn number_of(core: &Core, name: &str) -> KResult<u16> {
        let is_it =
            |member: &crate::device::Member| member.port.upgrade().is_some_and(|port| port.name() == name);
        let found = core.ports.iter().find(|(_, member)| is_it(member)).map(|(number, _)| *number);
        found.ok_or_else(|| KError::new(Errno::ENOENT, alloc::format!("{name} is no member")))
    }

    /// Gives a member a number. Errors: EEXIST (it has one), ENOSPC.
    fn enlist(&self, port: &Arc<Port>, hardware: [u8; 6]) -> KResult<u16> {
        let mut core = self.core.lock();
        if core.ports.values().any(|member| core::ptr::eq(member.port.as_ptr(), Arc::as_ptr(port))) {
            return Err(Errno::EEXIST.into());
        }
        let free = (1..=MOST_MEMBERS).find(|number| !core.ports.contains_key(number));
        let number = free.ok_or(Errno::ENOSPC)?;
        core.add(number, port, hardware);
        Ok(number)
    }

    /// Takes its frames. Errors: EBUSY, EINVAL (they would go round).
    fn join(&self, port: &Arc<Port>, number: u16) -> KResult<()> {
        let bridge = self.itself.upgrade().ok_or(Errno::ENXIO)?;
        port.join(Arc::new(MemberRelay { bridge, number }))?;
        // Looked at afterwards: of two who build a ring at once, at least one sees it.
        if self.port().is_some_and(|own| port.leads_to(&own)) {
            port.leave();
            return Err(KError::new(Errno::EINVAL, "a bridge cannot be its own member"));
        }
        Ok(())
    }
}

fn station_address(bytes: [u8; 6]) -> KResult<Address> {
    let address = address(bytes);
    if address.is_group() { Err(Errno::EINVAL.into()) } else { Ok(address) }
}

fn check_settings(settings: &BridgeSettings) -> KResult<()> {
    let are_times_allowed = times_of(settings).are_allowed();
    if !are_times_allowed || settings.ageing_time > MOST_AGEING || settings.most_addresses > MOST_ADDRESSES {
        return Err(Errno::EINVAL.into());
    }
    Ok(())
}

fn times_of(settings: &BridgeSettings) -> Times {
    let BridgeSettings { max_age, hello_time, forward_delay, .. } = *settings;
    Times { max_age, hello_time, forward_delay }
}

impl Core {
    /// An interface that joined takes part from now on.
    fn admit(&mut self, now: Instant, number: u16, has_carrier: bool) {
        let member = Member { settings: DEFAULT_OF_MEMBER, state: MemberState::Disabled };
        self.switch.members.insert(number, member);
        if let Some(config) = self.port_config(number, has_carrier) {
            self.tree.add_port(now, number, config);
        }
    }
}

impl link::Bridge for Bridge {
    fn add(&self, port: &Arc<Port>) -> KResult<()> {
        let hardware =
            port.hardware().ok_or_else(|| KError::new(Errno::EINVAL, "it is no interface of Ethernet"))?;
        let number = self.enlist(port, hardware)?;
        if let Err(error) = self.join(port, number) {
            self.change(|core, now| core.remove(now, number));
            return Err(error);
        }
        let has_carrier = port.has_carrier();
        self.change(|core, now| core.admit(now, number, has_carrier));
        self.tell_stack();
        Ok(())
    }

    fn remove(&self, name: &str) -> KResult<()> {
        let port = self.change(|core, now| {
            let number = Self::number_of(core, name)?;
            Ok::<_, KError>(core.remove(now, number))
        })?;
        if let Some(port) = port.and_then(|port| port.upgrade()) {
            port.leave();
        }
        self.tell_stack();
        Ok(())
    }

    fn members(&self) -> Vec<MemberInfo> {
        let core = self.core.lock();
        let info = |(number, member): (&u16, &Member)| {
            let name = String::from(core.ports.get(number)?.port.upgrade()?.name());
            Some(MemberInfo { name, number: *number, settings: member.settings, state: member.state })
        };
        core.switch.members.iter().filter_map(info).collect()
    }

    fn set_member(&self, name: &str, settings: &MemberSettings) -> KResult<()> {
        let has_carrier = {
            let core = self.core.lock();
            let number = Self::number_of(&core, name)?;
            core.ports.get(&number).and_then(|member| member.port.upgrade())
        };
        let has_carrier = has_carrier.is_some_and(|port| port.has_carrier());
        if !PATH_COSTS.contains(&settings.path_cost) {
            return Err(Errno::EINVAL.into());
        }
        self.change(|core, now| {
            let number = Self::number_of(core, name)?;
            let member = core.switch.members.get_mut(&number).ok_or(Errno::ENOENT)?;
            member.settings = *settings;
            if !settings.learns {
                core.switch.table.forget_learned_at(number);
            }
            if let Some(config) = core.port_config(number, has_carrier) {
                core.tree.set_port_if_changed(now, number, config);
            }
            Ok(())
        })
    }

    fn settings(&self) -> BridgeSettings {
        self.core.lock().settings
    }

    fn set_settings(&self, settings: &BridgeSettings) -> KResult<()> {
        check_settings(settings)?;
        self.change(|core, now| {
            core.settings = *settings;
            core.switch.table.set_most(settings.most_addresses);
            core.tree.set_times(times_of(settings));
            core.set_priority(now);
            core.tree.set_on(now, settings.spans);
        });
        Ok(())
    }

    fn addresses(&self) -> Vec<StationInfo> {
        let now = self.now();
        let core = self.core.lock();
        let info = |(address, (number, age)): (Address, (u16, Option<Duration>))| {
            let member = String::from(core.ports.get(&number)?.port.upgrade()?.name());
            Some(StationInfo { address: address.bytes(), member, age })
        };
        core.switch.table.all(now).into_iter().filter_map(info).collect()
    }

    fn add_static(&self, bytes: [u8; 6], member: &str) -> KResult<()> {
        let mut core = self.core.lock();
        let number = Self::number_of(&core, member)?;
        core.switch.table.add_static(station_address(bytes)?, number);
        Ok(())
    }

    fn remove_address(&self, bytes: [u8; 6]) -> KResult<()> {
        let now = self.now();
        match self.core.lock().switch.table.remove(now, address(bytes)) {
            true => Ok(()),
            false => Err(Errno::ENOENT.into()),
        }
    }

    fn flush(&self, statics: Statics) {
        self.core.lock().switch.table.flush(statics);
    }

    fn tree(&self) -> TreeInfo {
        let core = self.core.lock();
        let name = |number: u16| {
            core.ports.get(&number).and_then(|member| Some(String::from(member.port.upgrade()?.name())))
        };
        TreeInfo {
            identifier: core.tree.own(),
            root: core.tree.root(),
            root_path_cost: core.tree.root_cost(),
            root_member: core.tree.root_port().and_then(name),
            changes: core.tree.changes(),
        }
    }

    fn statistics(&self) -> BridgeStatistics {
        let of_switch = self.core.lock().switch.statistics;
        let [too_long, lost] = [&self.too_long, &self.lost].map(|counter| counter.load(Ordering::Relaxed));
        BridgeStatistics { too_long, lost, ..of_switch }
    }
}

impl Core {
    fn set_priority(&mut self, now: Instant) {
        let address = address_of(self.tree.own());
        self.tree.set_own(now, identifier(self.settings.priority, address));
    }
}

fn address_of(identifier: u64) -> [u8; 6] {
    Address(identifier & 0xffff_ffff_ffff).bytes()
}
