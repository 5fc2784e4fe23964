/* Threads: a server that echoes on a stream, one thread for each connection, and clients at once. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

enum { CLIENTS = 4, ROUNDS = 8, BYTES = 10000 };

static struct sockaddr_in address;
static int server;

/* What a thread found; the counters of checks are no thread's own. */
struct client {
	pthread_t thread;
	int number;
	const char *failure;
};

static void *
echo(void *argument)
{
	int s = (int)(intptr_t)argument;
	char buffer[4096];
	ssize_t got;

	while ((got = rump_sys_recv(s, buffer, sizeof(buffer), 0)) > 0)
		if (rump_sys_send(s, buffer, (size_t)got, 0) != got)
			return (void *)(intptr_t)"send";
	if (rump_sys_close(s) != 0)
		return (void *)(intptr_t)"close";
	return got == 0 ? NULL : (void *)(intptr_t)"recv";
}

static void *
serve(void *unused)
{
	pthread_t threads[CLIENTS];
	void *failure = NULL, *of_thread;
	int at, s;

	for (at = 0; at < CLIENTS; at++) {
		s = rump_sys_accept(server, NULL, NULL);
		if (s < 0 || pthread_create(&threads[at], NULL, echo, (void *)(intptr_t)s) != 0)
			return (void *)(intptr_t)"accept";
	}
	for (at = 0; at < CLIENTS; at++) {
		if (pthread_join(threads[at], &of_thread) != 0)
			return (void *)(intptr_t)"join";
		if (of_thread != NULL)
			failure = of_thread;
	}
	(void)unused;
	return failure;
}

static void *
talk(void *argument)
{
	struct client *me = (struct client *)argument;
	char sent[BYTES], received[BYTES];
	struct pollfd fd = { 0, POLLIN, 0 };
	int s = rump_sys_socket(AF_INET, SOCK_STREAM, 0), round;

	fd.fd = s;
	me->failure = "connect";
	if (s < 0 || rump_sys_connect(s, (struct sockaddr *)&address, sizeof(address)) != 0)
		return NULL;
	for (round = 0; round < ROUNDS; round++) {
		memset(sent, me->number * ROUNDS + round, sizeof(sent));
		me->failure = "send";
		if (rump_sys_send(s, sent, sizeof(sent), 0) != BYTES)
			return NULL;
		me->failure = "poll";
		if (rump_sys_poll(&fd, 1, -1) != 1)
			return NULL;
		me->failure = "recv";
		if (rump_sys_recv(s, received, sizeof(received), MSG_WAITALL) != BYTES)
			return NULL;
		me->failure = "what came";
		if (memcmp(sent, received, sizeof(sent)) != 0)
			return NULL;
	}
	me->failure = rump_sys_close(s) == 0 ? NULL : "close";
	return NULL;
}

int
main(void)
{
	struct client clients[CLIENTS];
	socklen_t length = sizeof(address);
	pthread_t thread;
	void *failure;
	int at;

	RETURNS(rump_init(), 0);
	server = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	RETURNS(rump_sys_listen(server, CLIENTS), 0);
	RETURNS(rump_sys_getsockname(server, (struct sockaddr *)&address, &length), 0);
	CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
	for (at = 0; at < CLIENTS; at++) {
		clients[at].number = at;
		clients[at].failure = "begin";
		CHECK(pthread_create(&clients[at].thread, NULL, talk, &clients[at]) == 0);
	}
	for (at = 0; at < CLIENTS; at++) {
		CHECK(pthread_join(clients[at].thread, NULL) == 0);
		if (clients[at].failure != NULL)
			printf("client %d: %s\n", at, clients[at].failure);
		CHECK(clients[at].failure == NULL);
	}
	CHECK(pthread_join(thread, &failure) == 0);
	if (failure != NULL)
		printf("server: %s\n", (const char *)failure);
	CHECK(failure == NULL);
	RETURNS(rump_sys_close(server), 0);
	return checked();
}
