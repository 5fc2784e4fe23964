//! What becomes of a client whose server has gone.

use std::time::Duration;

/// How long a client looks for a server that has gone (`rumpclient_setconnretry`, `RUMPHIJACK_RETRYCONNECT`). What the
/// kernel knew of it is lost in any case: the process it finds is a fresh one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// Calls answer ENOTCONN.
    #[default]
    Never,
    /// Until there is one.
    Forever,
    /// Once, at once.
    Once,
    /// The program ends.
    Die,
    /// For so long.
    For(Duration),
}

impl Retry {
    /// By the number that C has for it. None: it is none.
    pub fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Never,
            -1 => Self::Forever,
            -2 => Self::Once,
            -3 => Self::Die,
            _ => Self::For(Duration::from_secs(number.try_into().ok()?)),
        })
    }

    /// The number that C has for it.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Never => 0,
            Self::Forever => -1,
            Self::Once => -2,
            Self::Die => -3,
            Self::For(time) => i64::try_from(time.as_secs()).unwrap_or(i64::MAX).max(1),
        }
    }

    /// As `RUMPHIJACK_RETRYCONNECT` says it. None: it says something else.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "inftime" => Some(Self::Forever),
            "once" => Some(Self::Once),
            "die" => Some(Self::Die),
            seconds => seconds
                .parse()
                .ok()
                .filter(|seconds| *seconds > 0)
                .map(|seconds| Self::For(Duration::from_secs(seconds))),
        }
    }
}
