/* getxattr(2), extattr_get_file(2) and their families: of files, of symbolic links, of descriptors. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#define USER RUMP_EXTATTR_NAMESPACE_USER
#define SYSTEM RUMP_EXTATTR_NAMESPACE_SYSTEM

static char long_name[300], large[65537];

/* A file `/file`, open as `fd`; `/link` says its name. */
static void
linux_calls(int fd)
{
	char buf[64];

	RETURNS(rump_sys_setxattr("/file", "user.a", "value", 5, RUMP_XATTR_CREATE), 0);
	FAILS(rump_sys_setxattr("/file", "user.a", "value", 5, RUMP_XATTR_CREATE), EEXIST);
	FAILS(rump_sys_setxattr("/file", "user.b", "value", 5, RUMP_XATTR_REPLACE), ENODATA);
	FAILS(rump_sys_lsetxattr("/file", "user.a", "value", 5, RUMP_XATTR_CREATE), EEXIST);
	FAILS(rump_sys_fsetxattr(fd, "user.b", "value", 5, RUMP_XATTR_REPLACE), ENODATA);
	FAILS(rump_sys_setxattr("/file", "user.a", "x", 1, RUMP_XATTR_CREATE | RUMP_XATTR_REPLACE), EINVAL);
	FAILS(rump_sys_setxattr("/file", "user.a", "x", 1, 8), EINVAL);
	FAILS(rump_sys_lsetxattr("/file", "user.a", "x", 1, 8), EINVAL);
	FAILS(rump_sys_fsetxattr(fd, "user.a", "x", 1, 8), EINVAL);
	RETURNS(rump_sys_getxattr("/file", "user.a", buf, sizeof buf), 5);
	CHECK(memcmp(buf, "value", 5) == 0);
	RETURNS(rump_sys_lgetxattr("/file", "user.a", NULL, 0), 5);
	RETURNS(rump_sys_getxattr("/link", "user.a", NULL, 0), 5);
	RETURNS(rump_sys_fgetxattr(fd, "user.a", buf, 5), 5);
	FAILS(rump_sys_fgetxattr(fd, "user.a", buf, 4), ERANGE);
	FAILS(rump_sys_getxattr("/file", "user.a", buf, 1), ERANGE);
	FAILS(rump_sys_getxattr("/file", "user.a", NULL, 5), EFAULT);
	FAILS(rump_sys_getxattr("/file", "user.c", buf, 4), ENODATA);

	/* Of links only the superuser's. */
	FAILS(rump_sys_lgetxattr("/link", "user.a", buf, sizeof buf), ENODATA);
	FAILS(rump_sys_lsetxattr("/link", "user.a", "x", 1, 0), EPERM);
	RETURNS(rump_sys_lsetxattr("/link", "trusted.l", "link", 4, 0), 0);
	RETURNS(rump_sys_lgetxattr("/link", "trusted.l", buf, sizeof buf), 4);
	FAILS(rump_sys_getxattr("/link", "trusted.l", buf, sizeof buf), ENODATA);
	RETURNS(rump_sys_llistxattr("/link", buf, sizeof buf), 10);
	CHECK(memcmp(buf, "trusted.l", 10) == 0);
	RETURNS(rump_sys_lremovexattr("/link", "trusted.l"), 0);
	RETURNS(rump_sys_llistxattr("/link", buf, sizeof buf), 0);

	RETURNS(rump_sys_fsetxattr(fd, "user.b", "", 0, 0), 0);
	RETURNS(rump_sys_flistxattr(fd, buf, sizeof buf), 14);
	RETURNS(rump_sys_listxattr("/link", NULL, 0), 14);
	FAILS(rump_sys_listxattr("/file", buf, 3), ERANGE);
	FAILS(rump_sys_llistxattr("/file", buf, 3), ERANGE);
	FAILS(rump_sys_flistxattr(fd, buf, 3), ERANGE);
	FAILS(rump_sys_flistxattr(fd, NULL, 14), EFAULT);
	FAILS(rump_sys_setxattr("/file", "user.a", large, sizeof large, 0), E2BIG);
	FAILS(rump_sys_lsetxattr("/file", "user.a", large, sizeof large, 0), E2BIG);
	FAILS(rump_sys_fsetxattr(fd, "user.a", large, sizeof large, 0), E2BIG);
	FAILS(rump_sys_fsetxattr(fd, "user.a", "x", 1, RUMP_XATTR_CREATE), EEXIST);
	FAILS(rump_sys_lsetxattr("/file", "user.c", "x", 1, RUMP_XATTR_REPLACE), ENODATA);
	FAILS(rump_sys_fgetxattr(fd, "user.c", buf, 4), ENODATA);
	FAILS(rump_sys_setxattr("/file", "user.a", NULL, 1, 0), EFAULT);
	RETURNS(rump_sys_removexattr("/file", "user.a"), 0);
	RETURNS(rump_sys_fremovexattr(fd, "user.b"), 0);
	FAILS(rump_sys_removexattr("/file", "user.a"), ENODATA);
	FAILS(rump_sys_lremovexattr("/file", "user.a"), ENODATA);
	FAILS(rump_sys_fremovexattr(fd, "user.a"), ENODATA);
}

