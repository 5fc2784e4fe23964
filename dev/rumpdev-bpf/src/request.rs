//! Requests of bpf(4), by NetBSD's numbers and with its structures on amd64.

use rump_kpi::character::request::{exchanges, plain, reads, writes};

/// Bytes of `struct ifreq`: a name of 16 bytes, and what a request has to say of it.
pub const IFREQ_BYTES: u32 = 144;
/// Bytes of its name.
pub const IFNAMSIZ: usize = 16;
/// Bytes of `struct bpf_program` and `struct bpf_dltlist`: a count, and a pointer.
pub const LIST_BYTES: u32 = 16;
const TIMEVAL_BYTES: u32 = 16;
/// `struct bpf_stat` has three numbers of 64 bits, and room for 13 more.
const STATISTICS_BYTES: u32 = 128;
const GROUP: u8 = b'B';

/// How long the buffers are.
pub const BIOCGBLEN: u32 = reads(GROUP, 102, 4);
/// Changes how long they are, before there is an interface; answers what became of it.
pub const BIOCSBLEN: u32 = exchanges(GROUP, 102, 4);
/// Sets the filter of what is read; behind the structure stand the instructions. None: everything is wanted.
pub const BIOCSETF: u32 = writes(GROUP, 103, LIST_BYTES);
/// Forgets what waits, and the statistics.
pub const BIOCFLUSH: u32 = plain(GROUP, 104);
/// Hears what is for others, too: as it always is here.
pub const BIOCPROMISC: u32 = plain(GROUP, 105);
/// The type of the link.
pub const BIOCGDLT: u32 = reads(GROUP, 106, 4);
/// The name of the interface.
pub const BIOCGETIF: u32 = reads(GROUP, 107, IFREQ_BYTES);
/// Listens at an interface.
pub const BIOCSETIF: u32 = writes(GROUP, 108, IFREQ_BYTES);
/// Frames heard, dropped for want of room, and wanted.
pub const BIOCGSTATS: u32 = reads(GROUP, 111, STATISTICS_BYTES);
/// Lets reading answer as soon as there is a frame.
pub const BIOCIMMEDIATE: u32 = writes(GROUP, 112, 4);
/// The version of the machine.
pub const BIOCVERSION: u32 = reads(GROUP, 113, 4);
/// Whether frames that are written have their source.
pub const BIOCGHDRCMPLT: u32 = reads(GROUP, 116, 4);
/// Changes whether they have it.
pub const BIOCSHDRCMPLT: u32 = writes(GROUP, 117, 4);
/// Chooses among the types that the link has.
pub const BIOCSDLT: u32 = writes(GROUP, 118, 4);
/// The types that the link has; behind the structure is room for as many as it counts. A pointer of zero: only how many.
pub const BIOCGDLTLIST: u32 = exchanges(GROUP, 119, LIST_BYTES);
/// Which directions are heard (`BIOCGSEESENT` is an older name): in, both, out.
pub const BIOCGDIRECTION: u32 = reads(GROUP, 120, 4);
/// Changes which are heard.
pub const BIOCSDIRECTION: u32 = writes(GROUP, 121, 4);
/// How long a read waits; zero: for ever.
pub const BIOCSRTIMEOUT: u32 = writes(GROUP, 122, TIMEVAL_BYTES);
/// How long it waits.
pub const BIOCGRTIMEOUT: u32 = reads(GROUP, 123, TIMEVAL_BYTES);
/// Whether frames that are written are received, too.
pub const BIOCGFEEDBACK: u32 = reads(GROUP, 124, 4);
/// Changes whether they are.
pub const BIOCSFEEDBACK: u32 = writes(GROUP, 125, 4);
/// Refuses from now on what could make it hear or send more.
pub const BIOCLOCK: u32 = plain(GROUP, 126);
/// Sets the filter of what is written.
pub const BIOCSETWF: u32 = writes(GROUP, 127, LIST_BYTES);

/// What is still allowed after [`BIOCLOCK`].
pub(crate) const WHEN_LOCKED: &[u32] = &[
    BIOCGBLEN,
    BIOCFLUSH,
    BIOCGDLT,
    BIOCGDLTLIST,
    BIOCGETIF,
    BIOCGSTATS,
    BIOCIMMEDIATE,
    BIOCVERSION,
    BIOCGHDRCMPLT,
    BIOCGDIRECTION,
    BIOCSRTIMEOUT,
    BIOCGRTIMEOUT,
    BIOCGFEEDBACK,
    BIOCLOCK,
];

/// Packets of IP, each behind the number of its family in the order of bytes of this machine.
pub const DLT_NULL: u32 = 0;
/// Frames of Ethernet.
pub const DLT_EN10MB: u32 = 1;
/// Packets of IP.
pub const DLT_RAW: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    /// As a program in C prints them on amd64.
    #[test]
    fn numbers_are_netbsds() {
        assert_eq!(BIOCGBLEN, 0x4004_4266);
        assert_eq!(BIOCSBLEN, 0xc004_4266);
        assert_eq!(BIOCSETF, 0x8010_4267);
        assert_eq!(BIOCFLUSH, 0x2000_4268);
        assert_eq!(BIOCSETIF, 0x8090_426c);
        assert_eq!(BIOCGSTATS, 0x4080_426f);
        assert_eq!(BIOCSRTIMEOUT, 0x8010_427a);
    }
}
