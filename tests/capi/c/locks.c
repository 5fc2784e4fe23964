/* Locks of fcntl(2) and flock(2) between two processes of a kernel, each a thread. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* What the other process does, and what came of it. */
struct order {
	int fd, command, answer, number;
	struct flock lock;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct order *current;
static int other_fd, is_ready, is_over;
static pid_t other_pid;

enum { FLOCK = 1000, CLOSE, END };

static void
obey(struct order *order)
{
	switch (order->command) {
	case FLOCK:
		order->answer = rump_sys_flock(order->fd, order->lock.l_type);
		break;
	case CLOSE:
		order->answer = rump_sys_close(order->fd);
		break;
	case END:
		order->answer = rump_pub_lwproc_releaselwp();
		break;
	default:
		order->answer = rump_sys_fcntl(order->fd, order->command, &order->lock);
	}
	order->number = errno;
}

static void *
other(void *unused)
{
	int ends = 0;

	(void)unused;
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	pthread_mutex_lock(&mutex);
	other_pid = rump_sys_getpid();
	other_fd = rump_sys_open("/file", O_RDWR);
	is_ready = 1;
	pthread_cond_broadcast(&changed);
	while (!ends) {
		struct order *order;

		while (current == NULL)
			pthread_cond_wait(&changed, &mutex);
		order = current;
		pthread_mutex_unlock(&mutex);
		ends = order->command == END;
		obey(order);
		pthread_mutex_lock(&mutex);
		current = NULL;
		is_over = 1;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

/* Gives an order, and does not wait. */
static void
begin(struct order *order)
{
	pthread_mutex_lock(&mutex);
	is_over = 0;
	current = order;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static void
finish(void)
{
	pthread_mutex_lock(&mutex);
	while (!is_over)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

/* Whether it is done after a while in which it would be, if nothing held it up. */
static int
is_done_soon(void)
{
	struct timespec a_while = { 0, 100000000 };
	int done;

	nanosleep(&a_while, NULL);
	pthread_mutex_lock(&mutex);
	done = is_over;
	pthread_mutex_unlock(&mutex);
	return done;
}

static struct order
order_of(int command, short type, off_t start, off_t length)
{
	struct order order;

	memset(&order, 0, sizeof order);
	order.fd = other_fd;
	order.command = command;
	order.lock.l_type = type;
	order.lock.l_whence = SEEK_SET;
	order.lock.l_start = start;
	order.lock.l_len = length;
	return order;
}

/* What the other process answers. */
static struct order
ask(int command, short type, off_t start, off_t length)
{
	struct order order = order_of(command, type, start, length);

	begin(&order);
	finish();
	return order;
}

static int
set(int fd, int command, short type, off_t start, off_t length)
{
	struct order order = order_of(command, type, start, length);

	return rump_sys_fcntl(fd, command, &order.lock);
}

static void
conflicts(int fd)
{
	struct order answer;

	RETURNS(set(fd, F_SETLK, F_WRLCK, 10, 20), 0);
	answer = ask(F_SETLK, F_WRLCK, 29, 5);
	CHECK(answer.answer == -1 && answer.number == EAGAIN);
	answer = ask(F_SETLK, F_RDLCK, 0, 0);
	CHECK(answer.answer == -1 && answer.number == EAGAIN);
	answer = ask(F_SETLK, F_WRLCK, 30, 5);
	RETURNS(answer.answer, 0);
	answer = ask(F_GETLK, F_RDLCK, 0, 0);
	RETURNS(answer.answer, 0);
	CHECK(answer.lock.l_type == F_WRLCK && answer.lock.l_whence == SEEK_SET);
	CHECK(answer.lock.l_start == 10 && answer.lock.l_len == 20 && answer.lock.l_pid == rump_sys_getpid());
	FAILS(set(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	/* Both may read. */
	RETURNS(set(fd, F_SETLK, F_RDLCK, 10, 20), 0);
	answer = ask(F_SETLK, F_RDLCK, 10, 20);
	RETURNS(answer.answer, 0);
	FAILS(set(fd, F_SETLK, F_WRLCK, 10, 1), EAGAIN);
	/* The middle of it is free again. */
	answer = ask(F_SETLK, F_UNLCK, 12, 2);
	RETURNS(answer.answer, 0);
	RETURNS(set(fd, F_SETLK, F_WRLCK, 12, 2), 0);
	FAILS(set(fd, F_SETLK, F_WRLCK, 11, 2), EAGAIN);
	RETURNS(set(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	answer = ask(F_SETLK, F_UNLCK, 0, 0);
	RETURNS(answer.answer, 0);
}

static void
waiting(int fd)
{
	struct order order = order_of(F_SETLKW, F_WRLCK, 0, 1), answer;
	struct flock first;
	int mine, copy;

	memset(&first, 0, sizeof(first));
	first.l_type = F_WRLCK;
	first.l_len = 1;
	RETURNS(set(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	begin(&order);
	CHECK(!is_done_soon());
	RETURNS(set(fd, F_SETLK, F_UNLCK, 0, 1), 0);
	finish();
	RETURNS(order.answer, 0);

	/* It has the first byte, and waits for the second, which this process has. */
	order = order_of(F_SETLKW, F_WRLCK, 1, 1);
	begin(&order);
	CHECK(!is_done_soon());
	FAILS(rump_sys_fcntl(fd, F_SETLKW, &first), EDEADLK);
	/* Any descriptor of the file that is closed takes the locks along. */
	copy = rump_sys_open("/file", O_RDONLY);
	CHECK(copy >= 0);
	RETURNS(rump_sys_close(copy), 0);
	finish();
	RETURNS(order.answer, 0);
	mine = set(fd, F_SETLK, F_RDLCK, 5, 1);
	RETURNS(mine, 0);
	answer = ask(F_SETLK, F_UNLCK, 0, 0);
	RETURNS(answer.answer, 0);
	RETURNS(set(fd, F_SETLK, F_UNLCK, 0, 0), 0);
}

static void
whole_files(int fd)
{
	struct order order, answer;
	int copy;

	RETURNS(rump_sys_flock(fd, LOCK_SH), 0);
	answer = ask(FLOCK, LOCK_SH | LOCK_NB, 0, 0);
	RETURNS(answer.answer, 0);
	FAILS(rump_sys_flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	answer = ask(FLOCK, LOCK_UN, 0, 0);
	RETURNS(answer.answer, 0);
	RETURNS(rump_sys_flock(fd, LOCK_EX | LOCK_NB), 0);
	answer = ask(FLOCK, LOCK_SH | LOCK_NB, 0, 0);
	CHECK(answer.answer == -1 && answer.number == EWOULDBLOCK);
	/* They are the open file's: the last descriptor of it lets go. */
	copy = rump_sys_dup(fd);
	RETURNS(rump_sys_close(copy), 0);
	order = order_of(FLOCK, LOCK_EX, 0, 0);
	begin(&order);
	CHECK(!is_done_soon());
	RETURNS(rump_sys_flock(fd, LOCK_UN), 0);
	finish();
	RETURNS(order.answer, 0);
	FAILS(rump_sys_flock(fd, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	/* As in the BSDs, locks of both kinds are in each other's way; those of open files are no process's. */
	FAILS(set(fd, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
	order = order_of(F_GETLK, F_RDLCK, 0, 1);
	RETURNS(rump_sys_fcntl(fd, F_GETLK, &order.lock), 0);
	CHECK(order.lock.l_type == F_WRLCK && order.lock.l_pid == -1);
	answer = ask(FLOCK, LOCK_UN, 0, 0);
	RETURNS(answer.answer, 0);
}

/* What is left of a process that is gone. */
static void
endings(int fd, pthread_t thread)
{
	struct order answer = ask(F_SETLK, F_WRLCK, 0, 0);

	RETURNS(answer.answer, 0);
	FAILS(set(fd, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
	answer = ask(CLOSE, 0, 0, 0);
	RETURNS(answer.answer, 0);
	RETURNS(set(fd, F_SETLK, F_RDLCK, 0, 0), 0);
	RETURNS(rump_sys_flock(fd, LOCK_SH | LOCK_NB), 0);
	answer = ask(END, 0, 0, 0);
	RETURNS(answer.answer, 0);
	RETURNS(pthread_join(thread, NULL), 0);
}

int
main(void)
{
	pthread_t thread;
	int fd;

	RETURNS(rump_init(), 0);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	fd = rump_sys_open("/file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	RETURNS(pthread_create(&thread, NULL, other, NULL), 0);
	pthread_mutex_lock(&mutex);
	while (!is_ready)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	CHECK(other_fd >= 0 && other_pid != rump_sys_getpid());
	conflicts(fd);
	waiting(fd);
	whole_files(fd);
	endings(fd, thread);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	return checked();
}
