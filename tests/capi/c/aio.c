/* Asynchronous input and output: what it does, at the kernel and at the host; and its errors at the kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* The calls of one side. */
struct side {
	int (*read)(struct aiocb *);
	int (*write)(struct aiocb *);
	int (*fsync)(int, struct aiocb *);
	int (*error)(const struct aiocb *);
	ssize_t (*result)(struct aiocb *);
	int (*suspend)(const struct aiocb *const[], int, const struct timespec *);
	int (*cancel)(int, struct aiocb *);
	int (*listio)(int, struct aiocb *const[], int, struct sigevent *);
	int (*pipe)(int[2]);
	ssize_t (*send)(int, const void *, size_t);
	int (*close)(int);
};

static const struct side kernel = {
	rump_sys_aio_read, rump_sys_aio_write, rump_sys_aio_fsync, rump_sys_aio_error, rump_sys_aio_return, rump_sys_aio_suspend,
	rump_sys_aio_cancel, rump_sys_lio_listio, rump_sys_pipe, rump_sys_write, rump_sys_close,
};
static const struct side host = {
	aio_read, aio_write, aio_fsync, aio_error, aio_return, aio_suspend, aio_cancel, lio_listio, pipe, write, close,
};

static void
block(struct aiocb *to, int fd, void *buffer, size_t length, off_t offset)
{
	memset(to, 0, sizeof(*to));
	to->aio_fildes = fd;
	to->aio_buf = buffer;
	to->aio_nbytes = length;
	to->aio_offset = offset;
	to->aio_sigevent.sigev_notify = SIGEV_NONE;
}

/* Waits for one request, and takes its result. */
static long
finish(const struct side *side, struct aiocb *request)
{
	const struct aiocb *list[2] = { NULL, request };

	while (side->error(request) == EINPROGRESS)
		RETURNS(side->suspend(list, 2, NULL), 0);
	return (long)side->result(request);
}

static void
files(const struct side *side, int file)
{
	struct aiocb one, two, three;
	struct aiocb *list[4];
	char text[] = "hello, world", first[8], second[8];

	block(&one, file, text, 12, 0);
	RETURNS(side->write(&one), 0);
	RETURNS(finish(side, &one), 12);
	block(&one, file, NULL, 0, 0);
	RETURNS(side->fsync(O_SYNC, &one), 0);
	RETURNS(finish(side, &one), 0);
	RETURNS(side->fsync(O_DSYNC, &one), 0);
	RETURNS(finish(side, &one), 0);
	block(&one, file, first, 5, 7);
	RETURNS(side->read(&one), 0);
	RETURNS(finish(side, &one), 5);
	CHECK(memcmp(first, "world", 5) == 0);
	block(&one, file, first, 8, 8);
	RETURNS(side->read(&one), 0);
	RETURNS(finish(side, &one), 4);
	block(&one, file, first, 8, 100);
	RETURNS(side->read(&one), 0);
	RETURNS(finish(side, &one), 0);
	RETURNS(side->cancel(file, NULL), AIO_ALLDONE);

	block(&one, file, first, 5, 0);
	one.aio_lio_opcode = LIO_READ;
	block(&two, file, second, 5, 7);
	two.aio_lio_opcode = LIO_READ;
	block(&three, file, text, 1, 20);
	three.aio_lio_opcode = LIO_NOP;
	list[0] = &one;
	list[1] = NULL;
	list[2] = &three;
	list[3] = &two;
	RETURNS(side->listio(LIO_WAIT, list, 4, NULL), 0);
	RETURNS(side->error(&one), 0);
	RETURNS(side->result(&one), 5);
	RETURNS(side->result(&two), 5);
	CHECK(memcmp(first, "hello", 5) == 0 && memcmp(second, "world", 5) == 0);
	one.aio_lio_opcode = LIO_WRITE;
	one.aio_offset = 12;
	RETURNS(side->listio(LIO_NOWAIT, list, 1, NULL), 0);
	RETURNS(finish(side, &one), 5);
	FAILS(side->listio(17, list, 1, NULL), EINVAL);
	FAILS(side->suspend(NULL, -1, NULL), EINVAL);
}

static void
pipes(const struct side *side)
{
	struct aiocb one;
	const struct aiocb *list[1] = { &one };
	struct timespec soon = { 0, 2000000 };
	char text[8];
	int ends[2];

	RETURNS(side->pipe(ends), 0);
	block(&one, ends[0], text, 8, 0);
	RETURNS(side->read(&one), 0);
	RETURNS(side->error(&one), EINPROGRESS);
	FAILS(side->suspend(list, 1, &soon), EAGAIN);
	RETURNS(side->send(ends[1], "abc", 3), 3);
	RETURNS(finish(side, &one), 3);
	CHECK(memcmp(text, "abc", 3) == 0);
	RETURNS(side->close(ends[0]), 0);
	RETURNS(side->close(ends[1]), 0);
}

