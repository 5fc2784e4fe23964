/* What is not linked: calls answer as if it were unknown, and the console says which library has it. Links: rumpvfs */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "check.h"

/* The file that takes the place of the console, and the console. */
static int file, console;

/* What was said since it was asked for last. */
static const char *
said(void)
{
	static char text[512];
	ssize_t length = pread(file, text, sizeof text - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	CHECK(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
	return text;
}

int
main(void)
{
	static const struct {
		const char *type, *library;
	} types[] = {
		{ "ext2fs", "-lrumpfs_ext2fs" },
		{ "msdos", "-lrumpfs_msdos" },
		{ "cd9660", "-lrumpfs_cd9660" },
		{ "kernfs", "-lrumpfs_kernfs" },
	};
	char name[] = "/tmp/rump-absent-XXXXXX";
	struct ufs_args args = { "/disk" };
	size_t i;

	file = mkstemp(name);
	console = dup(2);
	CHECK(file >= 0 && console >= 0 && unlink(name) == 0);
	RETURNS(rump_init(), 0);
	CHECK(dup2(file, 2) == 2);
	said();
	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		FAILS(rump_sys_mount(types[i].type, "/", 0, &args, sizeof args), ENODEV);
		CHECK(strstr(said(), types[i].library) != NULL);
		RETURNS(rump_pub_mount(types[i].type, "/disk", "/", 0, NULL), ENODEV);
		CHECK(strstr(said(), types[i].library) != NULL);
	}
	FAILS(rump_sys_socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK(strstr(said(), "-lrumpnet_netinet") != NULL);
	RETURNS(rump_pub_netconfig_ifcreate("lo1"), EAFNOSUPPORT);
	RETURNS(rump_pub_shmif_create(NULL, NULL), EINVAL);
	CHECK(strstr(said(), "librumpnet_shmif") != NULL);
	/* No library has these. */
	FAILS(rump_sys_mount("ffs", "/", 0, &args, sizeof args), ENODEV);
	CHECK(strcmp(said(), "") == 0);
	CHECK(dup2(console, 2) == 2);
	return checked();
}
