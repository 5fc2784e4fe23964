//! What a program chose for a connection (setsockopt(2), tcp(4)).

use super::congestion::{Kind, first_window};
use crate::wire::tcp::Options;
use core::time::Duration;

/// Bytes that a program may have written and the other side not acknowledged, at first.
const SEND_BYTES: usize = 512 << 10;
/// Bytes that may wait for the program, at first.
const RECEIVE_BYTES: usize = 512 << 10;

/// How it is seen whether the other side is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// `TCP_KEEPIDLE`: after so long without a word.
    pub idle: Duration,
    /// `TCP_KEEPINTVL`: how often then.
    pub interval: Duration,
    /// `TCP_KEEPCNT`: how many questions in vain end the connection.
    pub count: u32,
    /// `TCP_KEEPINIT`: how long a connection may take to begin.
    pub begin: Duration,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(7200),
            interval: Duration::from_secs(75),
            count: 8,
            // No less (RFC 9293, section 3.8.3).
            begin: Duration::from_secs(180),
        }
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `TCP_NOPUSH`: only full segments are sent.
    pub cork: bool,
    /// `SO_OOBINLINE`: urgent data stays in its place.
    pub urgent_inline: bool,
    /// `SO_KEEPALIVE`.
    pub keep_alive: bool,
    /// How.
    pub keep: KeepAlive,
    /// `TCP_USER_TIMEOUT`.
    pub user_timeout: Option<Duration>,
    /// `SO_LINGER`: how long closing waits; with zero, it resets.
    pub linger: Option<Duration>,
    /// `SO_SNDBUF`.
    pub send_bytes: usize,
    /// It was said, and does not grow.
    pub send_is_fixed: bool,
    /// `SO_RCVBUF`.
    pub receive_bytes: usize,
    /// It was said, and does not grow.
    pub receive_is_fixed: bool,
    /// `TCP_MAXSEG`: no longer segments are sent, nor taken.
    pub most_segment: Option<u16>,
    /// `IPV6_V6ONLY`.
    pub v6_only: bool,
    /// `IP_TTL`, `IPV6_UNICAST_HOPS`.
    pub hop_limit: Option<u8>,
    /// `IP_TOS`, `IPV6_TCLASS`.
    pub traffic_class: u8,
    /// `TCP_CONGCTL`.
    pub congestion: Kind,
    /// Windows are shifted (RFC 7323, section 2).
    pub window_scale: bool,
    /// Segments have timestamps (RFC 7323, section 3).
    pub timestamps: bool,
    /// What lies behind gaps is told (RFC 2018).
    pub sack: bool,
    /// The tail is probed for losses (RFC 8985, section 7).
    pub probes_tail: bool,
    /// Segments that are sent at first; zero: as many as RFC 6928 allows.
    pub first_segments: u32,
    /// How long an acknowledgement may be held back (RFC 9293, section 3.8.6.3, allows half a second).
    pub delayed_ack: Duration,
    /// How long a closed connection waits for the other side to close, too.
    pub fin_wait: Duration,
    /// Twice the longest life of a segment, shorter than the RFC's four minutes as everybody has it.
    pub time_wait: Duration,
}

impl Choices {
    /// Closing resets.
    pub fn resets(&self) -> bool {
        self.linger == Some(Duration::ZERO)
    }

    /// What of the other side's offer is taken.
    pub fn agreed(&self, offer: &Options) -> Options {
        Options {
            window_scale: offer.window_scale.filter(|_| self.window_scale),
            sack_permitted: offer.sack_permitted && self.sack,
            timestamps: offer.timestamps.filter(|_| self.timestamps),
            ..offer.clone()
        }
    }

    /// Bytes that may be on their way at first, in segments of so many.
    pub fn first_window(&self, segment: u32) -> u32 {
        match self.first_segments {
            0 => first_window(segment),
            segments => segments.saturating_mul(segment),
        }
    }
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            no_delay: false,
            cork: false,
            urgent_inline: false,
            keep_alive: false,
            keep: KeepAlive::default(),
            user_timeout: None,
            linger: None,
            send_bytes: SEND_BYTES,
            send_is_fixed: false,
            receive_bytes: RECEIVE_BYTES,
            receive_is_fixed: false,
            most_segment: None,
            v6_only: false,
            hop_limit: None,
            traffic_class: 0,
            congestion: Kind::default(),
            window_scale: true,
            timestamps: true,
            sack: true,
            probes_tail: true,
            first_segments: 0,
            delayed_ack: Duration::from_millis(40),
            fin_wait: Duration::from_secs(60),
            time_wait: Duration::from_secs(60),
        }
    }
}
