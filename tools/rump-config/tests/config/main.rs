//! The tools, by what they do to servers of the tests' own.

mod dhcp;
mod files;
mod network;
mod rig;
mod sysctl;
mod told;
mod usage;
