/* Calls about files, made by somebody who is not the superuser. The host is asked only if it lets us be somebody else. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "users.c"
#include <grp.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include "both.h"
#else

/* A call with `path` in it, behind a directory that may not be searched. */
#undef SHUT_OUT
#define SHUT_OUT(call)                                    \
	do {                                              \
		const char *path = "closed/file";         \
		FAILS(call, EACCES);                      \
	} while (0)

/* What there is: of the superuser, but for `mine` and `yard`. */
static void
GROUP(prepare)(void)
{
	RETURNS(SYS(chmod)(".", 0755), 0);
	MAKE("file", "abc");
	MAKE("secret", "abc");
	RETURNS(SYS(chmod)("secret", 0600), 0);
	RETURNS(SYS(mkdir)("closed", 0700), 0);
	MAKE("closed/file", "abc");
	RETURNS(SYS(symlink)("file", "closed/link"), 0);
	RETURNS(SYS(mkdir)("shared", 0755), 0);
	RETURNS(SYS(chmod)("shared", 01777), 0);
	MAKE("shared/file", "abc");
	RETURNS(SYS(mkdir)("shared/dir", 0755), 0);
	RETURNS(SYS(mkdir)("yard", 0755), 0);
	RETURNS(SYS(chown)("yard", 1000, 1000), 0);
	MAKE("mine", "abc");
	RETURNS(SYS(chown)("mine", 1000, 1000), 0);
}

static void
GROUP(opening)(void)
{
	struct stat st;
	char buf[8];
	int fd;

	FAILS(SYS(open)("secret", O_RDONLY), EACCES);
	FAILS(SYS(open)("file", O_WRONLY), EACCES);
	FAILS(SYS(open)("file", O_RDONLY | O_TRUNC), EACCES);
	FAILS(SYS(open)("new", O_WRONLY | O_CREAT, 0644), EACCES);
	FAILS(SYS(openat)(AT_FDCWD, "secret", O_RDWR), EACCES);
	SHUT_OUT(SYS(open)(path, O_RDONLY));
	SHUT_OUT(SYS(openat)(AT_FDCWD, path, O_RDONLY));
	fd = SYS(open)("file", O_RDONLY);
	RETURNS(SYS(read)(fd, buf, sizeof buf), 3);
	RETURNS(SYS(close)(fd), 0);
	fd = SYS(open)("yard/new", O_RDWR | O_CREAT, 0600);
	RETURNS(SYS(fstat)(fd, &st), 0);
	CHECK(st.st_uid == 1000);
	RETURNS(SYS(close)(fd), 0);

	/* The effective user counts, but for access. */
	FAILS(SYS(faccessat)(AT_FDCWD, "secret", R_OK, AT_EACCESS), EACCES);
	FAILS(SYS(faccessat)(AT_FDCWD, "file", W_OK, AT_EACCESS), EACCES);
	RETURNS(SYS(faccessat)(AT_FDCWD, "file", R_OK, AT_EACCESS), 0);
	RETURNS(SYS(faccessat)(AT_FDCWD, "mine", R_OK | W_OK, AT_EACCESS), 0);
	RETURNS(SYS(access)("secret", R_OK | W_OK), 0);
	SHUT_OUT(SYS(stat)(path, &st));
	SHUT_OUT(SYS(lstat)(path, &st));
	SHUT_OUT(SYS(fstatat)(AT_FDCWD, path, &st, 0));
	SHUT_OUT(SYS(faccessat)(AT_FDCWD, path, F_OK, AT_EACCESS));
	SHUT_OUT(SYS(truncate)(path, 0));
	FAILS(SYS(readlink)("closed/link", buf, sizeof buf), EACCES);
	FAILS(SYS(readlinkat)(AT_FDCWD, "closed/link", buf, sizeof buf), EACCES);
	FAILS(SYS(truncate)("file", 0), EACCES);
	RETURNS(SYS(truncate)("mine", 1), 0);
}

