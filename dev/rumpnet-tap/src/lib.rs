//! Interfaces whose other end is a program in the kernel: `tap0` carries frames of Ethernet, `tun0` packets of IP. What the
//! interface sends, the program reads, one frame at a time; what it writes, the interface receives.
//!
//! References: tap(4) and tun(4) of NetBSD. `/dev/tap` makes an interface with the first free number, which is gone when the
//! file is closed. `/dev/tap0` and `/dev/tun0` make theirs if it is not there, and it stays. Interfaces can be made by their
//! names before, too. A program alone has an end; without one, what is sent is lost.
//!
//! # Locks
//! The state of an end, a leaf. Each end has a lock that is held while its receiver is called, so that
//! [`NetworkDevice::stop`] returns when nothing is being received any more.
//!
//! [`NetworkDevice::stop`]: rump_kpi::device::NetworkDevice::stop
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod end;
mod file;
pub mod request;

use alloc::format;
use alloc::sync::Arc;
use end::{End, Kind};
use rump_kpi::character::{
    CharacterDevice, CharacterDriver, DeviceEnvironment, DeviceFile, DeviceNode, Interfaces,
};
use rump_kpi::device::NetworkDevice;
use rump_kpi::link::{InterfaceKind, ProgramEnd, Role};
use rump_kpi::socket::{Caller, FillRandom, NetEnvironment};
use rump_kpi::{Component, Errno, KResult};

/// The components of this crate: the devices, and the kinds of interfaces.
pub fn components() -> [Component; 4] {
    let ([frames, tap], [packets, tun]) = (tap(), tun());
    [frames, packets, tap, tun]
}

/// Those of tap(4).
pub fn tap() -> [Component; 2] {
    [Component::Character(&Frames), Component::Interfaces(&Frames)]
}

/// Those of tun(4).
pub fn tun() -> [Component; 2] {
    [Component::Character(&Packets), Component::Interfaces(&Packets)]
}

/// The unit that stands for whichever is free (`TAP_CLONER`).
const CLONER: u32 = 0xf_ffff;
/// Units that are tried for a free one.
const MOST_UNITS: u32 = 4096;

/// tap(4).
struct Frames;

impl InterfaceKind for Frames {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn create(&self, environment: &NetEnvironment, _unit: u16) -> KResult<Arc<dyn NetworkDevice>> {
        Ok(End::new(frames(&environment.random)))
    }
}

/// With an address that is locally administered.
fn frames(random: &Arc<FillRandom>) -> Kind {
    let mut address = [0; 6];
    random(&mut address);
    address[0] = address[0] & 0xfc | 0x02;
    Kind::Frames { address }
}

impl CharacterDriver for Frames {
    fn major(&self) -> u32 {
        169
    }

    fn nodes(&self) -> &'static [DeviceNode] {
        const MODE: u32 = 0o600;
        &[
            DeviceNode { name: "tap", minor: CLONER, mode: MODE },
            DeviceNode { name: "tap0", minor: 0, mode: MODE },
            DeviceNode { name: "tap1", minor: 1, mode: MODE },
        ]
    }

    fn attach(&self, environment: &DeviceEnvironment) -> KResult<Arc<dyn CharacterDevice>> {
        let (random, interfaces) = (environment.random.clone(), environment.interfaces.clone());
        let kind = move || frames(&random);
        Ok(Arc::new(Device { name: "tap", kind, interfaces }))
    }
}

/// tun(4).
struct Packets;

impl InterfaceKind for Packets {
    fn name(&self) -> &'static str {
        "tun"
    }

    fn create(&self, _environment: &NetEnvironment, _unit: u16) -> KResult<Arc<dyn NetworkDevice>> {
        Ok(End::new(Kind::Packets))
    }
}

impl CharacterDriver for Packets {
    fn major(&self) -> u32 {
        40
    }

    fn nodes(&self) -> &'static [DeviceNode] {
        const MODE: u32 = 0o600;
        &[
            DeviceNode { name: "tun0", minor: 0, mode: MODE },
            DeviceNode { name: "tun1", minor: 1, mode: MODE },
        ]
    }

    fn attach(&self, environment: &DeviceEnvironment) -> KResult<Arc<dyn CharacterDevice>> {
        let interfaces = environment.interfaces.clone();
        Ok(Arc::new(Device { name: "tun", kind: || Kind::Packets, interfaces }))
    }
}

struct Device<K> {
    /// What names of interfaces begin with.
    name: &'static str,
    kind: K,
    interfaces: Arc<dyn Interfaces>,
}

impl<K: Fn() -> Kind + Send + Sync> CharacterDevice for Device<K> {
    /// Errors: ENXIO (no such unit), EBUSY (another program has it), ENFILE (no unit is free), those of attaching.
    fn open(&self, minor: u32, _caller: Caller) -> KResult<Arc<dyn DeviceFile>> {
        if minor == CLONER {
            return self.open_free();
        }
        if minor >= MOST_UNITS {
            return Err(Errno::ENXIO.into());
        }
        let name = format!("{}{minor}", self.name);
        match self.interfaces.port(&name) {
            Err(error) if error.errno == Errno::ENXIO => {
                match self.interfaces.attach(&name, End::new((self.kind)())) {
                    Err(error) if error.errno != Errno::EEXIST => return Err(error),
                    _ => {}
                }
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        match self.interfaces.port(&name)?.role() {
            Role::Program(end) => end.take(&name),
            _ => Err(Errno::ENXIO.into()),
        }
    }
}

impl<K: Fn() -> Kind + Send + Sync> Device<K> {
    fn open_free(&self) -> KResult<Arc<dyn DeviceFile>> {
        for unit in 0..MOST_UNITS {
            let (name, end) = (format!("{}{unit}", self.name), End::new((self.kind)()));
            // It is taken before anybody else can find it.
            let file = end.take(&name)?;
            match self.interfaces.attach(&name, end) {
                Ok(number) => {
                    return Ok(Arc::new(file::Cloned::new(file, self.interfaces.clone(), number)));
                }
                Err(error) if error.errno == Errno::EEXIST => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::ENFILE.into())
    }
}
