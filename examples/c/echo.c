/*
 * Echo over a bus of shared memory, between kernels in two processes:
 *
 * echo server BUS ADDRESS/BITS [ROUTER]              answers whoever connects, until it is killed
 * echo client BUS ADDRESS/BITS SERVER TEXT [ROUTER]  sends a text, and prints the answer
 *
 * for example: echo server /tmp/bus 10.0.0.1/24 & echo client /tmp/bus 10.0.0.2/24 10.0.0.1 hello
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <rump/rump_syscalls.h>

#include "bus.h"

#define PORT 7

/* Structures are the host's, and may be filled by its functions. */
static struct sockaddr_in
address_of(const char *text)
{
	struct sockaddr_in address;

	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_port = htons(PORT);
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		fail(text, EINVAL);
	return address;
}

static void
answer(int connection)
{
	char bytes[4096];
	ssize_t length;

	while ((length = rump_sys_read(connection, bytes, sizeof bytes)) > 0)
		if (rump_sys_write(connection, bytes, (size_t)length) != length)
			break;
	/* A client that goes away is no reason to end. */
	need(rump_sys_close(connection), "close");
}

static void
serve(void)
{
	struct sockaddr_in any = address_of("0.0.0.0");
	int listener = (int)need(rump_sys_socket(AF_INET, SOCK_STREAM, 0), "socket");

	need(rump_sys_bind(listener, (struct sockaddr *)&any, sizeof any), "bind");
	need(rump_sys_listen(listener, 8), "listen");
	puts("listening");
	fflush(stdout);
	for (;;)
		answer((int)need(rump_sys_accept(listener, NULL, NULL), "accept"));
}

static void
ask(const char *server, const char *text)
{
	struct sockaddr_in address = address_of(server);
	char bytes[4096];
	ssize_t length;
	int fd = (int)need(rump_sys_socket(AF_INET, SOCK_STREAM, 0), "socket");

	need(rump_sys_connect(fd, (struct sockaddr *)&address, sizeof address), server);
	need(rump_sys_write(fd, text, strlen(text)), "write");
	need(rump_sys_shutdown(fd, SHUT_WR), "shutdown");
	while ((length = need(rump_sys_read(fd, bytes, sizeof bytes), "read")) > 0)
		fwrite(bytes, 1, (size_t)length, stdout);
	putchar('\n');
	need(rump_sys_close(fd), "close");
}

int
main(int argc, char **argv)
{
	int is_server = argc >= 4 && strcmp(argv[1], "server") == 0;
	int is_client = argc >= 6 && strcmp(argv[1], "client") == 0;
	int needed = is_server ? 4 : 6;

	if ((!is_server && !is_client) || argc > needed + 1) {
		fprintf(stderr, "usage: %s server BUS ADDRESS/BITS [ROUTER]\n"
		    "       %s client BUS ADDRESS/BITS SERVER TEXT [ROUTER]\n", argv[0], argv[0]);
		return 2;
	}
	works(rump_init(), "rump_init");
	join_bus(argv[2], argv[3]);
	if (argc > needed)
		works(rump_pub_netconfig_ipv4_gw(argv[needed]), argv[needed]);
	if (is_server)
		serve();
	ask(argv[4], argv[5]);
	need(rump_sys_reboot(0, NULL), "reboot");
	return 0;
}
