/* Names of types of file systems, and what rump_sys_mount takes for them. */
#ifndef RUMP_RUMPFS_H
#define RUMP_RUMPFS_H

#define MOUNT_RUMPFS "tmpfs"
#ifndef MOUNT_TMPFS
#define MOUNT_TMPFS "tmpfs"
#endif
#ifndef MOUNT_EXT2FS
#define MOUNT_EXT2FS "ext2fs"
#endif
#ifndef MOUNT_CD9660
#define MOUNT_CD9660 "cd9660"
#endif
#ifndef MOUNT_MSDOS
#define MOUNT_MSDOS "msdos"
#endif
#ifndef MOUNT_EXFAT
#define MOUNT_EXFAT "exfat"
#endif
#ifndef MOUNT_KERNFS
#define MOUNT_KERNFS "kernfs"
#endif

#include <rump/sys/mountargs.h>

#endif
