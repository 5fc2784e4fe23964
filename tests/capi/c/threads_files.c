/* Threads at files: in one directory, at one descriptor, in one table of descriptors, as one lwp. */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "crew.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 25, RECORD = 16 };

/* How many entries a directory has besides itself and its parent. */
static int
entries(const char *path)
{
	/* As aligned as the records are. */
	long long space[128];
	const char *bytes = (const char *)space;
	int fd = rump_sys_open(path, O_RDONLY | O_DIRECTORY), count = 0;
	long length, at;

	CHECK(fd >= 0);
	while ((length = (long)rump_sys_getdents(fd, (char *)space, sizeof(space))) > 0)
		for (at = 0; at < length;) {
			const struct dirent *entry = (const struct dirent *)(const void *)(bytes + at);

			count += entry->d_name[0] != '.';
			at += entry->d_reclen;
		}
	RETURNS(length, 0);
	RETURNS(rump_sys_close(fd), 0);
	return count;
}

/* Who renames over a name leaves it there, with one content or the other. */
static void
rename_over(int number)
{
	char path[32], text[RECORD], seen[RECORD + 1];
	struct stat st;
	int round, fd;

	for (round = 0; round < ROUNDS; round++) {
		snprintf(path, sizeof(path), "/dir/%d-%d", number, round);
		snprintf(text, sizeof(text), "by %d in %d", number, round);
		fd = rump_sys_open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
		CHECK(fd >= 0);
		RETURNS(rump_sys_write(fd, text, RECORD), RECORD);
		RETURNS(rump_sys_close(fd), 0);
		RETURNS(rump_sys_rename(path, "/dir/last"), 0);
		FAILS(rump_sys_stat(path, &st), ENOENT);
		RETURNS(rump_sys_stat("/dir/last", &st), 0);
		RETURNS(st.st_size, RECORD);
		fd = rump_sys_open("/dir/last", O_RDONLY);
		RETURNS(rump_sys_read(fd, seen, sizeof(seen)), RECORD);
		CHECK(strncmp(seen, "by ", 3) == 0);
		RETURNS(rump_sys_close(fd), 0);
		CHECK(entries("/dir") >= 0);
		/* A file that lost its last name on the way gets no other, as at the host. */
		if (rump_sys_link("/dir/last", path) == 0)
			RETURNS(rump_sys_unlink(path), 0);
		else
			RETURNS(errno, ENOENT);
	}
}

/* What everybody appends to one file, and reads from one descriptor, comes once, in whole records. */
static int shared;
static unsigned char times_seen[THREADS * ROUNDS];

static void
append(int number)
{
	int round;
	char record[RECORD];

	for (round = 0; round < ROUNDS; round++) {
		snprintf(record, sizeof(record), "%015d", number * ROUNDS + round);
		RETURNS(rump_sys_write(shared, record, RECORD), RECORD);
	}
}

static void
take(int number)
{
	char record[RECORD];
	ssize_t got;

	(void)number;
	while ((got = rump_sys_read(shared, record, RECORD)) > 0) {
		int which = atoi(record);

		RETURNS(got, RECORD);
		CHECK(record[RECORD - 1] == '\0' && which >= 0 && which < THREADS * ROUNDS);
		/* Nobody else was given it: no lock is needed. */
		times_seen[which]++;
	}
	RETURNS(got, 0);
}

/* A table of descriptors that all have: each number is given out to one at a time. */
static pid_t table_of;

