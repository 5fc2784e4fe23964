//! Methods of a process at a server beside those of a process that is here, of one kernel.

mod configuration;
mod descriptors;
mod files;
mod rig;
mod sockets;
mod system;
