/* System calls: rump_sys_X is X(2) in the kernel, with the host's structures, constants and error numbers. */
#ifndef RUMP_RUMP_SYSCALLS_H
#define RUMP_RUMP_SYSCALLS_H

#include <rump/sys/event.h>
#include <rump/sys/ids.h>
#include <rump/sys/poll.h>
#include <rump/sys/socket.h>

#endif
