//! Limits of resources (setrlimit(2)), with NetBSD's numbers.

/// What a process is limited in. `as usize` gives NetBSD's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Time of the processor, in seconds.
    Cpu,
    /// Length of files that it writes, in bytes.
    FileSize,
    /// Its data, in bytes.
    Data,
    /// Its stack, in bytes.
    Stack,
    /// Length of a core file, in bytes.
    Core,
    /// Its memory that is resident, in bytes.
    ResidentSet,
    /// Its memory that is locked, in bytes.
    LockedMemory,
    /// Processes of its user.
    Processes,
    /// Its descriptors.
    OpenFiles,
    /// Buffers of its sockets, in bytes.
    SocketBuffers,
    /// Its address space, in bytes.
    AddressSpace,
    /// Threads of its user.
    Threads,
}

impl Resource {
    /// Every resource, in the order of the numbers.
    pub const ALL: [Resource; 12] = [
        Self::Cpu,
        Self::FileSize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::ResidentSet,
        Self::LockedMemory,
        Self::Processes,
        Self::OpenFiles,
        Self::SocketBuffers,
        Self::AddressSpace,
        Self::Threads,
    ];
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResourceLimit {
    /// The one that counts.
    pub soft: u64,
    /// How far that can be raised.
    pub hard: u64,
}

impl ResourceLimit {
    /// What is not limited.
    pub const INFINITY: u64 = u64::MAX;
    /// None at all.
    pub const NONE: Self = Self { soft: Self::INFINITY, hard: Self::INFINITY };
}