static void
GROUP(changing)(int file, int mine)
{
	struct timeval micros[2] = { { 1, 1 }, { 2, 2 } };
	struct timespec nanos[2] = { { 1, 1 }, { 2, 2 } };

	FAILS(SYS(chmod)("file", 0666), EPERM);
	FAILS(SYS(fchmod)(file, 0666), EPERM);
	FAILS(SYS(fchmodat)(AT_FDCWD, "file", 0666, 0), EPERM);
	RETURNS(SYS(fchmod)(mine, 0666), 0);
	FAILS(SYS(chown)("file", 1000, (gid_t)-1), EPERM);
	FAILS(SYS(lchown)("file", 1000, (gid_t)-1), EPERM);
	FAILS(SYS(fchown)(file, 1000, (gid_t)-1), EPERM);
	FAILS(SYS(fchownat)(AT_FDCWD, "file", 1000, (gid_t)-1, 0), EPERM);
	/* Nobody gives files away, nor to groups of others. */
	FAILS(SYS(chown)("mine", 0, (gid_t)-1), EPERM);
	FAILS(SYS(fchown)(mine, 1000, 7), EPERM);
	RETURNS(SYS(chown)("mine", 1000, 1000), 0);
	FAILS(SYS(utimes)("file", micros), EPERM);
	FAILS(SYS(lutimes)("file", micros), EPERM);
	FAILS(SYS(futimes)(file, micros), EPERM);
	FAILS(SYS(futimens)(file, nanos), EPERM);
	FAILS(SYS(utimensat)(AT_FDCWD, "file", nanos, 0), EPERM);
	FAILS(SYS(utimes)("file", NULL), EACCES);
	FAILS(SYS(lutimes)("file", NULL), EACCES);
	FAILS(SYS(futimens)(file, NULL), EACCES);
	FAILS(SYS(futimes)(file, NULL), EACCES);
	FAILS(SYS(utimensat)(AT_FDCWD, "file", NULL, 0), EACCES);
	RETURNS(SYS(utimes)("mine", micros), 0);
	SHUT_OUT(SYS(chmod)(path, 0));
	SHUT_OUT(SYS(fchmodat)(AT_FDCWD, path, 0, 0));
	SHUT_OUT(SYS(chown)(path, 1000, 1000));
	SHUT_OUT(SYS(lchown)(path, 1000, 1000));
	SHUT_OUT(SYS(fchownat)(AT_FDCWD, path, 1000, 1000, 0));
	SHUT_OUT(SYS(utimes)(path, NULL));
	SHUT_OUT(SYS(lutimes)(path, NULL));
	SHUT_OUT(SYS(utimensat)(AT_FDCWD, path, NULL, 0));
}

