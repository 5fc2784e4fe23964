/*
 * image IMAGE PATH: prints a file of an image, or lists a directory of it, without mounting the image in the host.
 *
 * The image is shown to the kernel as the device /dev/image (etfs), and mounted for reading as whichever type fits.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "example.h"

#define DEVICE "/dev/image"

/* Each has a library, which the program is linked with. */
static const char *const TYPES[] = { MOUNT_EXT2FS, MOUNT_CD9660, MOUNT_EXFAT, MOUNT_MSDOS };
#define TYPE_COUNT (sizeof TYPES / sizeof TYPES[0])

static void
mount_image(const char *path)
{
	struct ufs_args args = { DEVICE };
	size_t i;

	works(rump_pub_etfs_register(DEVICE, path, RUMP_ETFS_BLK), path);
	need(rump_sys_mkdir("/mnt", 0755), "/mnt");
	for (i = 0; i < TYPE_COUNT; i++) {
		if (rump_sys_mount(TYPES[i], "/mnt", RUMP_MNT_RDONLY, &args, sizeof args) == 0)
			return;
		/* EINVAL: it is another type. */
		if (errno != EINVAL)
			fail(TYPES[i], errno);
	}
	fail(path, EINVAL);
}

static void
print_file(int fd)
{
	static char bytes[65536];
	ssize_t length;

	while ((length = need(rump_sys_read(fd, bytes, sizeof bytes), "read")) > 0)
		if (fwrite(bytes, 1, (size_t)length, stdout) != (size_t)length)
			fail("standard output", errno);
}

static void
print_entry(int directory, const char *name)
{
	struct stat status;

	need(rump_sys_fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW), name);
	printf("%06o %12lld %s\n", (unsigned int)status.st_mode, (long long)status.st_size, name);
}

/* Entries are the host's struct dirent, one behind the other. */
static void
list_directory(int fd)
{
	union {
		struct dirent alignment;
		char bytes[8192];
	} buffer;
	const struct dirent *entry;
	int length, at;

	while ((length = (int)need(rump_sys_getdents(fd, buffer.bytes, sizeof buffer.bytes), "getdents")) > 0)
		for (at = 0; at < length; at += entry->d_reclen) {
			entry = (const struct dirent *)(const void *)(buffer.bytes + at);
			print_entry(fd, entry->d_name);
		}
}

int
main(int argc, char **argv)
{
	struct stat status;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: %s IMAGE PATH\n", argv[0]);
		return 2;
	}
	works(rump_init(), "rump_init");
	mount_image(argv[1]);
	/* The image is all that there is from here on. */
	need(rump_sys_chroot("/mnt"), "chroot");
	fd = (int)need(rump_sys_open(argv[2], O_RDONLY), argv[2]);
	need(rump_sys_fstat(fd, &status), argv[2]);
	if (S_ISDIR(status.st_mode))
		list_directory(fd);
	else
		print_file(fd);
	need(rump_sys_reboot(0, NULL), "reboot");
	return 0;
}
