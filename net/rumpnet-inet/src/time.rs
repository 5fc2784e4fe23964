//! Time: nothing here has a clock; whoever calls says what time it is.

use core::time::Duration;

/// A moment: the time since an arbitrary point.
pub type Instant = Duration;
