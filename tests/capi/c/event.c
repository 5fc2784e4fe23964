/* kqueue(2) and kevent(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* More than a queue notes. */
static void
too_many(void)
{
	static struct kevent changes[1024];
	int queue = rump_sys_kqueue(), round, at;

	CHECK(queue >= 0);
	for (round = 0; round < 64; round++) {
		for (at = 0; at < 1024; at++)
			EV_SET(&changes[at], round * 1024 + at, EVFILT_USER, EV_ADD, 0, 0, 0);
		RETURNS(rump_sys_kevent(queue, changes, 1024, NULL, 0, NULL), 0);
	}
	EV_SET(&changes[0], 64 * 1024, EVFILT_USER, EV_ADD, 0, 0, 0);
	FAILS(rump_sys_kevent(queue, changes, 1, NULL, 0, NULL), ENOMEM);
	RETURNS(rump_sys_close(queue), 0);
}

int
main(void)
{
	struct kevent change, changes[2], events[4];
	struct timespec none = { 0, 0 }, wrong = { 0, -1 }, late = { 0, 6000000 };
	int queue, pair[2], other;
	char byte;

	FAILS(rump_sys_kqueue(), ENXIO);
	RETURNS(rump_init(), 0);
	queue = rump_sys_kqueue();
	CHECK(queue >= 0);
	FAILS(rump_sys_kqueue1(0x4), EINVAL);
	other = rump_sys_kqueue1(O_CLOEXEC | O_NONBLOCK);
	CHECK(other >= 0);
	RETURNS(rump_sys_fcntl(other, F_GETFD), FD_CLOEXEC);
	CHECK((rump_sys_fcntl(other, F_GETFL) & O_NONBLOCK) != 0);
	RETURNS(rump_sys_close(other), 0);
	RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);

	EV_SET(&changes[0], pair[0], EVFILT_READ, EV_ADD, 0, 0, 42);
	EV_SET(&changes[1], pair[0], EVFILT_WRITE, EV_ADD | EV_ONESHOT, 0, 0, 43);
	RETURNS(rump_sys_kevent(queue, changes, 2, NULL, 0, NULL), 0);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 4, NULL), 1);
	CHECK(events[0].ident == (uintptr_t)pair[0] && events[0].filter == EVFILT_WRITE && events[0].udata == 43);
	CHECK(events[0].data > 0);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 4, &none), 0);
	RETURNS(rump_sys_write(pair[1], "abc", 3), 3);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 4, NULL), 1);
	CHECK(events[0].filter == EVFILT_READ && events[0].data == 3 && events[0].udata == 42);
	CHECK((events[0].flags & EV_EOF) == 0);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 0, NULL), 0);
	while (rump_sys_recv(pair[0], &byte, 1, MSG_DONTWAIT) == 1)
		;
	RETURNS(rump_sys_close(pair[1]), 0);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 4, NULL), 1);
	CHECK((events[0].flags & EV_EOF) != 0);
	EV_SET(&change, pair[0], EVFILT_READ, EV_DELETE, 0, 0, 0);
	RETURNS(rump_sys_kevent(queue, &change, 1, events, 4, &none), 0);

	EV_SET(&change, 7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, 0);
	RETURNS(rump_sys_kevent(queue, &change, 1, events, 4, &none), 0);
	EV_SET(&change, 7, EVFILT_USER, 0, NOTE_TRIGGER | NOTE_FFOR | 5, 0, 0);
	RETURNS(rump_sys_kevent(queue, &change, 1, events, 4, NULL), 1);
	CHECK(events[0].ident == 7 && events[0].filter == EVFILT_USER && (events[0].fflags & 5) == 5);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 4, &none), 0);
	EV_SET(&change, 8, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_MSECONDS, 2, 0);
	RETURNS(rump_sys_kevent(queue, &change, 1, events, 4, NULL), 1);
	CHECK(events[0].ident == 8 && events[0].filter == EVFILT_TIMER && events[0].data == 1);
	/* One that goes off once is late, not more often. */
	EV_SET(&changes[0], 9, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_MSECONDS, 1, 0);
	EV_SET(&changes[1], 10, EVFILT_TIMER, EV_ADD, NOTE_MSECONDS, 1, 0);
	RETURNS(rump_sys_kevent(queue, changes, 2, NULL, 0, NULL), 0);
	RETURNS(rump_sys_nanosleep(&late, NULL), 0);
	RETURNS(rump_sys_kevent(queue, NULL, 0, events, 4, NULL), 2);
	CHECK(events[0].ident == 9 && events[0].data == 1);
	CHECK(events[1].ident == 10 && events[1].data >= 5);
	EV_SET(&change, 10, EVFILT_TIMER, EV_DELETE, 0, 0, 0);
	RETURNS(rump_sys_kevent(queue, &change, 1, NULL, 0, NULL), 0);

	/* What failed is told, or is the answer. */
	EV_SET(&change, 900, EVFILT_READ, EV_ADD, 0, 0, 44);
	RETURNS(rump_sys_kevent(queue, &change, 1, events, 4, NULL), 1);
	CHECK((events[0].flags & EV_ERROR) != 0 && events[0].data == EBADF && events[0].udata == 44);
	FAILS(rump_sys_kevent(queue, &change, 1, NULL, 0, NULL), EBADF);
	EV_SET(&change, pair[0], EVFILT_READ, EV_DELETE, 0, 0, 0);
	FAILS(rump_sys_kevent(queue, &change, 1, NULL, 0, NULL), ENOENT);
	EV_SET(&change, 8, EVFILT_TIMER, EV_ADD | EV_RECEIPT, 0, 60000, 0);
	RETURNS(rump_sys_kevent(queue, &change, 1, events, 4, NULL), 1);
	CHECK((events[0].flags & EV_ERROR) != 0 && events[0].data == 0);

	EV_SET(&change, 1, 4711, EV_ADD, 0, 0, 0);
	FAILS(rump_sys_kevent(queue, &change, 1, events, 4, NULL), EINVAL);
	FAILS(rump_sys_kevent(queue, NULL, 0, events, 4, &wrong), EINVAL);
	FAILS(rump_sys_kevent(queue, NULL, 1, events, 4, &none), EFAULT);
	FAILS(rump_sys_kevent(queue, NULL, 0, NULL, 4, &none), EFAULT);
	FAILS(rump_sys_kevent(queue, &change, 1000000, events, 4, &none), EINVAL);
	FAILS(rump_sys_kevent(-1, NULL, 0, events, 4, &none), EBADF);
	FAILS(rump_sys_kevent(pair[0], NULL, 0, events, 4, &none), EBADF);
	FAILS(rump_sys_kevent(900, NULL, 0, events, 4, &none), EBADF);
	RETURNS(rump_sys_close(pair[0]), 0);
	RETURNS(rump_sys_close(queue), 0);
	too_many();
	return checked();
}
