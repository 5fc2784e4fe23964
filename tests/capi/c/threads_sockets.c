/* Threads at sockets, pipes and queues of events; none of them is an lwp. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "crew.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 20 };

/* What was done before a byte was sent is seen by who receives it: plain memory that is handed to and fro. */
static int ends[THREADS / 2][2];
static long handed[THREADS / 2];

static void
hand_over(int number)
{
	int pair = number / 2, side = number % 2, round;
	char byte = 'x';

	for (round = 0; round < ROUNDS; round++) {
		if (side == 1 || round > 0)
			RETURNS(rump_sys_read(ends[pair][side], &byte, 1), 1);
		handed[pair]++;
		if (side == 0 || round < ROUNDS - 1)
			RETURNS(rump_sys_write(ends[pair][side], &byte, 1), 1);
	}
}

/* Several threads accept at one socket; each connection is one thread's. */
static struct sockaddr_in address;
static int server;

static void
connect_and_accept(int number)
{
	struct sockaddr_in peer;
	socklen_t length;
	int round, s, said, heard;

	for (round = 0; round < ROUNDS; round++) {
		s = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
		CHECK(s >= 0);
		RETURNS(rump_sys_connect(s, (struct sockaddr *)&address, sizeof(address)), 0);
		said = number * ROUNDS + round;
		RETURNS(rump_sys_send(s, &said, sizeof(said), 0), sizeof(said));
		RETURNS(rump_sys_shutdown(s, SHUT_WR), 0);
		RETURNS(rump_sys_close(s), 0);
		/* As many are accepted as connected. */
		length = sizeof(peer);
		s = rump_sys_accept(server, (struct sockaddr *)&peer, &length);
		CHECK(s >= 0);
		CHECK(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
		RETURNS(rump_sys_recv(s, &heard, sizeof(heard), MSG_WAITALL), sizeof(heard));
		CHECK(heard >= 0 && heard < THREADS * ROUNDS);
		RETURNS(rump_sys_recv(s, &said, sizeof(said), 0), 0);
		RETURNS(rump_sys_close(s), 0);
	}
}

/* Datagrams to oneself, while others do the same. */
static void
datagrams(int number)
{
	struct sockaddr_in me;
	socklen_t length = sizeof(me);
	int s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0), round, heard;

	me = address;
	me.sin_port = 0;
	RETURNS(rump_sys_bind(s, (struct sockaddr *)&me, sizeof(me)), 0);
	RETURNS(rump_sys_getsockname(s, (struct sockaddr *)&me, &length), 0);
	for (round = number; round < number + ROUNDS; round++) {
		RETURNS(rump_sys_sendto(s, &round, sizeof(round), 0, (struct sockaddr *)&me, length), sizeof(round));
		RETURNS(rump_sys_recv(s, &heard, sizeof(heard), 0), sizeof(heard));
		RETURNS(heard, round);
	}
	RETURNS(rump_sys_close(s), 0);
}

/* All wait for one pipe: each byte is read once, and all see the end. */
static int pipe_ends[2], bytes_read;

static void
read_what_comes(int number)
{
	struct pollfd fd = { 0, POLLIN, 0 };
	char byte;
	ssize_t got;

	(void)number;
	fd.fd = pipe_ends[0];
	do {
		RETURNS(rump_sys_poll(&fd, 1, -1), 1);
		got = rump_sys_read(pipe_ends[0], &byte, 1);
		if (got == 1)
			(void)count_(&bytes_read, 1);
		else if (got == -1)
			RETURNS(errno, EAGAIN);
	} while (got != 0);
}

static void
write_and_close(void)
{
	int round;

	for (round = 0; round < ROUNDS * THREADS; round++)
		RETURNS(rump_sys_write(pipe_ends[1], "x", 1), 1);
	RETURNS(rump_sys_close(pipe_ends[1]), 0);
}