/* Files that are not there, and names that are none. */
#define BAD(get, set, list, delete_, what, none, number)        \
	do {                                                    \
		FAILS(get(none, "user.a", buf, 4), number);     \
		FAILS(set(none, "user.a", "x", 1, 0), number);  \
		FAILS(list(none, buf, 4), number);              \
		FAILS(delete_(none, "user.a"), number);         \
		FAILS(get(what, "", buf, 4), EINVAL);           \
		FAILS(set(what, "", "x", 1, 0), EINVAL);        \
		FAILS(delete_(what, ""), EINVAL);               \
		FAILS(get(what, long_name, buf, 4), ERANGE);    \
		FAILS(set(what, long_name, "x", 1, 0), ERANGE); \
		FAILS(set(what, long_name, large, sizeof large, 0), ERANGE); \
		FAILS(set(none, long_name, large, sizeof large, 0), number); \
		FAILS(delete_(what, long_name), ERANGE);        \
		FAILS(get(what, NULL, buf, 4), EFAULT);         \
		FAILS(set(what, NULL, "x", 1, 0), EFAULT);      \
		FAILS(delete_(what, NULL), EFAULT);             \
	} while (0)

static void
linux_errors(int fd, int pipe)
{
	const char *none[] = { "/none", "/file/name", NULL };
	const int numbers[] = { ENOENT, ENOTDIR, EFAULT };
	char buf[8];
	int i;

	for (i = 0; i < 3; i++) {
		BAD(rump_sys_getxattr, rump_sys_setxattr, rump_sys_listxattr, rump_sys_removexattr,
		    "/file", none[i], numbers[i]);
		BAD(rump_sys_lgetxattr, rump_sys_lsetxattr, rump_sys_llistxattr, rump_sys_lremovexattr,
		    "/file", none[i], numbers[i]);
	}
	BAD(rump_sys_fgetxattr, rump_sys_fsetxattr, rump_sys_flistxattr, rump_sys_fremovexattr, fd, -1, EBADF);
	BAD(rump_sys_fgetxattr, rump_sys_fsetxattr, rump_sys_flistxattr, rump_sys_fremovexattr, fd, pipe, ENOTSUP);
}

static void
bsd_calls(int fd)
{
	char buf[64];

	RETURNS(rump_sys_extattr_set_file("/file", USER, "a", "value", 5), 5);
	RETURNS(rump_sys_extattr_set_fd(fd, USER, "b", "xy", 2), 2);
	RETURNS(rump_sys_extattr_set_link("/link", SYSTEM, "l", "link", 4), 4);
	FAILS(rump_sys_extattr_set_link("/link", USER, "l", "link", 4), EPERM);
	RETURNS(rump_sys_extattr_get_file("/link", USER, "a", buf, sizeof buf), 5);
	CHECK(memcmp(buf, "value", 5) == 0);
	/* It is the other family's, too. */
	RETURNS(rump_sys_getxattr("/file", "user.a", buf, sizeof buf), 5);
	/* As much as fits. */
	memset(buf, '#', sizeof buf);
	RETURNS(rump_sys_extattr_get_fd(fd, USER, "b", buf, 1), 1);
	CHECK(memcmp(buf, "x#", 2) == 0);
	RETURNS(rump_sys_extattr_get_fd(fd, USER, "b", NULL, 0), 2);
	RETURNS(rump_sys_extattr_get_link("/link", SYSTEM, "l", buf, sizeof buf), 4);
	FAILS(rump_sys_extattr_get_file("/link", SYSTEM, "l", buf, sizeof buf), ENODATA);
	RETURNS(rump_sys_extattr_list_file("/file", USER, buf, sizeof buf), 4);
	CHECK(memcmp(buf, "\001a\001b", 4) == 0);
	RETURNS(rump_sys_extattr_list_fd(fd, USER, NULL, 0), 4);
	RETURNS(rump_sys_extattr_list_fd(fd, SYSTEM, buf, sizeof buf), 0);
	RETURNS(rump_sys_extattr_list_link("/link", SYSTEM, buf, sizeof buf), 2);
	CHECK(memcmp(buf, "\001l", 2) == 0);
	FAILS(rump_sys_extattr_set_file("/file", USER, "a", large, sizeof large), E2BIG);
	FAILS(rump_sys_extattr_set_link("/file", USER, "a", large, sizeof large), E2BIG);
	FAILS(rump_sys_extattr_set_fd(fd, USER, "a", large, sizeof large), E2BIG);
	FAILS(rump_sys_extattr_get_fd(fd, USER, "c", buf, 4), ENODATA);
	FAILS(rump_sys_extattr_get_link("/file", USER, "c", buf, 4), ENODATA);
	FAILS(rump_sys_extattr_delete_link("/link", USER, "a"), EPERM);
	FAILS(rump_sys_extattr_set_file("/file", USER, "a", NULL, 1), EFAULT);
	RETURNS(rump_sys_extattr_delete_file("/file", USER, "a"), 0);
	RETURNS(rump_sys_extattr_delete_fd(fd, USER, "b"), 0);
	RETURNS(rump_sys_extattr_delete_link("/link", SYSTEM, "l"), 0);
	FAILS(rump_sys_extattr_delete_file("/file", USER, "a"), ENODATA);
	FAILS(rump_sys_extattr_delete_fd(fd, USER, "a"), ENODATA);
	FAILS(rump_sys_extattr_delete_link("/link", SYSTEM, "a"), ENODATA);
}

