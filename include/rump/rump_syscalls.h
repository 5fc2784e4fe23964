/* System calls: rump_sys_X is X(2) in the kernel, with the host's structures, constants and error numbers. */
#ifndef RUMP_RUMP_SYSCALLS_H
#define RUMP_RUMP_SYSCALLS_H

#include <rump/sys/aio.h>
#include <rump/sys/attr.h>
#include <rump/sys/clock.h>
#include <rump/sys/cwd.h>
#include <rump/sys/dirents.h>
#include <rump/sys/event.h>
#include <rump/sys/extattr.h>
#include <rump/sys/fcntl.h>
#include <rump/sys/handle.h>
#include <rump/sys/ids.h>
#include <rump/sys/ioctl.h>
#include <rump/sys/ksem.h>
#include <rump/sys/mount.h>
#include <rump/sys/names.h>
#include <rump/sys/open.h>
#include <rump/sys/poll.h>
#include <rump/sys/route.h>
#include <rump/sys/rw.h>
#include <rump/sys/signal.h>
#include <rump/sys/socket.h>
#include <rump/sys/stat.h>
#include <rump/sys/statvfs.h>
#include <rump/sys/sync.h>
#include <rump/sys/sysctl.h>
#include <rump/sys/xattr.h>

#endif