static void
own_descriptor(int number)
{
	char path[32], byte = (char)('a' + number), seen;
	int round, fd, copy;

	RETURNS(rump_pub_lwproc_newlwp(table_of), 0);
	snprintf(path, sizeof(path), "/own-%d", number);
	for (round = 0; round < ROUNDS; round++) {
		fd = rump_sys_open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);
		CHECK(fd >= 0);
		RETURNS(rump_sys_pwrite(fd, &byte, 1, 0), 1);
		copy = rump_sys_dup(fd);
		CHECK(copy >= 0 && copy != fd);
		RETURNS(rump_sys_close(fd), 0);
		RETURNS(rump_sys_pread(copy, &seen, 1, 0), 1);
		RETURNS(seen, byte);
		RETURNS(rump_sys_close(copy), 0);
		/* Half of the threads go on in a process of their own in between. */
		if (number % 2 == 0) {
			struct lwp *me = rump_pub_lwproc_curlwp();

			RETURNS(rump_pub_lwproc_rfork(round % 2 == 0 ? RUMP_RFCFDG : RUMP_RFFD_SHARE), 0);
			fd = rump_sys_open(path, O_RDONLY);
			CHECK(round % 2 != 0 || fd == 0);
			RETURNS(rump_sys_close(fd), 0);
			RETURNS(rump_pub_lwproc_releaselwp(), 0);
			RETURNS(rump_pub_lwproc_switch(me), 0);
		}
	}
	RETURNS(rump_sys_unlink(path), 0);
	/* The thread ends, and with it what it is. */
}

/* One lwp is one thread at a time, which sees what the one before did. */
static struct lwp *one;
static int turns;

static void
take_turns(int number)
{
	int round, status;

	(void)number;
	for (round = 0; round < ROUNDS;) {
		status = rump_pub_lwproc_switch(one);
		if (status == EBUSY) {
			sched_yield();
			continue;
		}
		RETURNS(status, 0);
		turns++;
		round++;
		RETURNS(rump_pub_lwproc_switch(NULL), 0);
	}
}

/* A file of the host comes and goes. */
static char host_file[] = "/tmp/rump-threads-XXXXXX";
static int is_over;

static void
look(int number)
{
	char bytes[8];
	int fd;

	(void)number;
	while (count_(&is_over, 0) == 0) {
		fd = rump_sys_open("/key", O_RDONLY);
		if (fd < 0) {
			RETURNS(errno, ENOENT);
			sched_yield();
			continue;
		}
		RETURNS(rump_sys_read(fd, bytes, sizeof(bytes)), 5);
		CHECK(memcmp(bytes, "hello", 5) == 0);
		RETURNS(rump_sys_close(fd), 0);
	}
}

static void
come_and_go(void)
{
	int round, status;

	for (round = 0; round < ROUNDS;) {
		status = rump_pub_etfs_register("/key", host_file, RUMP_ETFS_REG);
		/* Somebody has it open still. */
		if (status == EBUSY) {
			sched_yield();
			continue;
		}
		RETURNS(status, 0);
		round++;
		sched_yield();
		RETURNS(rump_pub_etfs_remove("/key"), 0);
	}
	(void)count_(&is_over, 1);
}

static void
boot(int number)
{
	(void)number;
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_getpid(), 1);
}

int
main(void)
{
	int fd, which;

	/* Whoever is first boots it. */
	crew(THREADS, boot);
	RETURNS(rump_sys_mkdir("/dir", 0755), 0);
	crew(THREADS, rename_over);
	RETURNS(entries("/dir"), 1);

	shared = rump_sys_open("/shared", O_CREAT | O_RDWR | O_APPEND, 0644);
	crew(THREADS, append);
	RETURNS(rump_sys_lseek(shared, 0, SEEK_END), THREADS * ROUNDS * RECORD);
	RETURNS(rump_sys_lseek(shared, 0, SEEK_SET), 0);
	crew(THREADS, take);
	for (which = 0; which < THREADS * ROUNDS; which++)
		RETURNS(times_seen[which], 1);
	RETURNS(rump_sys_close(shared), 0);

	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	one = rump_pub_lwproc_curlwp();
	table_of = rump_sys_getpid();
	crew(THREADS, own_descriptor);
	fd = rump_sys_open("/shared", O_RDONLY);
	RETURNS(fd, 0);
	RETURNS(rump_sys_close(fd), 0);

	RETURNS(rump_pub_lwproc_switch(NULL), 0);
	crew(THREADS, take_turns);
	RETURNS(turns, THREADS * ROUNDS);

	fd = mkstemp(host_file);
	RETURNS(write(fd, "hello", 5), 5);
	close(fd);
	crew_while(THREADS - 1, look, come_and_go);
	unlink(host_file);
	return checked();
}
