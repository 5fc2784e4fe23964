//! Tools of file systems and files.

pub mod cat;
pub mod df;
pub mod ls;
pub mod mkdir;
pub mod mount;
pub mod umount;
