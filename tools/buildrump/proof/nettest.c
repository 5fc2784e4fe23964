/*
 * nettest ROLE FAMILY BUS [BUS]: one of the kernels of a test of the network, in a process of its own.
 *
 * server   listens, and answers one client what that says
 * client   says something to the server, checks the answer, and ends
 * router   joins two buses, until a client of the URL in RUMP_SERVER halts it
 *
 * FAMILY is 4 or 6. With two buses, the client is on the first, the server on the second, and packets go by the router.
 * Server and router say by a line that they are ready, for which the next one waits. The server is there until its standard input
 * ends: what a kernel sent last is not sent again when it is gone.
 */
#include "proof.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <rump/netconfig.h>

#define PORT 12345
#define TEXT "Hello over a bus."

/* Seconds that a client tries: an address of IPv6 is not used before nobody else turned out to have it. */
#define TRIES 100
#define MICROSECONDS_BETWEEN 100000

static int is_v6, has_router;

static const char *const CLIENT[] = { "10.0.0.2", "fd00:0:0:1::2" };
static const char *const NEAR[] = { "10.0.0.1", "fd00:0:0:1::1" };
static const char *const FAR[] = { "10.0.1.1", "fd00:0:0:2::1" };
static const char *const SERVER[] = { "10.0.1.2", "fd00:0:0:2::2" };

/* The server is beside the client if there is no router. */
static const char *
server_address(void)
{
	return has_router ? SERVER[is_v6] : NEAR[is_v6];
}

static void
join(const char *bus, const char *address)
{
	char name[16];
	int number;

	WORKS(rump_pub_shmif_create(bus, &number));
	snprintf(name, sizeof name, "shmif%d", number);
	if (is_v6)
		WORKS(rump_pub_netconfig_ipv6_ifaddr(name, address, 64));
	else
		WORKS(rump_pub_netconfig_ipv4_ifaddr_cidr(name, address, 24));
	WORKS(rump_pub_netconfig_ifup(name));
}

static void
route_by(const char *router)
{
	if (!has_router)
		return;
	if (is_v6)
		WORKS(rump_pub_netconfig_ipv6_gw(router));
	else
		WORKS(rump_pub_netconfig_ipv4_gw(router));
}

static socklen_t
fill(struct sockaddr_storage *place, const char *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(place, 0, sizeof *place);
	memset(&in, 0, sizeof in);
	memset(&in6, 0, sizeof in6);
	if (is_v6) {
		in6.sin6_family = AF_INET6;
		in6.sin6_port = htons(PORT);
		if (address != NULL)
			NEED(inet_pton(AF_INET6, address, &in6.sin6_addr) == 1);
		memcpy(place, &in6, sizeof in6);
		return sizeof in6;
	}
	in.sin_family = AF_INET;
	in.sin_port = htons(PORT);
	if (address != NULL)
		NEED(inet_pton(AF_INET, address, &in.sin_addr) == 1);
	memcpy(place, &in, sizeof in);
	return sizeof in;
}

static void
ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Reads what the other side was asked to say. */
static void
read_text(int fd, char *buffer)
{
	size_t filled = 0;
	ssize_t count;

	while (filled < strlen(TEXT)) {
		NEED((count = rump_sys_read(fd, buffer + filled, strlen(TEXT) - filled)) > 0);
		filled += (size_t)count;
	}
}

/* Until the runner has seen all. */
static void
stay(void)
{
	char ignored;

	while (read(STDIN_FILENO, &ignored, 1) > 0)
		continue;
}

static void
serve(void)
{
	struct sockaddr_storage place;
	socklen_t length = fill(&place, NULL);
	char text[sizeof TEXT];
	int listener, fd;

	NEED((listener = rump_sys_socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)) >= 0);
	NEED(rump_sys_bind(listener, (struct sockaddr *)&place, length) == 0);
	NEED(rump_sys_listen(listener, 1) == 0);
	ready();
	NEED((fd = rump_sys_accept(listener, NULL, NULL)) >= 0);
	read_text(fd, text);
	NEED(rump_sys_write(fd, text, strlen(TEXT)) == (ssize_t)strlen(TEXT));
	stay();
	NEED(rump_sys_close(fd) == 0);
}

static int
connect_to_server(void)
{
	struct sockaddr_storage place;
	socklen_t length = fill(&place, server_address());
	int fd, tries;

	for (tries = 0; tries < TRIES; tries++) {
		NEED((fd = rump_sys_socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)) >= 0);
		if (rump_sys_connect(fd, (struct sockaddr *)&place, length) == 0)
			return fd;
		NEED(rump_sys_close(fd) == 0);
		usleep(MICROSECONDS_BETWEEN);
	}
	FAIL("connect");
}

static void
ask(void)
{
	char text[sizeof TEXT];
	int fd = connect_to_server();

	NEED(rump_sys_write(fd, TEXT, strlen(TEXT)) == (ssize_t)strlen(TEXT));
	read_text(fd, text);
	NEED(memcmp(text, TEXT, strlen(TEXT)) == 0);
	NEED(rump_sys_close(fd) == 0);
}

static void
forward(void)
{
	const char *forwarding = is_v6 ? "net.inet6.ip6.forwarding" : "net.inet.ip.forwarding";
	int on = 1;

	NEED(rump_sys_sysctlbyname(forwarding, NULL, NULL, &on, sizeof on) == 0);
	WORKS(rump_init_server(getenv("RUMP_SERVER")));
	ready();
	NEED(rump_sys_poll(NULL, 0, -1) == -1 && errno == ENXIO);
}

int
main(int argc, char **argv)
{
	const char *role;

	if (argc != 4 && argc != 5)
		return 2;
	role = argv[1];
	is_v6 = strcmp(argv[2], "6") == 0;
	has_router = argc == 5;
	boot();
	if (strcmp(role, "server") == 0) {
		join(argv[argc - 1], server_address());
		route_by(FAR[is_v6]);
		serve();
	} else if (strcmp(role, "client") == 0) {
		join(argv[3], CLIENT[is_v6]);
		route_by(NEAR[is_v6]);
		ask();
	} else {
		join(argv[3], NEAR[is_v6]);
		join(argv[argc - 1], FAR[is_v6]);
		forward();
		return 0;
	}
	halt();
	return 0;
}
