/* statvfs1(2), getvfsstat(2), pathconf(2), getfh(2), fsync(2), fdiscard(2), posix_fadvise(2), chroot(2) in a kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/sys/mountargs.h>

#include "check.h"

#ifndef HALTED
#define HALTED ENXIO
#endif

static void
facts(int fd)
{
	struct statvfs vfs;
	int ends[2];

	RETURNS(rump_sys_statvfs1("/file", &vfs, RUMP_ST_WAIT), 0);
	CHECK(vfs.f_namemax == 255 && vfs.f_bsize > 0);
	RETURNS(rump_sys_fstatvfs1(fd, &vfs, RUMP_ST_NOWAIT), 0);
	FAILS(rump_sys_statvfs1("/file", &vfs, 0), EINVAL);
	FAILS(rump_sys_statvfs1("/none", &vfs, 1), ENOENT);
	FAILS(rump_sys_statvfs1("/file", NULL, 1), EFAULT);
	FAILS(rump_sys_fstatvfs1(-1, &vfs, 1), EBADF);
	RETURNS(rump_sys_getvfsstat(NULL, 0, 1), 1);
	RETURNS(rump_sys_getvfsstat(&vfs, sizeof vfs, 1), 1);
	RETURNS(rump_sys_getvfsstat(&vfs, 1, 1), 0);
	FAILS(rump_sys_getvfsstat(NULL, 0, 0), EINVAL);
	FAILS(rump_sys_fstatvfs1(fd, &vfs, 3), EINVAL);
	FAILS(rump_sys_fstatvfs1(fd, NULL, 1), EFAULT);
	FAILS(rump_sys_statvfs1("/file/name", &vfs, 1), ENOTDIR);
	RETURNS(rump_sys_pipe(ends), 0);
	FAILS(rump_sys_fstatvfs1(ends[0], &vfs, 1), EINVAL);
	RETURNS(rump_sys_close(ends[0]), 0);
	RETURNS(rump_sys_close(ends[1]), 0);
}

/* What is answered for each name. */
static void
limits(int fd)
{
	static const struct {
		int name;
		long limit;
	} all[] = {
		{ _PC_NAME_MAX, 255 },
		{ _PC_PATH_MAX, 4096 },
		{ _PC_PIPE_BUF, 4096 },
		{ _PC_CHOWN_RESTRICTED, 1 },
		{ _PC_NO_TRUNC, 1 },
		{ _PC_SYNC_IO, 1 },
		{ _PC_FILESIZEBITS, 64 },
		{ _PC_SYMLINK_MAX, 4095 },
		{ _PC_2_SYMLINKS, 1 },
	};
	static const int of_terminals[] = { _PC_MAX_CANON, _PC_MAX_INPUT, _PC_VDISABLE };
	int ends[2];
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		RETURNS(rump_sys_pathconf("/", all[i].name), all[i].limit);
		RETURNS(rump_sys_fpathconf(fd, all[i].name), all[i].limit);
	}
	for (i = 0; i < sizeof of_terminals / sizeof of_terminals[0]; i++) {
		FAILS(rump_sys_pathconf("/", of_terminals[i]), EINVAL);
		FAILS(rump_sys_fpathconf(fd, of_terminals[i]), EINVAL);
	}
	/* tmpfs counts links as far as it can. */
	errno = 0;
	CHECK(rump_sys_pathconf("/", _PC_LINK_MAX) != 0 && errno == 0);
	RETURNS(rump_sys_pipe(ends), 0);
	RETURNS(rump_sys_fpathconf(ends[0], _PC_PIPE_BUF), 4096);
	FAILS(rump_sys_fpathconf(ends[0], _PC_NAME_MAX), EINVAL);
	RETURNS(rump_sys_close(ends[0]), 0);
	RETURNS(rump_sys_close(ends[1]), 0);
	FAILS(rump_sys_pathconf("/", 9999), EINVAL);
	FAILS(rump_sys_fpathconf(fd, -1), EINVAL);
	FAILS(rump_sys_pathconf(NULL, _PC_NAME_MAX), EFAULT);
	FAILS(rump_sys_pathconf("/none", _PC_NAME_MAX), ENOENT);
	FAILS(rump_sys_pathconf("/file/name", _PC_NAME_MAX), ENOTDIR);
	FAILS(rump_sys_fpathconf(-1, _PC_NAME_MAX), EBADF);
}

