//! The format of tar archives: ustar, pax and GNU tar, as GNU tar, star and libarchive write them.
//!
//! | module | what |
//! |---|---|
//! | [`header`] | the block that begins a member |
//! | [`pax`] | the records of extended headers |
//! | [`sparse`] | where the data of a file with holes lies |
//! | [`encoded`] | how libarchive writes names and values of extended attributes |
//! | [`acl`] | lists of access rights |
//! | [`reader`] | the members, one after the other |
//! | [`members`] | where the members of a plain archive lie, and what its first one is called |
//!
//! What an archive says is bounded before memory is taken for it.
#![forbid(unsafe_code)]

pub mod acl;
pub mod encoded;
pub mod header;
pub mod members;
pub mod pax;
pub mod reader;
pub mod sparse;
