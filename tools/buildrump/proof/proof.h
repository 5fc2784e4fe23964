/* What the programs that prove an installation share. */
#ifndef PROOF_H
#define PROOF_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

/* Seconds after which a program that hangs is killed. */
#define PATIENCE 30

#define FAIL(what) do {                                                              \
	fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, what, strerror(errno)); \
	exit(1);                                                                     \
} while (0)

/* Fails unless a system call does what is wanted. */
#define NEED(condition) do {            \
	if (!(condition))               \
		FAIL(#condition);       \
} while (0)

/* The same for calls that answer an error number. */
#define WORKS(call) do {                \
	errno = (call);                 \
	if (errno != 0)                 \
		FAIL(#call);            \
} while (0)

static inline void
boot(void)
{
	alarm(PATIENCE);
	WORKS(rump_init());
}

static inline void
halt(void)
{
	NEED(rump_sys_reboot(0, NULL) == 0);
}

#endif
