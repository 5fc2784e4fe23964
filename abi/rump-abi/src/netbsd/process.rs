//! `struct kinfo_proc2` and `struct kinfo_file`: what sysctl(3) tells of processes (`kern.proc2`) and of their open files
//! (`kern.file2`).

/// As the first number behind `kern.proc2`: asks for all.
pub const KERN_PROC_ALL: i32 = 0;
/// Asks for the one whose number follows.
pub const KERN_PROC_PID: i32 = 1;

/// As the first number behind `kern.file2`: asks for those of the process whose number follows, or of all with -1.
pub const KERN_FILE_BYPID: i32 = 2;

/// A file of a file system.
pub const DTYPE_VNODE: u32 = 1;
/// A socket.
pub const DTYPE_SOCKET: u32 = 2;
/// A pipe.
pub const DTYPE_PIPE: u32 = 3;
/// A queue of events.
pub const DTYPE_KQUEUE: u32 = 4;
/// Something else.
pub const DTYPE_MISC: u32 = 5;

/// It can be read.
pub const FREAD: u32 = 1;
/// It can be written.
pub const FWRITE: u32 = 2;

/// Bytes of the name of a process, with the NUL that ends it.
pub const KI_MAXCOMLEN: usize = 24;

layout! {
    /// `struct kinfo_proc2`. Addresses of the kernel's own are zero.
    struct KinfoProc2[672] {
        /// Its number.
        pid: i32 = 116,
        /// That of its parent.
        parent: i32 = 120,
        /// That of its session.
        session: i32 = 124,
        /// That of its process group.
        group: i32 = 128,
        /// For which user it acts.
        uid: u32 = 136,
        /// Its real user.
        ruid: u32 = 140,
        /// For which group it acts.
        gid: u32 = 144,
        /// Its real group.
        rgid: u32 = 148,
        /// The name of its program.
        name: [u8; KI_MAXCOMLEN] = 368,
    }

    /// `struct kinfo_file`. Addresses of the kernel's own are zero.
    struct KinfoFile[120] {
        /// `FREAD`, `FWRITE`.
        flags: u32 = 8,
        /// `DTYPE_*`.
        kind: u32 = 16,
        /// Of a socket, what tells it from others, as `struct kinfo_pcb` has it.
        data: u64 = 64,
        /// Whose descriptor it is.
        pid: u32 = 104,
        /// Which one.
        fd: i32 = 108,
        /// One: it is closed when another program begins.
        closes_on_exec: u32 = 112,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn members_are_where_netbsd_has_them() {
        let mut bytes = [0; KinfoProc2::SIZE];
        (bytes[116], bytes[120], bytes[136], bytes[368], bytes[391]) = (1, 2, 3, b'a', b'z');
        let process = KinfoProc2::read(&bytes).unwrap();
        assert_eq!((process.pid, process.parent, process.uid), (1, 2, 3));
        assert_eq!((process.name[0], process.name[23]), (b'a', b'z'));
        assert_eq!(process.to_bytes(), bytes);
        let mut bytes = [0; KinfoFile::SIZE];
        (bytes[16], bytes[64], bytes[104], bytes[108], bytes[112]) = (2, 3, 4, 5, 1);
        let file = KinfoFile::read(&bytes).unwrap();
        assert_eq!((file.kind, file.data, file.pid, file.fd), (DTYPE_SOCKET, 3, 4, 5));
        assert_eq!(file.to_bytes(), bytes);
    }
}
