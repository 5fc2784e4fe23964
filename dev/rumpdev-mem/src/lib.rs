//! The devices that have nothing behind them: `null` and `zero` (mem(4)), `random` and `urandom` (rnd(4)), with NetBSD's
//! numbers.
//!
//! Random bytes are the host's, which never block; what is written to them is taken and changes nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;
use rump_kpi::character::{
    CharacterDevice, CharacterDriver, DeviceEnvironment, DeviceFile, DeviceNode, Patience,
};
use rump_kpi::socket::{Caller, FillRandom};
use rump_kpi::{Component, Errno, KResult};

/// Bytes that one read of random bytes answers at most, so that it ends.
const MOST_RANDOM: usize = 1 << 20;

/// The components of this crate.
pub fn components() -> [Component; 2] {
    [memory(), random()]
}

/// `null` and `zero`.
pub fn memory() -> Component {
    Component::Character(&Memory)
}

/// `random` and `urandom`.
pub fn random() -> Component {
    Component::Character(&Random)
}

struct Memory;

const NULL: u32 = 2;
const ZERO: u32 = 12;

impl CharacterDriver for Memory {
    fn major(&self) -> u32 {
        2
    }

    fn nodes(&self) -> &'static [DeviceNode] {
        &[
            DeviceNode { name: "null", minor: NULL, mode: 0o666 },
            DeviceNode { name: "zero", minor: ZERO, mode: 0o666 },
        ]
    }

    fn attach(&self, _environment: &DeviceEnvironment) -> KResult<Arc<dyn CharacterDevice>> {
        Ok(Arc::new(Self))
    }
}

impl CharacterDevice for Memory {
    fn open(&self, minor: u32, _caller: Caller) -> KResult<Arc<dyn DeviceFile>> {
        match minor {
            NULL => Ok(Arc::new(Content::None)),
            ZERO => Ok(Arc::new(Content::Zeros)),
            _ => Err(Errno::ENXIO.into()),
        }
    }
}

struct Random;

const RANDOM: u32 = 0;
const URANDOM: u32 = 1;

impl CharacterDriver for Random {
    fn major(&self) -> u32 {
        46
    }

    fn nodes(&self) -> &'static [DeviceNode] {
        &[
            DeviceNode { name: "random", minor: RANDOM, mode: 0o666 },
            DeviceNode { name: "urandom", minor: URANDOM, mode: 0o644 },
        ]
    }

    fn attach(&self, environment: &DeviceEnvironment) -> KResult<Arc<dyn CharacterDevice>> {
        Ok(Arc::new(Source(environment.random.clone())))
    }
}

struct Source(Arc<FillRandom>);

impl CharacterDevice for Source {
    fn open(&self, minor: u32, _caller: Caller) -> KResult<Arc<dyn DeviceFile>> {
        match minor {
            RANDOM | URANDOM => Ok(Arc::new(Content::Random(self.0.clone()))),
            _ => Err(Errno::ENXIO.into()),
        }
    }
}

/// What a read finds.
enum Content {
    None,
    Zeros,
    Random(Arc<FillRandom>),
}

impl DeviceFile for Content {
    fn read(&self, parts: &mut [&mut [u8]], _patience: Patience) -> KResult<usize> {
        let mut left = match self {
            Self::None => 0,
            Self::Zeros => usize::MAX,
            Self::Random(_) => MOST_RANDOM,
        };
        let mut count = 0;
        for part in parts {
            let length = part.len().min(left);
            let place = &mut part[..length];
            match self {
                Self::Random(fill) => fill(place),
                _ => place.fill(0),
            }
            (left, count) = (left - length, count + length);
        }
        Ok(count)
    }

    fn write(&self, parts: &[&[u8]]) -> KResult<usize> {
        Ok(parts.iter().map(|part| part.len()).sum())
    }
}
