/* Routing sockets, and the tables of sysctl(3): what changes is told, and what is asked for is done. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* How long what must come may take, in milliseconds. */
enum { PATIENCE = 10000, CTL_NET_ = 4 };

/* A message, and the addresses in it by the numbers of their bits. */
struct said {
	struct rump_rt_msghdr header;
	uint8_t rest[2048];
	const uint8_t *addresses[8];
};

/* Finds the addresses behind a header of so many bytes, within a message of so many. */
static void
find(struct said *said, const uint8_t *bytes, size_t header, size_t length, int bits)
{
	size_t at = header;
	int bit;

	memset(said->addresses, 0, sizeof(said->addresses));
	for (bit = 0; bit < 8; bit++) {
		if ((bits & 1 << bit) == 0)
			continue;
		if (at >= length) {
			CHECK(at < length);
			return;
		}
		said->addresses[bit] = bytes + at;
		at += RUMP_RT_ROUNDUP(bytes[at]);
	}
}

/* The next message of a type that comes soon; answers whether one came. Others are passed over. */
static int
hear(int s, int type, uint8_t *bytes, size_t room, ssize_t *length)
{
	struct pollfd wanted;

	wanted.fd = s;
	wanted.events = POLLIN;
	while (rump_sys_poll(&wanted, 1, PATIENCE) == 1) {
		*length = rump_sys_read(s, bytes, room);
		if (*length < 8 || bytes[2] != RUMP_RTM_VERSION || (bytes[0] | bytes[1] << 8) != *length) {
			CHECK(!"a message");
			return 0;
		}
		if (bytes[3] == type)
			return 1;
	}
	return 0;
}

/* The answer to the request of a sequence number. */
static int
answer(int s, int type, int sequence, struct said *said)
{
	uint8_t bytes[sizeof(said->header) + sizeof(said->rest)];
	ssize_t length;

	do {
		if (!hear(s, type, bytes, sizeof(bytes), &length))
			return 0;
		memcpy(&said->header, bytes, sizeof(said->header));
	} while (said->header.rtm_pid != rump_sys_getpid() || said->header.rtm_seq != sequence);
	length -= (ssize_t)sizeof(said->header);
	memcpy(said->rest, bytes + sizeof(said->header), (size_t)length);
	find(said, said->rest, 0, (size_t)length, said->header.rtm_addrs);
	return 1;
}

static size_t
put(uint8_t *to, const char *text)
{
	struct rump_sockaddr_in address;

	memset(&address, 0, sizeof(address));
	address.sin_len = sizeof(address);
	address.sin_family = RUMP_ROUTE_AF_INET;
	CHECK(inet_pton(AF_INET, text, address.sin_addr) == 1);
	memcpy(to, &address, sizeof(address));
	return sizeof(address);
}

static int
is(const uint8_t *address, const char *text)
{
	uint8_t wanted[4];

	CHECK(inet_pton(AF_INET, text, wanted) == 1);
	return address != NULL && address[1] == RUMP_ROUTE_AF_INET && memcmp(address + 4, wanted, 4) == 0;
}

/* Sends a request about a prefix of 16 bits, or without a router about an address; answers as the write does, but 0 for all. */
static int
ask(int s, int type, int sequence, const char *destination, const char *router)
{
	uint8_t bytes[sizeof(struct rump_rt_msghdr) + 3 * sizeof(struct rump_sockaddr_in)];
	struct rump_rt_msghdr header;
	size_t length = sizeof(header);
	ssize_t written;

	memset(&header, 0, sizeof(header));
	header.rtm_version = RUMP_RTM_VERSION;
	header.rtm_type = (uint8_t)type;
	header.rtm_seq = sequence;
	header.rtm_flags = RUMP_RTF_UP;
	header.rtm_addrs = RUMP_RTA_DST;
	length += put(bytes + length, destination);
	if (router != NULL) {
		header.rtm_flags |= RUMP_RTF_GATEWAY | RUMP_RTF_STATIC;
		header.rtm_addrs |= RUMP_RTA_GATEWAY | RUMP_RTA_NETMASK;
		length += put(bytes + length, router);
		length += put(bytes + length, "255.255.0.0");
	} else {
		header.rtm_flags |= RUMP_RTF_HOST;
	}
	header.rtm_msglen = (uint16_t)length;
	memcpy(bytes, &header, sizeof(header));
	written = rump_sys_write(s, bytes, length);
	return written == (ssize_t)length ? 0 : (int)written;
}

