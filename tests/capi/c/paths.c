/* The errors of walking a path, of the calls that hosts have not, or not by these names. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "check.h"

/* Names of 256 bytes and paths of 4096 are too long for everybody. */
static char long_name[300], long_path[5000];

#define WALKS_(macro, call)                   \
	do {                                  \
		const char *path = "";        \
		macro(call, ENOENT);          \
		path = "missing/name";        \
		macro(call, ENOENT);          \
		path = "file/name";           \
		macro(call, ENOTDIR);         \
		path = "loop/name";           \
		macro(call, ELOOP);           \
		path = long_name;             \
		macro(call, ENAMETOOLONG);    \
		path = long_path;             \
		macro(call, ENAMETOOLONG);    \
		path = NULL;                  \
		macro(call, EFAULT);          \
	} while (0)
/* Of a call with `path` in it that sets errno, and of one that answers the number. */
#define WALKS(call) WALKS_(FAILS, call)
#define WALKS_TO_NUMBER(call) WALKS_(RETURNS, call)

static void
attributes(void)
{
	char buf[64];

	WALKS(rump_sys_getxattr(path, "user.a", buf, sizeof buf));
	WALKS(rump_sys_lgetxattr(path, "user.a", buf, sizeof buf));
	WALKS(rump_sys_listxattr(path, buf, sizeof buf));
	WALKS(rump_sys_llistxattr(path, buf, sizeof buf));
	WALKS(rump_sys_setxattr(path, "user.a", "x", 1, 0));
	WALKS(rump_sys_lsetxattr(path, "user.a", "x", 1, 0));
	WALKS(rump_sys_removexattr(path, "user.a"));
	WALKS(rump_sys_lremovexattr(path, "user.a"));
	WALKS(rump_sys_extattr_get_file(path, RUMP_EXTATTR_NAMESPACE_USER, "a", buf, sizeof buf));
	WALKS(rump_sys_extattr_get_link(path, RUMP_EXTATTR_NAMESPACE_USER, "a", buf, sizeof buf));
	WALKS(rump_sys_extattr_list_file(path, RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf));
	WALKS(rump_sys_extattr_list_link(path, RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf));
	WALKS(rump_sys_extattr_set_file(path, RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1));
	WALKS(rump_sys_extattr_set_link(path, RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1));
	WALKS(rump_sys_extattr_delete_file(path, RUMP_EXTATTR_NAMESPACE_USER, "a"));
	WALKS(rump_sys_extattr_delete_link(path, RUMP_EXTATTR_NAMESPACE_USER, "a"));
	WALKS(rump_sys_chflags(path, 0));
	WALKS(rump_sys_lchflags(path, 0));
	WALKS(rump_sys_lchmod(path, 0600));
	WALKS(rump_sys_revoke(path));
}

static void
file_systems(void)
{
	struct ufs_args args = { "/none" };
	struct statvfs vfs;
	char handle[64];
	size_t size = sizeof handle;

	WALKS(rump_sys_statvfs1(path, &vfs, RUMP_ST_WAIT));
	WALKS(rump_sys_pathconf(path, _PC_NAME_MAX));
	WALKS(rump_sys_getfh(path, handle, &size));
	WALKS(rump_sys_chroot(path));
	WALKS(rump_sys_quotactl(path, &args));
	WALKS(rump_sys_unmount(path, 0));
	WALKS(rump_sys_mount("tmpfs", path, 0, NULL, 0));
	WALKS(rump_sys_mount("ext2fs", path, 0, &args, sizeof args));
	WALKS_TO_NUMBER(rump_pub_mount("tmpfs", NULL, path, 0, NULL));
	RETURNS(rump_pub_mount(NULL, NULL, "dir", 0, NULL), EFAULT);
	RETURNS(rump_pub_mount("tmpfs", NULL, "file", 0, NULL), ENOTDIR);
	RETURNS(rump_pub_mount("tmpfs", NULL, "dir", RUMP_MNT_UPDATE, NULL), EOPNOTSUPP);
	RETURNS(rump_pub_mount("tmpfs", NULL, "dir", 0x200, NULL), EINVAL);
	RETURNS(rump_pub_mount("ext2fs", "none", "dir", 0, NULL), ENOENT);
	/* The path of the device is walked as well. */
	args.fspec = "file/name";
	FAILS(rump_sys_mount("ext2fs", "dir", 0, &args, sizeof args), ENOTDIR);
	args.fspec = "loop";
	FAILS(rump_sys_mount("ext2fs", "dir", 0, &args, sizeof args), ELOOP);
	args.fspec = long_name;
	FAILS(rump_sys_mount("ext2fs", "dir", 0, &args, sizeof args), ENAMETOOLONG);
}

int
main(void)
{
	memset(long_name, 'n', sizeof long_name - 1);
	memset(long_path, '/', sizeof long_path - 1);
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_mkdir("dir", 0755), 0);
	RETURNS(rump_sys_mknod("file", S_IFREG | 0644, 0), 0);
	RETURNS(rump_sys_symlink("loop", "loop"), 0);
	attributes();
	file_systems();
	return checked();
}