/* All take from one queue; an event that is disabled by its delivery is one thread's. */
static int queue, from[THREADS], to[THREADS], messages[THREADS];

static void
take_events(int number)
{
	struct kevent event, again;
	char bytes[ROUNDS];
	ssize_t got;

	(void)number;
	for (;;) {
		RETURNS(rump_sys_kevent(queue, NULL, 0, &event, 1, NULL), 1);
		if (event.filter == EVFILT_USER)
			return;
		got = rump_sys_read((int)event.ident, bytes, sizeof(bytes));
		CHECK(got > 0);
		if (got <= 0)
			return;
		/* Plain memory, whose next owner is who gets the event that this enables. */
		messages[event.udata] += (int)got;
		EV_SET(&again, event.ident, EVFILT_READ, EV_ENABLE, 0, 0, event.udata);
		if (messages[event.udata] < ROUNDS)
			RETURNS(rump_sys_kevent(queue, &again, 1, NULL, 0, NULL), 0);
	}
}

static void
send_events(void)
{
	struct kevent over;
	struct pollfd fd = { 0, POLLIN, 0 };
	int round, which;

	for (round = 0; round < ROUNDS; round++)
		for (which = 0; which < THREADS; which++)
			RETURNS(rump_sys_write(to[which], "x", 1), 1);
	/* Everything is taken once no byte is left. */
	for (which = 0; which < THREADS; which++) {
		fd.fd = from[which];
		while (rump_sys_poll(&fd, 1, 0) != 0)
			usleep(1000);
	}
	EV_SET(&over, 1, EVFILT_USER, EV_ADD, 0, 0, 0);
	RETURNS(rump_sys_kevent(queue, &over, 1, NULL, 0, NULL), 0);
	EV_SET(&over, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, 0);
	RETURNS(rump_sys_kevent(queue, &over, 1, NULL, 0, NULL), 0);
}

static void
with_queue(void)
{
	struct kevent add;
	int which, pair[2];

	queue = rump_sys_kqueue();
	CHECK(queue >= 0);
	for (which = 0; which < THREADS; which++) {
		RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		from[which] = pair[0];
		to[which] = pair[1];
		EV_SET(&add, pair[0], EVFILT_READ, EV_ADD | EV_DISPATCH, 0, 0, which);
		RETURNS(rump_sys_kevent(queue, &add, 1, NULL, 0, NULL), 0);
	}
	crew_while(THREADS, take_events, send_events);
	for (which = 0; which < THREADS; which++) {
		RETURNS(messages[which], ROUNDS);
		RETURNS(rump_sys_close(from[which]), 0);
		RETURNS(rump_sys_close(to[which]), 0);
	}
	RETURNS(rump_sys_close(queue), 0);
}

int
main(void)
{
	socklen_t length = sizeof(address);
	int pair;

	RETURNS(rump_init(), 0);
	for (pair = 0; pair < THREADS / 2; pair++)
		RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends[pair]), 0);
	crew(THREADS, hand_over);
	for (pair = 0; pair < THREADS / 2; pair++) {
		RETURNS(handed[pair], 2 * ROUNDS);
		RETURNS(rump_sys_close(ends[pair][0]), 0);
		RETURNS(rump_sys_close(ends[pair][1]), 0);
	}

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	RETURNS(rump_sys_listen(server, THREADS), 0);
	RETURNS(rump_sys_getsockname(server, (struct sockaddr *)&address, &length), 0);
	crew(THREADS, connect_and_accept);
	RETURNS(rump_sys_close(server), 0);
	crew(THREADS, datagrams);

	RETURNS(rump_sys_pipe2(pipe_ends, O_NONBLOCK), 0);
	crew_while(THREADS, read_what_comes, write_and_close);
	RETURNS(bytes_read, ROUNDS * THREADS);
	RETURNS(rump_sys_close(pipe_ends[0]), 0);
	with_queue();
	return checked();
}