/* An interface that goes up and gets an address. */
static void
interface(int s, int *tap, unsigned int *number)
{
	struct ifreq request;
	struct sockaddr_in address;
	struct rump_if_msghdr information;
	struct rump_ifa_msghdr news;
	struct said said;
	uint8_t bytes[2048];
	ssize_t length;
	int plain = rump_sys_socket(AF_INET, SOCK_DGRAM, 0), is_up = 0;

	memset(&information, 0, sizeof(information));
	*tap = rump_sys_open("/dev/tap0", O_RDWR);
	CHECK(*tap >= 0 && plain >= 0);
	if (hear(s, RUMP_RTM_IFANNOUNCE, bytes, sizeof(bytes), &length)) {
		CHECK(length == sizeof(struct rump_if_announcemsghdr) && strcmp((char *)bytes + 6, "tap0") == 0);
	} else {
		CHECK(!"an interface is announced");
	}
	memset(&request, 0, sizeof(request));
	strcpy(request.ifr_name, "tap0");
	RETURNS(rump_sys_ioctl(plain, SIOCGIFINDEX, &request), 0);
	*number = (unsigned int)request.ifr_ifindex;
	request.ifr_flags = IFF_UP;
	RETURNS(rump_sys_ioctl(plain, SIOCSIFFLAGS, &request), 0);
	while (!is_up && hear(s, RUMP_RTM_IFINFO, bytes, sizeof(bytes), &length)) {
		CHECK(length >= (ssize_t)sizeof(information));
		memcpy(&information, bytes, sizeof(information));
		is_up = information.ifm_index == *number && (information.ifm_flags & RUMP_IFF_UP) != 0;
	}
	/* This program is connected. */
	CHECK(is_up && information.ifm_data.ifi_mtu == 1500 && information.ifm_data.ifi_link_state == 2);

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	CHECK(inet_pton(AF_INET, "10.1.2.3", &address.sin_addr) == 1);
	memcpy(&request.ifr_addr, &address, sizeof(request.ifr_addr));
	RETURNS(rump_sys_ioctl(plain, SIOCSIFADDR, &request), 0);
	/* It has one of IPv6 as well. */
	memset(&said, 0, sizeof(said));
	while (!is(said.addresses[5], "10.1.2.3") && hear(s, RUMP_RTM_NEWADDR, bytes, sizeof(bytes), &length)) {
		memcpy(&news, bytes, sizeof(news));
		CHECK(news.ifam_index == *number);
		find(&said, bytes, sizeof(news), (size_t)length, news.ifam_addrs);
	}
	CHECK(is(said.addresses[5], "10.1.2.3"));
	RETURNS(rump_sys_close(plain), 0);
}

/* How many routes of a table lead to a router, and which interface is told to have this number. */
static int
count(int what, const char *router, const char *name, unsigned int number)
{
	const int table[] = { CTL_NET_, RUMP_ROUTE_AF_ROUTE, 0, 0, what, 0 };
	struct rump_rt_msghdr route;
	struct rump_if_msghdr information;
	struct rump_sockaddr_dl link;
	struct said said;
	size_t length = 0, at, size;
	uint8_t *bytes;
	int found = 0;

	RETURNS(rump_sys___sysctl(table, 6, NULL, &length, NULL, 0), 0);
	/* Others may come. */
	length += 4096;
	bytes = (uint8_t *)malloc(length);
	RETURNS(rump_sys___sysctl(table, 6, bytes, &length, NULL, 0), 0);
	for (at = 0; at + 8 <= length; at += size) {
		size = (size_t)(bytes[at] | bytes[at + 1] << 8);
		if (size < 8 || at + size > length) {
			CHECK(!"a table of messages");
			break;
		}
		if (what == RUMP_NET_RT_DUMP) {
			memcpy(&route, bytes + at, sizeof(route));
			find(&said, bytes + at, sizeof(route), size, route.rtm_addrs);
			found += (route.rtm_flags & RUMP_RTF_GATEWAY) != 0 && is(said.addresses[1], router);
		} else if (bytes[at + 3] == RUMP_RTM_IFINFO) {
			memcpy(&information, bytes + at, sizeof(information));
			find(&said, bytes + at, sizeof(information), size, information.ifm_addrs);
			memset(&link, 0, sizeof(link));
			if (said.addresses[4] != NULL)
				memcpy(&link, said.addresses[4], sizeof(link));
			found += link.sdl_family == RUMP_ROUTE_AF_LINK && link.sdl_index == number && information.ifm_index == number &&
			    link.sdl_nlen == strlen(name) && memcmp(link.sdl_data, name, link.sdl_nlen) == 0;
		}
	}
	free(bytes);
	return found;
}

