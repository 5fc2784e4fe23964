//! Records of directories: `struct dirent`, one behind the other, each as long as its name asks for.

use libc::dirent;
use rump_kpi::DirEntry;
use std::mem::{align_of, offset_of};

const NAME: usize = offset_of!(dirent, d_name);

/// The part of a buffer that has no records yet.
pub(crate) struct Records<'a> {
    room: &'a mut [u8],
    used: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn new(room: &'a mut [u8]) -> Self {
        Self { room, used: 0 }
    }

    /// How many bytes have records.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Adds a record, if there is room for it.
    pub(crate) fn add(&mut self, entry: &DirEntry<'_>) -> bool {
        let length = (NAME + entry.name.len() + 1).next_multiple_of(align_of::<dirent>());
        let Some(record) = self.room.get_mut(self.used..).and_then(|free| free.get_mut(..length)) else {
            return false;
        };
        let mut head = head(entry);
        head.d_reclen = length as _;
        // SAFETY: all zeros is one, and so it has no byte that was not set.
        let head = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&head).cast::<u8>(), NAME) };
        let (front, behind) = record.split_at_mut(NAME);
        front.copy_from_slice(head);
        let (name, end) = behind.split_at_mut(entry.name.len());
        name.copy_from_slice(entry.name);
        end.fill(0);
        self.used += length;
        true
    }
}

/// What is before the name. Numbers for which hosts have no room are cut.
fn head(entry: &DirEntry<'_>) -> dirent {
    // SAFETY: all zeros is one.
    let mut head: dirent = unsafe { std::mem::zeroed() };
    #[cfg(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
    {
        head.d_fileno = entry.ino.0 as _;
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    {
        head.d_ino = entry.ino.0 as _;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        head.d_off = entry.next_cursor as _;
    }
    #[cfg(target_os = "macos")]
    {
        head.d_seekoff = entry.next_cursor as _;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        head.d_namlen = entry.name.len() as _;
    }
    // DT_* are the upper bits of the mode.
    head.d_type = entry.file_type.map_or(libc::DT_UNKNOWN, |file_type| (file_type.mode_bits() >> 12) as u8);
    head
}
