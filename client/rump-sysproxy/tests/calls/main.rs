//! System calls by their numbers, for a client whose memory is here.

mod aio;
mod every;
mod files;
mod good;
mod rig;
mod sockets;
mod times;
mod waiting;
