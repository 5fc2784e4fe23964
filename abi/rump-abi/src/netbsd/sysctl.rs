//! `struct sysctlnode`: what sysctl(3) tells of a name that is asked for (`CTL_QUERY`).

/// Bytes of a name, with the NUL that ends it.
pub const SYSCTL_NAMELEN: usize = 32;

/// As the last number of a name: asks for all names below the others.
pub const CTL_QUERY: i32 = -2;

/// In flags: the version of the structure.
pub const SYSCTL_VERS_MASK: u32 = 0xff00_0000;
/// The version of this one.
pub const SYSCTL_VERSION: u32 = 0x0100_0000;
/// In flags: it can be changed.
pub const CTLFLAG_READWRITE: u32 = 0x70;
/// In flags: it stays.
pub const CTLFLAG_PERMANENT: u32 = 0x200;

/// In flags: there are names below it.
pub const CTLTYPE_NODE: u32 = 1;
/// An `int`.
pub const CTLTYPE_INT: u32 = 2;
/// A string.
pub const CTLTYPE_STRING: u32 = 3;
/// A `quad_t`.
pub const CTLTYPE_QUAD: u32 = 4;
/// A structure.
pub const CTLTYPE_STRUCT: u32 = 5;

layout! {
    /// `struct sysctlnode`. Addresses of the kernel's own are zero.
    struct Sysctlnode[96] {
        /// `CTLTYPE_*`, `CTLFLAG_*`, and the version.
        flags: u32 = 0,
        /// Its number.
        number: i32 = 4,
        /// Its name.
        name: [u8; SYSCTL_NAMELEN] = 8,
        /// How many names may be below it, and how many are; of a value, nothing.
        children: [u32; 2] = 48,
        /// Bytes of its value.
        size: u64 = 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn a_node_is_96_bytes() {
        let mut bytes = [0; 96];
        (bytes[0], bytes[3], bytes[4], bytes[48], bytes[52], bytes[64]) = (1, 1, 0xff, 3, 2, 9);
        bytes[5..8].fill(0xff);
        bytes[8..12].copy_from_slice(b"kern");
        let node = Sysctlnode::read(&bytes).unwrap();
        assert_eq!((node.flags, node.number), (SYSCTL_VERSION | CTLTYPE_NODE, -1));
        assert_eq!((node.children, node.size), ([3, 2], 9));
        assert_eq!(node.to_bytes(), bytes);
    }
}
