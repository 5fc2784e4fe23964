//! Disk images: how users name a place in one, what is in one, and opening it for reading.
//!
//! Nothing here writes to an image (what is found out about a packed one is kept beside it), and nothing is found by trial: formats, tables and file systems are recognised by
//! their signatures.

mod address;
mod error;
mod kept;
mod layers;
mod open;
mod stack;
mod survey;
mod unlock;

pub use address::{Address, Selector};
pub use error::{OpenError, Refusal};
pub use kept::{Kind, Long, Watch, Work};
pub use layers::{Format, Keys, Layer, Opening, open_device, open_layers};
pub use open::{Image, mount_in};
pub use rump_sources::{Url, is_url};
pub use stack::{Group, STACKED, Wrapping};
pub use survey::{Content, Survey, Volume};

/// Whether an image is locked while it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockPolicy {
    /// A shared lock, so that nobody writes meanwhile; refused if somebody does already.
    #[default]
    Lock,
    /// No lock: what is read may change underneath.
    NoLock,
}