#define BAD_EXTATTR(get, set, list, delete_, what, none, number)      \
	do {                                                          \
		FAILS(get(none, USER, "a", buf, 4), number);          \
		FAILS(set(none, USER, "a", "x", 1), number);          \
		FAILS(list(none, USER, buf, 4), number);              \
		FAILS(delete_(none, USER, "a"), number);              \
		FAILS(get(what, 0, "a", buf, 4), EINVAL);             \
		FAILS(set(what, 3, "a", "x", 1), EINVAL);             \
		FAILS(list(what, -1, buf, 4), EINVAL);                \
		FAILS(delete_(what, 7, "a"), EINVAL);                 \
		FAILS(get(what, USER, "", buf, 4), EINVAL);           \
		FAILS(set(what, USER, "", "x", 1), EINVAL);           \
		FAILS(delete_(what, USER, ""), EINVAL);               \
		FAILS(get(what, USER, long_name, buf, 4), ENAMETOOLONG);    \
		FAILS(set(what, USER, long_name, "x", 1), ENAMETOOLONG);    \
		FAILS(set(what, USER, long_name, large, sizeof large), ENAMETOOLONG); \
		FAILS(set(none, USER, long_name, large, sizeof large), number); \
		FAILS(delete_(what, USER, long_name), ENAMETOOLONG);  \
		FAILS(get(what, USER, NULL, buf, 4), EFAULT);         \
		FAILS(set(what, USER, NULL, "x", 1), EFAULT);         \
		FAILS(delete_(what, USER, NULL), EFAULT);             \
	} while (0)

static void
bsd_errors(int fd, int pipe)
{
	const char *none[] = { "/none", "/file/name", NULL };
	const int numbers[] = { ENOENT, ENOTDIR, EFAULT };
	char buf[8];
	int i;

	for (i = 0; i < 3; i++) {
		BAD_EXTATTR(rump_sys_extattr_get_file, rump_sys_extattr_set_file, rump_sys_extattr_list_file,
		    rump_sys_extattr_delete_file, "/file", none[i], numbers[i]);
		BAD_EXTATTR(rump_sys_extattr_get_link, rump_sys_extattr_set_link, rump_sys_extattr_list_link,
		    rump_sys_extattr_delete_link, "/file", none[i], numbers[i]);
	}
	BAD_EXTATTR(rump_sys_extattr_get_fd, rump_sys_extattr_set_fd, rump_sys_extattr_list_fd,
	    rump_sys_extattr_delete_fd, fd, -1, EBADF);
	BAD_EXTATTR(rump_sys_extattr_get_fd, rump_sys_extattr_set_fd, rump_sys_extattr_list_fd,
	    rump_sys_extattr_delete_fd, fd, pipe, EOPNOTSUPP);
}

int
main(void)
{
	int fd, ends[2];

	memset(long_name, 'n', sizeof long_name - 1);
	RETURNS(rump_init(), 0);
	fd = rump_sys_open("/file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	RETURNS(rump_sys_symlink("/file", "/link"), 0);
	RETURNS(rump_sys_pipe(ends), 0);
	linux_calls(fd);
	linux_errors(fd, ends[0]);
	bsd_calls(fd);
	bsd_errors(fd, ends[0]);
	return checked();
}
