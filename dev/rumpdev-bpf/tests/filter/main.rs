//! The filter in a kernel, and its machine beside libpcap's.
#![forbid(unsafe_code)]

mod frames;
mod kernel;
mod oracle;
mod writing;
