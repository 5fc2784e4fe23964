/* Constants of rump kernels: those of NetBSD where they are the interface's own, else those of the host. */
#ifndef RUMP_RUMPDEFS_H
#define RUMP_RUMPDEFS_H

/* What rump_boot_sethowto takes: boot quietly, or tell. */
#define RUMP_AB_NORMAL 0x00000000
#define RUMP_AB_QUIET 0x00010000
#define RUMP_AB_VERBOSE 0x00020000
#define RUMP_AB_SILENT 0x00040000
#define RUMP_AB_DEBUG 0x00080000

/* What rump_sys_reboot takes. */
#define RUMP_RB_AUTOBOOT 0x00000000
#define RUMP_RB_ASKNAME 0x00000001
#define RUMP_RB_SINGLE 0x00000002
#define RUMP_RB_NOSYNC 0x00000004
#define RUMP_RB_HALT 0x00000008
#define RUMP_RB_INITNAME 0x00000010
#define RUMP_RB_KDB 0x00000040
#define RUMP_RB_RDONLY 0x00000080
#define RUMP_RB_DUMP 0x00000100
#define RUMP_RB_MINIROOT 0x00000200
#define RUMP_RB_STRING 0x00000400
#define RUMP_RB_POWERDOWN (RUMP_RB_HALT | 0x00000800)
#define RUMP_RB_USERCONF 0x00001000

/* What descriptors a process begins with: rump_pub_lwproc_rfork. */
#define RUMP_RFFD_SHARE 0
#define RUMP_RFFDG 1
#define RUMP_RFCFDG 2

#endif
