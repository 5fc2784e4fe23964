/* Programs for NetBSD's rump kernels include this for structures of older versions; here all are the host's own. */
#ifndef RUMP_RUMP_SYSCALLS_COMPAT_H
#define RUMP_RUMP_SYSCALLS_COMPAT_H

#endif
