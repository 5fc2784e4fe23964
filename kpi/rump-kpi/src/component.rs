//! Components are listed when a kernel is built, not found by magic.

use crate::character::CharacterDriver;
use crate::link::InterfaceKind;
use crate::socket::ProtocolFamily;
use crate::{FileSystemType, PartitionScheme};
use alloc::sync::Arc;

/// What a crate adds to a kernel.
#[derive(Clone)]
pub enum Component {
    /// A type of file system.
    FileSystem(&'static dyn FileSystemType),
    /// A way of dividing a disk.
    Partitions(&'static dyn PartitionScheme),
    /// Families of protocols.
    Protocols(Arc<dyn ProtocolFamily>),
    /// A kind of interfaces that are made by their names.
    Interfaces(&'static dyn InterfaceKind),
    /// Character devices.
    Character(&'static dyn CharacterDriver),
}
