//! Numbers of names of sysctl(7), with NetBSD's values.

/// Numbers in a name at most.
pub const CTL_MAXNAME: usize = 12;

/// `kern`: the kernel.
pub const CTL_KERN: i32 = 1;
/// `vfs`: file systems.
pub const CTL_VFS: i32 = 3;
/// `net`: protocols, by family.
pub const CTL_NET: i32 = 4;
/// `hw`: the machine.
pub const CTL_HW: i32 = 6;
/// `user`: limits of programs.
pub const CTL_USER: i32 = 8;

/// `kern.ostype`.
pub const KERN_OSTYPE: i32 = 1;
/// `kern.osrelease`.
pub const KERN_OSRELEASE: i32 = 2;
/// `kern.osrevision`.
pub const KERN_OSREV: i32 = 3;
/// `kern.version`.
pub const KERN_VERSION: i32 = 4;
/// `kern.maxproc`.
pub const KERN_MAXPROC: i32 = 6;
/// `kern.maxfiles`.
pub const KERN_MAXFILES: i32 = 7;
/// `kern.argmax`.
pub const KERN_ARGMAX: i32 = 8;
/// `kern.securelevel`.
pub const KERN_SECURELVL: i32 = 9;
/// `kern.hostname`.
pub const KERN_HOSTNAME: i32 = 10;
/// `kern.hostid`.
pub const KERN_HOSTID: i32 = 11;
/// `kern.clockrate`.
pub const KERN_CLOCKRATE: i32 = 12;
/// `kern.posix1version`.
pub const KERN_POSIX1: i32 = 17;
/// `kern.ngroups`.
pub const KERN_NGROUPS: i32 = 18;
/// `kern.domainname`.
pub const KERN_DOMAINNAME: i32 = 22;
/// `kern.fsync`.
pub const KERN_FSYNC: i32 = 33;
/// `kern.synchronized_io`.
pub const KERN_SYNCHRONIZED_IO: i32 = 40;
/// `kern.proc2`: processes.
pub const KERN_PROC2: i32 = 47;
/// `kern.pipe`.
pub const KERN_PIPE: i32 = 56;
/// `kern.monotonic_clock`.
pub const KERN_MONOTONIC_CLOCK: i32 = 60;
/// `kern.posix_semaphores`.
pub const KERN_POSIX_SEMAPHORES: i32 = 67;
/// `kern.posix_timers`.
pub const KERN_POSIX_TIMERS: i32 = 69;
/// `kern.file2`: open files.
pub const KERN_FILE2: i32 = 77;
/// `kern.hardclock_ticks`.
pub const KERN_HARDCLOCK_TICKS: i32 = 80;
/// `kern.boottime`.
pub const KERN_BOOTTIME: i32 = 83;

/// `kern.pipe.maxbigpipes`.
pub const KERN_PIPE_MAXBIGPIPES: i32 = 3;
/// `kern.pipe.nbigpipes`.
pub const KERN_PIPE_NBIGPIPES: i32 = 4;

/// `hw.machine`.
pub const HW_MACHINE: i32 = 1;
/// `hw.model`.
pub const HW_MODEL: i32 = 2;
/// `hw.ncpu`.
pub const HW_NCPU: i32 = 3;
/// `hw.byteorder`.
pub const HW_BYTEORDER: i32 = 4;
/// `hw.physmem`.
pub const HW_PHYSMEM: i32 = 5;
/// `hw.usermem`.
pub const HW_USERMEM: i32 = 6;
/// `hw.pagesize`.
pub const HW_PAGESIZE: i32 = 7;
/// `hw.machine_arch`.
pub const HW_MACHINE_ARCH: i32 = 10;
/// `hw.physmem64`.
pub const HW_PHYSMEM64: i32 = 13;
/// `hw.usermem64`.
pub const HW_USERMEM64: i32 = 14;
/// `hw.ncpuonline`.
pub const HW_NCPUONLINE: i32 = 16;

/// `vfs.generic`.
pub const VFS_GENERIC: i32 = 0;
/// `vfs.generic.maxtypenum`.
pub const VFS_MAXTYPENUM: i32 = 1;
/// `vfs.generic.usermount`.
pub const VFS_USERMOUNT: i32 = 3;
/// `vfs.generic.magiclinks`.
pub const VFS_MAGICLINKS: i32 = 4;

/// The first number of names that NetBSD numbers as they come.
pub const CREATE_BASE: i32 = 1024;
