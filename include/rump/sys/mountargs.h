/*
 * Arguments of mount, for types that have their own: the members are NetBSD's, without what only its kernel fills.
 */
#ifndef RUMP_SYS_MOUNTARGS_H
#define RUMP_SYS_MOUNTARGS_H

#include <sys/types.h>

/* ext2fs, and every type on disks that is to be mounted without more. */
struct ufs_args {
	const char *fspec;	/* the path of the device */
};

/* msdos. */
struct msdosfs_args {
	const char *fspec;	/* the path of the device */
	uid_t uid;		/* who owns all files */
	gid_t gid;
	mode_t mask;		/* permissions that files may have */
	int flags;		/* RUMP_MSDOSFSMNT_VERSIONED, if what is behind it counts */
	int version;		/* 2: dirmask counts; 3: gmtoff, too */
	mode_t dirmask;		/* permissions that directories may have */
	int gmtoff;		/* seconds by which local time is ahead of UTC */
};

#define RUMP_MSDOSFSMNT_VERSIONED 0x10

/* cd9660. */
struct iso_args {
	const char *fspec;	/* the path of the device */
	int flags;		/* RUMP_ISOFSMNT_ */
};

#define RUMP_ISOFSMNT_NORRIP 0x01	/* Rock Ridge does not count */
#define RUMP_ISOFSMNT_NOJOLIET 0x08	/* nor does Joliet */
#define RUMP_ISOFSMNT_NOCASETRANS 0x10	/* plain names stay as they are */

/* tmpfs. */
struct tmpfs_args {
	int ta_version;		/* RUMP_TMPFS_ARGS_VERSION */
	ino_t ta_nodes_max;	/* how many files at most; 0 is no limit */
	off_t ta_size_max;	/* how many bytes at most; 0 is no limit */
	uid_t ta_root_uid;	/* of the root */
	gid_t ta_root_gid;
	mode_t ta_root_mode;
};

#define RUMP_TMPFS_ARGS_VERSION 1

#ifndef TMPFS_ARGS_VERSION
#define TMPFS_ARGS_VERSION RUMP_TMPFS_ARGS_VERSION
#endif
#ifndef MSDOSFSMNT_VERSIONED
#define MSDOSFSMNT_VERSIONED RUMP_MSDOSFSMNT_VERSIONED
#endif
#ifndef ISOFSMNT_NORRIP
#define ISOFSMNT_NORRIP RUMP_ISOFSMNT_NORRIP
#define ISOFSMNT_NOJOLIET RUMP_ISOFSMNT_NOJOLIET
#define ISOFSMNT_NOCASETRANS RUMP_ISOFSMNT_NOCASETRANS
#endif

#endif
