/* sendfile, copy_file_range and statx with files of the tree, files of the host and sockets. What came of each is printed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char room[1 << 20];
static const char *tree, *out;

/* A path of one of both, for a short while. */
static const char *in(const char *folder, const char *name)
{
	static char paths[4][300];
	static int last;
	char *path = paths[last++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void say(const char *what, long answer)
{
	if (answer < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, answer);
	fflush(stdout);
}

static uint32_t sum(const char *bytes, long length, uint32_t before)
{
	for (long at = 0; at < length; at++)
		before = (before ^ (unsigned char)bytes[at]) * 16777619u;
	return before;
}

/* How much is in a file, and what. */
static void content(const char *path)
{
	uint32_t all = 2166136261u;
	long length = 0, got;
	int fd = open(path, O_RDONLY);
	while ((got = read(fd, room, sizeof room)) > 0) {
		all = sum(room, got, all);
		length += got;
	}
	close(fd);
	printf("  %ld bytes, %08x\n", length, all);
}

static int made(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | flags, 0644);
	if (fd < 0)
		exit(9);
	return fd;
}

static void sockets(int ends[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof at;
	int door = socket(AF_INET, SOCK_STREAM, 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(door, (struct sockaddr *)&at, sizeof at) != 0 || listen(door, 1) != 0 ||
	    getsockname(door, (struct sockaddr *)&at, &length) != 0 ||
	    connect(ends[0], (struct sockaddr *)&at, sizeof at) != 0)
		exit(8);
	ends[1] = accept(door, NULL, NULL);
	close(door);
}

/* All of a file, or what is left of it, to whatever takes it; `from_end` is where it comes out. */
static void send_all(const char *what, int to, int from_end, int from, off_t *offset, long length)
{
	long sent, all = 0, got = 0, part;
	uint32_t bytes = 2166136261u;
	while (all < length && (sent = sendfile(to, from, offset, length - all < 30000 ? length - all : 30000)) > 0) {
		all += sent;
		while (got < all && (part = read(from_end, room, all - got)) > 0) {
			bytes = sum(room, part, bytes);
			got += part;
		}
	}
	printf("%s: %ld sent, %ld came, %08x; at %ld", what, all, got, bytes, (long)lseek(from, 0, SEEK_CUR));
	printf(offset ? ", offset %ld\n" : "\n", offset ? (long)*offset : 0L);
	fflush(stdout);
}

static void sending(const char *what, const char *path, int to, int from_end)
{
	int from = open(path, O_RDONLY);
	off_t offset = 1000;
	printf("%s\n", what);
	send_all("with an offset", to, from_end, from, &offset, 100000);
	lseek(from, 17, SEEK_SET);
	send_all("from where it is", to, from_end, from, NULL, 50000);
	send_all("the rest", to, from_end, from, NULL, 1 << 20);
	say("at the end", sendfile(to, from, NULL, 10));
	offset = 1 << 30;
	say("beyond the end", sendfile(to, from, &offset, 10));
	printf("  offset %ld\n", (long)offset);
	offset = -1;
	say("before the beginning", sendfile(to, from, &offset, 10));
	offset = 5;
	say("nothing", sendfile(to, from, &offset, 0));
	printf("  offset %ld\n", (long)offset);
	close(from);
}

static void sendfiles(void)
{
	int ends[2], pipes[2], from, to;
	off_t offset = 7;
	sockets(ends);
	if (pipe(pipes) != 0)
		exit(7);
	sending("a file to a socket", in(tree, "home/anna/data.bin"), ends[0], ends[1]);
	sending("a file of the host to a socket", in(out, "given"), ends[0], ends[1]);
	sending("a file to a pipe", in(tree, "home/anna/data.bin"), pipes[1], pipes[0]);
	from = open(in(tree, "home/anna/data.bin"), O_RDONLY);
	to = made(in(tree, "sent"), 0);
	lseek(to, 100, SEEK_SET);
	say("a file to a file", sendfile(to, from, &offset, 5000));
	printf("  offset %ld, at %ld and %ld\n", (long)offset, (long)lseek(from, 0, SEEK_CUR),
	       (long)lseek(to, 0, SEEK_CUR));
	content(in(tree, "sent"));
	close(to);
	to = made(in(out, "sent"), 0);
	say("a file to a file of the host", sendfile(to, from, NULL, 5000));
	printf("  at %ld and %ld\n", (long)lseek(from, 0, SEEK_CUR), (long)lseek(to, 0, SEEK_CUR));
	content(in(out, "sent"));
	close(to);
	to = open(in(tree, "sent"), O_RDONLY);
	say("to what is for reading", sendfile(to, from, NULL, 10));
	close(to);
	to = open(in(tree, "sent"), O_WRONLY | O_APPEND);
	say("to what appends", sendfile(to, from, NULL, 10));
	say("from what is for writing", sendfile(pipes[1], to, NULL, 10));
	close(to);
	say("from a socket", sendfile(ends[1], ends[0], NULL, 10));
	say("from a pipe", sendfile(ends[1], pipes[0], NULL, 10));
	offset = 0;
	say("from a pipe with an offset", sendfile(ends[1], pipes[0], &offset, 10));
	say("from a directory", sendfile(pipes[1], to = open(in(tree, "etc"), O_RDONLY), NULL, 10));
	close(to);
	say("from nothing", sendfile(pipes[1], 999, NULL, 10));
	say("to nothing", sendfile(999, from, NULL, 10));
	signal(SIGPIPE, SIG_IGN);
	shutdown(ends[0], SHUT_WR);
	say("to a socket that is shut down", sendfile(ends[0], from, NULL, 100));
	close(ends[1]);
	close(ends[0]);
	close(from);
}

static void range(const char *what, const char *source, const char *target)
{
	int from = open(source, O_RDONLY), to = made(target, 0);
	off_t there = 2000, here = 70000;
	printf("%s\n", what);
	say("where they are", copy_file_range(from, NULL, to, NULL, 10000, 0));
	printf("  at %ld and %ld\n", (long)lseek(from, 0, SEEK_CUR), (long)lseek(to, 0, SEEK_CUR));
	say("with offsets", copy_file_range(from, &here, to, &there, 12345, 0));
	printf("  offsets %ld and %ld, at %ld and %ld\n", (long)here, (long)there, (long)lseek(from, 0, SEEK_CUR),
	       (long)lseek(to, 0, SEEK_CUR));
	content(target);
	here = 1 << 30;
	say("beyond the end", copy_file_range(from, &here, to, NULL, 10, 0));
	say("nothing", copy_file_range(from, NULL, to, NULL, 0, 0));
	say("with flags", copy_file_range(from, NULL, to, NULL, 10, 1));
	say("backwards", copy_file_range(to, NULL, from, NULL, 10, 0));
	close(to);
	to = open(target, O_WRONLY | O_APPEND);
	say("to what appends", copy_file_range(from, NULL, to, NULL, 10, 0));
	close(to);
	close(from);
}

static void ranges(void)
{
	int from, to, pipes[2];
	off_t here = 0, there = 100;
	range("within the tree", in(tree, "home/anna/data.bin"), in(tree, "copied"));
	range("out of it", in(tree, "home/anna/data.bin"), in(out, "copied"));
	range("into it", in(out, "given"), in(tree, "copied.in"));
	to = open(in(tree, "copied"), O_RDWR);
	say("of one file", copy_file_range(to, &here, to, &there, 100, 0));
	here = 50;
	say("of one file onto itself", copy_file_range(to, &here, to, &there, 200, 0));
	from = open(in(tree, "etc"), O_RDONLY);
	say("of a directory", copy_file_range(from, NULL, to, NULL, 10, 0));
	if (pipe(pipes) != 0)
		exit(6);
	say("of a pipe", copy_file_range(pipes[0], NULL, to, NULL, 10, 0));
	say("to a pipe", copy_file_range(to, &here, pipes[1], NULL, 10, 0));
	close(from);
	close(to);
}

/* Of what depends on the file system, that it is there. */
static void told(const char *what, int answer, const struct statx *of)
{
	int is_directory = S_ISDIR(of->stx_mode);
	if (answer != 0) {
		say(what, -1);
		return;
	}
	printf("%s: mode %o, links %u, %u:%u, %llu bytes, %s, mtime %lld.%u, rdev %u:%u, mask %x\n", what, of->stx_mode,
	       is_directory ? 0 : of->stx_nlink, of->stx_uid, of->stx_gid,
	       is_directory ? 0ULL : (unsigned long long)of->stx_size, of->stx_blksize > 0 ? "in blocks" : "without blocks",
	       (long long)of->stx_mtime.tv_sec, of->stx_mtime.tv_nsec, of->stx_rdev_major, of->stx_rdev_minor,
	       of->stx_mask & STATX_BASIC_STATS);
	fflush(stdout);
}

static void same(const char *what, const struct statx *of, const char *path)
{
	struct stat other;
	if (lstat(path, &other) != 0)
		exit(5);
	printf("%s: %s\n", what,
	       of->stx_ino == other.st_ino && of->stx_dev_major == (other.st_dev >> 8 & 0xfff) &&
			       of->stx_blocks == (uint64_t)other.st_blocks && of->stx_blksize == other.st_blksize &&
			       of->stx_atime.tv_sec == other.st_atim.tv_sec && of->stx_ctime.tv_sec == other.st_ctim.tv_sec &&
			       of->stx_ctime.tv_nsec == other.st_ctim.tv_nsec
		       ? "as stat has it"
		       : "another");
}

static void attributes(void)
{
	static const struct {
		const char *name, *path;
		int flags;
	} calls[] = {
		{ "a file", "etc/passwd", 0 },
		{ "a directory", "etc", 0 },
		{ "a link", "etc/fstab.link", AT_SYMLINK_NOFOLLOW },
		{ "what a link leads to", "etc/fstab.link", 0 },
		{ "a link to nowhere", "etc/broken", 0 },
		{ "it by itself", "etc/broken", AT_SYMLINK_NOFOLLOW },
		{ "nothing", "etc/nothing", 0 },
		{ "below a file", "etc/passwd/x", 0 },
		{ "a hard link", "etc/fstab.hard", AT_NO_AUTOMOUNT },
		{ "synchronised", "etc/passwd", AT_STATX_FORCE_SYNC },
		{ "not synchronised", "etc/passwd", AT_STATX_DONT_SYNC },
		{ "both", "etc/passwd", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC },
		{ "flags that are none", "etc/passwd", 0x10000 },
		{ "an empty path", "", 0 },
	};
	struct statx to;
	int dir = open(tree, O_RDONLY | O_DIRECTORY), fd = open(in(tree, "etc/passwd"), O_RDONLY), pipes[2], ends[2];
	for (size_t number = 0; number < sizeof calls / sizeof *calls; number++) {
		const char *path = calls[number].path;
		memset(&to, 0x55, sizeof to);
		told(calls[number].name,
		     statx(AT_FDCWD, *path ? in(tree, path) : path, calls[number].flags, STATX_BASIC_STATS, &to), &to);
		memset(&to, 0x55, sizeof to);
		told("  from its directory", statx(dir, path, calls[number].flags, STATX_BASIC_STATS, &to), &to);
	}
	told("an open file", statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &to), &to);
	same("it is", &to, in(tree, "etc/passwd"));
	told("an open directory", statx(open(in(tree, "etc"), O_RDONLY), "", AT_EMPTY_PATH, STATX_ALL, &to), &to);
	told("a path from a file", statx(fd, "x", AT_EMPTY_PATH, STATX_BASIC_STATS, &to), &to);
	told("a path with AT_EMPTY_PATH", statx(dir, "etc/passwd", AT_EMPTY_PATH, STATX_BASIC_STATS, &to), &to);
	told("closed", statx(998, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &to), &to);
	told("from what is closed", statx(998, "x", 0, STATX_BASIC_STATS, &to), &to);
	told("a mask that is reserved", statx(fd, "", AT_EMPTY_PATH, 0x80000000u, &to), &to);
	say("little is asked for", statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &to) == 0 && to.stx_mask & STATX_SIZE ? (long)to.stx_size : -1);
	if (pipe(pipes) != 0)
		exit(4);
	say("a pipe", statx(pipes[0], "", AT_EMPTY_PATH, STATX_TYPE, &to) == 0 ? S_ISFIFO(to.stx_mode) : -1);
	sockets(ends);
	say("a socket", statx(ends[0], "", AT_EMPTY_PATH, STATX_TYPE, &to) == 0 ? S_ISSOCK(to.stx_mode) : -1);
	if (fchdir(dir) == 0 && chdir("etc") == 0)
		told("the working directory", statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &to), &to);
	told("below it", statx(AT_FDCWD, "passwd", 0, STATX_BASIC_STATS, &to), &to);
}

int main(int argc, char **argv)
{
	int fd;
	if (argc < 3)
		return 2;
	tree = argv[1];
	out = argv[2];
	mkdir(out, 0755);
	fd = made(in(out, "given"), 0);
	for (long at = 0; at < (long)sizeof room; at++)
		room[at] = (char)(at * 2654435761u >> 13);
	if (write(fd, room, 250000) != 250000)
		return 3;
	close(fd);
	sendfiles();
	ranges();
	attributes();
	return 0;
}
