//! What bridges tell each other (IEEE 802.1D-1998, section 9.3), in a frame with a header of LLC (IEEE 802.2).
//!
//! ```text
//!  0           6           12      14              17
//! +-----------+-----------+-------+---------------+---
//! | to bridges| from      | length| 42 42 03 (LLC)| message
//! +-----------+-----------+-------+---------------+---
//!
//!  0       2     3    4      5       13         17      25     27         29      31      33      35
//! +-------+-----+----+------+-------+----------+-------+------+----------+-------+-------+-------+
//! | 0     | 0   |type| flags| root  | root path| bridge| port | message  | max   | hello | forward
//! |       |     |    |      |       | cost     |       |      | age      | age   | time  | delay
//! +-------+-----+----+------+-------+----------+-------+------+----------+-------+-------+-------+
//! ```
//!
//! Times are in units of 1/256 of a second. What comes is anybody's word: lengths are checked, and times of a root are taken
//! as the nearest that the standard allows.

use super::{Times, Vector};
use crate::frame::BRIDGES;
use alloc::vec::Vec;
use core::time::Duration;
use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of Ethernet and that of LLC.
const BEFORE: usize = 17;
const LLC: [u8; 3] = [0x42, 0x42, 0x03];
const CONFIGURATION: u8 = 0;
const NOTIFICATION: u8 = 0x80;
const CHANGE: u8 = 0x01;
const ACKNOWLEDGEMENT: u8 = 0x80;
/// Lengths of messages.
const NOTIFICATION_BYTES: usize = 4;
const CONFIGURATION_BYTES: usize = NOTIFICATION_BYTES + size_of::<Body>();
/// Units of time in a second.
const UNITS: u64 = 256;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Body {
    flags: u8,
    root: U64,
    root_path_cost: U32,
    bridge: U64,
    port: U16,
    message_age: U16,
    max_age: U16,
    hello_time: U16,
    forward_delay: U16,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bpdu {
    /// Who the root is, and how far.
    Configuration(Configuration),
    /// The tree changed somewhere below.
    Notification,
}

/// See [`Bpdu::Configuration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// What it says of the root.
    pub vector: Vector,
    /// How long ago the root said so, about.
    pub age: Duration,
    /// The root's times.
    pub times: Times,
    /// The tree is changing: addresses are to be forgotten soon.
    pub is_change: bool,
    /// A notification was heard.
    pub acknowledges: bool,
}

impl Bpdu {
    /// What a frame to all bridges says, if that is understood.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let length = usize::from(u16::from_be_bytes(*frame.get(12..)?.first_chunk()?));
        // Behind its end is what makes a frame long enough.
        let message = frame.get(14..)?.get(..length)?.strip_prefix(&LLC)?;
        let (&[0, 0, _, kind], body) = message.split_first_chunk::<NOTIFICATION_BYTES>()? else {
            return None;
        };
        match kind {
            NOTIFICATION => Some(Self::Notification),
            CONFIGURATION => {
                let (body, _) = Body::ref_from_prefix(body).ok()?;
                Some(Self::Configuration(Configuration::of(body)?))
            }
            _ => None,
        }
    }

    /// The frame that says it, from an address.
    pub fn emit(&self, from: [u8; 6]) -> Vec<u8> {
        let (kind, length) = match self {
            Self::Notification => (NOTIFICATION, NOTIFICATION_BYTES),
            Self::Configuration(_) => (CONFIGURATION, CONFIGURATION_BYTES),
        };
        let mut frame = Vec::with_capacity(BEFORE + length);
        frame.extend_from_slice(&BRIDGES);
        frame.extend_from_slice(&from);
        frame.extend_from_slice(&((LLC.len() + length) as u16).to_be_bytes());
        frame.extend_from_slice(&LLC);
        frame.extend_from_slice(&[0, 0, 0, kind]);
        if let Self::Configuration(configuration) = self {
            frame.extend_from_slice(configuration.body().as_bytes());
        }
        frame
    }
}

