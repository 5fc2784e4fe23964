//! Clients of a server, for C, in one archive, of which the builder makes the library.

pub use rump_capi;
