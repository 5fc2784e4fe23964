//! What an administrator may choose for all connections (sysctl(7), `net.inet.tcp`).

use super::autotune::Limits;
use super::choices::Choices;
use super::ecn::Use;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When explicit congestion notification is used.
    pub ecn: Use,
    /// What new sockets begin with.
    pub choices: Choices,
    /// How far buffers grow.
    pub limits: Limits,
    /// Who floods a listener with beginnings is answered without memory.
    pub cookies: bool,
    /// Connections that have ended and are remembered (`TIME-WAIT`); the oldest goes.
    pub most_waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ecn: Use::default(),
            choices: Choices::default(),
            limits: Limits::default(),
            cookies: true,
            most_waiting: 32_768,
        }
    }
}
