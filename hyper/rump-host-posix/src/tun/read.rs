//! Reading to memory that is not filled before.
//!
//! `unsafe` is here for one statement: that what the host has written is there.
#![allow(unsafe_code)]

use bytes::BytesMut;
use rustix::fd::AsFd;
use rustix::io::{Errno, read};

/// Appends what one `read` gives, for which there is as much room as the memory has left. Answers its length.
pub fn read_to(file: impl AsFd, memory: &mut BytesMut) -> Result<usize, Errno> {
    let (filled, _) = read(file, memory.spare_capacity_mut())?;
    let count = filled.len();
    // SAFETY: so many bytes behind those that were there are filled, and the memory has room for them.
    unsafe { memory.set_len(memory.len() + count) };
    Ok(count)
}