static void
errors(int file)
{
	struct aiocb one, many[513];
	struct aiocb *list[513];
	const struct aiocb *const_list[1] = { &one };
	struct timespec wrong = { 0, -1 };
	char text[8] = "abcdefg";
	int at, read_only, ends[2], begun;

	FAILS(rump_sys_aio_read(NULL), EFAULT);
	FAILS(rump_sys_aio_write(NULL), EFAULT);
	FAILS(rump_sys_aio_fsync(O_SYNC, NULL), EFAULT);
	FAILS(rump_sys_aio_fsync(4711, &one), EINVAL);
	block(&one, -1, text, 8, 0);
	FAILS(rump_sys_aio_read(&one), EBADF);
	FAILS(rump_sys_aio_fsync(O_SYNC, &one), EBADF);
	FAILS(rump_sys_aio_cancel(-1, NULL), EBADF);
	FAILS(rump_sys_aio_cancel(700, NULL), EBADF);
	FAILS(rump_sys_aio_cancel(file, &one), EINVAL);
	block(&one, 700, text, 8, 0);
	FAILS(rump_sys_aio_write(&one), EBADF);
	FAILS(rump_sys_aio_fsync(O_SYNC, &one), EBADF);
	block(&one, file, NULL, 8, 0);
	FAILS(rump_sys_aio_write(&one), EFAULT);
	block(&one, file, text, (size_t)-1, 0);
	FAILS(rump_sys_aio_write(&one), EINVAL);
	block(&one, file, text, 8, -1);
	FAILS(rump_sys_aio_read(&one), EINVAL);
	block(&one, file, text, 8, 0);
	one.aio_sigevent.sigev_notify = SIGEV_THREAD;
	FAILS(rump_sys_aio_read(&one), EINVAL);
	FAILS(rump_sys_aio_fsync(O_SYNC, &one), EINVAL);
	FAILS(rump_sys_aio_error(&one), EINVAL);
	FAILS(rump_sys_aio_return(&one), EINVAL);
	FAILS(rump_sys_aio_suspend(NULL, 1, NULL), EFAULT);
	FAILS(rump_sys_aio_suspend(const_list, 513, NULL), EINVAL);
	FAILS(rump_sys_aio_suspend(const_list, 1, &wrong), EINVAL);
	const_list[0] = NULL;
	RETURNS(rump_sys_aio_suspend(const_list, 1, NULL), 0);

	read_only = rump_sys_open("/aio", O_RDONLY);
	CHECK(read_only >= 0);
	block(&one, read_only, text, 8, 0);
	FAILS(rump_sys_aio_write(&one), EBADF);
	FAILS(rump_sys_aio_fsync(O_SYNC, &one), EBADF);
	RETURNS(rump_sys_close(read_only), 0);

	list[0] = &one;
	one.aio_lio_opcode = 4711;
	FAILS(rump_sys_lio_listio(LIO_WAIT, list, 1, NULL), EINVAL);
	FAILS(rump_sys_lio_listio(LIO_WAIT, list, 513, NULL), EINVAL);
	FAILS(rump_sys_lio_listio(LIO_WAIT, list, -1, NULL), EINVAL);
	FAILS(rump_sys_lio_listio(LIO_WAIT, NULL, 1, NULL), EFAULT);
	block(&one, 700, text, 8, 0);
	one.aio_lio_opcode = LIO_WRITE;
	FAILS(rump_sys_lio_listio(LIO_WAIT, list, 1, NULL), EIO);
	RETURNS(rump_sys_aio_error(&one), EBADF);
	FAILS(rump_sys_aio_return(&one), EBADF);
	FAILS(rump_sys_aio_return(&one), EINVAL);
	one.aio_fildes = -1;
	FAILS(rump_sys_lio_listio(LIO_WAIT, list, 1, NULL), EBADF);

	/* More than the kernel takes, at a pipe that nothing comes to. */
	RETURNS(rump_sys_pipe(ends), 0);
	for (begun = 0; begun < 512; begun++) {
		block(&many[begun], ends[0], text, 1, 0);
		RETURNS(rump_sys_aio_read(&many[begun]), 0);
	}
	FAILS(rump_sys_aio_read(&many[3]), EINVAL);
	FAILS(rump_sys_aio_return(&many[3]), EINVAL);
	block(&many[512], ends[0], text, 1, 0);
	FAILS(rump_sys_aio_read(&many[512]), EAGAIN);
	many[512].aio_fildes = file;
	FAILS(rump_sys_aio_write(&many[512]), EAGAIN);
	FAILS(rump_sys_aio_fsync(O_SYNC, &many[512]), EAGAIN);
	many[512].aio_fildes = ends[0];
	many[512].aio_lio_opcode = LIO_READ;
	list[0] = &many[512];
	FAILS(rump_sys_lio_listio(LIO_WAIT, list, 1, NULL), EAGAIN);
	RETURNS(rump_sys_aio_cancel(ends[0], &many[511]), AIO_CANCELED);
	RETURNS(rump_sys_aio_error(&many[511]), ECANCELED);
	FAILS(rump_sys_aio_return(&many[511]), ECANCELED);
	(void)rump_sys_aio_cancel(ends[0], NULL);
	RETURNS(rump_sys_close(ends[1]), 0);
	for (at = 0; at < 511; at++)
		(void)finish(&kernel, &many[at]);
	RETURNS(rump_sys_aio_cancel(ends[0], NULL), AIO_ALLDONE);
	RETURNS(rump_sys_close(ends[0]), 0);
}

int
main(void)
{
	char name[] = "/tmp/rump-aio-XXXXXX";
	int file, of_host;

	RETURNS(rump_init(), 0);
	file = rump_sys_open("/aio", O_RDWR | O_CREAT, 0600);
	CHECK(file >= 0);
	of_host = mkstemp(name);
	CHECK(of_host >= 0 && unlink(name) == 0);
	files(&kernel, file);
	files(&host, of_host);
	pipes(&kernel);
	pipes(&host);
	errors(file);
	RETURNS(rump_sys_close(file), 0);
	(void)close(of_host);
	return checked();
}
