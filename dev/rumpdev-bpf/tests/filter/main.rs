//! The filter in a kernel, and its machine beside libpcap's.
#![forbid(unsafe_code)]

mod frames;
mod kernel;
mod loopback;
mod oracle;
mod writing;
