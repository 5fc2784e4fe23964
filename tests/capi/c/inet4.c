/* IPv4 without IPv6: the one works, the other is refused, and the console says which library has it.
 * Links: rumpnet_netinet rumpnet_config rumpuser */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* What a call has the console say. */
static int file;

static const char *
said(void)
{
	static char text[512];
	ssize_t length = pread(file, text, sizeof text - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	CHECK(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
	return text;
}

static void
exchanges(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	char bytes[8];
	int server = rump_sys_socket(AF_INET, SOCK_STREAM, 0), client = rump_sys_socket(AF_INET, SOCK_STREAM, 0), peer;

	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&address, sizeof address), 0);
	RETURNS(rump_sys_listen(server, 1), 0);
	RETURNS(rump_sys_getsockname(server, (struct sockaddr *)&address, &length), 0);
	RETURNS(rump_sys_connect(client, (struct sockaddr *)&address, sizeof address), 0);
	peer = rump_sys_accept(server, NULL, NULL);
	RETURNS(rump_sys_write(client, "hello", 5), 5);
	RETURNS(rump_sys_read(peer, bytes, sizeof bytes), 5);
	RETURNS(rump_sys_close(peer), 0);
	RETURNS(rump_sys_close(client), 0);
	RETURNS(rump_sys_close(server), 0);
}

int
main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW };
	char name[] = "/tmp/rump-inet4-XXXXXX";
	int console = dup(2);
	size_t at;

	file = mkstemp(name);
	CHECK(file >= 0 && console >= 0 && unlink(name) == 0);
	RETURNS(rump_init(), 0);
	CHECK(dup2(file, 2) == 2);
	exchanges();
	CHECK(strcmp(said(), "") == 0);
	for (at = 0; at < sizeof types / sizeof types[0]; at++) {
		FAILS(rump_sys_socket(AF_INET6, types[at], IPPROTO_ICMPV6 * (types[at] == SOCK_RAW)), EAFNOSUPPORT);
		CHECK(strstr(said(), "-lrumpnet_netinet6") != NULL);
	}
	CHECK(dup2(console, 2) == 2);
	exchanges();
	return checked();
}
