//! Requests of `ioctl` whose argument points to a list: `struct bpf_program` and `struct bpf_dltlist` of bpf(4), which are a
//! count and a pointer.

use rump_kpi::character::request::{exchanges, writes};

/// Bytes of both structures.
pub(super) const LIST_BYTES: u32 = 16;
/// Where the pointer is.
pub const LIST_POINTER: usize = 8;

const BIOCSETF: u32 = writes(b'B', 103, LIST_BYTES);
const BIOCSETWF: u32 = writes(b'B', 127, LIST_BYTES);
/// The one whose list is an answer.
pub(super) const BIOCGDLTLIST: u32 = exchanges(b'B', 119, LIST_BYTES);

/// Whether the argument of a request points to a list.
pub fn has_list(number: u32) -> bool {
    matches!(number, BIOCSETF | BIOCSETWF | BIOCGDLTLIST)
}