impl Configuration {
    /// `None`: it is too old (section 9.3.4).
    fn of(body: &Body) -> Option<Self> {
        let time = |units: U16| Duration::from_nanos(u64::from(units.get()) * 1_000_000_000 / UNITS);
        let (age, max_age) = (time(body.message_age), time(body.max_age));
        if age >= max_age {
            return None;
        }
        let times =
            Times { max_age, hello_time: time(body.hello_time), forward_delay: time(body.forward_delay) };
        let times = times.nearest_allowed();
        Some(Self {
            vector: Vector {
                root: body.root.get(),
                cost: body.root_path_cost.get(),
                bridge: body.bridge.get(),
                port: body.port.get(),
            },
            age: age.min(times.max_age),
            times,
            is_change: body.flags & CHANGE != 0,
            acknowledges: body.flags & ACKNOWLEDGEMENT != 0,
        })
    }

    fn body(&self) -> Body {
        let units = |time: Duration| {
            U16::new(u16::try_from(time.as_nanos() * u128::from(UNITS) / 1_000_000_000).unwrap_or(u16::MAX))
        };
        let flags =
            if self.is_change { CHANGE } else { 0 } | if self.acknowledges { ACKNOWLEDGEMENT } else { 0 };
        Body {
            flags,
            root: U64::new(self.vector.root),
            root_path_cost: U32::new(self.vector.cost),
            bridge: U64::new(self.vector.bridge),
            port: U16::new(self.vector.port),
            message_age: units(self.age),
            max_age: units(self.times.max_age),
            hello_time: units(self.times.hello_time),
            forward_delay: units(self.times.forward_delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const FROM: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn sample() -> Configuration {
        Configuration {
            vector: Vector {
                root: 0x8000_0200_0000_0001,
                cost: 4,
                bridge: 0x8000_0200_0000_0002,
                port: 0x8003,
            },
            age: Duration::from_secs(1),
            times: Times::default(),
            is_change: true,
            acknowledges: false,
        }
    }

    #[test]
    fn messages_are_what_the_standard_says() {
        let frame = Bpdu::Configuration(sample()).emit(FROM);
        let expected = "0180c2000000 020000000001 0026 424203 0000 00 00 01 8000020000000001 00000004 \
                        8000020000000002 8003 0100 1400 0200 0f00";
        let expected: vec::Vec<u8> = (0..expected.replace(' ', "").len() / 2)
            .map(|at| u8::from_str_radix(&expected.replace(' ', "")[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        assert_eq!(frame, expected);
        assert_eq!(Bpdu::parse(&frame), Some(Bpdu::Configuration(sample())));
        let mut padded = frame.clone();
        padded.resize(60, 0xff);
        assert_eq!(Bpdu::parse(&padded), Some(Bpdu::Configuration(sample())));
        assert_eq!(Bpdu::parse(&Bpdu::Notification.emit(FROM)), Some(Bpdu::Notification));
    }

    #[test]
    fn what_is_none_is_not_read() {
        let frame = Bpdu::Configuration(sample()).emit(FROM);
        for length in 0..frame.len() {
            assert_eq!(Bpdu::parse(&frame[..length]), None, "{length}");
        }
        // LLC, protocol, type, and an age that is the most.
        for (at, byte) in [(14, 0x41), (16, 0x13), (17, 1), (20, 2), (44, 0x14)] {
            let mut frame = frame.clone();
            frame[at] = byte;
            assert_eq!(Bpdu::parse(&frame), None, "{at}");
        }
    }

    #[test]
    fn times_of_a_root_are_the_nearest_that_are_allowed() {
        let mut frame = Bpdu::Configuration(sample()).emit(FROM);
        frame[44..52].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0, 1]);
        let Some(Bpdu::Configuration(read)) = Bpdu::parse(&frame) else { panic!("it is one") };
        let seconds = |number| Duration::from_secs(number);
        let times = Times { max_age: seconds(40), hello_time: seconds(1), forward_delay: seconds(4) };
        assert_eq!(read.times, times);
    }
}
