/* Mounting, and halting the kernel. */
#ifndef RUMP_SYS_MOUNT_H
#define RUMP_SYS_MOUNT_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Flags of mount, with NetBSD's values. Of the host's, only MS_RDONLY is the same. What holds anyhow, or is advice, is
 * taken
 * and means nothing: NOEXEC, NOSUID, NODEV and NOCOREDUMP (nothing is executed; devices of a mount stand for nothing),
 * ASYNC, LOG, RELATIME, NODEVMTIME, EXTATTR, SYMPERM, IGNORE. SYNCHRONOUS, UNION, UPDATE, RELOAD and GETARGS are
 * refused.
 */
#define RUMP_MNT_RDONLY 0x00000001	/* not one write gets to the device */
#define RUMP_MNT_SYNCHRONOUS 0x00000002
#define RUMP_MNT_NOEXEC 0x00000004
#define RUMP_MNT_NOSUID 0x00000008
#define RUMP_MNT_NODEV 0x00000010
#define RUMP_MNT_UNION 0x00000020
#define RUMP_MNT_ASYNC 0x00000040
#define RUMP_MNT_NOCOREDUMP 0x00008000
#define RUMP_MNT_UPDATE 0x00010000
#define RUMP_MNT_RELATIME 0x00020000
#define RUMP_MNT_RELOAD 0x00040000
#define RUMP_MNT_FORCE 0x00080000	/* of unmount: open files answer EIO afterwards */
#define RUMP_MNT_IGNORE 0x00100000
#define RUMP_MNT_GETARGS 0x00400000
#define RUMP_MNT_EXTATTR 0x01000000
#define RUMP_MNT_LOG 0x02000000
#define RUMP_MNT_NOATIME 0x04000000	/* times of access stay as they are */
#define RUMP_MNT_SYMPERM 0x20000000
#define RUMP_MNT_NODEVMTIME 0x40000000
#ifndef MNT_RDONLY
#define MNT_RDONLY RUMP_MNT_RDONLY
#endif
#ifndef MNT_NOATIME
#define MNT_NOATIME RUMP_MNT_NOATIME
#endif

/* NetBSD's names of types. */
#define RUMP_MOUNT_EXT2FS "ext2fs"
#define RUMP_MOUNT_MSDOS "msdos"
#define RUMP_MOUNT_CD9660 "cd9660"
#define RUMP_MOUNT_TMPFS "tmpfs"
#define RUMP_MOUNT_KERNFS "kernfs"

/**
 * Mounts a file system over a directory, maybe over another that is mounted there. The arguments are a structure of
 * rump/rumpfs.h: tmpfs_args, or none, for tmpfs; none for kernfs; for types on disks msdosfs_args, iso_args, or
 * ufs_args, which begin with the path of the device and of which the last will do for all. If no linked library has
 * the type, a line on the console names the one that would.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EOPNOTSUPP (a flag that is not there), EINVAL (no flag at all; arguments that are too
 * short, or of a version that is not known), EPERM (not the superuser), ENODEV (no such type, or not linked),
 * ENAMETOOLONG, ENOENT, ENOTDIR, ELOOP (of both paths), ENOTBLK (no block device), EINVAL (nothing of this type is
 * on it), EINVAL (a directory of the host), EBUSY (somebody mounted there meanwhile), EROFS, EIO
 */
int rump_sys_mount(const char *type, const char *dir, int flags, const void *args, size_t length);

/**
 * As mount, with options as text: "key[=value],...". The source may be null for types that need none, and so may the
 * options.
 *
 * @returns 0, or an error number
 * @errors EFAULT (null), EOPNOTSUPP (a flag that is not there), EINVAL (no flag at all), EPERM (not the superuser),
 * ENODEV (no such type, or not linked), ENAMETOOLONG, ENOENT, ENOTDIR, ELOOP (of both paths), ENOTBLK (no block
 * device), EINVAL (an option that the type has not, or nothing of this type is on it), EINVAL (a directory of the
 * host), EBUSY (somebody mounted there meanwhile), EROFS, EIO
 */
int rump_pub_mount(const char *type, const char *source, const char *dir, int flags, const char *options);

/**
 * Unmounts what is mounted at a directory; with RUMP_MNT_FORCE, or MNT_FORCE of the host, also if files are open.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (other flags), EFAULT (null), EPERM (not the superuser), ENAMETOOLONG, ENOENT, ENOTDIR, ELOOP,
 * EINVAL (not a mount point), EBUSY (files are open, something is mounted below, or it is the root), ENOSPC, EIO
 */
int rump_sys_unmount(const char *dir, int flags);

/**
 * Halts the kernel, whatever how and boot say: everything is written out and unmounted, and calls answer ENXIO from
 * then on. The process goes on.
 *
 * @returns 0; -1 and errno
 * @errors EPERM (not the superuser), ENOSPC, EIO
 */
int rump_sys_reboot(int how, char *boot);

/**
 * Asks about quotas, which no file system has.
 *
 * @returns -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EFAULT (null arguments), EOPNOTSUPP
 */
int rump_sys_quotactl(const char *path, void *args);

#ifdef __cplusplus
}
#endif

#endif
