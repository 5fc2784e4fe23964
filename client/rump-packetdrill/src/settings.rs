//! How a script is run: what the command line and the options at its head say.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Fields of expected segments that are not compared: for scripts of other systems, whose values are their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Windows.
    pub window: bool,
    /// The shift of windows.
    pub scale: bool,
    /// The longest segment.
    pub mss: bool,
    /// The flag PSH.
    pub push: bool,
    /// The answers of `getsockopt`.
    pub sockopt: bool,
}

/// Which protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4.
    #[default]
    V4,
    /// IPv4 by sockets of IPv6.
    Mapped,
    /// IPv6.
    V6,
}

/// How a script is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which protocol.
    pub version: IpVersion,
    /// The kernel's address, if another than usual.
    pub local: Option<IpAddr>,
    /// The other side's address, if another than usual.
    pub remote: Option<IpAddr>,
    /// The port that is bound to.
    pub bind_port: u16,
    /// The port that is connected to.
    pub connect_port: u16,
    /// The MTU of the wire.
    pub mtu: u32,
    /// How much sooner or later something may happen.
    pub tolerance: Duration,
    /// The same as a part of the time since the event before, in percent.
    pub tolerance_percent: f64,
    /// How long a tick of timestamps is; zero: their values are not compared.
    pub timestamp_tick: Duration,
    /// What is not compared.
    pub ignored: Ignored,
    /// A packet that the script does not expect fails it at its end, too; and a segment is not compared with several.
    pub strict: bool,
    /// What the kernel's random bytes follow from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: IpVersion::V4,
            local: None,
            remote: None,
            bind_port: 8080,
            connect_port: 8080,
            mtu: 1500,
            tolerance: Duration::from_millis(4),
            tolerance_percent: 12.5,
            timestamp_tick: Duration::ZERO,
            ignored: Ignored::default(),
            strict: false,
            seed: 1,
        }
    }
}

/// An option that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// Its value makes no sense.
    Value(String),
    /// It is not supported, but a script may do without.
    Unsupported(String),
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(what) | Self::Unsupported(what) => f.write_str(what),
        }
    }
}

impl Settings {
    /// Follows an option of packetdrill. Errors: its value makes no sense, it is not supported.
    pub fn apply(&mut self, name: &str, value: Option<&str>) -> Result<(), SettingError> {
        let bad = || SettingError::Value(format!("--{name}={}: no such value", value.unwrap_or_default()));
        let text = value.unwrap_or_default();
        let number = || text.parse::<u64>().map_err(|_| bad());
        let port = || text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad);
        // The remote address may have the length of its prefix behind it.
        let address = || text.split('/').next().unwrap_or_default().parse::<IpAddr>().map_err(|_| bad());
        match name {
            "ip_version" => {
                self.version = match text {
                    "ipv4" => IpVersion::V4,
                    "ipv4-mapped-ipv6" => IpVersion::Mapped,
                    "ipv6" => IpVersion::V6,
                    _ => return Err(bad()),
                }
            }
            "local_ip" => self.local = Some(address()?),
            "remote_ip" => self.remote = Some(address()?),
            "bind_port" => self.bind_port = port()?,
            "connect_port" => self.connect_port = port()?,
            "mtu" => {
                self.mtu = number().ok().filter(|mtu| (68..=65_535).contains(mtu)).ok_or_else(bad)? as u32
            }
            "tolerance_usecs" => self.tolerance = Duration::from_micros(number()?),
            "tolerance_percent" => {
                let percent = text.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
                self.tolerance_percent = percent.ok_or_else(bad)?;
            }
            "tcp_ts_tick_usecs" => self.timestamp_tick = Duration::from_micros(number()?),
            "strict_segments" => self.strict = true,
            // Of the tunnel on the other system, or for people.
            "gateway_ip" | "netmask_ip" | "speed" | "verbose" | "debug" | "dry_run"
            | "persistent_tun_dev" | "tcp_ts_ecr_scaled" | "code_command" | "code_format"
            | "code_sockopt" => {}
            _ => return Err(SettingError::Unsupported(format!("the option --{name} is passed over"))),
        }
        Ok(())
    }

    /// The kernel's address.
    pub fn local(&self) -> IpAddr {
        self.local.unwrap_or(match self.version {
            IpVersion::V6 => Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1).into(),
            _ => Ipv4Addr::new(192, 168, 0, 1).into(),
        })
    }

    /// The other side's.
    pub fn remote(&self) -> IpAddr {
        self.remote.unwrap_or(match self.version {
            IpVersion::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            _ => Ipv4Addr::new(192, 0, 2, 1).into(),
        })
    }

    /// How much sooner or later something may happen that was to happen so long after the event before.
    pub fn tolerance_of(&self, since: Duration) -> Duration {
        self.tolerance.max(since.mul_f64(self.tolerance_percent / 100.0))
    }
}