static void
routes(int s, unsigned int number)
{
	struct said said;

	RETURNS(ask(s, RUMP_RTM_ADD, 1, "10.9.0.0", "10.1.2.254"), 0);
	CHECK(answer(s, RUMP_RTM_ADD, 1, &said) && (said.header.rtm_flags & RUMP_RTF_DONE) != 0 && said.header.rtm_errno == 0);
	CHECK(is(said.addresses[0], "10.9.0.0") && is(said.addresses[1], "10.1.2.254"));
	FAILS(ask(s, RUMP_RTM_ADD, 2, "10.9.0.0", "10.1.2.254"), EEXIST);
	CHECK(answer(s, RUMP_RTM_ADD, 2, &said) && said.header.rtm_errno != 0);
	RETURNS(ask(s, RUMP_RTM_GET, 3, "10.9.1.1", NULL), 0);
	CHECK(answer(s, RUMP_RTM_GET, 3, &said) && is(said.addresses[1], "10.1.2.254") && said.header.rtm_index == number);
	RETURNS(count(RUMP_NET_RT_DUMP, "10.1.2.254", NULL, 0), 1);
	RETURNS(count(RUMP_NET_RT_IFLIST, NULL, "tap0", number), 1);
	RETURNS(ask(s, RUMP_RTM_CHANGE, 4, "10.9.0.0", "10.1.2.253"), 0);
	RETURNS(ask(s, RUMP_RTM_GET, 5, "10.9.1.1", NULL), 0);
	CHECK(answer(s, RUMP_RTM_GET, 5, &said) && is(said.addresses[1], "10.1.2.253"));
	RETURNS(ask(s, RUMP_RTM_DELETE, 6, "10.9.0.0", "10.1.2.253"), 0);
	FAILS(ask(s, RUMP_RTM_DELETE, 7, "10.9.0.0", "10.1.2.253"), ESRCH);
	FAILS(ask(s, RUMP_RTM_GET, 8, "172.16.0.1", NULL), ESRCH);
	FAILS(ask(s, RUMP_RTM_ADD, 9, "10.9.0.0", "172.16.0.1"), ENETUNREACH);
	FAILS(rump_sys_write(s, "x", 1), EINVAL);
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(ask(s, RUMP_RTM_ADD, 10, "10.9.0.0", "10.1.2.254"), EACCES);
	RETURNS(ask(s, RUMP_RTM_GET, 11, "10.1.2.9", NULL), 0);
	RETURNS(rump_sys_seteuid(0), 0);
}

/* One that hears of IPv6 alone. */
static void
of_family(void)
{
	int s = rump_sys_socket(AF_ROUTE, SOCK_RAW | SOCK_NONBLOCK, RUMP_ROUTE_AF_INET6);
	int other = rump_sys_socket(AF_ROUTE, SOCK_RAW, 0);
	struct said said;
	char byte;

	CHECK(s >= 0 && other >= 0);
	RETURNS(ask(other, RUMP_RTM_ADD, 12, "10.8.0.0", "10.1.2.254"), 0);
	CHECK(answer(other, RUMP_RTM_ADD, 12, &said));
	FAILS(rump_sys_read(s, &byte, 1), EAGAIN);
	RETURNS(ask(other, RUMP_RTM_DELETE, 13, "10.8.0.0", "10.1.2.254"), 0);
	RETURNS(rump_sys_close(s), 0);
	RETURNS(rump_sys_close(other), 0);
}

int
main(void)
{
	struct sockaddr name;
	socklen_t length = sizeof(name);
	unsigned int number;
	int s, tap, pair[2];

	RETURNS(rump_init(), 0);
	s = rump_sys_socket(AF_ROUTE, SOCK_RAW | SOCK_CLOEXEC, 0);
	CHECK(s >= 0);
	RETURNS(rump_sys_getsockname(s, &name, &length), 0);
	memset(&name, 0, sizeof(name));
	name.sa_family = AF_ROUTE;
	FAILS(rump_sys_connect(s, &name, sizeof(name)), EAFNOSUPPORT);
	FAILS(rump_sys_listen(s, 1), EOPNOTSUPP);
	FAILS(rump_sys_socketpair(AF_ROUTE, SOCK_RAW, 0, pair), EOPNOTSUPP);
	interface(s, &tap, &number);
	routes(s, number);
	of_family();
	RETURNS(rump_sys_close(tap), 0);
	RETURNS(rump_sys_close(s), 0);
	return checked();
}
