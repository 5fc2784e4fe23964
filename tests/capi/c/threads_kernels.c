/* Threads at several kernels: in all of them by turns, over one bus, and in one that is destroyed. */
#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include "crew.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KERNELS = 3, THREADS = 6, ROUNDS = 12, WAITS = 6 };

static struct rump_kernel *kernels[KERNELS];

/* A thread is in each kernel whom it was there before, with the descriptors that it had. */
static void
go_round(int number)
{
	struct lwp *me[KERNELS];
	char path[KERNELS][32], seen[32];
	int at, round;

	for (at = 0; at < KERNELS; at++) {
		CHECK(rump_kernel_switch(kernels[at]) != NULL);
		RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
		me[at] = rump_pub_lwproc_curlwp();
		snprintf(path[at], sizeof(path[at]), "/of-%d-%d", at, number);
		RETURNS(rump_sys_open(path[at], O_CREAT | O_EXCL | O_RDWR, 0644), 0);
	}
	for (round = 0; round < ROUNDS; round++) {
		at = (number + round) % KERNELS;
		CHECK(rump_kernel_switch(kernels[at]) != NULL);
		CHECK(rump_kernel_current() == kernels[at]);
		CHECK(rump_pub_lwproc_curlwp() == me[at]);
		RETURNS(rump_sys_pwrite(0, path[at], sizeof(path[at]), 0), sizeof(path[at]));
		RETURNS(rump_sys_pread(0, seen, sizeof(seen), 0), sizeof(seen));
		CHECK(strcmp(seen, path[at]) == 0);
		FAILS(rump_sys_access(path[(at + 1) % KERNELS], F_OK), ENOENT);
		RETURNS(rump_pub_lwproc_switch(me[(at + 1) % KERNELS]), EINVAL);
		if (round % 4 == 3) {
			RETURNS(rump_pub_lwproc_newlwp(rump_sys_getpid()), 0);
			RETURNS(rump_pub_lwproc_releaselwp(), 0);
			RETURNS(rump_pub_lwproc_switch(me[at]), 0);
		}
	}
	/* What it is in two of them ends with the thread. */
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
}

/* Kernels come and go beside the others. */
static void
create_and_destroy(void)
{
	struct rump_kernel *kernel;
	int round;

	for (round = 0; round < 4; round++) {
		kernel = rump_kernel_create(NULL);
		CHECK(kernel != NULL);
		RETURNS(rump_kernel_destroy(kernel), 0);
		CHECK(rump_kernel_switch(kernel) == NULL && errno == EINVAL);
	}
}

/* Each kernel asks the next one over the bus, and answers the one before, until all have their answers. */
static int sockets[KERNELS], satisfied;

static struct sockaddr_in
at_bus(int number)
{
	struct sockaddr_in address;

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_port = htons(7);
	address.sin_addr.s_addr = htonl(0x0a010001U + (unsigned)number);
	return address;
}

static void
talk(int number)
{
	struct sockaddr_in next = at_bus((number + 1) % KERNELS), from;
	socklen_t length;
	struct pollfd fd = { 0, POLLIN, 0 };
	int asked = 0, message;

	CHECK(rump_kernel_switch(kernels[number]) != NULL);
	fd.fd = sockets[number];
	while (count_(&satisfied, 0) < KERNELS) {
		if (asked < ROUNDS)
			RETURNS(rump_sys_sendto(sockets[number], &asked, sizeof(asked), 0, (struct sockaddr *)&next,
			    sizeof(next)), sizeof(asked));
		/* A datagram may be lost: who has no answer asks again. */
		while (rump_sys_poll(&fd, 1, 100) == 1) {
			length = sizeof(from);
			RETURNS(rump_sys_recvfrom(sockets[number], &message, sizeof(message), 0,
			    (struct sockaddr *)&from, &length), sizeof(message));
			message = -1 - message;
			if (from.sin_addr.s_addr == next.sin_addr.s_addr && message == asked) {
				if (++asked == ROUNDS)
					(void)count_(&satisfied, 1);
				break;
			}
			/* What is below zero now was a question. */
			if (message < 0)
				RETURNS(rump_sys_sendto(sockets[number], &message, sizeof(message), 0,
				    (struct sockaddr *)&from, length), sizeof(message));
		}
	}
}

