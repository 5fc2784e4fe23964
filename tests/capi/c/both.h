/*
 * Checks that are made twice, at the host and in a kernel: what they ask for is what the host does. BODY is a file that
 * defines `static void GROUP(run)(void)`, calls X as SYS(X), and names what else it defines GROUP(name). It runs in an
 * empty directory.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* Names of 256 bytes and paths of 4096 are too long for everybody. */
static char long_name[300], long_path[5000];

/* The errors of walking a path, for a call with `path` in it, in a directory where `file` is a file. */
#define PATH_FAILS(call)                                  \
	do {                                              \
		const char *path = NULL;                  \
		SYS(symlink)("loop", "loop");             \
		path = "";                                \
		FAILS(call, ENOENT);                      \
		path = "missing/name";                    \
		FAILS(call, ENOENT);                      \
		path = "file/name";                       \
		FAILS(call, ENOTDIR);                     \
		path = "loop/name";                       \
		FAILS(call, ELOOP);                       \
		path = long_name;                         \
		FAILS(call, ENAMETOOLONG);                \
		path = long_path;                         \
		FAILS(call, ENAMETOOLONG);                \
		if (IN_KERNEL) {                          \
			path = NULL;                      \
			FAILS(call, EFAULT);              \
		}                                         \
	} while (0)

/* The errors of a directory that relative paths begin at, for a call with `dir` in it. */
#define DIR_FAILS(call)                                   \
	do {                                              \
		int dir = 999;                            \
		FAILS(call, EBADF);                       \
		dir = -7;                                 \
		FAILS(call, EBADF);                       \
		dir = SYS(open)("file", O_RDONLY);        \
		FAILS(call, ENOTDIR);                     \
		RETURNS(SYS(close)(dir), 0);              \
	} while (0)

/* Makes a file with a content. */
#define MAKE(path, content)                                                        \
	do {                                                                       \
		int made = SYS(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);    \
		RETURNS(SYS(write)(made, content, strlen(content)), strlen(content)); \
		RETURNS(SYS(close)(made), 0);                                      \
	} while (0)

#define SYS(name) name
#define GROUP(name) host_##name
#define IN_KERNEL 0
#include BODY
#undef SYS
#undef GROUP
#undef IN_KERNEL

#define SYS(name) rump_sys_##name
#define GROUP(name) kernel_##name
#define IN_KERNEL 1
#include BODY

int
main(void)
{
	char dir[] = "/tmp/rump-capi-XXXXXX", remove[64];

	memset(long_name, 'n', sizeof long_name - 1);
	memset(long_path, '/', sizeof long_path - 1);
	umask(022);
	CHECK(mkdtemp(dir) != NULL && chdir(dir) == 0);
	host_run();
	CHECK(chdir("/") == 0);
	snprintf(remove, sizeof remove, "rm -rf %s", dir);
	CHECK(system(remove) == 0);

	FAILS(rump_sys_mkdir("/test", 0755), ENXIO);
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_mkdir("/test", 0755), 0);
	RETURNS(rump_sys_chdir("/test"), 0);
	kernel_run();
	return checked();
}
