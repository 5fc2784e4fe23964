//! Files: content, length and attributes.

mod attr;
mod content;
mod size;

pub use attr::{attr, set_attr, touch};
pub use content::{read, write};
pub use size::{release, set_size};
