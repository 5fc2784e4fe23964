//! What the levels of RAID make of members, as MD and LVM have them: level 4, 5 and 6 with parity, and level 10.

mod galois;
mod layout;
mod parity;
mod ten;

pub use layout::{Layout, Parities};
pub use parity::Parity;
pub use ten::Ten;
