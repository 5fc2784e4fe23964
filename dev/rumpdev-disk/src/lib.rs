//! Partition tables: MBR with logical partitions, GPT, BSD disklabel.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