static void
GROUP(names)(int closed)
{
	FAILS(SYS(mkdir)("new", 0755), EACCES);
	FAILS(SYS(mkdirat)(AT_FDCWD, "new", 0755), EACCES);
	FAILS(SYS(rmdir)("shared"), EACCES);
	FAILS(SYS(symlink)("x", "new"), EACCES);
	FAILS(SYS(symlinkat)("x", AT_FDCWD, "new"), EACCES);
	FAILS(SYS(mknod)("new", S_IFREG | 0644, 0), EACCES);
	FAILS(SYS(mknodat)(AT_FDCWD, "new", S_IFREG | 0644, 0), EACCES);
	FAILS(SYS(mkfifo)("new", 0644), EACCES);
	FAILS(SYS(mkfifoat)(AT_FDCWD, "new", 0644), EACCES);
	FAILS(SYS(mknod)("yard/disk", S_IFBLK | 0644, 1), EPERM);
	FAILS(SYS(mknodat)(AT_FDCWD, "yard/null", S_IFCHR | 0644, 1), EPERM);
	FAILS(SYS(link)("mine", "new"), EACCES);
	FAILS(SYS(linkat)(AT_FDCWD, "mine", AT_FDCWD, "new", 0), EACCES);
	FAILS(SYS(unlink)("mine"), EACCES);
	FAILS(SYS(unlinkat)(AT_FDCWD, "mine", 0), EACCES);
	FAILS(SYS(rename)("mine", "yard/mine"), EACCES);
	FAILS(SYS(renameat)(AT_FDCWD, "mine", AT_FDCWD, "yard/mine"), EACCES);

	/* A sticky directory: everybody's, but what is there is its owner's. */
	MAKE("shared/mine", "");
	FAILS(SYS(unlink)("shared/file"), EPERM);
	FAILS(SYS(unlinkat)(AT_FDCWD, "shared/file", 0), EPERM);
	FAILS(SYS(unlinkat)(AT_FDCWD, "shared/dir", AT_REMOVEDIR), EPERM);
	FAILS(SYS(rmdir)("shared/dir"), EPERM);
	FAILS(SYS(rename)("shared/file", "shared/new"), EPERM);
	FAILS(SYS(rename)("shared/mine", "shared/file"), EPERM);
	FAILS(SYS(renameat)(AT_FDCWD, "shared/file", AT_FDCWD, "yard/new"), EPERM);
	RETURNS(SYS(rename)("shared/mine", "yard/mine"), 0);
	/* Its `..` would be another. */
	FAILS(SYS(rename)("shared/dir", "yard/dir"), EPERM);

	SHUT_OUT(SYS(mkdir)(path, 0755));
	SHUT_OUT(SYS(mkdirat)(AT_FDCWD, path, 0755));
	SHUT_OUT(SYS(rmdir)(path));
	SHUT_OUT(SYS(symlink)("x", path));
	SHUT_OUT(SYS(symlinkat)("x", AT_FDCWD, path));
	SHUT_OUT(SYS(mknod)(path, S_IFREG, 0));
	SHUT_OUT(SYS(mknodat)(AT_FDCWD, path, S_IFREG, 0));
	SHUT_OUT(SYS(mkfifo)(path, 0644));
	SHUT_OUT(SYS(mkfifoat)(AT_FDCWD, path, 0644));
	SHUT_OUT(SYS(link)(path, "yard/x"));
	SHUT_OUT(SYS(link)("mine", path));
	SHUT_OUT(SYS(linkat)(AT_FDCWD, path, AT_FDCWD, "yard/x", 0));
	SHUT_OUT(SYS(linkat)(AT_FDCWD, "mine", AT_FDCWD, path, 0));
	SHUT_OUT(SYS(unlink)(path));
	SHUT_OUT(SYS(unlinkat)(AT_FDCWD, path, 0));
	SHUT_OUT(SYS(rename)(path, "yard/x"));
	SHUT_OUT(SYS(rename)("yard/mine", path));
	SHUT_OUT(SYS(renameat)(AT_FDCWD, path, AT_FDCWD, "yard/x"));
	SHUT_OUT(SYS(renameat)(AT_FDCWD, "yard/mine", AT_FDCWD, path));

	FAILS(SYS(chdir)("closed"), EACCES);
	FAILS(SYS(fchdir)(closed), EACCES);
	FAILS(SYS(chroot)("yard"), EPERM);
}

