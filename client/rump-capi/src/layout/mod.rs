//! Structures and numbers of the host's libc, and what they are to the kernel.

/// Does not compile unless a structure of ours is as long as another, of the host's libc, and has its members where that has
/// them.
macro_rules! same_layout {
    ($ours:ty, $host:ty, $($member:ident = $of_host:ident),+) => {
        const _: () = {
            assert!(size_of::<$ours>() == size_of::<$host>());
            $(assert!(std::mem::offset_of!($ours, $member) == std::mem::offset_of!($host, $of_host));)+
        };
    };
}

/// Does not compile unless a structure of our headers is so long and has its members there, where the host has 64 bits.
/// `tests/capi/c/layout.c` says the same of the header.
macro_rules! layout {
    ($ours:ty, $bytes:literal, $($member:ident = $offset:literal),+) => {
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        const _: () = {
            assert!(size_of::<$ours>() == $bytes);
            $(assert!(std::mem::offset_of!($ours, $member) == $offset);)+
        };
    };
}

pub(crate) use {layout, same_layout};

pub(crate) mod at;
pub(crate) mod control;
pub(crate) mod dirent;
pub(crate) mod file_time;
#[cfg(target_os = "linux")]
pub(crate) mod interface;
pub(crate) mod mode;
pub(crate) mod mount_args;
pub(crate) mod open_flags;
pub(crate) mod signal;
pub(crate) mod sockaddr;
pub(crate) mod sockopt;
pub(crate) mod stat;
pub(crate) mod statvfs;
pub(crate) mod tcp_info;
pub(crate) mod time;