static void
handles(void)
{
	struct statvfs vfs;
	struct stat st;
	char handle[64], buf[8];
	size_t size = 0;
	int fd;

	FAILS(rump_sys_getfh("/file", NULL, &size), E2BIG);
	CHECK(size > 0 && size <= sizeof handle);
	RETURNS(rump_sys_getfh("/file", handle, &size), 0);
	fd = rump_sys_fhopen(handle, size, O_RDONLY);
	RETURNS(rump_sys_read(fd, buf, sizeof buf), 3);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_sys_fhstat(handle, size, &st), 0);
	CHECK(st.st_size == 3);
	RETURNS(rump_sys_fhstatvfs1(handle, size, &vfs, 1), 0);
	FAILS(rump_sys_fhstat(handle, 3, &st), EINVAL);
	FAILS(rump_sys_fhstat(NULL, size, &st), EFAULT);
	FAILS(rump_sys_fhopen(handle, size, O_RDWR | O_CREAT), EINVAL);
	FAILS(rump_sys_fhstatvfs1(handle, size, &vfs, 0), EINVAL);
	FAILS(rump_sys_getfh("/none", handle, &size), ENOENT);
	FAILS(rump_sys_getfh("/file", handle, NULL), EFAULT);
	FAILS(rump_sys_getfh("/file", NULL, &size), EFAULT);
	FAILS(rump_sys_getfh(NULL, handle, &size), EFAULT);
	FAILS(rump_sys_getfh("/file/name", handle, &size), ENOTDIR);
	FAILS(rump_sys_fhopen(NULL, size, O_RDONLY), EFAULT);
	FAILS(rump_sys_fhopen(handle, size + 1, O_RDONLY), EINVAL);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(rump_sys_fhstat(handle, size, NULL), EFAULT);
	FAILS(rump_sys_fhstatvfs1(NULL, size, &vfs, 1), EFAULT);
	FAILS(rump_sys_fhstatvfs1(handle, size, NULL, 1), EFAULT);
	FAILS(rump_sys_fhstatvfs1(handle, 3, &vfs, 1), EINVAL);
	RETURNS(rump_sys_mknod("/nothing", S_IFCHR | 0644, 77777), 0);
	RETURNS(rump_sys_getfh("/nothing", handle, &size), 0);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY), ENXIO);
	RETURNS(rump_sys_getfh("/", handle, &size), 0);
	FAILS(rump_sys_fhopen(handle, size, O_RDWR), EISDIR);

	/* What is gone, and what never was. */
	fd = rump_sys_open("/gone", O_RDWR | O_CREAT, 0644);
	RETURNS(rump_sys_getfh("/gone", handle, &size), 0);
	RETURNS(rump_sys_unlink("/gone"), 0);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY), ESTALE);
	RETURNS(rump_sys_close(fd), 0);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY), ESTALE);
	FAILS(rump_sys_fhstat(handle, size, &st), ESTALE);
	FAILS(rump_sys_fhstatvfs1(handle, size, &vfs, 1), ESTALE);
	memset(handle, 0xff, sizeof handle);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY), ESTALE);
	FAILS(rump_sys_fhstat(handle, size, &st), ESTALE);
}