static void
over_bus(void)
{
	char bus[] = "/tmp/rump-threads-XXXXXX", address[32];
	struct sockaddr_in here;
	int at, file = mkstemp(bus);

	CHECK(file >= 0);
	close(file);
	for (at = 0; at < KERNELS; at++) {
		CHECK(rump_kernel_switch(kernels[at]) != NULL);
		RETURNS(rump_pub_shmif_create(bus, NULL), 0);
		snprintf(address, sizeof(address), "10.1.0.%d", at + 1);
		RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", address, 24), 0);
		RETURNS(rump_pub_netconfig_ifup("shmif0"), 0);
		sockets[at] = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
		here = at_bus(at);
		RETURNS(rump_sys_bind(sockets[at], (struct sockaddr *)&here, sizeof(here)), 0);
	}
	crew(KERNELS, talk);
	unlink(bus);
}

/* Whatever a thread does or waits for in a kernel that is destroyed ends, and says so. */
static struct rump_kernel *doomed;
static int waiting;

static void
wait_for_nothing(int number)
{
	int pair[2], s, queue;
	struct pollfd fd = { 0, POLLIN, 0 };
	struct kevent event;
	char byte;

	CHECK(rump_kernel_switch(doomed) != NULL);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	RETURNS(rump_sys_listen(s, 1), 0);
	queue = rump_sys_kqueue();
	CHECK(s >= 0 && queue >= 0);
	fd.fd = pair[0];
	(void)count_(&waiting, 1);
	switch (number) {
	case 0:
		FAILS(rump_sys_read(pair[0], &byte, 1), ENXIO);
		break;
	case 1:
		FAILS(rump_sys_accept(s, NULL, NULL), ENXIO);
		break;
	case 2:
		FAILS(rump_sys_poll(&fd, 1, -1), ENXIO);
		break;
	case 3:
		FAILS(rump_sys_kevent(queue, NULL, 0, &event, 1, NULL), ENXIO);
		break;
	case 4:
		while (rump_sys_write(pair[1], "x", 1) == 1 && rump_sys_read(pair[0], &byte, 1) == 1)
			;
		RETURNS(errno, ENXIO);
		break;
	default:
		while ((s = rump_sys_open("/file", O_CREAT | O_RDWR, 0644)) >= 0 && rump_sys_close(s) == 0)
			;
		RETURNS(errno, ENXIO);
	}
	FAILS(rump_sys_read(pair[0], &byte, 1), ENXIO);
	/* Another kernel takes it in. */
	CHECK(rump_kernel_switch(kernels[number % KERNELS]) == doomed);
	RETURNS(rump_sys_getpid(), 1);
}

static void
destroy(void)
{
	while (count_(&waiting, 0) < WAITS)
		usleep(1000);
	usleep(20000);
	RETURNS(rump_kernel_destroy(doomed), 0);
}

int
main(void)
{
	int at;

	for (at = 0; at < KERNELS; at++) {
		kernels[at] = rump_kernel_create(NULL);
		CHECK(kernels[at] != NULL);
	}
	crew_while(THREADS, go_round, create_and_destroy);
	over_bus();
	doomed = rump_kernel_create(NULL);
	CHECK(doomed != NULL);
	crew_while(WAITS, wait_for_nothing, destroy);
	CHECK(rump_kernel_switch(NULL) != NULL);
	for (at = 0; at < KERNELS; at++)
		RETURNS(rump_kernel_destroy(kernels[at]), 0);
	return checked();
}