#if IN_KERNEL
/* What hosts lack, or do otherwise. */
static void
kernel_more(int file, int mine, int secret, const char *handle, size_t size)
{
	struct statvfs vfs;
	struct stat st;
	char buf[64];

	/* The host's users may. */
	FAILS(rump_sys_chmod("mine", 01600), EINVAL);
	FAILS(rump_sys_lchmod("mine", 01600), EINVAL);
	FAILS(rump_sys_lchmod("file", 0666), EPERM);
	SHUT_OUT(rump_sys_lchmod(path, 0));
	FAILS(rump_sys_chflags("file", RUMP_UF_IMMUTABLE), EPERM);
	FAILS(rump_sys_lchflags("file", RUMP_UF_IMMUTABLE), EPERM);
	FAILS(rump_sys_fchflags(file, RUMP_UF_IMMUTABLE), EPERM);
	FAILS(rump_sys_chflags("mine", RUMP_SF_IMMUTABLE), EPERM);
	FAILS(rump_sys_fchflags(mine, RUMP_SF_APPEND), EPERM);
	RETURNS(rump_sys_chflags("mine", RUMP_UF_NODUMP), 0);
	FAILS(rump_sys_revoke("file"), EPERM);
	SHUT_OUT(rump_sys_chflags(path, 0));
	SHUT_OUT(rump_sys_lchflags(path, 0));
	SHUT_OUT(rump_sys_revoke(path));
	FAILS(rump_sys_fchroot(file), EPERM);
	FAILS(rump_sys_mount("tmpfs", "yard", 0, NULL, 0), EPERM);
	RETURNS(rump_pub_mount("tmpfs", NULL, "yard", 0, NULL), EPERM);
	FAILS(rump_sys_unmount("/", 0), EPERM);
	FAILS(rump_sys_reboot(0, NULL), EPERM);
	SHUT_OUT(rump_sys_quotactl(path, buf));
	SHUT_OUT(rump_sys_pathconf(path, _PC_NAME_MAX));
	SHUT_OUT(rump_sys_statvfs1(path, &vfs, RUMP_ST_WAIT));

	FAILS(rump_sys_getfh("mine", buf, &size), EPERM);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY), EPERM);
	FAILS(rump_sys_fhstat(handle, size, &st), EPERM);
	FAILS(rump_sys_fhstatvfs1(handle, size, &vfs, RUMP_ST_WAIT), EPERM);

	FAILS(rump_sys_setxattr("file", "user.a", "x", 1, 0), EACCES);
	FAILS(rump_sys_lsetxattr("file", "user.a", "x", 1, 0), EACCES);
	FAILS(rump_sys_fsetxattr(file, "user.a", "x", 1, 0), EACCES);
	FAILS(rump_sys_setxattr("shared", "user.a", "x", 1, 0), EPERM);
	FAILS(rump_sys_setxattr("mine", "trusted.a", "x", 1, 0), EPERM);
	FAILS(rump_sys_removexattr("file", "user.a"), EACCES);
	FAILS(rump_sys_lremovexattr("file", "user.a"), EACCES);
	FAILS(rump_sys_fremovexattr(file, "user.a"), EACCES);
	FAILS(rump_sys_removexattr("mine", "trusted.a"), EPERM);
	FAILS(rump_sys_getxattr("secret", "user.a", buf, sizeof buf), EACCES);
	FAILS(rump_sys_lgetxattr("secret", "user.a", buf, sizeof buf), EACCES);
	/* Even of what is open for reading. */
	FAILS(rump_sys_fgetxattr(secret, "user.a", buf, sizeof buf), EACCES);
	FAILS(rump_sys_extattr_get_fd(secret, RUMP_EXTATTR_NAMESPACE_USER, "a", buf, 1), EACCES);
	FAILS(rump_sys_extattr_list_fd(secret, RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf), EACCES);
	FAILS(rump_sys_extattr_set_fd(file, RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EACCES);
	FAILS(rump_sys_extattr_delete_fd(file, RUMP_EXTATTR_NAMESPACE_USER, "a"), EACCES);
	FAILS(rump_sys_extattr_get_fd(mine, RUMP_EXTATTR_NAMESPACE_SYSTEM, "a", buf, 1), EPERM);
	FAILS(rump_sys_getxattr("file", "trusted.a", buf, sizeof buf), ENODATA);
	RETURNS(rump_sys_listxattr("file", buf, sizeof buf), 0);
	RETURNS(rump_sys_fsetxattr(mine, "user.a", "x", 1, 0), 0);
	SHUT_OUT(rump_sys_getxattr(path, "user.a", buf, sizeof buf));
	SHUT_OUT(rump_sys_lgetxattr(path, "user.a", buf, sizeof buf));
	SHUT_OUT(rump_sys_listxattr(path, buf, sizeof buf));
	SHUT_OUT(rump_sys_llistxattr(path, buf, sizeof buf));
	SHUT_OUT(rump_sys_setxattr(path, "user.a", "x", 1, 0));
	SHUT_OUT(rump_sys_lsetxattr(path, "user.a", "x", 1, 0));
	SHUT_OUT(rump_sys_removexattr(path, "user.a"));
	SHUT_OUT(rump_sys_lremovexattr(path, "user.a"));

	FAILS(rump_sys_extattr_get_file("mine", RUMP_EXTATTR_NAMESPACE_SYSTEM, "a", buf, 1), EPERM);
	FAILS(rump_sys_extattr_set_fd(mine, RUMP_EXTATTR_NAMESPACE_SYSTEM, "a", "x", 1), EPERM);
	FAILS(rump_sys_extattr_delete_link("mine", RUMP_EXTATTR_NAMESPACE_SYSTEM, "a"), EPERM);
	FAILS(rump_sys_extattr_list_file("mine", RUMP_EXTATTR_NAMESPACE_SYSTEM, buf, sizeof buf), EPERM);
	FAILS(rump_sys_extattr_get_link("mine", RUMP_EXTATTR_NAMESPACE_SYSTEM, "a", buf, 1), EPERM);
	FAILS(rump_sys_extattr_delete_file("mine", RUMP_EXTATTR_NAMESPACE_SYSTEM, "a"), EPERM);
	FAILS(rump_sys_extattr_list_link("mine", RUMP_EXTATTR_NAMESPACE_SYSTEM, buf, sizeof buf), EPERM);
	FAILS(rump_sys_extattr_list_fd(mine, RUMP_EXTATTR_NAMESPACE_SYSTEM, buf, sizeof buf), EPERM);
	FAILS(rump_sys_extattr_list_file("secret", RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf), EACCES);
	FAILS(rump_sys_extattr_get_file("secret", RUMP_EXTATTR_NAMESPACE_USER, "a", buf, 1), EACCES);
	FAILS(rump_sys_extattr_set_file("file", RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EACCES);
	FAILS(rump_sys_extattr_delete_file("file", RUMP_EXTATTR_NAMESPACE_USER, "a"), EACCES);
	RETURNS(rump_sys_extattr_list_file("mine", RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf), 2);
	SHUT_OUT(rump_sys_extattr_get_file(path, RUMP_EXTATTR_NAMESPACE_USER, "a", buf, 1));
	SHUT_OUT(rump_sys_extattr_get_link(path, RUMP_EXTATTR_NAMESPACE_USER, "a", buf, 1));
	SHUT_OUT(rump_sys_extattr_set_file(path, RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1));
	SHUT_OUT(rump_sys_extattr_set_link(path, RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1));
	SHUT_OUT(rump_sys_extattr_delete_file(path, RUMP_EXTATTR_NAMESPACE_USER, "a"));
	SHUT_OUT(rump_sys_extattr_delete_link(path, RUMP_EXTATTR_NAMESPACE_USER, "a"));
	SHUT_OUT(rump_sys_extattr_list_file(path, RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf));
	SHUT_OUT(rump_sys_extattr_list_link(path, RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf));
}
#endif

static void
GROUP(run)(void)
{
	gid_t none[1] = { 1000 };
	int file, mine, closed;

	if (!IN_KERNEL && geteuid() != 0) {
		printf("the host does not let us be somebody else\n");
		return;
	}
	GROUP(prepare)();
	file = SYS(open)("file", O_RDWR);
	mine = SYS(open)("mine", O_RDWR);
	closed = SYS(open)("closed", O_RDONLY);
	RETURNS(SYS(setgroups)(1, none), 0);
	RETURNS(SYS(setegid)(1000), 0);
	RETURNS(SYS(seteuid)(1000), 0);
	GROUP(opening)();
	GROUP(changing)(file, mine);
	GROUP(names)(closed);
	/* What is open stays open. */
	RETURNS(SYS(write)(file, "x", 1), 1);
#if IN_KERNEL
	{
		char handle[64];
		size_t size = sizeof handle;
		int secret;

		RETURNS(rump_sys_seteuid(0), 0);
		secret = rump_sys_open("secret", O_RDWR);
		RETURNS(rump_sys_getfh("mine", handle, &size), 0);
		RETURNS(rump_sys_seteuid(1000), 0);
		kernel_more(file, mine, secret, handle, size);
	}
#endif
	RETURNS(SYS(seteuid)(0), 0);
	RETURNS(SYS(setegid)(0), 0);
	RETURNS(SYS(close)(file), 0);
	RETURNS(SYS(close)(mine), 0);
	RETURNS(SYS(close)(closed), 0);
}

#endif