/* What is durable, and where files have space. */
static void
space(int fd)
{
	int ends[2], reader = rump_sys_open("/file", O_RDONLY), queue, null;
	const off_t largest = (off_t)0x7fffffffffffffffLL;

	RETURNS(rump_sys_pipe(ends), 0);
	queue = rump_sys_kqueue();
	RETURNS(rump_sys_fsync(fd), 0);
	RETURNS(rump_sys_fsync(reader), 0);
	RETURNS(rump_sys_fdatasync(fd), 0);
	FAILS(rump_sys_fsync(-1), EBADF);
	FAILS(rump_sys_fdatasync(-1), EBADF);
	FAILS(rump_sys_fsync(ends[1]), EINVAL);
	FAILS(rump_sys_fdatasync(ends[1]), EINVAL);
	FAILS(rump_sys_fsync(queue), EINVAL);
	RETURNS(rump_sys_fsync_range(fd, RUMP_FDATASYNC, 0, 0), 0);
	RETURNS(rump_sys_fsync_range(fd, RUMP_FFILESYNC | RUMP_FDISKSYNC, 1, 1), 0);
	FAILS(rump_sys_fsync_range(fd, 0, 0, 0), EINVAL);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDATASYNC | RUMP_FFILESYNC, 0, 0), EINVAL);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDISKSYNC, 0, 0), EINVAL);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDATASYNC | 1, 0, 0), EINVAL);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDATASYNC, -1, 0), EINVAL);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDATASYNC, 0, -1), EINVAL);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDATASYNC, largest, 1), EINVAL);
	FAILS(rump_sys_fsync_range(-1, RUMP_FDATASYNC, 0, 0), EBADF);
	FAILS(rump_sys_fsync_range(reader, RUMP_FDATASYNC, 0, 0), EBADF);
	FAILS(rump_sys_fsync_range(ends[1], RUMP_FDATASYNC, 0, 0), EINVAL);
	rump_sys_sync();

	RETURNS(rump_sys_posix_fallocate(fd, 0, 100), 0);
	RETURNS(rump_sys_posix_fallocate(fd, 0, 0), EINVAL);
	RETURNS(rump_sys_posix_fallocate(fd, -1, 1), EINVAL);
	RETURNS(rump_sys_posix_fallocate(fd, 0, -1), EINVAL);
	RETURNS(rump_sys_posix_fallocate(fd, largest, 1), EFBIG);
	RETURNS(rump_sys_posix_fallocate(-1, 0, 1), EBADF);
	RETURNS(rump_sys_posix_fallocate(reader, 0, 1), EBADF);
	RETURNS(rump_sys_posix_fallocate(ends[1], 0, 1), ESPIPE);
	null = rump_sys_open("/dev/null", O_RDWR);
	RETURNS(rump_sys_posix_fallocate(null, 0, 1), ENODEV);
	FAILS(rump_sys_fdiscard(null, 0, 1), ENODEV);
	RETURNS(rump_sys_close(null), 0);
	RETURNS(rump_sys_posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL), 0);
	RETURNS(rump_sys_posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE), 0);
	RETURNS(rump_sys_posix_fadvise(fd, 5, 1, POSIX_FADV_DONTNEED), 0);
	RETURNS(rump_sys_posix_fadvise(fd, 0, 0, 99), EINVAL);
	RETURNS(rump_sys_posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
	RETURNS(rump_sys_posix_fadvise(fd, -1, 0, POSIX_FADV_NORMAL), EINVAL);
	RETURNS(rump_sys_posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL), EBADF);
	RETURNS(rump_sys_posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
	RETURNS(rump_sys_posix_fadvise(queue, 0, 0, POSIX_FADV_NORMAL), EINVAL);
	RETURNS(rump_sys_fdiscard(fd, 0, 10), 0);
	FAILS(rump_sys_fdiscard(fd, 0, 0), EINVAL);
	FAILS(rump_sys_fdiscard(fd, -1, 10), EINVAL);
	FAILS(rump_sys_fdiscard(fd, 0, -1), EINVAL);
	FAILS(rump_sys_fdiscard(fd, largest, 1), EFBIG);
	FAILS(rump_sys_fdiscard(-1, 0, 10), EBADF);
	FAILS(rump_sys_fdiscard(reader, 0, 10), EBADF);
	FAILS(rump_sys_fdiscard(ends[1], 0, 10), ESPIPE);
	RETURNS(rump_sys_close(ends[0]), 0);
	RETURNS(rump_sys_close(ends[1]), 0);
	RETURNS(rump_sys_close(queue), 0);
	RETURNS(rump_sys_close(reader), 0);
}

/* Without an image. */
static void
mounting(void)
{
	struct ufs_args args = { "/none" };

	RETURNS(rump_sys_mkdir("/mnt", 0755), 0);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &args, sizeof args), ENOENT);
	FAILS(rump_sys_unmount("/mnt", 0), EINVAL);
	FAILS(rump_sys_quotactl("/", &args), EOPNOTSUPP);
	FAILS(rump_sys_quotactl("/", NULL), EFAULT);
	FAILS(rump_sys_quotactl(NULL, &args), EFAULT);
	FAILS(rump_sys_quotactl("/none", &args), ENOENT);
	FAILS(rump_sys_quotactl("/file/name", &args), ENOTDIR);
	FAILS(rump_sys_chroot("/none"), ENOENT);
	FAILS(rump_sys_chroot("/file"), ENOTDIR);
	FAILS(rump_sys_chroot(NULL), EFAULT);
	FAILS(rump_sys_fchroot(-1), EBADF);
	FAILS(rump_sys_fchroot(rump_sys_open("/file", O_RDONLY)), ENOTDIR);
	RETURNS(rump_sys_fchroot(rump_sys_open("/mnt", O_RDONLY)), 0);
	FAILS(rump_sys_access("/file", F_OK), ENOENT);
	RETURNS(rump_sys_getvfsstat(NULL, 0, 1), 1);
}

int
main(void)
{
	int fd;

	RETURNS(rump_init(), 0);
	fd = rump_sys_open("/file", O_RDWR | O_CREAT, 0644);
	RETURNS(rump_sys_write(fd, "abc", 3), 3);
	facts(fd);
	limits(fd);
	handles();
	space(fd);
	mounting();
	RETURNS(rump_sys_reboot(0, NULL), 0);
	FAILS(rump_sys_chdir("/"), HALTED);
	return checked();
}
