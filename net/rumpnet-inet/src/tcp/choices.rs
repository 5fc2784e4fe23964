//! What a program chose for a connection (setsockopt(2), tcp(4)).

use super::congestion::Kind;
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
#[derive(Clone, Debug)]
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
}

impl Choices {
    /// Closing resets.
    pub fn resets(&self) -> bool {
        self.linger == Some(Duration::ZERO)
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
        }
    }
}
